//! What the chain's node knows of the wallet's transactions, mined or not. No answer of the server
//! is used here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bitcoin::{Address, Transaction, Txid};
use serde_json::{Value, json};

use crate::bitcoin::Rpc as BitcoinRpc;
use crate::chaos::ChainKind;
use crate::chaos::payees::Payee;
use crate::devnet::Devnet;
use crate::primitives::U64;
use crate::rpc::Rpc;

const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Remembers every transaction that it has ever seen.
pub struct Eye {
    node: Node,
    next_height: u64,
    seen: BTreeMap<String, Known>,
}

enum Node {
    Evm { rpc: Rpc, hot: String },
    Bitcoin(BitcoinRpc),
}

struct Known {
    mined: bool,
    /// Hexadecimal text in which each recipient's address or script can be found.
    pays: String,
}

impl Eye {
    /// Sees what the wallet of this chain sends from now on, and what it has sent.
    ///
    /// # Errors
    /// Fails if this devnet has no such chain.
    pub fn on(devnet: &Devnet, chain: ChainKind) -> Result<Self> {
        let (node, next_height) = match chain {
            ChainKind::Evm => {
                let hot = format!("{:#x}", devnet.stage.hot_wallet.address);
                (Node::Evm { rpc: Rpc::new(devnet.rpc().url())?, hot }, 0)
            }
            ChainKind::Bitcoin => {
                let stage = devnet.bitcoin().context("this run pays in bitcoin")?;
                (Node::Bitcoin(stage.world.rpc().clone()), stage.first_height.into())
            }
        };
        Ok(Self { node, next_height, seen: BTreeMap::new() })
    }

    /// Reads what is new in blocks and pool.
    ///
    /// # Errors
    /// Fails if the node does not answer.
    pub async fn look(&mut self) -> Result<()> {
        match &self.node {
            Node::Evm { rpc, hot } => {
                let head = rpc.block_number().await?;
                for number in self.next_height..=head {
                    let block: Value =
                        rpc.call("eth_getBlockByNumber", json!([U64::from(number), true])).await?;
                    let sent = block["transactions"].as_array().into_iter().flatten();
                    self.seen.extend(
                        sent.filter(|sent| sent["from"] == *hot).map(|sent| of_evm(sent, true)),
                    );
                }
                self.next_height = head + 1;
                let pool: Value = rpc.call("txpool_content", json!([])).await?;
                for sent in ["pending", "queued"].iter().flat_map(|part| pooled(&pool[part], hot)) {
                    let (id, known) = of_evm(sent, false);
                    self.seen.entry(id).or_insert(known);
                }
            }
            Node::Bitcoin(rpc) => {
                let head = u64::from(rpc.height().await?);
                for height in self.next_height..=head {
                    let block = rpc.block(rpc.block_hash(u32::try_from(height)?).await?).await?;
                    let sent = block.txdata.iter().filter(|transaction| !transaction.is_coinbase());
                    self.seen.extend(sent.map(|transaction| of_bitcoin(transaction, true)));
                }
                self.next_height = head + 1;
                for txid in unseen(rpc.mempool().await?, &self.seen) {
                    // One that was mined meanwhile is seen in its block.
                    let Some(transaction) = rpc.transaction(txid).await? else { continue };
                    let (id, known) = of_bitcoin(&transaction, false);
                    self.seen.entry(id).or_insert(known);
                }
            }
        }
        Ok(())
    }

    /// Whether each of these has been sent something, and, where that matters, in a block.
    pub fn has_paid<'a>(&self, payees: impl IntoIterator<Item = &'a Payee>, mined: bool) -> bool {
        payees.into_iter().all(|payee| {
            self.seen.values().any(|known| (known.mined || !mined) && known.pays(payee))
        })
    }

    /// Waits for a transaction that the node does not know yet and that pays one of these, or
    /// anybody where there are none. Gives how long after `since` it came.
    pub async fn first_new(mut self, since: Instant, to: Vec<Payee>) -> Duration {
        let before: BTreeSet<String> = self.seen.keys().cloned().collect();
        loop {
            // A node that does not answer now is asked again.
            let looked = self.look().await.is_ok();
            let mut new = self.seen.iter().filter(|(id, _)| !before.contains(*id));
            if looked
                && new.any(|(_, known)| to.is_empty() || to.iter().any(|payee| known.pays(payee)))
            {
                return since.elapsed();
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
}

impl Known {
    fn pays(&self, payee: &Payee) -> bool {
        self.pays.contains(&needle(payee))
    }
}

/// What is found in a transaction that pays this one.
fn needle(payee: &Payee) -> String {
    match payee.destination.strip_prefix("0x") {
        Some(address) => address.to_ascii_lowercase(),
        None => {
            let address = payee.destination.parse::<Address<_>>().expect("payees have addresses");
            address.assume_checked().script_pubkey().to_hex_string()
        }
    }
}

fn pooled<'a>(part: &'a Value, hot: &'a str) -> impl Iterator<Item = &'a Value> {
    let senders = part.as_object().into_iter().flatten();
    let ours = senders.filter(move |(sender, _)| sender.eq_ignore_ascii_case(hot));
    ours.flat_map(|(_, by_nonce)| {
        by_nonce.as_object().into_iter().flat_map(|by_nonce| by_nonce.values())
    })
}

fn of_evm(sent: &Value, mined: bool) -> (String, Known) {
    let text = |name: &str| sent[name].as_str().unwrap_or_default().to_ascii_lowercase();
    (text("hash"), Known { mined, pays: format!("{} {}", text("to"), text("input")) })
}

fn of_bitcoin(transaction: &Transaction, mined: bool) -> (String, Known) {
    let scripts: Vec<String> =
        transaction.output.iter().map(|output| output.script_pubkey.to_hex_string()).collect();
    (transaction.compute_txid().to_string(), Known { mined, pays: scripts.join(" ") })
}

fn unseen(mempool: Vec<Txid>, seen: &BTreeMap<String, Known>) -> Vec<Txid> {
    mempool.into_iter().filter(|txid| !seen.contains_key(&txid.to_string())).collect()
}
