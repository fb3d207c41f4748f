//! A clock of the machine, and over it the time that the engine believes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use adit_core::{ClockDoubt, Span, Timestamp};
use futures::future::BoxFuture;

use super::timekeeper::rounded;
use super::{Reading, Source, Timekeeper, Witness};
use crate::Clock;

/// What a witness said is kept for people so long.
const HEARD_KEPT: Duration = Duration::from_secs(300);

/// The time of a process. Cheap to clone; all clones keep one time.
#[derive(Clone)]
pub struct AnchoredClock {
    machine: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

struct State {
    keeper: Timekeeper,
    /// How far each witness was from the engine's time when it was last heard, in microseconds,
    /// where it did not agree with it.
    apart: BTreeMap<Source, (Duration, i64)>,
}

/// What this process knows of the time, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockStanding {
    pub wall: Timestamp,
    pub time: Timestamp,
    pub doubt: Option<ClockDoubt>,
    /// Microseconds by which the machine's clock is ahead of the time.
    pub drift: i64,
    /// Who disagrees with the engine's time, and by how many seconds they are ahead.
    pub apart: Vec<(Source, i64)>,
}

/// Why a person's word was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this machine's clock shows {}, and the time that was given is {}", .wall.seconds(), .given.seconds())]
pub struct ClockDisagrees {
    pub wall: Timestamp,
    pub given: Timestamp,
    /// How far apart they may be.
    pub within: Span,
}

impl AnchoredClock {
    /// Begins to keep time. Until a witness agrees, it is in doubt.
    pub fn over(machine: Arc<dyn Clock>) -> Self {
        let keeper = Timekeeper::start(read(machine.as_ref()));
        Self::keeping(machine, keeper)
    }

    /// The same for a signer in a process of its own.
    pub fn of_signer(machine: Arc<dyn Clock>) -> Self {
        let keeper = Timekeeper::of_signer(read(machine.as_ref()));
        Self::keeping(machine, keeper)
    }

    fn keeping(machine: Arc<dyn Clock>, keeper: Timekeeper) -> Self {
        Self { machine, state: Arc::new(Mutex::new(State { keeper, apart: BTreeMap::new() })) }
    }

    /// Begins to keep time with a machine's clock that somebody has vouched for.
    pub fn accepted(machine: Arc<dyn Clock>) -> Self {
        let clock = Self::over(machine);
        let now = clock.machine.now();
        clock.hear(&Witness::person("the configuration", now));
        clock
    }

    /// Returns why the time may be wrong, now.
    pub fn doubt(&self) -> Option<ClockDoubt> {
        let reading = read(self.machine.as_ref());
        let mut state = self.state();
        state.keeper.read(reading);
        state.keeper.doubt(reading)
    }

    /// Hears a second clock that was read just now. Returns whether a doubt ended by that.
    pub fn hear(&self, witness: &Witness) -> bool {
        let reading = read(self.machine.as_ref());
        let mut state = self.state();
        let ended = state.keeper.hear(reading, witness);
        let time = state.compare(reading, witness);
        drop(state);
        if ended {
            tracing::warn!(
                witness = %witness.source,
                time = time.seconds(),
                "a second clock agrees with this machine's: it is believed"
            );
        }
        ended
    }

    /// Compares the time with a clock that ends no doubt. Where they disagree, it is named.
    pub fn compare(&self, other: &Witness) {
        let reading = read(self.machine.as_ref());
        self.state().compare(reading, other);
    }

    /// A person says what time it is, by a clock of their own.
    ///
    /// # Errors
    /// [`ClockDisagrees`] where the machine's clock shows another time.
    pub fn accept(&self, name: &str, given: Timestamp) -> Result<(), ClockDisagrees> {
        let witness = Witness::person(name, given);
        let wall = self.machine.now();
        if !witness.agrees_with(wall) {
            return Err(ClockDisagrees { wall, given, within: witness.within });
        }
        self.hear(&witness);
        Ok(())
    }

    /// Returns what is known of the time.
    pub fn standing(&self) -> ClockStanding {
        let reading = read(self.machine.as_ref());
        let mut state = self.state();
        let time = state.keeper.read(reading);
        state.apart.retain(|_, (at, _)| reading.monotonic.saturating_sub(*at) <= HEARD_KEPT);
        let apart = state
            .apart
            .iter()
            .map(|(source, (_, micros))| (source.clone(), rounded(*micros)))
            .collect();
        ClockStanding {
            wall: reading.wall,
            time,
            doubt: state.keeper.doubt(reading),
            drift: state.keeper.drift(reading),
            apart,
        }
    }

    /// Returns the time since any moment, as a point of time: for what a process remembers and
    /// nobody else reads. It never goes back.
    pub fn uptime(&self) -> Timestamp {
        Timestamp::from_micros(
            i64::try_from(self.machine.monotonic().as_micros()).unwrap_or(i64::MAX),
        )
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

impl State {
    /// Keeps how far a clock is from the time, where it does not agree with it. Returns the time.
    fn compare(&mut self, reading: Reading, other: &Witness) -> Timestamp {
        let time = self.keeper.read(reading);
        match other.agrees_with(time) {
            true => self.apart.remove(&other.source),
            false => self.apart.insert(
                other.source.clone(),
                (reading.monotonic, other.time.micros().saturating_sub(time.micros())),
            ),
        };
        time
    }
}

impl Clock for AnchoredClock {
    fn now(&self) -> Timestamp {
        let reading = read(self.machine.as_ref());
        self.state().keeper.read(reading)
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        self.machine.sleep(span)
    }
}

fn read(machine: &dyn Clock) -> Reading {
    Reading { wall: machine.now(), monotonic: machine.monotonic() }
}
