//! A state in memory with one user, one chain and three assets. Windows are summed up naively from
//! all entries, so that the exact bookkeeping of `limits` is judged by something simpler.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::*;
use uuid::Uuid;

mod acts;
mod rules;
mod store;

pub use acts::{first_incarnation, journal};

pub struct World {
    pub view: View,
    pub rules: Rules,
    /// All of them, oldest first.
    pub events: Vec<Event>,
    pub observations: Vec<ObservationRecord>,
    pub transfers: Vec<Transfer>,
    entries: Vec<LimitEntry>,
    given_back: BTreeSet<WithdrawalId>,
    next_id: u128,
    /// What the last order would have committed alone.
    pub batch: Batch,
    /// What the signer was asked to retire, in this order.
    pub retirements: Vec<Retirement>,
    /// The epoch that the process of these tests holds; it does not learn of a later one by itself.
    pub epoch: Epoch,
}

pub const WALLET: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

pub fn user() -> UserId {
    "alice".parse().expect("a user")
}

pub fn asset(name: &str) -> AssetId {
    name.parse().expect("an asset")
}

pub fn book() -> Book {
    "xp".parse().expect("a book")
}

pub fn destination() -> Destination {
    WALLET.parse().expect("a destination")
}

pub fn lane() -> LaneId {
    "devnet:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("a lane")
}

pub fn owner() -> ReplicaId {
    ReplicaId(Uuid::from_u128(1))
}

pub fn hash(n: u8) -> Hash32 {
    Hash32([n; 32])
}

pub fn dg(whole: u64) -> Amount {
    Amount::parse(&whole.to_string(), 18).expect("an amount")
}

impl World {
    /// A user with a linked wallet and so many points, and a running lane.
    pub fn with_points(points: u128) -> Self {
        let mut world = Self::unleased(points);
        world.lease();
        world.read_journal();
        world.start();
        world
    }

    /// A user with a linked wallet and so many points, in a store without a lane.
    pub fn unleased(points: u128) -> Self {
        let mut world = Self {
            view: View::default(),
            rules: rules::rules(),
            events: Vec::new(),
            observations: Vec::new(),
            transfers: Vec::new(),
            entries: Vec::new(),
            given_back: BTreeSet::new(),
            next_id: 1_000,
            batch: Batch::default(),
            retirements: Vec::new(),
            epoch: Epoch(1),
        };
        world.at(1_700_000_000);
        world.must(Command::PutUser { user: user(), tier: None });
        world.must(Command::LinkWallet { user: user(), address: destination() });
        if points > 0 {
            world.must(world.credit("start", "XP", points));
        }
        world
    }

    /// A claim of 3,000 DG out of 10,000 XP, in a lineage.
    pub fn reserved() -> (Self, WithdrawalId, LineageId) {
        let mut world = Self::with_points(10_000);
        let id = world.request_claim(3_000).expect("accepted");
        let lineage = world.reserve(id).expect("reserved");
        (world, id, lineage)
    }

    /// The same, signed and sent with hash 1.
    pub fn sent() -> (Self, WithdrawalId, LineageId, AttemptId) {
        let (mut world, id, lineage) = Self::reserved();
        let attempt = world.send(lineage, hash(1));
        (world, id, lineage, attempt)
    }

    pub fn at(&mut self, seconds: i64) {
        self.view.now = Timestamp::from_seconds(seconds);
    }

    pub fn pass(&mut self, seconds: u64) {
        self.view.now = self.view.now.plus(Span::from_seconds(seconds));
    }

    pub fn id(&mut self) -> Uuid {
        self.next_id += 1 << 16;
        Uuid::from_u128(self.next_id)
    }

    pub fn credit(&self, id: &str, what: &str, amount: u128) -> Command {
        Command::Credit(Credit {
            id: id.parse().expect("an id"),
            user: user(),
            book: book(),
            asset: asset(what),
            amount: Amount::new(amount),
        })
    }

    pub fn give(&mut self, command: Command) -> Result<Answer, Refusal> {
        self.give_as(Actor::Engine, command)
    }

