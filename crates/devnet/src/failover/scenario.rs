//! What one run of the drill is about: the chain, the servers, what happens to the database, and
//! what people do then.

use std::fmt;
use std::time::Duration;

use crate::chaos::ChainKind;

use super::silence;

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    pub chain: ChainKind,
    /// One has its signer inside; several share an `adit signer`.
    pub servers: u16,
    pub event: Event,
}

/// What happens to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It fails over to a standby that misses the last commits.
    Loss { cut: Duration, fate: Fate, then: Then },
    /// The same, and the old primary comes back with a server on it.
    SplitBrain { wakes: Wakes, fate: Fate },
    /// Its host does not answer for so long, and then goes on.
    Silence { lasts: Duration, load: bool, back: Back },
}

/// How a silent host comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// What was sent to it and by it arrives late.
    Delivers,
    /// It has started anew: connections of before never say anything again.
    Anew,
}

/// What became of the payments of the lost commits, as the chain's node sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// In a block.
    Mined,
    /// In the pool.
    Pooled,
    /// Nowhere: the pool has forgotten them.
    Forgotten,
}

/// What people do at once after the failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// They ask again with the same key, and others ask for the first time.
    AskAgain,
    /// Users and operators cancel what they see.
    Cancel(When),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    AtOnce,
    AfterRestart,
    /// While the chain's node does not answer.
    NodeDown,
}

/// When the old primary comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakes {
    AtOnce,
    /// After the new one has paid somebody.
    Later,
}

/// Which of them are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Asks,
    Cancels,
    Split,
    Silence,
}

const PROGRESS_AIM: Duration = Duration::from_secs(15);
/// The signer takes up a new history only when it has not heard another process on the old one for
/// so long (F94).
const SPLIT_PAUSE: Duration = Duration::from_secs(60);
/// How much is lost, in milliseconds of commits.
const CUTS_MILLIS: [u64; 3] = [400, 1_400, 5_000];
const CANCEL_CUT: Duration = Duration::from_millis(1_400);
/// Payees beside those that a silence asks for.
const SPARE: usize = 10;
const SILENCE: Duration = Duration::from_secs(60);

impl Scenario {
    /// All of a part on one chain.
    pub fn of(part: Part, chain: ChainKind) -> Vec<Self> {
        let with = |servers: u16| move |event: Event| Self { chain, servers, event };
        match part {
            Part::Asks => {
                [1, 2].into_iter().flat_map(|servers| losses().map(with(servers))).collect()
            }
            Part::Cancels => {
                [1, 2].into_iter().flat_map(|servers| cancels().map(with(servers))).collect()
            }
            Part::Split => {
                let split = |wakes| {
                    [Fate::Mined, Fate::Pooled].map(|fate| Event::SplitBrain { wakes, fate })
                };
                [Wakes::AtOnce, Wakes::Later].into_iter().flat_map(split).map(with(2)).collect()
            }
            Part::Silence => {
                let silent = |load| {
                    [Back::Delivers, Back::Anew].map(|back| Event::Silence {
                        lasts: SILENCE,
                        load,
                        back,
                    })
                };
                let silences = || [false, true].into_iter().flat_map(silent);
                [1, 2].into_iter().flat_map(|servers| silences().map(with(servers))).collect()
            }
        }
    }

    /// How soon the first new transaction is to be sent, from the promotion or from the return of
    /// the host.
    pub fn progress_aim(&self) -> Duration {
        match &self.event {
            // The signer that both share has just heard the servers that are killed, and cannot
            // know that.
            Event::Loss { then: Then::Cancel(When::AfterRestart), .. } if self.servers > 1 => {
                SPLIT_PAUSE + PROGRESS_AIM
            }
            Event::Loss { .. } | Event::Silence { .. } => PROGRESS_AIM,
            Event::SplitBrain { .. } => SPLIT_PAUSE + PROGRESS_AIM,
        }
    }

    /// How many payees it needs at most.
    pub fn payees(&self) -> usize {
        match &self.event {
            Event::Loss { .. } | Event::SplitBrain { .. } => 60,
            Event::Silence { lasts, load, .. } => SPARE + silence::payees(*lasts, *load),
        }
    }
}

fn losses() -> impl Iterator<Item = Event> {
    let fates = [Fate::Mined, Fate::Pooled, Fate::Forgotten];
    let cuts = CUTS_MILLIS.map(Duration::from_millis);
    cuts.into_iter()
        .flat_map(move |cut| fates.map(|fate| Event::Loss { cut, fate, then: Then::AskAgain }))
}

fn cancels() -> impl Iterator<Item = Event> {
    let whens = [When::AtOnce, When::AfterRestart, When::NodeDown].into_iter();
    whens.flat_map(|when| {
        [Fate::Pooled, Fate::Mined].map(|fate| Event::Loss {
            cut: CANCEL_CUT,
            fate,
            then: Then::Cancel(when),
        })
    })
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = if self.servers == 1 { "1 server" } else { "2 servers" };
        write!(out, "{}, {servers}: {}", self.chain.name(), self.event)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { cut, fate, then } => {
                write!(out, "{:.1} s lost, {}, {}", cut.as_secs_f64(), fate.name(), then.name())
            }
            Self::SplitBrain { wakes, fate } => {
                let when = match wakes {
                    Wakes::AtOnce => "at once",
                    Wakes::Later => "later",
                };
                write!(out, "split brain, {}, the old primary wakes {when}", fate.name())
            }
            Self::Silence { lasts, load, back } => {
                let (pace, end) = (if *load { "under load" } else { "idle" }, back.name());
                write!(out, "{} s silent, {pace}, {end}", lasts.as_secs())
            }
        }
    }
}

impl Back {
    fn name(self) -> &'static str {
        match self {
            Self::Delivers => "then delivered",
            Self::Anew => "then started anew",
        }
    }
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Mined => "mined",
            Self::Pooled => "in the pool",
            Self::Forgotten => "pool forgotten",
        }
    }
}

impl Then {
    fn name(self) -> &'static str {
        match self {
            Self::AskAgain => "asked again",
            Self::Cancel(When::AtOnce) => "cancelled at once",
            Self::Cancel(When::AfterRestart) => "cancelled after a restart",
            Self::Cancel(When::NodeDown) => "cancelled with the node down",
        }
    }
}
