use adit_core::{Amount, Bytes, Hash32, Timestamp, Trust};
use adit_devnet::abi::{ContractWallet, WalletFactory};
use adit_devnet::contracts;
use adit_devnet::player::Wallet;
use adit_devnet::primitives::Address;
use adit_devnet::unlock::Lock;
use adit_evm::{
    Claim, ClaimDomain, EvmChain, EvmConfig, MEMBERSHIP_CACHE_SECONDS, SignedBy, UnlockGate,
    Verdict, canonical,
};
use alloy::primitives::B256;
use alloy::sol_types::{SolCall, SolValue};
use serde_json::{Value, json};

use crate::twist::Twister;
use crate::world::{CHAIN_ID, World};

fn digest(user: Address) -> Hash32 {
    let domain =
        ClaimDomain::new("Demo", "1", CHAIN_ID, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
            .expect("a domain");
    let claim = Claim { user: canonical(user), amount: Amount::new(7), nonce: 0, deadline: 1 };
    domain.digest(&claim).expect("an address")
}

fn signed(by: &Wallet, digest: Hash32) -> Bytes {
    Bytes(by.sign(digest.0.into()).to_vec())
}

#[tokio::test]
async fn f85_a_contract_wallet_vouches_for_its_owner_as_he_is_now() {
    let world = World::new().await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), world.anvil.url()]);
    let (ada, eve) = (Wallet::named("ada"), Wallet::named("eve"));
    let account = world
        .deployer()
        .deploy(&contracts::ERC1271_WALLET, &ada.address.abi_encode())
        .await
        .expect("deployed");
    let digest = digest(account);
    let judge = async |signature: &Bytes| {
        chain.verify_claim(&canonical(account), digest, signature).await.expect("a judgement")
    };

    assert_eq!(judge(&signed(&ada, digest)).await, Verdict::Valid(SignedBy::Contract));
    assert!(matches!(judge(&signed(&eve, digest)).await, Verdict::Invalid { .. }));
    assert!(matches!(judge(&Bytes(vec![])).await, Verdict::Invalid { .. }));
    assert!(matches!(judge(&Bytes(vec![1; 10_000])).await, Verdict::Invalid { .. }));
    let change = ContractWallet::setOwnerCall { owner: eve.address };
    world.deployer().execute(account, &change).await.expect("changed");
    assert!(matches!(judge(&signed(&ada, digest)).await, Verdict::Invalid { .. }));
}

#[tokio::test]
async fn f85_a_key_needs_no_node_and_a_wallet_that_burns_gas_is_invalid() {
    let world = World::new().await;
    let chain = world.chain();
    let (ada, eve) = (Wallet::named("ada"), Wallet::named("eve"));
    let burning =
        world.deployer().deploy(&contracts::GAS_BURNING_WALLET, &[]).await.expect("deployed");
    let verdict = chain
        .verify_claim(&canonical(burning), digest(burning), &signed(&ada, digest(burning)))
        .await;
    assert!(matches!(verdict, Ok(Verdict::Invalid { .. })), "{verdict:?}");
    let wrong = chain
        .verify_claim(
            &canonical(ada.address),
            digest(ada.address),
            &signed(&eve, digest(ada.address)),
        )
        .await;
    assert!(matches!(wrong, Ok(Verdict::Invalid { why }) if why.contains("another wallet signed")));

    let dead = world.chain_over(Trust::Single, &["http://127.0.0.1:1"]);
    let right = dead
        .verify_claim(
            &canonical(ada.address),
            digest(ada.address),
            &signed(&ada, digest(ada.address)),
        )
        .await;
    assert_eq!(right, Ok(Verdict::Valid(SignedBy::Key)));
    assert!(
        dead.verify_claim(
            &canonical(ada.address),
            digest(ada.address),
            &signed(&eve, digest(ada.address))
        )
        .await
        .is_err()
    );
}

