//! Which rows a command needs: pure, so that a store can lock them before anything is decided.

use crate::decide::{nobodys, unknown};
use crate::{
    Account, Anchor, AssetId, Command, Fact, IdempotencyKey, Keys, LaneId, Leg, LineageId, Lost,
    Matched, Order, Request, Rules, UserId,
};

/// Names every row that deciding `order` reads or writes.
pub fn keys(order: &Order, rules: &Rules) -> Keys {
    let mut keys = Keys::default();
    match &order.command {
        Command::PutUser { user, .. } | Command::MeetUser { user } => {
            keys.users.insert(user.clone());
        }
        Command::LinkWallet { user, address } => {
            keys.users.insert(user.clone());
            keys.wallets.insert(address.clone());
        }
        Command::IssueCredential { credential } => keys.users.extend(credential.user.clone()),
        Command::RevokeCredential { credential, user, .. } => {
            keys.users.extend(user.clone());
            keys.credentials.insert(*credential);
        }
        Command::Suspend { .. } | Command::Resume { .. } | Command::AcceptClock { .. } => {}
        Command::FindWentBack { .. } | Command::Beat => {}
        Command::Reincarnate { lanes, .. } => {
            keys.lanes.extend(lanes.iter().map(|(lane, _, _)| lane.clone()))
        }
        Command::Match { leg, lane, lineage, to, .. } => {
            of_match(&mut keys, leg, lane, *lineage, to, rules)
        }
        Command::Credit(credit) => {
            keys.users.insert(credit.user.clone());
            keys.credits.insert(credit.id.clone());
            keys.accounts.insert(Account::User {
                user: credit.user.clone(),
                book: credit.book.clone(),
                asset: credit.asset.clone(),
            });
            keys.accounts
                .insert(Account::Issuer { book: credit.book.clone(), asset: credit.asset.clone() });
            let (user, book, asset) =
                (credit.user.clone(), credit.book.clone(), credit.asset.clone());
            keys.accounts.insert(Account::Debt { user, book, asset });
        }
        Command::Request(request) => of_request(&mut keys, request, order, rules),
        Command::Approve { withdrawal, user } | Command::Retry { withdrawal, user } => {
            keys.users.insert(user.clone());
            keys.withdrawals.insert(*withdrawal);
        }
        Command::Cancel { withdrawal, user, book, source_asset, asset, lineage, .. } => {
            keys.users.insert(user.clone());
            keys.withdrawals.insert(*withdrawal);
            keys.accounts.insert(Account::User {
                user: user.clone(),
                book: book.clone(),
                asset: source_asset.clone(),
            });
            keys.limits.insert((user.clone(), asset.clone()), rules.windows_of(asset));
            keys.lineages.extend(*lineage);
            keys.lanes.extend(rules.chain_of(asset).map(|chain| chain.lane.clone()));
            of_suspense(&mut keys, user, source_asset);
        }
        Command::Inspect { leg, lane, .. } => {
            keys.lanes.insert(lane.clone());
            of_leg(&mut keys, leg, lane, rules);
        }
        Command::Lease { lane, .. }
        | Command::HaltLane { lane, .. }
        | Command::JournalRead { lane, .. }
        | Command::ReconcileAgain { lane, .. }
        | Command::ResumeLane { lane, .. }
        | Command::Rescan { lane }
        | Command::Swept { lane, .. }
        | Command::ReleaseLane { lane, .. }
        | Command::AdoptKey { lane, .. }
        | Command::TrustJournal { lane, .. }
        | Command::SlowStart { lane, .. }
        | Command::Advance { lane, .. } => {
            keys.lanes.insert(lane.clone());
        }
        Command::StartLane { lane, opening, .. } => {
            keys.lanes.insert(lane.clone());
            for held in opening.iter().flat_map(|opening| &opening.holdings) {
                keys.accounts
                    .insert(Account::Hot { wallet: lane.clone(), asset: held.asset.clone() });
                keys.accounts.insert(Account::Treasury { asset: held.asset.clone() });
            }
        }
        Command::NoteStrays { lane, .. } => {
            keys.lanes.insert(lane.clone());
        }
        Command::Doubt { lane, lineage, legs, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(*lineage);
            of_payouts(&mut keys, legs);
        }
        Command::DropWish { lane, lineage, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(*lineage);
        }
        Command::ExplainStray { .. } => {}
        Command::Suspect { lane, leg, .. } | Command::Reapprove { lane, leg, .. } => {
            keys.lanes.insert(lane.clone());
            of_payouts(&mut keys, std::slice::from_ref(leg));
        }
        Command::Defer { lane, leg, .. } | Command::FinishGiveBack { lane, leg, .. } => {
            keys.lanes.insert(lane.clone());
            of_leg(&mut keys, leg, lane, rules);
        }
        Command::Reserve(reserve) => {
            keys.lanes.insert(reserve.lane.clone());
            keys.lineages.insert(reserve.lineage);
            of_payouts(&mut keys, &reserve.legs);
            of_anchors(&mut keys, &reserve.anchors);
        }
        Command::AddAttempt(add) => {
            keys.lanes.insert(add.lane.clone());
            keys.lineages.insert(add.lineage);
            of_payouts(&mut keys, &add.joining);
            of_anchors(&mut keys, &add.claims);
        }
        Command::CloseLineage { lane, lineage, legs, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(*lineage);
            of_payouts(&mut keys, legs);
            legs.iter().for_each(|leg| of_leg(&mut keys, leg, lane, rules));
        }
        Command::Record { lane, lineage, .. } | Command::Cosign { lane, lineage, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(*lineage);
        }
        Command::Submitted { lane, lineage, legs, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(*lineage);
            of_payouts(&mut keys, legs);
            if CARELESS {
                legs.iter().for_each(|leg| of_leg(&mut keys, leg, lane, rules));
            }
        }
        Command::Observe { lane, legs, sighting, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(sighting.lineage);
            of_payouts(&mut keys, legs);
            if let Fact::Orphaned { winner, .. } = sighting.fact {
                keys.lineages.insert(winner);
            }
            if sighting.is_final() || CARELESS {
                legs.iter().for_each(|leg| of_leg(&mut keys, leg, lane, rules));
                of_network_fee(&mut keys, lane, rules);
            }
        }
        Command::AdoptLineage { lane, lineage, lost, rivals, displaced, .. } => {
            keys.lanes.insert(lane.clone());
            keys.lineages.insert(lineage.id);
            of_payouts(&mut keys, &lineage.legs);
            of_anchors(&mut keys, &lineage.anchors);
            lost.iter().for_each(|lost| of_lost(&mut keys, lost, rules));
            rivals.iter().for_each(|leg| of_leg(&mut keys, leg, lane, rules));
            for (lineage, legs) in displaced {
                keys.lineages.insert(*lineage);
                of_payouts(&mut keys, legs);
            }
        }
    }
    keys
}

