//! Who else knows what time it is.

use std::fmt;

use adit_core::{ChainKind, ChainName, Span, Timestamp};

/// A clock that is read, and not judged by its blocks, may be so far from ours and still agree.
pub const AGREES_WITHIN: Span = Span::from_seconds(60);
/// A person who types what their watch shows.
pub const PERSON_WITHIN: Span = Span::from_seconds(300);
/// A block of an EVM chain that a quorum served just now. Blocks come every few seconds; a chain
/// that paused does not witness.
pub const EVM_BLOCK_WITHIN: Span = Span::from_seconds(15 * 60);
/// A block of Bitcoin. Blocks come every ten minutes or so, and their time may be two hours ahead.
pub const BITCOIN_BLOCK_WITHIN: Span = Span::from_hours(3);

/// A second clock, as it was read just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    pub source: Source,
    pub time: Timestamp,
    /// How far it may be from a clock that it agrees with.
    pub within: Span,
}

/// Whose clock it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The newest block of a chain that a quorum served.
    Block { chain: ChainName },
    /// The database's host.
    Database,
    /// The server of one endpoint. Alone it is no witness: it is compared, and named where it
    /// disagrees.
    Endpoint { host: String },
    /// The servers of two endpoints on other hosts, by the dates of their answers.
    Endpoints { one: String, other: String },
    /// The signer, which is compared alone: it believes what servers say.
    Signer { place: String },
    /// A server that asks the signer, and that does not doubt its own clock.
    Server,
    /// A person with a clock of their own.
    Person { name: String },
}

impl Witness {
    /// Returns the newest block of a chain as a witness: it is as old as blocks of that kind may
    /// be.
    pub fn block(kind: ChainKind, chain: ChainName, mined_at: Timestamp) -> Self {
        let within = match kind {
            ChainKind::Evm => EVM_BLOCK_WITHIN,
            ChainKind::Bitcoin => BITCOIN_BLOCK_WITHIN,
        };
        Self { source: Source::Block { chain }, time: mined_at, within }
    }

    /// Returns a clock that was read just now.
    pub fn clock(source: Source, time: Timestamp) -> Self {
        Self { source, time, within: AGREES_WITHIN }
    }

    /// Returns what a person says that their clock shows.
    pub fn person(name: &str, time: Timestamp) -> Self {
        Self { source: Source::Person { name: name.to_owned() }, time, within: PERSON_WITHIN }
    }

    pub fn agrees_with(&self, time: Timestamp) -> bool {
        time <= self.time.plus(self.within) && self.time <= time.plus(self.within)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { chain } => write!(f, "the newest block of {chain}"),
            Self::Database => f.write_str("the database"),
            Self::Endpoint { host } => write!(f, "the endpoint {host}"),
            Self::Endpoints { one, other } => write!(f, "the endpoints {one} and {other}"),
            Self::Signer { place } => write!(f, "the signer {place}"),
            Self::Server => f.write_str("a server"),
            Self::Person { name } => f.write_str(name),
        }
    }
}
