//! The seam between the engine and any kind of chain.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{
    Amount, AssetId, AttemptId, BlockRef, Bytes, ChainRules, ClaimRecord, CoinPlaces,
    Consolidation, DeferralCause, Destination, Draft, EndpointName, Hash32, LaneId, Leg, Lineage,
    LineageId, Offer, Purpose, Rules, Sighting, Signed, Submission, Tip,
};
use async_trait::async_trait;

use crate::{Cosigned, Dated, Fault, Handout};

/// What a chain says whose wallets have one key each.
const NOT_COSIGNED: &str = "the wallets of this chain have one key each; nobody signs besides us";

/// One chain behind its endpoints. Implementations hold no state that matters: whatever they
/// remember may be lost.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// What must never change: chain id, genesis hash, code of the wallet, decimals and code hash
    /// of each token. Asked at start, agreed by quorum.
    async fn identity(&self, lane: &LaneId) -> Result<Identity, Fault>;

    /// Reads a destination into its one canonical form, and refuses those that money must not go
    /// to.
    fn parse_destination(
        &self,
        asset: &AssetId,
        text: &str,
    ) -> Result<ParsedDestination, RefusedDestination>;

    /// Head, final height and the fees that a new attempt should offer, agreed by quorum.
    async fn tip(&self) -> Result<Tip, Fault>;

    /// Returns what time the server of each endpoint said it is, with its last answer: second
    /// clocks of who doubts its own (case F97).
    fn dates(&self) -> Vec<Dated> {
        Vec::new()
    }

    /// How far the chain has seen the wallet's line of payments, at the head, agreed by quorum: the
    /// number that is free there. On EVM: the transaction count. `known` is the next one that we
    /// would reserve, from which on a chain without nonces is searched.
    async fn consumed(&self, lane: &LaneId, known: u64) -> Result<u64, Fault>;

    /// What the wallet holds of every asset on this chain, read at the block `booked` or above. An
    /// asset that could not be read is absent.
    ///
    /// # Errors
    /// [`Fault::Behind`] where the chain is seen no further than below `booked`: money that was
    /// paid there would still count as held.
    async fn funds(&self, lane: &LaneId, booked: u64) -> Result<Vec<FundsReading>, Fault>;

    /// Asks the chain whether it would carry these payments now, in one call for all: estimate,
    /// balances, effect. Gives transactions that would, at the numbers from the first free one on,
    /// and what keeps the other payments back.
    async fn plan(&self, request: &PlanRequest<'_>) -> Result<Planning, Fault>;

    /// A transaction that makes many small coins of the wallet one, and pays nobody; none where
    /// there are too few. `request` has no legs. Chains without coins have none.
    async fn consolidation(
        &self,
        _request: &PlanRequest<'_>,
        _rules: &Consolidation,
    ) -> Result<Option<Draft>, Fault> {
        Ok(None)
    }

    /// Returns a transaction that spends free coins to the wallet itself, none of them made by one
    /// of `swept`; none when there are no such coins. `request` has no legs. Chains without coins
    /// have none: [`Chain::fill`] uses up their numbers (case F91).
    async fn sweep(
        &self,
        _request: &PlanRequest<'_>,
        _swept: &BTreeSet<Hash32>,
    ) -> Result<Option<Draft>, Fault> {
        Ok(None)
    }

    /// The transactions that made the coins which the wallet holds; `next` is the next number that
    /// we would reserve. Chains without coins have none.
    async fn makers(&self, _lane: &LaneId, _next: u64) -> Result<BTreeSet<Hash32>, Fault> {
        Ok(BTreeSet::new())
    }

    /// Hears where the store knows that the wallet's coins can be, before anything is asked. A
    /// later one with more rescans asks for a look at every address. Chains without coins have no
    /// use for it (case F100).
    fn remind(&self, _places: &CoinPlaces) {}

    /// Returns where the wallet's coins can be, as of the last look. None where that did not learn
    /// it.
    fn coin_places(&self) -> Option<CoinPlaces> {
        None
    }

    /// A transaction that pays nobody, at this number; none where transactions do not wait in line.
    async fn fill(
        &self,
        _lane: &LaneId,
        _number: u64,
        _offer: Offer,
    ) -> Result<Option<Draft>, Fault> {
        Ok(None)
    }

    /// The same transaction at another place in the lane's line.
    fn renumbered(&self, lane: &LaneId, draft: &Draft, number: u64) -> Draft;

    /// A further attempt of a lineage at this offer, at all its anchors, and who joins by it; or in
    /// words why there is none now.
    async fn successor(&self, next: &NextVersion<'_>) -> Result<Result<Ready, String>, Fault>;

    /// Returns whether the lineage's newest version spends something that the last look did not
    /// find any more, and that not all its versions spend: no block takes it, and another one may
    /// do without.
    fn is_lost(&self, _lineage: &Lineage) -> bool {
        false
    }

    /// What those are given who sign a version besides us; in words, why there is nothing to sign
    /// for others.
    async fn handout(&self, _draft: &Draft, _signed: &Signed) -> Result<Handout, String> {
        Err(NOT_COSIGNED.to_owned())
    }

    /// The recorded bytes with the signatures that a file brings back, each verified; in words,
    /// what in it differs, and then nothing of it is taken over.
    fn cosigned(&self, _draft: &Draft, _signed: &Signed, _file: &[u8]) -> Result<Cosigned, String> {
        Err(NOT_COSIGNED.to_owned())
    }

    /// A transaction that spends what a stuck one leaves to the wallet, and pays for both; or in
    /// words why there is none. Where the chain takes payments in line there never is.
    async fn child(
        &self,
        _stuck: &NextVersion<'_>,
        _number: u64,
        _rules: &ChainRules,
    ) -> Result<Result<Draft, String>, Fault> {
        Ok(Err("this chain knows no children that pay for their parents".to_owned()))
    }

    /// Sends recorded bytes to every endpoint. The answers explain; they prove nothing.
    async fn broadcast(&self, bytes: &[Signed]) -> Vec<Sent>;

    /// Looks for what became of the watched lineages, agreed by quorum.
    async fn watch(&self, watch: &Watch) -> Result<Sightings, Fault>;

    /// Asks every endpoint by itself what its pool holds of the wallet at this number of its line
    /// and above, which the book does not know. Silence and low counts prove nothing; bytes that
    /// the wallet's key has signed prove themselves (case F91). On chains without numbers nothing
    /// is looked for.
    async fn pool(&self, _lane: &LaneId, _from: u64) -> Result<Pool, Fault> {
        Ok(Pool::default())
    }

    /// The transactions that spend the wallet's coins, known or not: in blocks above those of the
    /// trail, and in any endpoint's pool, then without a block. On chains with numbers
    /// [`Chain::pool`] and [`Chain::watch`] tell (cases F89, F91).
    async fn outgoing(&self, _watch: &Watch) -> Result<Vec<Foreign>, Fault> {
        Ok(Vec::new())
    }

    /// Reads signed bytes back, where they are a transaction of this wallet in the form in which we
    /// make them.
    fn read_back(&self, _lane: &LaneId, _raw: &Bytes) -> Option<Shown> {
        None
    }

    /// Whether a claim's signature is still good: a contract wallet may have changed its mind or
    /// its owner since (window F85). A key's signature always is, and nobody is asked.
    async fn claim_stands(&self, wallet: &Destination, claim: &ClaimRecord) -> Result<bool, Fault>;

    /// Whether the asset itself works at all: separates a bad recipient from a paused token (window
    /// F49).
    async fn probe(&self, lane: &LaneId, asset: &AssetId) -> Result<bool, Fault>;
}

/// Facts that are pinned at the first start and compared at every later one, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// For example `chain_id`, `genesis`, `decimals/DG`, `code/DG`.
    pub pins: BTreeMap<String, String>,
    /// The wallet is a contract or carries a delegation (EIP-7702).
    pub wallet_has_code: bool,
}

