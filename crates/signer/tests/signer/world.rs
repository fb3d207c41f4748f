//! A small world for the signer: two wallets, two chains, a coin and a token, and a clock that is
//! set by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use adit_core::{
    Amount, Anchor, Asset, AssetForm, AssetId, AttemptId, Bytes, DeadLineage, Draft, Epoch,
    EvmDraft, EvmFees, Hash32, IncarnationId, JournalId, LaneId, LeaseToken, LineageId, PayoutId,
    Purpose, ReplicaId, Retirement, Timestamp,
};
use adit_signer::{
    Approved, AssetCaps, ChainPolicy, EntryCursor, EnvironmentId, EvmPolicy, JournalEntry, Key,
    LeaseClaim, LocalSigner, MemoryFile, OpenError, Refused, Retire, SignRequest, Signature,
    Signer, SignerConfig, SignerFault, Stamp, Supersede,
};
use alloy::primitives::{Address, U256};
use uuid::Uuid;

pub const BASE_ID: u64 = 8_453;
pub const OTHER_ID: u64 = 10;
pub const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
pub const PLAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub const PLAYER_TWO: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
pub const TRANSACTION_CAP: u128 = 1_000;
pub const DAY_CAP: u128 = 2_500;
pub const FEE_CAP: u128 = 1_000_000;
/// 2026-11-22 12:00 UTC.
pub const NOON_SECONDS: i64 = 1_795_348_800;

/// Anvil's first account.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// Two files, a clock, and what is opened on them.
pub struct World {
    pub disk: MemoryFile,
    pub contexts: MemoryFile,
    pub clock: Arc<AtomicI64>,
}

impl World {
    pub fn new() -> Self {
        Self {
            disk: MemoryFile::new(),
            contexts: MemoryFile::new(),
            clock: Arc::new(AtomicI64::new(NOON_SECONDS)),
        }
    }

    /// Opens a signer on the disk; the one before is as good as dead.
    pub fn start(&self) -> LocalSigner {
        self.try_start(config()).expect("starts")
    }

    pub fn try_start(&self, config: SignerConfig) -> Result<LocalSigner, OpenError> {
        let clock = Arc::clone(&self.clock);
        let now = Box::new(move || Timestamp::from_seconds(clock.load(Ordering::Relaxed)));
        LocalSigner::with_files(
            config,
            Box::new(self.disk.clone()),
            Box::new(self.contexts.clone()),
            journal_id(),
            now,
        )
    }

    /// The same, as `adit signer` does: behind a socket.
    pub fn start_for_others(&self) -> LocalSigner {
        self.start().serving_others()
    }

    pub fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }
}

pub fn journal_id() -> JournalId {
    JournalId(Uuid::from_u128(7))
}

pub fn key() -> Key {
    Key::from_hex(KEY).expect("a published key")
}

pub fn lane() -> LaneId {
    key().lane("base".parse().expect("a chain"))
}

pub fn other_lane() -> LaneId {
    key().lane("other".parse().expect("a chain"))
}

pub fn asset(name: &str) -> AssetId {
    name.parse().expect("an asset")
}

pub fn environment(name: &str) -> EnvironmentId {
    EnvironmentId::new(name).expect("a name")
}

pub fn config() -> SignerConfig {
    let chain = |name: &str| name.parse().expect("a chain");
    let fee_cap = Amount::new(FEE_CAP);
    let caps =
        AssetCaps { per_transaction: Amount::new(TRANSACTION_CAP), per_day: Amount::new(DAY_CAP) };
    SignerConfig {
        environment: environment("test"),
        keys: vec![(lane(), key().into()), (other_lane(), key().into())],
        chains: BTreeMap::from([
            (chain("base"), ChainPolicy::Evm(EvmPolicy { chain_id: BASE_ID, fee_cap })),
            (chain("other"), ChainPolicy::Evm(EvmPolicy { chain_id: OTHER_ID, fee_cap })),
        ]),
        assets: vec![
            Asset { id: asset("XP"), decimals: 0, form: AssetForm::Points },
            Asset {
                id: asset("ETH"),
                decimals: 18,
                form: AssetForm::Native { chain: chain("base") },
            },
            Asset {
                id: asset("DG"),
                decimals: 18,
                form: AssetForm::Token { chain: chain("base"), contract: TOKEN.to_owned() },
            },
        ],
        caps: BTreeMap::from([(asset("ETH"), caps), (asset("DG"), caps)]),
    }
}

