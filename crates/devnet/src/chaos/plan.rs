//! What a run of chaos consists of: how many are paid, and which disasters strike at which moment.
//! All of it is drawn from one seed.

use crate::chance::Chance;
use crate::config::{BITCOIN, CHAIN};
use crate::options::StoreKind;

/// Kinds of disaster that are scheduled. What goes on all the time (fees that move, answers that
/// are dropped, an endpoint that lags, requests that are sent twice) is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL just after the pool took a transaction.
    Kill,
    /// The newest blocks are replaced.
    Reorg,
    /// `pg_ctl stop -m immediate`, and a start.
    DatabaseCrash,
    /// Neither database nor journal can be written.
    DiskFull,
    /// A replica stands still past its lease, and goes on.
    Zombie,
    /// The database goes back to an earlier backup; the journal does not.
    Restore,
    /// The primary dies, and its asynchronous standby takes its place without the last commits.
    Failover,
    /// Database and journal go back to one moment, together.
    RestoreBoth,
}

impl Kind {
    /// New ones come last: what a seed draws for the others stays what it was.
    pub const ALL: [Self; 8] = [
        Self::Kill,
        Self::Reorg,
        Self::DatabaseCrash,
        Self::DiskFull,
        Self::Zombie,
        Self::Restore,
        Self::Failover,
        Self::RestoreBoth,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kills",
            Self::Reorg => "reorgs",
            Self::DatabaseCrash => "database crashes",
            Self::DiskFull => "full disks",
            Self::Zombie => "zombies",
            Self::Restore => "restores",
            Self::Failover => "failovers",
            Self::RestoreBoth => "restores of both",
        }
    }
}

/// On which chain is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    Evm,
    Bitcoin,
}

impl ChainKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Evm => "evm",
            Self::Bitcoin => "bitcoin",
        }
    }

    /// The chain as the configuration names it.
    pub fn lane_chain(self) -> &'static str {
        match self {
            Self::Evm => CHAIN,
            Self::Bitcoin => BITCOIN,
        }
    }

    /// In which fees are counted.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Evm => "wei",
            Self::Bitcoin => "satoshi",
        }
    }

    /// How many payees share one transaction at most. On Bitcoin few, so that there are many
    /// transactions to strike at.
    pub fn payees_per_send(self) -> u16 {
        match self {
            Self::Evm => 1,
            Self::Bitcoin => 2,
        }
    }

    /// How many payees ask before there is a need for it. Fewer where several share a transaction,
    /// or all would be sent before the last disaster.
    pub fn payees_ahead(self) -> u64 {
        match self {
            Self::Evm => 24,
            Self::Bitcoin => 10,
        }
    }
}

/// How much of everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    pub payees: usize,
    pub kills: usize,
    /// Of depth 1, 2, … to 8 (on Bitcoin to 4), and from 1 again.
    pub reorgs: usize,
    pub database_crashes: usize,
    pub full_disks: usize,
    pub zombies: usize,
    pub restores: usize,
    pub failovers: usize,
    pub restores_of_both: usize,
}

/// A disaster and when it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When the pool has taken so many transactions.
    pub at: u64,
    pub kind: Kind,
}

/// One run on one store.
#[derive(Debug, Clone)]
pub struct Plan {
    pub chain: ChainKind,
    pub store: StoreKind,
    pub payees: usize,
    pub steps: Vec<Step>,
    pub chance: Chance,
}

/// Disasters strike while so many percent of the payments have been sent.
const FIRST_PERCENT: u64 = 2;
const LAST_PERCENT: u64 = 80;

impl Size {
    /// The whole of it, with so many kills.
    pub fn whole(kills: usize) -> Self {
        Self {
            payees: 300,
            kills,
            reorgs: 8,
            database_crashes: 2,
            full_disks: 2,
            zombies: 2,
            restores: 2,
            failovers: 3,
            restores_of_both: 2,
        }
    }

    /// What fits beside other tests.
    pub fn short() -> Self {
        Self {
            payees: 40,
            kills: 5,
            reorgs: 2,
            database_crashes: 1,
            full_disks: 1,
            ..Self::default()
        }
    }

    fn count(&self, kind: Kind, store: StoreKind) -> usize {
        let postgres = store == StoreKind::Postgres;
        match kind {
            Kind::Kill => self.kills,
            Kind::Reorg => self.reorgs,
            Kind::DatabaseCrash => self.database_crashes * usize::from(postgres),
            Kind::DiskFull => self.full_disks,
            Kind::Zombie => self.zombies * usize::from(postgres),
            Kind::Restore => self.restores,
            Kind::Failover => self.failovers * usize::from(postgres),
            Kind::RestoreBoth => self.restores_of_both,
        }
    }
}

impl Plan {
    /// The same seed, chain, store and size make the same plan.
    pub fn draw(seed: u64, on: ChainKind, store: StoreKind, size: &Size) -> Self {
        let mut chance = Chance::of(seed);
        let sends = size.payees as u64 / u64::from(on.payees_per_send());
        let (first, last) = ((sends * FIRST_PERCENT / 100).max(1), sends * LAST_PERCENT / 100);
        let mut steps = Vec::new();
        for kind in Kind::ALL {
            let mut moment = chance.branch();
            for _ in 0..size.count(kind, store) {
                steps.push(Step { at: first + moment.up_to(last - first), kind });
            }
        }
        // The kinds of one moment keep their order: the sort is stable.
        steps.sort_by_key(|step| step.at);
        Self { chain: on, store, payees: size.payees, steps, chance: chance.branch() }
    }

    pub fn planned(&self, kind: Kind) -> usize {
        self.steps.iter().filter(|step| step.kind == kind).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_plan() {
        let plan = |seed| Plan::draw(seed, ChainKind::Evm, StoreKind::Postgres, &Size::whole(30));
        assert_eq!(plan(5).steps, plan(5).steps);
        assert_ne!(plan(5).steps, plan(6).steps);
        assert_eq!(Kind::ALL.map(|kind| plan(5).planned(kind)), [30, 8, 2, 2, 2, 2, 3, 2]);
        assert!(plan(5).steps.iter().all(|step| (6..=240).contains(&step.at)));
        assert!(plan(5).steps.is_sorted_by_key(|step| step.at));
    }

    #[test]
    fn a_short_storm_brings_nothing_back() {
        let plan = Plan::draw(5, ChainKind::Evm, StoreKind::Postgres, &Size::short());
        assert_eq!(Kind::ALL.map(|kind| plan.planned(kind)), [5, 2, 1, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn payees_who_share_a_transaction_leave_fewer_moments_to_strike_at() {
        let plan = Plan::draw(5, ChainKind::Bitcoin, StoreKind::Postgres, &Size::whole(30));
        assert_eq!(Kind::ALL.map(|kind| plan.planned(kind)), [30, 8, 2, 2, 2, 2, 3, 2]);
        assert!(plan.steps.iter().all(|step| (3..=120).contains(&step.at)));
    }

    #[test]
    fn what_needs_replicas_or_a_database_process_is_left_out_on_sqlite() {
        let plan = Plan::draw(5, ChainKind::Evm, StoreKind::Sqlite, &Size::whole(30));
        assert_eq!(Kind::ALL.map(|kind| plan.planned(kind)), [30, 8, 0, 2, 0, 2, 0, 2]);
    }
}
