//! Every commit, checked: ledger, holds, lineages, feeds, limits. What the store lost is gone from
//! the books with it; what is made again comes back into them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use adit_core::{
    Account, Actor, Amount, AssetId, Balance, Batch, Cause, ClientId, CreditId, CreditRecord,
    Destination, Draft, EventKind, Hash32, IdempotencyKey, LaneId, Lineage, LineageId, PayoutId,
    Purpose, Rules, State, Status, Tier, Transfer, TransferId, TransferKind, UserId, Withdrawal,
    WithdrawalId,
};

use super::limits::Accepted;
use super::reading::Reading;
use super::wishes::CancelWishes;
use super::{Broken, must};
use crate::executor::Instant;

/// Everything that was committed on one timeline of the database.
#[derive(Debug, Clone)]
pub struct Books {
    rules: Arc<Rules>,
    accounts: BTreeMap<Account, Sums>,
    holds: BTreeMap<TransferId, Hold>,
    withdrawals: BTreeMap<WithdrawalId, Known>,
    live: BTreeMap<PayoutId, LineageId>,
    anchors: BTreeMap<String, LineageId>,
    lineages: BTreeMap<LineageId, Carried>,
    feeds: BTreeMap<UserId, u64>,
    tiers: BTreeMap<UserId, Tier>,
    accepted: Accepted,
    credits: BTreeMap<CreditId, CreditRecord>,
    idempotency: BTreeSet<(ClientId, IdempotencyKey)>,
    cancels: CancelWishes,
    reading: Reading,
    claim_nonces: BTreeMap<(UserId, u64), WithdrawalId>,
    digests: BTreeMap<Hash32, WithdrawalId>,
    /// Transactions whose network fee is booked.
    fees: BTreeMap<String, u128>,
    /// The number at which each lane's book began: what the wallet had then is what it had after
    /// all below.
    began: BTreeMap<LaneId, u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    debits: u128,
    credits: u128,
    held: u128,
}

#[derive(Debug, Clone)]
struct Hold {
    account: Account,
    amount: u128,
    resolved: Option<Resolved>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolved {
    Settled,
    Released,
}

#[derive(Debug, Clone)]
struct Carried {
    live: bool,
    anchors: Vec<String>,
    payouts: Vec<PayoutId>,
}

/// A withdrawal as last committed.
#[derive(Debug, Clone)]
pub struct Known {
    pub id: WithdrawalId,
    pub payout: PayoutId,
    pub user: UserId,
    pub asset: AssetId,
    pub amount: Amount,
    pub source_asset: AssetId,
    /// What it takes from the balance.
    pub deducted: Amount,
    pub destination: Destination,
    pub status: Status,
    /// The transaction by which it was completed.
    pub paid_by: Option<Hash32>,
}

impl Books {
    pub fn new(rules: Arc<Rules>) -> Self {
        Self {
            rules,
            accounts: BTreeMap::new(),
            holds: BTreeMap::new(),
            withdrawals: BTreeMap::new(),
            live: BTreeMap::new(),
            anchors: BTreeMap::new(),
            lineages: BTreeMap::new(),
            feeds: BTreeMap::new(),
            tiers: BTreeMap::new(),
            accepted: Accepted::default(),
            credits: BTreeMap::new(),
            idempotency: BTreeSet::new(),
            cancels: CancelWishes::default(),
            reading: Reading::default(),
            claim_nonces: BTreeMap::new(),
            digests: BTreeMap::new(),
            fees: BTreeMap::new(),
            began: BTreeMap::new(),
        }
    }

    pub fn withdrawals(&self) -> impl Iterator<Item = &Known> {
        self.withdrawals.values()
    }

    pub fn withdrawal(&self, id: WithdrawalId) -> Option<&Known> {
        self.withdrawals.get(&id)
    }

    /// The number at which the lane's book began.
    pub fn began(&self, lane: &LaneId) -> u64 {
        self.began.get(lane).copied().unwrap_or_default()
    }

    pub fn is_fee_booked(&self, transaction: &str) -> bool {
        self.fees.contains_key(transaction)
    }

