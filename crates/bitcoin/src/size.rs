//! How large a transaction will be before it is signed: each part weighs what it weighs when it is
//! serialised (BIP-141).
//!
//! Only the length of an ECDSA signature is not known before: it is counted at its longest, so a
//! transaction may turn out a little lighter and its feerate a little higher, never lower.

use bdk_wallet::bitcoin::{Script, Weight};
use serde::{Deserialize, Serialize};

/// Weight units of a byte outside of the witness.
const WITNESS_SCALE: u64 = 4;
/// Outpoint 36, length of an empty script 1, sequence 4.
const INPUT_BASE_BYTES: u64 = 41;
/// DER with a small S, as all nodes require it: at most 71 bytes; and the hash type.
const ECDSA_SIGNATURE_BYTES_MAX: u64 = 72;
/// BIP-341: without a hash type, which then is the default.
const SCHNORR_SIGNATURE_BYTES: u64 = 64;
const PUBLIC_KEY_BYTES: u64 = 33;
/// Marker and flag of a transaction that has witnesses.
const SEGWIT_HEADER_WEIGHT: u64 = 2;

/// Most keys of a multisig wallet: up to 16, k and n are one opcode each.
pub const MULTISIG_KEYS_MAX: u8 = 16;

/// What an output pays to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptKind {
    P2pkh,
    P2sh,
    P2wpkh,
    P2wsh,
    P2tr,
}

/// How a coin of ours is spent. All our wallets are segwit, so that nobody can change a
/// transaction's id (window F65).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "spend")]
pub enum Spend {
    /// P2WPKH (BIP-84).
    SegwitKey,
    /// The key path of P2TR (BIP-86).
    TaprootKey,
    /// `needed` of `keys` signatures of a P2WSH multisig.
    Multisig { needed: u8, keys: u8 },
}

impl ScriptKind {
    pub const ALL: [Self; 5] = [Self::P2pkh, Self::P2sh, Self::P2wpkh, Self::P2wsh, Self::P2tr];

    /// The kind of a script, where it is one that we pay.
    pub fn of(script: &Script) -> Option<Self> {
        let kinds = [
            (script.is_p2pkh(), Self::P2pkh),
            (script.is_p2sh(), Self::P2sh),
            (script.is_p2wpkh(), Self::P2wpkh),
            (script.is_p2wsh(), Self::P2wsh),
            (script.is_p2tr(), Self::P2tr),
        ];
        kinds.into_iter().find_map(|(is, kind)| is.then_some(kind))
    }

    pub const fn is_segwit(self) -> bool {
        match self {
            Self::P2wpkh | Self::P2wsh | Self::P2tr => true,
            Self::P2pkh | Self::P2sh => false,
        }
    }

    /// Amount 8, length of the script 1, script.
    pub(crate) const fn output_bytes(self) -> u64 {
        9 + match self {
            Self::P2pkh => 25,
            Self::P2sh => 23,
            Self::P2wpkh => 22,
            Self::P2wsh | Self::P2tr => 34,
        }
    }

    pub const fn output_weight(self) -> Weight {
        Weight::from_wu(self.output_bytes() * WITNESS_SCALE)
    }
}

impl Spend {
    /// What our own outputs of this wallet pay to.
    pub const fn script_kind(self) -> ScriptKind {
        match self {
            Self::SegwitKey => ScriptKind::P2wpkh,
            Self::TaprootKey => ScriptKind::P2tr,
            Self::Multisig { .. } => ScriptKind::P2wsh,
        }
    }

    /// Signatures that an input needs.
    pub const fn needed(self) -> u8 {
        match self {
            Self::SegwitKey | Self::TaprootKey => 1,
            Self::Multisig { needed, .. } => needed,
        }
    }

    /// An input with its witness.
    pub const fn input_weight(self) -> Weight {
        Weight::from_wu(INPUT_BASE_BYTES * WITNESS_SCALE + self.witness_bytes())
    }

    /// Number of items 1, then each item after its length.
    const fn witness_bytes(self) -> u64 {
        match self {
            Self::SegwitKey => 1 + (1 + ECDSA_SIGNATURE_BYTES_MAX) + (1 + PUBLIC_KEY_BYTES),
            Self::TaprootKey => 1 + (1 + SCHNORR_SIGNATURE_BYTES),
            Self::Multisig { needed, keys } => {
                // k, n pushes of a key, n, CHECKMULTISIG.
                let script = 3 + keys as u64 * (1 + PUBLIC_KEY_BYTES);
                // CHECKMULTISIG takes one item too many: an empty one.
                1 + 1
                    + needed as u64 * (1 + ECDSA_SIGNATURE_BYTES_MAX)
                    + compact_size_bytes(script)
                    + script
            }
        }
    }
}

