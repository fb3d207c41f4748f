//! What a lane's process does with its wallet: reserve, sign and send, observe, take over.

use std::collections::BTreeMap;

use adit_core::*;
use uuid::Uuid;

use super::{World, asset, block, destination, lane, owner};

const LEASE: Span = Span::from_hours(1_000_000);

/// The signer's journal that the lane is pinned to.
pub fn journal() -> JournalId {
    JournalId(Uuid::from_u128(9))
}

/// What the first lease of a store makes its incarnation.
pub fn first_incarnation() -> IncarnationId {
    IncarnationId(Uuid::from_u128(0xa1))
}

impl World {
    pub fn draft(&self, nonce: u64, gwei: u128) -> Draft {
        Draft::Evm(EvmDraft {
            chain_id: 31337,
            nonce,
            to: destination(),
            value: Amount::ZERO,
            input: Bytes(vec![0xa9]),
            gas_limit: 60_000,
            fees: EvmFees {
                max_fee_per_gas: gwei * 1_000_000_000,
                max_priority_fee_per_gas: 1_000_000_000,
            },
            pricing: EvmPricing::Dynamic,
        })
    }

    /// A reservation of the lane's next nonce for this withdrawal, in a lineage of its own.
    pub fn reservation(&mut self, id: WithdrawalId) -> Reserve {
        let nonce = self.lane().next_nonce;
        Reserve {
            lane: lane(),
            owner: owner(),
            epoch: self.epoch,
            lineage: LineageId(self.id()),
            attempt: AttemptId(self.id()),
            anchors: vec![Anchor::Nonce { lane: lane(), nonce }],
            legs: vec![self.leg(id)],
            draft: self.draft(nonce, 10),
        }
    }

    pub fn reserve(&mut self, id: WithdrawalId) -> Result<LineageId, Refusal> {
        let reserve = self.reservation(id);
        let lineage = reserve.lineage;
        self.give(Command::Reserve(reserve)).map(|_| lineage)
    }

    /// Another attempt of the lineage with this draft, not yet signed.
    pub fn add(
        &mut self,
        lineage: LineageId,
        purpose: Purpose,
        draft: EvmDraft,
    ) -> Result<AttemptId, Refusal> {
        let attempt = AttemptId(self.id());
        let draft = Draft::Evm(draft);
        let add = Command::AddAttempt(AddAttempt {
            lane: lane(),
            owner: owner(),
            epoch: self.epoch,
            lineage,
            attempt,
            purpose,
            draft,
            claims: Vec::new(),
            joining: Vec::new(),
        });
        self.give(add).map(|_| attempt)
    }

    /// The newest attempt again, with these fees.
    pub fn bump(&mut self, lineage: LineageId, fees: EvmFees) -> AttemptId {
        let Draft::Evm(evm) = self.lineage(lineage).latest().draft.clone() else {
            panic!("an EVM draft")
        };
        let purpose = self.lineage(lineage).latest().purpose;
        self.add(lineage, purpose, EvmDraft { fees, ..evm }).expect("a bump")
    }

    /// Signs and sends the newest attempt, with this hash.
    pub fn send(&mut self, lineage: LineageId, as_hash: Hash32) -> AttemptId {
        let attempt = self.lineage(lineage).latest().id;
        let signed = Signed { raw: Bytes(vec![2]), hash: as_hash };
        self.must(Command::Record {
            lane: lane(),
            epoch: self.epoch,
            lineage,
            attempt,
            signed,
            tip: None,
        });
        let legs = self.lineage(lineage).legs.clone();
        self.must(Command::Submitted {
            lane: lane(),
            epoch: self.epoch,
            lineage,
            attempt,
            legs,
            submissions: Vec::new(),
        });
        attempt
    }

    /// An operator wants it undone.
    pub fn wish_cancel(&mut self, id: WithdrawalId, lineage: LineageId) -> Result<Answer, Refusal> {
        let Leg { withdrawal, user, book, source_asset, asset, .. } = self.leg(id);
        let reason = "asked".to_owned();
        self.give(Command::Cancel {
            withdrawal,
            user,
            book,
            source_asset,
            asset,
            lineage: Some(lineage),
            reason,
        })
    }

    /// Notes another send of the newest attempt, now.
    pub fn send_again(&mut self, lineage: LineageId) -> Timestamp {
        let (attempt, legs) =
            (self.lineage(lineage).latest().id, self.lineage(lineage).legs.clone());
        self.must(Command::Submitted {
            lane: lane(),
            epoch: self.epoch,
            lineage,
            attempt,
            legs,
            submissions: Vec::new(),
        });
        self.view.now
    }

    pub fn observe(&mut self, lineage: LineageId, fact: Fact) -> Result<Answer, Refusal> {
        let legs = self.lineage(lineage).legs.clone();
        let sighting = Sighting { lineage, fact, witnesses: Vec::new() };
        self.give(Command::Observe { lane: lane(), epoch: self.epoch, legs, sighting })
    }