    /// In base units of the chain's coin.
    pub fn fee_booked(&self, transaction: &str) -> Option<u128> {
        self.fees.get(transaction).copied()
    }

    /// When it was wished that this lineage is undone.
    pub fn cancel_wished_at(&self, lineage: LineageId) -> Option<Instant> {
        self.cancels.wished_at(lineage)
    }

    /// The lineage that pays by this transaction.
    pub fn paid_by(&self, hash: Hash32) -> Option<LineageId> {
        self.cancels.paid_by(hash)
    }

    /// Every user has what was credited, less what their payments cost, whatever the store forgot
    /// meanwhile. A debt counts.
    ///
    /// # Errors
    /// [`Broken`], naming the first who has not.
    pub fn owed(&self) -> Result<(), Broken> {
        let mut owed: BTreeMap<(&UserId, &AssetId), i128> = BTreeMap::new();
        // What suspense lent for nobody's payments it has back, or it is lost.
        let nobody: UserId = "unknown".parse().expect("a name");
        for credit in self.credits.values() {
            *owed.entry((&credit.user, &credit.asset)).or_default() +=
                signed(credit.amount.base_units());
        }
        for known in self.withdrawals.values().filter(|known| known.status == Status::Completed) {
            *owed.entry((&known.user, &known.source_asset)).or_default() -=
                signed(known.deducted.base_units());
        }
        for (account, sums) in &self.accounts {
            let of = match account {
                Account::User { user, asset, .. } | Account::Debt { user, asset, .. } => {
                    Some((user, asset))
                }
                Account::Suspense { asset } => Some((&nobody, asset)),
                Account::Issuer { .. }
                | Account::Hot { .. }
                | Account::Treasury { .. }
                | Account::Fees { .. }
                | Account::Network { .. }
                | Account::Rounding { .. } => None,
            };
            if let Some((user, asset)) = of {
                *owed.entry((user, asset)).or_default() -=
                    signed(sums.credits) - signed(sums.debits);
            }
        }
        let wrong = owed.into_iter().find(|(_, left)| *left != 0);
        must(wrong.is_none(), "users have theirs", || {
            format!("{wrong:?} is what credits and payments leave over the balances")
        })
    }

    /// What an account of ours holds: debits less credits.
    pub fn held_by(&self, account: &Account) -> i128 {
        let sums = self.accounts.get(account).copied().unwrap_or_default();
        signed(sums.debits) - signed(sums.credits)
    }

    /// Takes a commit in.
    ///
    /// # Errors
    /// [`Broken`], the first invariant that it breaks.
    pub fn commit(&mut self, batch: &Batch, at: Instant) -> Result<(), Broken> {
        let waits = |status: Status| matches!(status, Status::Pending | Status::Approved);
        self.reading.commit(batch, &self.rules, |id| {
            self.withdrawals.get(&id).is_some_and(|known| waits(known.status))
        })?;
        for row in &batch.users {
            match &row.row.tier {
                Some(tier) => self.tiers.insert(row.row.id.clone(), tier.clone()),
                None => self.tiers.remove(&row.row.id),
            };
        }
        batch.appended.transfers.iter().try_for_each(|transfer| self.post(transfer))?;
        batch.accounts.iter().try_for_each(|(account, row)| self.same(account, &row.row))?;
        batch.withdrawals.iter().try_for_each(|row| self.withdrawal_changed(&row.row))?;
        let (live, ended): (Vec<_>, Vec<_>) =
            batch.lineages.iter().map(|row| &row.row).partition(|lineage| lineage.is_live());
        ended.into_iter().chain(live).try_for_each(|lineage| self.lineage_changed(lineage, at))?;
        for event in &batch.appended.events {
            if let EventKind::LaneStarted { lane, next_nonce } = &event.kind {
                self.began.entry(lane.clone()).or_insert(*next_nonce);
            }
            let Some(feed) = &event.feed else { continue };
            let last = self.feeds.entry(feed.user.clone()).or_default();
            must(feed.seq == *last + 1, "feed", || {
                format!("event {} of {} follows event {last}", feed.seq, feed.user)
            })?;
            *last = feed.seq;
        }
        let again = made_again(batch);
        for entry in &batch.appended.limits {
            // What is made again was accepted once; it counts, and nobody asks whether it fits.
            let rules = if again.contains(&entry.withdrawal) { None } else { Some(&*self.rules) };
            self.accepted.add(entry, rules, self.tiers.get(&entry.user), batch.now)?;
        }
        batch
            .appended
            .limits_given_back
            .iter()
            .try_for_each(|entry| self.accepted.give_back(entry))?;
        for credit in &batch.appended.credits {
            let before = self.credits.insert(credit.id.clone(), credit.clone());
            must(before.is_none(), "credit", || format!("{} is booked twice", credit.id))?;
        }
        for record in &batch.appended.idempotency {
            let key = (record.client.clone(), record.key.clone());
            must(self.idempotency.insert(key), "idempotency", || {
                format!("{} is used twice", record.key)
            })?;
        }
        Ok(())
    }

