//! *Why*, records and lists for three readers: a user, the application that speaks for its users,
//! and those who run the instance (abuse case +31).

use adit_core::*;
use adit_store::Store as _;
use serde_json::{Value, json};

use crate::world::{Player, World, now, payment};

/// What a node said, where it is, and what somebody said of another payee.
const SECRETS: [&str; 3] =
    ["https://rpc.example.org/v3/KEY", "raw words of a node", "the other payee has left"];

async fn asked(world: &World) -> (Player, String, Withdrawal) {
    let ada = world.player("ada", 0).await;
    world.credit("ada", "main", "ETH", "10").await;
    let ask = json!({ "asset": "ETH", "amount": "0.5", "destination": ada.wallet.address.to_checksum(None), "book": "main" });
    let made = world.post("/api/withdrawals", &ada.token, &ask).await;
    let id = made.body["id"].as_str().expect("an id").to_owned();
    let found =
        world.store.withdrawal(id.parse().expect("an id")).await.expect("a read").expect("there");
    (ada, id, found)
}

fn has_secret(text: &str) -> bool {
    SECRETS.iter().any(|secret| text.contains(secret))
}

/// Every state whose text comes from elsewhere, through every door that shows it.
#[tokio::test]
async fn p31_what_nodes_and_people_said_is_for_those_who_run_the_instance() {
    let world = World::new().await;
    let (ada, id, _) = asked(&world).await;
    let service = world.service().await;
    let (at, said) = (now(), SECRETS.join(" "));
    let until = at.plus(Span::from_hours(1));
    let deferred = Some(Deferral {
        reason: said.clone(),
        tries: 1,
        until,
        cause: DeferralCause::Unclear,
        looks: 0,
        since: None,
    });
    let states = [
        State::Approved { by: Actor::Engine, at, deferred, after: None },
        State::HeldForInspection {
            since: at,
            finding: said.clone(),
            payment: payment(),
            pays: false,
        },
        State::Failed { at, failure: Failure::Precheck { reason: said.clone() }, payment: None },
        State::Failed {
            at,
            failure: Failure::Inspected { finding: said.clone(), note: said.clone() },
            payment: None,
        },
    ];
    for state in states {
        world.becomes(&id, state.clone()).await;
        for path in [
            format!("/api/withdrawals/{id}"),
            format!("/api/withdrawals/{id}/why"),
            "/api/withdrawals".to_owned(),
        ] {
            for token in [&ada.token, &service] {
                let shown = world.get(&path, token).await;
                assert!(shown.status == 200 && !has_secret(&shown.text), "{path}: {}", shown.text);
            }
        }
        let record = world.get(&format!("/api/withdrawals/{id}"), &world.admin).await;
        assert!(has_secret(&record.text), "those who run it see all of {state:?}: {}", record.text);
    }
}

/// A batch of two; the other one's cancel, its reason, and what an endpoint said are nobody else's.
#[tokio::test]
async fn p31_a_user_sees_nothing_of_the_other_payees() {
    let world = World::new().await;
    let (ada, id, own) = asked(&world).await;
    let other = Leg {
        payout: PayoutId(uuid::Uuid::from_u128(8)),
        withdrawal: WithdrawalId(uuid::Uuid::from_u128(8)),
        ..own.leg()
    };
    let (lane, attempt, signed) =
        (crate::rules::lane(), AttemptId(uuid::Uuid::from_u128(9)), Hash32([0x77; 32]));
    let to = own.destination.clone();
    let fees = EvmFees { max_fee_per_gas: 2, max_priority_fee_per_gas: 1 };
    let draft = EvmDraft {
        chain_id: 1,
        nonce: 3,
        to,
        value: own.amount,
        input: Bytes::default(),
        gas_limit: 21_000,
        fees,
        pricing: EvmPricing::default(),
    };
    let lineage = Lineage {
        id: LineageId(uuid::Uuid::from_u128(7)),
        anchors: vec![Anchor::Nonce { lane: lane.clone(), nonce: 3 }],
        lane,
        legs: vec![own.leg(), other.clone()],
        attempts: vec![Attempt {
            id: attempt,
            version: 0,
            purpose: Purpose::Pay,
            draft: Draft::Evm(draft),
            epoch: Epoch(1),
            created_at: now(),
            stage: Stage::Signed {
                signed: Signed { raw: Bytes(vec![1]), hash: signed },
                knowledge: Knowledge::MaybeSent { sends: 1, last_at: now() },
            },
        }],
        state: LineageState::Live,
        cancel: Some(CancelWish {
            by: Actor::Engine,
            reason: SECRETS[2].to_owned(),
            withdrawals: vec![other.withdrawal],
            doubted: false,
        }),
        created_at: now(),
    };
    let submission = Submission {
        endpoint: "rpc.example.org".parse().expect("an endpoint"),
        answer: SubmissionAnswer::Refused { text: SECRETS[1].to_owned() },
    };
    let observed = ObservationRecord { attempt, at: now(), said: Said::Submission { submission } };
    let keys =
        Keys { withdrawals: [own.id].into(), lineages: [lineage.id].into(), ..Keys::default() };
    let mut group = world.store.load(&keys, now()).await.expect("loads");
    let mut view = group.take_view();
    let state = State::Processing {
        lineage: lineage.id,
        since: now(),
        hash: Some(signed),
        sighting: None,
        confirmed_at: None,
    };
    let processing = Withdrawal { state, ..own };
    view.apply(vec![
        Change::Withdrawal(processing),
        Change::Lineage(lineage),
        Change::Observation(observed),
    ]);
    group.commit(GroupId(uuid::Uuid::from_u128(5)), view.into_batch()).await.expect("commits");

    let path = format!("/api/withdrawals/{id}/why");
    let service = world.service().await;
    for token in [&ada.token, &service] {
        let shown = world.get(&path, token).await;
        let leaks = has_secret(&shown.text)
            || shown.text.contains("rpc.example.org")
            || shown.text.contains(&other.withdrawal.to_string());
        assert!(shown.status == 200 && !leaks, "{}", shown.text);
        assert_eq!(
            shown.body["effects"][0]["txHash"],
            signed.to_string(),
            "what pays them is theirs: {}",
            shown.text
        );
        assert_eq!(shown.body["lineages"], json!([]));
    }
    let operators = world.get(&path, &world.admin).await.body;
    let shown: &Value = &operators["lineages"][0];
    assert_eq!(shown["cancelWished"], SECRETS[2]);
    assert_eq!(shown["attempts"][0]["observations"][0]["text"], SECRETS[1]);
}
