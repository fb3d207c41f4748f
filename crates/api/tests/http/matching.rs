//! A payment that only the signer's journal knew gets its user by a person's word.

use adit_core::*;
use serde_json::{Value, json};

use crate::rules::lane;
use crate::world::{World, now};

const RECIPIENT: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

fn eth(units: u128) -> Amount {
    Amount::new(units * 10u128.pow(18))
}

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a name")
}

/// A withdrawal that the store has never seen, paid by the lane's next nonce.
fn lost_leg(id: WithdrawalId, asset: &str, user: &str, book: &str) -> Leg {
    Leg {
        payout: PayoutId(id.0),
        withdrawal: id,
        user: name(user),
        book: name(book),
        source_asset: name(asset),
        asset: name(asset),
        amount: eth(2),
        destination: name(RECIPIENT),
    }
}

fn lineage(world: &World, leg: &Leg, nonce: u64) -> Lineage {
    let ports = &world.state.engine().ports;
    // What it says to the token is not looked at.
    let fees = EvmFees { max_fee_per_gas: 2_000_000_000, max_priority_fee_per_gas: 1_000_000_000 };
    let draft = EvmDraft {
        chain_id: crate::world::CHAIN_ID,
        nonce,
        to: leg.destination.clone(),
        value: leg.amount,
        input: Bytes::default(),
        gas_limit: 21_000,
        fees,
        pricing: adit_core::EvmPricing::Dynamic,
    };
    let signed = Signed { raw: Bytes(vec![2]), hash: crate::world::payment().hash };
    let attempt = Attempt {
        id: AttemptId(ports.uuid()),
        version: 0,
        purpose: Purpose::Pay,
        draft: Draft::Evm(draft),
        epoch: Epoch(1),
        created_at: now(),
        stage: Stage::Signed { signed, knowledge: Knowledge::Signed },
    };
    Lineage {
        id: LineageId(ports.uuid()),
        lane: lane(),
        anchors: vec![Anchor::Nonce { lane: lane(), nonce }],
        legs: vec![leg.clone()],
        attempts: vec![attempt],
        state: LineageState::Live,
        cancel: None,
        created_at: now(),
    }
}

/// Takes a payment back from the journal, as a lane does; without a context nobody knows whose it
/// is. Then the chain has paid it, finally.
async fn unmatched(world: &World) -> String {
    unmatched_of(world, "ETH").await
}

async fn unmatched_of(world: &World, asset: &str) -> String {
    let id = WithdrawalId(world.state.engine().ports.uuid());
    let leg = lost_leg(id, asset, "unknown", "unknown");
    let row = world.lane().await.expect("leased");
    let lost = vec![Lost { leg: leg.clone(), context: None, requested_at: now() }];
    let lineage = lineage(world, &leg, row.next_nonce);
    let command = Command::AdoptLineage {
        lane: lane(),
        epoch: row.epoch,
        lineage,
        lost,
        rivals: Vec::new(),
        displaced: Vec::new(),
    };
    world.state.engine().submit(Actor::Engine, command).await.expect("adopted");
    id.to_string()
}

async fn paid(world: &World, id: &str) {
    let finding = "nobody knows whose payment it is".to_owned();
    let state = State::HeldForInspection {
        finding,
        payment: crate::world::payment(),
        since: now(),
        pays: true,
    };
    world.becomes(id, state).await;
}

fn path(id: &str) -> String {
    format!("/api/admin/withdrawals/{id}/match")
}

async fn owed(world: &World, player: &crate::world::Player) -> (Value, Value) {
    let me = world.get("/api/me", &player.token).await.body;
    (me["balances"].clone(), me["debts"].clone())
}

