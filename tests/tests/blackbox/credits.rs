//! Credits: one, many, as CSV and as JSON lines; each id once, for ever.

use adit_devnet::api::Answer;
use adit_tests::people::{PURSE, Person, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::Result;
use serde_json::json;

const CREDITS: &str = "/api/admin/credits";

#[tokio::test]
async fn a_credit_is_booked_once_however_it_comes() -> Result<()> {
    let system = System::start("credits", Settings::sqlite()).await?;
    let (ada, admin) = (system.person(0)?, system.admin()?);
    let one =
        json!({ "id": "c-1", "userId": "ada", "book": PURSE, "asset": "ETH", "amount": "1.5" });
    admin.post(CREDITS, &one).await?.expect_success("crediting")?;
    let again = admin.post(CREDITS, &one).await?.expect_success("crediting again")?;
    assert_eq!(again["status"], "unchanged");
    let mut other = one.clone();
    other["amount"] = json!("2");
    refused(&admin.post(CREDITS, &other).await?, "CREDIT_MISMATCH")?;
    assert_eq!(ada.available("ETH").await?, "1.5");

    let many = json!({ "credits": [one, { "id": "c-2", "userId": "ada", "book": PURSE, "asset": "ETH", "amount": "1" },
        { "id": "c-3", "userId": "nobody-here", "book": PURSE, "asset": "ETH", "amount": "1" }] });
    let answer = admin.post(CREDITS, &many).await?;
    assert_eq!(answer.status.as_u16(), 207, "{}", answer.body);
    assert_eq!(
        (&answer.body["credited"], &answer.body["unchanged"], &answer.body["refused"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(ada.available("ETH").await?, "2.5");
    imports(&system, &ada).await?;
    system.stop().await
}

async fn imports(system: &System, ada: &Person) -> Result<()> {
    let csv = format!(
        "id,userId,book,asset,amount\nc-4,ada,{PURSE},ETH,1\n\"c-5\",ada,{PURSE},ETH,0.5\nc-6,ada,{PURSE},ETH,-1\nc-7,ada,{PURSE}\nc-2,ada,{PURSE},ETH,1\n"
    );
    let answer = import(system, "text/csv", csv.clone()).await?;
    assert_eq!(answer.status.as_u16(), 207, "{}", answer.body);
    assert_eq!(
        (&answer.body["credited"], &answer.body["unchanged"], &answer.body["refused"]),
        (&json!(2), &json!(1), &json!(2))
    );
    let lines: Vec<_> = answer.body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| error["line"].clone())
        .collect();
    assert!(lines.contains(&json!(4)) && lines.contains(&json!(5)), "{}", answer.body);
    assert_eq!(ada.available("ETH").await?, "4");

    let line = |id: usize| {
        json!({ "id": format!("n-{id}"), "userId": "ada", "book": PURSE, "asset": "ETH", "amount": "0.001" }).to_string()
    };
    let file = (0..2_500).map(line).collect::<Vec<_>>().join("\n");
    for (credited, unchanged) in [(2_500, 0), (0, 2_500)] {
        let answer = import(system, "application/x-ndjson", file.clone()).await?;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.body);
        assert_eq!(
            (&answer.body["credited"], &answer.body["unchanged"]),
            (&json!(credited), &json!(unchanged))
        );
    }
    assert_eq!(ada.available("ETH").await?, "6.5");
    let answer = import(system, "text/csv", "who,what\na,b\n".to_owned()).await?;
    refused(&answer, "INVALID_BODY")?;
    refused(&import(system, "text/plain", csv).await?, "UNSUPPORTED_MEDIA_TYPE").map(drop)
}

async fn import(system: &System, media_type: &str, file: String) -> Result<Answer> {
    system.admin()?.post_text(CREDITS, media_type, file).await
}