    /// The final fact of an attempt with this effect on every leg, and a fee of 21 wei.
    pub fn finalize(
        &mut self,
        lineage: LineageId,
        attempt: AttemptId,
        effect: &Effect,
    ) -> Result<Answer, Refusal> {
        let known = self.lineage(lineage);
        let hash = known.attempt(attempt).and_then(Attempt::signed).expect("signed").hash;
        let effects = known
            .legs
            .iter()
            .map(|leg| LegEffect { payout: leg.payout, effect: effect.clone() })
            .collect();
        let receipt = Receipt {
            hash,
            block: block(10),
            effects,
            network_fee: Amount::new(21),
            fee_parts: Vec::new(),
            fee_known: FeeKnown::Agreed,
        };
        self.observe(lineage, Fact::Final { attempt, receipt })
    }

    pub fn lane(&self) -> &Lane {
        self.view.lanes[&lane()].row.as_ref().expect("leased before")
    }

    /// A head of this moment at height 20, final up to 18, whose market asks twice the base fee and
    /// a gwei.
    pub fn tip(&self, base_fee: u128) -> Tip {
        let fees = EvmFees {
            max_fee_per_gas: base_fee * 2 + 1_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
        };
        let market = Market::Evm(EvmMarket { base_fee_per_gas: base_fee, fees });
        Tip {
            head: block(20),
            final_height: 18,
            market,
            mined_at: self.view.now,
            at: self.view.now,
        }
    }

    pub fn see(&mut self, tip: Tip) {
        let epoch = self.lane().epoch;
        self.must(Command::Advance {
            lane: lane(),
            epoch,
            tip,
            trail: Vec::new(),
            funds: Vec::new(),
            coin_places: None,
        });
    }

    pub fn see_tip(&mut self, base_fee: u128) {
        let tip = self.tip(base_fee);
        self.see(tip);
    }

    /// Everything that is due, as the lane's process would ask.
    pub fn due(&self) -> Vec<Act> {
        self.ask_lane(next)
    }

    /// Asks about the lane as it stands: live lineages by nonce, approved withdrawals by id.
    pub fn ask_lane<T>(&self, ask: impl FnOnce(&LaneView) -> T) -> T {
        let mut live: Vec<Lineage> = self
            .view
            .lineages
            .values()
            .filter_map(|slot| slot.row.clone())
            .filter(Lineage::is_live)
            .collect();
        live.sort_by_key(Lineage::number);
        let approved = |known: &&Withdrawal| known.state.status() == Status::Approved;
        let queue: Vec<Withdrawal> = self
            .view
            .withdrawals
            .values()
            .filter_map(|slot| slot.row.as_ref())
            .filter(approved)
            .cloned()
            .collect();
        let chain = &self.rules.chains[&lane().chain];
        let suspensions = &self.view.suspensions;
        ask(&LaneView {
            lane: self.lane(),
            chain,
            live: &live,
            queue: &queue,
            suspensions,
            now: self.view.now,
            clock_doubt: self.view.clock_doubt,
        })
    }

    /// Takes the lane's lease for the process of these tests, for longer than any test lasts.
    pub fn lease(&mut self) -> Granted {
        let granted = self.lease_to(owner(), LEASE);
        self.epoch = granted.epoch;
        granted
    }

    pub fn lease_to(&mut self, to: ReplicaId, length: Span) -> Granted {
        let command = self.claim_lease(to, length);
        let Answer::Leased(granted) = self.must(command) else { panic!("a lease") };
        granted
    }

    /// A claim of the lane's lease with a token of its own, by the signer of these tests.
    pub fn claim_lease(&mut self, to: ReplicaId, length: Span) -> Command {
        let (token, first) = (LeaseToken(self.id()), first_incarnation());
        Command::Lease {
            lane: lane(),
            owner: to,
            length,
            journal: journal(),
            tip: None,
            token,
            first,
            alone: false,
        }
    }

    /// The signer's journal was read to its end.
    pub fn read_journal(&mut self) -> Answer {
        self.must(Command::JournalRead { lane: lane(), owner: owner(), epoch: self.epoch })
    }

    /// Reconciling ends: the chain shows what the book says.
    pub fn start(&mut self) -> Answer {
        let command = self.start_lane();
        self.must(command)
    }

    pub fn start_lane(&self) -> Command {
        let funds = vec![Funds {
            asset: asset("ETH"),
            balance: Amount::new(10u128.pow(18)),
            at: self.view.now,
        }];
        let pins = BTreeMap::from([("chain_id".into(), "31337".into())]);
        let (lane, owner, epoch) = (lane(), owner(), self.epoch);
        let holdings = vec![Holding { asset: asset("ETH"), amount: Amount::new(10u128.pow(18)) }];
        let opening = Some(Opening { from_number: 7, holdings });
        Command::StartLane { lane, owner, epoch, chain_nonce: 7, opening, pins, funds }
    }

    pub fn halt(&mut self) {
        let reason = HaltReason::Operator { reason: "drill".to_owned() };
        self.must(Command::HaltLane { lane: lane(), reason });
    }

    /// The lease runs out, and another replica with the same signer takes it: epoch 2.
    pub fn take_over(&mut self) -> ReplicaId {
        let row = self.view.lanes.get_mut(&lane()).expect("a lane").row.as_mut().expect("a lane");
        row.lease = None;
        let other = ReplicaId(Uuid::from_u128(2));
        assert_eq!(self.lease_to(other, Span::from_hours(1)).epoch, Epoch(2));
        other
    }
}
