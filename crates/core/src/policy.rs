//! What may be withdrawn: minimum, maximum, fee, cooldown, windows, tiers. Configuration, numbered
//! by revision.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Amount, Asset, AssetForm, AssetId, Book, ChainName, Consolidation, Hash32, LaneId, Patience,
    Rate, Share, Span, Tier, Timestamp,
};

/// Everything that decisions are made by, besides state. One revision is one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    pub revision: u64,
    pub assets: BTreeMap<AssetId, AssetRules>,
    pub chains: BTreeMap<ChainName, ChainRules>,
    pub claims: Option<ClaimRules>,
    /// How long a newly linked wallet waits when its user already had one.
    pub wallet_cooling: Span,
    /// Cancels that one user may make in 24 hours.
    pub cancels_per_day_max: u32,
}

/// An asset and what may be withdrawn of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetRules {
    pub asset: Asset,
    pub policy: Policy,
    /// Policies of users in a tier; a tier that is not named here has the default one.
    pub tiers: BTreeMap<Tier, Policy>,
}

impl AssetRules {
    pub fn policy_for(&self, tier: Option<&Tier>) -> &Policy {
        tier.and_then(|tier| self.tiers.get(tier)).unwrap_or(&self.policy)
    }
}

/// Limits of one asset, in its base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub minimum: Amount,
    pub maximum: Option<Amount>,
    pub fee: Fee,
    /// Least time between two accepted withdrawals of a user.
    pub cooldown: Option<Span>,
    pub windows: Vec<WindowLimit>,
    /// Above this a person approves.
    pub approve_above: Option<Amount>,
}

/// What we charge for a withdrawal: a flat part and a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fee {
    pub flat: Amount,
    /// Hundredths of a percent of the amount, rounded up.
    pub basis_points: u32,
    /// Taken from the amount, so that what was asked is what the balance loses; else on top of it.
    #[serde(default)]
    pub from_amount: bool,
}

impl Fee {
    /// The fee of `amount`; none where it would exceed 2^128 - 1.
    pub fn of(self, amount: Amount) -> Option<Amount> {
        let share = Rate::new(u128::from(self.basis_points), 10_000)?.apply_ceil(amount)?;
        self.flat.checked_add(share)
    }
}

/// At most `max` accepted and not given back within `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowLimit {
    pub window: Window,
    pub max: Amount,
}

/// A stretch of time that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "window")]
pub enum Window {
    Rolling24h,
    Rolling7d,
    Rolling30d,
    /// Since midnight of the zone that is `offset_minutes` east of UTC.
    CalendarDay {
        offset_minutes: i32,
    },
}

impl Window {
    /// Entries *after* this moment count. An entry exactly at the cut-off does not.
    pub fn cutoff(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Rolling24h => now.minus(Span::from_hours(24)),
            Self::Rolling7d => now.minus(Span::from_hours(7 * 24)),
            Self::Rolling30d => now.minus(Span::from_hours(30 * 24)),
            Self::CalendarDay { offset_minutes } => {
                Timestamp::from_micros(now.start_of_day(offset_minutes).micros() - 1)
            }
        }
    }

    /// When an entry made at `at` stops counting.
    pub fn leaves(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Rolling24h => at.plus(Span::from_hours(24)),
            Self::Rolling7d => at.plus(Span::from_hours(7 * 24)),
            Self::Rolling30d => at.plus(Span::from_hours(30 * 24)),
            Self::CalendarDay { offset_minutes } => {
                at.start_of_day(offset_minutes).plus(Span::from_hours(24))
            }
        }
    }
}

/// How points become a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRules {
    pub points: AssetId,
    pub book: Book,
    pub asset: AssetId,
    /// Whole tokens per whole point.
    pub rate: Rate,
    /// A deadline may be at most this far ahead.
    pub deadline_ahead_max: Span,
}

/// Which kind of chain it is, for those who show its transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainKind {
    Evm,
    Bitcoin,
}

impl ChainKind {
    /// Digits after the point of a coin's whole unit: 10^18 wei, 10^8 satoshi.
    pub const fn coin_decimals(self) -> u8 {
        match self {
            Self::Evm => 18,
            Self::Bitcoin => 8,
        }
    }

    /// A transaction's hash as people write it there.
    pub fn shown(self, hash: Hash32) -> String {
        match self {
            Self::Evm => hash.to_string(),
            Self::Bitcoin => hash.hex(),
        }
    }

    /// A text with the hashes in it as people write them there.
    pub fn written(self, text: &str) -> String {
        let mut written = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(HASH_PREFIX).filter(|_| self == Self::Bitcoin) {
            let (before, hash) = rest.split_at(at);
            let digits = &hash[HASH_PREFIX.len()..];
            let is_hash = digits.bytes().take_while(u8::is_ascii_hexdigit).count() == HASH_DIGITS;
            written.push_str(before);
            written.push_str(if is_hash { "" } else { HASH_PREFIX });
            rest = digits;
        }
        written + rest
    }
}

const HASH_PREFIX: &str = "0x";
const HASH_DIGITS: usize = 64;

