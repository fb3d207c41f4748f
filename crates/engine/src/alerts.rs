//! What people must know: low or unreadable funds, a stuck payment, a stopped lane, failed
//! withdrawals. Each alert has its page in the operations guide.

mod empty;
mod fees;
mod key;
mod standbys;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, RwLock};

use adit_core::{
    Act, Amount, AssetId, ChainRules, ClockDoubt, Hash32, Lane, LaneId, LaneState, LaneView,
    Lineage, Rules, Scope, Span, Standstill, Status, Step, Suspension, Timestamp, WithdrawalId,
    needs, next, standstill, step,
};
use adit_store::{QueueFilter, StoreFault};
use serde::Serialize;

use self::empty::{WAITING_COUNTED_MAX, empty};
use crate::clock::rounded;
use crate::{
    AnchoredClock, Clock as _, ClockStanding, DRIFT_SECONDS_TOLD, Hub, LIVE_LINEAGES_MAX, PLAN_MAX,
    Ports, Settings,
};

const FAILURES_KEPT: Span = Span::from_seconds(900);
/// A balance that was read longer ago than this is unknown.
const FUNDS_AGE_MAX: Span = Span::from_seconds(120);

/// What stands now. Cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    standing: Arc<RwLock<Vec<Alert>>>,
    clock: AnchoredClock,
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
    /// So many wait because the wallet has too little of the asset. With `missing` more it could
    /// pay them all.
    WalletEmpty {
        lane: String,
        asset: AssetId,
        waiting: u64,
        missing: Amount,
        since: Timestamp,
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
    /// Endpoints answer and agree, and show no new block: nothing new is planned.
    ChainStill {
        lane: String,
        #[serde(flatten)]
        still: Standstill,
    },
    /// So many failed within the last quarter of an hour.
    WithdrawalsFailed {
        count: u64,
    },
    HeldForInspection {
        count: u64,
    },
    /// So many payments of the last day were settled with a network fee that is in doubt; the
    /// newest of them, and why.
    FeeDoubted {
        lane: String,
        count: usize,
        hash: Hash32,
        known: String,
    },
    Suspended {
        scope: Scope,
        reason: String,
    },
    /// The lane runs, something is due, and it has signed nothing for so long.
    LaneSilent {
        lane: String,
        seconds: u64,
    },
    /// The signer refuses what the lane asks.
    SignerRefuses {
        lane: String,
        refused: String,
        seconds: u64,
    },
    /// The third witness cannot be read or written, or what stands there is not ours: the lane
    /// signs nothing.
    WitnessUnusable {
        lane: String,
        sentence: String,
    },
    /// A cancel was wished, and the cancelling transaction cannot be made yet.
    CancelWaits {
        lane: String,
        withdrawal: WithdrawalId,
        needs: String,
    },
    /// The database has standbys, and a failover to one of them loses what was committed last.
    StandbyAsynchronous {
        standbys: u64,
    },
    /// So many copy the database, none is named as synchronous, and the database's role may not see
    /// what they are.
    StandbyUnseen {
        connected: u64,
    },
    /// Commits are answered before they are where they should be: on the disks of the standbys that
    /// are named, or on the database's own.
    CommitsUnsynced {
        synchronous_commit: String,
        standbys_named: bool,
    },
    /// Nobody knows what time it is: nothing is accepted, and nothing new is planned.
    ClockDoubted {
        doubt: ClockDoubt,
        sentence: String,
    },
    /// The machine's clock is so many seconds ahead of the time that has passed (behind: negative).
    /// It is followed slowly.
    ClockDrifts {
        seconds: i64,
    },
    /// Another clock is so many seconds ahead of the engine's time (behind: negative), more than it
    /// may be.
    ClocksDisagree {
        with: String,
        seconds: i64,
    },
    /// The store went back; nothing is reserved, signed or given back until every lane has read the
    /// journal anew.
    StoreWentBack {
        because: String,
    },
    /// Another state of this store has taken its place: this server pays and accepts nothing any
    /// more.
    StoreSuperseded,
    /// So many payments were found in the journal that nobody has been matched to.
    Unmatched {
        count: usize,
    },
}

