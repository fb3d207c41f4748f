//! Transactions of our wallet that nobody here remembers, held against the withdrawals that wait or
//! are under way.
//!
//! After a restore of database and journal together both forgot the same payments; the chain did
//! not (case F89). A withdrawal that equals such a payment is not paid before a person has looked
//! at it. The payments are kept: one that is asked for later, or planned anew, is held against
//! them, too (case F91).

use std::collections::BTreeSet;
use std::ops::Range;

use adit_chain::{Foreign, Outflow, Watch};
use adit_core::{
    Command, Epoch, Hash32, Lane, Leg, Mistake, Payment, Status, Stray, Timestamp, Twin, Wanted,
    Withdrawal, planted,
};
use adit_store::{QueueFilter, WithdrawalFilter};

use super::{LaneTask, RoundError};
use crate::LIVE_LINEAGES_MAX;

/// Waiting withdrawals that are compared.
const WAITING_MAX: usize = 20_000;
/// Rounds of questions about the wallet's past; each explains several nonces, or reads further back
/// for one.
const LOOKS_MAX: usize = 1_000;

impl LaneTask {
    /// Withdrawals that this lane would pay and has not begun to.
    pub(super) async fn waiting(&self) -> Result<Vec<Withdrawal>, RoundError> {
        let assets = self.assets();
        let for_ever = Timestamp::from_micros(i64::MAX);
        let mut waiting = self
            .engine
            .store()
            .queue(&QueueFilter::of(assets.clone()), for_ever, WAITING_MAX)
            .await?;
        for asset in assets {
            let pending = WithdrawalFilter {
                asset: Some(asset),
                status: Some(Status::Pending),
                ..WithdrawalFilter::default()
            };
            waiting
                .extend(self.engine.store().withdrawals(&pending, None, WAITING_MAX).await?.items);
        }
        Ok(waiting)
    }

    /// Reads the wallet's transactions at these nonces and holds everybody against them.
    pub(super) async fn suspect_history(
        &self,
        epoch: Epoch,
        nonces: Range<u64>,
    ) -> Result<(), RoundError> {
        let history = self.history(nonces).await?;
        self.suspect(epoch, &history).await
    }

