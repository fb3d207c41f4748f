//! The signer believes its own reading of the bytes, its own keys and its own configuration, and
//! nothing else.

use adit_core::{
    Amount, BitcoinDraft, Bytes, DraftOutput, Epoch, FeeRate, Keychain, OutputPurpose, Place,
    Purpose,
};
use adit_signer::{AccountKind, FeeUnit, Refused, SignRequest};

use super::world::{
    DAY_CAP, FEE_CAP, FEERATE_CAP, KINDS, PAYEES, Paid, TRANSACTION_CAP, account, address, btc,
    draft, drafted, input, lane, pay, pay_for, request, start, wallet,
};
use crate::world::{World, asset, at_epoch, dry_run, payout, sign};

const TWO: [Paid; 2] = [(1, 0, 10_000), (2, 4, 20_000)];

/// A good request, changed: refused, by a dry run too, with this in the reason.
async fn assert_mismatch(part: &str, change: impl Fn(&mut SignRequest)) {
    for kind in KINDS {
        let mut asked = request(kind, 7, &TWO, drafted(kind, 7, &[1, 2], &TWO, 1_000));
        change(&mut asked);
        let signer = start(&World::new());
        let refused = sign(&signer, &asked).await.expect_err(part);
        assert!(
            matches!(&refused, Refused::Mismatch { detail } if detail.contains(part)),
            "{part}: {refused}"
        );
        assert_eq!(dry_run(&signer, &asked).await, Err(refused));
    }
}

fn payment(asked: &mut SignRequest) -> &mut DraftOutput {
    draft(asked).outputs.iter_mut().find(|output| output.is_payment()).expect("a payment")
}

fn change_of(asked: &mut SignRequest) -> &mut DraftOutput {
    draft(asked).outputs.iter_mut().find(|output| !output.is_payment()).expect("change")
}

fn script(payee: usize) -> Bytes {
    Bytes(address(payee).script().to_bytes())
}

#[tokio::test]
async fn a_good_one_is_signed() {
    for kind in KINDS {
        sign(
            &start(&World::new()),
            &request(kind, 7, &TWO, drafted(kind, 7, &[1, 2], &TWO, 1_000)),
        )
        .await
        .expect("signs");
    }
}

#[tokio::test]
async fn a_payment_is_exact() {
    assert_mismatch("another address", |it| payment(it).script = script(2)).await;
    assert_mismatch("another address", |it| payment(it).script.0[20] ^= 1).await;
    assert_mismatch("are approved for output", |it| payment(it).amount = Amount::new(9_999)).await;
    assert_mismatch("are approved for output", |it| payment(it).amount = Amount::new(10_001)).await;
    assert_mismatch("are approved for output", |it| it.approved[1].amount = Amount::new(1)).await;
    assert_mismatch("another address", |it| {
        it.approved[0].destination = address(3).destination().clone()
    })
    .await;
    assert_mismatch("not approved, or twice", |it| {
        payment(it).purpose = OutputPurpose::Pays(vec![payout(3)])
    })
    .await;
    assert_mismatch("no output pays it", |it| {
        it.approved.push(super::world::approved(&[(3, 2, 1_000)]).remove(0))
    })
    .await;
    assert_mismatch("approved twice", |it| it.approved.push(it.approved[0].clone())).await;
    assert_mismatch("is for no payout", |it| payment(it).purpose = OutputPurpose::Pays(Vec::new()))
        .await;
    assert_mismatch("not approved, or twice", |it| drop(it.approved.remove(0))).await;
    assert_mismatch("not approved, or twice", |it| {
        let again = payment(it).clone();
        draft(it).outputs.push(again);
        change_of(it).amount = Amount::new(100_000);
    })
    .await;
    assert_mismatch("no output pays it", |it| {
        let ours = change_of(it).clone();
        *payment(it) = DraftOutput { amount: Amount::new(10_000), ..ours };
    })
    .await;
}

#[tokio::test]
async fn an_output_that_nobody_approved_is_refused() {
    assert_mismatch("is for no payout", |it| {
        change_of(it).amount = Amount::new(100_000);
        let purpose = OutputPurpose::Pays(Vec::new());
        draft(it).outputs.push(DraftOutput {
            script: script(2),
            amount: Amount::new(5_000),
            purpose,
        });
    })
    .await;
    assert_mismatch("neither P2PKH", |it| payment(it).script = Bytes(vec![0x6a, 1, 7])).await;
    assert_mismatch("neither P2PKH", |it| payment(it).script = Bytes(Vec::new())).await;
}

