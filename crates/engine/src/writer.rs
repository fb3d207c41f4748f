//! The one writer: takes what has queued up, loads the rows it touches, decides each order, commits
//! all in one transaction, then answers. The next group gathers meanwhile.
//!
//! Orders wait in three lines. Leases and halts go first, since they must not wait. What people ask
//! and what the engine's own tasks do have a line each, and a group takes only so much of the
//! latter, so that a lane with hundreds of payments to move does not make people wait.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use adit_core::{
    Actor, Answer, BrokenInvariant, Command, GroupId, IncarnationId, Keys, Mistake, Order,
    PayoutId, Refusal, Rules, Span, Timestamp, WentBack, audit_batch, decide, keys, planted,
};
use adit_store::{CommitFault, StoreFault};
use futures::future::{Either, join_all, select};
use tokio::sync::{mpsc, oneshot};

use crate::{Clock as _, Hub, Ports};

/// Orders that may wait for the writer; beyond that a caller waits to enqueue.
pub const QUEUE_ORDERS_MAX: usize = 16_384;
/// Orders that are decided and committed together.
pub const GROUP_ORDERS_MAX: usize = 1_024;
/// How many of them may be the engine's own.
pub const GROUP_ENGINE_ORDERS_MAX: usize = 128;
/// How often one group is tried when other transactions are in the way.
const CONTENTION_TRIES_MAX: u32 = 8;
/// How often the store is asked whether a group was committed before its callers are told that
/// nobody knows.
const READ_BACK_TRIES_MAX: u32 = 40;
const BACKOFF_FIRST: Span = Span::from_millis(5);
const BACKOFF_MOST: Span = Span::from_seconds(1);

/// Where orders are handed in. Cheap to clone.
#[derive(Clone)]
pub struct Writer {
    urgent: mpsc::Sender<Item>,
    people: mpsc::Sender<Item>,
    engine: mpsc::Sender<Item>,
    ports: Ports,
    hub: Hub,
}

struct Item {
    order: Order,
    answer: oneshot::Sender<Result<Answer, WriteError>>,
}

/// Why an order has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The rules say no; nothing changed.
    #[error("{0:?}")]
    Refused(Refusal),
    /// The store failed; nothing changed. Trying again is safe.
    #[error("the store could not take it ({detail}); nothing changed, try again")]
    Failed { detail: String },
    /// The signer could not be asked whether a hold may be given back. Nothing changed. Trying
    /// again is safe.
    #[error("the signer cannot be asked ({detail}); nothing changed, try again")]
    SignerUnreachable { detail: String },
    /// Another state of this store has taken its place. This process can do nothing any more.
    #[error(
        "this server works on a state of the store that another one has taken the place of; stop it"
    )]
    Superseded,
    /// The store's answer was lost and could not be read back. Ask what became of it before trying
    /// again.
    #[error(
        "the store's answer was lost ({detail}); look whether it was accepted before trying again"
    )]
    Unknown { detail: String },
}

impl Writer {
    /// Starts the writer's task.
    pub fn start(ports: Ports, rules: Arc<Rules>, hub: Hub) -> Self {
        let (urgent, of_urgent) = mpsc::channel(QUEUE_ORDERS_MAX);
        let (people, of_people) = mpsc::channel(QUEUE_ORDERS_MAX);
        let (engine, of_engine) = mpsc::channel(QUEUE_ORDERS_MAX);
        let task = WriterTask {
            ports: ports.clone(),
            rules,
            hub: hub.clone(),
            of_urgent,
            of_people,
            of_engine,
            went_back: Mutex::default(),
        };
        ports.spawner.spawn("writer", Box::pin(task.run()));
        Self { urgent, people, engine, ports, hub }
    }