/// ERC-20 `transfer(address,uint256)`.
pub fn transfer(to: &str, amount: u128) -> Vec<u8> {
    let to: Address = to.parse().expect("an address");
    [
        &[0xa9, 0x05, 0x9c, 0xbb][..],
        to.into_word().as_slice(),
        &U256::from(amount).to_be_bytes::<32>(),
    ]
    .concat()
}

pub fn next_attempt() -> AttemptId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    AttemptId(Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into()))
}

pub fn lineage(number: u128) -> LineageId {
    LineageId(Uuid::from_u128(number))
}

pub fn payout(number: u128) -> PayoutId {
    PayoutId(Uuid::from_u128(number))
}

/// A first attempt that pays 100 DG units to the player.
pub fn pay(payout_number: u128, lineage_number: u128, nonce: u64) -> SignRequest {
    pay_amount(payout_number, lineage_number, nonce, 100)
}

pub fn pay_amount(
    payout_number: u128,
    lineage_number: u128,
    nonce: u64,
    amount: u128,
) -> SignRequest {
    SignRequest {
        lane: lane(),
        epoch: Epoch(1),
        stamp: Stamp::default(),
        previous: None,
        lineage: lineage(lineage_number),
        attempt: next_attempt(),
        purpose: Purpose::Pay,
        approved: vec![Approved {
            payout: payout(payout_number),
            asset: asset("DG"),
            amount: Amount::new(amount),
            destination: PLAYER.parse().expect("a destination"),
        }],
        contexts: Vec::new(),
        draft: Draft::Evm(EvmDraft {
            chain_id: BASE_ID,
            nonce,
            to: TOKEN.parse().expect("a destination"),
            value: Amount::ZERO,
            input: Bytes(transfer(PLAYER, amount)),
            gas_limit: 1_000,
            fees: EvmFees { max_fee_per_gas: 100, max_priority_fee_per_gas: 1 },
            pricing: adit_core::EvmPricing::Dynamic,
        }),
    }
}

/// A first attempt that pays wei to the player.
pub fn pay_native(
    payout_number: u128,
    lineage_number: u128,
    nonce: u64,
    amount: u128,
) -> SignRequest {
    let mut request = pay_amount(payout_number, lineage_number, nonce, amount);
    request.approved[0].asset = asset("ETH");
    let draft = draft(&mut request);
    draft.to = PLAYER.parse().expect("a destination");
    draft.value = Amount::new(amount);
    draft.input = Bytes::default();
    request
}

/// A self-transfer that consumes the nonce.
pub fn cancel(lineage_number: u128, nonce: u64) -> SignRequest {
    let mut request = pay(0, lineage_number, nonce);
    request.purpose = Purpose::Cancel;
    request.approved.clear();
    let draft = draft(&mut request);
    draft.to = key().wallet();
    draft.input = Bytes::default();
    request
}

/// The next version of an attempt, with higher fees.
pub fn bump(request: &SignRequest) -> SignRequest {
    let mut bumped = SignRequest { attempt: next_attempt(), ..request.clone() };
    draft(&mut bumped).fees.max_fee_per_gas += 13;
    draft(&mut bumped).fees.max_priority_fee_per_gas += 1;
    bumped
}

/// How a nonce of the lane that belongs to a lineage is refused to others.
pub fn nonce_taken(nonce: u64, lineage_number: u128) -> Refused {
    Refused::AnchorTaken {
        anchor: Anchor::Nonce { lane: lane(), nonce },
        lineage: lineage(lineage_number),
    }
}

pub fn at_epoch(epoch: u64, request: SignRequest) -> SignRequest {
    SignRequest { epoch: Epoch(epoch), ..request }
}

pub fn supersede(payout_number: u128, old: u128) -> Supersede {
    Supersede {
        lane: lane(),
        epoch: Epoch(1),
        stamp: Stamp::default(),
        payout: Some(payout(payout_number)),
        old: lineage(old),
        evidence: Hash32([9; 32]),
        raw: None,
    }
}

pub fn incarnation(number: u128) -> IncarnationId {
    IncarnationId(Uuid::from_u128(number))
}

pub fn replica(number: u128) -> ReplicaId {
    ReplicaId(Uuid::from_u128(number))
}

