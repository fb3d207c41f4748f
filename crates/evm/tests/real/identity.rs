use adit_chain::{Chain, Fault};
use adit_core::Trust;
use adit_devnet::contracts;
use serde_json::json;

use crate::twist::Twister;
use crate::world::{CHAIN_ID, World};

#[tokio::test]
async fn f41_f51_a_chain_is_known_by_its_pins() {
    let world = World::with_dg().await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), world.anvil.url()]);
    let identity = chain.identity(&world.lane).await.expect("an identity");
    assert!(!identity.wallet_has_code);
    assert_eq!(identity.pins["chain_id"], CHAIN_ID.to_string());
    assert_eq!(identity.pins["decimals/DG"], "18");
    assert_eq!(
        identity.pins.keys().collect::<Vec<_>>(),
        ["chain_id", "code/DG", "decimals/DG", "genesis", "pricing"]
    );
    assert_eq!(chain.identity(&world.lane).await.expect("the same again"), identity);
}

#[tokio::test]
async fn f79_other_decimals_than_configured_are_told_with_both() {
    let mut world = World::new().await;
    world.token("CHANGE", &contracts::CHANGING_TOKEN, &[]).await;
    world.assets[1].decimals = 6;
    let fault = world.chain().identity(&world.lane).await.expect_err("18 is not 6");
    assert!(
        matches!(&fault, Fault::Misconfigured { configured, seen, .. } if configured == "6" && seen == "18"),
        "{fault}"
    );
}

/// F51: an error is of the moment, and no other token. A revert is an answer.
#[tokio::test]
async fn f51_an_error_is_no_change_of_a_token() {
    let world = World::with_dg().await;
    let node = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Single, &[node.url()]);
    for (code, message) in [
        (-32_016, "over rate limit"),
        (-32_000, "header not found"),
        (-32_000, "missing trie node 5c2f (path ) <nil>"),
        (-32_000, "execution aborted (timeout = 5s)"),
        (-32_603, "internal error"),
    ] {
        node.refuse(json!({ "code": code, "message": message }), |call| {
            call["method"] == "eth_call"
        });
        let fault = chain.identity(&world.lane).await.expect_err("nothing is known");
        assert!(!matches!(fault, Fault::Misconfigured { .. }), "{message}: {fault}");
    }
    node.refuse(json!({ "code": 3, "message": "execution reverted" }), |call| {
        call["method"] == "eth_call"
    });
    let fault = chain.identity(&world.lane).await.expect_err("no such function");
    assert!(matches!(fault, Fault::Misconfigured { .. }), "{fault}");
    node.heal();
    assert_eq!(chain.identity(&world.lane).await.expect("known again").pins["decimals/DG"], "18");
}

#[tokio::test]
async fn f41_another_network_is_not_heard() {
    let world = World::new().await;
    let mut config = world.config(Trust::Single, &[world.anvil.url()]);
    config.chain_id = 8_453;
    let chain = adit_evm::EvmChain::new(config).expect("a chain");
    let fault = chain.tip().await.expect_err("another chain");
    assert!(
        matches!(&fault, Fault::WrongNetwork { pinned, seen, .. } if pinned == "chain id 8453" && seen == "chain id 31337"),
        "{fault}"
    );
    assert!(chain.health()[0].quarantined);
}
