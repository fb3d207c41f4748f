//! Values to store: one of each kind, made from small numbers so that a failure can be read.

use adit_core::{
    Account, Actor, Amount, Anchor, AssetId, Attempt, AttemptId, BlockRef, Book, Bytes, Cause,
    ChainName, ClaimRecord, Credential, CredentialId, CreditRecord, Destination, Draft, Epoch,
    Event, EventId, EventKind, EvmDraft, EvmFees, Feed, GroupId, Hash32, IdempotencyRecord,
    Incarnation, IncarnationId, KeyContext, Lane, LaneId, Leg, LimitEntry, Lineage, LineageId,
    LineageState, PayoutId, Purpose, Role, Stage, State, Timestamp, Transfer, TransferId,
    TransferKind, User, UserId, WalletLink, Withdrawal, WithdrawalId,
};
use uuid::Uuid;

/// A moment well before any clock's now: stores that have a clock of their own never go back before
/// it.
pub const THEN: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Parses a name that is written in a test.
pub fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("the test writes a name that fits")
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(THEN.micros() + seconds * 1_000_000)
}

/// Ids of different kinds never meet: the kind is in the highest bits.
pub fn uuid(kind: u8, number: u64) -> Uuid {
    Uuid::from_u128(u128::from(kind) << 120 | u128::from(number))
}