#[tokio::test]
async fn f67_change_goes_to_a_script_that_is_derived_here() {
    assert_mismatch("pays to another script", |it| change_of(it).script = script(2)).await;
    assert_mismatch("has its number as index", |it| {
        change_of(it).purpose = OutputPurpose::Change { index: 8 }
    })
    .await;
    assert_mismatch("has its number as index", |it| {
        change_of(it).purpose = OutputPurpose::Change { index: u32::MAX }
    })
    .await;
    assert_mismatch("there is no address at 1/2147483648", |it| {
        draft(it).number = 1 << 31;
        change_of(it).purpose = OutputPurpose::Change { index: 1 << 31 };
    })
    .await;
    assert_mismatch("pays to another script", |it| {
        draft(it).number = 8;
        change_of(it).purpose = OutputPurpose::Change { index: 8 };
    })
    .await;
    for kind in KINDS {
        let external = Place { keychain: Keychain::External, index: 7 };
        let shown = Bytes(wallet(kind).script(external).expect("an index").to_bytes());
        assert_mismatch("pays to another script", |it| change_of(it).script = shown.clone()).await;
    }
    assert_mismatch("neither", |it| change_of(it).script.0.push(0)).await;
}

/// A transaction that merges coins goes to the wallet's own change and to nobody else, whatever the
/// draft says of an output.
#[tokio::test]
async fn f67_a_consolidation_that_pays_somebody_is_refused() {
    for kind in KINDS {
        let merged = || request(kind, 7, &[], drafted(kind, 7, &[1, 2, 3], &[], 1_000));
        sign(&start(&World::new()), &merged()).await.expect("it pays nobody");
        let refused = async |change: fn(&mut BitcoinDraft)| {
            let mut asked = merged();
            change(draft(&mut asked));
            let refused = sign(&start(&World::new()), &asked).await.expect_err("it pays somebody");
            assert!(matches!(refused, Refused::Mismatch { .. }), "{refused}");
            refused.to_string()
        };
        assert!(
            refused(|draft| draft.outputs[0].script = script(2))
                .await
                .contains("pays to another script")
        );
        assert!(
            refused(|draft| draft.outputs[0].purpose = OutputPurpose::Pays(Vec::new()))
                .await
                .contains("is for no payout")
        );
        let paid = |draft: &mut BitcoinDraft| {
            draft.outputs[0].purpose = OutputPurpose::Pays(vec![payout(1)])
        };
        assert!(refused(paid).await.contains("not approved"));
        let split = |draft: &mut BitcoinDraft| {
            let most = draft.outputs[0].clone();
            draft.outputs[0].amount = Amount::new(most.amount.base_units() - 5_000);
            draft.outputs.push(DraftOutput {
                script: script(2),
                amount: Amount::new(5_000),
                purpose: most.purpose,
            });
        };
        assert!(refused(split).await.contains("pays to another script"));
    }
}

#[tokio::test]
async fn f53_a_wallet_never_pays_itself() {
    for kind in KINDS {
        let places = [
            (Keychain::External, 0),
            (Keychain::External, 2),
            (Keychain::Internal, 1),
            (Keychain::Internal, 7),
        ];
        for (keychain, index) in places {
            let destination = account(kind).address(Place { keychain, index }).expect("an index");
            let mut asked = request(kind, 7, &TWO, drafted(kind, 7, &[1, 2], &TWO, 1_000));
            let script =
                Bytes(wallet(kind).script(Place { keychain, index }).expect("an index").to_bytes());
            payment(&mut asked).script = script;
            asked.approved[0].destination = destination.clone();
            let refused = sign(&start(&World::new()), &asked).await.expect_err("ourselves");
            assert!(
                matches!(&refused, Refused::Mismatch { detail } if detail.contains("nobody would be paid")),
                "{refused}"
            );
        }
    }
}

#[tokio::test]
async fn f68_an_address_of_another_network_or_form_is_refused() {
    for wrong in [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "BCRT1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KYGT080",
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt08q",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    ] {
        assert_mismatch("is no address of regtest", |it| {
            it.approved[0].destination = wrong.parse().expect("a destination")
        })
        .await;
    }
    for payee in 0..PAYEES.len() {
        sign(&start(&World::new()), &pay(7, &[1], &[(1, payee, 10_000)])).await.expect("signs");
    }
}

#[tokio::test]
async fn f62_dust_is_refused() {
    for (payee, least) in [294, 546, 540, 330, 330].into_iter().enumerate() {
        sign(&start(&World::new()), &pay(7, &[1], &[(1, payee, least)]))
            .await
            .expect("at the limit");
        let mut dust = pay(7, &[1], &[(1, payee, least)]);
        dust.approved[0].amount = Amount::new(least - 1);
        payment(&mut dust).amount = Amount::new(least - 1);
        let refused = sign(&start(&World::new()), &dust).await.expect_err("dust");
        assert!(
            matches!(&refused, Refused::Mismatch { detail } if detail.contains("is dust")),
            "{refused}"
        );
    }
    assert_mismatch("is dust", |it| change_of(it).amount = Amount::new(293)).await;
    assert_mismatch("is dust", |it| change_of(it).amount = Amount::ZERO).await;
}

