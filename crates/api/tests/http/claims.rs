//! `/api/token/*`: requirements D3 to D6, D10.

use adit_core::{Actor, Failure, State};
use adit_devnet::claim::Domain;
use serde_json::{Value, json};

use crate::world::{CHAIN_ID, TOKEN, World, as_json, domain, now, payment};

#[tokio::test]
async fn the_nonce_is_ready_to_sign_and_changes_nothing() {
    let world = World::new().await;
    let ada = world.player("ada", 5_000).await;
    let first = world.get("/api/token/withdraw/nonce", &ada.token).await;
    let second = world.get("/api/token/withdraw/nonce", &ada.token).await;
    assert_eq!((first.status.as_u16(), &first.body["nonce"]), (200, &json!(0)));
    assert_eq!(first.body["nonce"], second.body["nonce"]);
    assert_eq!(
        first.body["domain"],
        json!({ "name": "P2E Inferno DG Withdrawal", "version": "1", "chainId": CHAIN_ID, "verifyingContract": TOKEN })
    );
    assert_eq!(first.body["primaryType"], "Withdrawal");
    assert_eq!(
        first.body["types"]["Withdrawal"][1],
        json!({ "name": "amount", "type": "uint256" })
    );
    let ahead = first.body["deadline"].as_i64().expect("seconds") - now().seconds();
    assert!((880..=900).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn an_accepted_claim_is_pending_and_held() {
    let world = World::new().await;
    let ada = world.player("ada", 8_000).await;
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    let answer = world.withdraw(&ada.token, &claim).await;
    let id = answer.body["withdrawalId"].as_str().expect("an id");
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.body,
        json!({ "success": true, "pending": true, "withdrawalId": id, "transactionHash": null })
    );
    assert_eq!(world.available(&ada, "XP").await, "3000");

    let record = world.get(&format!("/api/token/withdrawals/{id}"), &ada.token).await.body;
    let names: Vec<&str> =
        record.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut wanted = vec![
        "id",
        "user_id",
        "wallet_address",
        "amount_requested",
        "xp_deducted",
        "xp_balance_before",
        "xp_balance_after",
        "signature",
        "nonce",
        "deadline",
        "transaction_hash",
        "block_number",
        "status",
        "error_message",
        "retry_count",
        "created_at",
        "completed_at",
    ];
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    assert_eq!(
        (&record["amount_requested"], &record["xp_deducted"]),
        (&json!("5000"), &json!("5000"))
    );
    assert_eq!(
        (&record["xp_balance_before"], &record["xp_balance_after"]),
        (&json!("8000"), &json!("3000"))
    );
    assert_eq!((&record["status"], &record["signature"]), (&json!("pending"), &claim["signature"]));
    assert_eq!(world.get("/api/token/withdrawals", &ada.token).await.body["items"][0]["id"], id);
}

#[tokio::test]
async fn who_waits_is_told_at_the_confirmations() {
    let world = World::new().await;
    let ada = world.player("ada", 5_000).await;
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await).to_string();
    let asked = world.call_with(
        "POST",
        "/api/token/withdraw",
        &ada.token,
        Some(claim),
        &[("prefer", "wait=20")],
    );
    let confirm = async {
        let id = loop {
            let list = world.get("/api/token/withdrawals", &ada.token).await.body;
            if let Some(id) = list["items"][0]["id"].as_str() {
                break id.to_owned();
            }
            tokio::task::yield_now().await;
        };
        let lineage = adit_core::LineageId(uuid::Uuid::from_u128(1));
        let sighting = Some(payment());
        world
            .becomes(
                &id,
                State::Processing {
                    lineage,
                    since: now(),
                    sighting,
                    confirmed_at: Some(now()),
                    hash: Some(payment().hash),
                },
            )
            .await;
    };
    let (answer, ()) = tokio::join!(asked, confirm);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let hash = format!("0x{}", "07".repeat(32));
    let wanted = json!({
        "success": true, "transactionHash": hash, "blockNumber": 42, "amountWithdrawn": "5000", "newXPBalance": 0,
        "withdrawalId": answer.body["withdrawalId"], "final": false,
    });
    assert_eq!(answer.body, wanted);
}

