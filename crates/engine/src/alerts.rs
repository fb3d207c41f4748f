//! What people must know: low or unreadable funds, a stuck payment, a stopped lane, failed withdrawals. Each alert has its page in the
//! operations guide.

use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

use adit_core::{Amount, AssetId, LaneState, Rules, Scope, Span, Status, Timestamp};
use adit_store::StoreFault;
use serde::Serialize;

use crate::{LIVE_LINEAGES_MAX, Ports, Settings};

const FAILURES_KEPT: Span = Span::from_seconds(900);
/// A balance that was read longer ago than this is unknown.
const FUNDS_AGE_MAX: Span = Span::from_seconds(120);

/// What stands now. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    standing: Arc<RwLock<Vec<Alert>>>,
}

/// One thing that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "alert")]
pub enum Alert {
    FundsLow {
        lane: String,
        asset: AssetId,
        balance: Amount,
        threshold: Amount,
    },
    FundsUnknown {
        lane: String,
        asset: AssetId,
    },
    HeadStuck {
        lane: String,
        nonce: u64,
        seconds: u64,
    },
    LaneHalted {
        lane: String,
        sentence: String,
    },
    LaneIdle {
        lane: String,
    },
    ChainUnread {
        lane: String,
    },
    /// So many failed within the last quarter of an hour.
    WithdrawalsFailed {
        count: u64,
    },
    HeldForInspection {
        count: u64,
    },
    Suspended {
        scope: Scope,
        reason: String,
    },
}

impl Alerts {
    /// Starts looking, on a beat.
    pub fn start(ports: Ports, rules: Arc<Rules>, settings: Settings) -> Self {
        let alerts = Self { standing: Arc::default() };
        let task = alerts.clone();
        let spawner = ports.spawner.clone();
        spawner.spawn("alerts", Box::pin(async move { task.watch(ports, rules, settings).await }));
        alerts
    }

    pub fn standing(&self) -> Vec<Alert> {
        self.standing.read().expect("no writer panics while it holds this lock").clone()
    }

    async fn watch(self, ports: Ports, rules: Arc<Rules>, settings: Settings) {
        let mut failures = Failures::default();
        loop {
            match look(&ports, &rules, &settings, &mut failures).await {
                Ok(found) => self.replace(found),
                Err(fault) => tracing::warn!(%fault, "alerts could not be judged"),
            }
            ports.clock.sleep(settings.alerts_beat).await;
        }
    }

    fn replace(&self, found: Vec<Alert>) {
        let mut standing = self.standing.write().expect("no reader panics while it holds this lock");
        for new in found.iter().filter(|alert| !standing.contains(alert)) {
            tracing::warn!(alert = ?new, "alert");
        }
        *standing = found;
    }
}

async fn look(ports: &Ports, rules: &Rules, settings: &Settings, failures: &mut Failures) -> Result<Vec<Alert>, StoreFault> {
    let now = ports.clock.now();
    let mut found = Vec::new();
    for chain in rules.chains.values() {
        let name = chain.lane.to_string();
        let Some(lane) = ports.store.lane(&chain.lane).await? else {
            found.push(Alert::LaneIdle { lane: name });
            continue;
        };
        if let LaneState::Halted { reason, .. } = &lane.state {
            found.push(Alert::LaneHalted { lane: name.clone(), sentence: chain.kind.written(&reason.sentence()) });
        }
        if lane.lease.as_ref().is_none_or(|lease| lease.until < now) {
            found.push(Alert::LaneIdle { lane: name.clone() });
        }
        if lane.tip.as_ref().is_none_or(|tip| tip.at.plus(FUNDS_AGE_MAX) < now) {
            found.push(Alert::ChainUnread { lane: name.clone() });
        }
        for asset in rules.assets_on(&chain.name) {
            found.extend(funds(&lane, &asset.id, settings, now));
        }
        found.extend(stuck(ports, &chain.lane, settings, now).await?);
    }
    found.extend(counts(ports, failures, now).await?);
    for standing in ports.store.suspensions().await? {
        found.push(Alert::Suspended { scope: standing.scope, reason: standing.reason });
    }
    Ok(found)
}

fn funds(lane: &adit_core::Lane, asset: &AssetId, settings: &Settings, now: Timestamp) -> Option<Alert> {
    let name = lane.id.to_string();
    let Some(held) = lane.balance_of(asset).filter(|held| now <= held.at.plus(FUNDS_AGE_MAX)) else {
        return Some(Alert::FundsUnknown { lane: name, asset: asset.clone() });
    };
    let threshold = settings.low.get(asset).copied().unwrap_or(Amount::new(1));
    (held.balance < threshold).then(|| Alert::FundsLow { lane: name, asset: asset.clone(), balance: held.balance, threshold })
}

async fn stuck(ports: &Ports, lane: &adit_core::LaneId, settings: &Settings, now: Timestamp) -> Result<Option<Alert>, StoreFault> {
    let unmined = ports.store.unmined_lineages(lane, LIVE_LINEAGES_MAX).await?;
    let head = unmined.iter().min_by_key(|lineage| lineage.number());
    Ok(head.filter(|head| head.created_at.plus(settings.stuck_after) < now).map(|head| Alert::HeadStuck {
        lane: lane.to_string(),
        nonce: head.number(),
        seconds: now.since(head.created_at).seconds(),
    }))
}

async fn counts(ports: &Ports, failures: &mut Failures, now: Timestamp) -> Result<Vec<Alert>, StoreFault> {
    let counts = ports.store.counts().await?;
    let of = |wanted: Status| counts.iter().find(|(status, _)| *status == wanted).map_or(0, |(_, count)| *count);
    let failed = failures.recent(of(Status::Failed), now);
    let held = of(Status::HeldForInspection);
    let failed = (failed > 0).then_some(Alert::WithdrawalsFailed { count: failed });
    let held = (held > 0).then_some(Alert::HeldForInspection { count: held });
    Ok(failed.into_iter().chain(held).collect())
}

/// How many had failed, at each look of the last while: the alert is about new failures, not about all there ever were.
#[derive(Default)]
struct Failures {
    seen: VecDeque<(Timestamp, u64)>,
}

impl Failures {
    fn recent(&mut self, total: u64, now: Timestamp) -> u64 {
        self.seen.push_back((now, total));
        while self.seen.len() > 1 && self.seen.front().is_some_and(|(at, _)| at.plus(FAILURES_KEPT) < now) {
            self.seen.pop_front();
        }
        self.seen.front().map_or(0, |(_, before)| total.saturating_sub(*before))
    }
}
