//! One simulated world: everything that its processes share.

mod checked;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use adit_core::{LaneId, PayoutId};

use crate::check::{Books, Broken, CoinTruth, Truth};
use crate::crash::{CrashPoints, Process};
use crate::evm::{Genesis, SimChain, TokenSpec};
use crate::executor::{Handle, Instant};
use crate::ports::START_SECONDS;
use crate::replica::Running;
use crate::rules::{ALL_ENDPOINTS, ENDPOINTS, GWEI, Setup};
use crate::signer::SignerHost;
use crate::store::Disk;
use crate::story::Story;
use crate::utxo::{self, UtxoChain};
use crate::weather::Weather;
use crate::{Dice, store};

/// What the wallet holds at first, in whole units of each asset.
pub const OPENING_WHOLE: u128 = 1_000_000;

/// Shared by all processes of one seed.
pub struct World {
    pub handle: Handle,
    pub setup: Setup,
    pub story: Story,
    pub weather: Weather,
    pub crashes: CrashPoints,
    pub disk: Disk,
    pub signer: SignerHost,
    evm: Mutex<SimChain>,
    utxo: Mutex<UtxoChain>,
    truth: Mutex<Truth>,
    coin_truth: Mutex<CoinTruth>,
    broken: Mutex<Option<Broken>>,
    timeline: AtomicU64,
    replicas: Mutex<Vec<Option<(Process, Running)>>>,
    /// The database as it was before the newest failover or restore: what the operator can go back to.
    old_volume: Mutex<Option<store::Backup>>,
    /// The lane stands because the journal knows more than the database.
    journal_ahead: Mutex<BTreeSet<LaneId>>,
    /// Why this day ended early, where the guide itself says that nothing but a person with other records can go on.
    conceded: Mutex<Option<String>>,
    /// The journal at the time of each backup.
    journals: Mutex<Vec<(Instant, Vec<u8>)>>,
    /// How far each machine's clock is off, in microseconds.
    skews: Mutex<Vec<i64>>,
}

impl World {
    pub fn new(handle: Handle, dice: &mut Dice, replicas: usize, told: bool) -> Self {
        let setup = Setup::draw(dice);
        let tokens = setup.tokens.iter().map(|(id, address, decimals)| TokenSpec {
            address: *address,
            decimals: *decimals,
            held: OPENING_WHOLE * setup.whole(id),
        });
        let genesis = Genesis {
            chain_id: crate::rules::CHAIN_ID,
            wallet: setup.wallet,
            coins: OPENING_WHOLE * 10_u128.pow(18),
            tokens: tokens.collect(),
            base_fee: 10 * GWEI,
            start_seconds: START_SECONDS,
            final_depth: setup.final_depth,
        };
        let utxo = UtxoChain::new(&utxo_genesis(&setup), &mut dice.fork());
        let signer_setup = setup.clone();
        Self {
            story: Story::new(handle.clone(), told),
            weather: Weather::new(ALL_ENDPOINTS, dice.fork()),
            crashes: CrashPoints::new(handle.clone(), dice.fork()),
            disk: Disk::new(Books::new(Arc::new(setup.rules()))),
            signer: SignerHost::new(handle.clone(), Box::new(move || signer_setup.signer())),
            evm: Mutex::new(SimChain::new(genesis)),
            utxo: Mutex::new(utxo),
            truth: Mutex::default(),
            coin_truth: Mutex::default(),
            broken: Mutex::default(),
            timeline: AtomicU64::new(0),
            replicas: Mutex::new(vec![None; replicas]),
            old_volume: Mutex::default(),
            journal_ahead: Mutex::default(),
            conceded: Mutex::default(),
            journals: Mutex::default(),
            skews: Mutex::new(vec![0; replicas]),
            handle,
            setup,
        }
    }

