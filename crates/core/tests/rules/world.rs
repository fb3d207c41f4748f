//! A state in memory with one user, one chain and three assets. Windows are summed up naively from all entries, so that the exact
//! bookkeeping of `limits` is judged by something simpler.

use std::collections::{BTreeMap, BTreeSet};

use adit_core::*;
use uuid::Uuid;

pub struct World {
    pub view: View,
    pub rules: Rules,
    entries: Vec<LimitEntry>,
    given_back: BTreeSet<WithdrawalId>,
    next_id: u128,
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

fn rules() -> Rules {
    let chain: ChainName = "devnet".parse().expect("a chain");
    let policy = |minimum: Amount, windows: Vec<WindowLimit>| Policy {
        minimum,
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows,
        approve_above: None,
    };
    let day = WindowLimit { window: Window::Rolling24h, max: dg(100_000) };
    let entry = |id: &str, decimals: u8, form: AssetForm, policy: Policy| {
        (asset(id), AssetRules { asset: Asset { id: asset(id), decimals, form }, policy, tiers: BTreeMap::new() })
    };
    let token = AssetForm::Token { chain: chain.clone(), contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3".to_owned() };
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            entry("XP", 0, AssetForm::Points, policy(Amount::ZERO, Vec::new())),
            entry("DG", 18, token, policy(dg(3_000), vec![day])),
            entry("ETH", 18, AssetForm::Native { chain: chain.clone() }, policy(Amount::new(1), Vec::new())),
        ]),
        chains: BTreeMap::from([(chain.clone(), chain_rules(chain))]),
        claims: Some(ClaimRules {
            points: asset("XP"),
            book: book(),
            asset: asset("DG"),
            rate: Rate::ONE,
            deadline_ahead_max: Span::from_seconds(900),
        }),
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 3,
    }
}

fn chain_rules(name: ChainName) -> ChainRules {
    ChainRules {
        name,
        native: asset("ETH"),
        lane: lane(),
        confirmations: 2,
        finality: Finality::Tag,
        trust: Trust::Single,
        in_flight_max: 4,
        attempts_max: 5,
        bump_after: Span::from_seconds(30),
        rebroadcast_after: Span::from_seconds(15),
        fee_per_gas_max: 100_000_000_000,
        fee_per_transaction_max: Amount::new(100_000_000_000 * 200_000),
        head_age_max: None,
        precheck_tries_max: 3,
        precheck_backoff: Span::from_seconds(5),
    }
}