#[tokio::test]
async fn a_claim_that_failed_meanwhile_says_so() {
    let world = World::new().await;
    let ada = world.player("ada", 5_000).await;
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await).to_string();
    let key = [("prefer", "wait=0"), ("idempotency-key", "one")];
    let first =
        world.call_with("POST", "/api/token/withdraw", &ada.token, Some(claim.clone()), &key).await;
    let id = first.body["withdrawalId"].as_str().expect("an id");
    world
        .becomes(
            id,
            State::Failed { at: now(), failure: Failure::Reverted, payment: Some(payment()) },
        )
        .await;
    let again = world.call_with("POST", "/api/token/withdraw", &ada.token, Some(claim), &key).await;
    assert_eq!(again.is(), (409, "PAYMENT_REVERTED"));
    assert_eq!((&again.body["success"], &again.body["withdrawalId"]), (&json!(false), &json!(id)));
    let record = world.get(&format!("/api/token/withdrawals/{id}"), &ada.token).await.body;
    assert_eq!(record["status"], "reverted");
}

#[tokio::test]
async fn every_refusal_has_its_code_and_consumes_nothing() {
    let world = World::new().await;
    let ada = world.player("ada", 200_000).await;
    let seconds = u64::try_from(now().seconds()).expect("after 1970");
    let over_balance = world.player("bea", 4_000).await;

    let low = world.claim(&ada, "2999", |_| {}).await;
    let refused = world.withdraw(&ada.token, &as_json(&low)).await;
    assert_eq!(refused.is(), (422, "BELOW_MINIMUM"));
    assert_eq!(
        (&refused.body["minimum"], &refused.body["asked"]),
        (&json!("3000"), &json!("2999"))
    );
    assert_eq!(
        (&refused.body["success"], refused.body["error"].is_string()),
        (&json!(false), true)
    );

    let poor = world.claim(&over_balance, "5000", |_| {}).await;
    let refused = world.withdraw(&over_balance.token, &as_json(&poor)).await;
    assert_eq!(refused.is(), (422, "INSUFFICIENT_BALANCE"));
    assert_eq!(
        (&refused.body["available"], &refused.body["needed"]),
        (&json!("4000"), &json!("5000"))
    );

    let high = world.claim(&ada, "100001", |_| {}).await;
    let refused = world.withdraw(&ada.token, &as_json(&high)).await;
    assert_eq!(refused.is(), (422, "DAILY_LIMIT_EXCEEDED"));
    assert_eq!((&refused.body["left"], &refused.body["max"]), (&json!("100000"), &json!("100000")));

    let expired = world.claim(&ada, "5000", |claim| claim.deadline = seconds - 60).await;
    assert_eq!(
        world.withdraw(&ada.token, &as_json(&expired)).await.is(),
        (422, "SIGNATURE_EXPIRED")
    );
    let far = world.claim(&ada, "5000", |claim| claim.deadline = seconds + 2_000).await;
    assert_eq!(world.withdraw(&ada.token, &as_json(&far)).await.is(), (422, "DEADLINE_TOO_FAR"));
    let ahead = world.claim(&ada, "5000", |claim| claim.nonce = 7).await;
    assert_eq!(world.withdraw(&ada.token, &as_json(&ahead)).await.is(), (409, "NONCE_INVALID"));

    let nonce = world.get("/api/token/withdraw/nonce", &ada.token).await.body["nonce"].clone();
    assert_eq!((nonce, world.available(&ada, "XP").await.as_str()), (json!(0), "200000"));
}

#[tokio::test]
async fn a_limit_that_is_partly_used_says_when_more_will_be() {
    let world = World::new().await;
    let ada = world.player("ada", 200_000).await;
    let first = world.claim(&ada, "60000", |_| {}).await;
    assert_eq!(world.withdraw(&ada.token, &as_json(&first)).await.status, 202);
    let second = world.claim(&ada, "50000", |_| {}).await;
    let refused = world.withdraw(&ada.token, &as_json(&second)).await;
    assert_eq!(refused.is(), (422, "DAILY_LIMIT_EXCEEDED"));
    assert_eq!(refused.body["left"], "40000");
    assert!(
        refused.body["moreAt"].as_str().is_some_and(|at| at.ends_with('Z')),
        "{}",
        refused.text
    );
    let me = world.get("/api/me", &ada.token).await.body;
    let dg = me["limits"]
        .as_array()
        .expect("limits")
        .iter()
        .find(|limit| limit["asset"] == "DG")
        .expect("DG")
        .clone();
    assert_eq!(
        (&dg["windows"][0]["left"], &dg["windows"][0]["window"]),
        (&json!("40000"), &json!("rolling24h"))
    );
    assert_eq!(me["nextNonce"], 1);
}

/// Abuse case 16.
#[tokio::test]
async fn a_replay_names_the_withdrawal() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let bruno = world.player("bruno", 50_000).await;
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    let accepted = world.withdraw(&ada.token, &claim).await;
    let replay = world.withdraw(&ada.token, &claim).await;
    assert_eq!(replay.is(), (409, "NONCE_USED"));
    assert_eq!(replay.body["withdrawalId"], accepted.body["withdrawalId"]);
    assert_eq!(world.withdraw(&bruno.token, &claim).await.is(), (403, "WALLET_NOT_LINKED"));
    assert_eq!(world.available(&ada, "XP").await, "45000");
}