pub fn stamp(incarnation_number: u128, token: u128, counter: u64) -> Stamp {
    Stamp {
        incarnation: incarnation(incarnation_number),
        token: LeaseToken(Uuid::from_u128(token)),
        counter,
    }
}

/// A lease of the first lane. A store's process has the number of its incarnation.
pub fn claim(epoch: u64, stamp: Stamp) -> LeaseClaim {
    LeaseClaim {
        lane: lane(),
        replica: ReplicaId(stamp.incarnation.0),
        epoch: Epoch(epoch),
        stamp,
        take_over: false,
    }
}

pub async fn lease(signer: &dyn Signer, claim: &LeaseClaim) -> Result<(), Refused> {
    signer.lease(claim).await.expect("the journal can be written")
}

pub fn under(epoch: u64, stamp: Stamp, request: SignRequest) -> SignRequest {
    SignRequest { epoch: Epoch(epoch), stamp, ..request }
}

pub fn retire(incarnation_number: u128, payout_number: u128, ended: Option<(u128, u8)>) -> Retire {
    let ended = ended.map(|(old, evidence)| DeadLineage {
        lineage: lineage(old),
        evidence: Hash32([evidence; 32]),
    });
    let (by, reason) = ("an admin".to_owned(), "cancelled".to_owned());
    let retirement = Retirement { payout: payout(payout_number), lane: lane(), by, reason, ended };
    Retire {
        replica: replica(incarnation_number),
        incarnation: incarnation(incarnation_number),
        retirement,
    }
}

pub fn retired(payout_number: u128) -> Refused {
    Refused::Retired {
        payout: payout(payout_number),
        by: "an admin".to_owned(),
        reason: "cancelled".to_owned(),
    }
}

pub fn draft(request: &mut SignRequest) -> &mut EvmDraft {
    let Draft::Evm(draft) = &mut request.draft else { panic!("an EVM draft") };
    draft
}

/// One request alone, chained to what the signer has.
pub async fn sign(signer: &dyn Signer, request: &SignRequest) -> Result<Signature, Refused> {
    try_sign(signer, request).await.expect("the journal can be written")
}

pub async fn try_sign(
    signer: &dyn Signer,
    request: &SignRequest,
) -> Result<Result<Signature, Refused>, SignerFault> {
    let mut answers = signer.sign(&[chained(signer, request).await?]).await?;
    assert_eq!(answers.len(), 1);
    Ok(answers.remove(0))
}

pub async fn dry_run(signer: &dyn Signer, request: &SignRequest) -> Result<(), Refused> {
    let chained = chained(signer, request).await.expect("the journal can be read");
    signer.dry_run(&[chained]).await.expect("the journal can be read").remove(0)
}

/// Everything that was signed for a lane at this number and above, read page by page.
pub async fn entries_from(signer: &dyn Signer, lane: &LaneId, from: u64) -> Vec<JournalEntry> {
    let (mut entries, mut from) = (Vec::new(), Some(EntryCursor::at(from)));
    while let Some(place) = from {
        let page = signer.entries(lane, place, 100).await.expect("the journal can be read");
        entries.extend(page.entries);
        from = page.next;
    }
    entries
}

/// Names the lineage at the nonce before, as a store that has not gone back does.
pub async fn chained(
    signer: &dyn Signer,
    request: &SignRequest,
) -> Result<SignRequest, SignerFault> {
    let before = match &request.draft {
        Draft::Evm(draft) => draft.nonce.checked_sub(1),
        Draft::Bitcoin(_) => None,
    };
    let Some(before) = before else { return Ok(request.clone()) };
    let entry =
        signer.entries(&request.lane, EntryCursor::at(before), 1).await?.entries.into_iter().next();
    let previous = entry
        .filter(|entry| entry.request.draft.number() == before)
        .map(|entry| entry.request.lineage);
    Ok(SignRequest { previous, ..request.clone() })
}

/// A batch of first attempts at nonces that follow each other, each naming the one before.
pub fn in_a_row<const N: usize>(mut requests: [SignRequest; N]) -> [SignRequest; N] {
    for at in 1..N {
        requests[at].previous = Some(requests[at - 1].lineage);
    }
    requests
}

/// The same, where the first one follows this lineage.
pub fn after<const N: usize>(lineage_number: u128, requests: [SignRequest; N]) -> [SignRequest; N] {
    let mut requests = in_a_row(requests);
    requests[0].previous = Some(lineage(lineage_number));
    requests
}
