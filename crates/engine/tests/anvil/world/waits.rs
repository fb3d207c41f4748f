//! Waiting until the world is as a test needs it; a wait in vain panics with what was seen.

use std::time::Duration;

use adit_core::*;
use adit_store::Store;

use super::World;

impl World {
    pub async fn until_running(&self) {
        for _ in 0..300 {
            let lane = self.store.lane(&self.lane).await.expect("a read");
            if lane.is_some_and(|lane| lane.state == LaneState::Running && lane.tip.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the lane does not run");
    }

    /// Of the lane's newest lease.
    pub async fn epoch(&self) -> Epoch {
        self.store.lane(&self.lane).await.expect("a read").expect("leased").epoch
    }

    pub async fn until_processing(&self, ids: &[WithdrawalId]) {
        self.until(ids, |state| state.status() == Status::Processing).await;
    }

    pub async fn until_sent(&self, ids: &[WithdrawalId]) {
        self.until(ids, |state| matches!(state, State::Processing { hash: Some(_), .. })).await;
    }

    async fn until(&self, ids: &[WithdrawalId], wanted: impl Fn(&State) -> bool) {
        for id in ids {
            let mut looks = 0;
            while !wanted(&self.status(*id).await) {
                looks += 1;
                assert!(looks < 1_000, "{id}: {:?}", self.status(*id).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Mines until each has ended, whichever way.
    pub async fn mine_until_ended(&self, ids: &[WithdrawalId]) {
        for id in ids {
            for _ in 0..600 {
                if self.status(*id).await.status().is_end() {
                    break;
                }
                self.anvil.rpc().mine(1).await.expect("mined");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(self.status(*id).await.status().is_end(), "{:?}", self.status(*id).await);
        }
    }

    /// Waits where the store has lost it, and has yet to make it again.
    pub async fn status(&self, id: WithdrawalId) -> State {
        for _ in 0..500 {
            if let Some(known) = self.store.withdrawal(id).await.expect("the store answers") {
                return known.state;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{id} was accepted, and is not made again: {:?}", self.store.lane(&self.lane).await)
    }

    /// Waits until a block holds its payment.
    pub async fn until_included(&self, id: WithdrawalId) {
        for _ in 0..300 {
            if matches!(self.status(id).await, State::Processing { sighting: Some(_), .. }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.explain(&[id], Status::Completed).await;
    }

    /// Mines until every withdrawal has reached `status`; panics with the states after a minute.
    pub async fn mine_until(&self, ids: &[WithdrawalId], status: Status) {
        for _ in 0..600 {
            let mut open = Vec::new();
            for id in ids {
                let state = self.status(*id).await;
                if state.status() != status {
                    open.push(state);
                }
            }
            if open.is_empty() {
                return;
            }
            self.anvil.rpc().mine(1).await.expect("mined");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.explain(ids, status).await
    }

    /// Fails with what the first one that is not there waits for.
    async fn explain(&self, ids: &[WithdrawalId], status: Status) {
        for id in ids {
            let state = self.status(*id).await;
            if state.status() != status {
                let lane =
                    self.store.lane(&self.lane).await.expect("the store answers").expect("a lane");
                let lineages = self.store.lineages_of(*id).await.expect("the store answers");
                let mut said = Vec::new();
                for attempt in lineages.iter().flat_map(|lineage| &lineage.attempts) {
                    said.extend(
                        self.store.observations(attempt.id, 4).await.expect("the store answers"),
                    );
                }
                let mined = self.anvil.rpc().nonce(self.hot.address).await.expect("anvil answers");
                let pool: serde_json::Value = self
                    .anvil
                    .rpc()
                    .call("txpool_inspect", serde_json::json!([]))
                    .await
                    .expect("anvil answers");
                panic!(
                    "not {}: {state:?}\n{lineages:?}\n{said:?}\n{:?} next nonce {}, mined {mined}, \
                     pool {pool}",
                    status.as_str(),
                    lane.state,
                    lane.next_nonce
                );
            }
        }
    }

    pub async fn until_versions(&self, id: WithdrawalId, count: usize) {
        for _ in 0..500 {
            if self.versions(id).await.len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?}", self.versions(id).await);
    }

    /// One block with what the pool holds; it is not final yet.
    pub async fn mine_one(&self) {
        self.anvil.rpc().mine(1).await.expect("mined");
    }

    /// Mines what makes a block final, and lets the observer look many times.
    pub async fn mine_for_a_second(&self) {
        for _ in 0..10 {
            self.anvil.rpc().mine(8).await.expect("mined");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
