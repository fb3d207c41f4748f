//! Tokens of an external provider: issuer, audience, algorithm and key are pinned.

use std::sync::Arc;

use adit_api::{ApiSettings, JwksSource, JwtProvider};
use adit_devnet::player::Wallet;
use adit_store::{MemStore, Store as _};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::silent::Silent;
use crate::world::{Parts, World, as_json, now, settings};

/// Made for this test with `openssl ecparam -name prime256v1 -genkey | openssl pkcs8 -topk8
/// -nocrypt`; they sign nothing else.
const KEY: &str = include_str!("sign_in_key.pem");
const OTHER_KEY: &str = include_str!("sign_in_other_key.pem");
const ISSUER: &str = "privy.io";

fn provider() -> JwtProvider {
    let key = EncodingKey::from_ec_pem(KEY.as_bytes()).expect("a key");
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a public key");
    jwk.common.key_id = Some("k1".to_owned());
    JwtProvider {
        issuer: ISSUER.to_owned(),
        audiences: vec!["app".to_owned()],
        algorithms: vec![Algorithm::ES256],
        keys: JwksSource::Inline(JwkSet { keys: vec![jwk] }),
        user_claim: "sub".to_owned(),
        user_prefix: String::new(),
        wallets_claim: Some("linked_accounts".to_owned()),
    }
}

async fn world() -> World {
    World::with(ApiSettings { jwt_providers: vec![provider()], ..settings() }).await
}

fn claims(user: &str) -> Value {
    let wallet = Wallet::named(user).address.to_checksum(None);
    let accounts =
        json!([{ "type": "wallet", "address": wallet, "chain_type": "ethereum" }]).to_string();
    json!({ "iss": ISSUER, "aud": "app", "sub": user, "iat": now().seconds(), "exp": now().seconds() + 3_600, "linked_accounts": accounts })
}

fn token(claims: &Value, kid: &str, key: &str) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, claims, &EncodingKey::from_ec_pem(key.as_bytes()).expect("a key"))
        .expect("a token")
}

fn of_another(user_prefix: &str) -> JwtProvider {
    JwtProvider {
        issuer: "https://other.example.org".to_owned(),
        user_prefix: user_prefix.to_owned(),
        ..provider()
    }
}

/// Abuse +29: a subject 42 of each of two providers is two people, and neither can name themselves
/// like one of the other.
#[tokio::test]
async fn p29_users_of_two_providers_are_never_one() {
    let world = World::with(ApiSettings {
        jwt_providers: vec![provider(), of_another("other:")],
        ..settings()
    })
    .await;
    let mut theirs = claims("42");
    theirs["iss"] = "https://other.example.org".into();
    let named = async |claims: &Value| world.get("/api/me", &token(claims, "k1", KEY)).await;
    let (first, second) = (named(&claims("42")).await, named(&theirs).await);
    assert_eq!(first.body["userId"], "42", "{}", first.text);
    assert_eq!(second.body["userId"], "other:42", "{}", second.text);
    assert_eq!(
        named(&claims("other:42")).await.is(),
        (401, "UNAUTHENTICATED"),
        "it would be theirs"
    );
}

/// Abuse +29: what could make two people one does not start.
#[test]
fn p29_two_providers_without_a_prefix_do_not_start() {
    let refused = |providers: &[JwtProvider]| {
        let settings = ApiSettings { jwt_providers: providers.to_vec(), ..settings() };
        settings.check().map_or_else(|error| error.to_string(), |()| String::new())
    };
    for prefix in ["", "a", "a:b"] {
        let one = JwtProvider {
            user_prefix: if prefix.is_empty() { String::new() } else { "a:".to_owned() },
            ..provider()
        };
        let said = refused(&[one, of_another(prefix)]);
        assert!(said.contains("user_prefix"), "{prefix}: {said}");
    }
    assert!(refused(&[provider(), provider()]).contains("configured twice"));
    assert_eq!(refused(&[provider(), of_another("other:")]), "");
}

