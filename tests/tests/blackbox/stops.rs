//! The emergency stop, and what a person has to approve.

use adit_devnet::primitives::Address;
use adit_tests::people::{endow, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use anyhow::Result;
use serde_json::json;

const FRIEND: Address = Address::repeat_byte(0xc3);
const STOPS: &str = "/api/admin/suspensions";

#[tokio::test]
async fn a_stop_holds_its_scope_and_nothing_else() -> Result<()> {
    let system = System::start("stops", Settings::sqlite()).await?;
    let (ada, bruno, admin) = (system.person(0)?, system.person(1)?, system.admin()?);
    for person in [&ada, &bruno] {
        endow(&admin, &person.player.id, &person.player.id, "ETH", "1").await?;
    }
    let scopes = [
        (json!({ "scope": "all", "reason": "drill" }), "scope=all", true, true),
        (json!({ "scope": "asset", "asset": "ETH" }), "scope=asset&asset=ETH", true, true),
        (json!({ "scope": "user", "userId": "ada" }), "scope=user&userId=ada", true, false),
    ];
    for (scope, query, stops_ada, stops_bruno) in scopes {
        admin.post(STOPS, &scope).await?.expect_success("suspending")?;
        admin.post(STOPS, &scope).await?.expect_success("suspending twice changes nothing")?;
        for (person, stopped) in [(&ada, stops_ada), (&bruno, stops_bruno)] {
            let answer = person.withdraw("ETH", "0.1", FRIEND).await?;
            assert_eq!(
                answer.code() == "SUSPENDED",
                stopped,
                "{scope} {}: {}",
                person.player.id,
                answer.body
            );
        }
        admin.delete(&format!("{STOPS}?{query}")).await?.expect_success("resuming")?;
        ada.withdraw("ETH", "0.1", FRIEND).await?.expect_success("it is possible again")?;
    }
    refused(&admin.post(STOPS, &json!({ "scope": "planet" })).await?, "INVALID_BODY")?;
    system.stop().await
}

/// What is accepted before a stop and not reserved yet waits for its end.
#[tokio::test]
async fn a_pending_payment_waits_for_approval_or_is_taken_back_by_its_owner() -> Result<()> {
    let system =
        System::start("approvals", Settings::sqlite().policy("approve_above", "10000")).await?;
    let (ada, admin) = (system.person(0)?, system.admin()?);
    let small = ada.claimed("10000").await?;
    let large = ada.claimed("10001").await?;
    let unwanted = ada.claimed("20000").await?;
    assert_eq!(ada.withdrawal(&large).await?["status"], "pending");
    assert_eq!(ada.why(&large).await?["code"], "AWAITS_APPROVAL");

    let cancelled = ada
        .api
        .post(&format!("/api/withdrawals/{unwanted}/cancel"), &json!({}))
        .await?
        .expect_success("cancelling")?;
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(ada.api.points_available().await?, "179999", "given back");
    admin
        .post(STOPS, &json!({ "scope": "user", "userId": "ada" }))
        .await?
        .expect_success("suspending")?;
    admin
        .post(&format!("/api/admin/withdrawals/{large}/approve"), &json!({}))
        .await?
        .expect_success("approving")?;
    assert_eq!(ada.why(&large).await?["code"], "SUSPENDED");
    admin.delete(&format!("{STOPS}?scope=user&userId=ada")).await?.expect_success("resuming")?;
    for id in [&small, &large] {
        assert_eq!(system.until_over(&ada, id).await?["status"], "completed");
    }
    assert_eq!(system.claims_paid(&[ada.address()]).await?, Histogram::of([2]));
    system.stop().await
}

/// Under another name nobody would watch what is under way (case F108).
#[tokio::test]
async fn f108_a_chain_is_not_renamed_while_it_has_payments() -> Result<()> {
    let mut system = System::start("renamed", Settings::sqlite()).await?;
    let ada = system.person(0)?;
    system.stop_mining().await?;
    let claimed = ada.claimed("3000").await?;
    system.until_pooled(1).await?;
    system.devnet.server(0).stop().await?;
    let blueprint = system.devnet.server(0).blueprint();
    let (file, log) = (blueprint.config.clone(), blueprint.log.clone());
    let configured = std::fs::read_to_string(&file)?;
    let renamed = configured
        .replace("[chains.devnet]", "[chains.renamed]")
        .replace("\"devnet\"", "\"renamed\"");
    std::fs::write(&file, renamed)?;
    let refused = system.devnet.server(0).start_again().await.expect_err("it does not start");
    let said = format!("{refused:?}{}", std::fs::read_to_string(&log)?);
    assert!(
        said.contains("chain devnet has 1 payments under way")
            && said.contains("chain renamed is the same chain"),
        "{said}"
    );
    std::fs::write(&file, configured)?;
    system.resume_mining().await?;
    system.devnet.server(0).start_again().await?;
    assert_eq!(system.until_over(&ada, &claimed).await?["status"], "completed");
    system.stop().await
}
