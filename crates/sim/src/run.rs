//! One seed: one simulated day with about 200 payouts, and a while after it in which nothing fails
//! and everything has to end.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

use adit_core::{Account, Destination, Status};

use crate::check::{Books, Broken, Foul, Known, must};
use crate::crash::Coverage;
use crate::executor::{Executor, Handle, ProcessId};
use crate::fate::Fate;
use crate::people::{Operator, Users};
use crate::replica::Supervisor;
use crate::rules::{BITCOIN_BLOCK_SECONDS, BLOCK_SECONDS, BitcoinSetup, GWEI, asset};
use crate::world::OPENING_WHOLE;
use crate::{Dice, World};

const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3_600 * SECOND;
/// Wishes are made, and disasters happen, until here.
const DAY: u64 = 20 * HOUR;
/// By then something has been signed.
const FIRST_SIGNED: u64 = 8 * HOUR;
/// By then everything has ended, or somebody is told why it has not.
const LAST: u64 = 30 * HOUR;
/// Thousandths of days whose last disaster is one of the database, before its last hours: from then
/// on nothing fails, so that no restart of the simulator's own heals what went wrong.
const QUIET_END_PERMILLE: u32 = 600;
const QUIET_FROM: u64 = 6 * HOUR;
const WISHES: (u64, u64) = (150, 250);
const REPLICAS_MAX: u64 = 3;
/// More numbers than a day's payments of bitcoin have.
const NUMBERS_MAX: u32 = 400;
/// Thousandths of blocks after which the market asks another base fee.
const FEES_MOVE_PERMILLE: u32 = 8;
/// The same for blocks of Bitcoin, of which there are fewer.
const FEERATES_MOVE_PERMILLE: u32 = 130;
/// Thousandths of blocks of Bitcoin that take several times as long.
const SLOW_BLOCK_PERMILLE: u32 = 60;
const SLOW_BLOCK_TIMES: u64 = 4;

/// What one seed showed.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub seed: u64,
    pub broken: Option<Broken>,
    /// The day ended early in a halt that the operations guide has no way out of.
    pub conceded: Option<String>,
    /// Everything that happened, if it was to be told.
    pub story: Vec<String>,
    pub coverage: Coverage,
    /// Faults that took effect.
    pub faults: u64,
    /// Paid twice, or paid and given back, where nobody could know: the limit that the documents
    /// name.
    pub beyond: u64,
    pub payouts: u64,
    pub mined: u64,
    pub blocks: u64,
    /// Simulated microseconds.
    pub simulated: u64,
}

/// Runs one seed. A panic of the engine is a finding like any other.
pub fn run(seed: u64, told: bool) -> Outcome {
    day(seed, told).0
}

/// One seed, and the world that it was, which is gone by then.
fn day(seed: u64, told: bool) -> (Outcome, Weak<World>) {
    let mut dice = Dice::new(seed);
    let handle = Handle::default();
    let replicas = usize::try_from(dice.between(1, REPLICAS_MAX + 1)).expect("few");
    // One more machine than the installation has: an old primary may wake with a server on it.
    let world = Arc::new(World::new(handle.clone(), &mut dice, replicas + 1, told));
    let users = populate(&world, &mut dice, replicas);
    let mut executor = Executor::new(handle, dice.fork());
    let lived = std::panic::catch_unwind(AssertUnwindSafe(|| live(&world, &users, &mut executor)));
    if let Err(panic) = lived {
        world.check(Err(Broken::new("panic", words(panic.as_ref()))));
    }
    drop(executor);
    world.end();
    let mined = world.truth().mined() + world.coin_truth().mined();
    let blocks = world.evm().head() + world.utxo().head();
    let outcome = Outcome {
        seed,
        broken: world.broken(),
        conceded: world.conceded(),
        story: world.story.lines(),
        coverage: world.crashes.coverage(),
        faults: world.weather.injected(),
        beyond: world.beyond(),
        payouts: world.disk.read(|books| books.withdrawals().count() as u64),
        mined,
        blocks,
        simulated: world.now(),
    };
    (outcome, Arc::downgrade(&world))
}