    fn post(&mut self, transfer: &Transfer) -> Result<(), Broken> {
        let (id, amount) = (transfer.id, transfer.amount.base_units());
        must(transfer.debit.asset() == transfer.credit.asset(), "ledger", || {
            format!("transfer {id} turns one asset into another")
        })?;
        match transfer.kind {
            TransferKind::Post => {
                if let Cause::NetworkFee { transaction } = &transfer.cause {
                    must(self.fees.insert(transaction.clone(), amount).is_none(), "fee", || {
                        format!("that of {transaction} is booked twice")
                    })?;
                }
                self.move_amount(transfer, amount);
            }
            TransferKind::Hold => {
                self.accounts.entry(transfer.debit.clone()).or_default().held += amount;
                self.holds
                    .insert(id, Hold { account: transfer.debit.clone(), amount, resolved: None });
            }
            TransferKind::Settle { hold } => {
                self.resolve(hold, transfer, Resolved::Settled)?;
                self.move_amount(transfer, amount);
            }
            TransferKind::Release { hold } => self.resolve(hold, transfer, Resolved::Released)?,
        }
        let sums = self.accounts.entry(transfer.debit.clone()).or_default();
        let bounded = matches!(transfer.debit, Account::User { .. });
        must(!bounded || sums.debits + sums.held <= sums.credits, "negative balance", || {
            format!("{} after transfer {id}", transfer.debit)
        })
    }

    fn move_amount(&mut self, transfer: &Transfer, amount: u128) {
        self.accounts.entry(transfer.debit.clone()).or_default().debits += amount;
        self.accounts.entry(transfer.credit.clone()).or_default().credits += amount;
    }

    fn resolve(
        &mut self,
        id: TransferId,
        transfer: &Transfer,
        how: Resolved,
    ) -> Result<(), Broken> {
        let hold = self
            .holds
            .get_mut(&id)
            .ok_or_else(|| Broken::new("hold", format!("{id} is resolved and was never made")))?;
        must(hold.resolved.is_none(), "hold", || format!("{id} is resolved twice"))?;
        let same = hold.account == transfer.debit && hold.amount == transfer.amount.base_units();
        must(same, "hold", || format!("{id} is resolved with another amount or account"))?;
        hold.resolved = Some(how);
        self.accounts.entry(transfer.debit.clone()).or_default().held -=
            transfer.amount.base_units();
        Ok(())
    }

    fn same(&self, account: &Account, written: &Balance) -> Result<(), Broken> {
        let sums = self.accounts.get(account).copied().unwrap_or_default();
        let here = (sums.debits, sums.credits, sums.held);
        let there =
            (written.debits.base_units(), written.credits.base_units(), written.held.base_units());
        must(here == there, "ledger", || {
            format!(
                "{account} is written as {there:?} (debits, credits, held), its transfers give \
                 {here:?}"
            )
        })
    }

