//! Users: each wish is one payment that somebody wants, asked for until there is an answer, and
//! again when it was forgotten.

use std::sync::{Arc, Mutex};

use adit_core::*;
use adit_engine::{Engine, WriteError};
use adit_evm::canonical;
use alloy::primitives::Address;

use crate::check::must;
use crate::replica::Running;
use crate::rules::{asset, bitcoin_destination, book};
use crate::store::Disk;
use crate::{Dice, World};

pub const USERS: u64 = 12;
/// What each user is owed at first, in whole units.
const CREDIT_WHOLE: u128 = 20_000;
/// An application sends its last credits again, since it does not know which ones arrived.
const CREDITS_RESENT: u64 = 2;
/// And all of so many rounds once the database was another one, as the operations guide says.
const CREDITS_RESENT_AFTER_RESTORE: u64 = 14;
/// How many of the newest wishes are asked for again at once when the database was lost.
const ASKED_AGAIN_AT_ONCE: usize = 10;
/// A request without an answer is asked again so many times before its user looks later.
const TRIES_MAX: u32 = 30;
/// Thousandths of requests that are sent twice at once.
const TWICE_PERMILLE: u32 = 200;
const CANCEL_PERMILLE: u32 = 60;
/// Thousandths of wishes for bitcoin that go where an earlier one went.
const SAME_ADDRESS_PERMILLE: u32 = 80;
/// Thousandths of recipients of coins that are contracts and refuse them.
const REFUSING_PERMILLE: u32 = 40;

/// One payment that a user wants.
#[derive(Debug, Clone)]
pub struct Wish {
    pub number: u64,
    pub user: UserId,
    pub asset: AssetId,
    pub amount: Amount,
    pub destination: Destination,
    /// The last withdrawal that was accepted for it.
    pub accepted: Option<WithdrawalId>,
    /// Refused for good, or withdrawn by its user.
    pub given_up: bool,
}

/// All users of one world.
#[derive(Clone)]
pub struct Users {
    world: Arc<World>,
    wishes: Arc<Mutex<Vec<Wish>>>,
}

/// What became of one try.
enum Asked {
    Accepted(WithdrawalId),
    Refused,
    /// No answer: it may have been accepted or not.
    Nothing,
}

impl Users {
    pub fn new(world: Arc<World>) -> Self {
        Self { world, wishes: Arc::default() }
    }

    pub fn wishes(&self) -> Vec<Wish> {
        self.wishes.lock().expect("nothing panics while it holds this lock").clone()
    }

    /// Everybody comes in and is credited; credits are sent again now and then, as an application
    /// does after a restore.
    pub async fn credit_all(self, mut dice: Dice) {
        let mut history = 0;
        for round in 0_u64.. {
            let now = self.world.disk.connections();
            let resent = if now == history { CREDITS_RESENT } else { CREDITS_RESENT_AFTER_RESTORE };
            history = now;
            for user in 0..USERS {
                for asset in self.world.setup.assets() {
                    self.credit(user, asset.id.as_str(), 0).await;
                }
                for recent in round.saturating_sub(resent).max(1)..=round {
                    self.credit(user, self.recent().as_str(), recent).await;
                }
            }
            self.world.handle.sleep(dice.between(1_200, 5_400) * 1_000_000).await;
        }
    }

    /// What is credited again and again.
    fn recent(&self) -> AssetId {
        self.world.setup.assets().swap_remove(0).id
    }

    async fn credit(&self, number: u64, name: &str, round: u64) {
        let user = user(number);
        let id = format!("round-{round}-{number}-{name}").parse().expect("an id");
        let amount = Amount::new(CREDIT_WHOLE * self.world.setup.whole(&asset(name)));
        let credit = Credit { id, user: user.clone(), book: book(), asset: asset(name), amount };
        for _ in 0..TRIES_MAX {
            if let Some((_, Running { engine, .. })) = self.world.any_at_primary() {
                let there = engine
                    .submit(Actor::Engine, Command::PutUser { user: user.clone(), tier: None })
                    .await;
                let credited = engine.submit(Actor::Engine, Command::Credit(credit.clone())).await;
                if there.is_ok() && credited.is_ok() {
                    return;
                }
            }
            self.world.handle.sleep(3_000_000).await;
        }
    }

