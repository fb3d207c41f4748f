//! What the tests share: Bitcoin, a wallet in bitcoind that owns some of it, and nodes over its
//! faces.

use std::path::PathBuf;
use std::time::Duration;

use adit_bitcoin::{
    BitcoinConfig, EndpointConfig, Face, Head, Network, Node, OutpointState, Sought,
};
use adit_core::{BlockRef, Bytes, ChainName, Signed, Span, Trust};
use adit_devnet::bitcoin::Bitcoin;
use adit_devnet::parts;
use bitcoin::address::NetworkUnchecked;
use bitcoin::consensus::encode::{deserialize_hex, serialize};
use bitcoin::{Address, Amount, BlockHash, Denomination, OutPoint, Transaction, Txid};
use serde_json::{Value, json};

pub const COIN: Amount = Amount::from_sat(1_000_000);
pub const FEE: Amount = Amount::from_sat(1_000);
/// Long enough for a busy machine; tests of silence wait so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bitcoin, and a wallet in bitcoind that owns some of it.
pub struct World {
    pub bitcoin: Bitcoin,
}

impl World {
    /// Who has no bitcoind is told, loudly.
    pub async fn start(name: &str) -> Option<Self> {
        if let Err(missing) = parts::bitcoind() {
            println!("SKIPPED {name}, no source of Bitcoin is tested: {missing}");
            return None;
        }
        let bitcoin = Bitcoin::start(log(name)).await.expect("Bitcoin starts");
        bitcoin.rpc().call::<Value>("createwallet", json!(["tests"])).await.expect("a wallet");
        Some(Self { bitcoin })
    }

    /// The three faces of the same chain.
    pub fn faces(&self) -> Vec<(Face, String)> {
        vec![
            (Face::Esplora, self.bitcoin.esplora_url().to_owned()),
            (Face::BlockCypher, self.bitcoin.blockcypher_url().to_owned()),
            (Face::Bitcoind, self.bitcoin.rpc().url_with_password()),
        ]
    }

    /// This URL with bitcoind's user and password in it.
    pub fn with_password(&self, url: &str) -> String {
        let known = self.bitcoin.rpc().url_with_password();
        let (credentials, _) =
            known.trim_start_matches("http://").split_once('@').expect("user and password");
        url.replace("http://", &format!("http://{credentials}@"))
    }

    pub fn node(&self) -> Node {
        node(self.faces())
    }

    /// An address of the wallet.
    pub async fn address(&self) -> Address {
        let address: Address<NetworkUnchecked> = self
            .bitcoin
            .rpc()
            .call("getnewaddress", json!(["", "bech32"]))
            .await
            .expect("an address");
        address.assume_checked()
    }

    /// A coin of the wallet at this address.
    pub async fn coin_at(&self, owner: &Address) -> OutPoint {
        let coin = self.bitcoin.miner().fund(owner, &[COIN]).await.expect("funded")[0];
        self.catch_up().await;
        coin
    }

    pub async fn coin(&self) -> OutPoint {
        let owner = self.address().await;
        self.coin_at(&owner).await
    }

    /// The wallet's coin to one address, less the fee; signed, replaceable, not sent.
    pub async fn spend(&self, coin: OutPoint, to: &Address, fee: Amount) -> Transaction {
        let rpc = self.bitcoin.rpc();
        let value = (COIN - fee).to_string_in(Denomination::Bitcoin);
        let inputs = json!([{ "txid": coin.txid, "vout": coin.vout }]);
        let raw: String = rpc
            .call("createrawtransaction", json!([inputs, { to.to_string(): value }]))
            .await
            .expect("made");
        let signed: Value =
            rpc.call("signrawtransactionwithwallet", json!([raw])).await.expect("signed");
        assert_eq!(signed["complete"], true);
        deserialize_hex(signed["hex"].as_str().expect("hex")).expect("a transaction")
    }

    pub async fn mine(&self) -> BlockHash {
        let block = self.bitcoin.miner().mine(1).await.expect("mined")[0];
        self.catch_up().await;
        block
    }

    /// One block with exactly these.
    pub async fn mine_exactly(&self, transactions: &[Transaction]) -> BlockHash {
        let block = self.bitcoin.miner().mine_exactly(transactions).await.expect("mined");
        self.catch_up().await;
        block
    }

    pub async fn send(&self, transaction: &Transaction) -> Txid {
        let txid = self.bitcoin.rpc().send(transaction).await.expect("accepted");
        self.catch_up().await;
        txid
    }

    pub async fn catch_up(&self) {
        self.bitcoin.gateway().catch_up().await.expect("the gateway follows");
    }

    /// The node's own head.
    pub async fn head(&self) -> BlockRef {
        let (rpc, height) =
            (self.bitcoin.rpc(), self.bitcoin.rpc().height().await.expect("a height"));
        at(u64::from(height), rpc.block_hash(height).await.expect("a block"))
    }
}

pub fn log(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("sources-{name}-{}.log", std::process::id()))
}

pub fn config(faces: Vec<(Face, String)>) -> BitcoinConfig {
    let name = ChainName::new("bitcoin").expect("a name");
    let endpoints = faces.into_iter().map(|(face, url)| EndpointConfig { face, url }).collect();
    let request_time_max = Span::from_millis(u64::try_from(PATIENCE.as_millis()).expect("seconds"));
    BitcoinConfig {
        request_time_max,
        blockcypher_look_every: Span::from_millis(0),
        ..BitcoinConfig::new(name, Network::Regtest, endpoints)
    }
}

pub fn node(faces: Vec<(Face, String)>) -> Node {
    Node::new(config(faces)).expect("a node")
}

/// One source alone, believed.
pub fn alone(face: Face, url: &str) -> Node {
    Node::new(BitcoinConfig { trust: Trust::Single, ..config(vec![(face, url.to_owned())]) })
        .expect("a node")
}

pub fn at(height: u64, hash: BlockHash) -> BlockRef {
    let hash = format!("0x{hash}").parse().expect("a hash");
    BlockRef { height, hash }
}

pub fn sought(outpoint: OutPoint, candidates: &[Txid]) -> Sought {
    Sought { outpoint, candidates: candidates.to_vec(), seen_at: None }
}

pub fn signed(transaction: &Transaction) -> Signed {
    Signed {
        raw: Bytes(serialize(transaction)),
        hash: adit_bitcoin::hash_of(transaction.compute_txid()),
    }
}

/// What became of one outpoint, at the node's own agreed head.
pub async fn state(node: &Node, outpoint: OutPoint, candidates: &[Txid]) -> Option<OutpointState> {
    let Head { block, .. } = node.heads().await.expect("a head");
    let readings =
        node.spends(&[sought(outpoint, candidates)], 100, block).await.expect("readings");
    readings[0].state.as_ref().map(|agreed| agreed.value)
}