/// Planted mistakes end payments where nothing may end; then they need the rows of an end.
const CARELESS: bool = cfg!(feature = "planted");

fn of_request(keys: &mut Keys, request: &Request, order: &Order, rules: &Rules) {
    keys.users.insert(request.user.clone());
    keys.withdrawals.insert(request.id);
    let (user, book, asset) =
        (request.user.clone(), request.book.clone(), request.source_asset.clone());
    keys.accounts.insert(Account::User {
        user: user.clone(),
        book: book.clone(),
        asset: asset.clone(),
    });
    keys.accounts.insert(Account::Debt { user, book, asset });
    keys.limits
        .insert((request.user.clone(), request.asset.clone()), rules.windows_of(&request.asset));
    if let Some(claim) = &request.claim {
        keys.wallets.insert(request.destination.clone());
        keys.digests.insert(claim.digest);
        keys.claim_nonces.insert((request.user.clone(), claim.nonce));
    }
    if let Some(key) = request.idempotency.as_ref().map(|idempotency| &idempotency.key) {
        let stored = IdempotencyKey::stored(key.digest());
        keys.idempotency.extend([stored, key.clone()].map(|key| (order.actor.client(), key)));
    }
}

fn of_payouts(keys: &mut Keys, legs: &[Leg]) {
    for leg in legs {
        keys.users.insert(leg.user.clone());
        keys.withdrawals.insert(leg.withdrawal);
        keys.payouts.insert(leg.payout);
    }
}

/// Everything that making a withdrawal again touches, with its user and its names.
fn of_lost(keys: &mut Keys, lost: &Lost, rules: &Rules) {
    let context = lost.context.clone().unwrap_or_else(|| nobodys(&lost.leg.asset, lost.leg.amount));
    let (user, book, asset) =
        (context.user.clone(), context.book.clone(), context.source_asset.clone());
    keys.users.insert(user.clone());
    keys.accounts.insert(Account::User {
        user: user.clone(),
        book: book.clone(),
        asset: asset.clone(),
    });
    keys.accounts.insert(Account::Debt { user: user.clone(), book, asset: asset.clone() });
    keys.accounts.insert(Account::Suspense { asset });
    keys.limits.insert((user.clone(), lost.leg.asset.clone()), rules.windows_of(&lost.leg.asset));
    if let Some(claim) = context.claim {
        keys.digests.insert(claim.digest);
        keys.claim_nonces.insert((user, claim.nonce));
    }
    keys.idempotency
        .extend(context.idempotency.map(|key| (key.client, IdempotencyKey::stored(key.key))));
}