    fn withdrawal_changed(&mut self, row: &Withdrawal) -> Result<(), Broken> {
        let known = Known {
            id: row.id,
            payout: row.payout,
            user: row.user.clone(),
            asset: row.asset.clone(),
            amount: row.amount,
            source_asset: row.source_asset.clone(),
            deducted: row.deducted,
            destination: row.destination.clone(),
            status: row.state.status(),
            paid_by: if let State::Completed { payment, .. } = &row.state {
                Some(payment.hash)
            } else {
                None
            },
        };
        let threshold =
            self.rules.assets.get(&row.asset).and_then(|rules| rules.policy.approve_above);
        let asked = threshold.is_some_and(|threshold| row.amount > threshold);
        let by_policy = matches!(row.state, State::Approved { by: Actor::Engine, after: None, .. });
        let fresh = !self.withdrawals.contains_key(&row.id);
        must(!(fresh && asked && by_policy), "approval", || {
            format!("{} is above {threshold:?} and nobody approved it", row.id)
        })?;
        if let Some(before) = self.withdrawals.get(&row.id) {
            let same = before.amount == known.amount
                && before.destination == known.destination
                && before.asset == known.asset;
            must(same, "withdrawal", || {
                format!("{} pays something else than it was asked for", row.id)
            })?;
            must(!before.status.is_end() || before.status == known.status, "withdrawal", || {
                format!(
                    "{} was {} and is {}",
                    row.id,
                    before.status.as_str(),
                    known.status.as_str()
                )
            })?;
        }
        if let Some(claim) = &row.claim {
            let nonce = *self.claim_nonces.entry((row.user.clone(), claim.nonce)).or_insert(row.id);
            let digest = *self.digests.entry(claim.digest).or_insert(row.id);
            must(nonce == row.id && digest == row.id, "claim", || {
                format!("the claim of {} was accepted before", row.id)
            })?;
        }
        let resolved = self
            .holds
            .get(&row.hold)
            .ok_or_else(|| Broken::new("hold", format!("{} has no hold", row.id)))?
            .resolved;
        let expected = match known.status {
            Status::Completed => Some(Resolved::Settled),
            Status::Failed | Status::Cancelled => Some(Resolved::Released),
            Status::Pending | Status::Approved | Status::Processing | Status::HeldForInspection => {
                None
            }
        };
        must(resolved == expected, "hold", || {
            format!("{} is {} and its hold is {resolved:?}", row.id, known.status.as_str())
        })?;
        self.withdrawals.insert(row.id, known);
        Ok(())
    }

    fn lineage_changed(&mut self, lineage: &Lineage, at: Instant) -> Result<(), Broken> {
        let id = lineage.id;
        self.cancels.changed(lineage, at);
        if let Some(before) = self.lineages.remove(&id).filter(|before| before.live) {
            before.anchors.iter().for_each(|anchor| {
                self.anchors.remove(anchor);
            });
            before.payouts.iter().for_each(|payout| {
                self.live.remove(payout);
            });
        }
        let carried = Carried {
            live: lineage.is_live(),
            anchors: lineage.anchors.iter().map(ToString::to_string).collect(),
            payouts: lineage.legs.iter().map(|leg| leg.payout).collect(),
        };
        if carried.live {
            for anchor in &carried.anchors {
                let other = self.anchors.insert(anchor.clone(), id);
                must(other.is_none(), "anchor", || {
                    format!("{anchor} is in two live lineages, {id} and {other:?}")
                })?;
            }
            for payout in &carried.payouts {
                let other = self.live.insert(*payout, id);
                must(other.is_none(), "live lineage", || {
                    format!("payout {payout} is in two, {id} and {other:?}")
                })?;
            }
        }
        self.lineages.insert(id, carried);
        let paying = lineage.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Pay);
        let mut paying = paying.filter_map(|attempt| match &attempt.draft {
            Draft::Evm(draft) => Some((draft.nonce, &draft.to, draft.value, &draft.input)),
            // A batch may gain payees; the rules compare them.
            Draft::Bitcoin(_) => None,
        });
        let first = paying.next();
        must(paying.all(|other| Some(other) == first), "attempts", || {
            format!("those of lineage {id} pay different things")
        })
    }
}

/// Withdrawals that this commit makes again from the journal.
fn made_again(batch: &Batch) -> BTreeSet<WithdrawalId> {
    let again = batch
        .appended
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::MadeAgain { .. }));
    again.filter_map(|event| event.withdrawal).collect()
}

fn signed(amount: u128) -> i128 {
    i128::try_from(amount).expect("simulated amounts are small")
}