/// How one chain is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainRules {
    pub name: ChainName,
    pub kind: ChainKind,
    /// The asset that fees are paid in.
    pub native: AssetId,
    /// The wallet that pays.
    pub lane: LaneId,
    /// Blocks, the including one counted, after which the user is told.
    pub confirmations: u32,
    pub finality: Finality,
    pub trust: Trust,
    /// Lineages of one wallet that may be unfinal and unmined at once. geth guarantees 16.
    pub in_flight_max: u32,
    /// Under a new lease one transaction of ours is mined before anyone new is paid. Of chains
    /// whose payments wait in line.
    #[serde(default)]
    pub slow_start: bool,
    /// Attempts of one lineage, the first counted.
    pub attempts_max: u32,
    /// How long an attempt may wait in the pool before it is bumped.
    pub bump_after: Span,
    /// How long before unmined bytes are sent again.
    pub rebroadcast_after: Span,
    /// Most that an attempt may offer: wei per gas, or satoshi per 1000 virtual bytes.
    pub offer_max: u128,
    /// Most that one transaction may cost, in base units of the native coin.
    pub fee_per_transaction_max: Amount,
    /// Most that a transaction may cost of what it pays, where both are of one coin.
    pub fee_share_max: Option<Share>,
    /// How long a payout may wait for a cheaper network; without it none waits.
    pub patience: Option<Patience>,
    /// Where one transaction can pay many: how it is filled.
    pub batching: Option<Batching>,
    /// When small coins are made one; without it they are left alone.
    pub consolidation: Option<Consolidation>,
    /// A head older than this means that the endpoints stand still: nothing new is planned (window
    /// F42).
    pub head_age_max: Option<Span>,
    /// The chain makes a block only when there is something in it: its head may be of any age,
    /// except while a payment of ours waits for one.
    pub blocks_on_demand: bool,
    /// Failed prechecks after which a payout that never reserved anything is given back.
    pub precheck_tries_max: u32,
    /// Wait after a failed precheck; doubles with every try.
    pub precheck_backoff: Span,
}

impl ChainRules {
    /// An amount of the chain's own coin as people write it: whole units, and the coin's name.
    pub fn coins(&self, amount: Amount) -> String {
        format!("{} {}", amount.to_units(self.kind.coin_decimals()), self.native)
    }
}

/// How payouts come together in one transaction. 20 payees save 95 % of what can be saved, 100 save
/// 99 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batching {
    /// How long the first waits for others.
    pub gather: Span,
    /// So many do not wait any longer, and one transaction pays no more.
    pub payouts_max: u16,
}

/// When a block can no longer revert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finality")]
pub enum Finality {
    /// The node's `finalized` tag.
    Tag,
    /// So many blocks on top of the including one.
    Depth { blocks: u32 },
}

/// How many endpoints must say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Two, or more than half of them.
    Quorum,
    /// One: an explicit choice, said in every *why*.
    Single,
}

impl Rules {
    pub fn asset(&self, id: &AssetId) -> Option<&AssetRules> {
        self.assets.get(id)
    }

    /// An amount as people write it: whole units, and the asset's name. Of an asset that is not
    /// configured base units are known alone.
    pub fn shown(&self, asset: &AssetId, amount: Amount) -> String {
        match self.asset(asset) {
            Some(rules) => format!("{} {asset}", amount.to_units(rules.asset.decimals)),
            None => format!("{amount} base units of {asset}"),
        }
    }

    /// Returns the rules by which `points` are claimed as `asset`.
    pub fn claims_of(&self, points: &AssetId, asset: &AssetId) -> Option<&ClaimRules> {
        self.claims.as_ref().filter(|claims| (&claims.points, &claims.asset) == (points, asset))
    }

    /// The chain that pays `asset`; none for points and unknown assets.
    pub fn chain_of(&self, asset: &AssetId) -> Option<&ChainRules> {
        self.chains.get(self.assets.get(asset)?.asset.chain()?)
    }

    pub fn chain_of_lane(&self, lane: &LaneId) -> Option<&ChainRules> {
        self.chains.get(&lane.chain)
    }

    /// Every window that some policy of `asset` limits, each once.
    pub fn windows_of(&self, asset: &AssetId) -> Vec<Window> {
        let Some(rules) = self.assets.get(asset) else { return Vec::new() };
        let policies = std::iter::once(&rules.policy).chain(rules.tiers.values());
        let mut windows: Vec<Window> =
            policies.flat_map(|policy| policy.windows.iter().map(|limit| limit.window)).collect();
        windows.sort();
        windows.dedup();
        windows
    }

    /// Assets that one chain pays.
    pub fn assets_on<'a>(&'a self, chain: &'a ChainName) -> impl Iterator<Item = &'a Asset> {
        self.assets.values().map(|rules| &rules.asset).filter(move |asset| match &asset.form {
            AssetForm::Points => false,
            AssetForm::Native { chain: at } | AssetForm::Token { chain: at, .. } => at == chain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_on_its_chain_and_nothing_else_is_touched() {
        let hash = Hash32([0xab; 32]);
        let text = |hash: &str| format!("0x{} 0xab, ({hash}) {hash}, 0x{}", "ab".repeat(33), "0x");
        assert_eq!(ChainKind::Bitcoin.written(&text(&hash.to_string())), text(&hash.hex()));
        assert_eq!(ChainKind::Evm.written(&text(&hash.to_string())), text(&hash.to_string()));
        assert_eq!(ChainKind::Bitcoin.written(&hash.to_string()), ChainKind::Bitcoin.shown(hash));
        assert_eq!(ChainKind::Bitcoin.written("0x"), "0x");
    }
}