#[tokio::test]
async fn f95_a_payment_is_matched_to_its_user_once() {
    let world = World::new().await;
    let (ada, bruno) = (world.player("ada", 0).await, world.player("bruno", 0).await);
    world.credit("ada", "pool", "ETH", "5").await;
    let id = unmatched(&world).await;
    let listed = world.get("/api/admin/unmatched", &world.admin).await.body["items"][0].clone();
    assert_eq!(
        (&listed["withdrawalId"], &listed["amount"], &listed["asset"]),
        (&json!(id), &json!("2"), &json!("ETH")),
        "{listed}"
    );
    assert_eq!(
        (&listed["toAddress"], &listed["matchable"]),
        (&json!(RECIPIENT), &json!(false)),
        "{listed}"
    );
    let body = json!({ "userId": "ada", "note": "the application's own record" });
    assert_eq!(
        world.post(&path(&id), &world.admin, &body).await.is(),
        (409, "NOT_MATCHABLE"),
        "it is not final yet"
    );
    paid(&world, &id).await;
    assert_eq!(
        world.get("/api/admin/unmatched", &world.admin).await.body["items"][0]["matchable"],
        true
    );
    assert_eq!(
        world.post(&path(&id), &world.service().await, &body).await.is(),
        (403, "FORBIDDEN")
    );
    let matched = world.post(&path(&id), &world.admin, &body).await;
    assert_eq!(matched.status, 200, "{}", matched.text);
    assert_eq!(
        (&matched.body["userId"], &matched.body["status"]),
        (&json!("ada"), &json!("completed")),
        "{}",
        matched.text
    );
    let again = world.post(&path(&id), &world.admin, &body).await;
    assert_eq!(
        (again.status.as_u16(), &again.body),
        (200, &matched.body),
        "asked again, it answers the same"
    );
    let other = json!({ "userId": "bruno", "book": "pool", "note": "a mistake" });
    assert_eq!(
        world.post(&path(&id), &world.admin, &other).await.is(),
        (409, "NOT_MATCHABLE"),
        "one payment is never given to two"
    );
    let (balances, debts) = owed(&world, &ada).await;
    assert_eq!((&balances[0]["owed"], &debts), (&json!("3"), &json!([])), "{balances}");
    assert_eq!(owed(&world, &bruno).await.1, json!([]));
    assert_eq!(world.get("/api/admin/unmatched", &world.admin).await.body["items"], json!([]));
    assert_eq!(
        world.get(&format!("/api/withdrawals/{id}"), &ada.token).await.status,
        200,
        "it is theirs now"
    );
}

#[tokio::test]
async fn f95_what_a_matched_user_does_not_have_is_a_debt_until_credits_come() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    world.credit("ada", "pool", "ETH", "1").await;
    let id = unmatched(&world).await;
    paid(&world, &id).await;
    let matched =
        world.post(&path(&id), &world.admin, &json!({ "userId": "ada", "note": "a drill" })).await;
    assert_eq!(matched.status, 200, "{}", matched.text);
    let (balances, debts) = owed(&world, &ada).await;
    assert_eq!(
        (&balances[0]["owed"], &debts),
        (&json!("0"), &json!([{ "book": "pool", "asset": "ETH", "amount": "1" }])),
        "{balances}"
    );
    let by_service = world.get("/api/me?userId=ada", &world.admin).await.body["debts"].clone();
    assert_eq!(by_service, debts, "an operator sees it too");
    world.credit("ada", "pool", "ETH", "3").await;
    let (balances, debts) = owed(&world, &ada).await;
    assert_eq!(
        (&balances[0]["owed"], &debts),
        (&json!("2"), &json!([])),
        "a debt that is paid off is not shown: {balances}"
    );
}

#[tokio::test]
async fn a_match_says_which_books_there_are() {
    let world = World::new().await;
    world.player("ada", 10).await;
    let id = unmatched(&world).await;
    paid(&world, &id).await;
    let body = json!({ "userId": "ada", "note": "a drill" });
    let none = world.post(&path(&id), &world.admin, &body).await;
    assert_eq!(
        (none.is(), &none.body["field"], &none.body["books"]),
        ((422, "INVALID_BODY"), &json!("book"), &json!([])),
        "{}",
        none.text
    );
    world.credit("ada", "pool", "ETH", "1").await;
    world.credit("ada", "bonus", "ETH", "1").await;
    let two = world.post(&path(&id), &world.admin, &body).await;
    assert_eq!(
        (two.is(), &two.body["books"]),
        ((422, "INVALID_BODY"), &json!(["bonus", "pool"])),
        "{}",
        two.text
    );
    let slip = json!({ "userId": "ada", "book": "boni", "note": "a slip" });
    let slip = world.post(&path(&id), &world.admin, &slip).await;
    assert_eq!(
        (slip.is(), &slip.body["field"], &slip.body["books"]),
        ((422, "INVALID_BODY"), &json!("book"), &json!(["bonus", "pool"])),
        "a debt in a book that they do not have is looked at by nobody: {}",
        slip.text
    );
    let named = json!({ "userId": "ada", "book": "bonus", "note": "a drill" });
    assert_eq!(world.post(&path(&id), &world.admin, &named).await.status, 200);
}

