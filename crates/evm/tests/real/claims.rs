use adit_core::{Amount, Bytes, Hash32, Timestamp, Trust};
use adit_devnet::abi::ContractWallet;
use adit_devnet::contracts;
use adit_devnet::player::Wallet;
use adit_devnet::primitives::Address;
use adit_devnet::unlock::Lock;
use adit_evm::{Claim, ClaimDomain, MEMBERSHIP_CACHE_SECONDS, SignedBy, UnlockGate, Verdict, canonical};
use alloy::sol_types::SolValue;

use crate::twist::Twister;
use crate::world::{CHAIN_ID, World};

fn digest(user: Address) -> Hash32 {
    let domain = ClaimDomain::new("Demo", "1", CHAIN_ID, "0x5FbDB2315678afecb367f032d93F642f64180aa3").expect("a domain");
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
    let account = world.deployer().deploy(&contracts::ERC1271_WALLET, &ada.address.abi_encode()).await.expect("deployed");
    let digest = digest(account);
    let judge = async |signature: &Bytes| chain.verify_claim(&canonical(account), digest, signature).await.expect("a judgement");

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
    let burning = world.deployer().deploy(&contracts::GAS_BURNING_WALLET, &[]).await.expect("deployed");
    let verdict = chain.verify_claim(&canonical(burning), digest(burning), &signed(&ada, digest(burning))).await;
    assert!(matches!(verdict, Ok(Verdict::Invalid { .. })), "{verdict:?}");
    let wrong = chain.verify_claim(&canonical(ada.address), digest(ada.address), &signed(&eve, digest(ada.address))).await;
    assert!(matches!(wrong, Ok(Verdict::Invalid { why }) if why.contains("signed by")));

    let dead = world.chain_over(Trust::Single, &["http://127.0.0.1:1"]);
    let right = dead.verify_claim(&canonical(ada.address), digest(ada.address), &signed(&ada, digest(ada.address))).await;
    assert_eq!(right, Ok(Verdict::Valid(SignedBy::Key)));
    assert!(dead.verify_claim(&canonical(ada.address), digest(ada.address), &signed(&eve, digest(ada.address))).await.is_err());
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
        gate.has_valid_key(&chain, &canonical(who.address), Timestamp::from_seconds(start.seconds() + seconds)).await
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

/// F86: a wallet that is not deployed yet cannot vouch, whatever its wrapper (EIP-6492) promises to deploy: its owner's signature inside
/// is good, and it is refused all the same.
#[tokio::test]
async fn f86_a_wrapper_for_a_wallet_that_is_not_deployed_is_refused() {
    let world = World::new().await;
    let chain = world.chain();
    let ada = Wallet::named("ada");
    let undeployed = Address::repeat_byte(0x64);
    let inner = signed(&ada, digest(undeployed)).0;
    let code = contracts::ERC1271_WALLET.creation_code().expect("readable");
    let create = [code.as_ref(), &ada.address.abi_encode()].concat();
    let wrapped = [
        (Address::repeat_byte(0x4e), alloy::primitives::Bytes::from(create), alloy::primitives::Bytes::from(inner)).abi_encode_params(),
        [0x64, 0x92].repeat(16),
    ]
    .concat();
    let verdict = chain.verify_claim(&canonical(undeployed), digest(undeployed), &Bytes(wrapped)).await;
    assert!(matches!(verdict, Ok(Verdict::Invalid { .. })), "{verdict:?}");
}
