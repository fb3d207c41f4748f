//! An EVM chain behind its endpoints: the seam to the engine, and what the API asks about claims
//! and members.

use std::sync::Arc;

use adit_chain::{
    Chain, Dated, Endpoint, Fault, FundsReading, HealthReading, Identity, NextVersion,
    ParsedDestination, PlanRequest, Planning, Pool, Ready, RefusedDestination, Sent, Shown,
    Sightings, Timer, Watch,
};
use adit_core::{
    AssetId, Bytes, ChainName, ClaimRecord, Destination, Draft, EvmDraft, EvmFees, Hash32, LaneId,
    Mistake, Offer, Signed, Tip, planted,
};
use alloy::primitives::Address;
use async_trait::async_trait;

use crate::address::AddressBook;
use crate::address_of;
use crate::config::{ConfigError, EvmConfig, Payable};
use crate::contract_wallet::Verdict;
use crate::draft::Form;
use crate::node::Node;
use crate::observe::Memory;
use crate::pool;
use crate::rpc::b256;
use crate::self_transfer::{is_self_transfer, self_transfer};
use crate::signature;

/// One EVM chain.
pub struct EvmChain {
    node: Node,
    payable: Vec<Payable>,
    book: AddressBook,
    memory: Memory,
}

impl EvmChain {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// [`ConfigError`], naming what is wrong and what is allowed.
    pub fn new(config: EvmConfig) -> Result<Self, ConfigError> {
        Self::behind(Node::new(config)?)
    }

    /// The same over endpoints that were made elsewhere; the configured URLs are not used.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn over(
        config: EvmConfig,
        endpoints: Vec<Endpoint>,
        timer: Arc<dyn Timer>,
    ) -> Result<Self, ConfigError> {
        Self::behind(Node::over(config, endpoints, timer)?)
    }

    fn behind(node: Node) -> Result<Self, ConfigError> {
        let payable = node.config.payable()?;
        let book = node.config.address_book(&payable)?;
        Ok(Self { node, payable, book, memory: Memory::default() })
    }

    pub fn name(&self) -> &ChainName {
        &self.node.config.name
    }

    /// How each endpoint fares, for metrics and `why`.
    pub fn health(&self) -> Vec<HealthReading> {
        self.node.quorum.readings()
    }

    /// Whose signature it is: `user`'s key first, which asks nobody; else `user` as a contract
    /// wallet, by quorum.
    ///
    /// # Errors
    /// [`Fault`] when a contract had to be asked and could not be: that is no judgement.
    pub async fn verify_claim(
        &self,
        user: &Destination,
        digest: Hash32,
        signature: &Bytes,
    ) -> Result<Verdict, Fault> {
        self.node.judge(user, digest, signature).await
    }

    /// Whether `user`'s own key made the signature. Asks nobody.
    pub fn is_by_key(&self, user: &Destination, digest: Hash32, signature: &Bytes) -> bool {
        let verified =
            |user| signature::verify(user, b256(digest), &signature.0, self.node.config.forms());
        address_of(user).is_some_and(|user| verified(user).is_ok())
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    async fn self_transfer(
        &self,
        form: Form,
        lane: &LaneId,
        nonce: u64,
        fees: EvmFees,
    ) -> EvmDraft {
        let limit = self.node.self_transfer_limit(wallet_of(lane)).await;
        self_transfer(form, &lane.wallet, nonce, fees, limit)
    }

    fn asset(&self, id: &AssetId) -> Option<&Payable> {
        self.payable.iter().find(|asset| asset.asset == *id)
    }
}

pub(crate) fn evm_draft(draft: &Draft) -> &EvmDraft {
    match draft {
        Draft::Evm(evm) => evm,
        Draft::Bitcoin(_) => {
            panic!("a lane's drafts are those of its chain, and this chain is EVM")
        }
    }
}

pub(crate) fn evm_fees(offer: Offer) -> EvmFees {
    match offer {
        Offer::Evm(fees) => fees,
        Offer::Bitcoin(_) => {
            panic!("a lane's offers are those of its chain, and this chain is EVM")
        }
    }
}

/// A lane's wallet was parsed when it was configured.
fn wallet_of(lane: &LaneId) -> Address {
    address_of(&lane.wallet).expect("a lane's wallet was made from an address")
}