/// A group's id, new in this process.
pub fn group_id() -> GroupId {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    GroupId(uuid(1, NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
}

pub fn withdrawal_id(number: u64) -> WithdrawalId {
    WithdrawalId(uuid(2, number))
}

pub fn payout_id(number: u64) -> PayoutId {
    PayoutId(uuid(3, number))
}

pub fn lineage_id(number: u64) -> LineageId {
    LineageId(uuid(4, number))
}

pub fn attempt_id(number: u64) -> AttemptId {
    AttemptId(uuid(5, number))
}

pub fn transfer_id(number: u64) -> TransferId {
    TransferId(uuid(6, number))
}

pub fn event_id(number: u64) -> EventId {
    EventId(uuid(7, number))
}

pub fn hash(number: u64) -> Hash32 {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[24..].copy_from_slice(&number.to_be_bytes());
    Hash32(bytes)
}

pub fn user_id(number: u64) -> UserId {
    name(&format!("player-{number}"))
}

pub fn points() -> AssetId {
    name("XP")
}

pub fn token() -> AssetId {
    name("DG")
}

pub fn book() -> Book {
    name("xp")
}

pub fn lane_id() -> LaneId {
    name("base:0x00000000000000000000000000000000000000AA")
}

pub fn address(number: u64) -> Destination {
    name(&format!("0x{number:040x}"))
}

pub fn user(number: u64) -> User {
    User::new(user_id(number), THEN)
}

pub fn wallet(number: u64, owner: u64) -> WalletLink {
    WalletLink {
        address: address(number),
        user: user_id(owner),
        linked_at: THEN,
        usable_at: at(60),
    }
}

pub fn credential(number: u64) -> Credential {
    let key = Credential::new(
        CredentialId(uuid(8, number)),
        hash(number),
        Role::Service,
        Some(user_id(number)),
        THEN,
    );
    Credential { label: "host's \"own\" key".to_owned(), expires_at: Some(at(500)), ..key }
}

pub fn own_account(user: u64) -> Account {
    Account::User { user: user_id(user), book: book(), asset: points() }
}

pub fn issuer() -> Account {
    Account::Issuer { book: book(), asset: points() }
}

pub fn transfer(
    number: u64,
    kind: TransferKind,
    debit: Account,
    credit: Account,
    amount: u128,
) -> Transfer {
    let cause = Cause::Withdrawal { id: withdrawal_id(number) };
    Transfer {
        id: transfer_id(number),
        kind,
        debit,
        credit,
        amount: Amount::new(amount),
        at: THEN,
        cause,
    }
}

/// Books `amount` to a user.
pub fn funding(number: u64, user: u64, amount: u128) -> Transfer {
    transfer(number, TransferKind::Post, issuer(), own_account(user), amount)
}

pub fn credit(number: u64, user: u64) -> CreditRecord {
    let amount = Amount::new(u128::from(number) + 1);
    CreditRecord {
        id: name(&format!("credit-{number}")),
        user: user_id(user),
        book: book(),
        asset: points(),
        amount,
        at: THEN,
    }
}

pub fn limit_entry(
    user: u64,
    seq: u64,
    at: Timestamp,
    amount: u128,
    cumulative: u128,
) -> LimitEntry {
    let (amount, cumulative) = (Amount::new(amount), Amount::new(cumulative));
    LimitEntry {
        user: user_id(user),
        asset: token(),
        seq,
        at,
        amount,
        cumulative,
        withdrawal: withdrawal_id(seq),
    }
}

/// A claim of `user` that was approved at once.
pub fn withdrawal(number: u64, user: u64, nonce: u64) -> Withdrawal {
    let amount = Amount::new(1_000 + u128::from(number));
    let claim = ClaimRecord {
        nonce,
        deadline: 1_700_000_900,
        digest: hash(number),
        signature: Bytes(vec![7; 65]),
    };
    Withdrawal {
        id: withdrawal_id(number),
        user: user_id(user),
        payout: payout_id(number),
        asset: token(),
        amount,
        destination: address(number),
        book: book(),
        source_asset: points(),
        deducted: amount,
        fee: Amount::ZERO,
        balance_before: amount,
        balance_after: Amount::ZERO,
        hold: transfer_id(number),
        limit: LimitEntry {
            withdrawal: withdrawal_id(number),
            ..limit_entry(user, nonce + 1, THEN, amount.base_units(), amount.base_units())
        },
        claim: Some(claim),
        idempotency: Some(KeyContext {
            client: name("key/host"),
            key: hash(number),
            fingerprint: hash(number),
        }),
        requested_by: Some(adit_core::ClientId::of_user(&user_id(number))),
        policy_revision: 1,
        created_at: at(number as i64),
        retries: 0,
        state: approved(),
    }
}

pub fn approved() -> State {
    State::Approved { by: Actor::Engine, at: THEN, deferred: None, after: None }
}

pub fn idempotency(number: u64, client: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        client: name(client),
        key: name(&format!("key-{number}")),
        fingerprint: hash(number),
        withdrawal: withdrawal_id(number),
        at: THEN,
    }
}

pub fn leg(number: u64, user: u64) -> Leg {
    Leg {
        payout: payout_id(number),
        withdrawal: withdrawal_id(number),
        user: user_id(user),
        book: book(),
        source_asset: points(),
        asset: token(),
        amount: Amount::new(1_000 + u128::from(number)),
        destination: address(number),
    }
}

pub fn nonce_anchor(nonce: u64) -> Anchor {
    Anchor::Nonce { lane: lane_id(), nonce }
}

pub fn attempt(number: u64, nonce: u64) -> Attempt {
    let draft = EvmDraft {
        chain_id: 8453,
        nonce,
        to: address(9),
        value: Amount::ZERO,
        input: Bytes(vec![0xa9, 0x05]),
        gas_limit: 60_000,
        fees: EvmFees { max_fee_per_gas: u128::MAX, max_priority_fee_per_gas: 1 },
        pricing: adit_core::EvmPricing::Dynamic,
    };
    Attempt {
        id: attempt_id(number),
        version: 0,
        purpose: Purpose::Pay,
        draft: Draft::Evm(draft),
        epoch: Epoch(1),
        created_at: THEN,
        stage: Stage::Reserved,
    }
}

/// A live lineage of one payout at one nonce. Its attempt has its number.
pub fn lineage(number: u64, nonce: u64, legs: Vec<Leg>) -> Lineage {
    Lineage {
        id: lineage_id(number),
        lane: lane_id(),
        anchors: vec![nonce_anchor(nonce)],
        legs,
        attempts: vec![attempt(number, nonce)],
        state: LineageState::Live,
        cancel: None,
        created_at: THEN,
    }
}

/// The lineage after the chain has decided.
pub fn ended(lineage: Lineage) -> Lineage {
    let attempt = lineage.latest().id;
    Lineage { state: LineageState::Final { attempt, at: at(99) }, ..lineage }
}

pub fn lane() -> Lane {
    Lane::new(lane_id())
}

pub fn incarnation(number: u64) -> Incarnation {
    Incarnation::first(IncarnationId(uuid(12, number)), THEN)
}

pub fn block(height: u64) -> BlockRef {
    BlockRef { height, hash: hash(height) }
}

pub fn event(number: u64, feed: Option<(u64, u64)>, withdrawal: Option<u64>) -> Event {
    Event {
        id: event_id(number),
        at: at(number as i64),
        actor: Actor::Engine,
        feed: feed.map(|(user, seq)| Feed { user: user_id(user), seq }),
        withdrawal: withdrawal.map(withdrawal_id),
        kind: EventKind::Approved,
    }
}

pub fn chain() -> ChainName {
    name("base")
}