    /// Decides and commits one command.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn submit(&self, actor: Actor, command: Command) -> Result<Answer, WriteError> {
        self.submit_retired(actor, command, BTreeSet::new()).await
    }

    /// The same, with payouts that the signer has retired for it.
    pub(crate) async fn submit_retired(
        &self,
        actor: Actor,
        command: Command,
        retired: BTreeSet<PayoutId>,
    ) -> Result<Answer, WriteError> {
        if self.hub.is_superseded() {
            return Err(WriteError::Superseded);
        }
        let (answer, answered) = oneshot::channel();
        let order = Order { actor, ids: self.ports.ids(), retired, command };
        let stopped = || WriteError::Failed { detail: "the writer has stopped".to_owned() };
        let line = match (&order.actor, &order.command) {
            // A lease that waited behind others could run out, and a halt must not wait.
            (Actor::Engine, Command::Lease { .. } | Command::HaltLane { .. } | Command::Beat) => {
                &self.urgent
            }
            (Actor::Engine, _) => &self.engine,
            (Actor::User { .. } | Actor::Service { .. } | Actor::Admin { .. }, _) => &self.people,
        };
        line.send(Item { order, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| WriteError::Unknown {
            detail: "the writer stopped before it answered".to_owned(),
        })?
    }

    pub(crate) fn last_commit(&self) -> Option<Timestamp> {
        self.hub.last_commit()
    }

    /// Hands in many commands in this order and waits for all answers.
    pub async fn submit_all(
        &self,
        actor: &Actor,
        commands: Vec<Command>,
    ) -> Vec<Result<Answer, WriteError>> {
        join_all(commands.into_iter().map(|command| self.submit(actor.clone(), command))).await
    }
}

struct WriterTask {
    ports: Ports,
    rules: Arc<Rules>,
    hub: Hub,
    of_urgent: mpsc::Receiver<Item>,
    of_people: mpsc::Receiver<Item>,
    of_engine: mpsc::Receiver<Item>,
    /// The store says that it went back, and that is not written down in it yet. Nothing else is
    /// committed before.
    went_back: Mutex<Option<WentBack>>,
}

/// What became of one try to commit a group.
enum Tried {
    Answered(Vec<Result<Answer, WriteError>>),
    /// Nothing was committed, and the same may work in a moment.
    Contended(String),
    /// Nothing was committed, and it will not be for all of them together.
    Constrained(String),
}

impl WriterTask {
    async fn run(mut self) {
        while let Some(first) = self.first().await {
            let mut group = vec![first];
            take(&mut self.of_urgent, GROUP_ORDERS_MAX, &mut group);
            take(&mut self.of_engine, GROUP_ENGINE_ORDERS_MAX, &mut group);
            take(&mut self.of_people, GROUP_ORDERS_MAX, &mut group);
            self.answer(group).await;
        }
    }

    /// The next order of any line. None once nobody can hand any in: whoever has one end has them
    /// all.
    async fn first(&mut self) -> Option<Item> {
        let (urgent, people, engine) =
            (pin!(self.of_urgent.recv()), pin!(self.of_people.recv()), pin!(self.of_engine.recv()));
        match select(urgent, select(people, engine)).await {
            Either::Left((item, _)) => item,
            Either::Right((Either::Left((item, _)) | Either::Right((item, _)), _)) => item,
        }
    }

    async fn answer(&self, group: Vec<Item>) {
        let (orders, callers): (Vec<Order>, Vec<_>) =
            group.into_iter().map(|item| (item.order, item.answer)).unzip();
        let answers = self.write(&orders).await;
        for (caller, answer) in callers.into_iter().zip(answers) {
            let _caller_left = caller.send(answer);
        }
    }

    /// Tries the group as a whole; where a constraint stands against it, its orders one by one.
    async fn write(&self, orders: &[Order]) -> Vec<Result<Answer, WriteError>> {
        match self.write_together(orders).await {
            Ok(answers) => answers,
            Err(constraint) if orders.len() == 1 => {
                vec![Err(WriteError::Failed { detail: constraint })]
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(orders.len());
                for order in orders {
                    let alone = self.write_together(std::slice::from_ref(order)).await;
                    answers.extend(
                        alone.unwrap_or_else(|detail| vec![Err(WriteError::Failed { detail })]),
                    );
                }
                answers
            }
        }
    }