/// The day, the time after it, and the last checks.
fn live(world: &Arc<World>, users: &Users, executor: &mut Executor) {
    let over = || world.broken().is_some() || world.conceded().is_some();
    executor.run_until(FIRST_SIGNED, &over);
    if !over() {
        let signed = world.notary().has_signed();
        world.check(must(signed, "something is signed", || {
            "hours have passed, and the signer has signed nothing".to_owned()
        }));
    }
    executor.run_until(DAY, &over);
    // It may all be over long before the last hour.
    let mut until = DAY;
    // What would exceed the signer's cap of one day is paid on the next one.
    let last = if world.setup.day_cap_whole.is_some() { LAST + 24 * HOUR } else { LAST };
    while !over() && until < last {
        until += HOUR / 2;
        executor.run_until(until, &over);
        if until >= DAY + HOUR && has_ended(world, users) {
            break;
        }
    }
    if !over() {
        world.check(ended(world, users));
        world.check(world.disk.read(Books::owed));
        if world.setup.pays_evm {
            world.check(world.disk.read(|books| world.truth().booked(&world.evm(), books)));
            world.check(balanced(world));
        }
        if let Some(bitcoin) = &world.setup.bitcoin {
            world.check(world.disk.read(|books| world.coin_truth().booked(&world.utxo(), books)));
            world.check(bitcoin_balanced(world, bitcoin));
        }
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

/// Everybody and everything that moves.
fn populate(world: &Arc<World>, dice: &mut Dice, replicas: usize) -> Users {
    let spawn =
        |task: futures::future::BoxFuture<'static, ()>| world.handle.spawn(ProcessId(0), task);
    let rules = Arc::new(world.setup.rules());
    for slot in 0..=replicas {
        let (slots, spare) = (replicas + 1, slot == replicas);
        let supervisor = Supervisor {
            world: world.clone(),
            rules: rules.clone(),
            slot,
            slots,
            spare,
            dice: dice.fork(),
        };
        spawn(Box::pin(supervisor.run()));
    }
    spawn(Box::pin(mine(world.clone(), dice.fork())));
    if world.setup.bitcoin.is_some() {
        spawn(Box::pin(mine_bitcoin(world.clone(), dice.fork())));
    }
    spawn(Box::pin(back_up(world.clone())));
    let users = Users::new(world.clone());
    spawn(Box::pin(users.clone().credit_all(dice.fork())));
    spawn(Box::pin(users.clone().wish_for(dice.between(WISHES.0, WISHES.1), DAY, dice.fork())));
    spawn(Box::pin(users.clone().ask_again(dice.fork())));
    spawn(Box::pin(Operator { world: world.clone(), dice: dice.fork() }.run()));
    let pause_seconds = dice.between(200, 3_000);
    let (both_roll_back, beyond_finality) = (dice.chance(200), dice.chance(20));
    let (until, ends_quietly) = if dice.chance(QUIET_END_PERMILLE) {
        (dice.between(QUIET_FROM, DAY), true)
    } else {
        (DAY, false)
    };
    let fate = Fate {
        world: world.clone(),
        users: users.clone(),
        until,
        ends_quietly,
        pause_seconds,
        both_roll_back,
        beyond_finality,
        dice: dice.fork(),
    };
    spawn(Box::pin(fate.run()));
    users
}

/// A block every so many seconds, give or take; after each, the checks that look at the chain.
async fn mine(world: Arc<World>, mut dice: Dice) {
    loop {
        world
            .handle
            .sleep(dice.between(BLOCK_SECONDS * SECOND * 2 / 3, BLOCK_SECONDS * SECOND * 4 / 3))
            .await;
        if world.now() < DAY && dice.chance(FEES_MOVE_PERMILLE) {
            let gwei = if dice.chance(500) { dice.between(1, 15) } else { dice.between(20, 180) };
            world.evm().set_fee_level(u128::from(gwei) * GWEI);
        }
        world.evm().mine(world.unix_seconds(), &mut dice);
        world.look();
    }
}

/// Blocks come when they come: now two in a minute, now none for a quarter of an hour.
async fn mine_bitcoin(world: Arc<World>, mut dice: Dice) {
    loop {
        let slow = if dice.chance(SLOW_BLOCK_PERMILLE) { SLOW_BLOCK_TIMES } else { 1 };
        world
            .handle
            .sleep(dice.between(20 * SECOND, BITCOIN_BLOCK_SECONDS * SECOND * 2) * slow)
            .await;
        if world.now() < DAY && dice.chance(FEERATES_MOVE_PERMILLE) {
            let per_vbyte =
                if dice.chance(500) { dice.between(1, 12) } else { dice.between(15, 180) };
            world.utxo().set_level(per_vbyte * 1_000);
        }
        world.utxo().mine(world.unix_seconds(), &mut dice);
        world.look();
    }
}

async fn back_up(world: Arc<World>) {
    loop {
        world.handle.sleep(HOUR).await;
        world.back_up();
    }
}

fn has_ended(world: &World, users: &Users) -> bool {
    world.rests() && ended(world, users).is_ok()
}

/// Every withdrawal has ended, and every wish has its withdrawal (nobody is lost).
fn ended(world: &World, users: &Users) -> Result<(), Broken> {
    let open =
        world.disk.read(|books| books.withdrawals().find(|known| !known.status.is_end()).cloned());
    if let Some(open) = open {
        return Err(Broken::new(
            "everything ends",
            format!("{} is {} long after all faults ended", open.id, open.status.as_str()),
        ));
    }
    for wish in
        users.wishes().iter().filter(|wish| !wish.given_up && !world.is_wish_paid(wish.number))
    {
        let known =
            wish.accepted.and_then(|id| world.disk.read(|books| books.withdrawal(id).cloned()));
        let Some(known) = known else {
            return Err(Broken::new(
                "nobody is lost",
                format!("wish {} of {} has no withdrawal and no payment", wish.number, wish.user),
            ));
        };
        if known.status == Status::Completed && !world.is_paid(known.payout) {
            return Err(Broken::new(
                "nobody is lost",
                format!("{} is completed and nothing was paid", known.id),
            ));
        }
    }
    Ok(())
}

/// What left the wallet is what was settled and what the network took, to the last unit.
fn balanced(world: &World) -> Result<(), Broken> {
    let purse = {
        let chain = world.evm();
        chain.wallet_at(chain.finalized())
    };
    let began = world.disk.read(|books| books.began(&world.setup.lane));
    let foul = world.truth().foul(&world.evm());
    let held = |name: &str| {
        let account = Account::Hot { wallet: world.setup.lane.clone(), asset: asset(name) };
        world.disk.read(|books| books.held_by(&account))
    };
    let tokens = world
        .setup
        .tokens
        .iter()
        .zip(&purse.tokens)
        .map(|((id, address, _), there)| (id.clone(), Some(*address), *there));
    for (id, address, there) in tokens.chain([(asset("ETH"), None, purse.coins)]) {
        let opening = i128::try_from(OPENING_WHOLE * world.setup.whole(&id)).expect("small");
        let there = i128::try_from(there).expect("small") + unbooked(world, &foul, began, address);
        let here = held(id.as_str());
        if here != there {
            let detail = format!(
                "of {id} the ledger has {here}, the wallet {there} with what nobody could book (of \
                 {opening} at first)"
            );
            return Err(Broken::new("ledger equals chain", detail));
        }
    }
    Ok(())
}

/// The same in bitcoin: what the wallet's scripts have in final blocks.
fn bitcoin_balanced(world: &World, bitcoin: &BitcoinSetup) -> Result<(), Broken> {
    let scripts = bitcoin.scripts(NUMBERS_MAX);
    let ours = scripts.iter().cloned().collect();
    let account = Account::Hot { wallet: bitcoin.lane.clone(), asset: bitcoin.asset().id };
    let (here, unbooked) = world.disk.read(|books| {
        (books.held_by(&account), world.coin_truth().unbooked(&world.utxo(), &ours, books))
    });
    let there = i128::from(world.utxo().held(&scripts)) + unbooked;
    if here == there {
        return Ok(());
    }
    let detail = format!(
        "the ledger has {here} satoshi, the wallet {there} with {unbooked} that nobody could book"
    );
    Err(Broken::new("ledger equals chain", detail))
}

/// What left by transactions that nobody here made, or that did something else than asked: more
/// than the ledger knows of. What left before the book `began` was not in it; where both stores
/// went back to before that, a verdict takes it out once more, as the operations guide says.
fn unbooked(
    world: &World,
    foul: &[Foul],
    began: u64,
    token: Option<alloy::primitives::Address>,
) -> i128 {
    let small = |amount: u128| i128::try_from(amount).expect("small");
    foul.iter()
        .map(|foul| {
            let left: i128 = foul
                .mined
                .moved
                .iter()
                .filter(|moved| moved.token == token)
                .map(|moved| small(moved.amount))
                .sum();
            match &foul.owed {
                owed if foul.mined.nonce < began => {
                    -owed.as_ref().map_or(0, |owed| settled(world, foul, owed, token))
                }
                None => left + if token.is_none() { small(foul.mined.fee) } else { 0 },
                // What moved nothing settled nothing: another transaction did.
                Some(_) if foul.mined.moved.is_empty() => left + lost_fee(world, foul, token),
                Some(owed) => {
                    left + lost_fee(world, foul, token) - settled(world, foul, owed, token)
                }
            }
        })
        .sum()
}

/// What the network took for a transaction that nobody remembers.
fn lost_fee(world: &World, foul: &Foul, token: Option<alloy::primitives::Address>) -> i128 {
    let lost = token.is_none() && world.truth().is_forgotten(foul.mined.hash);
    if lost { i128::try_from(foul.mined.fee).expect("small") } else { 0 }
}

/// What the books say was paid there by this, or by nothing that did: each destination belongs to
/// one wish, whatever its withdrawal is called by now. Where nobody could know, another payment of
/// ours may have been made there besides.
fn settled(
    world: &World,
    foul: &Foul,
    owed: &Destination,
    token: Option<alloy::primitives::Address>,
) -> i128 {
    let by_another = |known: &Known| {
        known
            .paid_by
            .is_some_and(|hash| hash.0 != foul.mined.hash.0 && world.truth().has_paid(hash))
    };
    let paid = |known: &&Known| {
        known.status == Status::Completed && known.destination == *owed && !by_another(known)
    };
    let of = |known: &&Known| world.setup.contract(&known.asset) == token;
    let small = |known: &Known| i128::try_from(known.amount.base_units()).expect("small");
    world.disk.read(|books| books.withdrawals().filter(paid).filter(of).map(small).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours of seeds run in one process. A short day: this build is not optimised.
    #[test]
    fn a_day_leaves_no_world_behind() {
        let (outcome, world) = day(11, false);
        assert!(outcome.payouts > 0);
        assert_eq!(world.strong_count(), 0, "something still holds it");
    }
}