#[tokio::test]
async fn a_match_names_one_user_or_one_withdrawal_and_says_why() {
    let world = World::new().await;
    world.player("ada", 0).await;
    let id = unmatched(&world).await;
    paid(&world, &id).await;
    let refused = async |body: Value| world.post(&path(&id), &world.admin, &body).await;
    for (body, field) in [
        (json!({ "note": "whose?" }), "userId"),
        (json!({ "userId": "ada", "withdrawalId": id, "note": "both" }), "withdrawalId"),
        (json!({ "withdrawalId": id, "book": "pool", "note": "a book" }), "book"),
        (json!({ "withdrawalId": id, "deducted": "1", "note": "a charge" }), "deducted"),
        (json!({ "withdrawalId": "seven", "note": "no id" }), "withdrawalId"),
        (json!({ "userId": "ada", "book": "pool", "note": "  " }), "note"),
    ] {
        let answer = refused(body.clone()).await;
        assert_eq!(
            (answer.is(), &answer.body["field"]),
            ((422, "INVALID_BODY"), &json!(field)),
            "{body}: {}",
            answer.text
        );
    }
    assert_eq!(
        refused(json!({ "userId": "nobody", "note": "a slip" })).await.is(),
        (404, "USER_UNKNOWN")
    );
    let nowhere = "01890a5d-ac96-774b-bcce-b302099a8057";
    assert_eq!(
        refused(json!({ "withdrawalId": nowhere, "note": "a slip" })).await.is(),
        (404, "WITHDRAWAL_NOT_FOUND")
    );
    let body = json!({ "userId": "ada", "book": "pool", "note": "a slip" });
    assert_eq!(
        world.post(&path(nowhere), &world.admin, &body).await.is(),
        (404, "WITHDRAWAL_NOT_FOUND")
    );
}

/// F95: DG is paid for claims, too. What was taken is said, never guessed: points that are not
/// taken could be claimed once more.
#[tokio::test]
async fn f95_a_match_of_what_claims_pay_says_what_was_taken() {
    let world = World::new().await;
    let ada = world.player("ada", 10_000).await;
    let id = unmatched_of(&world, "DG").await;
    paid(&world, &id).await;
    let refused = async |more: Value| {
        let mut body = json!({ "userId": "ada", "note": "a drill" });
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        let answer = world.post(&path(&id), &world.admin, &body).await;
        (answer.status.as_u16(), answer.body["code"].clone(), answer.body["field"].clone())
    };
    let misfit = |code: &str, field: &str| (422, json!(code), json!(field));
    assert_eq!(refused(json!({})).await, misfit("INVALID_BODY", "sourceAsset"));
    assert_eq!(refused(json!({ "sourceAsset": "XP" })).await, misfit("INVALID_BODY", "deducted"));
    assert_eq!(
        refused(json!({ "sourceAsset": "XP", "deducted": "0" })).await,
        misfit("INVALID_AMOUNT", "deducted")
    );
    assert_eq!(
        refused(json!({ "sourceAsset": "XP", "deducted": 3 })).await,
        misfit("INVALID_AMOUNT", "deducted")
    );
    assert_eq!(refused(json!({ "sourceAsset": "GOLD", "deducted": "3" })).await.1, "ASSET_UNKNOWN");
    assert_eq!(
        refused(json!({ "sourceAsset": "ETH", "deducted": "3", "book": "pool" })).await.1,
        "NOT_MATCHABLE"
    );
    let body = json!({ "userId": "ada", "sourceAsset": "XP", "deducted": "3000", "note": "the claim of Monday" });
    let matched = world.post(&path(&id), &world.admin, &body).await;
    assert_eq!(
        (matched.status.as_u16(), &matched.body["pool"]),
        (200, &json!("xp")),
        "{}",
        matched.text
    );
    assert_eq!(
        world.post(&path(&id), &world.admin, &body).await.body,
        matched.body,
        "asked again, it answers the same"
    );
    let (balances, debts) = owed(&world, &ada).await;
    let points = balances
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["asset"] == "XP")
        .expect("they have points")
        .clone();
    assert_eq!((&points["owed"], &debts), (&json!("7000"), &json!([])), "{balances}");
}

