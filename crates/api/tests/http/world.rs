//! One server in memory, players with wallets, and a caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_api::{ApiSettings, ApiState, Membership, auth, metrics_router, router};
use adit_chain::Chain;
use adit_core::*;
use adit_devnet::claim::{Domain, SignedClaim, base_units};
use adit_devnet::player::Wallet;
use adit_devnet::primitives::Address;
use adit_engine::{AnchoredClock, Engine, Entropy, Ports, Settings};
use adit_evm::{AddressBook, ClaimDomain};
use adit_signer::Signer;
use adit_store::{MemStore, Store};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fakes::{DeafChain, Gate, NoSigner, Pen, Shifted, System};
use crate::rules::rules;

pub const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
pub const CHAIN_ID: u64 = 31_337;
const LOOKS_MAX: u32 = 500;
const LOOK_EVERY: Duration = Duration::from_millis(10);

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

/// What a world is made of.
pub struct Parts {
    pub settings: ApiSettings,
    pub store: MemStore,
    /// What the engine sees of it.
    pub behind: Arc<dyn Store>,
    pub signer: Arc<dyn Signer>,
    pub clock: Shifted,
    /// Whether its lane is waited for.
    pub leased: bool,
}

impl Parts {
    pub fn new() -> Self {
        let store = MemStore::new();
        let behind = Arc::new(store.clone());
        Self {
            settings: settings(),
            store,
            behind,
            signer: Arc::new(Pen),
            clock: Shifted::default(),
            leased: true,
        }
    }
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

pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Timestamp::from_micros(i64::try_from(elapsed.as_micros()).expect("before the year 294,000"))
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
        Self::of(Parts { settings, ..Parts::new() }).await
    }

    /// Its signer is never reached, so no lane is ever leased.
    pub async fn without_signer() -> Self {
        Self::of(Parts { signer: Arc::new(NoSigner), leased: false, ..Parts::new() }).await
    }

    pub async fn of(parts: Parts) -> Self {
        let Parts { settings, store, behind, signer, clock, leased } = parts;
        let forbidden =
            BTreeMap::from([(TOKEN.parse().expect("an address"), "the contract of DG".to_owned())]);
        let chain: Arc<dyn Chain> = Arc::new(DeafChain(AddressBook {
            lower_case: false,
            chain_id: Some(CHAIN_ID),
            forbidden,
        }));
        let ports = Ports {
            clock: AnchoredClock::accepted(Arc::new(clock)),
            entropy: Arc::new(System),
            spawner: Arc::new(System),
            store: behind,
            chains: BTreeMap::from([("devnet".parse().expect("a chain"), chain)]),
            signer,
            witness: None,
        };
        let engine = Engine::start(ports, Arc::new(rules()), &Settings::default());
        let domain =
            ClaimDomain::new("P2E Inferno DG Withdrawal", "1", CHAIN_ID, TOKEN).expect("a domain");
        let gate = Arc::new(Gate {
            domain,
            outsiders: std::sync::Mutex::default(),
            unreadable: AtomicBool::new(false),
        });
        let state = ApiState::new(engine, settings, Some(gate.clone())).expect("fine settings");
        let admin = issue(&state, Role::Admin).await;
        let world = Self { router: router(state.clone()), state, store, gate, admin };
        if leased {
            world.reads_the_journal().await;
        }
        world
    }

    /// Nothing is given back before.
    pub async fn reads_the_journal(&self) {
        for _ in 0..LOOKS_MAX {
            if self.lane().await.is_some_and(|lane| lane.has_read_journal()) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("the lane has not read the journal");
    }

    pub async fn lane(&self) -> Option<Lane> {
        self.store.lane(&crate::rules::lane()).await.expect("the store answers")
    }

    pub async fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Answer {
        self.call_with(method, path, token, body.map(ToString::to_string), &[]).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call("GET", path, token, None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call("POST", path, token, Some(body)).await
    }

    /// A body is JSON unless a header says otherwise; an empty token is none.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> Answer {
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
        answer(self.router.clone(), request).await
    }

    /// What is scraped.
    pub async fn metrics(&self) -> Answer {
        self.get_beside("/metrics").await
    }

    /// `GET` on the address of the metrics.
    pub async fn get_beside(&self, path: &str) -> Answer {
        answer(
            metrics_router(self.state.clone()),
            Request::get(path).body(Body::empty()).expect("a request"),
        )
        .await
    }

    /// A member with a linked wallet, a key, and so many points.
    pub async fn player(&self, id: &str, points: u64) -> Player {
        let wallet = Wallet::named(id);
        let user = format!("/api/admin/users/{id}");
        assert_eq!(self.call("PUT", &user, &self.admin, None).await.status, 200);
        let linked = self
            .post(
                &format!("{user}/wallets"),
                &self.admin,
                &json!({ "address": wallet.address.to_checksum(None) }),
            )
            .await;
        assert_eq!(linked.status, 200, "{}", linked.text);
        let key = self.post(&format!("{user}/keys"), &self.admin, &json!({ "role": "user" })).await;
        assert_eq!(key.status, 201, "{}", key.text);
        if points > 0 {
            self.credit(id, "xp", "XP", &points.to_string()).await;
        }
        Player {
            id: id.to_owned(),
            wallet,
            token: key.body["token"].as_str().expect("a token").to_owned(),
        }
    }

    pub async fn credit(&self, user: &str, book: &str, asset: &str, amount: &str) {
        let credit = json!({ "id": format!("{user}-{book}-{asset}-{amount}"), "userId": user, "book": book, "asset": asset, "amount": amount });
        let answer = self.post("/api/admin/credits", &self.admin, &credit).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// A service's token.
    pub async fn service(&self) -> String {
        issue(&self.state, Role::Service).await
    }

    /// Signs for the next nonce, and lets `change` spoil it before that.
    pub async fn claim(
        &self,
        player: &Player,
        amount: &str,
        change: impl FnOnce(&mut adit_devnet::claim::Claim),
    ) -> SignedClaim {
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
        self.call_with(
            "POST",
            "/api/token/withdraw",
            token,
            Some(body.to_string()),
            &[("prefer", "wait=0")],
        )
        .await
    }

    pub async fn available(&self, player: &Player, asset: &str) -> String {
        let me = self.get("/api/me", &player.token).await;
        let balances = me.body["balances"].as_array().cloned().unwrap_or_default();
        let found = balances.iter().find(|balance| balance["asset"] == asset);
        found.and_then(|balance| balance["available"].as_str()).unwrap_or("none").to_owned()
    }

    /// Commits another row of the lane; its own task may be in the way.
    pub async fn lane_becomes(&self, change: impl Fn(Lane) -> Lane) {
        let id = crate::rules::lane();
        let keys = Keys { lanes: [id.clone()].into(), ..Keys::default() };
        for _ in 0..100 {
            let mut group = self.store.load(&keys, now()).await.expect("loads");
            let mut view = group.take_view();
            let lane = view.lane(&id).expect("it was leased").clone();
            view.apply(vec![Change::Lane(change(lane))]);
            if group
                .commit(GroupId(uuid::Uuid::from_bytes(System.bytes())), view.into_batch())
                .await
                .is_ok()
            {
                return;
            }
        }
        panic!("the lane's row could not be written");
    }

    /// Commits what a lane would: another state of a withdrawal.
    pub async fn becomes(&self, id: &str, state: State) {
        let id: WithdrawalId = id.parse().expect("an id");
        let keys = Keys { withdrawals: [id].into(), ..Keys::default() };
        let mut group = self.store.load(&keys, now()).await.expect("loads");
        let mut view = group.take_view();
        let withdrawal = view.withdrawal(id).expect("it exists").clone();
        view.apply(vec![Change::Withdrawal(Withdrawal { state, ..withdrawal })]);
        group
            .commit(GroupId(uuid::Uuid::from_bytes(System.bytes())), view.into_batch())
            .await
            .expect("commits");
    }
}

async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("the router answers");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: parts.status, headers: parts.headers, body, text }
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
    let id = CredentialId(engine.ports.uuid());
    let credential = Credential {
        label: "a test".to_owned(),
        ..Credential::new(id, auth::hash_token(&token), role, None, now())
    };
    engine
        .writer
        .submit(Actor::Engine, Command::IssueCredential { credential })
        .await
        .expect("issued");
    token
}