/// Abuse cases 14 and 15.
#[tokio::test]
async fn signatures_are_read_strictly() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let unsigned = adit_devnet::claim::Claim {
        wallet: ada.wallet.address,
        amount: adit_devnet::claim::base_units("5000"),
        nonce: 0,
        deadline: u64::try_from(now().seconds()).expect("after 1970") + 600,
    };
    let spaced = Domain { name: "P2E Inferno DG Withdrawal ".to_owned(), ..domain() };
    for wrong in [Domain::of(1, domain().token), Domain::of(CHAIN_ID, ada.wallet.address), spaced] {
        let claim = as_json(&unsigned.sign(&wrong, &ada.wallet));
        assert_eq!(world.withdraw(&ada.token, &claim).await.is(), (422, "SIGNATURE_INVALID"));
    }
    let good = as_json(&unsigned.sign(&domain(), &ada.wallet));
    let text = good["signature"].as_str().expect("a signature").to_owned();
    let zero_r = format!("0x{}{}", "00".repeat(32), &text[66..]);
    let spoiled = [
        text[..130].to_owned(),
        format!("{text}00"),
        format!("{}1d", &text[..130]),
        zero_r,
        text.trim_start_matches("0x").to_owned(),
        "0x".to_owned(),
        String::new(),
        "0xzz".to_owned(),
        format!("0x{}", "00".repeat(65)),
        format!("0x{}", "ab".repeat(20_000)),
    ];
    for signature in spoiled {
        let mut claim = good.clone();
        claim["signature"] = json!(signature);
        let refused = world.withdraw(&ada.token, &claim).await;
        assert_eq!(
            refused.is(),
            (422, "SIGNATURE_INVALID"),
            "{}",
            &signature[..signature.len().min(80)]
        );
    }
    let mut other_amount = good.clone();
    other_amount["amount"] = json!("5001");
    assert_eq!(world.withdraw(&ada.token, &other_amount).await.is(), (422, "SIGNATURE_INVALID"));
    // v = 0 and 1 are the same signature as 27 and 28, and the claim counts once.
    let last = u8::from_str_radix(&text[130..], 16).expect("hex") - 27;
    let mut normalised = good.clone();
    normalised["signature"] = json!(format!("{}{last:02x}", &text[..130]));
    assert_eq!(world.withdraw(&ada.token, &normalised).await.status, 202);
    assert_eq!(world.withdraw(&ada.token, &good).await.is(), (409, "NONCE_USED"));
}

/// What a wallet signs differently.
type Change<'a> = &'a dyn Fn(&mut adit_devnet::claim::Claim);

/// What was signed cannot be read from a signature. So the refusal says what should have been, all
/// of it, and names the usual mistakes, which it recognises.
#[tokio::test]
async fn a_signature_over_other_fields_says_what_to_sign() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let claim = world.claim(&ada, "5000", |_| {}).await;
    let sent = as_json(&claim);
    let whole = adit_devnet::claim::base_units("5000");
    let unit = adit_devnet::claim::base_units("1");
    let signed = async |change: &dyn Fn(&mut adit_devnet::claim::Claim)| {
        let mut body = sent.clone();
        body["signature"] =
            as_json(&world.claim(&ada, "5000", |claim| change(claim)).await)["signature"].clone();
        let refused = world.withdraw(&ada.token, &body).await;
        assert_eq!(refused.is(), (422, "SIGNATURE_INVALID"), "{}", refused.text);
        refused
    };
    let said = async |change: &dyn Fn(&mut adit_devnet::claim::Claim)| {
        let refused = signed(change).await;
        let said = refused.body["error"].as_str().expect("a sentence").to_owned();
        let fields = [
            format!("user {}", ada.wallet.address.to_checksum(None)),
            format!("amount {whole} (5000 DG in base units)"),
            "nonce 0".to_owned(),
            format!("deadline {}", claim.deadline),
            format!("chainId {CHAIN_ID}"),
            format!("verifyingContract {}", domain().token.to_checksum(None)),
        ];
        for field in fields {
            assert!(said.contains(&field), "{field} is not in {said}");
        }
        let message = &refused.body["message"];
        assert_eq!(
            (&message["amount"], &message["nonce"]),
            (&json!(whole.to_string()), &json!("0")),
            "{message}"
        );
        assert_eq!(refused.body["domain"]["chainId"], CHAIN_ID);
        said
    };
    let recognised: [(Change<'_>, String); 4] = [
        (&|claim| claim.amount /= unit, "signed the amount 5000 (0.000000000000005 DG)".to_owned()),
        (&|claim| claim.nonce = 1, "signed the nonce 1, and the claim's is 0".to_owned()),
        (
            &|claim| claim.deadline *= 1_000,
            format!("signed the deadline {}", claim.deadline * 1_000),
        ),
        (&|claim| claim.deadline /= 1_000, "in seconds and not in milliseconds".to_owned()),
    ];
    for (change, recognised) in recognised {
        let said = said(change).await;
        assert!(said.contains(&recognised), "{recognised} is not in {said}");
    }
    let other = said(&|claim| claim.nonce = 77).await;
    assert!(
        other.contains("another user, amount, nonce, deadline, chain or token")
            && !other.contains("The wallet signed"),
        "{other}"
    );
    assert_eq!(world.withdraw(&ada.token, &sent).await.status, 202, "nothing was used up");
}

