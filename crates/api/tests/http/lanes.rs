//! What operators see of the lanes and of the store.

use adit_core::*;
use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_lane_shows_epoch_counter_and_whether_the_journal_was_read() {
    let world = World::new().await;
    let seen = world.get("/api/admin/lanes", &world.admin).await.body;
    let lane = &seen["items"][0];
    let row = world.lane().await.expect("leased");
    assert_eq!(
        (&lane["epoch"], &lane["journalRead"], &lane["doubt"]),
        (&json!(row.epoch.0), &json!(true), &Value::Null),
        "{lane}"
    );
    assert!(lane["counter"].is_u64() && lane["state"] == "reconciling", "{lane}");
    let store = &seen["store"];
    assert!(store["incarnation"].is_string() && store["since"].is_string(), "{store}");
    assert_eq!(
        (&store["finding"], &store["unread"], &store["superseded"]),
        (&Value::Null, &json!([]), &json!(false)),
        "{store}"
    );
}

#[tokio::test]
async fn a_finding_is_told_with_its_proof() {
    let world = World::without_signer().await;
    let because = WentBack::Declared { what: "copy.db".to_owned() };
    let next = IncarnationId(world.state.engine().ports.uuid());
    let command = Command::FindWentBack { because, next, take_over: true };
    world.state.engine().submit(Actor::Engine, command).await.expect("found");
    let store = world.get("/api/admin/lanes", &world.admin).await.body["store"].clone();
    let finding = &store["finding"];
    assert_eq!(
        (&finding["reason"], &finding["takeOver"]),
        (&json!("declared"), &json!(true)),
        "{store}"
    );
    assert_eq!(finding["next"], json!(next.to_string()));
    assert!(
        finding["because"].as_str().is_some_and(|because| because.contains("copy.db")),
        "{store}"
    );
    let refused = {
        let ada = world.player("ada", 5_000).await;
        let claim = crate::world::as_json(&world.claim(&ada, "3000", |_| {}).await);
        world.withdraw(&ada.token, &claim).await
    };
    assert!(
        [202, 503].contains(&refused.status.as_u16()),
        "held or refused, and never a defect: {}",
        refused.text
    );
}

#[tokio::test]
async fn a_lane_that_has_not_read_the_journal_says_what_to_wait_for() {
    let world = World::without_signer().await;
    let explained = world.get("/api/admin/unmatched", &world.admin).await;
    assert_eq!(explained.status, 200, "{}", explained.text);
    let lane = &explained.body["lanes"][0];
    assert_eq!((&lane["journalRead"], &lane["unplaced"]), (&json!(false), &Value::Null), "{lane}");
    assert!(lane["nextStep"].as_str().is_some_and(|step| step.starts_with("Wait")), "{lane}");
    assert_eq!(explained.body["items"], json!([]));
}

#[tokio::test]
async fn a_journal_that_is_ahead_is_explained() {
    let world = World::new().await;
    let detail = "lineage 7 at number 3 cannot be placed (BAD_ATTEMPT)".to_owned();
    let command = Command::HaltLane {
        lane: crate::rules::lane(),
        reason: HaltReason::JournalAhead { detail: detail.clone() },
    };
    world.state.engine().submit(Actor::Engine, command).await.expect("halted");
    let lane = world.get("/api/admin/unmatched", &world.admin).await.body["lanes"][0].clone();
    assert_eq!((&lane["state"], &lane["unplaced"]), (&json!("halted"), &json!(detail)), "{lane}");
    assert!(lane["nextStep"].as_str().is_some_and(|step| step.contains("adit restore")), "{lane}");
    let seen = world.get("/api/admin/lanes", &world.admin).await.body["items"][0].clone();
    assert_eq!(seen["halted"]["reason"], "journal_ahead", "{seen}");
}