#[tokio::test]
async fn amounts_and_inputs_are_possible() {
    assert_mismatch("and its inputs only", |it| change_of(it).amount = Amount::new(170_001)).await;
    assert_mismatch("more than will ever exist", |it| {
        change_of(it).amount = Amount::new(2_100_000_000_000_001)
    })
    .await;
    assert_mismatch("more than will ever exist", |it| draft(it).inputs[0].amount = Amount::MAX)
        .await;
    assert_mismatch("more than will ever exist", |it| {
        draft(it)
            .inputs
            .iter_mut()
            .for_each(|input| input.amount = Amount::new(2_000_000_000_000_000));
    })
    .await;
    assert_mismatch("is spent twice", |it| draft(it).inputs.push(input(1))).await;
    assert_mismatch("0 inputs", |it| draft(it).inputs.clear()).await;
    assert_mismatch("0 outputs", |it| draft(it).outputs.clear()).await;
    assert_mismatch("is no outpoint", |it| draft(it).inputs[0].outpoint = "coin".to_owned()).await;
    assert_mismatch("the bytes spend", |it| {
        draft(it).inputs[0].outpoint = format!("{}:1", "AB".repeat(32))
    })
    .await;
    assert_mismatch("is no outpoint", |it| {
        draft(it).inputs[0].outpoint = format!("{}:01", "ab".repeat(32))
    })
    .await;
    assert_mismatch("there is no key at 0/2147483648", |it| {
        draft(it).inputs[0].index = 1 << 31;
        draft(it).inputs[0].keychain = Keychain::External;
    })
    .await;
    assert_mismatch("nodes relay at most", |it| {
        let more = (0..2_000).map(|vout| adit_core::DraftInput {
            outpoint: format!("{}:{vout}", "ab".repeat(32)),
            ..input(1)
        });
        draft(it).inputs.extend(more);
    })
    .await;
}

#[tokio::test]
async fn purpose_and_approval_belong_together() {
    assert_mismatch("pays nobody", |it| it.purpose = Purpose::Cancel).await;
    assert_mismatch("pays somebody", |it| it.approved.clear()).await;
    assert_mismatch("not approved, or twice", |it| {
        it.purpose = Purpose::Cancel;
        it.approved.clear();
    })
    .await;
    assert_mismatch("is no asset that this signer pays", |it| it.approved[0].asset = asset("DOGE"))
        .await;
    assert_mismatch("is not the coin of regtest", |it| it.approved[0].asset = asset("ETH")).await;
    assert_mismatch("is a Bitcoin chain", |it| it.draft = crate::world::pay(1, 1, 0).draft).await;
    let mut on_base = crate::world::pay(1, 1, 0);
    on_base.draft = pay(1, &[1], &TWO).draft;
    let refused = sign(&start(&World::new()), &on_base).await.expect_err("no Bitcoin chain");
    assert!(
        matches!(&refused, Refused::Mismatch { detail } if detail.contains("is no Bitcoin chain")),
        "{refused}"
    );
    let mut wrong_coin = crate::world::pay(1, 1, 0);
    wrong_coin.approved[0].asset = btc();
    assert!(matches!(
        sign(&start(&World::new()), &wrong_coin).await,
        Err(Refused::Mismatch { .. })
    ));
}

#[tokio::test]
async fn f35_fee_and_feerate_are_capped_on_every_attempt() {
    let paid = [(1, 0, 10_000)];
    let world = World::new();
    let signer = start(&world);
    // One input, two outputs: 141 virtual bytes, at most 100 satoshi each.
    sign(&signer, &pay_for(1, &[1], &paid, 14_100)).await.expect("at the cap");
    for above in [pay_for(1, &[1], &paid, 14_101), pay_for(2, &[2], &[(2, 0, 10_000)], 14_101)] {
        let refused = sign(&signer, &above).await.expect_err("above the feerate");
        assert!(
            matches!(refused, Refused::FeerateAboveCap { feerate, cap } if feerate > cap && cap == FEERATE_CAP),
            "{refused}"
        );
    }
    let many: Vec<u8> = (3..=10).collect();
    sign(&signer, &pay_for(3, &many, &[(3, 0, 10_000)], FEE_CAP)).await.expect("at the cap");
    let (cost, cap) = (Amount::new(FEE_CAP + 1), Amount::new(FEE_CAP));
    let refused = Refused::FeeAboveCap { cost, cap, unit: FeeUnit::Satoshi };
    assert_eq!(
        sign(&signer, &pay_for(3, &many, &[(3, 0, 10_000)], FEE_CAP + 1)).await.err(),
        Some(refused.clone())
    );
    assert_eq!(
        refused.to_string(),
        "the transaction may cost 20001 satoshi, above the cap of 20000"
    );
    let feerate = Refused::FeerateAboveCap {
        feerate: FeeRate::from_sat_per_kvb(12_500),
        cap: FeeRate::from_sat_per_kvb(10_000),
    };
    assert_eq!(feerate.to_string(), "the transaction pays 12.5 sat/vB, above the cap of 10 sat/vB");
}

