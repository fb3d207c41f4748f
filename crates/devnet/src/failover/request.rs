//! Somebody who asks to be paid, always with the same key or claim, and what they were told.

use std::time::{Duration, Instant};

use crate::api::Api;
use crate::chaos::payees::{Payee, Way};
use crate::chaos::requests::{Said, once};
use crate::claim::{Claim, Domain, SignedClaim};

/// How long somebody repeats a request that is not answered.
const INSIST_BOUND: Duration = Duration::from_secs(60);
const ASK_PAUSE: Duration = Duration::from_millis(50);

pub struct Request {
    pub payee: Payee,
    signed: Option<SignedClaim>,
    /// The withdrawals that it was told.
    pub ids: Vec<String>,
    /// The last refusal.
    pub refused: Option<String>,
    /// Whether the database that counts in the end accepted it.
    pub counts: bool,
}

impl Request {
    pub fn new(payee: Payee) -> Self {
        Self { payee, signed: None, ids: Vec::new(), refused: None, counts: false }
    }

    /// Asks until it is accepted or refused for good. True if it is accepted.
    pub async fn insist(&mut self, api: &Api, domain: &Domain) -> bool {
        self.insist_for(INSIST_BOUND, api, domain).await
    }

    /// The same, for so long.
    pub async fn insist_for(&mut self, bound: Duration, api: &Api, domain: &Domain) -> bool {
        let began = Instant::now();
        while began.elapsed() < bound {
            match self.ask(api, domain).await {
                Said::Accepted(id) => {
                    self.note(id);
                    return true;
                }
                Said::Refused(why) => {
                    self.refused = Some(why);
                    return false;
                }
                Said::Later(why) => self.refused = Some(format!("not answered: {why}")),
            }
            tokio::time::sleep(ASK_PAUSE).await;
        }
        false
    }

    fn note(&mut self, id: String) {
        self.refused = None;
        if !self.ids.contains(&id) {
            self.ids.push(id);
        }
    }

    async fn ask(&mut self, api: &Api, domain: &Domain) -> Said {
        let api = api.with_token(&self.payee.asker.token);
        if self.payee.way == Way::Claim && self.signed.is_none() {
            match api.next_nonce().await {
                Ok(next) => {
                    let wallet = &self.payee.asker.player.wallet;
                    let (amount, nonce, deadline) =
                        (self.payee.base_units(), next.nonce, next.deadline);
                    self.signed = Some(
                        Claim { wallet: wallet.address, amount, nonce, deadline }
                            .sign(domain, wallet),
                    );
                }
                Err(problem) => return Said::Later(format!("{problem:#}")),
            }
        }
        once(&api, &self.payee, self.signed.as_ref()).await
    }
}
