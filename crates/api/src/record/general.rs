//! The record of any withdrawal (requirement M3).

use std::collections::BTreeMap;

use adit_core::{
    Actor, ChainKind, ChainName, EventKind, HELD_TOLD, Hash32, Reader, Rules, State, Status,
    Withdrawal, confirmations,
};
use adit_store::{Store, StoreFault};
use futures::future::try_join_all;
use serde::Serialize;
use utoipa::ToSchema;

use super::{actor_name, ended_at, failure_sentence};
use crate::docs::shapes::{
    AssetName, BookName, Hash, Id, Status as StatusName, Time, Units, UserName,
};
use crate::state::ApiState;
use crate::units::{rfc3339, units};

/// A withdrawal. Amounts are strings of whole units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalView {
    #[schema(value_type = Id)]
    pub id: String,
    #[schema(value_type = UserName)]
    pub user_id: String,
    /// The asset that is paid.
    #[schema(value_type = AssetName)]
    pub token_type: String,
    #[schema(value_type = Units)]
    pub amount: String,
    pub to_address: String,
    /// `pending`, `approved`, `processing`, `completed`, `failed`, `cancelled` or
    /// `held_for_inspection`.
    #[schema(value_type = StatusName)]
    pub status: &'static str,
    /// `policy`, or the person's or application's key.
    pub approved_by: Option<String>,
    #[schema(value_type = Option<Hash>)]
    pub tx_hash: Option<String>,
    pub block_number: Option<u64>,
    #[schema(value_type = Time)]
    pub created_at: String,
    /// When it ended, whichever way.
    #[schema(value_type = Option<Time>)]
    pub completed_at: Option<String>,
    /// In `feeAsset`.
    #[schema(value_type = Units)]
    pub fee: String,
    #[schema(value_type = AssetName)]
    pub fee_asset: String,
    /// The book that it is taken from.
    #[schema(value_type = BookName)]
    pub pool: String,
    /// Why it was cancelled, deferred or held for inspection.
    pub reason: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Blocks on top of its own, that one counted; null where the chain's head is not known.
    pub confirmations: Option<u64>,
    /// Whether enough blocks confirmed it for the user to be told. Only `completed` is final.
    pub confirmed: bool,
    pub retry_count: u32,
}

/// The newest height of each chain, as the engine last saw it.
pub struct Heads(BTreeMap<ChainName, u64>);

impl Heads {
    /// # Errors
    /// [`StoreFault`].
    pub async fn read(store: &dyn Store, rules: &Rules) -> Result<Self, StoreFault> {
        let mut heads = BTreeMap::new();
        for chain in rules.chains.values() {
            if let Some(tip) = store.lane(&chain.lane).await?.and_then(|lane| lane.tip) {
                heads.insert(chain.name.clone(), tip.head.height);
            }
        }
        Ok(Self(heads))
    }
}

/// # Errors
/// [`StoreFault`].
pub async fn withdrawal_view(
    state: &ApiState,
    withdrawal: &Withdrawal,
    reader: Reader,
) -> Result<WithdrawalView, StoreFault> {
    let heads = Heads::read(state.store(), state.rules()).await?;
    let approved_by = approver(state.store(), withdrawal).await?;
    Ok(view(withdrawal, state.rules(), &heads, approved_by.as_ref(), reader))
}

/// Many at once, in their order.
///
/// # Errors
/// [`StoreFault`].
pub async fn withdrawal_views(
    state: &ApiState,
    withdrawals: &[Withdrawal],
    reader: Reader,
) -> Result<Vec<WithdrawalView>, StoreFault> {
    let heads = Heads::read(state.store(), state.rules()).await?;
    let approvers =
        try_join_all(withdrawals.iter().map(|withdrawal| approver(state.store(), withdrawal)))
            .await?;
    let both = withdrawals.iter().zip(&approvers);
    Ok(both
        .map(|(withdrawal, approver)| {
            view(withdrawal, state.rules(), &heads, approver.as_ref(), reader)
        })
        .collect())
}