    pub fn evm(&self) -> MutexGuard<'_, SimChain> {
        self.evm.lock().expect("nothing panics while it holds this lock")
    }

    pub fn utxo(&self) -> MutexGuard<'_, UtxoChain> {
        self.utxo.lock().expect("nothing panics while it holds this lock")
    }

    pub fn coin_truth(&self) -> MutexGuard<'_, CoinTruth> {
        self.coin_truth.lock().expect("nothing panics while it holds this lock")
    }

    /// Whether a chain has paid this payout, finally.
    pub fn is_paid(&self, payout: PayoutId) -> bool {
        self.truth().is_paid(payout) || self.coin_truth().is_paid(payout)
    }

    /// Whether a chain has paid this wish, finally.
    pub fn is_wish_paid(&self, wish: u64) -> bool {
        self.truth().is_wish_paid(wish) || self.coin_truth().is_wish_paid(wish)
    }

    pub fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().expect("nothing panics while it holds this lock")
    }

    /// Nobody runs any more: engines hold the world through their ports, and it holds them.
    pub fn end(&self) {
        let replicas = std::mem::take(&mut *self.replicas.lock().expect("nothing panics while it holds this lock"));
        drop(replicas);
    }

    /// The seed has found something: the first that broke is kept, and the run stops.
    pub fn check(&self, checked: Result<(), Broken>) {
        let Err(broken) = checked else { return };
        self.story.tell("!", || format!("{}: {}", broken.invariant, broken.detail));
        self.broken.lock().expect("nothing panics while it holds this lock").get_or_insert(broken);
    }

    pub fn broken(&self) -> Option<Broken> {
        self.broken.lock().expect("nothing panics while it holds this lock").clone()
    }

    /// Connections of an older timeline belong to a server that is gone.
    pub fn timeline(&self) -> u64 {
        self.timeline.load(Ordering::Relaxed)
    }

    pub fn new_timeline(&self) {
        self.timeline.fetch_add(1, Ordering::Relaxed);
    }

    pub fn replica_started(&self, slot: usize, process: Process, running: Running) {
        self.replicas()[slot] = Some((process, running));
    }

    pub fn replica_ended(&self, slot: usize) {
        self.replicas()[slot] = None;
    }

    pub fn slots(&self) -> usize {
        self.replicas().len()
    }

    pub fn replica(&self, slot: usize) -> Option<(Process, Running)> {
        self.replicas()[slot].clone()
    }

    /// One that runs, if any does.
    pub fn any_replica(&self) -> Option<(Process, Running)> {
        let running: Vec<_> = self.replicas().iter().flatten().filter(|(process, _)| !self.handle.is_dead(process.id)).cloned().collect();
        let place = usize::try_from(self.weather.between(0, 1 << 20)).expect("small");
        running.get(place % running.len().max(1)).cloned()
    }

    pub fn kill_all(&self) {
        self.replicas().iter().flatten().for_each(|(process, _)| self.handle.kill(process.id));
    }

    fn replicas(&self) -> MutexGuard<'_, Vec<Option<(Process, Running)>>> {
        self.replicas.lock().expect("nothing panics while it holds this lock")
    }

    pub fn now(&self) -> Instant {
        self.handle.now()
    }

    pub fn unix_seconds(&self) -> u64 {
        START_SECONDS + self.now() / 1_000_000
    }

    pub fn skew(&self, slot: usize) -> i64 {
        lock(&self.skews)[slot]
    }

    pub fn set_skew(&self, slot: usize, micros: i64) {
        lock(&self.skews)[slot] = micros;
        if let Some((_, engine)) = self.replica(slot) {
            engine.clock.set_skew(micros);
        }
    }

    /// A journal that does not open would stop everything, for ever.
    pub fn start_signer(&self) {
        if let Err(detail) = self.signer.start() {
            self.check(Err(Broken::new("the journal opens", detail)));
        }
    }

    /// The nightly job, every hour.
    pub fn back_up(&self) {
        self.disk.back_up(self.now());
        lock(&self.journals).push((self.now(), self.signer.journal()));
    }

    pub fn journal_at(&self, at: Instant) -> Option<Vec<u8>> {
        lock(&self.journals).iter().find(|(made, _)| *made == at).map(|(_, journal)| journal.clone())
    }

    /// The volume of the server that is given up. While the lane waits for the one before, that one is kept.
    pub fn keep_old_volume(&self) {
        let volume = self.disk.volume(self.now());
        let mut kept = lock(&self.old_volume);
        if kept.is_none() || lock(&self.journal_ahead).is_empty() {
            *kept = Some(volume);
        }
    }

    /// Nothing that is left to the operator brings the lane back. What happened so far is still checked.
    pub fn concede(&self, why: impl Into<String>) {
        let why = why.into();
        self.story.tell("operator", || format!("gives up: {why}"));
        lock(&self.conceded).get_or_insert(why);
    }

    pub fn conceded(&self) -> Option<String> {
        lock(&self.conceded).clone()
    }

    pub fn take_old_volume(&self) -> Option<store::Backup> {
        lock(&self.old_volume).take()
    }
}

fn utxo_genesis(setup: &Setup) -> utxo::Genesis {
    let bitcoin = setup.bitcoin.as_ref();
    utxo::Genesis {
        coins: bitcoin.map(|bitcoin| bitcoin.coins.clone()).unwrap_or_default(),
        final_blocks: bitcoin.map_or(1, |bitcoin| u64::from(bitcoin.final_blocks)),
        nodes: ENDPOINTS,
        start_seconds: START_SECONDS,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}