/// D11: a provider that writes addresses in lower case links them all the same: the claim is proved
/// by its signature.
#[tokio::test]
async fn d11_a_wallet_that_the_provider_writes_in_lower_case_is_linked() {
    let world = world().await;
    let mut lower = claims("did:privy:ada");
    lower["linked_accounts"] =
        lower["linked_accounts"].as_str().expect("a text").to_lowercase().into();
    let me = world.get("/api/me", &token(&lower, "k1", KEY)).await;
    assert_eq!(
        me.body["wallets"][0]["address"],
        Value::from(Wallet::named("did:privy:ada").address.to_checksum(None)),
        "{}",
        me.text
    );
    let mut wrong = claims("did:privy:eve");
    let text = Wallet::named("did:privy:eve").address.to_checksum(None);
    let flipped: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() && c != 'x' {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    wrong["linked_accounts"] = json!([{ "type": "wallet", "address": flipped }]).to_string().into();
    let me = world.get("/api/me", &token(&wrong, "k1", KEY)).await;
    assert_eq!(me.body["wallets"], json!([]), "a wrong checksum is a mistake");
}

/// An admin puts a user while they sign in for the first time: the sign-in had looked before that,
/// and took the tier away.
#[tokio::test]
async fn a_first_sign_in_keeps_the_tier_that_an_admin_gave() {
    let mem = MemStore::new();
    let store = Silent::new(mem.clone());
    let settings = ApiSettings { jwt_providers: vec![provider()], ..settings() };
    let world =
        World::of(Parts { settings, store: mem, behind: Arc::new(store.clone()), ..Parts::new() })
            .await;
    let put = world
        .call("PUT", "/api/admin/users/ada", &world.admin, Some(&json!({ "tier": "gold" })))
        .await;
    assert_eq!(put.status, 200, "{}", put.text);
    store.look_too_early();
    let me = world.get("/api/me", &token(&claims("ada"), "k1", KEY)).await;
    assert_eq!(
        (&me.body["tier"], me.body["wallets"].as_array().map(Vec::len)),
        (&json!("gold"), Some(1)),
        "{}",
        me.text
    );
}

/// A tier that changes while a wallet is linked: both are commands on one row, and neither loses
/// the other's.
#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_changes_while_a_wallet_is_linked_loses_nothing() {
    let world = World::new().await;
    for number in 0..20 {
        let (user, tier) = (
            format!("u{number}"),
            if number % 2 == 0 { json!({ "tier": "gold" }) } else { json!({}) },
        );
        world
            .call(
                "PUT",
                &format!("/api/admin/users/{user}"),
                &world.admin,
                Some(&json!({ "tier": "gold" })),
            )
            .await;
        let address = Wallet::named(&user).address.to_checksum(None);
        let (put, link) =
            (format!("/api/admin/users/{user}"), format!("/api/admin/users/{user}/wallets"));
        let (wallet, second) = (
            json!({ "address": address }),
            json!({ "address": Wallet::named(&put).address.to_checksum(None) }),
        );
        let (changed, linked, again) = tokio::join!(
            world.call("PUT", &put, &world.admin, Some(&tier)),
            world.post(&link, &world.admin, &wallet),
            world.post(&link, &world.admin, &second),
        );
        assert_eq!(
            [changed.status.as_u16(), linked.status.as_u16(), again.status.as_u16()],
            [200; 3],
            "{}",
            linked.text
        );
        let sheet = world
            .store
            .user(&user.parse().expect("a user"))
            .await
            .expect("the store answers")
            .expect("it was put");
        assert_eq!(
            sheet.user.tier.as_ref().map(adit_core::Tier::as_str),
            tier["tier"].as_str(),
            "{user}"
        );
        assert_eq!((sheet.user.wallets, sheet.wallets.len()), (2, 2), "{user}");
        let waits = sheet.wallets.iter().filter(|link| link.usable_at > link.linked_at).count();
        assert_eq!(waits, 1, "the first is usable at once, the second waits");
    }
}

#[tokio::test]
async fn a_provider_signs_a_user_in_and_vouches_for_his_wallet() {
    let world = world().await;
    let token = token(&claims("did:privy:ada"), "k1", KEY);
    let me = world.get("/api/me", &token).await;
    assert_eq!(me.status, 200, "{}", me.text);
    assert_eq!(me.body["userId"], "did:privy:ada");
    assert_eq!(
        me.body["wallets"][0]["address"],
        Value::from(Wallet::named("did:privy:ada").address.to_checksum(None))
    );
    world.credit("did:privy:ada", "xp", "XP", "5000").await;
    let player = crate::world::Player {
        id: "did:privy:ada".to_owned(),
        wallet: Wallet::named("did:privy:ada"),
        token,
    };
    let claim = as_json(&world.claim(&player, "5000", |_| {}).await);
    assert_eq!(world.withdraw(&player.token, &claim).await.status, 202);
    assert_eq!(world.get("/api/admin/coverage", &player.token).await.is(), (403, "FORBIDDEN"));
}

#[tokio::test]
async fn everything_else_is_refused() {
    let world = world().await;
    let with = |field: &str, value: Value| {
        let mut claims = claims("ada");
        claims[field] = value;
        token(&claims, "k1", KEY)
    };
    let good = token(&claims("ada"), "k1", KEY);
    let parts: Vec<&str> = good.split('.').collect();
    let hs256 = {
        let public = serde_json::to_vec(&json!({})).expect("JSON");
        encode(
            &Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) },
            &claims("ada"),
            &EncodingKey::from_secret(&public),
        )
        .expect("a token")
    };
    let spoiled = [
        with("iss", json!("evil.example")),
        with("aud", json!("another app")),
        with("exp", json!(now().seconds() - 3_600)),
        with("nbf", json!(now().seconds() + 3_600)),
        with("sub", json!("not a / user")),
        with("sub", json!(7)),
        with("sub", json!(null)),
        with("exp", json!(null)),
        token(&claims("ada"), "k1", OTHER_KEY),
        token(&claims("ada"), "unknown", KEY),
        hs256,
        format!("{}.{}.", parts[0], parts[1]),
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(86)),
    ];
    for (number, token) in spoiled.iter().enumerate() {
        assert_eq!(
            world.get("/api/me", token).await.is(),
            (401, "UNAUTHENTICATED"),
            "case {number}"
        );
    }
    assert_eq!(world.get("/api/me", &good).await.status, 200);
}

#[tokio::test]
async fn a_wallet_of_somebody_else_stays_his() {
    let world = world().await;
    let ada = world.player("ada", 0).await;
    let mut stolen = claims("mallory");
    stolen["linked_accounts"] = json!(ada.wallet.address.to_checksum(None));
    let me = world.get("/api/me", &token(&stolen, "k1", KEY)).await;
    assert_eq!((me.status.as_u16(), &me.body["wallets"]), (200, &json!([])));
}
