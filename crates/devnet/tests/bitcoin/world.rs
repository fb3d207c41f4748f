//! What the tests share: Bitcoin, a wallet in bitcoind that owns some of it, and both faces as a
//! client asks them.

use std::path::PathBuf;
use std::time::Duration;

use adit_devnet::bitcoin::Bitcoin;
use adit_devnet::parts;
use adit_devnet::rpc::http_client;
use adit_devnet::wait;
use anyhow::Result;
use bitcoin::address::NetworkUnchecked;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Amount, BlockHash, Denomination, OutPoint, Transaction};
use serde_json::{Value, json};

pub const COIN: Amount = Amount::from_sat(1_000_000);
pub const FEE: Amount = Amount::from_sat(1_000);
/// The gateway looks ten times a second; a busy machine may need longer to let it.
const SEEN_BOUND: Duration = Duration::from_secs(10);
pub const PAUSE: Duration = Duration::from_millis(10);

/// Bitcoin, and a wallet in bitcoind that owns some of it.
pub struct World {
    pub bitcoin: Bitcoin,
    pub http: reqwest::Client,
}

pub fn log(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("bitcoin-{name}-{}.log", std::process::id()))
}

/// Whether there is a bitcoind to test; who has none is told, loudly.
pub fn is_there(test: &str) -> bool {
    match parts::bitcoind() {
        Ok(_) => true,
        Err(missing) => {
            println!("SKIPPED {test}, nothing of Bitcoin is tested: {missing}");
            false
        }
    }
}

impl World {
    pub async fn start(name: &str) -> Option<Self> {
        if !is_there(name) {
            return None;
        }
        let bitcoin = Bitcoin::start(log(name)).await.expect("Bitcoin starts");
        bitcoin.rpc().call::<Value>("createwallet", json!(["tests"])).await.expect("a wallet");
        Some(Self { bitcoin, http: http_client(Duration::from_secs(10)).expect("a client") })
    }

    /// An address of the wallet.
    pub async fn address(&self, kind: &str) -> Address {
        let address: Address<NetworkUnchecked> =
            self.bitcoin.rpc().call("getnewaddress", json!(["", kind])).await.expect("an address");
        address.assume_checked()
    }

    /// A coin of the wallet.
    pub async fn coin(&self) -> OutPoint {
        let owner = self.address("bech32").await;
        self.bitcoin.miner().fund(&owner, &[COIN]).await.expect("funded")[0]
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

    pub async fn get(&self, base: &str, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{base}{path}")).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    pub async fn post(&self, url: String, body: String) -> (u16, String) {
        let answer = self.http.post(url).body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// Esplora, whatever the status.
    pub async fn raw_esplora(&self, path: &str) -> (u16, String) {
        self.get(self.bitcoin.esplora_url(), path).await
    }

    pub async fn esplora(&self, path: &str) -> Value {
        let (status, body) = self.raw_esplora(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::String(body))
    }

    /// BlockCypher, whatever the status.
    pub async fn raw_blockcypher(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get(self.bitcoin.blockcypher_url(), path).await;
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    pub async fn blockcypher(&self, path: &str) -> Value {
        let (status, body) = self.raw_blockcypher(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn send(&self, transaction: &Transaction) -> (u16, String) {
        self.post(format!("{}/tx", self.bitcoin.esplora_url()), serialize_hex(transaction)).await
    }

    pub async fn push(&self, hex: &str) -> (u16, Value) {
        let url = format!("{}/txs/push?token=secret", self.bitcoin.blockcypher_url());
        let (status, body) = self.post(url, json!({ "tx": hex }).to_string()).await;
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Waits until the gateway has seen a block by itself.
    pub async fn seen(&self, block: BlockHash) {
        let tip = async || -> Result<_> {
            Ok((self.esplora("/blocks/tip/hash").await == block.to_string()).then_some(()))
        };
        wait::until("the gateway to see the block", SEEN_BOUND, PAUSE, tip)
            .await
            .expect("it is seen");
    }

    pub async fn mine(&self) -> BlockHash {
        let block = self.bitcoin.miner().mine(1).await.expect("mined")[0];
        self.seen(block).await;
        block
    }
}
