//! Invariants that are judged while the server runs: of each commit by the writer, of the whole
//! ledger here, now and then.

use std::sync::Arc;

use adit_core::{Actor, BrokenInvariant, Command, HaltReason, Rules, Span, audit_ledger};
use futures::future::{Either, select};

use crate::{Clock as _, Hub, Ports, Settings, WriteError, Writer};

const HALT_WAIT: Span = Span::from_millis(500);

/// A broken invariant stops every lane: users may still ask, nothing is paid before a person has
/// looked.
pub(crate) struct Auditor {
    pub ports: Ports,
    pub rules: Arc<Rules>,
    pub writer: Writer,
    pub hub: Hub,
}

impl Auditor {
    /// Judges the ledger on a beat, and hears what the writer raises in between.
    pub(crate) async fn run(self, settings: Settings) {
        loop {
            let beat = self.ports.clock.sleep(settings.audit_beat);
            let raised = self.hub.raised();
            match select(beat, std::pin::pin!(raised)).await {
                Either::Left(_) => self.audit().await,
                Either::Right((broken, _)) => self.stop(&broken).await,
            }
        }
    }

    async fn audit(&self) {
        match self.ports.store.accounts().await {
            Ok(accounts) => {
                if let Err(broken) = audit_ledger(&accounts) {
                    self.stop(&broken).await;
                }
            }
            Err(fault) => tracing::warn!(%fault, "the ledger could not be audited"),
        }
    }

    /// Halts every lane that still runs, and does not rest before each one stands.
    async fn stop(&self, broken: &BrokenInvariant) {
        tracing::error!(%broken, "an invariant does not hold; all lanes stop");
        for chain in self.rules.chains.values() {
            let reason = HaltReason::Invariant { detail: broken.detail.clone() };
            let halt = Command::HaltLane { lane: chain.lane.clone(), reason };
            while let Err(error) = self.writer.submit(Actor::Engine, halt.clone()).await {
                // A lane that was never leased has nothing to stop.
                if matches!(error, WriteError::Refused(_)) {
                    break;
                }
                tracing::error!(
                    lane = %chain.lane,
                    %error,
                    "the lane could not be stopped yet; it is tried again"
                );
                self.ports.clock.sleep(HALT_WAIT).await;
            }
        }
    }
}