#[async_trait]
impl Chain for EvmChain {
    async fn identity(&self, lane: &LaneId) -> Result<Identity, Fault> {
        self.node.identity(wallet_of(lane), &self.payable).await
    }

    fn parse_destination(
        &self,
        _asset: &AssetId,
        text: &str,
    ) -> Result<ParsedDestination, RefusedDestination> {
        self.book.parse(text)
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        self.node.heads().await.map(|heads| heads.tip)
    }

    fn dates(&self) -> Vec<Dated> {
        self.node.quorum.dates()
    }

    async fn consumed(&self, lane: &LaneId, _known: u64) -> Result<u64, Fault> {
        let head = self.node.heads().await?.tip.head;
        self.node.transaction_count(wallet_of(lane), head.height).await
    }

    async fn funds(&self, lane: &LaneId, booked: u64) -> Result<Vec<FundsReading>, Fault> {
        let at = self.node.funds_height(booked).await?;
        self.node.funds(wallet_of(lane), &self.payable, at).await.map(|funds| funds.assets)
    }

    async fn plan(&self, request: &PlanRequest<'_>) -> Result<Planning, Fault> {
        self.node.plan(request, wallet_of(&request.lane), &self.payable).await
    }

    async fn pool(&self, lane: &LaneId, from: u64) -> Result<Pool, Fault> {
        Ok(self.node.pool(wallet_of(lane), from, &self.payable).await)
    }

    fn read_back(&self, lane: &LaneId, raw: &Bytes) -> Option<Shown> {
        pool::read_back(wallet_of(lane), self.node.config.chain_id, raw, &self.payable)
    }

    async fn fill(&self, lane: &LaneId, number: u64, offer: Offer) -> Result<Option<Draft>, Fault> {
        let form = self.node.form().await?;
        Ok(Some(Draft::Evm(self.self_transfer(form, lane, number, evm_fees(offer)).await)))
    }

    fn renumbered(&self, _lane: &LaneId, draft: &Draft, number: u64) -> Draft {
        Draft::Evm(EvmDraft { nonce: number, ..evm_draft(draft).clone() })
    }

    async fn successor(&self, next: &NextVersion<'_>) -> Result<Result<Ready, String>, Fault> {
        let (latest, fees) = (next.lineage.latest(), evm_fees(next.offer));
        let last = evm_draft(&latest.draft);
        let lane = &next.lineage.lane;
        // A lineage keeps the form that it began with: nodes hold that one.
        let form = Form { chain_id: last.chain_id, pricing: last.pricing };
        let fees = form.pricing.shaped(fees);
        let nonce = last.nonce + u64::from(planted(Mistake::BumpAtNewNonce));
        let draft = if latest.purpose != next.purpose {
            self.self_transfer(form, lane, last.nonce, fees).await
        } else if is_self_transfer(last, &lane.wallet) {
            // What it takes may have risen since with the price of data.
            let now = self.self_transfer(form, lane, nonce, fees).await;
            EvmDraft { gas_limit: now.gas_limit.max(last.gas_limit), ..now }
        } else {
            EvmDraft { fees, nonce, ..last.clone() }
        };
        Ok(Ok(Ready { legs: Vec::new(), draft: Draft::Evm(draft) }))
    }

    async fn broadcast(&self, bytes: &[Signed]) -> Vec<Sent> {
        self.node.broadcast(bytes).await
    }

    async fn watch(&self, watch: &Watch) -> Result<Sightings, Fault> {
        self.node.watch(watch, wallet_of(&watch.lane), &self.payable, &self.memory).await
    }

    async fn claim_stands(&self, wallet: &Destination, claim: &ClaimRecord) -> Result<bool, Fault> {
        let verdict = self.verify_claim(wallet, claim.digest, &claim.signature).await?;
        Ok(matches!(verdict, Verdict::Valid(_)))
    }

    async fn probe(&self, lane: &LaneId, asset: &AssetId) -> Result<bool, Fault> {
        match self.asset(asset) {
            Some(asset) => self.node.probe(wallet_of(lane), asset).await,
            None => Ok(false),
        }
    }
}