/// A destination in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedDestination(pub Destination);

/// Why a destination is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedDestination {
    /// `wrong` says what it is and what to do; `allowed` is the general form; `paste` is what to
    /// give instead, where that is certain.
    #[error("{got:?} is not an address of this chain: {wrong}")]
    Invalid { got: String, wrong: String, allowed: String, paste: Option<String> },
    #[error("{got} may not be paid: it is {what}")]
    Forbidden { got: String, what: String },
}

/// What a wallet holds of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FundsReading {
    pub asset: AssetId,
    pub balance: Amount,
}

/// Payments that the lane would like to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRequest<'a> {
    pub lane: LaneId,
    /// The first free place in the lane's line.
    pub first: u64,
    pub offer: Offer,
    pub legs: Vec<Leg>,
    /// What unmined payments of the wallet may still take, per asset, fees included: it is no
    /// longer there for these.
    pub committed: BTreeMap<AssetId, Amount>,
    /// The highest block whose payments no longer count as committed: what the wallet holds is read
    /// there or above ([`Fault::Behind`]).
    pub booked: u64,
    /// Lineages that no block holds yet. What they consume is not free, whether or not anyone has
    /// seen it.
    pub live: &'a [Lineage],
}

/// Another version of a transaction that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct NextVersion<'a> {
    pub lineage: &'a Lineage,
    /// To do what the latest attempt does, or to pay nobody.
    pub purpose: Purpose,
    pub offer: Offer,
    /// As in [`PlanRequest`].
    pub live: &'a [Lineage],
    /// Payments that wait and may join, oldest first, where the chain can pay them in the same
    /// transaction.
    pub waiting: &'a [Leg],
}