    async fn write_together(
        &self,
        orders: &[Order],
    ) -> Result<Vec<Result<Answer, WriteError>>, String> {
        let mut detail = String::new();
        for tries in 0..CONTENTION_TRIES_MAX {
            match self.try_once(orders).await {
                Tried::Answered(answers) => return Ok(answers),
                Tried::Constrained(constraint) => return Err(constraint),
                Tried::Contended(why) => {
                    tracing::debug!(why, tries, "a group is tried again");
                    detail = why;
                    self.ports.clock.sleep(BACKOFF_FIRST.backoff(tries, BACKOFF_MOST)).await;
                }
            }
        }
        Ok(orders.iter().map(|_| Err(WriteError::Failed { detail: detail.clone() })).collect())
    }

    async fn try_once(&self, orders: &[Order]) -> Tried {
        match self.write_finding().await {
            Some(tried @ (Tried::Contended(_) | Tried::Constrained(_))) => return tried,
            Some(Tried::Answered(answers)) => {
                if let Some(Err(error)) = answers.into_iter().next() {
                    return all(orders, &error);
                }
            }
            None => {}
        }
        self.try_group(orders).await
    }

    /// Writes down that the store went back, where it said so: from then on the rules refuse
    /// whatever they have to (case F94).
    async fn write_finding(&self) -> Option<Tried> {
        let because = self.went_back.lock().expect("no holder of this lock panics").clone()?;
        let next = IncarnationId(self.ports.uuid());
        let command = Command::FindWentBack { because, next, take_over: false };
        let order = Order {
            actor: Actor::Engine,
            ids: self.ports.ids(),
            retired: BTreeSet::new(),
            command,
        };
        let tried = self.try_group(std::slice::from_ref(&order)).await;
        if matches!(&tried, Tried::Answered(answers) if answers.iter().all(Result::is_ok)) {
            *self.went_back.lock().expect("no holder of this lock panics") = None;
        }
        Some(tried)
    }

    async fn try_group(&self, orders: &[Order]) -> Tried {
        let mut wanted = Keys::default();
        orders.iter().for_each(|order| wanted.extend(keys(order, &self.rules)));
        let mut group = match self.ports.store.load(&wanted, self.ports.clock.now()).await {
            Ok(group) => group,
            Err(StoreFault::WentBack { because }) => {
                tracing::error!(
                    %because,
                    "the store went back; nothing is reserved, signed or given back until it is reconciled"
                );
                let detail = because.to_string();
                *self.went_back.lock().expect("no holder of this lock panics") = Some(because);
                self.ports.store.accept_history();
                return Tried::Contended(detail);
            }
            Err(StoreFault::Contention { detail }) => return Tried::Contended(detail),
            Err(fault) => return failed(orders, &fault),
        };
        let mut view = group.take_view();
        view.clock_doubt = self.ports.clock.doubt();
        let now = self.ports.clock.now();
        self.hub.compared_clocks(view.store_clock.unwrap_or(now), now);
        let answers: Vec<Result<Answer, WriteError>> = orders
            .iter()
            .map(|order| {
                let decision = decide(&view, &self.rules, order).map_err(WriteError::Refused)?;
                view.apply(decision.changes);
                Ok(decision.answer)
            })
            .collect();
        let batch = view.into_batch();
        let beats = orders.iter().any(|order| order.command == Command::Beat);
        if batch.is_empty() && !beats {
            return Tried::Answered(answers);
        }
        if let Err(broken) = audit_batch(&batch) {
            return self.refuse(orders, &broken);
        }
        let events = batch.appended.events.clone();
        let wakes = Hub::concerns_lanes(&batch);
        let id = GroupId(self.ports.uuid());
        let tried = match group.commit(id, batch).await {
            Ok(()) => Tried::Answered(answers),
            Err(_) if planted(Mistake::CommitFailureIgnored) => Tried::Answered(answers),
            Err(CommitFault::Contention { detail }) => Tried::Contended(detail),
            Err(CommitFault::Constraint { constraint }) => Tried::Constrained(constraint),
            // It may be one order that the store cannot hold: the others are not made to suffer for
            // it.
            Err(CommitFault::Unwritable { detail }) => Tried::Constrained(detail),
            Err(CommitFault::Unknown { detail }) => {
                self.read_back(orders, id, answers, detail).await
            }
        };
        if let Tried::Answered(answers) = &tried
            && answers.iter().all(|answer| !matches!(answer, Err(WriteError::Unknown { .. })))
        {
            self.hub.committed(self.ports.clock.uptime());
            self.hub.publish(events);
            if wakes {
                self.hub.wake_lanes();
            }
        }
        tried
    }

