//! Two keys in one signer: an old one that finishes what it began, and a new one beside it (window
//! F25).

use adit_core::{Bytes, Epoch, LaneId};
use adit_signer::{Key, LocalSigner, Refused, SignRequest, Signer, Supersede};

use crate::world::{
    World, at_epoch, bump, config, entries_from, key, lane, lineage, pay, payout, sign, supersede,
    transfer,
};

/// Anvil's third account.
const NEW_KEY: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
/// Neither of the two wallets.
const SOMEBODY: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

fn new_key() -> Key {
    Key::from_hex(NEW_KEY).expect("a published key")
}

fn new_lane() -> LaneId {
    new_key().lane("base".parse().expect("a chain"))
}

fn both(world: &World) -> LocalSigner {
    let mut config = config();
    config.keys = vec![(lane(), key().into()), (new_lane(), new_key().into())];
    world.try_start(config).expect("starts")
}

fn by_new_key(request: SignRequest) -> SignRequest {
    SignRequest { lane: new_lane(), ..request }
}

#[tokio::test]
async fn f25_the_old_key_finishes_what_it_began_beside_the_new_one() {
    let world = World::new();
    let old = pay(1, 1, 7);
    sign(&world.start(), &old).await.expect("signed before there was another key");
    let signer = both(&world);
    sign(&signer, &by_new_key(pay(2, 2, 0))).await.expect("the new key has nonces of its own");
    sign(&signer, &bump(&old)).await.expect("what is open is bumped by its own key");
    assert_eq!(entries_from(&signer, &lane(), 0).await.len(), 2);
    assert_eq!(entries_from(&signer, &new_lane(), 0).await.len(), 1);
}

/// Both keys would pay it: what excludes two attempts is one nonce of one wallet.
#[tokio::test]
async fn f25_a_payout_of_the_old_key_is_not_signed_by_the_new_one() {
    let world = World::new();
    let signer = both(&world);
    sign(&signer, &pay(1, 1, 7)).await.expect("signs");
    let again = by_new_key(pay(1, 2, 0));
    assert_eq!(
        sign(&signer, &again).await.err(),
        Some(Refused::Equivocation { payout: payout(1), live: lineage(1) })
    );
    let same_lineage = by_new_key(pay(1, 1, 7));
    assert!(
        matches!(sign(&signer, &same_lineage).await, Err(Refused::Mismatch { .. })),
        "a lineage belongs to one wallet"
    );
    let by_wrong_lane = Supersede { lane: new_lane(), ..supersede(1, 1) };
    let refused = signer.supersede(&by_wrong_lane).await.expect("answers");
    assert!(
        matches!(refused, Err(Refused::Mismatch { .. })),
        "its death is proved on its own lane"
    );
    signer.supersede(&supersede(1, 1)).await.expect("answers").expect("moved");
    sign(&signer, &again).await.expect("after the proof");
}

/// The leases of two lanes are counted apart: a new epoch of one makes no other stale.
#[tokio::test]
async fn f25_each_lane_has_epochs_of_its_own() {
    let world = World::new();
    let signer = both(&world);
    sign(&signer, &at_epoch(9, by_new_key(pay(2, 2, 0)))).await.expect("signs");
    sign(&signer, &pay(1, 1, 7)).await.expect("epoch 1 of the other lane");
    let stale = at_epoch(8, by_new_key(pay(3, 3, 1)));
    assert_eq!(
        sign(&signer, &stale).await.err(),
        Some(Refused::StaleEpoch { got: Epoch(8), newest: Epoch(9) })
    );
}

/// F53, by the signer's own reading: neither wallet of the signer pays itself; the other one is a
/// recipient like any.
#[tokio::test]
async fn f53_a_wallet_never_pays_itself() {
    let world = World::new();
    let signer = both(&world);
    let to = |destination: &str, number: u128, nonce: u64| {
        let mut request = pay(number, number, nonce);
        request.approved[0].destination = destination.parse().expect("a destination");
        crate::world::draft(&mut request).input = Bytes(transfer(destination, 100));
        request
    };
    assert!(matches!(
        sign(&signer, &to(key().wallet().as_str(), 1, 0)).await,
        Err(Refused::Mismatch { .. })
    ));
    sign(&signer, &to(SOMEBODY, 2, 0)).await.expect("signs");
}