/// What became of the payments asked for: each is in one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Planning {
    /// At consecutive numbers.
    pub ready: Vec<Ready>,
    pub waiting: Vec<(Leg, Obstacle)>,
}

/// A transaction that the chain would carry, and everybody whom it pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub legs: Vec<Leg>,
    pub draft: Draft,
}

/// What keeps a payment back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The chain says that this payment would revert, or would do something else than asked.
    WouldFail { reason: String },
    /// Endpoints that answer all else have no answer to this one: it is tried again, and later a
    /// person looks.
    Untold { reason: String },
    /// Too few endpoints could say, or they disagree: nobody is to blame, it is asked again.
    Unclear { reason: String },
    /// The wallet holds too little of the asset or of the fee coin.
    Unfunded { asset: AssetId, needed: Amount, held: Amount },
}

impl Obstacle {
    /// In words for those who run the instance, and of which kind it is.
    pub fn told(self, rules: &Rules) -> (String, DeferralCause) {
        match self {
            Self::WouldFail { reason } => (reason, DeferralCause::WouldFail),
            Self::Untold { reason } => (
                format!("no endpoint can say what this payment would do: {reason}"),
                DeferralCause::Untold,
            ),
            Self::Unclear { reason } => (reason, DeferralCause::Unclear),
            Self::Unfunded { asset, needed, held } => {
                let said = format!(
                    "the wallet holds {} and needs {}",
                    rules.shown(&asset, held),
                    rules.shown(&asset, needed)
                );
                (said, DeferralCause::Unfunded { asset, needed })
            }
        }
    }
}

/// What the endpoints answered to one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub hash: Hash32,
    pub submissions: Vec<Submission>,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub lane: LaneId,
    /// The next nonce that we would reserve.
    pub next_nonce: u64,
    /// From this nonce on the key is ours alone.
    pub adopted_from: u64,
    pub confirmations: u32,
    /// Blocks that were searched before, lowest first.
    pub trail: Vec<BlockRef>,
    pub lineages: Vec<WatchedLineage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedLineage {
    pub lineage: LineageId,
    /// Its place in the lane's line: the nonce, on chains that have nonces.
    pub number: u64,
    pub legs: Vec<Leg>,
    pub attempts: Vec<WatchedAttempt>,
}

/// A signed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedAttempt {
    pub attempt: AttemptId,
    pub purpose: Purpose,
    pub hash: Hash32,
    pub draft: Draft,
    /// The block in which it was last seen.
    pub included: Option<BlockRef>,
    pub confirmed: bool,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sightings {
    pub tip: Tip,
    /// Blocks searched by now, lowest first, at most [`adit_core::TRAIL_BLOCKS_MAX`].
    pub trail: Vec<BlockRef>,
    pub sightings: Vec<Sighting>,
    /// Transactions of the wallet that no watched attempt explains.
    pub foreign: Vec<Foreign>,
    /// What consumed a number is still being looked for, in older blocks: the next look goes on.
    pub searching: bool,
}

/// A transaction of our key that we did not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub nonce: u64,
    /// None where a nonce was consumed without a transaction (EIP-7702 authorisation), or it was
    /// not found.
    pub hash: Option<Hash32>,
    /// In words: what it does, to whom, how much.
    pub decoded: String,
    /// The block that holds it, where it was found.
    pub block: Option<BlockRef>,
    /// What it paid whom, as far as it succeeded and can be read.
    pub outflows: Vec<Outflow>,
    /// The raw transaction, where an endpoint had it.
    pub raw: Option<Bytes>,
}

impl Foreign {
    /// Returns whether its transaction or its block is known, so that what used the number is no
    /// mystery.
    pub fn is_placed(&self) -> bool {
        self.hash.is_some() || self.block.is_some()
    }
}

/// The answers of all endpoints' pools about one wallet, beyond the numbers that the book knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pool {
    /// Endpoints that count further than the book.
    pub ahead: Vec<Ahead>,
    /// Whatever any endpoint showed, lowest number first.
    pub shown: Vec<Shown>,
    /// Endpoints that were asked and do not count further.
    pub level: usize,
}

/// An endpoint that counts more transactions of a wallet than the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    pub endpoint: EndpointName,
    /// The number that is free there.
    pub next: u64,
}

/// A transaction of the wallet that the book does not know, whole: its bytes are signed by the
/// wallet's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub signed: Signed,
    pub draft: Draft,
    /// The payment that it makes of one of our assets. None where it makes none.
    pub outflow: Option<Outflow>,
    /// In words: what it does, to whom, how much.
    pub decoded: String,
}

/// One payment out of a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outflow {
    pub asset: AssetId,
    pub destination: Destination,
    pub amount: Amount,
}
