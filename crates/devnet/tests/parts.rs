//! The parts the devnet is made of, each real and each proven to do what the server's tests rely
//! on.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use adit_devnet::abi::{Behaviour, Blocklist, Changing, ContractWallet, Pausable, Token};
use adit_devnet::anvil::{Anvil, Chain};
use adit_devnet::claim::{Claim, Domain, base_units};
use adit_devnet::contracts::{
    BLOCKLIST_TOKEN, CHANGING_TOKEN, Contract, ERC1271_WALLET, FALSE_TOKEN, FEE_TOKEN, GAS_BURNER,
    PAUSABLE_TOKEN, REVERTING_RECEIVER, SILENT_TOKEN,
};
use adit_devnet::deployer::Deployer;
use adit_devnet::player::{Player, Wallet};
use adit_devnet::postgres::Postgres;
use adit_devnet::primitives::{Address, Bytes, U256, fixed_bytes};
use adit_devnet::process::Launch;
use adit_devnet::proxy::{Fault, Proxy};
use adit_devnet::rpc::Rpc;
use adit_devnet::stage::Stage;
use adit_devnet::wait;
use alloy::sol_types::SolValue;

const SOMEBODY: Address = Address::repeat_byte(0x5b);

fn log(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.log", std::process::id()))
}

async fn anvil(name: &str) -> Anvil {
    Anvil::start(&Chain::default(), log(name)).await.expect("anvil starts")
}

async fn balance(rpc: &Rpc, token: Address, of: Address) -> U256 {
    rpc.view(token, &Token::balanceOfCall { account: of }).await.expect("a balance")
}

/// A token with 1,000 units in the deployer's hands.
async fn minted(deployer: &Deployer<'_>, contract: &Contract) -> Address {
    let token = deployer.deploy(contract, &[]).await.expect("deployed");
    let mint = Token::mintCall { to: deployer.address(), amount: U256::from(1_000) };
    deployer.execute(token, &mint).await.expect("minted");
    token
}

fn transfer(amount: u64) -> Token::transferCall {
    Token::transferCall { to: SOMEBODY, amount: U256::from(amount) }
}

#[tokio::test]
async fn unlock_knows_members_and_the_hot_wallet_can_pay_everybody() {
    let anvil = anvil("stage").await;
    let deployer = Deployer::new(anvil.rpc());
    let players = Player::crowd(60);
    let stage = Stage::build(&deployer, &players, 5_000).await.expect("the stage stands");

    for player in [&players[0], &players[4], &players[58]] {
        let member = stage
            .lock
            .has_valid_key(&deployer, player.wallet.address)
            .await
            .expect("the lock answers");
        assert_eq!(member, player.member, "{}", player.id);
    }
    let ada = players[0].wallet.address;
    stage.lock.expire(&deployer, ada).await.expect("expired");
    assert!(!stage.lock.has_valid_key(&deployer, ada).await.expect("the lock answers"));

    assert_eq!(
        balance(anvil.rpc(), stage.token, stage.hot_wallet.address).await,
        base_units("1300000")
    );
    assert_eq!(
        anvil.rpc().native_balance(stage.hot_wallet.address).await.expect("a balance"),
        base_units("1000")
    );
    assert_eq!(anvil.rpc().view(stage.token, &Token::decimalsCall {}).await.expect("decimals"), 18);
}

#[tokio::test]
async fn the_finalized_block_follows_the_newest_by_two_slots() {
    let anvil = anvil("finality").await;
    anvil.rpc().mine(10).await.expect("mined");
    let block: serde_json::Value = anvil
        .rpc()
        .call("eth_getBlockByNumber", serde_json::json!(["finalized", false]))
        .await
        .expect("a block");
    assert_eq!(block["number"], "0x8");
}