    /// A group that would break an invariant is not committed. Its orders are tried one by one, and
    /// the one that would break it stops the lanes.
    fn refuse(&self, orders: &[Order], broken: &BrokenInvariant) -> Tried {
        tracing::error!(
            %broken,
            orders = orders.len(),
            "a group would break an invariant; it is not committed"
        );
        if orders.len() == 1 {
            self.hub.raise(broken.clone());
        }
        Tried::Constrained(format!("an invariant would not hold: {broken}"))
    }

    /// The answer to COMMIT was lost: the outcome is read back, never assumed (window F71).
    async fn read_back(
        &self,
        orders: &[Order],
        id: GroupId,
        answers: Vec<Result<Answer, WriteError>>,
        detail: String,
    ) -> Tried {
        if planted(Mistake::LostCommitAssumedDone) {
            return Tried::Answered(answers);
        }
        for tries in 0..READ_BACK_TRIES_MAX {
            match self.ports.store.was_committed(id).await {
                Ok(true) => return Tried::Answered(answers),
                Ok(false) => return Tried::Contended(detail),
                Err(fault) => {
                    tracing::warn!(%fault, group = %id, "cannot read back a lost commit yet")
                }
            }
            self.ports.clock.sleep(BACKOFF_FIRST.backoff(tries, BACKOFF_MOST)).await;
        }
        all(orders, &WriteError::Unknown { detail })
    }
}

/// Fills the group up to `most` with what waits in a line.
fn take(line: &mut mpsc::Receiver<Item>, most: usize, group: &mut Vec<Item>) {
    while group.len() < most {
        match line.try_recv() {
            Ok(item) => group.push(item),
            Err(_) => break,
        }
    }
}

fn failed(orders: &[Order], fault: &StoreFault) -> Tried {
    all(orders, &WriteError::Failed { detail: fault.to_string() })
}

fn all(orders: &[Order], error: &WriteError) -> Tried {
    Tried::Answered(orders.iter().map(|_| Err(error.clone())).collect())
}

#[cfg(test)]
mod tests {
    use adit_core::{IdBlock, Scope};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_engine_leaves_room_for_people() {
        let (people, mut of_people) = mpsc::channel(QUEUE_ORDERS_MAX);
        let (engine, mut of_engine) = mpsc::channel(QUEUE_ORDERS_MAX);
        for (line, actor, orders) in [
            (&engine, Actor::Engine, GROUP_ENGINE_ORDERS_MAX + 1),
            (&people, somebody(), GROUP_ORDERS_MAX),
        ] {
            (0..orders).for_each(|_| {
                line.try_send(item(&actor)).unwrap_or_else(|_| panic!("the line is long enough"))
            });
        }
        let mut group = Vec::new();
        take(&mut of_engine, GROUP_ENGINE_ORDERS_MAX, &mut group);
        take(&mut of_people, GROUP_ORDERS_MAX, &mut group);
        let of_engine_now = group.iter().filter(|item| item.order.actor == Actor::Engine).count();
        assert_eq!((of_engine_now, group.len()), (GROUP_ENGINE_ORDERS_MAX, GROUP_ORDERS_MAX));
        assert_eq!(
            (of_engine.len(), of_people.len()),
            (1, GROUP_ENGINE_ORDERS_MAX),
            "the rest waits for the next group"
        );
    }

    fn somebody() -> Actor {
        Actor::User { user: "ada".parse().expect("a user id") }
    }

    fn item(actor: &Actor) -> Item {
        let order = Order {
            actor: actor.clone(),
            ids: IdBlock::new(Uuid::nil()),
            retired: BTreeSet::new(),
            command: Command::Resume { scope: Scope::All },
        };
        Item { order, answer: oneshot::channel().0 }
    }
}
