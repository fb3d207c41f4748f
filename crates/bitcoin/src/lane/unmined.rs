//! What payments under way have and leave: our own change that no block holds yet, and the coins
//! that they keep. Pure.

use std::collections::BTreeSet;

use adit_core::{Draft, Keychain, Lineage, OutputPurpose, Place, ancestors};
use bdk_wallet::bitcoin::OutPoint;

use super::holdings::txid;
use crate::{Ancestry, Coin, Seen};

/// Change of ours that no block holds yet and that may be built on: of lineages with one version
/// only, which then is never replaced (the rules see to that), so that the coin cannot cease to
/// exist but by a reorganisation that takes its parent's coins.
pub(crate) fn unconfirmed_change(live: &[Lineage]) -> Vec<Coin> {
    let unmined = live.iter().filter(|lineage| {
        lineage.attempts.len() == 1 && lineage.cancel.is_none() && lineage.included().is_none()
    });
    unmined.flat_map(|lineage| change(lineage, ancestry(live, lineage))).collect()
}

/// What has to be mined before change of its newest version exists.
pub(crate) fn ancestry(live: &[Lineage], lineage: &Lineage) -> Ancestry {
    let of = |one: &Lineage| match &one.latest().draft {
        Draft::Bitcoin(draft) => Ancestry { transactions: 1, vbytes: draft.vbytes },
        Draft::Evm(_) => Ancestry::default(),
    };
    ancestors(live, lineage).into_iter().fold(of(lineage), |sum, parent| sum.plus(of(parent)))
}

/// What the newest version leaves to us; nothing while it lacks a signature, ours or another's: it
/// may never be sent.
pub(crate) fn change(lineage: &Lineage, ancestry: Ancestry) -> Vec<Coin> {
    let attempt = lineage.latest();
    let (Some(signed), Draft::Bitcoin(draft)) = (attempt.sendable(), &attempt.draft) else {
        return Vec::new();
    };
    let coin = |(vout, output): (u32, &adit_core::DraftOutput)| {
        let OutputPurpose::Change { index } = output.purpose else { return None };
        let place = Place { keychain: Keychain::Internal, index };
        Some(Coin {
            outpoint: OutPoint::new(txid(signed.hash), vout),
            amount: output.amount,
            place,
            seen: Seen::Ours { ancestry },
        })
    };
    (0u32..).zip(&draft.outputs).filter_map(coin).collect()
}

/// Coins that live lineages have, by any of their versions.
pub(crate) fn reserved(live: &[Lineage]) -> BTreeSet<OutPoint> {
    let anchors = live.iter().flat_map(|lineage| &lineage.anchors);
    anchors
        .filter_map(|anchor| {
            if let adit_core::Anchor::Outpoint { outpoint, .. } = anchor {
                outpoint.parse().ok()
            } else {
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use adit_core::{
        Amount, Attempt, AttemptId, BitcoinDraft, Bytes, Destination, DraftOutput, Epoch, FeeRate,
        Hash32, Knowledge, LaneId, LineageId, LineageState, Purpose, Signed, Stage, Timestamp,
    };
    use uuid::Uuid;

    use super::*;

    /// A lineage whose one version leaves change to us, with these bytes recorded of it.
    fn lineage(raw: &[u8]) -> Lineage {
        let change = DraftOutput {
            script: Bytes(vec![1]),
            amount: Amount::new(8),
            purpose: OutputPurpose::Change { index: 3 },
        };
        let draft = BitcoinDraft {
            number: 3,
            inputs: Vec::new(),
            outputs: vec![change],
            feerate: FeeRate::ZERO,
            vbytes: 110,
        };
        let signed = Signed { raw: Bytes(raw.to_vec()), hash: Hash32([1; 32]) };
        let attempt = Attempt {
            id: AttemptId(Uuid::nil()),
            version: 0,
            purpose: Purpose::Pay,
            draft: Draft::Bitcoin(draft),
            epoch: Epoch(1),
            created_at: Timestamp::from_micros(0),
            stage: Stage::Signed { signed, knowledge: Knowledge::Signed },
        };
        Lineage {
            id: LineageId(Uuid::nil()),
            lane: LaneId {
                chain: "bitcoin".parse().expect("a name"),
                wallet: Destination::new("wallet").expect("a name"),
            },
            anchors: Vec::new(),
            legs: Vec::new(),
            attempts: vec![attempt],
            state: LineageState::Live,
            cancel: None,
            created_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn f04_change_of_what_others_have_to_sign_is_not_built_on() {
        let complete = unconfirmed_change(&[lineage(&[2, 0])]);
        assert_eq!(
            complete.iter().map(|coin| (coin.place.index, coin.amount)).collect::<Vec<_>>(),
            [(3, Amount::new(8))]
        );
        assert!(unconfirmed_change(&[lineage(b"psbt\xff one of two")]).is_empty());
    }
}