    /// Submits as the engine does: what the signer has to retire is retired, and the order is
    /// submitted again.
    pub fn give_as(&mut self, actor: Actor, command: Command) -> Result<Answer, Refusal> {
        match self.submit(actor.clone(), BTreeSet::new(), command.clone()) {
            Err(Refusal::NotRetired { payouts }) => {
                let retired = payouts.iter().map(|retirement| retirement.payout).collect();
                self.retirements.extend(payouts);
                self.submit(actor, retired, command)
            }
            answer => answer,
        }
    }

    /// Submits once, as if the signer could not be asked, and shows whose payouts it has to retire.
    pub fn give_unretired(&mut self, actor: Actor, command: Command) -> Result<Answer, Refusal> {
        self.submit(actor, BTreeSet::new(), command)
    }

    fn submit(
        &mut self,
        actor: Actor,
        retired: BTreeSet<PayoutId>,
        command: Command,
    ) -> Result<Answer, Refusal> {
        let order = Order { actor, ids: IdBlock::new(self.id()), retired, command };
        self.prepare(&keys(&order, &self.rules));
        let decision = decide(&self.view, &self.rules, &order)?;
        self.check_ids(&decision.changes);
        for change in &decision.changes {
            match change {
                Change::Limit(entry) => self.entries.push(entry.clone()),
                Change::Event(event) => self.events.push(event.clone()),
                Change::Observation(record) => self.observations.push(record.clone()),
                Change::Transfer(transfer) => self.transfers.push(transfer.clone()),
                Change::LimitGivenBack(entry) => {
                    assert!(self.given_back.insert(entry.withdrawal), "an entry is given back once")
                }
                _ => {}
            }
        }
        self.batch = self.batch_of(decision.changes.clone());
        assert_eq!(
            audit_batch(&self.batch),
            Ok(()),
            "what the rules decide breaks no invariant of the server"
        );
        self.view.apply(decision.changes);
        self.check();
        Ok(decision.answer)
    }

    #[track_caller]
    pub fn must(&mut self, command: Command) -> Answer {
        self.give(command).expect("accepted")
    }

    /// The rows that these changes write, and no earlier ones.
    fn batch_of(&self, changes: Vec<Change>) -> Batch {
        fn loaded<K: Ord + Clone, T: Clone>(slots: &BTreeMap<K, Slot<T>>) -> BTreeMap<K, Slot<T>> {
            slots
                .iter()
                .map(|(key, slot)| (key.clone(), Slot { dirty: false, ..slot.clone() }))
                .collect()
        }
        let mut view = View::default();
        view.now = self.view.now;
        view.users = loaded(&self.view.users);
        view.wallets = loaded(&self.view.wallets);
        view.accounts = loaded(&self.view.accounts);
        view.withdrawals = loaded(&self.view.withdrawals);
        view.lineages = loaded(&self.view.lineages);
        view.lanes = loaded(&self.view.lanes);
        view.incarnation = Slot { dirty: false, ..self.view.incarnation.clone() };
        view.apply(changes);
        view.into_batch()
    }

    /// Every id is used once, and a user's own events are numbered without gaps.
    fn check_ids(&self, changes: &[Change]) {
        let mut seen = BTreeSet::new();
        let mut seqs: BTreeMap<UserId, u64> = BTreeMap::new();
        for change in changes {
            match change {
                Change::Event(event) => {
                    assert!(seen.insert(event.id.0), "{event:?} has an id that was used");
                    if let Some(feed) = &event.feed {
                        let known =
                            self.view.users[&feed.user].row.as_ref().map_or(0, |row| row.event_seq);
                        let last = seqs.entry(feed.user.clone()).or_insert(known);
                        assert_eq!(feed.seq, *last + 1, "{event:?}");
                        *last += 1;
                    }
                }
                Change::Transfer(transfer) => {
                    assert!(seen.insert(transfer.id.0), "{transfer:?} has an id that was used")
                }
                _ => {}
            }
        }
    }

