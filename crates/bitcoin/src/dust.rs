//! Dust: outputs so small that nodes do not relay what creates them (window F62).

use adit_core::{Amount, FeeRate};

use crate::ScriptKind;

/// Bitcoin Core, `policy/policy.h`, `DUST_RELAY_TX_FEE`: 3 sat/vB.
const DUST_FEE_RATE: FeeRate = FeeRate::from_sat_per_kvb(3_000);
/// Bitcoin Core, `policy/policy.cpp`, `GetDustThreshold`: spending counts as 148 bytes, and as 67
/// where the witness is discounted.
const LEGACY_SPEND_BYTES: u64 = 148;
const SEGWIT_SPEND_BYTES: u64 = 67;
/// A withdrawal is at least so many times dust: spending it must be worth its while at feerates far
/// above 3 sat/vB.
const WITHDRAWAL_DUST_TIMES: u128 = 10;

/// The least amount of an output that is relayed: below it costs more to spend than it is worth, at
/// 3 sat/vB.
pub fn dust_limit(kind: ScriptKind) -> Amount {
    let spend = if kind.is_segwit() { SEGWIT_SPEND_BYTES } else { LEGACY_SPEND_BYTES };
    let vbytes = bdk_wallet::bitcoin::Weight::from_vb_unchecked(kind.output_bytes() + spend);
    DUST_FEE_RATE.fee_of(vbytes.to_vbytes_ceil())
}

/// The least amount that may be withdrawn to an address of this kind.
pub fn withdrawal_min(kind: ScriptKind) -> Amount {
    Amount::new(dust_limit(kind).base_units() * WITHDRAWAL_DUST_TIMES)
}

#[cfg(test)]
mod tests {
    use bdk_wallet::bitcoin::{
        ScriptBuf, ScriptHash, WitnessProgram, WitnessVersion, hashes::Hash,
    };

    use super::*;

    #[test]
    fn f62_the_limits_are_those_of_the_nodes() {
        assert_eq!(
            ScriptKind::ALL.map(|kind| dust_limit(kind).base_units()),
            [546, 540, 294, 330, 330]
        );
        assert_eq!(withdrawal_min(ScriptKind::P2tr), Amount::new(3_300));
    }

    #[test]
    fn f62_another_implementation_agrees() {
        let of = |script: ScriptBuf| Amount::new(u128::from(script.minimal_non_dust().to_sat()));
        assert_eq!(of(ScriptBuf::new_p2sh(&ScriptHash::all_zeros())), dust_limit(ScriptKind::P2sh));
        let taproot = WitnessProgram::new(WitnessVersion::V1, &[0; 32]).expect("32 bytes");
        assert_eq!(of(ScriptBuf::new_witness_program(&taproot)), dust_limit(ScriptKind::P2tr));
    }
}
