//! What is wrong with the world now. Changed by [`crate::fate`]; read by the wrappers of the ports.

use std::sync::Mutex;

use crate::Dice;

/// What an endpoint shows of what no block holds yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolShown {
    #[default]
    Whole,
    /// Nothing, though it keeps and passes on what it is sent.
    Nothing,
    /// So many more payments of the wallet than there are, of which it shows no bytes.
    More(u64),
}

/// How one endpoint behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manners {
    /// Blocks that it is behind.
    pub lag: u64,
    /// Thousandths of requests that never arrive.
    pub lost_requests: u32,
    /// Thousandths of requests that are carried out and never answered.
    pub lost_answers: u32,
    /// Thousandths of requests that are answered by an error; half of them were carried out.
    pub errors: u32,
    /// Thousandths of requests that get an older answer to the same question.
    pub repeats: u32,
    /// It says what is not true.
    pub lies: bool,
    /// It serves another network.
    pub elsewhere: bool,
    /// It answers nothing.
    pub silent: bool,
    /// Milliseconds on top of each answer.
    pub slow: u64,
    pub pool: PoolShown,
}

impl Manners {
    /// Whether what it says may be untrue. One endpoint at a time: more is beyond what a quorum
    /// promises.
    pub fn is_untrue(&self) -> bool {
        self.lies || self.elsewhere || self.repeats > 0 || self.pool != PoolShown::Whole
    }
}

/// How the database behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseManners {
    pub unreachable: bool,
    /// It cannot write: the disk is full.
    pub full: bool,
    /// Thousandths of commits whose answer is lost; half of them did not happen.
    pub lost_commits: u32,
    pub contention: u32,
}

/// Everything that is wrong.
pub struct Weather {
    state: Mutex<State>,
}

struct State {
    endpoints: Vec<Manners>,
    database: DatabaseManners,
    /// Thousandths of requests to the signer whose answer is lost.
    signer_lost: u32,
    dice: Dice,
    /// Faults that were injected, one each time that one took effect.
    injected: u64,
}

impl Weather {
    pub fn new(endpoints: usize, dice: Dice) -> Self {
        let state = State {
            endpoints: vec![Manners::default(); endpoints],
            database: DatabaseManners::default(),
            signer_lost: 0,
            dice,
            injected: 0,
        };
        Self { state: Mutex::new(state) }
    }

    pub fn endpoint(&self, index: usize) -> Manners {
        self.state().endpoints[index].clone()
    }

    pub fn database(&self) -> DatabaseManners {
        self.state().database
    }

    pub fn signer_lost(&self) -> u32 {
        self.state().signer_lost
    }

    pub fn set_endpoint(&self, index: usize, manners: Manners) {
        self.state().endpoints[index] = manners;
    }

    /// From now on it shows this of its pool, whatever else it does.
    pub fn set_pool_shown(&self, index: usize, pool: PoolShown) {
        self.state().endpoints[index].pool = pool;
    }

    pub fn set_database(&self, manners: DatabaseManners) {
        self.state().database = manners;
    }

    pub fn set_signer_lost(&self, permille: u32) {
        self.state().signer_lost = permille;
    }

    /// A fine day.
    pub fn clear(&self) {
        let mut state = self.state();
        state.endpoints.iter_mut().for_each(|manners| *manners = Manners::default());
        state.database = DatabaseManners::default();
        state.signer_lost = 0;
    }

    /// Whether a fault of this likelihood strikes now; counted if it does.
    pub fn strikes(&self, permille: u32) -> bool {
        let mut state = self.state();
        let strikes = permille > 0 && state.dice.chance(permille);
        state.injected += u64::from(strikes);
        strikes
    }

    pub fn between(&self, from: u64, to: u64) -> u64 {
        self.state().dice.between(from, to)
    }

    /// Notes a fault that took effect.
    pub fn count(&self) {
        self.state().injected += 1;
    }

    pub fn injected(&self) -> u64 {
        self.state().injected
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}