    /// So many wishes within that time, in bursts.
    pub async fn wish_for(self, count: u64, until: u64, mut dice: Dice) {
        let mut made = 0;
        while made < count {
            let burst = dice.between(1, 12).min(count - made);
            for _ in 0..burst {
                let wish = self.draw(made, &mut dice);
                made += 1;
                let (users, own) = (self.clone(), dice.fork());
                self.world
                    .handle
                    .spawn(crate::executor::ProcessId(0), Box::pin(users.follow(wish, own)));
                self.world.handle.sleep(dice.between(0, 3_000) * 1_000).await;
            }
            let left = until.saturating_sub(self.world.now()) / (count - made + 1).max(1);
            self.world.handle.sleep(dice.between(1, (left * 2 * burst).max(2))).await;
        }
    }

    fn draw(&self, number: u64, dice: &mut Dice) -> Wish {
        let assets = self.world.setup.assets();
        let name = dice.pick(&assets).expect("something is paid").id.as_str();
        let whole = self.world.setup.whole(&asset(name));
        // Mostly small; some need a person; some run into limits.
        let amount = match dice.between(0, 20) {
            0 => whole * u128::from(dice.between(201, 500)),
            _ => whole / 100 * u128::from(dice.between(1, 3_000)),
        };
        let address = Address::left_padding_from(&(0x00aa_0000_0000 + number).to_be_bytes());
        if name == "ETH" && dice.chance(REFUSING_PERMILLE) {
            self.world.evm().set_recipient_reverts(address, true);
        }
        // Some are paid at an address where they were paid before.
        let again = number > 0 && dice.chance(SAME_ADDRESS_PERMILLE);
        let destination = match self.world.setup.is_bitcoin(&asset(name)) {
            true => bitcoin_destination(if again { dice.between(0, number) } else { number }),
            false => canonical(address),
        };
        let wish = Wish {
            number,
            user: user(dice.between(0, USERS)),
            asset: asset(name),
            amount: Amount::new(amount),
            destination,
            accepted: None,
            given_up: false,
        };
        self.wishes.lock().expect("nothing panics while it holds this lock").push(wish.clone());
        wish
    }

    /// Asks until there is an answer; sometimes cancels a little later.
    async fn follow(self, wish: Wish, mut dice: Dice) {
        self.ask_until_answered(&wish, &mut dice).await;
        if dice.chance(CANCEL_PERMILLE) {
            self.world.handle.sleep(dice.between(1, 600_000) * 1_000).await;
            self.cancel(&wish).await;
        }
    }

    /// A user whose withdrawal is not there any more asks again with the same key.
    pub async fn ask_again(self, mut dice: Dice) {
        loop {
            self.world.handle.sleep(dice.between(300, 900) * 1_000_000).await;
            // Some clients ask again although they have an answer.
            let known = |wish: &&Wish| {
                wish.accepted
                    .is_some_and(|id| self.world.disk.read(|books| books.withdrawal(id).is_some()))
            };
            let late = dice.pick(&self.wishes()).filter(known).cloned();
            for wish in self.forgotten().into_iter().chain(late) {
                self.ask_until_answered(&wish, &mut dice).await;
            }
        }
    }

    /// The database was another one a moment ago: whoever asked last asks again, with the same key.
    pub fn all_ask_again(&self, mut dice: Dice) {
        let asked: Vec<Wish> = self
            .wishes()
            .into_iter()
            .rev()
            .take(ASKED_AGAIN_AT_ONCE)
            .filter(|wish| !wish.given_up)
            .collect();
        for wish in asked {
            let (users, mut own) = (self.clone(), dice.fork());
            let again = async move {
                users.world.handle.sleep(own.between(1, 20_000) * 1_000).await;
                users.ask_until_answered(&wish, &mut own).await;
            };
            self.world.handle.spawn(crate::executor::ProcessId(0), Box::pin(again));
        }
    }

    /// Wishes that the database does not know, and that the chain did not fulfil.
    fn forgotten(&self) -> Vec<Wish> {
        let open = self
            .wishes()
            .into_iter()
            .filter(|wish| !wish.given_up && !self.world.is_wish_paid(wish.number));
        self.world.disk.read(|books| {
            open.filter(|wish| wish.accepted.is_none_or(|id| books.withdrawal(id).is_none()))
                .collect()
        })
    }

    async fn ask_until_answered(&self, wish: &Wish, dice: &mut Dice) {
        for _ in 0..TRIES_MAX {
            let asked = if dice.chance(TWICE_PERMILLE) {
                let (first, second) = futures::future::join(self.ask(wish), self.ask(wish)).await;
                if matches!(first, Asked::Nothing) { second } else { first }
            } else {
                self.ask(wish).await
            };
            match asked {
                Asked::Accepted(id) => {
                    return self.note(wish.number, |wish| wish.accepted = Some(id));
                }
                Asked::Refused => return self.note(wish.number, |wish| wish.given_up = true),
                Asked::Nothing => self.world.handle.sleep(dice.between(500, 20_000) * 1_000).await,
            }
        }
    }

