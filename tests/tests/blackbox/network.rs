//! A node that times out, loses answers, lies, or is away (windows F5, F6, F12, abuse case 20):
//! whatever it says, one payment.

use std::time::Duration;

use adit_devnet::primitives::Address;
use adit_devnet::proxy::Fault;
use adit_tests::people::{Person, endow, id_of, refused};
use adit_tests::settings::Settings;
use adit_tests::system::{System, is_over};
use adit_tests::verdict::Histogram;
use anyhow::Result;
use serde_json::json;

const SEND: Option<&str> = Some("eth_sendRawTransaction");
const FRIEND: Address = Address::repeat_byte(0xf3);

async fn system(topic: &str) -> Result<(System, Person)> {
    let system = System::start(topic, Settings::sqlite().impatient().proxied()).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "1").await?;
    Ok((system, ada))
}

/// One payment of coins, whatever `fault` does to the first sends.
async fn paid_once_despite(topic: &str, sends: u32, fault: Fault) -> Result<()> {
    let (system, ada) = system(topic).await?;
    system.proxy().next(sends, SEND, fault);
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 1, "one nonce was enough");
    system.stop().await
}

#[tokio::test]
async fn f05_accepted_but_the_answer_is_lost() -> Result<()> {
    paid_once_despite("f05-lost", 1, Fault::AnswerLost).await
}

#[tokio::test]
async fn f05_accepted_but_the_connection_breaks() -> Result<()> {
    paid_once_despite("f05-broken", 2, Fault::AnswerBroken).await
}

#[tokio::test]
async fn f06_an_error_although_it_was_relayed() -> Result<()> {
    let fault = Fault::DoneButRefused {
        code: -32_000,
        message: "insufficient funds for gas * price + value".to_owned(),
    };
    paid_once_despite("f06", 1, fault).await
}

#[tokio::test]
async fn f10_a_full_pool_is_no_end() -> Result<()> {
    paid_once_despite(
        "f10",
        2,
        Fault::Refused { code: -32_000, message: "txpool is full".to_owned() },
    )
    .await
}

/// It says yes, with a hash, and passes nothing on.
fn swallow() -> Fault {
    Fault::Lie(json!(format!("0x{}", "11".repeat(32))))
}

#[tokio::test]
async fn f12_a_node_that_swallows_the_bytes_is_told_again() -> Result<()> {
    paid_once_despite("f12", 2, swallow()).await
}

/// Whoever swallows them never stops; the other endpoint is told all the same.
#[tokio::test]
async fn f12_of_two_endpoints_one_that_swallows_the_bytes_delays_nothing() -> Result<()> {
    let settings = Settings::sqlite()
        .chain("rebroadcast_after_seconds", 600)
        .chain("bump_after_seconds", 600)
        .beside(1);
    let system = System::start("f12-two", settings).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "1").await?;
    system.proxy().always(SEND, swallow());
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert!(system.proxy().seen("eth_sendRawTransaction") > 0, "the first one was told, too");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    system.stop().await
}

#[tokio::test]
async fn f15_every_send_arrives_twice() -> Result<()> {
    paid_once_despite("f15", 1_000, Fault::Repeated).await
}

/// Membership was read shortly before, so the claim is accepted while the node is away; it is told
/// as pending and paid later.
#[tokio::test]
async fn a_node_that_is_away_for_a_while_delays_a_claim_and_loses_none() -> Result<()> {
    let (system, ada) = system("away").await?;
    refused(&ada.claim("1", 0).await?, "BELOW_MINIMUM")?;
    system.proxy().always(None, Fault::RequestLost);
    let answer = ada.claim("3000", 2).await?;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.body);
    assert_eq!(
        (&answer.body["success"], &answer.body["pending"], &answer.body["transactionHash"]),
        (&json!(true), &json!(true), &json!(null))
    );
    let id = id_of(answer, "withdrawalId")?;
    let bruno = system.person(1)?;
    let before = bruno.api.next_nonce().await?.nonce;
    refused(&bruno.claim("3000", 0).await?, "MEMBERSHIP_UNREADABLE")?;
    assert_eq!(bruno.api.next_nonce().await?.nonce, before);

    system.proxy().heal();
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.claims_paid(&[ada.address()]).await?, Histogram::all_once(1));
    system.stop().await
}

