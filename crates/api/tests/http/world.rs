//! One server in memory, players with wallets, and a caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_api::{ApiSettings, ApiState, ClaimGate, ClaimTerms, Membership, SignatureVerdict, auth, router};
use adit_chain::*;
use adit_core::*;
use adit_devnet::claim::{Domain, SignedClaim, base_units};
use adit_devnet::player::Wallet;
use adit_devnet::primitives::{Address, B256};
use adit_engine::{Clock, Engine, Entropy, Ports, Settings, Spawner};
use adit_evm::{AddressBook, Claim as EvmClaim, ClaimDomain, SignatureForms, address_of, verify};
use adit_signer::{JournalEntry, Refused, SignRequest, Signature, Signer, SignerFault, Supersede};
use adit_store::{MemStore, Store};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tower::ServiceExt;

pub const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
pub const CHAIN_ID: u64 = 31_337;

pub struct World {
    pub router: Router,
    pub state: ApiState,
    pub store: MemStore,
    pub gate: Arc<Gate>,
    pub admin: String,
}

/// A player who can sign and call.
#[derive(Clone)]
pub struct Player {
    pub id: String,
    pub wallet: Wallet,
    pub token: String,
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Status and code in one, so that a failed assertion shows both.
    pub fn is(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Verifies for real; members and the chain's health are switches.
pub struct Gate {
    domain: ClaimDomain,
    pub outsiders: std::sync::Mutex<Vec<String>>,
    pub unreadable: AtomicBool,
}

fn unreachable_chain() -> Fault {
    Fault::Unreachable { chain: "devnet".to_owned(), answered: 0, needed: 1, detail: "a test has no chain".to_owned() }
}

#[async_trait]
impl ClaimGate for Gate {
    fn typed_data(&self) -> Value {
        self.domain.typed_data()
    }

    fn digest(&self, terms: &ClaimTerms) -> Option<Hash32> {
        let ClaimTerms { wallet, amount, nonce, deadline } = terms;
        self.domain.digest(&EvmClaim { user: wallet.clone(), amount: *amount, nonce: *nonce, deadline: *deadline })
    }

    async fn verify(&self, wallet: &Destination, digest: Hash32, signature: &Bytes) -> Result<SignatureVerdict, Fault> {
        let address = address_of(wallet).expect("a canonical address");
        Ok(match verify(address, B256::from(digest.0), &signature.0, SignatureForms::default()) {
            Ok(()) => SignatureVerdict::Valid,
            Err(error) => SignatureVerdict::Invalid { why: error.to_string() },
        })
    }

    async fn is_member(&self, wallet: &Destination) -> Result<bool, Fault> {
        if self.unreadable.load(Ordering::Relaxed) {
            return Err(unreachable_chain());
        }
        Ok(!self.outsiders.lock().expect("no test panics in here").iter().any(|outsider| outsider == wallet.as_str()))
    }
}

struct DeafChain(AddressBook);

#[async_trait]
impl Chain for DeafChain {
    async fn identity(&self, _: &LaneId) -> Result<Identity, Fault> {
        Err(unreachable_chain())
    }

    fn parse_destination(&self, _: &AssetId, text: &str) -> Result<ParsedDestination, RefusedDestination> {
        self.0.parse(text)
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        Err(unreachable_chain())
    }

    async fn consumed(&self, _: &LaneId) -> Result<u64, Fault> {
        Err(unreachable_chain())
    }

    async fn funds(&self, _: &LaneId) -> Result<Vec<FundsReading>, Fault> {
        Err(unreachable_chain())
    }

    async fn plan(&self, _: &PlanRequest) -> Result<Vec<Planned>, Fault> {
        Err(unreachable_chain())
    }

    fn draft(&self, _: &LaneId, _: &Leg, _: &Plan, _: u64) -> Draft {
        unreachable!("nothing is planned")
    }

    fn cancel_draft(&self, _: &LaneId, _: u64, _: EvmFees) -> Draft {
        unreachable!("nothing is planned")
    }

    async fn broadcast(&self, _: &[Signed]) -> Vec<Sent> {
        Vec::new()
    }

    async fn watch(&self, _: &Watch) -> Result<Sightings, Fault> {
        Err(unreachable_chain())
    }

    async fn probe(&self, _: &LaneId, _: &AssetId) -> Result<bool, Fault> {
        Err(unreachable_chain())
    }
}

struct NoSigner;

fn no_signer() -> SignerFault {
    SignerFault::Unreachable { detail: "a test has no signer".to_owned() }
}

#[async_trait]
impl Signer for NoSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        Err(no_signer())
    }