fn of_match(
    keys: &mut Keys,
    leg: &Leg,
    lane: &LaneId,
    lineage: LineageId,
    to: &Matched,
    rules: &Rules,
) {
    of_leg(keys, leg, lane, rules);
    keys.lanes.insert(lane.clone());
    keys.lineages.insert(lineage);
    keys.accounts.insert(Account::Suspense { asset: leg.source_asset.clone() });
    match to {
        Matched::User { user, book, charge } => {
            let (user, book, asset) = (user.clone(), book.clone(), charge.source_asset.clone());
            keys.users.insert(user.clone());
            keys.accounts.insert(Account::User {
                user: user.clone(),
                book: book.clone(),
                asset: asset.clone(),
            });
            keys.accounts.insert(Account::Issuer { book: book.clone(), asset: asset.clone() });
            keys.accounts.insert(Account::Fees { asset: asset.clone() });
            keys.accounts.insert(Account::Treasury { asset: leg.asset.clone() });
            keys.accounts.insert(Account::Debt { user, book, asset });
        }
        Matched::Withdrawal { leg } => of_leg(keys, leg, lane, rules),
    }
}

/// Who holds these coins.
fn of_anchors(keys: &mut Keys, anchors: &[Anchor]) {
    let coins = anchors.iter().filter(|anchor| match anchor {
        Anchor::Outpoint { .. } => true,
        Anchor::Nonce { .. } => false,
    });
    keys.anchors.extend(coins.cloned());
}

/// Everything that settling or giving back one leg touches.
fn of_leg(keys: &mut Keys, leg: &Leg, lane: &LaneId, rules: &Rules) {
    of_payouts(keys, std::slice::from_ref(leg));
    keys.limits.insert((leg.user.clone(), leg.asset.clone()), rules.windows_of(&leg.asset));
    keys.accounts.insert(Account::User {
        user: leg.user.clone(),
        book: leg.book.clone(),
        asset: leg.source_asset.clone(),
    });
    keys.lanes.extend(rules.chain_of(&leg.asset).map(|chain| chain.lane.clone()));
    keys.accounts.insert(Account::Fees { asset: leg.source_asset.clone() });
    of_suspense(keys, &leg.user, &leg.source_asset);
    keys.accounts.insert(Account::Hot { wallet: lane.clone(), asset: leg.asset.clone() });
    if leg.source_asset != leg.asset {
        keys.accounts
            .insert(Account::Issuer { book: leg.book.clone(), asset: leg.source_asset.clone() });
        keys.accounts.insert(Account::Treasury { asset: leg.asset.clone() });
    }
}

/// What had been lent to nobody's withdrawal goes back to suspense with it.
fn of_suspense(keys: &mut Keys, user: &UserId, asset: &AssetId) {
    if *user == unknown() {
        keys.accounts.insert(Account::Suspense { asset: asset.clone() });
    }
}

fn of_network_fee(keys: &mut Keys, lane: &LaneId, rules: &Rules) {
    if let Some(chain) = rules.chain_of_lane(lane) {
        keys.accounts.insert(Account::Hot { wallet: lane.clone(), asset: chain.native.clone() });
        keys.accounts
            .insert(Account::Network { chain: chain.name.clone(), asset: chain.native.clone() });
    }
}

impl Keys {
    /// What is forgotten here is never loaded, and then looks free or absent to the rules: hence by
    /// name, each of them.
    pub fn extend(&mut self, other: Keys) {
        let Keys {
            users,
            wallets,
            accounts,
            limits,
            withdrawals,
            digests,
            claim_nonces,
            idempotency,
            credits,
            credentials,
            lineages,
            payouts,
            anchors,
            lanes,
        } = other;
        self.users.extend(users);
        self.wallets.extend(wallets);
        self.accounts.extend(accounts);
        self.limits.extend(limits);
        self.withdrawals.extend(withdrawals);
        self.digests.extend(digests);
        self.claim_nonces.extend(claim_nonces);
        self.idempotency.extend(idempotency);
        self.credits.extend(credits);
        self.credentials.extend(credentials);
        self.lineages.extend(lineages);
        self.payouts.extend(payouts);
        self.anchors.extend(anchors);
        self.lanes.extend(lanes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F56: without it the rule never learns who has a coin, and only the store's index stands.
    #[test]
    fn f56_a_group_asks_who_has_the_coins_of_its_orders() {
        let chain = crate::ChainName::new("bitcoin").expect("a name");
        let coin = Anchor::Outpoint { chain, outpoint: "aa:0".to_owned() };
        let mut group = Keys::default();
        group.extend(Keys { anchors: [coin.clone()].into(), ..Keys::default() });
        assert!(group.anchors.contains(&coin));
    }
}