#[tokio::test]
async fn members_are_those_with_a_valid_key_and_a_lone_liar_makes_none() {
    let world = World::new().await;
    let lock = Lock::deploy(&world.deployer()).await.expect("a lock");
    let (ada, eve) = (Wallet::named("ada"), Wallet::named("eve"));
    lock.grant(&world.deployer(), &[ada.address]).await.expect("granted");
    let liar = Twister::start(world.anvil.url()).await;
    let chain = world.chain_over(Trust::Quorum, &[world.anvil.url(), liar.url()]);
    let gate = UnlockGate::new(&chain, &lock.address.to_string()).expect("an address");
    let start = Timestamp::from_seconds(1_000);
    let asked = async |who: &Wallet, seconds: i64| {
        gate.has_valid_key(
            &chain,
            &canonical(who.address),
            Timestamp::from_seconds(start.seconds() + seconds),
        )
        .await
    };
    assert_eq!(asked(&ada, 0).await, Ok(true));
    assert_eq!(asked(&eve, 0).await, Ok(false));

    liar.lie(|call, result| {
        if call["method"] == "eth_call" {
            *result = format!("0x{:064x}", 1).into();
        }
    });
    assert!(asked(&eve, 0).await.is_err(), "one says yes, one says no");
    liar.heal();

    lock.expire(&world.deployer(), ada.address).await.expect("expired");
    let cached = i64::try_from(MEMBERSHIP_CACHE_SECONDS).expect("small");
    assert_eq!(asked(&ada, cached - 1).await, Ok(true), "a yes is remembered");
    assert_eq!(asked(&ada, cached).await, Ok(false));
    lock.grant(&world.deployer(), &[eve.address]).await.expect("granted");
    assert_eq!(asked(&eve, 0).await, Ok(true), "a no is not remembered");
}

/// A factory on chain, and the wallet that it would deploy for ada.
struct Account {
    world: World,
    factory: Address,
    wallet: Address,
    ada: Wallet,
}

const SALT: B256 = B256::repeat_byte(9);

impl Account {
    async fn new() -> Self {
        let (world, ada) = (World::new().await, Wallet::named("ada"));
        let factory =
            world.deployer().deploy(&contracts::WALLET_FACTORY, &[]).await.expect("deployed");
        let wallet = world
            .anvil
            .rpc()
            .view(factory, &WalletFactory::addressOfCall { owner: ada.address, salt: SALT })
            .await
            .expect("told");
        Self { world, factory, wallet, ada }
    }

    fn chain(&self, undeployed_wallets: bool, urls: &[&str]) -> EvmChain {
        EvmChain::new(EvmConfig { undeployed_wallets, ..self.world.config(Trust::Quorum, urls) })
            .expect("a good configuration")
    }

    fn both(&self) -> [&str; 2] {
        [self.world.anvil.url(), self.world.anvil.url()]
    }

    fn deploys(&self) -> Vec<u8> {
        WalletFactory::deployCall { owner: self.ada.address, salt: SALT }.abi_encode()
    }

    /// In the wrapper of ERC-6492.
    fn wrapped(&self, by: &Wallet, factory_call: Vec<u8>) -> Bytes {
        let inner = alloy::primitives::Bytes::from(signed(by, digest(self.wallet)).0);
        let parts =
            (self.factory, alloy::primitives::Bytes::from(factory_call), inner).abi_encode_params();
        Bytes([parts, [0x64, 0x92].repeat(16)].concat())
    }

    async fn judge(&self, chain: &EvmChain, signature: &Bytes) -> Verdict {
        chain
            .verify_claim(&canonical(self.wallet), digest(self.wallet), signature)
            .await
            .expect("a judgement")
    }

    /// Code of the wallet, and what the factory has created so far.
    async fn on_chain(&self) -> (Value, Value) {
        let code = self.world.rpc("eth_getCode", json!([self.wallet, "latest"])).await;
        (code, self.world.rpc("eth_getTransactionCount", json!([self.factory, "latest"])).await)
    }
}

fn refused(verdict: &Verdict, words: &[&str]) {
    let Verdict::Invalid { why } = verdict else { panic!("{verdict:?}") };
    assert!(words.iter().all(|word| why.contains(word)), "{why}");
}