/// Requirement D4: the first thing that is wrong is reported.
#[tokio::test]
async fn checks_come_in_their_order() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let wallet = ada.wallet.address.to_checksum(None);
    let all_wrong = json!({ "walletAddress": wallet, "amount": "-1", "signature": "0x00", "nonce": 9, "deadline": 1 });
    world.gate.outsiders.lock().expect("fine").push(wallet.clone());
    assert_eq!(world.withdraw(&ada.token, &all_wrong).await.is(), (422, "INVALID_AMOUNT"));
    let shaped = json!({ "walletAddress": wallet, "amount": "1", "signature": "0x00", "nonce": 9, "deadline": 1 });
    assert_eq!(world.withdraw(&ada.token, &shaped).await.is(), (403, "MEMBERSHIP_REQUIRED"));
    world.gate.outsiders.lock().expect("fine").clear();
    assert_eq!(world.withdraw(&ada.token, &shaped).await.is(), (422, "SIGNATURE_INVALID"));
    let wrong_nonce = world.claim(&ada, "1", |claim| (claim.nonce, claim.deadline) = (9, 1)).await;
    assert_eq!(
        world.withdraw(&ada.token, &as_json(&wrong_nonce)).await.is(),
        (409, "NONCE_INVALID")
    );
    let wrong_deadline = world.claim(&ada, "1", |claim| claim.deadline = 1).await;
    assert_eq!(
        world.withdraw(&ada.token, &as_json(&wrong_deadline)).await.is(),
        (422, "SIGNATURE_EXPIRED")
    );
    let too_small = world.claim(&ada, "1", |_| {}).await;
    assert_eq!(world.withdraw(&ada.token, &as_json(&too_small)).await.is(), (422, "BELOW_MINIMUM"));
    let too_much = world.claim(&ada, "100001", |_| {}).await;
    assert_eq!(
        world.withdraw(&ada.token, &as_json(&too_much)).await.is(),
        (422, "INSUFFICIENT_BALANCE")
    );
}

/// Abuse case 1, for claims: a thousand at once with one nonce.
#[tokio::test(flavor = "multi_thread")]
async fn one_nonce_is_accepted_once() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let claims: Vec<Value> = {
        let mut claims = Vec::new();
        for extra in 0..50_u64 {
            claims.push(as_json(&world.claim(&ada, "3000", |claim| claim.deadline -= extra).await));
        }
        claims
    };
    let answers = futures::future::join_all(
        (0..1_000).map(|number| world.withdraw(&ada.token, &claims[number % 50])),
    )
    .await;
    let accepted = answers.iter().filter(|answer| answer.status == 202).count();
    let used = answers
        .iter()
        .filter(|answer| {
            answer.is() == (409, "NONCE_USED") && answer.body["withdrawalId"].is_string()
        })
        .count();
    assert_eq!((accepted, used), (1, 999));
    assert_eq!(world.available(&ada, "XP").await, "47000");
}

#[tokio::test]
async fn a_cancelled_claim_reads_as_failed() {
    let world = World::new().await;
    let ada = world.player("ada", 50_000).await;
    let claim = as_json(&world.claim(&ada, "5000", |_| {}).await);
    let id = world.withdraw(&ada.token, &claim).await.body["withdrawalId"]
        .as_str()
        .expect("an id")
        .to_owned();
    world
        .becomes(
            &id,
            State::Cancelled { at: now(), by: Actor::Engine, reason: "a test".to_owned() },
        )
        .await;
    let record = world.get(&format!("/api/token/withdrawals/{id}"), &ada.token).await.body;
    assert_eq!((&record["status"], record["error_message"].is_string()), (&json!("failed"), true));
}
