//! What stands in for the world: a gate that verifies for real, a chain that nobody reaches, a
//! signer without keys, and one that cannot be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use adit_api::{ClaimGate, ClaimTerms, SignatureVerdict};
use adit_chain::*;
use adit_core::*;
use adit_devnet::primitives::B256;
use adit_engine::{Clock, Entropy, Spawner};
use adit_evm::{AddressBook, Claim as EvmClaim, ClaimDomain, SignatureForms, address_of, verify};
use adit_signer::{
    EntryCursor, EntryPage, JournalAt, LaneStanding, Learned, LeaseClaim, Lesson, Open,
    PayoutStanding, Presence, Refused, Retire, SignRequest, Signature, Signer, SignerFault,
    Supersede,
};
use async_trait::async_trait;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::world::now;

/// Verifies for real; members and the chain's health are switches.
pub struct Gate {
    pub domain: ClaimDomain,
    pub outsiders: std::sync::Mutex<Vec<String>>,
    pub unreadable: AtomicBool,
}

fn unreachable_chain() -> Fault {
    Fault::Unreachable {
        chain: "devnet".to_owned(),
        answered: 0,
        needed: 1,
        detail: "a test has no chain".to_owned(),
    }
}

#[async_trait]
impl ClaimGate for Gate {
    fn typed_data(&self) -> Value {
        self.domain.typed_data()
    }

    fn digest(&self, terms: &ClaimTerms) -> Option<Hash32> {
        let ClaimTerms { wallet, amount, nonce, deadline } = terms;
        self.domain.digest(&EvmClaim {
            user: wallet.clone(),
            amount: *amount,
            nonce: *nonce,
            deadline: *deadline,
        })
    }

    async fn verify(
        &self,
        wallet: &Destination,
        digest: Hash32,
        signature: &Bytes,
    ) -> Result<SignatureVerdict, Fault> {
        let address = address_of(wallet).expect("a canonical address");
        Ok(match verify(address, B256::from(digest.0), &signature.0, SignatureForms::default()) {
            Ok(()) => SignatureVerdict::Valid,
            Err(error) => SignatureVerdict::Invalid { why: error.to_string() },
        })
    }

    fn is_by_key(&self, wallet: &Destination, digest: Hash32, signature: &Bytes) -> bool {
        let address = address_of(wallet).expect("a canonical address");
        verify(address, B256::from(digest.0), &signature.0, SignatureForms::default()).is_ok()
    }

    async fn is_member(&self, wallet: &Destination) -> Result<bool, Fault> {
        if self.unreadable.load(Ordering::Relaxed) {
            return Err(unreachable_chain());
        }
        Ok(!self
            .outsiders
            .lock()
            .expect("no test panics in here")
            .iter()
            .any(|outsider| outsider == wallet.as_str()))
    }
}

pub struct DeafChain(pub AddressBook);

#[async_trait]
impl Chain for DeafChain {
    async fn identity(&self, _: &LaneId) -> Result<Identity, Fault> {
        Err(unreachable_chain())
    }

    fn parse_destination(
        &self,
        _: &AssetId,
        text: &str,
    ) -> Result<ParsedDestination, RefusedDestination> {
        self.0.parse(text)
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        Err(unreachable_chain())
    }

    async fn consumed(&self, _: &LaneId, _: u64) -> Result<u64, Fault> {
        Err(unreachable_chain())
    }

    async fn funds(&self, _: &LaneId, _: u64) -> Result<Vec<FundsReading>, Fault> {
        Err(unreachable_chain())
    }

    async fn plan(&self, _: &PlanRequest<'_>) -> Result<Planning, Fault> {
        Err(unreachable_chain())
    }

    fn renumbered(&self, _: &LaneId, _: &Draft, _: u64) -> Draft {
        unreachable!("nothing is planned")
    }

    async fn successor(&self, _: &NextVersion<'_>) -> Result<Result<Ready, String>, Fault> {
        unreachable!("nothing is planned")
    }

    async fn broadcast(&self, _: &[Signed]) -> Vec<Sent> {
        Vec::new()
    }

    async fn watch(&self, _: &Watch) -> Result<Sightings, Fault> {
        Err(unreachable_chain())
    }