impl Alerts {
    /// Starts looking, on a beat.
    pub fn start(ports: Ports, rules: Arc<Rules>, hub: Hub, settings: Settings) -> Self {
        let alerts = Self { standing: Arc::default(), clock: ports.clock.clone() };
        let task = alerts.clone();
        let spawner = ports.spawner.clone();
        let watch = Watch {
            ports,
            rules,
            hub,
            settings,
            failures: Failures::default(),
            silence: Silence::default(),
        };
        spawner.spawn("alerts", Box::pin(async move { task.watch(watch).await }));
        alerts
    }

    /// What stands now. Clocks are looked at as it is asked, since a store that does not answer
    /// holds up the look at everything else.
    pub fn standing(&self) -> Vec<Alert> {
        let mut standing = of_clocks(&self.clock.standing());
        standing.extend(
            self.standing.read().expect("no writer panics while it holds this lock").clone(),
        );
        standing
    }

    async fn watch(self, mut watch: Watch) {
        loop {
            match watch.look().await {
                Ok(found) => self.replace(found, &watch.rules),
                Err(fault) => tracing::warn!(%fault, "alerts could not be judged"),
            }
            watch.ports.clock.sleep(watch.settings.alerts_beat).await;
        }
    }

    /// Each is logged when it begins and when it ends, by its key: how long it stands and how many
    /// it counts changes with every look.
    fn replace(&self, found: Vec<Alert>, rules: &Rules) {
        let mut standing =
            self.standing.write().expect("no reader panics while it holds this lock");
        let Turns { begun, ended } = turns(&standing, &found);
        for alert in begun {
            tracing::warn!(alert = alert.key(), detail = alert.in_words(rules), "an alert begins");
        }
        for alert in ended {
            tracing::info!(alert = alert.key(), "an alert ends");
        }
        *standing = found;
    }
}

/// What changed between two looks.
#[derive(Debug, PartialEq, Eq)]
struct Turns<'a> {
    begun: Vec<&'a Alert>,
    ended: Vec<&'a Alert>,
}

fn turns<'a>(before: &'a [Alert], now: &'a [Alert]) -> Turns<'a> {
    let new =
        |among: &[Alert], alert: &Alert| !among.iter().any(|other| other.key() == alert.key());
    Turns {
        begun: now.iter().filter(|alert| new(before, alert)).collect(),
        ended: before.iter().filter(|alert| new(now, alert)).collect(),
    }
}

/// Looks on a beat, and remembers what needs more than one look.
struct Watch {
    ports: Ports,
    rules: Arc<Rules>,
    hub: Hub,
    settings: Settings,
    failures: Failures,
    silence: Silence,
}

impl Watch {
    async fn look(&mut self) -> Result<Vec<Alert>, StoreFault> {
        let now = self.ports.clock.now();
        let mut found = self.of_store().await?;
        let rules = Arc::clone(&self.rules);
        for chain in rules.chains.values() {
            let name = chain.lane.to_string();
            let Some(lane) = self.ports.store.lane(&chain.lane).await? else {
                found.push(Alert::LaneIdle { lane: name });
                continue;
            };
            found.extend(standing(&lane, chain, now, self.hub.lease_time(now)));
            for asset in rules.assets_on(&chain.name) {
                found.extend(funds(&lane, &asset.id, &self.settings, now));
            }
            found.extend(self.of_line(&lane, chain, now).await?);
        }
        found.extend(fees::doubted(&*self.ports.store, now).await?);
        found.extend(counts(&self.ports, &mut self.failures, self.ports.clock.uptime()).await?);
        for standing in self.ports.store.suspensions().await? {
            found.push(Alert::Suspended { scope: standing.scope, reason: standing.reason });
        }
        Ok(found)
    }

