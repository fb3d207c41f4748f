//! A decision while it is being written: changes so far, ids used so far, users touched so far.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Account, Amount, Answer, AssetId, Cause, ChainKind, ChainRules, Change, Decision, Destination,
    Epoch, Event, EventKind, Feed, Hash32, IdBlock, Lane, LaneId, Mistake, Order, Payment,
    PayoutId, Refusal, ReplicaId, Request, Retirement, Rules, State, Timestamp, Transfer,
    TransferId, TransferKind, Twin, User, UserId, View, Wanted, Withdrawal, WithdrawalId, planted,
};

/// Mistakes of engines that give back without asking their signer: it would not let them.
const UNASKED: [Mistake; 6] = [
    Mistake::GiveBackWithoutJournal,
    Mistake::GiveBackOnErrorText,
    Mistake::AlreadyKnownIsFailure,
    Mistake::MissingInputsIsDead,
    Mistake::ReorgIsFailure,
    Mistake::CancelFreesAtOnce,
];

pub(super) struct Drafting<'a> {
    pub view: &'a View,
    pub rules: &'a Rules,
    pub actor: &'a crate::Actor,
    ids: IdBlock,
    used: u16,
    changes: Vec<Change>,
    users: BTreeMap<UserId, User>,
    retired: &'a BTreeSet<PayoutId>,
    unretired: Vec<Retirement>,
    explained: BTreeSet<WithdrawalId>,
    /// Payments that have their user now.
    matched: Vec<(WithdrawalId, UserId)>,
    /// Withdrawals that a person says were paid, each with the transaction that their finding
    /// names.
    paid: Vec<(&'a Withdrawal, Hash32, &'a str)>,
}

impl<'a> Drafting<'a> {
    pub fn new(view: &'a View, rules: &'a Rules, order: &'a Order) -> Self {
        Self {
            view,
            rules,
            actor: &order.actor,
            ids: order.ids,
            used: 0,
            changes: Vec::new(),
            users: BTreeMap::new(),
            retired: &order.retired,
            unretired: Vec::new(),
            explained: BTreeSet::new(),
            matched: Vec::new(),
            paid: Vec::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.view.now
    }

    /// # Errors
    /// [`Refusal::ClockDoubted`] where nobody knows what time it is.
    pub fn sure_of_time(&self) -> Result<(), Refusal> {
        match self.view.clock_doubt {
            Some(doubt) => Err(Refusal::ClockDoubted { doubt }),
            None => Ok(()),
        }
    }

    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Closes the decision. One that gives back what the signer has not retired is none yet.
    pub fn answer(mut self, answer: Answer) -> Result<Decision, Refusal> {
        if !self.unretired.is_empty() {
            return Err(Refusal::NotRetired { payouts: self.unretired });
        }
        self.explain();
        self.changes.extend(self.users.into_values().map(Change::User));
        Ok(Decision { changes: self.changes, answer })
    }

    pub fn unchanged(self) -> Result<Decision, Refusal> {
        Ok(Decision { changes: Vec::new(), answer: Answer::Unchanged })
    }

    /// The user's row as this decision leaves it so far.
    pub fn user(&mut self, id: &UserId) -> Result<&mut User, Refusal> {
        if !self.users.contains_key(id) {
            let user = self
                .view
                .user(id)
                .cloned()
                .ok_or_else(|| Refusal::UnknownUser { user: id.clone() })?;
            self.users.insert(id.clone(), user);
        }
        Ok(self.users.get_mut(id).expect("inserted above"))
    }

    /// Adds a user's row that does not exist yet.
    pub fn new_user(&mut self, user: User) {
        self.users.insert(user.id.clone(), user);
    }

    pub fn transfer(
        &mut self,
        kind: TransferKind,
        debit: Account,
        credit: Account,
        amount: Amount,
        cause: Cause,
    ) -> TransferId {
        let id = self.ids.transfer(self.next());
        let at = self.now();
        self.change(Change::Transfer(Transfer { id, kind, debit, credit, amount, at, cause }));
        id
    }

    /// An event of the whole instance.
    pub fn event(&mut self, kind: EventKind) {
        self.push_event(None, None, kind);
    }

    /// An event in a user's feed.
    pub fn user_event(
        &mut self,
        user: &UserId,
        withdrawal: Option<WithdrawalId>,
        kind: EventKind,
    ) -> Result<(), Refusal> {
        let row = self.user(user)?;
        row.event_seq += 1;
        let feed = Feed { user: user.clone(), seq: row.event_seq };
        self.push_event(Some(feed), withdrawal, kind);
        Ok(())
    }

    fn push_event(
        &mut self,
        feed: Option<Feed>,
        withdrawal: Option<WithdrawalId>,
        kind: EventKind,
    ) {
        let id = self.ids.event(self.next());
        let event = Event { id, at: self.now(), actor: self.actor.clone(), feed, withdrawal, kind };
        self.change(Change::Event(event));
    }

    fn next(&mut self) -> u16 {
        self.used += 1;
        self.used
    }

    pub fn withdrawal(&self, id: WithdrawalId) -> Result<&'a Withdrawal, Refusal> {
        self.view.withdrawal(id).ok_or(Refusal::UnknownWithdrawal)
    }

