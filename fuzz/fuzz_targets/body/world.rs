//! The API on the real engine and rules, with a store in memory; a chain that nobody reaches, a
//! signer without keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adit_api::{
    ApiSettings, ApiState, ClaimGate, ClaimTerms, Membership, SignatureVerdict, auth, router,
};
use adit_chain::*;
use adit_core::*;
use adit_engine::{Clock, Engine, Entropy, Ports, Settings, Spawner};
use adit_evm::{AddressBook, ClaimDomain, SignatureForms, address_of, verify};
use adit_signer::{JournalEntry, Refused, SignRequest, Signature, Signer, SignerFault, Supersede};
use adit_store::MemStore;
use alloy::primitives::B256;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tower::ServiceExt as _;

const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const REQUESTS_MAX: u32 = 1_000_000;

pub struct World {
    router: Router,
    /// Of a user, a service and an admin.
    pub tokens: [String; 3],
}

pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
    pub text: String,
}

impl World {
    /// Ada has points, coins and a wallet.
    pub async fn new() -> Self {
        let ports = Ports {
            clock: Arc::new(System),
            entropy: Arc::new(System),
            spawner: Arc::new(System),
            store: Arc::new(MemStore::new()),
            chains: BTreeMap::from([(chain(), Arc::new(Deaf(book())) as Arc<dyn Chain>)]),
            signer: Arc::new(NoSigner),
        };
        let engine = Engine::start(ports, Arc::new(rules()), &Settings::default());
        let settings = ApiSettings {
            requests_per_second: REQUESTS_MAX,
            requests_burst: REQUESTS_MAX,
            membership: Membership::Required,
            ..ApiSettings::default()
        };
        let domain =
            ClaimDomain::new("P2E Inferno DG Withdrawal", "1", 31_337, TOKEN).expect("an address");
        let state =
            ApiState::new(engine, settings, Some(Arc::new(Gate(domain)))).expect("right settings");
        let ada: UserId = "ada".parse().expect("a user");
        let put = Command::PutUser { user: ada.clone(), tier: None };
        state.engine().writer.submit(Actor::Engine, put).await.expect("there is an Ada");
        let user = issue(&state, Role::User, Some(ada)).await;
        let tokens = [
            user,
            issue(&state, Role::Service, None).await,
            issue(&state, Role::Admin, None).await,
        ];
        let world = Self { router: router(state), tokens };
        world.set_up("/api/admin/users/ada/wallets", json!({ "address": WALLET })).await;
        for (book, asset, amount) in [("xp", "XP", "50000"), ("main", "ETH", "5")] {
            let credit = json!({ "id": asset, "userId": "ada", "book": book, "asset": asset, "amount": amount });
            world.set_up("/api/admin/credits", credit).await;
        }
        world
    }

