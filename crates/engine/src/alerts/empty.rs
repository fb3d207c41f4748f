//! Wallets that are empty while withdrawals wait for them: one alert for each wallet and asset,
//! however many wait (abuse case +33).

use std::collections::BTreeMap;

use adit_core::{
    Amount, AssetId, ChainKind, DeferralCause, LaneId, LaneView, State, Timestamp, Withdrawal, free,
};

use super::Alert;

/// Of those that wait so many are counted, oldest first.
pub(super) const WAITING_COUNTED_MAX: usize = 10_000;

/// Those that wait for one asset, together.
struct Line {
    waiting: u64,
    needed: Amount,
    since: Timestamp,
}

/// Returns what the lane's wallet has too little of, for those that were deferred.
pub(super) fn empty(view: &LaneView, deferred: &[Withdrawal]) -> Vec<Alert> {
    alerts(
        &view.lane.id,
        |asset| usable(view, asset),
        deferred.iter().map(|withdrawal| &withdrawal.state),
    )
}

fn alerts<'a>(
    lane: &LaneId,
    usable: impl Fn(&AssetId) -> Option<Amount>,
    deferred: impl Iterator<Item = &'a State>,
) -> Vec<Alert> {
    let alert = |(asset, line): (&AssetId, Line)| {
        let Line { waiting, needed, since } = line;
        // Unknown is not zero: nothing is said of a balance that nobody has read.
        let missing = needed.saturating_sub(usable(asset)?);
        let (lane, asset) = (lane.to_string(), asset.clone());
        (!missing.is_zero()).then_some(Alert::WalletEmpty { lane, asset, waiting, missing, since })
    };
    lines(deferred).into_iter().filter_map(alert).collect()
}

fn lines<'a>(deferred: impl Iterator<Item = &'a State>) -> BTreeMap<&'a AssetId, Line> {
    let mut lines: BTreeMap<&AssetId, Line> = BTreeMap::new();
    for (asset, needed, since) in deferred.filter_map(unfunded) {
        let line = lines.entry(asset).or_insert(Line { waiting: 0, needed: Amount::ZERO, since });
        line.waiting += 1;
        line.needed = line.needed.checked_add(needed).unwrap_or(Amount::MAX);
        line.since = line.since.min(since);
    }
    lines
}

/// Returns what is waited for: the asset, how much of it, and since when.
fn unfunded(state: &State) -> Option<(&AssetId, Amount, Timestamp)> {
    let State::Approved { deferred: Some(deferral), at, .. } = state else { return None };
    let DeferralCause::Unfunded { asset, needed } = &deferral.cause else { return None };
    Some((asset, *needed, deferral.since.unwrap_or(*at)))
}

/// Returns what the wallet has beyond what payments under way take. A balance in bitcoin is told
/// without that already.
fn usable(view: &LaneView, asset: &AssetId) -> Option<Amount> {
    match view.chain.kind {
        ChainKind::Evm => free(view, asset),
        ChainKind::Bitcoin => view.lane.balance_of(asset).map(|held| held.balance),
    }
}

#[cfg(test)]
mod tests {
    use adit_core::{Actor, Deferral};

    use super::*;

    fn asset(name: &str) -> AssetId {
        name.parse().expect("an asset")
    }

    fn deferred(cause: DeferralCause, since: Option<i64>) -> State {
        let (reason, since) = ("no".to_owned(), since.map(Timestamp::from_seconds));
        let deferral = Deferral {
            reason,
            tries: 0,
            until: Timestamp::from_seconds(900),
            cause,
            looks: 3,
            since,
        };
        State::Approved {
            by: Actor::Engine,
            at: Timestamp::from_seconds(50),
            deferred: Some(deferral),
            after: None,
        }
    }

    fn needs(name: &str, needed: u128, since: i64) -> State {
        deferred(
            DeferralCause::Unfunded { asset: asset(name), needed: Amount::new(needed) },
            Some(since),
        )
    }

    fn told(held: &[(&str, u128)], waiting: &[State]) -> Vec<(String, u64, u128, i64)> {
        let lane: LaneId = "base:0x1".parse().expect("a lane");
        let usable = |wanted: &AssetId| {
            held.iter().find(|(name, _)| asset(name) == *wanted).map(|(_, held)| Amount::new(*held))
        };
        let shown = |alert: Alert| match alert {
            Alert::WalletEmpty { asset, waiting, missing, since, .. } => {
                (asset.to_string(), waiting, missing.base_units(), since.seconds())
            }
            other => panic!("{other:?}"),
        };
        alerts(&lane, usable, waiting.iter()).into_iter().map(shown).collect()
    }

    /// +33: four hundred that wait are one alert. What is missing is what pays them all, and the
    /// oldest says since when.
    #[test]
    fn p33_an_empty_wallet_is_one_alert_for_each_asset_however_many_wait() {
        let mut waiting: Vec<State> =
            (0..400).map(|number| needs("DG", 50, 700 - number)).collect();
        waiting.extend([
            needs("ETH", 7, 90),
            deferred(DeferralCause::Unclear, Some(1)),
            deferred(DeferralCause::WouldFail, Some(1)),
        ]);
        let (dg, eth) = ("DG".to_owned(), "ETH".to_owned());
        assert_eq!(
            told(&[("DG", 0), ("ETH", 0)], &waiting),
            [(dg.clone(), 400, 20_000, 301), (eth, 1, 7, 90)]
        );
        assert_eq!(
            told(&[("DG", 60), ("ETH", 7)], &waiting),
            [(dg, 400, 19_940, 301)],
            "some could be paid, and not all"
        );
        assert_eq!(told(&[("DG", 20_000), ("ETH", 7)], &waiting), [], "refilled");
        assert_eq!(told(&[], &waiting), [], "an unknown balance is not zero");
    }

    #[test]
    fn a_deferral_of_before_counts_since_its_approval() {
        let cause = DeferralCause::Unfunded { asset: asset("DG"), needed: Amount::new(1) };
        assert_eq!(told(&[("DG", 0)], &[deferred(cause, None)]), [("DG".to_owned(), 1, 1, 50)]);
    }
}