    /// What the store says about itself, and what its standbys would lose.
    async fn of_store(&self) -> Result<Vec<Alert>, StoreFault> {
        let mut found: Vec<Alert> =
            self.hub.is_superseded().then_some(Alert::StoreSuperseded).into_iter().collect();
        if let Some(known) = self.ports.store.incarnation().await? {
            let reading =
                || "the signer's journal is being read under a new incarnation".to_owned();
            let because = known.finding.as_ref().map(|finding| finding.because.to_string());
            // What a chain had that is no longer configured is read when it is again.
            let chains = &self.rules.chains;
            let waits = known.unread.iter().any(|unread| chains.contains_key(&unread.lane.chain));
            let because = because.or_else(|| waits.then(reading));
            found.extend(because.map(|because| Alert::StoreWentBack { because }));
            let count = known.nobodys().count()
                + known.strays.iter().filter(|stray| !stray.explained).count();
            found.extend((count > 0).then_some(Alert::Unmatched { count }));
        }
        found.extend(standbys::lossy(self.ports.store.replication().await?));
        Ok(found)
    }

    /// What stands still in a lane's line, and why.
    async fn of_line(
        &mut self,
        lane: &Lane,
        chain: &ChainRules,
        now: Timestamp,
    ) -> Result<Vec<Alert>, StoreFault> {
        let name = || lane.id.to_string();
        let live = self.ports.store.unmined_lineages(&lane.id, LIVE_LINEAGES_MAX).await?;
        let mut found: Vec<Alert> =
            stuck(&live, &lane.id, &self.settings, now).into_iter().collect();
        let standing = self.ports.store.suspensions().await?;
        let suspensions: BTreeMap<Scope, Suspension> =
            standing.into_iter().map(|one| (one.scope.clone(), one)).collect();
        let assets: Vec<AssetId> =
            self.rules.assets_on(&chain.name).map(|asset| asset.id.clone()).collect();
        let wanted = QueueFilter::of(assets).without(&suspensions);
        let queue = self.ports.store.queue(&wanted, now, PLAN_MAX).await?;
        let deferred = self.ports.store.deferred(&wanted, WAITING_COUNTED_MAX).await?;
        let (clock_doubt, uptime) = (self.ports.clock.doubt(), self.ports.clock.uptime());
        let view = LaneView {
            lane,
            chain,
            live: &live,
            queue: &queue,
            suspensions: &suspensions,
            now,
            clock_doubt,
        };
        found.extend(empty(&view, &deferred));
        found.extend(waiting_cancels(&view));
        found.extend(standstill(&view).map(|still| Alert::ChainStill { lane: name(), still }));
        if let Some((since, refused)) = self.hub.refusal(&lane.id) {
            found.push(Alert::SignerRefuses {
                lane: name(),
                refused,
                seconds: uptime.since(since).seconds(),
            });
        }
        let unwitnessed = self.hub.unwitnessed(&lane.id);
        found.extend(unwitnessed.map(|sentence| Alert::WitnessUnusable { lane: name(), sentence }));
        let signs = next(&view).iter().any(|act| !matches!(act, Act::Send { .. }));
        let silent = self.silence.since(
            &lane.id,
            lane.counter,
            signs && lane.state == LaneState::Running,
            uptime,
        );
        let long = silent.filter(|since| since.plus(self.settings.silent_after) < uptime);
        found.extend(long.map(|since| Alert::LaneSilent {
            lane: name(),
            seconds: uptime.since(since).seconds(),
        }));
        Ok(found)
    }
}

/// What the clocks say about each other.
fn of_clocks(clock: &ClockStanding) -> Vec<Alert> {
    let drift = rounded(clock.drift);
    let drifts = clock.doubt.is_none() && drift.saturating_abs() >= DRIFT_SECONDS_TOLD;
    let doubted =
        clock.doubt.map(|doubt| Alert::ClockDoubted { doubt, sentence: doubt.sentence() });
    let drifts = drifts.then_some(Alert::ClockDrifts { seconds: drift });
    let apart = clock.apart.iter().map(|(source, seconds)| Alert::ClocksDisagree {
        with: source.to_string(),
        seconds: *seconds,
    });
    doubted.into_iter().chain(drifts).chain(apart).collect()
}