#[tokio::test]
async fn each_odd_token_has_its_one_oddity() {
    let anvil = anvil("odd").await;
    let (rpc, deployer) = (anvil.rpc(), Deployer::new(anvil.rpc()));

    let silent = minted(&deployer, &SILENT_TOKEN).await;
    deployer.execute(silent, &transfer(100)).await.expect("moves");
    assert_eq!(balance(rpc, silent, SOMEBODY).await, U256::from(100));

    let lying = minted(&deployer, &FALSE_TOKEN).await;
    let receipt = deployer.execute(lying, &transfer(100)).await.expect("succeeds without moving");
    assert!(receipt.logs.is_empty());
    assert_eq!(balance(rpc, lying, SOMEBODY).await, U256::ZERO);

    let greedy = minted(&deployer, &FEE_TOKEN).await;
    deployer.execute(greedy, &transfer(100)).await.expect("moves");
    assert_eq!(balance(rpc, greedy, SOMEBODY).await, U256::from(99));

    let pausable = minted(&deployer, &PAUSABLE_TOKEN).await;
    deployer.execute(pausable, &Pausable::pauseCall {}).await.expect("paused");
    deployer.execute(pausable, &transfer(100)).await.expect_err("paused");
    deployer.execute(pausable, &Pausable::unpauseCall {}).await.expect("unpaused");
    deployer.execute(pausable, &transfer(100)).await.expect("moves");

    let choosy = minted(&deployer, &BLOCKLIST_TOKEN).await;
    deployer
        .execute(choosy, &Blocklist::setBlockedCall { account: SOMEBODY, blocked: true })
        .await
        .expect("listed");
    deployer.execute(choosy, &transfer(100)).await.expect_err("listed");
}

#[tokio::test]
async fn a_token_can_change_after_it_was_trusted() {
    let anvil = anvil("changing").await;
    let (rpc, deployer) = (anvil.rpc(), Deployer::new(anvil.rpc()));
    let token = minted(&deployer, &CHANGING_TOKEN).await;
    deployer.execute(token, &Changing::setDecimalsCall { value: 6 }).await.expect("changed");
    assert_eq!(rpc.view(token, &Token::decimalsCall {}).await.expect("decimals"), 6);

    for (value, moved) in [
        (Behaviour::Honest, 100),
        (Behaviour::ReturnsFalse, 0),
        (Behaviour::MovesHalf, 50),
        (Behaviour::LiesInItsLog, 0),
    ] {
        let before = balance(rpc, token, SOMEBODY).await;
        deployer.execute(token, &Changing::setBehaviourCall { value }).await.expect("changed");
        deployer.execute(token, &transfer(100)).await.expect("succeeds");
        assert_eq!(balance(rpc, token, SOMEBODY).await - before, U256::from(moved));
    }
    deployer
        .execute(token, &Changing::setBehaviourCall { value: Behaviour::Reverts })
        .await
        .expect("changed");
    deployer.execute(token, &transfer(100)).await.expect_err("reverts");
}

#[tokio::test]
async fn a_contract_wallet_accepts_its_owner_until_he_is_replaced() {
    let anvil = anvil("erc1271").await;
    let (rpc, deployer) = (anvil.rpc(), Deployer::new(anvil.rpc()));
    let (ada, bruno) = (Wallet::named("ada"), Wallet::named("bruno"));
    let wallet = deployer
        .deploy(&ERC1271_WALLET, &(ada.address,).abi_encode_params())
        .await
        .expect("deployed");

    let claim = Claim { wallet, amount: base_units("3000"), nonce: 1, deadline: 1_800_000_000 };
    let digest = claim.digest(&Domain::of(31_337, SOMEBODY));
    let ask = ContractWallet::isValidSignatureCall {
        hash: digest,
        signature: Bytes::from(ada.sign(digest)),
    };
    assert_eq!(rpc.view(wallet, &ask).await.expect("an answer"), fixed_bytes!("1626ba7e"));
    deployer
        .execute(wallet, &ContractWallet::setOwnerCall { owner: bruno.address })
        .await
        .expect("replaced");
    assert_eq!(rpc.view(wallet, &ask).await.expect("an answer"), fixed_bytes!("ffffffff"));
}

#[tokio::test]
async fn some_receivers_cannot_be_paid() {
    let anvil = anvil("receivers").await;
    let deployer = Deployer::new(anvil.rpc());
    for contract in [&REVERTING_RECEIVER, &GAS_BURNER] {
        let receiver = deployer.deploy(contract, &[]).await.expect("deployed");
        deployer.pay(receiver, U256::from(1)).await.expect_err(contract.name);
    }
    deployer.pay(SOMEBODY, U256::from(1)).await.expect("anybody else can");
}

