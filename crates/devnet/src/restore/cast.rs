//! Who is paid when: before the backup, since it, and after the restore.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use crate::chance::Chance;
use crate::chaos::ChainKind;
use crate::chaos::payees::{Payee, Way};
use crate::failover::request::Request;
use crate::player::{Player, Wallet};
use crate::primitives::Address;
use crate::seed::SeededPlayer;

use super::scenario::Scenario;

/// What a person has to approve; everything else is less.
const LARGE_COINS: &str = "0.2";
const LARGE_BITCOIN: &str = "0.02";
pub const APPROVE_ABOVE_ETH: &str = "0.15";
pub const APPROVE_ABOVE_BTC: &str = "0.015";

/// Everybody, by the part that they play.
pub struct Cast {
    /// Paid before the backup.
    pub ahead: Vec<Request>,
    /// Accepted before the backup and not paid then.
    pub known: Vec<Request>,
    /// Accepted and paid since the backup.
    pub unknown: Vec<Request>,
    /// Waits for a person at the backup; approved and paid since.
    pub approved: Request,
    /// Waits for a person at the backup; given back since.
    pub given_back: Request,
    /// Waits for a person at the backup and at the restore.
    pub waiting: Request,
    /// Ask for the first time after the restore.
    pub fresh: Vec<Request>,
    /// Users whom the backup does not know.
    pub newcomers: Vec<Player>,
    /// Numbers of those whose credits were booked since the backup.
    late: BTreeSet<usize>,
}

impl Cast {
    /// Draws the parts.
    ///
    /// # Errors
    /// Fails if the crowd is too small.
    pub fn draw(
        scenario: &Scenario,
        players: &[SeededPlayer],
        chance: &mut Chance,
    ) -> Result<Self> {
        let mut crowd =
            shuffled(Payee::crowd(scenario.chain, Self::payees(scenario), players), chance);
        let (approved, given_back, waiting) =
            (large(&mut crowd)?, large(&mut crowd)?, large(&mut crowd)?);
        let mut drawn = crowd.into_iter();
        let mut draw =
            |count: usize| drawn.by_ref().take(count).map(Request::new).collect::<Vec<Request>>();
        let (ahead, known) = (draw(scenario.ahead()), draw(scenario.known()));
        let (mut unknown, fresh) = (draw(scenario.unknown()), draw(scenario.fresh()));
        let newcomers = introduce(&mut unknown, scenario.by_newcomers());
        let mut late = BTreeSet::new();
        for Request { payee, .. } in &unknown {
            let newcomer = newcomers.iter().any(|player| player.id == payee.asker.player.id);
            if newcomer || chance.up_to(1) == 0 {
                late.insert(payee.number);
            }
        }
        Ok(Self { ahead, known, unknown, approved, given_back, waiting, fresh, newcomers, late })
    }

    /// How many payees there are.
    pub fn payees(scenario: &Scenario) -> usize {
        const LARGE: usize = 3;
        scenario.payouts + scenario.ahead() + scenario.fresh() + LARGE
    }

    /// Everybody.
    pub fn all(&self) -> impl Iterator<Item = &Request> {
        let lists = [&self.ahead, &self.known, &self.unknown, &self.fresh];
        lists.into_iter().flatten().chain([&self.approved, &self.given_back, &self.waiting])
    }

    /// Those who were accepted before the restore.
    pub fn accepted(&mut self) -> impl Iterator<Item = &mut Request> {
        let lists = [&mut self.ahead, &mut self.known, &mut self.unknown];
        let large = [&mut self.approved, &mut self.given_back, &mut self.waiting];
        lists.into_iter().flatten().chain(large)
    }

    /// Those whose credits are booked since the backup, or before it.
    pub fn credited(&self, late: bool) -> Vec<Payee> {
        let payees = self.all().map(|request| &request.payee);
        payees.filter(|payee| self.late.contains(&payee.number) == late).cloned().collect()
    }

    /// The newcomers have these keys from now on.
    pub fn enrol(&mut self, seeded: &[SeededPlayer]) {
        for request in &mut self.unknown {
            let asker = &mut request.payee.asker;
            let known = seeded.iter().find(|seeded| seeded.player.id == asker.player.id);
            if let Some(known) = known {
                asker.token.clone_from(&known.token);
            }
        }
    }

    pub fn newcomer_wallets(&self) -> Vec<Address> {
        self.newcomers.iter().map(|player| player.wallet.address).collect()
    }
}

/// Fisher and Yates.
fn shuffled(mut payees: Vec<Payee>, chance: &mut Chance) -> Vec<Payee> {
    for last in (1..payees.len()).rev() {
        let drawn = chance.up_to(u64::try_from(last).expect("a list in memory"));
        payees.swap(last, usize::try_from(drawn).expect("at most the last place"));
    }
    payees
}

/// Somebody who is to get more than a policy gives without a person.
fn large(crowd: &mut Vec<Payee>) -> Result<Request> {
    let fits = |payee: &Payee| matches!(payee.way, Way::Coins | Way::Bitcoin);
    let place = crowd.iter().position(fits).context("somebody is paid in coins")?;
    let mut payee = crowd.remove(place);
    let amount = if payee.way == Way::Bitcoin { LARGE_BITCOIN } else { LARGE_COINS };
    amount.clone_into(&mut payee.amount);
    Ok(Request::new(payee))
}

/// The last of them are asked for by new users, each by their own.
fn introduce(unknown: &mut [Request], count: usize) -> Vec<Player> {
    let first = unknown.len().saturating_sub(count);
    let mut newcomers = Vec::new();
    for Request { payee, .. } in &mut unknown[first..] {
        let id = format!("newcomer-{}", payee.number);
        let player = Player { wallet: Wallet::named(&id), id, member: true };
        if payee.way == Way::Claim {
            payee.destination = player.wallet.address.to_checksum(None);
        }
        payee.asker = SeededPlayer { player: player.clone(), token: String::new() };
        newcomers.push(player);
    }
    newcomers
}

/// Above which amount a person approves.
pub fn approve_above(chain: ChainKind) -> &'static str {
    match chain {
        ChainKind::Evm => APPROVE_ABOVE_ETH,
        ChainKind::Bitcoin => APPROVE_ABOVE_BTC,
    }
}
