//! A node's pool in front of anvil: keeps the rules of [`super::waiting`], and hands to the node
//! what it may mine next.
//!
//! Several proxies may share one: then two endpoints have one chain and one pool.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::primitives::Address;

use super::fault::lock;
use super::node::Node;
use super::sends::Sends;
use super::waiting::{Offer, REFUSED_CODE, Waiting};

/// How soon the node gets what a new block, a lower base fee or a reorganisation made due.
const BEAT: Duration = Duration::from_millis(50);
/// JSON-RPC: invalid parameters, and internal error.
const INVALID_CODE: i64 = -32_602;
const INTERNAL_CODE: i64 = -32_603;

/// Shared by the faces of one chain.
pub struct Pool {
    core: Arc<Core>,
    beat: JoinHandle<()>,
}

struct Core {
    node: Node,
    waiting: Mutex<Waiting>,
    /// One at a time, as in a node.
    turn: tokio::sync::Mutex<()>,
    /// Who brought them is the name of a face.
    sends: Arc<Sends>,
}

impl Pool {
    /// In front of the node at `target`.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn before(target: &str) -> Result<Arc<Self>> {
        let core = Arc::new(Core {
            node: Node::new(target)?,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            sends: Arc::default(),
        });
        let of_beat = Arc::clone(&core);
        let beat = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                let _turn = of_beat.turn.lock().await;
                // A node that does not answer now is asked at the next beat.
                let _ = of_beat.hand_over().await;
            }
        });
        Ok(Arc::new(Self { core, beat }))
    }

    /// What it took.
    pub fn sends(&self) -> &Arc<Sends> {
        &self.core.sends
    }

    /// Transactions of `sender` that are not mined, given what the chain's nonce is.
    pub fn unmined(&self, sender: Address, next_nonce: u64) -> usize {
        lock(&self.core.waiting).unmined(sender, next_nonce)
    }

    /// What waits is forgotten, as all nodes of a network may; the node below still has what it was
    /// given.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn forget(&self) -> Result<()> {
        let _turn = self.core.turn.lock().await;
        let senders = lock(&self.core.waiting).senders();
        for sender in senders {
            let next = self.core.node.account(sender).await?.nonce;
            lock(&self.core.waiting).forget(sender, next);
        }
        Ok(())
    }

    /// One `eth_sendRawTransaction` that came in at `face`: its `result` or `error`. A sender who
    /// hangs up does not stop it half-way.
    pub(super) async fn take(&self, params: &Value, face: usize) -> Value {
        let offer = match Offer::read(params[0].as_str().unwrap_or_default()) {
            Ok(offer) => offer,
            Err(problem) => return refusal(INVALID_CODE, &format!("{problem:#}")),
        };
        let core = Arc::clone(&self.core);
        let taken = tokio::spawn(async move { core.take(offer, face).await });
        taken.await.unwrap_or_else(|problem| refusal(INTERNAL_CODE, &problem.to_string()))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

impl Core {
    async fn take(&self, offer: Offer, face: usize) -> Value {
        let _turn = self.turn.lock().await;
        let account = match self.node.account(offer.sender).await {
            Ok(account) => account,
            Err(problem) => return refusal(INTERNAL_CODE, &format!("{problem:#}")),
        };
        let admitted = lock(&self.waiting).admit(offer, account);
        match admitted {
            Err(reason) => refusal(REFUSED_CODE, &reason),
            Ok(hash) => {
                // It is in the pool; when the node cannot take it now, the next beat brings it.
                let _ = self.hand_over().await;
                self.sends.count(face);
                json!({ "result": hash })
            }
        }
    }

    /// Gives the node what is due, in the order of the nonces.
    async fn hand_over(&self) -> Result<()> {
        let senders = lock(&self.waiting).senders();
        if senders.is_empty() {
            return Ok(());
        }
        let head = self.node.head().await?;
        for sender in senders {
            let next = self.node.account(sender).await?.nonce;
            let due = lock(&self.waiting).due(sender, next, head);
            let calls: Vec<(String, Value)> = due
                .iter()
                .map(|offer| ("eth_sendRawTransaction".to_owned(), json!([offer.raw])))
                .collect();
            let answers = self.node.ask(&calls).await?;
            let mut waiting = lock(&self.waiting);
            for (offer, answer) in due.iter().zip(&answers) {
                let has_it = answer["error"]["message"]
                    .as_str()
                    .is_some_and(|text| text.contains("already imported"));
                if answer["error"].is_null() || has_it {
                    waiting.handed(offer, head);
                }
            }
        }
        Ok(())
    }
}

fn refusal(code: i64, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}