    async fn dry_run(&self, _: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn sign(&self, _: &[SignRequest]) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        Err(no_signer())
    }

    async fn supersede(&self, _: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        Err(no_signer())
    }

    async fn entries(&self, _: &LaneId, _: u64, _: usize) -> Result<Vec<JournalEntry>, SignerFault> {
        Err(no_signer())
    }
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        now()
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

pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_micros(i64::try_from(elapsed.as_micros()).expect("before the year 294,000"))
}

fn whole(units: u128) -> Amount {
    Amount::new(units * 10u128.pow(18))
}

fn lane() -> LaneId {
    LaneId {
        chain: "devnet".parse().expect("a chain"),
        wallet: Wallet::named("hot").address.to_checksum(None).parse().expect("an address"),
    }
}

fn policy(minimum: Amount, windows: Vec<WindowLimit>, approve_above: Option<Amount>) -> Policy {
    Policy { minimum, maximum: None, fee: Fee::default(), cooldown: None, windows, approve_above }
}

fn rules() -> Rules {
    let asset = |name: &str, decimals, form, policy: Policy| {
        let id: AssetId = name.parse().expect("an asset");
        let tiers = BTreeMap::from([("gold".parse().expect("a tier"), Policy { windows: Vec::new(), ..policy.clone() })]);
        (id.clone(), AssetRules { asset: Asset { id, decimals, form }, policy, tiers })
    };
    let chain: ChainName = "devnet".parse().expect("a chain");
    let day = |max| vec![WindowLimit { window: Window::Rolling24h, max: whole(max) }];
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            asset("XP", 0, AssetForm::Points, policy(Amount::ZERO, Vec::new(), None)),
            asset(
                "DG",
                18,
                AssetForm::Token { chain: chain.clone(), contract: TOKEN.to_owned() },
                policy(whole(3_000), day(100_000), None),
            ),
            asset("ETH", 18, AssetForm::Native { chain: chain.clone() }, policy(Amount::new(1), Vec::new(), Some(whole(1)))),
        ]),
        chains: BTreeMap::from([(
            chain.clone(),
            ChainRules {
                name: chain,
                native: "ETH".parse().expect("an asset"),
                lane: lane(),
                confirmations: 2,
                finality: Finality::Tag,
                trust: Trust::Single,
                in_flight_max: 16,
                attempts_max: 8,
                bump_after: Span::from_seconds(30),
                rebroadcast_after: Span::from_seconds(15),
                fee_per_gas_max: 1_000_000_000_000,
                fee_per_transaction_max: whole(1),
                precheck_tries_max: 3,
                precheck_backoff: Span::from_seconds(1),
            },
        )]),
        claims: Some(ClaimRules {
            points: "XP".parse().expect("an asset"),
            book: "xp".parse().expect("a book"),
            asset: "DG".parse().expect("an asset"),
            rate: Rate::ONE,
            deadline_ahead_max: Span::from_seconds(900),
        }),
        wallet_cooling: Span::from_hours(24),
        cancels_per_day_max: 3,
    }
}

