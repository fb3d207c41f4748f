//! Everything that a store answers, as text: two stores that went through the same are the same.

use std::fmt::Write;

use adit_core::{Timestamp, Withdrawal};

use super::sample::{lane_id, token};
use crate::{QueueFilter, Store, WithdrawalFilter};

const PAGE_ROWS: usize = 7;
const ROWS_MAX: usize = 100_000;
const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// Texts are compared by people when they differ: one line per row.
pub async fn dump(store: &dyn Store) -> String {
    let mut text = String::new();
    let withdrawals = every_withdrawal(store).await;
    lines(&mut text, "account", store.accounts().await.expect("accounts"));
    lines(&mut text, "coverage", store.coverage().await.expect("coverage"));
    lines(&mut text, "count", store.counts().await.expect("counts"));
    lines(&mut text, "suspension", store.suspensions().await.expect("suspensions"));
    lines(
        &mut text,
        "live",
        store.live_lineages(&lane_id(), ROWS_MAX).await.expect("live lineages"),
    );
    lines(
        &mut text,
        "queue",
        store.queue(&QueueFilter::of(vec![token()]), NEVER, ROWS_MAX).await.expect("queue"),
    );
    lines(&mut text, "lane", store.lanes().await.expect("lanes"));
    lines(&mut text, "incarnation", store.incarnation().await.expect("incarnation"));
    for withdrawal in &withdrawals {
        lines(&mut text, "withdrawal", [withdrawal]);
        lines(&mut text, "history", store.history(withdrawal.id).await.expect("history"));
        lines(&mut text, "user", store.user(&withdrawal.user).await.expect("user"));
        lines(&mut text, "feed", store.feed(&withdrawal.user, 0, ROWS_MAX).await.expect("feed"));
        for lineage in store.lineages_of(withdrawal.id).await.expect("lineages") {
            for attempt in &lineage.attempts {
                lines(
                    &mut text,
                    "observation",
                    store.observations(attempt.id, ROWS_MAX).await.expect("observations"),
                );
            }
            lines(&mut text, "lineage", [lineage]);
        }
    }
    text
}

/// Page by page.
pub async fn every_withdrawal(store: &dyn Store) -> Vec<Withdrawal> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store
            .withdrawals(&WithdrawalFilter::default(), after, PAGE_ROWS)
            .await
            .expect("a page");
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

fn lines<T: std::fmt::Debug>(text: &mut String, what: &str, rows: impl IntoIterator<Item = T>) {
    for row in rows {
        writeln!(text, "{what}: {row:?}").expect("a string takes text");
    }
}
