//! The signer believes its own reading of the bytes, and nothing else.

use adit_core::{Amount, Bytes, Epoch, Purpose};
use adit_signer::{
    Approved, ChainPolicy, ConfigError, EvmPolicy, FeeUnit, Key, OpenError, Refused, SignRequest,
};
use alloy::consensus::{
    SignableTransaction as _, TxEip1559, transaction::RlpEcdsaDecodableTx as _,
};
use alloy::primitives::{Address, keccak256};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

use crate::world::{
    BASE_ID, FEE_CAP, OTHER_ID, PLAYER, PLAYER_TWO, TOKEN, World, asset, at_epoch, cancel, config,
    draft, dry_run, key, lane, other_lane, pay, pay_native, payout, sign, transfer,
};

/// Refused by signing and by the dry run alike, with this in its text; and nothing is written.
async fn assert_mismatch(what: &str, request: SignRequest) {
    let world = World::new();
    let signer = world.start();
    let before = world.disk.contents().len();
    for refused in [dry_run(&signer, &request).await.err(), sign(&signer, &request).await.err()] {
        let Some(Refused::Mismatch { detail }) = &refused else { panic!("{what}: {refused:?}") };
        assert!(detail.contains(what), "{detail:?} does not say {what:?}");
    }
    let after = world.disk.contents();
    assert!(!String::from_utf8_lossy(&after[before..]).contains("signed"), "{what}");
}

fn changed(mut request: SignRequest, change: impl FnOnce(&mut SignRequest)) -> SignRequest {
    change(&mut request);
    request
}

/// EIP-1559: the tip may be as much as the whole fee, and no more.
#[tokio::test]
async fn a_tip_that_is_the_whole_fee_is_signed() {
    let all = |it: &mut SignRequest| {
        draft(it).fees.max_priority_fee_per_gas = draft(it).fees.max_fee_per_gas
    };
    sign(&World::new().start(), &changed(pay(1, 1, 0), all)).await.expect("signed");
}

#[tokio::test]
async fn a_transaction_that_differs_from_what_was_approved_is_refused() {
    let with = |change: fn(&mut SignRequest)| changed(pay(1, 1, 0), change);
    for (what, request) in [
        ("is approved to be paid", with(|it| draft(it).input = Bytes(transfer(PLAYER_TWO, 100)))),
        (
            "is approved to be paid",
            with(|it| it.approved[0].destination = PLAYER_TWO.parse().expect("a destination")),
        ),
        (
            "100 base units of DG are approved",
            with(|it| draft(it).input = Bytes(transfer(PLAYER, 101))),
        ),
        ("99 base units of DG are approved", with(|it| it.approved[0].amount = Amount::new(99))),
        ("without value", with(|it| draft(it).value = Amount::new(1))),
        ("without value", with(|it| draft(it).to = PLAYER.parse().expect("a destination"))),
        ("another call", with(|it| draft(it).input.0.push(0))),
        ("another call", with(|it| draft(it).input.0[0] = 0x23)),
        ("wider than an address", with(|it| draft(it).input.0[4] = 1)),
        ("has chain id 8453", with(|it| draft(it).chain_id = OTHER_ID)),
        ("has chain id 10", with(|it| it.lane = other_lane())),
        (
            "is paid on chain id 8453",
            with(|it| (it.lane, draft(it).chain_id) = (other_lane(), OTHER_ID)),
        ),
        ("is no asset", with(|it| it.approved[0].asset = asset("XP"))),
        ("one approved payout", with(|it| it.approved.clear())),
        ("one approved payout", with(|it| it.approved.push(it.approved[0].clone()))),
        ("is above its fee", with(|it| draft(it).fees.max_priority_fee_per_gas = 101)),
        ("EIP-55", with(|it| draft(it).to = TOKEN.to_lowercase().parse().expect("a destination"))),
        ("carries no input", with(|it| it.approved[0].asset = asset("ETH"))),
        ("pays nobody", with(|it| it.purpose = Purpose::Cancel)),
    ] {
        assert_mismatch(what, request).await;
    }
}