    pub fn lane(&self, id: &LaneId) -> Result<&'a Lane, Refusal> {
        self.view.lane(id).ok_or_else(|| Refusal::NotLeased { lane: id.to_string() })
    }

    pub fn chain(&self, lane: &LaneId) -> Result<&'a ChainRules, Refusal> {
        self.rules.chain_of_lane(lane).ok_or_else(|| Refusal::NotLeased { lane: lane.to_string() })
    }

    /// A payment that nobody had been matched to is explained: equal requests do not wait because
    /// of it any more.
    pub fn forget_unmatched(&mut self, id: WithdrawalId) {
        self.explained.insert(id);
    }

    /// A payment that nobody had been matched to has its user now.
    pub fn note_match(&mut self, id: WithdrawalId, user: UserId) {
        self.matched.push((id, user));
    }

    /// A person says that this withdrawal was paid by a transaction that was none of its own. Where
    /// nobody here remembered that one, it is explained by this: nobody else waits because of it.
    /// Returns where it stands.
    pub fn explain_stray(
        &mut self,
        withdrawal: &'a Withdrawal,
        named: Hash32,
        finding: &'a str,
    ) -> Option<Payment> {
        self.paid.push((withdrawal, named, finding));
        let wanted = self.wanted(&withdrawal.asset, &withdrawal.destination, withdrawal.amount);
        let row = self.view.incarnation.row.as_ref();
        row.and_then(|row| row.named_stray(&wanted, named, finding))
            .map(|stray| stray.payment.clone())
    }

    fn explain(&mut self) {
        if self.explained.is_empty() && self.paid.is_empty() && self.matched.is_empty() {
            return;
        }
        let Some(known) = &self.view.incarnation.row else { return };
        let mut incarnation = known.clone();
        incarnation.unmatched.retain(|unmatched| !self.explained.contains(&unmatched.withdrawal));
        for (id, user) in &self.matched {
            incarnation.match_to(*id, user, self.now());
        }
        for (withdrawal, named, finding) in &self.paid {
            let wanted = self.wanted(&withdrawal.asset, &withdrawal.destination, withdrawal.amount);
            incarnation.explain_stray(&wanted, *named, finding);
        }
        if incarnation != *known {
            self.change(Change::Incarnation(incarnation));
        }
    }

    /// A payment of the same that nobody has explained.
    pub fn twin(&self, asset: &AssetId, destination: &Destination, amount: Amount) -> Option<Twin> {
        let row = self.view.incarnation.row.as_ref().filter(|_| !planted(Mistake::StraysForgotten));
        row.and_then(|row| row.twin(&self.wanted(asset, destination, amount)))
    }

    /// A payment of the same that nobody has explained, or that the same user got lately, as a
    /// person has said.
    pub fn twin_of(&self, request: &Request, paid: Amount) -> Option<Twin> {
        let row = self.view.incarnation.row.as_ref().filter(|_| !planted(Mistake::StraysForgotten));
        let wanted = self.wanted(&request.asset, &request.destination, paid);
        row.and_then(|row| row.twin_of_request(&request.user, &wanted, self.now()))
    }

    fn wanted<'w>(
        &self,
        asset: &'w AssetId,
        destination: &'w Destination,
        amount: Amount,
    ) -> Wanted<'w> {
        let kind = self.rules.chain_of(asset).map_or(ChainKind::Evm, |chain| chain.kind);
        Wanted { asset, destination, amount, kind }
    }

    /// Where only blocks know the payment of the same, the verdict on this withdrawal says whose it
    /// was. None where the journal knows it: then an approval is waited for.
    pub fn held_by(&self, twin: &Twin) -> Option<(State, EventKind)> {
        let Twin::Stray { hash } = *twin else { return None };
        let (payment, finding) = (self.stray(hash)?, twin.to_string());
        let kind = EventKind::HeldForInspection { finding: finding.clone(), hash };
        Some((State::HeldForInspection { since: self.now(), finding, payment, pays: false }, kind))
    }

    /// Where a transaction that nobody here remembers stands.
    fn stray(&self, hash: Hash32) -> Option<Payment> {
        let strays =
            self.view.incarnation.row.as_ref().map(|row| &row.strays[..]).unwrap_or_default();
        strays.iter().find(|stray| stray.payment.hash == hash).map(|stray| stray.payment.clone())
    }

    /// Asks the signer to retire a payout, unless it has done so for this order.
    pub fn retire(&mut self, retirement: Retirement) {
        if !self.retired.contains(&retirement.payout) && !UNASKED.into_iter().any(planted) {
            self.unretired.push(retirement);
        }
    }

    /// Fails while the store is known to have gone back.
    pub fn present(&self) -> Result<(), Refusal> {
        match self.view.incarnation.row.as_ref().and_then(|row| row.finding.as_ref()) {
            Some(finding) if !planted(Mistake::FindingIgnored) => {
                Err(Refusal::StoreWentBack { because: finding.because.to_string() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Fails unless the lane that would pay this has read the signer's journal under its present
    /// lease: until then nobody knows what was signed for it (case F93).
    pub fn knows_journal(&self, withdrawal: &Withdrawal) -> Result<(), Refusal> {
        self.present()?;
        let Some(chain) = self.rules.chain_of(&withdrawal.asset) else { return Ok(()) };
        let read = self.view.lane(&chain.lane).is_some_and(Lane::has_read_journal);
        match read || planted(Mistake::GiveBackUnread) {
            true => Ok(()),
            false => Err(Refusal::JournalUnread { lane: chain.lane.to_string() }),
        }
    }

    /// Fails unless the hold of this may be given back: besides, nothing that database and journal
    /// forgot together may still pay it. Until the sweep is final, what shows here as waiting may
    /// have been signed in the lost part, and be mined (case F91).
    pub fn may_give_back(&self, withdrawal: &Withdrawal) -> Result<(), Refusal> {
        self.knows_journal(withdrawal)?;
        let Some(chain) = self.rules.chain_of(&withdrawal.asset) else { return Ok(()) };
        match self.view.lane(&chain.lane).is_some_and(Lane::expects_forgotten) {
            true => Err(Refusal::NotSwept { lane: chain.lane.to_string() }),
            false => Ok(()),
        }
    }

    /// The lane, if `owner` holds its lease of `epoch` now.
    pub fn leased(&self, id: &LaneId, owner: ReplicaId, epoch: Epoch) -> Result<&'a Lane, Refusal> {
        self.present()?;
        let lane = self.lane(id)?;
        if !lane.is_leased(owner, epoch, self.view.lease_time()) {
            return Err(Refusal::NotLeased { lane: id.to_string() });
        }
        Ok(lane)
    }

    /// The lane, if `epoch` is still its newest: nobody took the lease since.
    pub fn of_epoch(&self, id: &LaneId, epoch: Epoch) -> Result<&'a Lane, Refusal> {
        self.present()?;
        let lane = self.lane(id)?;
        if lane.epoch != epoch {
            return Err(Refusal::NotLeased { lane: id.to_string() });
        }
        Ok(lane)
    }
}
