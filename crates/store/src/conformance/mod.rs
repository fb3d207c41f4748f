//! What every store must do, as tests that any of them runs: `adit_store::conformance!(bed)` in a
//! test file, where `bed()` makes a fresh one.

#![allow(clippy::missing_panics_doc)]

pub mod commits;
pub mod constraints;
pub mod credentials;
pub mod dump;
pub mod groups;
pub mod journal;
pub mod limits;
pub mod lists;
pub mod pace;
pub mod rows;
pub mod sample;
pub mod script;

use std::sync::Arc;

use async_trait::async_trait;

use crate::Store;

/// A fresh store, and the means to open it again.
#[async_trait]
pub trait Bed: Send + Sync {
    fn store(&self) -> Arc<dyn Store>;

    /// Closes it, as the end of the process would, and opens what is kept.
    async fn reopen(&mut self);
}

/// One test per case, each on a fresh bed: `$bed` is an async function without arguments.
#[macro_export]
macro_rules! conformance {
    ($bed:path) => {
        $crate::conformance! { $bed;
            rows: round_trip_of_every_row, absent_rows_are_absent, a_restart_keeps_everything, policy_revisions_go_by_text;
            credentials: keys_are_listed_revoked_and_noted, the_ends_of_feeds_are_read_together;
            commits: a_moved_version_is_contention, a_dropped_group_changes_nothing, group_ids_are_read_back,
                time_never_goes_back, f97_one_commit_years_ahead_holds_no_time, an_empty_group_is_committed, first_incarnations_meet, a_payment_is_matched_to_its_user,
                amounts_of_any_size_survive, suspensions_fail_closed;
            constraints: anchor_live_unique, payout_live_unique, attempt_bytes_once, attempt_bytes_gain_signatures, withdrawal_digest_unique,
                withdrawal_claim_nonce_unique, idempotency_unique, credit_unique, transfer_unique, hold_resolved_once,
                limit_entry_seq_unique, limit_given_back_once, event_unique, event_feed_unique, credential_unique,
                credential_hash_unique, wallet_owner, account_not_overdrawn, commit_group_pk,
                an_ended_lineage_frees_its_anchors_and_payouts;
            groups: contending_groups_lose_nothing, groups_of_many_commands, a_claim_is_accepted_once_whoever_asks;
            limits: windows_equal_a_naive_model;
            lists: pages_and_cursors, the_queue_is_oldest_first, f97_a_deferral_years_ahead_is_in_the_queue, f102_what_is_stopped_hides_nobody,
                p33_the_deferred_are_found_before_and_after_their_time, p31_those_ahead_are_counted, feeds_and_histories, fees_in_doubt, live_lineages_in_order, unmined_lineages_in_order,
                lineages_by_their_number, lineages_by_what_they_signed, lineages_of_a_lane_by_the_page, every_lane_in_order, withdrawals_by_their_ids,
                coverage_and_accounts;
            journal: the_same_journal_gives_the_same_dump;
        }
    };
    ($bed:path; $($module:ident: $($case:ident),+ $(,)?;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                let mut bed = $bed().await;
                $crate::conformance::$module::$case(&mut bed).await;
            }
        )+)+
    };
}