#[tokio::test]
async fn postgres_starts_serves_and_leaves_nothing_behind() {
    let postgres = Postgres::start(log("postgres")).await.expect("Postgres starts");
    postgres.create_database("adit").await.expect("created");
    let sum =
        postgres.sql("adit", "select 1 + 1, current_setting('fsync')").await.expect("it counts");
    assert_eq!(sum, "2|on");
    postgres.sql("adit", "selekt").await.expect_err("errors are errors");

    let pid = postgres.pid();
    drop(postgres);
    assert!(is_gone(pid), "Postgres ({pid}) still runs");
}

/// Ended; a zombie that nobody has buried yet counts.
fn is_gone(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).map_or(true, |text| text.is_empty())
}

fn is_running(pid: u32, program: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == program)
}

/// Plays both roles: the test, and (started again by it) the parent that is killed.
#[tokio::test]
async fn a_child_dies_with_a_parent_that_is_killed() {
    const ROLE: &str = "ADIT_DEVNET_TEST_PARENT";
    if std::env::var_os(ROLE).is_some() {
        let child = Launch::new("sleep", "/bin/sleep", log("sleep"))
            .arguments(["1000"])
            .start()
            .expect("started");
        println!("child {}", child.pid());
        return std::future::pending().await;
    }
    let own = std::env::current_exe().expect("this program's path");
    let mut parent = Command::new(own)
        .args(["--exact", "a_child_dies_with_a_parent_that_is_killed", "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the parent starts");
    let output = BufReader::new(parent.stdout.take().expect("piped"));
    let said = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("child ")?.1.parse::<u32>().ok());
    let child = said.expect("the parent names its child");
    let (bound, pause) = (Duration::from_secs(5), Duration::from_millis(2));
    wait::until("the child", bound, pause, async || Ok(is_running(child, "sleep").then_some(())))
        .await
        .expect("it runs");
    parent.kill().expect("killed");
    parent.wait().expect("buried");
    wait::until("the child to die", bound, pause, async || Ok(is_gone(child).then_some(())))
        .await
        .expect("the kernel kills it");
}

#[tokio::test]
async fn the_proxy_breaks_what_it_is_told_and_nothing_else() {
    let anvil = anvil("proxy").await;
    let proxy = Proxy::start(anvil.url()).await.expect("the proxy starts");
    let rpc = Rpc::new(proxy.url()).expect("a client");
    assert_eq!(rpc.chain_id().await.expect("passes"), 31_337);

    proxy.next(1, Some("eth_chainId"), Fault::Lie("0x1".into()));
    assert_eq!(rpc.block_number().await.expect("another method"), 0);
    assert_eq!(rpc.chain_id().await.expect("a lie"), 1);
    assert_eq!(rpc.chain_id().await.expect("the truth again"), 31_337);

    proxy.next(1, None, Fault::Page(503));
    rpc.chain_id().await.expect_err("a page is no answer");
    proxy.next(1, Some("anvil_mine"), Fault::AnswerBroken);
    rpc.mine(1).await.expect_err("the answer breaks off");
    proxy.next(
        1,
        Some("anvil_mine"),
        Fault::DoneButRefused { code: -32_000, message: "no".to_owned() },
    );
    assert!(format!("{:#}", rpc.mine(1).await.expect_err("refused")).contains("no (-32000)"));
    proxy.next(1, Some("anvil_mine"), Fault::Repeated);
    rpc.mine(1).await.expect("mined, twice");
    assert_eq!(rpc.block_number().await.expect("all were done"), 4);

    proxy.always(None, Fault::AnswerLost);
    let lost = tokio::time::timeout(Duration::from_millis(300), rpc.mine(1)).await;
    assert!(lost.is_err(), "nobody answers");
    proxy.heal();
    assert_eq!(rpc.block_number().await.expect("it was done all the same"), 5);
    assert_eq!(proxy.seen("anvil_mine"), 4);
}