/// F86: where it was not allowed, a wallet that is not deployed yet cannot vouch, though its
/// owner's signature inside is good. The answer says what it is and what to do.
#[tokio::test]
async fn f86_a_wrapper_for_a_wallet_that_is_not_deployed_is_refused_and_says_what_to_do() {
    let account = Account::new().await;
    let chain = account.chain(false, &account.both());
    let verdict = account.judge(&chain, &account.wrapped(&account.ada, account.deploys())).await;
    refused(
        &verdict,
        &["ERC-6492", "not deployed yet", "deploy 0x", "sign again", "claims.undeployed_wallets"],
    );
    let torn = Bytes([vec![1; 40], [0x64, 0x92].repeat(16)].concat());
    refused(
        &account.judge(&chain, &torn).await,
        &["ERC-6492", "(address factory, bytes factoryCalldata, bytes signature)"],
    );
}

/// F86: once the wallet is deployed it is asked for what is in the wrapper, allowed or not.
#[tokio::test]
async fn f86_a_wrapper_that_outlived_the_deployment_is_taken_off() {
    let account = Account::new().await;
    let deploy = WalletFactory::deployCall { owner: account.ada.address, salt: SALT };
    account.world.deployer().execute(account.factory, &deploy).await.expect("deployed");
    for allowed in [false, true] {
        let chain = account.chain(allowed, &account.both());
        let right = account.wrapped(&account.ada, account.deploys());
        assert_eq!(account.judge(&chain, &right).await, Verdict::Valid(SignedBy::Contract));
        let wrong = account.wrapped(&Wallet::named("eve"), account.deploys());
        refused(&account.judge(&chain, &wrong).await, &["does not accept the signature"]);
    }
}

/// F86: where it is allowed the wallet is deployed and asked inside the call alone. The chain is as
/// it was.
#[tokio::test]
async fn f86_a_wallet_that_is_not_deployed_vouches_inside_a_call_that_leaves_nothing() {
    let account = Account::new().await;
    let chain = account.chain(true, &account.both());
    let before = account.on_chain().await;
    let right = account.wrapped(&account.ada, account.deploys());
    assert_eq!(account.judge(&chain, &right).await, Verdict::Valid(SignedBy::UndeployedContract));
    let eve = account.wrapped(&Wallet::named("eve"), account.deploys());
    refused(&account.judge(&chain, &eve).await, &["not deployed yet", "would not accept it"]);
    let refuses = account.wrapped(&account.ada, WalletFactory::refuseCall {}.abi_encode());
    refused(&account.judge(&chain, &refuses).await, &["refuses to deploy"]);
    let others =
        WalletFactory::deployCall { owner: account.ada.address, salt: B256::ZERO }.abi_encode();
    for call in [WalletFactory::idleCall {}.abi_encode(), others] {
        let idle = account.wrapped(&account.ada, call);
        refused(
            &account.judge(&chain, &idle).await,
            &["would not deploy a wallet at", "named as user"],
        );
    }
    assert_eq!(account.on_chain().await, before);
    assert_eq!(before.0, json!("0x"));
}

/// F86, F39: one endpoint's yes is none, and a node that cannot say is no judgement of the
/// signature.
#[tokio::test]
async fn f86_a_lone_yes_for_a_wallet_that_is_not_deployed_is_none() {
    let account = Account::new().await;
    let liar = Twister::start(account.world.anvil.url()).await;
    let chain = account.chain(true, &[account.world.anvil.url(), liar.url()]);
    let eve = account.wrapped(&Wallet::named("eve"), account.deploys());
    let is_asked = |call: &Value| call["method"] == "eth_call" && call["params"][0]["to"].is_null();
    liar.lie(move |call, result| {
        if is_asked(call) {
            *result = json!(format!("0x{:064x}", 1));
        }
    });
    let verdict =
        chain.verify_claim(&canonical(account.wallet), digest(account.wallet), &eve).await;
    assert!(verdict.is_err(), "{verdict:?}");
    liar.heal();
    liar.refuse(
        json!({ "code": -32_602, "message": "missing value for required argument 0: to" }),
        is_asked,
    );
    let right = account.wrapped(&account.ada, account.deploys());
    let verdict =
        chain.verify_claim(&canonical(account.wallet), digest(account.wallet), &right).await;
    assert!(verdict.is_err(), "{verdict:?}");
}
