//! Slow start: under a new lease the first transaction of the line shows whether somebody remembers
//! more of the wallet than the book does, before anyone new is paid (case F91).
//!
//! What was in flight is waited for; where nothing was, and somebody waits to be paid, it is a
//! transfer to ourselves. Once a block holds it, and the next block has come (or a minute without
//! one), the chain's count has to be what the book says. Payments that all endpoints hid would have
//! followed it by then.

use adit_core::{ChainKind, Command, Epoch, Lane, LaneState, Lineage, Offer, Span, Timestamp};

use super::{Held, LaneTask, RoundError};

/// A chain that makes no block is not waited for longer than this.
const BLOCK_WAIT: Span = Span::from_seconds(60);

/// Since when nothing of ours is in flight under this lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct Included {
    epoch: Epoch,
    height: u64,
    /// An uptime.
    at: Timestamp,
}

impl LaneTask {
    /// Notes how far the slow start has come. `live` is what no block holds yet. False where
    /// nothing was noted.
    pub(super) async fn slow_start(
        &self,
        lane: &Lane,
        lease: Held,
        live: &[Lineage],
    ) -> Result<bool, RoundError> {
        let applies = self.rules().slow_start
            && self.rules().kind == ChainKind::Evm
            && lane.state == LaneState::Running;
        if !applies || lane.is_proved() || lane.epoch != lease.epoch {
            return Ok(false);
        }
        let vouched =
            *self.vouched.lock().expect("no holder of this lock panics") == Some(lease.epoch);
        if vouched
            || (lane.probed == lane.epoch
                && live.is_empty()
                && self.count_is_ours(lane, lease).await?)
        {
            return self.note_slow_start(lease, true).await;
        }
        if !live.is_empty() {
            *self.included.lock().expect("no holder of this lock panics") = None;
            if lane.probed != lane.epoch {
                return self.note_slow_start(lease, false).await;
            }
        }
        Ok(false)
    }

    /// Reserves a transfer to ourselves, at the next number. Gives how many were reserved.
    pub(super) async fn probe(
        &self,
        lane: &Lane,
        lease: Held,
        offer: Option<Offer>,
    ) -> Result<usize, RoundError> {
        let Some(offer) = offer else { return Ok(0) };
        match self.chain().fill(self.id(), lane.next_nonce, offer).await? {
            Some(draft) => self.pay_nobody(lease, draft).await,
            None => Ok(0),
        }
    }

    /// Whether the chain's count is the book's, a block after nothing of ours was in flight any
    /// more.
    async fn count_is_ours(&self, lane: &Lane, lease: Held) -> Result<bool, RoundError> {
        let Some(tip) = &lane.tip else { return Ok(false) };
        let (height, now) = (tip.head.height, self.engine.ports.clock.uptime());
        let since = {
            let mut included = self.included.lock().expect("no holder of this lock panics");
            let known = included.filter(|known| known.epoch == lease.epoch);
            *included.insert(known.unwrap_or(Included { epoch: lease.epoch, height, at: now }))
        };
        if height <= since.height && now < since.at.plus(BLOCK_WAIT) {
            return Ok(false);
        }
        Ok(self.chain().consumed(self.id(), lane.next_nonce).await? == lane.next_nonce)
    }

    async fn note_slow_start(&self, lease: Held, proved: bool) -> Result<bool, RoundError> {
        let (lane, owner, epoch) = (self.id().clone(), self.engine.replica, lease.epoch);
        let answers = self.commit(vec![Command::SlowStart { lane, owner, epoch, proved }]).await?;
        Ok(answers.iter().any(Option::is_some))
    }
}