/// F13, F41: bytes for another network are never signed, whatever the lane was told.
#[tokio::test]
async fn f13_f41_bytes_for_another_network_are_never_signed() {
    for id in [0, 1, OTHER_ID, u64::MAX] {
        assert_mismatch("has chain id 8453", changed(pay(1, 1, 0), |it| draft(it).chain_id = id))
            .await;
        assert_mismatch("has chain id 8453", changed(cancel(1, 0), |it| draft(it).chain_id = id))
            .await;
    }
}

/// F54: no leg can revert alone, because no transaction has two: not for several payouts, and not
/// as a call that pays several.
#[tokio::test]
async fn f54_one_transaction_pays_exactly_one_payout() {
    let second = |it: &SignRequest| Approved {
        payout: payout(2),
        destination: PLAYER_TWO.parse().expect("a destination"),
        ..it.approved[0].clone()
    };
    for count in [0, 2, 3] {
        let many = |it: &mut SignRequest| {
            let more = second(it);
            it.approved.resize(count, more);
        };
        let what = format!("pays one approved payout, and {count} are given");
        assert_mismatch(&what, changed(pay(1, 1, 0), many)).await;
        assert_mismatch(&what, changed(pay_native(1, 1, 0, 100), many)).await;
    }
    let both = [transfer(PLAYER, 100), transfer(PLAYER_TWO, 100)].concat();
    let disperse = PLAYER_TWO.parse().expect("a destination");
    assert_mismatch(
        "another call",
        changed(pay(1, 1, 0), |it| draft(it).input = Bytes(both.clone())),
    )
    .await;
    assert_mismatch(
        "without value",
        changed(pay(1, 1, 0), |it| {
            (draft(it).to, draft(it).input) = (disperse, Bytes(both.clone()))
        }),
    )
    .await;
    assert_mismatch(
        "carries no input",
        changed(pay_native(1, 1, 0, 100), |it| draft(it).input = Bytes(both.clone())),
    )
    .await;
}

#[tokio::test]
async fn a_payment_to_nobody_is_refused() {
    let to = |destination: &str| {
        let mut request = pay(1, 1, 0);
        request.approved[0].destination = destination.parse().expect("a destination");
        draft(&mut request).input = Bytes(transfer(destination, 100));
        request
    };
    assert_mismatch("nobody would be paid", to(&Address::ZERO.to_checksum(None))).await;
    assert_mismatch("nobody would be paid", to(key().wallet().as_str())).await;
    assert_mismatch("token itself", to(TOKEN)).await;
    assert_mismatch("this pays 0", changed(pay_native(1, 1, 0, 0), |_| {})).await;
}

#[tokio::test]
async fn a_native_payment_is_exact() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &pay_native(1, 1, 0, 100)).await.expect("signs");
    assert_mismatch(
        "100 base units of ETH",
        changed(pay_native(1, 1, 0, 100), |it| draft(it).value = Amount::new(99)),
    )
    .await;
    assert_mismatch(
        "is approved to be paid",
        changed(pay_native(1, 1, 0, 100), |it| draft(it).to = PLAYER_TWO.parse().expect("one")),
    )
    .await;
    assert_mismatch(
        "carries no input",
        changed(pay_native(1, 1, 0, 100), |it| draft(it).input = Bytes(vec![0])),
    )
    .await;
}

#[tokio::test]
async fn a_cancelling_attempt_sends_nothing_to_itself() {
    let world = World::new();
    sign(&world.start(), &cancel(1, 0)).await.expect("signs");
    assert_mismatch("sends nothing", changed(cancel(1, 0), |it| draft(it).value = Amount::new(1)))
        .await;
    assert_mismatch(
        "sends nothing",
        changed(cancel(1, 0), |it| draft(it).to = PLAYER.parse().expect("a destination")),
    )
    .await;
    assert_mismatch(
        "sends nothing",
        changed(cancel(1, 0), |it| draft(it).input = Bytes(transfer(PLAYER, 1))),
    )
    .await;
}

#[tokio::test]
async fn an_unknown_lane_has_no_key_and_leaves_no_trace() {
    let world = World::new();
    let signer = world.start();
    let before = world.disk.contents();
    let mut request = at_epoch(9, pay(1, 1, 0));
    request.lane.wallet = PLAYER.parse().expect("a destination");
    assert_eq!(
        sign(&signer, &request).await.err(),
        Some(Refused::UnknownKey { lane: request.lane })
    );
    assert_eq!(world.disk.contents(), before);
}