    async fn ask(&self, wish: &Wish) -> Asked {
        let Some((process, Running { engine, .. })) = self.world.any_replica() else {
            return Asked::Nothing;
        };
        let id = WithdrawalId(engine.ports.uuid());
        match self.world.setup.is_bitcoin(&wish.asset) {
            true => self.world.coin_truth().wish(wish.number, PayoutId(id.0)),
            false => self.world.truth().wish(wish.number, PayoutId(id.0)),
        }
        self.world.asked(&wish.user, &wish.destination);
        let actor = Actor::User { user: wish.user.clone() };
        let disk = self.world.disk_of(process.slot);
        let connections = disk.connections();
        self.world.story.tell(wish.user.as_str(), || {
            format!("asks for {} of {} as {id} (wish {})", wish.amount, wish.asset, wish.number)
        });
        match engine.submit(actor, Command::Request(request(wish, id))).await {
            Ok(Answer::Accepted(withdrawal)) => self.accepted(withdrawal.id, &disk, connections),
            Ok(Answer::Replayed(id)) => self.accepted(id, &disk, connections),
            Err(WriteError::Refused(refusal)) if is_for_later(&refusal) => Asked::Nothing,
            Err(WriteError::Refused(refusal)) => {
                self.world.story.tell(wish.user.as_str(), || format!("is refused: {refusal:?}"));
                Asked::Refused
            }
            Ok(_)
            | Err(
                WriteError::Failed { .. }
                | WriteError::Unknown { .. }
                | WriteError::SignerUnreachable { .. }
                | WriteError::Superseded,
            ) => Asked::Nothing,
        }
    }

    /// Who is told that it was accepted finds it, unless the database itself has gone back since.
    fn accepted(&self, id: WithdrawalId, disk: &Disk, connections: u64) -> Asked {
        let kept =
            disk.read(|books| books.withdrawal(id).is_some()) || disk.connections() != connections;
        self.world.check(must(kept, "accepted is kept", || {
            format!("{id} was answered and is not in the database")
        }));
        Asked::Accepted(id)
    }

    async fn cancel(&self, wish: &Wish) {
        let Some(id) = self
            .wishes()
            .into_iter()
            .find(|known| known.number == wish.number)
            .and_then(|known| known.accepted)
        else {
            return;
        };
        let Some((_, Running { engine, .. })) = self.world.any_replica() else { return };
        cancel(&engine, id, Actor::User { user: wish.user.clone() }).await;
    }

    fn note(&self, number: u64, change: impl FnOnce(&mut Wish)) {
        let mut wishes = self.wishes.lock().expect("nothing panics while it holds this lock");
        if let Some(wish) = wishes.iter_mut().find(|wish| wish.number == number) {
            change(wish);
        }
    }
}

/// Cancels as whoever asks, with what is known of the withdrawal now.
pub(super) async fn cancel(engine: &Engine, id: WithdrawalId, actor: Actor) {
    let Ok(Some(row)) = engine.store().withdrawal(id).await else { return };
    let lineage = row.state.lineage();
    let command = Command::Cancel {
        withdrawal: id,
        user: row.user,
        book: row.book,
        source_asset: row.source_asset,
        asset: row.asset,
        lineage,
        reason: "changed his mind".to_owned(),
    };
    let _refused_or_not = engine.submit(actor, command).await;
}

/// Whether the same may be accepted later.
fn is_for_later(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Suspended { .. }
            | Refusal::UnknownUser { .. }
            | Refusal::InsufficientBalance { .. }
            | Refusal::StoreWentBack { .. }
            | Refusal::ClockDoubted { .. }
    )
}

fn request(wish: &Wish, id: WithdrawalId) -> Request {
    let key = IdempotencyKey::new(format!("wish-{}", wish.number)).expect("a key");
    let mut fingerprint = [0; 32];
    fingerprint[..8].copy_from_slice(&wish.number.to_be_bytes());
    Request {
        id,
        user: wish.user.clone(),
        book: book(),
        source_asset: wish.asset.clone(),
        asset: wish.asset.clone(),
        amount: wish.amount,
        destination: wish.destination.clone(),
        idempotency: Some(Idempotency { key, fingerprint: Hash32(fingerprint) }),
        claim: None,
        tier: None,
    }
}

fn user(number: u64) -> UserId {
    format!("user-{number}").parse().expect("a user")
}
