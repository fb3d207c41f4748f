//! Recipients that cannot be paid (abuse case 18, windows F33, F50, F52): each fails alone, and
//! nobody pays gas for it.

use adit_devnet::abi::Blocklist;
use adit_devnet::contracts::{BLOCKLIST_TOKEN, GAS_BURNER, REVERTING_RECEIVER};
use adit_devnet::primitives::Address;
use adit_tests::people::endow;
use adit_tests::settings::Settings;
use adit_tests::system::System;
use anyhow::Result;

#[tokio::test]
async fn f50_a_recipient_that_cannot_be_paid_fails_alone() -> Result<()> {
    let system =
        System::start("receivers", Settings::sqlite().impatient().token("BLOCK", BLOCKLIST_TOKEN))
            .await?;
    let (admin, deployer) = (system.admin()?, system.devnet.deployer());
    let reverting = deployer.deploy(&REVERTING_RECEIVER, &[]).await?;
    let burning = deployer.deploy(&GAS_BURNER, &[]).await?;
    let blocked = Address::repeat_byte(0xb1);
    deployer
        .execute(
            system.tokens["BLOCK"],
            &Blocklist::setBlockedCall { account: blocked, blocked: true },
        )
        .await?;
    let friend = Address::repeat_byte(0xf1);
    let cases = [
        ("ETH", reverting, false),
        ("ETH", burning, false),
        ("BLOCK", blocked, false),
        ("ETH", friend, true),
        ("BLOCK", friend, true),
    ];

    let mut asked = Vec::new();
    for (index, (asset, to, paid)) in cases.into_iter().enumerate() {
        // Each a member of his own: the fifth of the players is passed over.
        let person = system.person(if index == 4 { 5 } else { index })?;
        endow(&admin, &format!("purse-{index}"), &person.player.id, asset, "1").await?;
        asked.push((person.withdrawn(asset, "1", to).await?, person, asset, paid));
    }
    for (id, person, asset, paid) in asked {
        let record = system.until_over(&person, &id).await?;
        let (status, left) = if paid { ("completed", "0") } else { ("failed", "1") };
        assert_eq!(record["status"], status, "{record}");
        assert_eq!(person.available(asset).await?, left);
        assert_eq!(record["txHash"].is_null(), !paid, "nothing is sent that would fail: {record}");
    }
    assert_eq!(system.sent_by_hot_wallet().await?.len(), 2);
    system.stop().await
}
