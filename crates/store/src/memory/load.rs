//! Loads what a group of commands named.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::{Anchor, Keys, Row, Slot, Timestamp, View};

use super::limits::LimitHistory;
use super::tables::Tables;

pub(super) fn view(tables: &Tables, keys: &Keys, now: Timestamp) -> View {
    let now = tables.moment(now);
    let mut view = View::default();
    view.users = slots(&tables.users, &keys.users);
    view.wallets = slots(&tables.wallets, &keys.wallets);
    view.accounts = slots(&tables.accounts, &keys.accounts);
    view.withdrawals = slots(&tables.withdrawals, &keys.withdrawals);
    view.lineages = slots(&tables.lineages, &keys.lineages);
    view.lanes = slots(&tables.lanes, &keys.lanes);
    view.digests = found(&tables.digests, &keys.digests);
    view.claim_nonces = found(&tables.claim_nonces, &keys.claim_nonces);
    view.idempotency = found(&tables.idempotency, &keys.idempotency);
    view.credits = found(&tables.credits, &keys.credits);
    view.credentials = found(&tables.credentials, &keys.credentials);
    view.payouts = found(&tables.live_payouts, &keys.payouts);
    let holder = |anchor: &Anchor| tables.live_anchors.get(&anchor.to_string()).copied();
    view.anchors = keys.anchors.iter().map(|anchor| (anchor.clone(), holder(anchor))).collect();
    view.incarnation = tables
        .incarnation
        .as_ref()
        .map_or_else(Slot::absent, |row| Slot::loaded(row.version, row.row.clone()));
    view.suspensions = tables.suspensions.clone();
    for (key, windows) in &keys.limits {
        let state = tables.limits.get(key).map_or_else(
            || LimitHistory::default().state(windows, now),
            |history| history.state(windows, now),
        );
        view.limits.insert(key.clone(), state);
    }
    view.now = now;
    view
}

fn slots<K: Ord + Clone, T: Clone>(
    rows: &BTreeMap<K, Row<T>>,
    keys: &BTreeSet<K>,
) -> BTreeMap<K, Slot<T>> {
    let slot = |key| {
        rows.get(key).map_or_else(Slot::absent, |row| Slot::loaded(row.version, row.row.clone()))
    };
    keys.iter().map(|key| (key.clone(), slot(key))).collect()
}

fn found<K: Ord + Clone, T: Clone>(
    rows: &BTreeMap<K, T>,
    keys: &BTreeSet<K>,
) -> BTreeMap<K, Option<T>> {
    keys.iter().map(|key| (key.clone(), rows.get(key).cloned())).collect()
}