/// Rates wide open, members only.
pub fn settings() -> ApiSettings {
    ApiSettings {
        requests_per_second: 1_000_000,
        requests_burst: 1_000_000,
        membership: Membership::Required,
        cors_origins: vec!["https://app.example.org".to_owned()],
        ..ApiSettings::default()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: ApiSettings) -> Self {
        let store = MemStore::new();
        let forbidden = BTreeMap::from([(TOKEN.parse().expect("an address"), "the contract of DG".to_owned())]);
        let chain: Arc<dyn Chain> = Arc::new(DeafChain(AddressBook { lower_case: false, forbidden }));
        let ports = Ports {
            clock: Arc::new(System),
            entropy: Arc::new(System),
            spawner: Arc::new(System),
            store: Arc::new(store.clone()),
            chains: BTreeMap::from([("devnet".parse().expect("a chain"), chain)]),
            signer: Arc::new(NoSigner),
        };
        let engine = Engine::start(ports, Arc::new(rules()), &Settings::default());
        let domain = ClaimDomain::new("P2E Inferno DG Withdrawal", "1", CHAIN_ID, TOKEN).expect("a domain");
        let gate = Arc::new(Gate { domain, outsiders: std::sync::Mutex::default(), unreadable: AtomicBool::new(false) });
        let state = ApiState::new(engine, settings, Some(gate.clone())).expect("fine settings");
        let admin = issue(&state, Role::Admin).await;
        Self { router: router(state.clone()), state, store, gate, admin }
    }

    pub async fn call(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        self.call_with(method, path, token, body.map(ToString::to_string), &[]).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, token, None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call("POST", path, token, Some(body)).await
    }

    /// A body is JSON unless a header says otherwise; an empty token is none.
    pub async fn call_with(&self, method: &str, path: &str, token: &str, body: Option<String>, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.map_or_else(Body::empty, Body::from)).expect("a request")).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, body, text }
    }

    /// A member with a linked wallet, a key, and so many points.
    pub async fn player(&self, id: &str, points: u64) -> Player {
        let wallet = Wallet::named(id);
        let user = format!("/api/admin/users/{id}");
        assert_eq!(self.call("PUT", &user, &self.admin, None).await.status, 200);
        let linked = self.post(&format!("{user}/wallets"), &self.admin, &json!({ "address": wallet.address.to_checksum(None) })).await;
        assert_eq!(linked.status, 200, "{}", linked.text);
        let key = self.post(&format!("{user}/keys"), &self.admin, &json!({ "role": "user" })).await;
        assert_eq!(key.status, 201, "{}", key.text);
        if points > 0 {
            self.credit(id, "xp", "XP", &points.to_string()).await;
        }
        Player { id: id.to_owned(), wallet, token: key.body["token"].as_str().expect("a token").to_owned() }
    }

    pub async fn credit(&self, user: &str, book: &str, asset: &str, amount: &str) {
        let credit =
            json!({ "id": format!("{user}-{book}-{asset}-{amount}"), "userId": user, "book": book, "asset": asset, "amount": amount });
        let answer = self.post("/api/admin/credits", &self.admin, &credit).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// A service's token.
    pub async fn service(&self) -> String {
        issue(&self.state, Role::Service).await
    }

    /// Signs for the next nonce, and lets `change` spoil it before that.
    pub async fn claim(&self, player: &Player, amount: &str, change: impl FnOnce(&mut adit_devnet::claim::Claim)) -> SignedClaim {
        let next = self.get("/api/token/withdraw/nonce", &player.token).await;
        let mut claim = adit_devnet::claim::Claim {
            wallet: player.wallet.address,
            amount: base_units(amount),
            nonce: next.body["nonce"].as_u64().expect("a nonce"),
            deadline: next.body["deadline"].as_u64().expect("a deadline"),
        };
        change(&mut claim);
        claim.sign(&domain(), &player.wallet)
    }

    /// Posts without waiting for confirmations.
    pub async fn withdraw(&self, token: &str, body: &Value) -> Answer {
        self.call_with("POST", "/api/token/withdraw", token, Some(body.to_string()), &[("prefer", "wait=0")]).await
    }

    pub async fn available(&self, player: &Player, asset: &str) -> String {
        let me = self.get("/api/me", &player.token).await;
        let balances = me.body["balances"].as_array().cloned().unwrap_or_default();
        let found = balances.iter().find(|balance| balance["asset"] == asset);
        found.and_then(|balance| balance["available"].as_str()).unwrap_or("none").to_owned()
    }

    /// Commits what a lane would: another state of a withdrawal.
    pub async fn becomes(&self, id: &str, state: State) {
        let id: WithdrawalId = id.parse().expect("an id");
        let keys = Keys { withdrawals: [id].into(), ..Keys::default() };
        let mut group = self.store.load(&keys, now()).await.expect("loads");
        let mut view = group.take_view();
        let withdrawal = view.withdrawal(id).expect("it exists").clone();
        view.apply(vec![Change::Withdrawal(Withdrawal { state, ..withdrawal })]);
        group.commit(GroupId(uuid::Uuid::from_bytes(System.bytes())), view.into_batch()).await.expect("commits");
    }
}

pub fn domain() -> Domain {
    Domain::of(CHAIN_ID, TOKEN.parse::<Address>().expect("an address"))
}

pub fn as_json(claim: &SignedClaim) -> Value {
    serde_json::to_value(claim).expect("JSON")
}

pub fn payment() -> Payment {
    Payment { hash: Hash32([7; 32]), block: BlockRef { height: 42, hash: Hash32([8; 32]) } }
}

async fn issue(state: &ApiState, role: Role) -> String {
    let engine = state.engine();
    let token = auth::new_token([role as u8 + 1; 32]);
    let credential = Credential {
        id: CredentialId(engine.ports.uuid()),
        hash: auth::hash_token(&token),
        role,
        user: None,
        label: "a test".to_owned(),
        created_at: now(),
        revoked_at: None,
    };
    engine.writer.submit(Actor::Engine, Command::IssueCredential { credential }).await.expect("issued");
    token
}