    /// What must hold after every order.
    fn check(&self) {
        let mut sums: BTreeMap<AssetId, (u128, u128)> = BTreeMap::new();
        for (account, slot) in &self.view.accounts {
            let balance = slot.row.unwrap_or_default();
            let sum = sums.entry(account.asset().clone()).or_default();
            sum.0 += balance.debits.base_units();
            sum.1 += balance.credits.base_units();
            if let Account::User { .. } = account {
                assert!(
                    balance.debits.plus(balance.held) <= balance.credits,
                    "{account} is overdrawn: {balance:?}"
                );
            }
            if let Account::Debt { .. } | Account::Suspense { .. } = account {
                assert!(
                    balance.credits <= balance.debits,
                    "{account} was paid off beyond what it had lent: {balance:?}"
                );
            }
        }
        for (asset, (debits, credits)) in sums {
            assert_eq!(debits, credits, "debits equal credits in {asset}");
        }
        let withdrawals = self.view.withdrawals.values().filter_map(|slot| slot.row.as_ref());
        let open: u128 = withdrawals
            .filter(|known| !known.state.status().is_end())
            .map(|known| known.deducted.base_units())
            .sum();
        let held: u128 = self
            .view
            .accounts
            .values()
            .filter_map(|slot| slot.row)
            .map(|balance| balance.held.base_units())
            .sum();
        assert_eq!(open, held, "open holds are those of unfinished withdrawals");
    }

    pub fn available(&self, what: &str) -> u128 {
        let account = Account::User { user: user(), book: book(), asset: asset(what) };
        self.view
            .accounts
            .get(&account)
            .and_then(|slot| slot.row)
            .unwrap_or_default()
            .available()
            .base_units()
    }

    /// What an own account has gained: credits less debits, negative where it paid out.
    pub fn net(&self, account: &Account) -> i128 {
        let balance = self.view.accounts.get(account).and_then(|slot| slot.row).unwrap_or_default();
        balance.credits.base_units() as i128 - balance.debits.base_units() as i128
    }

    pub fn withdrawal(&self, id: WithdrawalId) -> &Withdrawal {
        self.view.withdrawals[&id].row.as_ref().expect("accepted before")
    }

    pub fn lineage(&self, id: LineageId) -> &Lineage {
        self.view.lineages[&id].row.as_ref().expect("reserved before")
    }

    /// A claim of so many DG with the user's next nonce, good for ten minutes.
    pub fn claim(&mut self, amount: Amount) -> Request {
        let nonce = self.view.users[&user()].row.as_ref().expect("the user").claim_nonce;
        let id = WithdrawalId(self.id());
        let digest = Hash32(*blake(id));
        let deadline = self.view.now.seconds().unsigned_abs() + 600;
        Request {
            id,
            user: user(),
            book: book(),
            source_asset: asset("XP"),
            asset: asset("DG"),
            amount,
            destination: destination(),
            idempotency: None,
            claim: Some(Claim { nonce, deadline, digest, signature: Bytes(vec![1; 65]) }),
            tier: None,
        }
    }

    pub fn request_claim(&mut self, whole: u64) -> Result<WithdrawalId, Refusal> {
        let request = self.claim(dg(whole));
        let id = request.id;
        self.give(Command::Request(request)).map(|_| id)
    }

    pub fn leg(&self, id: WithdrawalId) -> Leg {
        let known = self.withdrawal(id);
        Leg {
            payout: known.payout,
            withdrawal: id,
            user: known.user.clone(),
            book: known.book.clone(),
            source_asset: known.source_asset.clone(),
            asset: known.asset.clone(),
            amount: known.amount,
            destination: known.destination.clone(),
        }
    }
}

pub fn block(height: u64) -> BlockRef {
    BlockRef { height, hash: hash(0xb0) }
}

/// A digest that differs for every id.
fn blake(id: WithdrawalId) -> Box<[u8; 32]> {
    let mut digest = [7; 32];
    digest[..16].copy_from_slice(id.0.as_bytes());
    Box::new(digest)
}
