//! Everybody who is paid, and what they do: since the snapshot, and after the restore.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::api::Api;
use crate::both::operator::cancel;
use crate::chance::Chance;
use crate::chaos::payees::{self, Payee, Way};
use crate::failover::eye::Eye;
use crate::failover::request::Request;
use crate::seed::{self, SeededPlayer};
use crate::wait;

use super::super::cast::Cast;
use super::super::world::{World, XP};
use super::chains;
use super::scenario::Scenario;

const SENT_BOUND: Duration = Duration::from_secs(60);
const LOOK_PAUSE: Duration = Duration::from_millis(200);

pub struct People {
    pub cast: Cast,
    /// Which of the known was sent, and is cancelled since the snapshot.
    recalled: usize,
    /// The same user asks for the same with a new key.
    pub anew: Request,
    /// Those who had to ask with another key, because their first request was given back and nobody
    /// had paid it.
    again: Vec<Request>,
}

const DRAWS_MAX: usize = 100;

impl People {
    /// Draws the parts.
    ///
    /// # Errors
    /// Fails if the crowd is too small.
    pub fn draw(
        scenario: &Scenario,
        players: &[SeededPlayer],
        chance: &mut Chance,
    ) -> Result<Self> {
        let by_key = |request: &Request| request.payee.way != Way::Claim;
        let mut draw = || {
            let cast = Cast::draw(&scenario.alone(), players, chance)?;
            Ok::<_, anyhow::Error>(
                cast.known.iter().position(by_key).map(|recalled| (recalled, cast)),
            )
        };
        // Among few it may be that nobody does.
        let drawn = (0..DRAWS_MAX).find_map(|_| draw().transpose());
        let (recalled, cast) = drawn.context("nobody asks with a key")??;
        let number = Cast::payees(&scenario.alone());
        let anew = Request::new(Payee { number, ..cast.known[recalled].payee.clone() });
        Ok(Self { cast, recalled, anew, again: Vec::new() })
    }

    pub fn recalled(&self) -> &Request {
        &self.cast.known[self.recalled]
    }

    /// Each recipient once, but the one who was given back.
    pub fn owed(&self) -> impl Iterator<Item = &Payee> {
        let given_back = self.cast.given_back.payee.number;
        self.cast
            .all()
            .map(|request| &request.payee)
            .filter(move |payee| payee.number != given_back)
    }

    /// Everybody who may be paid.
    pub fn payees(&self) -> Vec<&Payee> {
        self.cast.all().map(|request| &request.payee).collect()
    }

    /// The one who is paid there.
    pub fn at(&self, destination: &str) -> Option<&Payee> {
        self.cast
            .all()
            .map(|request| &request.payee)
            .find(|payee| payee.destination.eq_ignore_ascii_case(destination))
    }

    /// Since the snapshot, with no block in sight: most are accepted, one is approved, one is given
    /// back, and one is cancelled that was sent.
    ///
    /// # Errors
    /// Fails if somebody is refused.
    pub async fn go_on(&mut self, world: &World) -> Result<()> {
        let admin = world.devnet.admin()?;
        self.endow_late(&admin).await?;
        let (approved, given_back) = (&self.cast.approved.ids[0], &self.cast.given_back.ids[0]);
        admin
            .post(&format!("/api/admin/withdrawals/{approved}/approve"), &json!({}))
            .await?
            .expect_success("approving")?;
        cancel(&admin, given_back, "given back since the snapshot").await?;
        self.recall(world, &admin).await?;
        world.must_ask(std::slice::from_mut(&mut self.anew)).await?;
        world.must_ask(&mut self.cast.unknown).await?;
        world.others_join().await?;
        chains::filled(world).await
    }

    async fn recall(&self, world: &World, admin: &Api) -> Result<()> {
        let mut eye = Eye::on(&world.devnet, world.chain)?;
        wait::until("the one to be sent who is cancelled", SENT_BOUND, LOOK_PAUSE, async || {
            eye.look().await?;
            Ok(eye.has_paid([&self.recalled().payee], false).then_some(()))
        })
        .await?;
        cancel(admin, &self.recalled().ids[0], "cancelled after it was sent").await
    }

    /// The application introduces its new users, and sends all credits since the snapshot.
    async fn endow_late(&mut self, admin: &Api) -> Result<()> {
        let seeded = seed::seed(admin, self.cast.newcomers.clone(), XP).await?;
        self.cast.enrol(&seeded);
        payees::endow(admin, &self.cast.credited(true)).await?;
        payees::endow(admin, std::slice::from_ref(&self.anew.payee)).await
    }

    /// After the restore the application sends all credits again, those of before the snapshot,
    /// too.
    ///
    /// # Errors
    /// Fails if the server refuses the application.
    pub async fn credit_again(&mut self, admin: &Api) -> Result<()> {
        self.endow_late(admin).await?;
        payees::endow(admin, &self.cast.credited(false)).await
    }

    /// Everybody who was accepted asks again with the same key or claim. Whoever was cancelled asks
    /// anew only where the first was not paid after all.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub async fn ask_again(
        &mut self,
        world: &World,
        anew: bool,
        findings: &mut Vec<String>,
    ) -> Result<()> {
        world.ask(self.cast.accepted()).await?;
        if anew {
            self.ask_anew(world, findings).await?;
        }
        for request in self.cast.accepted().filter(|request| request.refused.is_some()) {
            findings
                .push(format!("payee {} asked again: {:?}", request.payee.number, request.refused));
        }
        Ok(())
    }

    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub async fn ask_anew(&mut self, world: &World, findings: &mut Vec<String>) -> Result<()> {
        world.ask([&mut self.anew]).await?;
        findings.extend(
            self.anew
                .refused
                .as_ref()
                .map(|refused| format!("who was cancelled asked anew: {refused}")),
        );
        Ok(())
    }

    /// These ask with keys of their own: what they had asked for was given back.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub async fn ask_with_new_keys(
        &mut self,
        world: &World,
        payees: Vec<Payee>,
        findings: &mut Vec<String>,
    ) -> Result<()> {
        let first = self.anew.payee.number + 1 + self.again.len();
        let numbered = (first..).zip(payees).map(|(number, payee)| Payee { number, ..payee });
        let mut requests: Vec<Request> = numbered.map(Request::new).collect();
        world.ask(requests.iter_mut()).await?;
        let refused = requests
            .iter()
            .filter_map(|request| Some((request.payee.number, request.refused.as_ref()?)));
        findings
            .extend(refused.map(|(number, refused)| {
                format!("payee {number} asked with a new key: {refused}")
            }));
        self.again.extend(requests);
        Ok(())
    }

    /// Others ask for the first time.
    ///
    /// # Errors
    /// Fails if the HTTP client cannot be built.
    pub async fn others_ask(&mut self, world: &World, findings: &mut Vec<String>) -> Result<()> {
        let accepted = world.ask(self.cast.fresh.iter_mut()).await?;
        if accepted != self.cast.fresh.len() {
            let refused = self.cast.fresh.iter().find_map(|request| request.refused.as_deref());
            findings.push(format!(
                "{accepted} of {} new requests are accepted: {refused:?}",
                self.cast.fresh.len()
            ));
        }
        Ok(())
    }
}