#[tokio::test]
async fn the_most_fundamental_reason_is_named() {
    let world = World::new();
    let signer = world.start();
    sign(&signer, &at_epoch(5, pay(1, 1, 0))).await.expect("signs");
    let mut wrong = at_epoch(4, pay(1, 2, 0));
    draft(&mut wrong).gas_limit = u64::MAX;
    draft(&mut wrong).value = Amount::new(1);
    assert_eq!(
        sign(&signer, &wrong).await.err(),
        Some(Refused::StaleEpoch { got: Epoch(4), newest: Epoch(5) })
    );
    wrong.epoch = Epoch(5);
    assert!(matches!(sign(&signer, &wrong).await, Err(Refused::Mismatch { .. })));
    draft(&mut wrong).value = Amount::ZERO;
    assert!(matches!(sign(&signer, &wrong).await, Err(Refused::AnchorTaken { .. })));
    draft(&mut wrong).nonce = 1;
    assert!(matches!(sign(&signer, &wrong).await, Err(Refused::Equivocation { .. })));
    wrong.approved[0].payout = crate::world::payout(2);
    let cost = Amount::new(u128::from(u64::MAX) * 100);
    assert_eq!(
        sign(&signer, &wrong).await.err(),
        Some(Refused::FeeAboveCap { cost, cap: Amount::new(FEE_CAP), unit: FeeUnit::Wei })
    );
}

#[tokio::test]
async fn what_is_signed_decodes_to_the_draft_and_recovers_to_the_wallet() {
    let world = World::new();
    let signer = world.start();
    for request in [pay(1, 1, 0), pay_native(2, 2, 1, 7), cancel(3, 2)] {
        let signed = sign(&signer, &request).await.expect("signs").signed;
        assert_eq!(signed.hash.0, keccak256(&signed.raw.0).0);
        assert_eq!(signed.raw.0[0], 2, "type 2");
        let (transaction, signature) =
            TxEip1559::rlp_decode_with_signature(&mut &signed.raw.0[1..]).expect("decodes");
        assert_eq!(transaction.chain_id, BASE_ID);
        assert!(transaction.access_list.is_empty());
        assert!(signature.normalize_s().is_none(), "s is in the lower half (EIP-2)");
        let compact =
            [signature.r().to_be_bytes::<32>(), signature.s().to_be_bytes::<32>()].concat();
        let recovery = RecoveryId::from_u8_masked(signature.v().into());
        let digest = secp256k1::Message::from_digest(transaction.signature_hash().0);
        let public = RecoverableSignature::from_compact(&compact, recovery)
            .and_then(|it| it.recover_ecdsa(digest))
            .expect("recovers");
        let sender = Address::from_slice(&keccak256(&public.serialize_uncompressed()[1..])[12..]);
        assert_eq!(sender.to_checksum(None), key().wallet().as_str());
    }
}

#[test]
fn a_configuration_that_contradicts_itself_does_not_start() {
    let refusal = |change: fn(&mut adit_signer::SignerConfig)| {
        let mut config = config();
        change(&mut config);
        match World::new().try_start(config).err() {
            Some(OpenError::Config(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    fn nowhere() -> ChainPolicy {
        ChainPolicy::Evm(EvmPolicy { chain_id: 0, fee_cap: Amount::MAX })
    }
    let stranger = || Key::from_hex(&"11".repeat(32)).expect("a key");
    assert!(matches!(refusal(|it| it.caps.clear()), ConfigError::NoCaps { .. }));
    assert!(matches!(refusal(|it| it.chains.clear()), ConfigError::UnknownChain { .. }));
    assert!(matches!(
        refusal(|it| it.keys.push((lane(), key().into()))),
        ConfigError::TwoKeys { .. }
    ));
    assert!(matches!(
        refusal(|it| it.assets.push(it.assets[1].clone())),
        ConfigError::TwoAssets { .. }
    ));
    assert!(matches!(
        refusal(|it| it.chains.values_mut().for_each(|chain| *chain = nowhere())),
        ConfigError::NoChainId { .. }
    ));
    let mut other = config();
    other.keys = vec![(lane(), stranger().into())];
    assert!(matches!(
        World::new().try_start(other).err(),
        Some(OpenError::Config(ConfigError::OtherKey { .. }))
    ));
}