#[tokio::test]
async fn one_transaction_is_capped_with_all_that_it_pays() {
    let signer = start(&World::new());
    let at_cap = [(1, 0, 100_000), (2, 1, 50_000)];
    sign(&signer, &pay(1, &[1, 2, 3], &at_cap)).await.expect("at the cap");
    let (amount, cap) = (Amount::new(TRANSACTION_CAP + 1), Amount::new(TRANSACTION_CAP));
    let above = Some(Refused::AboveTransactionCap { asset: btc(), amount, cap });
    assert_eq!(
        sign(&signer, &pay(2, &[4, 5], &[(3, 0, 100_000), (4, 1, 50_001)])).await.err(),
        above
    );
    let mut joined = at_cap.to_vec();
    joined.push((5, 2, 1_000));
    let above = Refused::AboveTransactionCap {
        asset: btc(),
        amount: Amount::new(TRANSACTION_CAP + 1_000),
        cap,
    };
    assert_eq!(
        sign(&signer, &pay(1, &[1, 2, 3], &joined)).await.err(),
        Some(above),
        "one who joins counts with those who are there"
    );
    sign(&signer, &pay_for(1, &[1, 2, 3], &at_cap, 2_000))
        .await
        .expect("a bump alone is not held up");
}

#[tokio::test]
async fn a_day_counts_each_payout_once() {
    let world = World::new();
    let signer = start(&world);
    sign(&signer, &pay(1, &[1, 2], &[(1, 0, 100_000), (2, 1, 20_000)])).await.expect("120,000");
    sign(&signer, &pay_for(1, &[1, 2], &[(1, 0, 100_000), (2, 1, 20_000)], 2_000))
        .await
        .expect("a bump spends nothing");
    sign(&signer, &pay_for(1, &[1, 2], &[(1, 0, 100_000), (2, 1, 20_000), (3, 2, 30_000)], 3_000))
        .await
        .expect("150,000");
    sign(&start(&world), &pay(2, &[3, 4], &[(4, 0, 150_000)])).await.expect("300,000");
    let over = [(5, 0, 60_000), (6, 1, 40_001)];
    let (amount, cap, used) = (Amount::new(100_001), Amount::new(DAY_CAP), Amount::new(300_000));
    let refused = Refused::AboveDailyCap { asset: btc(), amount, cap, used };
    assert_eq!(sign(&start(&world), &pay(3, &[5, 6], &over)).await.err(), Some(refused));
    sign(&start(&world), &pay(3, &[5, 6], &[(5, 0, 60_000), (6, 1, 40_000)]))
        .await
        .expect("exactly");
    world.pass(12 * 3_600);
    sign(&start(&world), &pay(4, &[7], &[(7, 0, 10_000)])).await.expect("a new day");
}

#[tokio::test]
async fn f20_an_older_lease_signs_nothing() {
    let signer = start(&World::new());
    sign(&signer, &at_epoch(2, pay(1, &[1], &TWO))).await.expect("signs");
    let stale = Refused::StaleEpoch { got: Epoch(1), newest: Epoch(2) };
    assert_eq!(sign(&signer, &pay(2, &[2], &[(3, 0, 1_000)])).await.err(), Some(stale));
    let mut unknown = pay(3, &[3], &[(3, 0, 1_000)]);
    unknown.lane.wallet = PAYEES[0].parse().expect("a destination");
    assert_eq!(
        sign(&signer, &unknown).await.err(),
        Some(Refused::UnknownKey { lane: unknown.lane })
    );
    let kind = AccountKind::Taproot;
    sign(
        &signer,
        &request(kind, 4, &[(4, 0, 1_000)], drafted(kind, 4, &[4], &[(4, 0, 1_000)], 1_000)),
    )
    .await
    .expect("another lane");
    assert_ne!(lane(kind), lane(AccountKind::Segwit));
}
