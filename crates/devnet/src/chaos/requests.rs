//! The askers: each request is sent twice at the same moment, to two servers where there are two,
//! and again until both are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::sync::{RwLock, watch};

use crate::api::{Answer, Api};
use crate::claim::{Claim, Domain, SignedClaim};

use super::payees::{PURSE, Payee, Way};

/// Who asks at a time.
const WIDTH: usize = 24;
/// A server that stands still is not waited for.
const ANSWER_BOUND: Duration = Duration::from_secs(4);
const ASK_PAUSE: Duration = Duration::from_millis(150);
const ACCEPTED_BOUND: Duration = Duration::from_secs(300);

/// Held for writing, nobody asks: a backup that is taken then has every request that was answered.
pub type Gate = Arc<RwLock<()>>;

/// What the askers need to know.
#[derive(Clone)]
pub struct Desk {
    pub apis: Vec<Api>,
    pub domain: Domain,
    pub gate: Gate,
    /// How many may have asked: some more than have been sent, so that there are some to be sent
    /// whenever a disaster strikes.
    pub turn: watch::Receiver<u64>,
}

/// A withdrawal that was accepted.
#[derive(Clone)]
pub struct Accepted {
    pub payee: Payee,
    pub id: String,
}

impl Desk {
    /// Asks for everybody, in step with the payments.
    ///
    /// # Errors
    /// When one is refused for good, accepted twice, or not accepted in time.
    pub async fn ask_all(self, payees: Vec<Payee>) -> Result<Vec<Accepted>> {
        stream::iter(payees).map(|payee| self.ask(payee)).buffered(WIDTH).try_collect().await
    }

    /// Asks for one of them until it is accepted.
    ///
    /// # Errors
    /// As [`Desk::ask_all`].
    pub async fn ask(&self, payee: Payee) -> Result<Accepted> {
        self.turn
            .clone()
            .wait_for(|count| *count > payee.number as u64)
            .await
            .context("nobody gives turns any more")?;
        let asked = Instant::now();
        let mut signed = None;
        loop {
            let said = {
                let _open = self.gate.read().await;
                self.both(&payee, &mut signed).await?
            };
            match said {
                Said::Accepted(id) => return Ok(Accepted { payee, id }),
                Said::Refused(why) => bail!("payee {} is refused with {why}", payee.number),
                Said::Later(why) => {
                    ensure!(
                        asked.elapsed() < ACCEPTED_BOUND,
                        "payee {} was not accepted in time: {why}",
                        payee.number
                    );
                    tokio::time::sleep(ASK_PAUSE).await;
                }
            }
        }
    }

    async fn both(&self, payee: &Payee, signed: &mut Option<SignedClaim>) -> Result<Said> {
        let clients: Vec<Api> = (0..2)
            .map(|copy| self.apis[copy % self.apis.len()].with_token(&payee.asker.token))
            .collect();
        if payee.way == Way::Claim && signed.is_none() {
            let Ok(Ok(next)) =
                tokio::time::timeout(ANSWER_BOUND, clients[payee.number % 2].next_nonce()).await
            else {
                return Ok(Said::Later("no nonce".to_owned()));
            };
            let wallet = &payee.asker.player.wallet;
            let claim = Claim {
                wallet: wallet.address,
                amount: payee.base_units(),
                nonce: next.nonce,
                deadline: next.deadline,
            };
            *signed = Some(claim.sign(&self.domain, wallet));
        }
        let (one, two) = futures::join!(
            once(&clients[0], payee, signed.as_ref()),
            once(&clients[1], payee, signed.as_ref())
        );
        match (one, two) {
            (Said::Accepted(one), Said::Accepted(two)) => {
                ensure!(one == two, "payee {} was accepted twice: {one} and {two}", payee.number);
                Ok(Said::Accepted(one))
            }
            (Said::Refused(why), _) | (_, Said::Refused(why)) => {
                bail!("payee {} is refused with {why}", payee.number)
            }
            (Said::Later(why), _) | (_, Said::Later(why)) => Ok(Said::Later(why)),
        }
    }
}

/// What came of one request.
pub enum Said {
    /// With the withdrawal's id.
    Accepted(String),
    /// For good, with status and body.
    Refused(String),
    /// Not now: the request may be repeated.
    Later(String),
}

/// Asks once for a payee, always with the same key or claim.
pub async fn once(api: &Api, payee: &Payee, signed: Option<&SignedClaim>) -> Said {
    let asking = async {
        match signed {
            Some(claim) => api.claim(claim, 0).await,
            None => {
                let key = format!("chaos-{}", payee.number);
                let order = json!({ "asset": payee.asset(), "amount": payee.amount, "destination": payee.destination, "book": PURSE });
                api.post_with("/api/withdrawals", &order, &[("Idempotency-Key", &key)]).await
            }
        }
    };
    match tokio::time::timeout(ANSWER_BOUND, asking).await {
        Err(_) => Said::Later("no answer".to_owned()),
        Ok(Err(problem)) => Said::Later(format!("{problem:#}")),
        Ok(Ok(answer)) => judged(&answer),
    }
}

fn judged(answer: &Answer) -> Said {
    let id = |name: &str| answer.body[name].as_str().map(str::to_owned);
    // A claim that was accepted before is told so, with the withdrawal that used its nonce.
    let known = answer.status.is_success() || answer.code() == "NONCE_USED";
    if let Some(id) = id("withdrawalId").or_else(|| id("id")).filter(|_| known) {
        return Said::Accepted(id);
    }
    let Answer { status, body } = answer;
    if status.is_server_error() || status.as_u16() == 429 || body == &Value::Null {
        return Said::Later(format!("{status} {body}"));
    }
    Said::Refused(format!("{status} {body}"))
}
