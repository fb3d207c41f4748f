//! Signatures that do not count (abuse cases 14 and 15), and the two spellings that do.

use adit_devnet::api::Credit;
use adit_devnet::claim::{Claim, Domain, SignedClaim, base_units};
use adit_devnet::contracts::{ERC1271_WALLET, GAS_BURNING_WALLET};
use adit_devnet::primitives::{Address, U256, uint};
use adit_tests::people::{Person, refused};
use adit_tests::settings::Settings;
use adit_tests::system::System;
use adit_tests::verdict::Histogram;
use alloy::sol_types::SolValue;
use anyhow::Result;

/// The order of secp256k1 (SEC 2).
const ORDER: U256 = uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);

#[tokio::test]
async fn only_the_signature_of_this_very_claim_counts() -> Result<()> {
    let system = System::start("signatures", Settings::sqlite()).await?;
    let (ada, bruno) = (system.person(0)?, system.person(1)?);
    for (what, signed) in
        for_something_else(&ada, &bruno).await?.into_iter().chain(mangled(&ada).await?)
    {
        let answer = ada.api.claim(&signed, 0).await?;
        refused(&answer, "SIGNATURE_INVALID").map_err(|error| error.context(what))?;
    }
    assert_eq!(ada.api.points_available().await?, "200000");
    assert_eq!(ada.api.next_nonce().await?.nonce, ada.sign("3000").await?.nonce);

    let mut low = ada.sign("3000").await?;
    let mut bytes = bytes_of(&low);
    bytes[64] -= 27;
    low.signature = written(&bytes);
    ada.api.claim(&low, 0).await?.expect_success("v of 0 or 1 is the same signature")?;
    system.stop().await
}

/// A wallet that is a contract says itself what its signature is (EIP-1271), and gets only so much
/// gas to say it (abuse case 17).
#[tokio::test]
async fn a_contract_wallet_claims_with_the_signature_of_its_owner() -> Result<()> {
    let system = System::start("contract-wallets", Settings::sqlite()).await?;
    let (ada, bruno, deployer) = (system.person(0)?, system.person(1)?, system.devnet.deployer());
    let good = deployer.deploy(&ERC1271_WALLET, &(ada.address(),).abi_encode_params()).await?;
    let burning = deployer.deploy(&GAS_BURNING_WALLET, &[]).await?;
    system.devnet.stage.lock.grant(&deployer, &[good, burning]).await?;
    let admin = system.admin()?;
    for (user, wallet) in [("erc1271", good), ("gas-burner", burning)] {
        admin.put_user(user, None).await?;
        admin.link_wallet(user, &wallet.to_string()).await?;
        admin.credit(&[Credit::points(user, user, "10000")]).await?;
    }
    let claim = async |user: &str, wallet: Address, signer: &Person| {
        let api = system.devnet.api()?.with_token(admin.create_key(user).await?);
        let next = api.next_nonce().await?;
        let claim = Claim {
            wallet,
            amount: base_units("3000"),
            nonce: next.nonce,
            deadline: next.deadline,
        };
        api.claim(&claim.sign(&ada.domain, &signer.player.wallet), 25).await
    };
    refused(&claim("gas-burner", burning, &ada).await?, "SIGNATURE_INVALID")?;
    refused(&claim("erc1271", good, &bruno).await?, "SIGNATURE_INVALID")?;
    claim("erc1271", good, &ada).await?.expect_success("the owner's signature is the wallet's")?;
    assert_eq!(system.claims_paid(&[good]).await?, Histogram::all_once(1));
    system.stop().await
}

/// Good signatures, of other things.
async fn for_something_else(
    ada: &Person,
    bruno: &Person,
) -> Result<Vec<(&'static str, SignedClaim)>> {
    let claim = ada.draft("3000").await?;
    let own = &ada.player.wallet;
    let elsewhere = |domain: Domain| claim.sign(&domain, own);
    let good = claim.sign(&ada.domain, own);
    let dearer = SignedClaim { amount: "3001".to_owned(), ..good.clone() };
    let later = SignedClaim { deadline: good.deadline - 1, ..good.clone() };
    let next = SignedClaim { nonce: good.nonce + 1, ..good.clone() };
    Ok(vec![
        ("another key", claim.sign(&ada.domain, &bruno.player.wallet)),
        ("another chain", elsewhere(Domain { chain_id: 8453, ..ada.domain.clone() })),
        (
            "another contract",
            elsewhere(Domain { token: Address::repeat_byte(0x11), ..ada.domain.clone() }),
        ),
        (
            "a trailing space in the name",
            elsewhere(Domain { name: format!("{} ", ada.domain.name), ..ada.domain.clone() }),
        ),
        ("another version", elsewhere(Domain { version: "2".to_owned(), ..ada.domain.clone() })),
        ("another amount", dearer),
        ("another deadline", later),
        ("another nonce", next),
    ])
}

/// The right signature, spelled in ways that do not count.
async fn mangled(ada: &Person) -> Result<Vec<(&'static str, SignedClaim)>> {
    let good = ada.sign("3000").await?;
    let bytes = bytes_of(&good);
    let with = |bytes: &[u8]| SignedClaim { signature: written(bytes), ..good.clone() };
    let part = |at: usize, value: [u8; 32]| {
        let mut changed = bytes.clone();
        changed[at..at + 32].copy_from_slice(&value);
        changed
    };
    let s = U256::from_be_slice(&bytes[32..64]);
    let mut twin = part(32, (ORDER - s).to_be_bytes());
    twin[64] = 55 - twin[64];
    let mut v29 = bytes.clone();
    v29[64] = 29;
    Ok(vec![
        ("the high-s twin", with(&twin)),
        ("v of 29", with(&v29)),
        ("66 bytes", with(&[bytes.as_slice(), &[0]].concat())),
        ("64 bytes", with(&bytes[..64])),
        ("no bytes", with(&[])),
        ("r of 0", with(&part(0, [0; 32]))),
        ("s of 0", with(&part(32, [0; 32]))),
        ("s of n", with(&part(32, ORDER.to_be_bytes()))),
        ("r of n", with(&part(0, ORDER.to_be_bytes()))),
    ])
}

fn bytes_of(signed: &SignedClaim) -> Vec<u8> {
    hex::decode(signed.signature.trim_start_matches("0x")).expect("we wrote it")
}

fn written(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
