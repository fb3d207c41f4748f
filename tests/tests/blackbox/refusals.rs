//! What is wrong with a claim is named, with what the player needs to know; and a refusal consumes
//! nothing.

use adit_devnet::player::Wallet;
use adit_tests::people::{Person, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::Result;
use serde_json::{Value, json};

/// Balance and nonce of somebody, before something is refused.
struct Before {
    points: String,
    nonce: u64,
}

impl Before {
    async fn of(person: &Person) -> Result<Self> {
        Ok(Self {
            points: person.api.points_available().await?,
            nonce: person.api.next_nonce().await?.nonce,
        })
    }

    async fn still_holds(&self, person: &Person) -> Result<()> {
        let now = Self::of(person).await?;
        assert_eq!(
            (now.points, now.nonce),
            (self.points.clone(), self.nonce),
            "a refusal consumes nothing"
        );
        Ok(())
    }
}

#[tokio::test]
async fn a_refused_claim_says_why_and_consumes_nothing() -> Result<()> {
    let system = System::start("refusals", Settings::sqlite()).await?;
    asking_for_a_nonce_changes_nothing(&system.person(0)?).await?;
    amounts(&system.person(0)?).await?;
    deadlines_and_nonces(&system.person(1)?).await?;
    wallets(&system).await?;
    the_first_fault_is_reported(&system).await?;
    assert!(system.sent_by_hot_wallet().await?.is_empty(), "nothing was paid");
    system.stop().await
}

async fn asking_for_a_nonce_changes_nothing(person: &Person) -> Result<()> {
    let path = "/api/token/withdraw/nonce";
    let first = person.api.get(path).await?.expect_success("asking for a nonce")?;
    assert_eq!(first["primaryType"], "Withdrawal");
    assert_eq!(first["domain"]["name"], "P2E Inferno DG Withdrawal");
    assert_eq!(first["domain"]["verifyingContract"], person.domain.token.to_string());
    let kinds: Vec<&Value> = first["types"]["Withdrawal"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| &field["name"])
        .collect();
    assert_eq!(kinds, ["user", "amount", "nonce", "deadline"]);
    let again = person.api.get(path).await?.expect_success("asking again")?;
    assert_eq!(first["nonce"], again["nonce"]);
    Ok(())
}

async fn amounts(person: &Person) -> Result<()> {
    let before = Before::of(person).await?;
    let low = refused(&person.claim("2999.999999999999999999", 0).await?, "BELOW_MINIMUM")?;
    assert_eq!((&low["minimum"], &low["success"]), (&json!("3000"), &json!(false)));
    let poor = refused(&person.claim("200001", 0).await?, "INSUFFICIENT_BALANCE")?;
    assert_eq!(poor["available"], "200000", "{poor}");
    let much =
        refused(&person.claim("100000.000000000000000001", 0).await?, "DAILY_LIMIT_EXCEEDED")?;
    assert_eq!((&much["left"], &much["max"]), (&json!("100000"), &json!("100000")));
    before.still_holds(person).await
}

async fn deadlines_and_nonces(person: &Person) -> Result<()> {
    let before = Before::of(person).await?;
    let mut expired = person.draft("3000").await?;
    expired.deadline -= 900 + 60;
    let signed = expired.sign(&person.domain, &person.player.wallet);
    refused(&person.api.claim(&signed, 0).await?, "SIGNATURE_EXPIRED")?;

    let mut far = person.draft("3000").await?;
    far.deadline += 100;
    let signed = far.sign(&person.domain, &person.player.wallet);
    let answer = refused(&person.api.claim(&signed, 0).await?, "DEADLINE_TOO_FAR")?;
    assert!(answer["latest"].is_i64(), "{answer}");

    let mut ahead = person.draft("3000").await?;
    ahead.nonce += 1;
    let signed = ahead.sign(&person.domain, &person.player.wallet);
    let answer = refused(&person.api.claim(&signed, 0).await?, "NONCE_INVALID")?;
    assert_eq!(answer["expected"], before.nonce);
    before.still_holds(person).await
}

async fn wallets(system: &System) -> Result<()> {
    let (chen, emil) = (system.person(2)?, system.person(4)?);
    let (before_chen, before_emil) = (Before::of(&chen).await?, Before::of(&emil).await?);
    let answer = emil.claim("3000", 0).await?;
    refused(&answer, "MEMBERSHIP_REQUIRED")?;
    assert_eq!(answer.status.as_u16(), 403);

    let stranger = Wallet::named("nobody's wallet");
    system.devnet.stage.lock.grant(&system.devnet.deployer(), &[stranger.address]).await?;
    let mut claim = chen.draft("3000").await?;
    claim.wallet = stranger.address;
    let signed = claim.sign(&chen.domain, &stranger);
    refused(&chen.api.claim(&signed, 0).await?, "WALLET_NOT_LINKED")?;

    system.admin()?.link_wallet(&chen.player.id, &stranger.address.to_string()).await?;
    let cooling = refused(&chen.api.claim(&signed, 0).await?, "WALLET_COOLING")?;
    assert!(cooling["usableAt"].is_string(), "{cooling}");
    let taken = json!({ "address": stranger.address.to_string() });
    let answer = system
        .admin()?
        .post(&format!("/api/admin/users/{}/wallets", emil.player.id), &taken)
        .await?;
    refused(&answer, "WALLET_TAKEN")?;
    before_chen.still_holds(&chen).await?;
    before_emil.still_holds(&emil).await
}

/// Shape, membership, signature, nonce, deadline, minimum, balance, limits: each fault hides those
/// after it.
async fn the_first_fault_is_reported(system: &System) -> Result<()> {
    let (dara, emil) = (system.person(3)?, system.person(4)?);
    let before = Before::of(&dara).await?;
    let good = dara.draft("3000").await?;
    let by = |nonce: u64, deadline: u64, amount: &str, wallet: &Wallet| {
        let mut claim = good.clone();
        (claim.nonce, claim.deadline, claim.amount) =
            (nonce, deadline, adit_devnet::claim::base_units(amount));
        claim.sign(&dara.domain, wallet)
    };
    let own = &dara.player.wallet;
    let (nonce, deadline) = (good.nonce, good.deadline);
    let cases = [
        (by(nonce + 1, 1, "1", &emil.player.wallet), "SIGNATURE_INVALID"),
        (by(nonce + 1, 1, "1", own), "NONCE_INVALID"),
        (by(nonce, 1, "1", own), "SIGNATURE_EXPIRED"),
        (by(nonce, deadline, "1", own), "BELOW_MINIMUM"),
        (by(nonce, deadline, "200001", own), "INSUFFICIENT_BALANCE"),
        (by(nonce, deadline, "100001", own), "DAILY_LIMIT_EXCEEDED"),
    ];
    for (signed, code) in cases {
        refused(&dara.api.claim(&signed, 0).await?, code)?;
    }
    let mut forged = emil.draft("1").await?;
    forged.nonce += 1;
    refused(&emil.api.claim(&forged.sign(&emil.domain, own), 0).await?, "MEMBERSHIP_REQUIRED")?;
    before.still_holds(&dara).await
}

#[tokio::test]
async fn a_claim_counts_once_whoever_repeats_it() -> Result<()> {
    let system = System::start("replays", Settings::sqlite()).await?;
    let (ada, bruno) = (system.person(0)?, system.person(1)?);
    let signed = ada.sign("3000").await?;
    let id = adit_tests::people::id_of(ada.api.claim(&signed, 0).await?, "withdrawalId")?;
    let again = refused(&ada.api.claim(&signed, 0).await?, "NONCE_USED")?;
    assert_eq!(again["withdrawalId"], id.as_str());
    refused(&bruno.api.claim(&signed, 0).await?, "WALLET_NOT_LINKED")?;

    system.until_over(&ada, &id).await?;
    let late = refused(&ada.api.claim(&signed, 0).await?, "NONCE_USED")?;
    assert_eq!(late["withdrawalId"], id.as_str());
    assert_eq!(system.token_payments(system.devnet.stage.token, ada.address()).await?.len(), 1);
    assert_eq!(ada.api.points_available().await?, "197000");
    system.stop().await
}

#[tokio::test]
async fn the_daily_limit_counts_what_was_accepted_and_says_what_is_left() -> Result<()> {
    let system = System::start("limits", Settings::sqlite()).await?;
    let ada = system.person(0)?;
    let first = ada.claimed("60000").await?;
    let over = refused(&ada.claim("40000.5", 0).await?, "DAILY_LIMIT_EXCEEDED")?;
    assert_eq!(
        (&over["left"], &over["used"], &over["max"]),
        (&json!("40000"), &json!("60000"), &json!("100000"))
    );
    assert!(over["moreAt"].is_string(), "when there will be more: {over}");
    let second = ada.claimed("40000").await?;
    let none = refused(&ada.claim("3000", 0).await?, "DAILY_LIMIT_EXCEEDED")?;
    assert_eq!(none["left"], "0");
    for id in [first, second] {
        assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    }
    assert_eq!(system.token_payments(system.devnet.stage.token, ada.address()).await?.len(), 2);
    system.stop().await
}