/// A withdrawal that is waiting and was never signed has no payment that could be somebody else's.
#[tokio::test]
async fn a_withdrawal_of_a_user_is_no_payment_to_be_matched() {
    let world = World::new().await;
    let ada = world.player("ada", 0).await;
    world.credit("ada", "pool", "ETH", "5").await;
    let body = json!({ "asset": "ETH", "amount": "2", "destination": RECIPIENT, "book": "pool" });
    let asked = world.post("/api/withdrawals", &ada.token, &body).await;
    assert_eq!(asked.status, 201, "{}", asked.text);
    let own = asked.body["id"].as_str().expect("an id");
    let matched =
        world.post(&path(own), &world.admin, &json!({ "userId": "ada", "note": "a slip" })).await;
    assert_eq!(matched.is(), (409, "NOT_MATCHABLE"), "{}", matched.text);
    let id = unmatched(&world).await;
    paid(&world, &id).await;
    let waiting = world
        .post(&path(&id), &world.admin, &json!({ "withdrawalId": own, "note": "it is pending" }))
        .await;
    assert_eq!(
        waiting.is(),
        (409, "NOT_MATCHABLE"),
        "only one that is held for inspection: {}",
        waiting.text
    );
}

/// F91: what only blocks know is listed, whoever asks for the same waits, and a person's word ends
/// that.
#[tokio::test]
async fn f91_a_stray_is_listed_until_a_person_explains_it() {
    let world = World::new().await;
    let row = world.lane().await.expect("leased");
    let payment = crate::world::payment();
    let hash = payment.hash.to_string();
    let stray = Stray {
        lane: lane(),
        payment,
        output: 0,
        asset: name("ETH"),
        destination: name(RECIPIENT),
        amount: eth(2),
        explained: false,
    };
    let owner = row.lease.as_ref().expect("leased").owner;
    let command =
        Command::NoteStrays { lane: lane(), owner, epoch: row.epoch, strays: vec![stray] };
    world.state.engine().submit(Actor::Engine, command).await.expect("kept");
    let listed = world.get("/api/admin/unmatched", &world.admin).await.body;
    let known = &listed["strays"][0];
    assert_eq!(
        (&known["txHash"], &known["amount"], &known["explained"]),
        (&json!(hash), &json!("2"), &json!(false)),
        "{listed}"
    );
    assert!(known["nextStep"].as_str().is_some_and(|next| next.contains(&hash)), "{known}");
    let path = format!("/api/admin/strays/{hash}/explain");
    assert_eq!(
        world.post(&path, &world.service().await, &json!({ "note": "ours" })).await.is(),
        (403, "FORBIDDEN")
    );
    assert_eq!(
        world.post(&path, &world.admin, &json!({ "note": " " })).await.is(),
        (422, "INVALID_BODY")
    );
    for unknown in ["0x12".to_owned(), format!("0x{}", "77".repeat(32))] {
        let path = format!("/api/admin/strays/{unknown}/explain");
        let refused = world.post(&path, &world.admin, &json!({ "note": "ours" })).await;
        assert_eq!(refused.is(), (404, "STRAY_NOT_FOUND"), "{}", refused.text);
    }
    for _ in 0..2 {
        let explained =
            world.post(&path, &world.admin, &json!({ "note": "a hand-made transfer" })).await;
        assert_eq!(explained.status, 200, "{}", explained.text);
        assert_eq!(explained.body[0]["explained"], true);
    }
}