    async fn claim_stands(&self, _: &Destination, _: &ClaimRecord) -> Result<bool, Fault> {
        Ok(true)
    }

    async fn probe(&self, _: &LaneId, _: &AssetId) -> Result<bool, Fault> {
        Err(unreachable_chain())
    }
}

pub struct NoSigner;

fn no_signer() -> SignerFault {
    SignerFault::Unreachable { detail: "a test has no signer".to_owned() }
}

#[async_trait]
impl Signer for NoSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        Err(no_signer())
    }

    async fn journal_at(&self, _: u64) -> Result<JournalAt, SignerFault> {
        Err(no_signer())
    }

    async fn attend(&self, _: &Presence) -> Result<Result<(), Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn lease(&self, _: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn open(&self, _: &Open) -> Result<Result<Opening, Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn retire(&self, _: &Retire) -> Result<Result<(), Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn standing(&self, _: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault> {
        Err(no_signer())
    }

    async fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        Err(no_signer())
    }

    async fn dry_run(&self, _: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn sign(
        &self,
        _: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn supersede(&self, _: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn teach(&self, _: &[Lesson]) -> Result<Vec<Result<Learned, Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn entries(
        &self,
        _: &LaneId,
        _: EntryCursor,
        _: usize,
    ) -> Result<EntryPage, SignerFault> {
        Err(no_signer())
    }
}

/// Takes leases, retires whatever it is asked to, and has signed nothing.
pub struct Pen;

#[async_trait]
impl Signer for Pen {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        Ok(JournalId(uuid::Uuid::from_u128(9)))
    }

    async fn journal_at(&self, _: u64) -> Result<JournalAt, SignerFault> {
        let tip = JournalTip { records: 0, chain: Hash32([0; 32]) };
        Ok(JournalAt { tip, chain: Some(tip.chain) })
    }

    async fn attend(&self, _: &Presence) -> Result<Result<(), Refused>, SignerFault> {
        Ok(Ok(()))
    }

    async fn lease(&self, _: &LeaseClaim) -> Result<Result<(), Refused>, SignerFault> {
        Ok(Ok(()))
    }

    async fn open(&self, open: &Open) -> Result<Result<Opening, Refused>, SignerFault> {
        Ok(Ok(open.opening.clone()))
    }

    async fn retire(&self, _: &Retire) -> Result<Result<(), Refused>, SignerFault> {
        Ok(Ok(()))
    }

    async fn standing(&self, payouts: &[PayoutId]) -> Result<Vec<PayoutStanding>, SignerFault> {
        Ok(payouts.iter().map(|_| PayoutStanding::Unknown).collect())
    }

    async fn lanes(&self) -> Result<Vec<LaneStanding>, SignerFault> {
        Ok(Vec::new())
    }

    async fn dry_run(&self, _: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn sign(
        &self,
        _: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn supersede(&self, _: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn teach(&self, _: &[Lesson]) -> Result<Vec<Result<Learned, Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn entries(
        &self,
        _: &LaneId,
        _: EntryCursor,
        _: usize,
    ) -> Result<EntryPage, SignerFault> {
        Ok(EntryPage::default())
    }
}

/// The system's clocks, after so many microseconds more, and with a wall clock that is off by so
/// many.
#[derive(Clone, Default)]
pub struct Shifted(pub Arc<AtomicI64>, pub Arc<AtomicI64>);

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        let (passed, off) = (self.0.load(Ordering::Relaxed), self.1.load(Ordering::Relaxed));
        Timestamp::from_micros(now().micros() + passed + off)
    }

    fn monotonic(&self) -> Duration {
        System.monotonic() + Duration::from_micros(self.0.load(Ordering::Relaxed).unsigned_abs())
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        System.sleep(span)
    }
}

pub struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> Duration {
        static STARTED: std::sync::LazyLock<std::time::Instant> =
            std::sync::LazyLock::new(std::time::Instant::now);
        STARTED.elapsed()
    }

    fn sleep(&self, span: Span) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(Duration::from_millis(span.millis())))
    }
}

impl Entropy for System {
    fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        bytes
    }
}

impl Spawner for System {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}