/// The weight of a signed transaction that spends coins of one wallet.
pub fn transaction_weight(
    spend: Spend,
    inputs: usize,
    outputs: impl IntoIterator<Item = ScriptKind>,
) -> Weight {
    let (mut count, mut output_bytes) = (0, 0);
    for output in outputs {
        count += 1;
        output_bytes += output.output_bytes();
    }
    let inputs = inputs as u64;
    // Version 4 and lock time 4.
    let base = 8 + compact_size_bytes(inputs) + compact_size_bytes(count) + output_bytes;
    Weight::from_wu(
        base * WITNESS_SCALE + SEGWIT_HEADER_WEIGHT + inputs * spend.input_weight().to_wu(),
    )
}

/// Bytes of a number as Bitcoin writes counts and lengths.
const fn compact_size_bytes(number: u64) -> u64 {
    match number {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use bdk_wallet::bitcoin::{
        Amount, OutPoint, PubkeyHash, ScriptBuf, ScriptHash, Sequence, Transaction, TxIn, TxOut,
        Txid, Witness, WitnessProgram, WitnessVersion, absolute::LockTime, hashes::Hash,
        transaction::Version,
    };
    use proptest::prelude::*;

    use super::*;

    fn script(kind: ScriptKind) -> ScriptBuf {
        let witness = |version, program: &[u8]| {
            ScriptBuf::new_witness_program(&WitnessProgram::new(version, program).expect("fits"))
        };
        match kind {
            ScriptKind::P2pkh => ScriptBuf::new_p2pkh(&PubkeyHash::all_zeros()),
            ScriptKind::P2sh => ScriptBuf::new_p2sh(&ScriptHash::all_zeros()),
            ScriptKind::P2wpkh => witness(WitnessVersion::V0, &[0; 20]),
            ScriptKind::P2wsh => witness(WitnessVersion::V0, &[0; 32]),
            ScriptKind::P2tr => witness(WitnessVersion::V1, &[0; 32]),
        }
    }

    /// Signatures of the longest form; their bytes are not judged here.
    fn witness(spend: Spend) -> Witness {
        let items: Vec<Vec<u8>> = match spend {
            Spend::SegwitKey => vec![vec![1; 72], vec![2; 33]],
            Spend::TaprootKey => vec![vec![1; 64]],
            Spend::Multisig { needed, keys } => {
                let signatures = (0..needed).map(|_| vec![1; 72]);
                let script = vec![1; 3 + 34 * usize::from(keys)];
                [Vec::new()].into_iter().chain(signatures).chain([script]).collect()
            }
        };
        Witness::from_slice(&items)
    }

    fn serialised(spend: Spend, inputs: usize, outputs: &[ScriptKind]) -> Transaction {
        let input = TxIn {
            previous_output: OutPoint::new(Txid::all_zeros(), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
            witness: witness(spend),
        };
        let output = outputs
            .iter()
            .map(|kind| TxOut { value: Amount::ONE_BTC, script_pubkey: script(*kind) })
            .collect();
        Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: vec![input; inputs],
            output,
        }
    }

    #[test]
    fn the_sizes_that_everyone_knows() {
        let vbytes = |spend: Spend| spend.input_weight().to_wu() as f64 / 4.0;
        assert_eq!((vbytes(Spend::SegwitKey), vbytes(Spend::TaprootKey)), (68.0, 57.5));
        assert_eq!(vbytes(Spend::Multisig { needed: 2, keys: 3 }), 104.5);
        assert_eq!(ScriptKind::ALL.map(ScriptKind::output_bytes), [34, 32, 31, 43, 43]);
        for kind in ScriptKind::ALL {
            assert_eq!(ScriptKind::of(&script(kind)), Some(kind));
        }
        assert_eq!(ScriptKind::of(&ScriptBuf::new_op_return([1])), None);
    }

    fn any_spend() -> impl Strategy<Value = Spend> {
        let multisig = (1..=MULTISIG_KEYS_MAX).prop_flat_map(|keys| (1..=keys, Just(keys)));
        prop_oneof![
            Just(Spend::SegwitKey),
            Just(Spend::TaprootKey),
            multisig.prop_map(|(needed, keys)| Spend::Multisig { needed, keys })
        ]
    }

    proptest! {
        #[test]
        fn a_weight_is_that_of_the_serialised_transaction(
            spend in any_spend(),
            inputs in prop_oneof![1usize..5, 250usize..256],
            outputs in prop_oneof![1usize..5, 250usize..256]
                .prop_flat_map(|count| prop::collection::vec(prop::sample::select(&ScriptKind::ALL[..]), count)),
        ) {
            let weight = transaction_weight(spend, inputs, outputs.iter().copied());
            prop_assert_eq!(weight, serialised(spend, inputs, &outputs).weight());
        }
    }
}