    async fn set_up(&self, path: &str, body: Value) {
        let answer = self
            .send("POST", path, "application/json", &self.tokens[2], body.to_string().into_bytes())
            .await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        token: &str,
        body: Vec<u8>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"));
        let request = request
            .header("content-type", kind)
            .header("prefer", "wait=0")
            .body(Body::from(body))
            .expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, body, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// What Ada has.
    pub async fn balances(&self) -> Value {
        let me = self.send("GET", "/api/me", "application/json", &self.tokens[0], Vec::new()).await;
        assert!(me.body["balances"].is_array(), "{}", me.text);
        me.body["balances"].clone()
    }
}

async fn issue(state: &ApiState, role: Role, user: Option<UserId>) -> String {
    let token = auth::new_token([role as u8 + 1; 32]);
    let id = CredentialId(uuid::Uuid::from_u128(role as u128 + 1));
    let credential = Credential {
        label: "the fuzzer".to_owned(),
        ..Credential::new(id, auth::hash_token(&token), role, user, System.now())
    };
    state
        .engine()
        .writer
        .submit(Actor::Engine, Command::IssueCredential { credential })
        .await
        .expect("issued");
    token
}

fn rules() -> Rules {
    let whole = |units: u128| Amount::new(units * 10u128.pow(18));
    let policy = |minimum, windows, approve_above| Policy {
        minimum,
        maximum: None,
        fee: Fee::default(),
        cooldown: None,
        windows,
        approve_above,
    };
    let asset = |name: &str, decimals, form, policy: Policy| {
        let id: AssetId = name.parse().expect("an asset");
        let tiers = BTreeMap::from([("gold".parse().expect("a tier"), policy.clone())]);
        (id.clone(), AssetRules { asset: Asset { id, decimals, form }, policy, tiers })
    };
    let day = vec![WindowLimit { window: Window::Rolling24h, max: whole(100_000) }];
    let token = AssetForm::Token { chain: chain(), contract: TOKEN.to_owned() };
    let lane = LaneId {
        chain: chain(),
        wallet: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse().expect("an address"),
    };
    let driven = ChainRules {
        name: chain(),
        native: "ETH".parse().expect("an asset"),
        lane,
        confirmations: 2,
        finality: Finality::Tag,
        trust: Trust::Single,
        kind: adit_core::ChainKind::Evm,
        in_flight_max: 16,
        attempts_max: 8,
        bump_after: Span::from_seconds(30),
        rebroadcast_after: Span::from_seconds(15),
        offer_max: 1_000_000_000_000,
        fee_share_max: None,
        patience: None,
        batching: None,
        fee_per_transaction_max: whole(1),
        head_age_max: None,
        blocks_on_demand: false,
        precheck_tries_max: 3,
        precheck_backoff: Span::from_seconds(1),
    };
    Rules {
        revision: 1,
        assets: BTreeMap::from([
            asset("XP", 0, AssetForm::Points, policy(Amount::ZERO, Vec::new(), None)),
            asset("DG", 18, token, policy(whole(3_000), day, None)),
            asset(
                "ETH",
                18,
                AssetForm::Native { chain: chain() },
                policy(Amount::new(1), Vec::new(), Some(whole(1))),
            ),
        ]),
        chains: BTreeMap::from([(chain(), driven)]),
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

fn book() -> AddressBook {
    AddressBook {
        lower_case: false,
        chain_id: None,
        forbidden: BTreeMap::from([(TOKEN.parse().expect("an address"), "the token".to_owned())]),
    }
}

fn chain() -> ChainName {
    "devnet".parse().expect("a chain")
}

/// Verifies for real; everybody is a member.
struct Gate(ClaimDomain);

#[async_trait]
impl ClaimGate for Gate {
    fn typed_data(&self) -> Value {
        self.0.typed_data()
    }

    fn digest(&self, terms: &ClaimTerms) -> Option<Hash32> {
        let ClaimTerms { wallet, amount, nonce, deadline } = terms;
        self.0.digest(&adit_evm::Claim {
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

    async fn is_member(&self, _: &Destination) -> Result<bool, Fault> {
        Ok(true)
    }
}

struct Deaf(AddressBook);

fn unreachable_chain<T>() -> Result<T, Fault> {
    Err(Fault::Unreachable {
        chain: "devnet".to_owned(),
        answered: 0,
        needed: 1,
        detail: "the fuzzer has no chain".to_owned(),
    })
}

#[async_trait]
impl Chain for Deaf {
    async fn identity(&self, _: &LaneId) -> Result<Identity, Fault> {
        unreachable_chain()
    }

    fn parse_destination(
        &self,
        _: &AssetId,
        text: &str,
    ) -> Result<ParsedDestination, RefusedDestination> {
        self.0.parse(text)
    }

    async fn tip(&self) -> Result<Tip, Fault> {
        unreachable_chain()
    }

    async fn consumed(&self, _: &LaneId, _: u64) -> Result<u64, Fault> {
        unreachable_chain()
    }

    async fn funds(&self, _: &LaneId) -> Result<Vec<FundsReading>, Fault> {
        unreachable_chain()
    }

    async fn plan(&self, _: &PlanRequest<'_>) -> Result<Planning, Fault> {
        unreachable_chain()
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
        unreachable_chain()
    }

    async fn claim_stands(&self, _: &Destination, _: &ClaimRecord) -> Result<bool, Fault> {
        Ok(true)
    }

    async fn probe(&self, _: &LaneId, _: &AssetId) -> Result<bool, Fault> {
        unreachable_chain()
    }
}

struct NoSigner;

fn no_signer<T>() -> Result<T, SignerFault> {
    Err(SignerFault::Unreachable { detail: "the fuzzer has no signer".to_owned() })
}

#[async_trait]
impl Signer for NoSigner {
    async fn journal(&self) -> Result<JournalId, SignerFault> {
        no_signer()
    }

    async fn dry_run(&self, _: &[SignRequest]) -> Result<Vec<Result<(), Refused>>, SignerFault> {
        no_signer()
    }

    async fn sign(
        &self,
        _: &[SignRequest],
    ) -> Result<Vec<Result<Signature, Refused>>, SignerFault> {
        no_signer()
    }

    async fn supersede(&self, _: &Supersede) -> Result<Result<(), Refused>, SignerFault> {
        no_signer()
    }

    async fn entries(
        &self,
        _: &LaneId,
        _: u64,
        _: usize,
    ) -> Result<Vec<JournalEntry>, SignerFault> {
        no_signer()
    }
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        Timestamp::from_micros(i64::try_from(elapsed.as_micros()).expect("before the year 294,000"))
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
