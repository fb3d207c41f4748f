//! Somebody who signs besides the server: a wallet of a bitcoind, used as `bitcoin-cli` uses it.

use anyhow::{Context, Result};
use bitcoin::bip32::{ChildNumber, DerivationPath, Xpriv, Xpub};
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::{Network, secp256k1};
use serde_json::{Value, json};

use super::Rpc;

/// BIP-48: account 0 on a test network, P2WSH.
const PATH: [u32; 4] = [48, 1, 0, 2];

/// A key, and the wallet of a bitcoind that has it.
pub struct Cosigner {
    wallet: Rpc,
    name: String,
    account: Xpriv,
    origin: String,
}

/// The wallet that these keys share, of both keychains, with the checksum that the node computes.
///
/// # Errors
/// When the node reads no descriptor in it.
pub async fn shared_wallet(node: &Rpc, needed: usize, keys: &[String]) -> Result<String> {
    let rows: Vec<String> = keys.iter().map(|key| format!("{key}/<0;1>/*")).collect();
    let body = format!("wsh(sortedmulti({needed},{}))", rows.join(","));
    with_checksum(node, &body).await
}

/// The wallet of one key, of both keychains: `function` is `wpkh` or `tr`.
///
/// # Errors
/// When the node reads no descriptor in it.
pub async fn wallet_of_one(node: &Rpc, function: &str, key: &str) -> Result<String> {
    with_checksum(node, &format!("{function}({key}/<0;1>/*)")).await
}

async fn with_checksum(node: &Rpc, body: &str) -> Result<String> {
    let info: Value = node.call("getdescriptorinfo", json!([body])).await?;
    let checksum = info["checksum"].as_str().context("getdescriptorinfo says no checksum")?;
    Ok(format!("{body}#{checksum}"))
}

impl Cosigner {
    /// An empty wallet of this name, and a key that follows from the name: worthless anywhere else.
    ///
    /// # Errors
    /// When the node makes no wallet.
    pub async fn new(node: &Rpc, name: &str) -> Result<Self> {
        let options = json!({ "wallet_name": name, "blank": true, "load_on_startup": false });
        let _made: Value = node.call("createwallet", options).await?;
        let root = Xpriv::new_master(
            Network::Regtest,
            sha256::Hash::hash(name.as_bytes()).as_byte_array(),
        )?;
        let curve = secp256k1::Secp256k1::new();
        let path: DerivationPath = PATH
            .iter()
            .map(|step| ChildNumber::from_hardened_idx(*step))
            .collect::<Result<Vec<_>, _>>()?
            .into();
        let steps: String = PATH.iter().map(|step| format!("/{step}'")).collect();
        let origin = format!("[{}{steps}]", root.fingerprint(&curve));
        Ok(Self {
            wallet: node.wallet(name),
            name: name.to_owned(),
            account: root.derive_priv(&curve, &path)?,
            origin,
        })
    }

    /// What it is called on the node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its public key with its origin, as `adit keys cosigner` prints that of a seed.
    pub fn key(&self) -> String {
        format!("{}{}", self.origin, self.xpub())
    }

    fn xpub(&self) -> Xpub {
        Xpub::from_priv(&secp256k1::Secp256k1::new(), &self.account)
    }

    /// Takes part in a wallet of several keys from now on. The descriptor is of both keychains and
    /// has this key in it.
    ///
    /// # Errors
    /// When the node does not take it.
    pub async fn join(&self, descriptor: &str) -> Result<()> {
        let (body, _) = descriptor.split_once('#').context("the descriptor has no checksum")?;
        let private = body.replace(&self.xpub().to_string(), &self.account.to_string());
        let imports = [("0", false), ("1", true)]
            .map(|(keychain, internal)| (private.replace("<0;1>", keychain), internal));
        let mut requests = Vec::new();
        for (text, internal) in imports {
            let descriptor = with_checksum(&self.wallet, &text).await?;
            requests.push(json!({ "desc": descriptor, "active": true, "internal": internal, "timestamp": "now", "range": [0, 100] }));
        }
        let answers: Vec<Value> = self.wallet.call("importdescriptors", json!([requests])).await?;
        anyhow::ensure!(
            answers.iter().all(|answer| answer["success"] == true),
            "importdescriptors: {answers:?}"
        );
        Ok(())
    }

    /// `bitcoin-cli walletprocesspsbt`: adds its signatures, and finalises what then has enough.
    ///
    /// # Errors
    /// When the node does not sign.
    pub async fn sign(&self, psbt: &str) -> Result<String> {
        let answer: Value = self.wallet.call("walletprocesspsbt", json!([psbt])).await?;
        Ok(answer["psbt"].as_str().context("walletprocesspsbt gives no psbt")?.to_owned())
    }

    /// The command line that does what [`Cosigner::sign`] does.
    pub fn command(&self) -> String {
        format!("bitcoin-cli -regtest -rpcwallet={} walletprocesspsbt PSBT", self.name)
    }
}
