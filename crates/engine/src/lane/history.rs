//! Transactions of our wallet that nobody here remembers, held against the withdrawals that wait.
//!
//! After a restore of database and journal together both forgot the same payments; the chain did not (window F89). A withdrawal that equals
//! such a payment is not paid before a person has looked at it.

use std::collections::BTreeSet;
use std::ops::Range;

use adit_chain::{Foreign, Outflow, Watch};
use adit_core::{Command, Epoch, Lane, Payment, Status, Timestamp, Withdrawal};
use adit_store::WithdrawalFilter;

use super::{LaneTask, RoundError};

/// Waiting withdrawals that are compared.
const WAITING_MAX: usize = 20_000;
/// Rounds of questions about the wallet's past; each explains several nonces.
const LOOKS_MAX: usize = 1_000;

impl LaneTask {
    /// Withdrawals that this lane would pay and has not begun to.
    pub(super) async fn waiting(&self) -> Result<Vec<Withdrawal>, RoundError> {
        let assets = self.assets();
        let for_ever = Timestamp::from_micros(i64::MAX);
        let mut waiting = self.engine.store().queue(&assets, for_ever, WAITING_MAX).await?;
        for asset in assets {
            let pending = WithdrawalFilter { asset: Some(asset), status: Some(Status::Pending), ..WithdrawalFilter::default() };
            waiting.extend(self.engine.store().withdrawals(&pending, None, WAITING_MAX).await?.items);
        }
        Ok(waiting)
    }

    /// Reads the wallet's transactions at these nonces and hands every waiting withdrawal that equals one of them to a person.
    pub(super) async fn suspect_history(&self, epoch: Epoch, nonces: Range<u64>, waiting: &[Withdrawal]) -> Result<(), RoundError> {
        let history = self.history(nonces).await?;
        self.suspect(epoch, &history, waiting).await
    }

    pub(super) async fn suspect(&self, epoch: Epoch, history: &[Foreign], waiting: &[Withdrawal]) -> Result<(), RoundError> {
        let mut commands = Vec::new();
        for withdrawal in waiting {
            let twin = history.iter().find(|foreign| foreign.outflows.iter().any(|outflow| equals(outflow, withdrawal)));
            let Some((twin, hash, block)) = twin.and_then(|twin| Some((twin, twin.hash?, twin.block?))) else { continue };
            tracing::error!(withdrawal = %withdrawal.id, transaction = %hash, "the wallet's history shows a payment like this one");
            commands.push(Command::Suspect {
                lane: self.id().clone(),
                owner: self.engine.replica,
                epoch,
                leg: withdrawal.leg(),
                payment: Payment { hash, block },
                finding: twin.decoded.clone(),
            });
        }
        self.commit(commands).await?;
        Ok(())
    }

    /// The wallet's transactions at these nonces, as far as the endpoints show them.
    pub(super) async fn history(&self, nonces: Range<u64>) -> Result<Vec<Foreign>, RoundError> {
        let mut found: Vec<Foreign> = Vec::new();
        let mut next = nonces.start;
        for _ in 0..LOOKS_MAX {
            if next >= nonces.end {
                break;
            }
            let seen = self.chain().watch(&self.look_from(next)).await?;
            let known: BTreeSet<u64> = seen.foreign.iter().map(|foreign| foreign.nonce).filter(|nonce| *nonce >= next).collect();
            found.extend(seen.foreign.into_iter().filter(|foreign| foreign.nonce >= next && foreign.nonce < nonces.end));
            let Some(last) = (next..nonces.end).take_while(|nonce| known.contains(nonce)).last() else { break };
            next = last + 1;
        }
        Ok(found)
    }

    /// A look at what came after the blocks that were searched.
    pub(super) fn look_since(&self, lane: &Lane) -> Watch {
        Watch { trail: lane.trail.clone(), adopted_from: lane.adopted_from, ..self.look_from(lane.next_nonce) }
    }

    /// A look at the wallet as if we had never used it from this nonce on.
    fn look_from(&self, nonce: u64) -> Watch {
        Watch {
            lane: self.id().clone(),
            next_nonce: nonce,
            adopted_from: nonce,
            confirmations: self.rules().confirmations,
            trail: Vec::new(),
            lineages: Vec::new(),
        }
    }
}

pub(super) fn equals(outflow: &Outflow, withdrawal: &Withdrawal) -> bool {
    outflow.asset == withdrawal.asset && outflow.destination == withdrawal.destination && outflow.amount == withdrawal.amount
}