/// Whoever approved it: in the state while it is approved, in its history from then on.
async fn approver(store: &dyn Store, withdrawal: &Withdrawal) -> Result<Option<Actor>, StoreFault> {
    match &withdrawal.state {
        State::Pending => Ok(None),
        State::Approved { by, .. } => Ok(Some(by.clone())),
        State::Processing { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => {
            let history = store.history(withdrawal.id).await?;
            let requested_by = history
                .iter()
                .find(|event| matches!(event.kind, EventKind::Requested { .. }))
                .map(|event| event.id);
            let approved = history.into_iter().find(|event| event.kind == EventKind::Approved);
            // What policy approves is approved in the commit that accepts it, so its event carries
            // the requester's name.
            Ok(approved.map(|event| {
                if by_policy(&event, requested_by) { Actor::Engine } else { event.actor }
            }))
        }
    }
}

fn by_policy(approved: &adit_core::Event, requested: Option<adit_core::EventId>) -> bool {
    let block = |id: adit_core::EventId| id.0.as_u128() >> 16;
    requested.is_some_and(|requested| block(requested) == block(approved.id))
}

fn view(
    withdrawal: &Withdrawal,
    rules: &Rules,
    heads: &Heads,
    approved_by: Option<&Actor>,
    reader: Reader,
) -> WithdrawalView {
    let (reason, error) = explanation(&withdrawal.state, reader);
    let head =
        rules.chain_of(&withdrawal.asset).and_then(|chain| heads.0.get(&chain.name)).copied();
    let block = withdrawal.state.block();
    WithdrawalView {
        id: withdrawal.id.to_string(),
        user_id: withdrawal.user.to_string(),
        token_type: withdrawal.asset.to_string(),
        amount: units(rules, &withdrawal.asset, withdrawal.amount),
        to_address: withdrawal.destination.to_string(),
        status: withdrawal.state.status().as_str(),
        approved_by: approved_by.map(actor_name),
        tx_hash: withdrawal.state.hash().map(|hash| shown(rules, withdrawal, hash)),
        block_number: block.map(|block| block.height),
        created_at: rfc3339(withdrawal.created_at),
        completed_at: ended_at(&withdrawal.state).map(rfc3339),
        fee: units(rules, &withdrawal.source_asset, withdrawal.fee),
        fee_asset: withdrawal.source_asset.to_string(),
        pool: withdrawal.book.to_string(),
        reason,
        error,
        confirmations: block.map_or(Some(0), |block| head.map(|head| confirmations(block, head))),
        confirmed: is_confirmed(&withdrawal.state),
        retry_count: withdrawal.retries,
    }
}

/// A transaction's hash as people write it on the chain that pays the withdrawal.
fn shown(rules: &Rules, withdrawal: &Withdrawal, hash: Hash32) -> String {
    rules.chain_of(&withdrawal.asset).map_or(ChainKind::Evm, |chain| chain.kind).shown(hash)
}

/// Whether the user may be told that the money is there.
pub(crate) fn is_confirmed(state: &State) -> bool {
    match state {
        State::Processing { confirmed_at, .. } => confirmed_at.is_some(),
        State::Pending
        | State::Approved { .. }
        | State::Completed { .. }
        | State::Failed { .. }
        | State::Cancelled { .. }
        | State::HeldForInspection { .. } => state.status() == Status::Completed,
    }
}

/// Why it waits or was cancelled, and why it failed. What nodes said is for those who run the
/// instance (abuse case +31).
fn explanation(state: &State, reader: Reader) -> (Option<String>, Option<String>) {
    match (state, reader) {
        (State::Approved { deferred: Some(deferral), .. }, Reader::Operator) => {
            (Some(deferral.reason.clone()), None)
        }
        (State::Approved { deferred: Some(deferral), .. }, Reader::User | Reader::Host) => {
            (Some(deferral.cause.told().to_owned()), None)
        }
        (State::Cancelled { reason, .. }, _) => (Some(reason.clone()), None),
        (State::HeldForInspection { finding, .. }, Reader::Operator) => {
            (Some(finding.clone()), None)
        }
        (State::HeldForInspection { .. }, Reader::User | Reader::Host) => {
            (Some(HELD_TOLD.to_owned()), None)
        }
        (State::Failed { failure, .. }, _) => (None, Some(failure_sentence(failure, reader))),
        (
            State::Pending
            | State::Approved { deferred: None, .. }
            | State::Processing { .. }
            | State::Completed { .. },
            _,
        ) => (None, None),
    }
}