/// Whatever a node says instead of the truth, no state moves, nothing is a 500, and the truth heals
/// it.
#[tokio::test]
async fn a_node_that_talks_nonsense_moves_nothing() -> Result<()> {
    let (system, ada) = system("nonsense").await?;
    let nonsense = [
        Fault::Page(200),
        Fault::Page(502),
        Fault::Lie(json!(null)),
        Fault::Lie(json!("0x-1")),
        Fault::Lie(json!({ "number": "0xffffffffffffffff", "hash": "0x00" })),
        Fault::Lie(json!("x".repeat(10 * 1024 * 1024))),
        Fault::Refused { code: -32_005, message: "limit exceeded".to_owned() },
        Fault::Late(Duration::from_secs(3)),
    ];
    for (index, fault) in nonsense.into_iter().enumerate() {
        let to = Address::repeat_byte(0x60 + u8::try_from(index).expect("few"));
        system.proxy().always(None, fault.clone());
        let id = ada.withdrawn("ETH", "0.1", to).await?;
        let before = system.proxy().seen("eth_getBlockByNumber");
        system
            .until("the server to ask and be told nonsense", async || {
                Ok((system.proxy().seen("eth_getBlockByNumber") > before).then_some(()))
            })
            .await?;
        let why = ada.why(&id).await?;
        assert_eq!(why["status"], "approved", "{fault:?}: {why}");
        system.proxy().heal();
        assert_eq!(system.until_over(&ada, &id).await?["status"], "completed", "{fault:?}");
        assert_eq!(system.coins_paid(&[to]).await?, Histogram::all_once(1));
    }
    system.stop().await
}

/// One endpoint takes the bytes, the other refuses them: the chain decides, not they.
#[tokio::test]
async fn f14_one_endpoint_accepts_and_the_other_rejects() -> Result<()> {
    let system = System::start("f14", Settings::sqlite().impatient().beside(1)).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "1").await?;
    system
        .proxy()
        .always(SEND, Fault::Refused { code: -32_000, message: "nonce too low".to_owned() });
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    system.stop().await
}

/// Two must agree: while one of two says something else about receipts and blocks, nothing is
/// settled and nothing is given back.
#[tokio::test]
async fn f39_f40_two_endpoints_that_disagree_settle_nothing() -> Result<()> {
    let system = System::start("f39", Settings::sqlite().impatient().beside(1)).await?;
    let ada = system.person(0)?;
    endow(&system.admin()?, "purse", &ada.player.id, "ETH", "1").await?;
    for method in [
        "eth_getBlockReceipts",
        "eth_getTransactionReceipt",
        "eth_getTransactionByHash",
        "eth_getBlockByNumber",
    ] {
        system.proxy().always(Some(method), Fault::Lie(json!(null)));
    }
    let id = ada.withdrawn("ETH", "1", FRIEND).await?;
    let asked = system.proxy().seen("eth_getBlockByNumber");
    for _ in 0..4 {
        system.rpc().mine(3).await?;
        let beat =
            async || Ok((system.proxy().seen("eth_getBlockByNumber") > asked + 4).then_some(()));
        system.until("the server to look at the chain", beat).await?;
        let record = ada.withdrawal(&id).await?;
        assert!(!is_over(&record), "{record}");
        assert_eq!(ada.available("ETH").await?, "0");
    }
    system.proxy().heal();
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.coins_paid(&[FRIEND]).await?, Histogram::all_once(1));
    system.stop().await
}

/// Two of three are enough, whatever the third says.
#[tokio::test]
async fn f40_one_of_three_that_lies_changes_nothing() -> Result<()> {
    let system = System::start("f40", Settings::sqlite().impatient().beside(2)).await?;
    system.proxy().always(None, Fault::Lie(json!("0x1")));
    let ada = system.person(0)?;
    let answer = ada.claim("3000", 25).await?;
    let id = id_of(answer, "withdrawalId")?;
    assert_eq!(system.until_over(&ada, &id).await?["status"], "completed");
    assert_eq!(system.claims_paid(&[ada.address()]).await?, Histogram::all_once(1));
    system.stop().await
}