    /// Keeps what blocks hold of these, repeats nothing that equals one of them, and hands every
    /// waiting withdrawal that does to a person.
    pub(super) async fn suspect(
        &self,
        epoch: Epoch,
        history: &[Foreign],
    ) -> Result<(), RoundError> {
        let explained = self.explained().await?;
        let is_open = |found: &&Foreign| {
            found.block.is_some() && found.hash.is_some_and(|hash| !explained.contains(&hash))
        };
        let history: Vec<Foreign> = history.iter().filter(is_open).cloned().collect();
        if history.is_empty() {
            return Ok(());
        }
        self.doubt(epoch, &outflows_of(&history)).await?;
        let strays = history.iter().flat_map(|found| self.strays(found)).collect();
        let (lane, owner) = (self.id().clone(), self.engine.replica);
        self.commit(vec![Command::NoteStrays { lane, owner, epoch, strays }]).await?;
        let mut commands = Vec::new();
        // After they are kept: who asks from now on waits by itself.
        for withdrawal in self.waiting().await? {
            let twin = history.iter().find(|foreign| {
                foreign
                    .outflows
                    .iter()
                    .any(|outflow| self.may_have_paid(outflow, &withdrawal.leg()))
            });
            let Some((twin, hash, block)) =
                twin.and_then(|twin| Some((twin, twin.hash?, twin.block?)))
            else {
                continue;
            };
            tracing::error!(
                withdrawal = %withdrawal.id,
                transaction = %hash,
                "the wallet's history shows a payment like this one"
            );
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

    /// Payments under way that equal one of these are not repeated: they are cancelled first, and
    /// then a person looks.
    pub(super) async fn doubt(
        &self,
        epoch: Epoch,
        outflows: &[(Hash32, Outflow)],
    ) -> Result<(), RoundError> {
        if outflows.is_empty() || planted(Mistake::StraysForgotten) {
            return Ok(());
        }
        let live = self.engine.store().live_lineages(self.id(), LIVE_LINEAGES_MAX).await?;
        let mut commands = Vec::new();
        for lineage in live.iter().filter(|lineage| lineage.included().is_none()) {
            let twin = outflows.iter().find(|(_, outflow)| {
                lineage.legs.iter().any(|leg| self.may_have_paid(outflow, leg))
            });
            let Some((hash, _)) = twin else { continue };
            tracing::error!(
                lineage = %lineage.id,
                transaction = %hash,
                "somebody of it may have been paid already; it is cancelled first"
            );
            let (lane, owner, because) =
                (self.id().clone(), self.engine.replica, Twin::Stray { hash: *hash }.to_string());
            commands.push(Command::Doubt {
                lane,
                owner,
                epoch,
                lineage: lineage.id,
                legs: lineage.legs.clone(),
                because,
            });
        }
        self.commit(commands).await?;
        Ok(())
    }

    /// Whether this may be the payment of the leg, alone or with others to the same recipient.
    fn may_have_paid(&self, outflow: &Outflow, leg: &Leg) -> bool {
        let wanted = Wanted {
            asset: &leg.asset,
            destination: &leg.destination,
            amount: leg.amount,
            kind: self.rules().kind,
        };
        wanted.may_be_in(&outflow.asset, &outflow.destination, outflow.amount)
    }

    /// Transactions of which a person has said what they were.
    async fn explained(&self) -> Result<BTreeSet<Hash32>, RoundError> {
        let strays =
            self.engine.store().incarnation().await?.map(|known| known.strays).unwrap_or_default();
        let open: BTreeSet<Hash32> = strays
            .iter()
            .filter(|stray| !stray.explained)
            .map(|stray| stray.payment.hash)
            .collect();
        Ok(strays
            .into_iter()
            .map(|stray| stray.payment.hash)
            .filter(|hash| !open.contains(hash))
            .collect())
    }

    fn strays(&self, found: &Foreign) -> Vec<Stray> {
        let Some(payment) =
            found.hash.zip(found.block).map(|(hash, block)| Payment { hash, block })
        else {
            return Vec::new();
        };
        let stray = |(output, outflow): (u32, &Outflow)| {
            let Outflow { asset, destination, amount } = outflow.clone();
            Stray {
                lane: self.id().clone(),
                payment: payment.clone(),
                output,
                asset,
                destination,
                amount,
                explained: false,
            }
        };
        (0..).zip(&found.outflows).map(stray).collect()
    }

    /// The wallet's transactions at these nonces, as far as the endpoints show them.
    pub(super) async fn history(&self, nonces: Range<u64>) -> Result<Vec<Foreign>, RoundError> {
        let mut found: Vec<Foreign> = Vec::new();
        let mut next = nonces.start;
        for _ in 0..LOOKS_MAX {
            if next >= nonces.end {
                break;
            }
            let mut seen = self.chain().watch(&self.look_from(next)).await?;
            let searching = seen.searching;
            seen.foreign
                .retain(|foreign| foreign.nonce >= next && (foreign.is_placed() || !searching));
            let known: BTreeSet<u64> = seen.foreign.iter().map(|foreign| foreign.nonce).collect();
            found.extend(seen.foreign.into_iter().filter(|foreign| foreign.nonce < nonces.end));
            match (next..nonces.end).take_while(|nonce| known.contains(nonce)).last() {
                Some(last) => next = last + 1,
                // Blocks are read for it, some in each look.
                None if searching => {}
                None => break,
            }
        }
        Ok(found)
    }

    /// A look at what came after the blocks that were searched.
    pub(super) fn look_since(&self, lane: &Lane) -> Watch {
        Watch {
            trail: lane.trail.clone(),
            adopted_from: lane.adopted_from,
            ..self.look_from(lane.next_nonce)
        }
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

/// What these pay, each with its transaction.
pub(super) fn outflows_of(found: &[Foreign]) -> Vec<(Hash32, Outflow)> {
    let of = |one: &Foreign| {
        one.outflows
            .iter()
            .filter_map(|outflow| Some((one.hash?, outflow.clone())))
            .collect::<Vec<_>>()
    };
    found.iter().flat_map(of).collect()
}

pub(super) fn equals(outflow: &Outflow, withdrawal: &Withdrawal) -> bool {
    outflow.asset == withdrawal.asset
        && outflow.destination == withdrawal.destination
        && outflow.amount == withdrawal.amount
}