impl World {
    /// A user with a linked wallet and so many points, and a running lane.
    pub fn with_points(points: u128) -> Self {
        let mut world = Self { view: View::default(), rules: rules(), entries: Vec::new(), given_back: BTreeSet::new(), next_id: 1_000 };
        world.at(1_700_000_000);
        world.must(Command::PutUser { user: user(), tier: None });
        world.must(Command::LinkWallet { user: user(), address: destination() });
        if points > 0 {
            world.must(world.credit("start", "XP", points));
        }
        world.must(Command::Lease {
            lane: lane(),
            owner: owner(),
            length: Span::from_hours(1_000_000),
            journal: JournalId(Uuid::from_u128(9)),
        });
        let funds = vec![Funds { asset: asset("ETH"), balance: Amount::new(10u128.pow(18)), at: world.view.now }];
        world.must(Command::StartLane {
            lane: lane(),
            owner: owner(),
            epoch: Epoch(1),
            chain_nonce: 7,
            unfinished: false,
            pins: BTreeMap::from([("chain_id".into(), "31337".into())]),
            funds,
        });
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

    pub fn give_as(&mut self, actor: Actor, command: Command) -> Result<Answer, Refusal> {
        let order = Order { actor, ids: IdBlock::new(self.id()), command };
        self.prepare(&keys(&order, &self.rules));
        let decision = decide(&self.view, &self.rules, &order)?;
        for change in &decision.changes {
            match change {
                Change::Limit(entry) => self.entries.push(entry.clone()),
                Change::LimitGivenBack(entry) => assert!(self.given_back.insert(entry.withdrawal), "an entry is given back once"),
                _ => {}
            }
        }
        self.view.apply(decision.changes);
        self.check();
        Ok(decision.answer)
    }

    #[track_caller]
    pub fn must(&mut self, command: Command) -> Answer {
        self.give(command).expect("accepted")
    }

    /// What a store does for a group: every row that is asked for is there, or known to be absent.
    fn prepare(&mut self, keys: &Keys) {
        for key in &keys.users {
            self.view.users.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.wallets {
            self.view.wallets.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.accounts {
            self.view.accounts.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.withdrawals {
            self.view.withdrawals.entry(*key).or_insert_with(Slot::absent);
        }
        for key in &keys.lineages {
            self.view.lineages.entry(*key).or_insert_with(Slot::absent);
        }
        for key in &keys.lanes {
            self.view.lanes.entry(key.clone()).or_insert_with(Slot::absent);
        }
        for key in &keys.digests {
            self.view.digests.entry(*key).or_insert(None);
        }
        for key in &keys.claim_nonces {
            self.view.claim_nonces.entry(key.clone()).or_insert(None);
        }
        for key in &keys.idempotency {
            self.view.idempotency.entry(key.clone()).or_insert(None);
        }
        for key in &keys.credits {
            self.view.credits.entry(key.clone()).or_insert(None);
        }
        for key in &keys.payouts {
            self.view.payouts.entry(*key).or_insert(None);
        }
        for ((user, asset), windows) in &keys.limits {
            let state = self.limit(user, asset, windows);
            self.view.limits.insert((user.clone(), asset.clone()), state);
        }
    }

    /// Sums everything up, every time.
    fn limit(&self, user: &UserId, asset: &AssetId, windows: &[Window]) -> LimitState {
        let own: Vec<&LimitEntry> = self.entries.iter().filter(|entry| entry.user == *user && entry.asset == *asset).collect();
        let sum = |entries: &mut dyn Iterator<Item = &&LimitEntry>| Amount::new(entries.map(|entry| entry.amount.base_units()).sum());
        let window = |window: &Window| {
            let cutoff = window.cutoff(self.view.now);
            let inside = |entry: &&&LimitEntry| entry.at > cutoff;
            let back = |entry: &&&LimitEntry| self.given_back.contains(&entry.withdrawal);
            let state = WindowState {
                cumulative_at_cutoff: sum(&mut own.iter().filter(|entry| !inside(entry))),
                given_back: sum(&mut own.iter().filter(inside).filter(back)),
                oldest_at: own.iter().filter(inside).find(|entry| !back(entry)).map(|entry| entry.at),
            };
            (*window, state)
        };
        LimitState {
            last_seq: own.len() as u64,
            last_at: own.last().map(|entry| entry.at),
            cumulative: sum(&mut own.iter()),
            windows: windows.iter().map(window).collect(),
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
                assert!(balance.debits.plus(balance.held) <= balance.credits, "{account} is overdrawn: {balance:?}");
            }
        }
        for (asset, (debits, credits)) in sums {
            assert_eq!(debits, credits, "debits equal credits in {asset}");
        }
        let withdrawals = self.view.withdrawals.values().filter_map(|slot| slot.row.as_ref());
        let open: u128 = withdrawals.filter(|known| !known.state.status().is_end()).map(|known| known.deducted.base_units()).sum();
        let held: u128 = self.view.accounts.values().filter_map(|slot| slot.row).map(|balance| balance.held.base_units()).sum();
        assert_eq!(open, held, "open holds are those of unfinished withdrawals");
    }

    pub fn available(&self, what: &str) -> u128 {
        let account = Account::User { user: user(), book: book(), asset: asset(what) };
        self.view.accounts.get(&account).and_then(|slot| slot.row).unwrap_or_default().available().base_units()
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

    pub fn draft(&self, nonce: u64, gwei: u128) -> Draft {
        Draft::Evm(EvmDraft {
            chain_id: 31337,
            nonce,
            to: destination(),
            value: Amount::ZERO,
            input: Bytes(vec![0xa9]),
            gas_limit: 60_000,
            fees: EvmFees { max_fee_per_gas: gwei * 1_000_000_000, max_priority_fee_per_gas: 1_000_000_000 },
        })
    }

    pub fn reserve(&mut self, id: WithdrawalId) -> Result<LineageId, Refusal> {
        let nonce = self.view.lanes[&lane()].row.as_ref().expect("a lane").next_nonce;
        let lineage = LineageId(self.id());
        let attempt = AttemptId(self.id());
        let legs = vec![self.leg(id)];
        let anchors = vec![Anchor::Nonce { lane: lane(), nonce }];
        let draft = self.draft(nonce, 10);
        self.give(Command::Reserve(Reserve { lane: lane(), owner: owner(), epoch: Epoch(1), lineage, attempt, anchors, legs, draft }))
            .map(|_| lineage)
    }

    /// Signs and sends the newest attempt, with this hash.
    pub fn send(&mut self, lineage: LineageId, as_hash: Hash32) -> AttemptId {
        let attempt = self.lineage(lineage).latest().id;
        let signed = Signed { raw: Bytes(vec![2]), hash: as_hash };
        self.must(Command::Record { lane: lane(), epoch: Epoch(1), lineage, attempt, signed });
        let legs = self.lineage(lineage).legs.clone();
        self.must(Command::Submitted { lane: lane(), epoch: Epoch(1), lineage, attempt, legs, submissions: Vec::new() });
        attempt
    }

    pub fn observe(&mut self, lineage: LineageId, fact: Fact) -> Result<Answer, Refusal> {
        let legs = self.lineage(lineage).legs.clone();
        let sighting = Sighting { lineage, fact, witnesses: Vec::new() };
        self.give(Command::Observe { lane: lane(), epoch: Epoch(1), legs, sighting })
    }

    /// The final fact of an attempt with this effect on every leg, and a fee of 21 wei.
    pub fn finalize(&mut self, lineage: LineageId, attempt: AttemptId, effect: &Effect) -> Result<Answer, Refusal> {
        let known = self.lineage(lineage);
        let hash = known.attempt(attempt).and_then(Attempt::signed).expect("signed").hash;
        let effects = known.legs.iter().map(|leg| LegEffect { payout: leg.payout, effect: effect.clone() }).collect();
        let receipt = Receipt { hash, block: block(10), effects, network_fee: Amount::new(21), fee_parts: Vec::new() };
        self.observe(lineage, Fact::Final { attempt, receipt })
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