/// `lease_time`: the same moment by the clock that dates leases.
fn standing(lane: &Lane, chain: &ChainRules, now: Timestamp, lease_time: Timestamp) -> Vec<Alert> {
    let name = || lane.id.to_string();
    let mut found = Vec::new();
    if let LaneState::Halted { reason, .. } = &lane.state {
        found.push(Alert::LaneHalted {
            lane: name(),
            sentence: chain.kind.written(&reason.sentence()),
        });
    }
    if lane.lease.as_ref().is_none_or(|lease| lease.until < lease_time) {
        found.push(Alert::LaneIdle { lane: name() });
    }
    if lane.tip.as_ref().is_none_or(|tip| tip.at.plus(FUNDS_AGE_MAX) < now) {
        found.push(Alert::ChainUnread { lane: name() });
    }
    found
}

fn waiting_cancels(view: &LaneView) -> Vec<Alert> {
    let of = |lineage: &Lineage| {
        let Step::AwaitUndoing { obstacle } = step(view, lineage) else { return None };
        let withdrawal = lineage.legs.first()?.withdrawal;
        Some(Alert::CancelWaits {
            lane: view.lane.id.to_string(),
            withdrawal,
            needs: needs(view, obstacle),
        })
    };
    view.live.iter().filter_map(of).collect()
}

/// Since when each lane has something to sign and signs nothing. Its row's counter rises with
/// whatever it signs.
#[derive(Default)]
struct Silence {
    since: BTreeMap<LaneId, (u64, Timestamp)>,
}

impl Silence {
    fn since(
        &mut self,
        lane: &LaneId,
        counter: u64,
        due: bool,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let known = self.since.get(lane).copied().filter(|(before, _)| *before == counter && due);
        let since = known.map_or(now, |(_, since)| since);
        self.since.insert(lane.clone(), (counter, since));
        due.then_some(since)
    }
}

fn funds(
    lane: &adit_core::Lane,
    asset: &AssetId,
    settings: &Settings,
    now: Timestamp,
) -> Option<Alert> {
    let name = lane.id.to_string();
    let Some(held) = lane.balance_of(asset).filter(|held| now <= held.at.plus(FUNDS_AGE_MAX))
    else {
        return Some(Alert::FundsUnknown { lane: name, asset: asset.clone() });
    };
    let threshold = settings.low.get(asset).copied().unwrap_or(Amount::new(1));
    (held.balance < threshold).then(|| Alert::FundsLow {
        lane: name,
        asset: asset.clone(),
        balance: held.balance,
        threshold,
    })
}

fn stuck(unmined: &[Lineage], lane: &LaneId, settings: &Settings, now: Timestamp) -> Option<Alert> {
    let head = unmined
        .iter()
        .filter(|lineage| lineage.included().is_none())
        .min_by_key(|lineage| lineage.number())?;
    (head.created_at.plus(settings.stuck_after) < now).then(|| Alert::HeadStuck {
        lane: lane.to_string(),
        nonce: head.number(),
        seconds: now.since(head.created_at).seconds(),
    })
}

async fn counts(
    ports: &Ports,
    failures: &mut Failures,
    now: Timestamp,
) -> Result<Vec<Alert>, StoreFault> {
    let counts = ports.store.counts().await?;
    let of = |wanted: Status| {
        counts.iter().find(|(status, _)| *status == wanted).map_or(0, |(_, count)| *count)
    };
    let failed = failures.recent(of(Status::Failed), now);
    let held = of(Status::HeldForInspection);
    let failed = (failed > 0).then_some(Alert::WithdrawalsFailed { count: failed });
    let held = (held > 0).then_some(Alert::HeldForInspection { count: held });
    Ok(failed.into_iter().chain(held).collect())
}

/// How many had failed, at each look of the last while: the alert is about new failures, not about
/// all there ever were.
#[derive(Default)]
struct Failures {
    seen: VecDeque<(Timestamp, u64)>,
}

impl Failures {
    fn recent(&mut self, total: u64, now: Timestamp) -> u64 {
        self.seen.push_back((now, total));
        while self.seen.len() > 1
            && self.seen.front().is_some_and(|(at, _)| at.plus(FAILURES_KEPT) < now)
        {
            self.seen.pop_front();
        }
        self.seen.front().map_or(0, |(_, before)| total.saturating_sub(*before))
    }
}
