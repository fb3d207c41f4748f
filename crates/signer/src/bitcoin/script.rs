//! Scripts that can be paid: five forms, each known by its bytes.

use super::bech32::Program;

/// Opcodes by their names in Bitcoin Core, `script.h`.
const OP_DUP: u8 = 0x76;
const OP_HASH160: u8 = 0xa9;
const OP_EQUALVERIFY: u8 = 0x88;
const OP_CHECKSIG: u8 = 0xac;
const OP_EQUAL: u8 = 0x87;
const OP_1: u8 = 0x51;

/// Bytes of an output beside its script: amount 8, length of the script 1.
const OUTPUT_BYTES: u64 = 8 + 1;
/// What it costs to spend it, in virtual bytes as nodes count (Bitcoin Core, `policy.cpp`,
/// `GetDustThreshold`).
const LEGACY_SPEND_VBYTES: u64 = 148;
const SEGWIT_SPEND_VBYTES: u64 = 67;
/// 3 sat/vB (Bitcoin Core, `policy.h`, `DUST_RELAY_TX_FEE`).
const DUST_SATOSHI_PER_VBYTE: u64 = 3;

/// What an output pays to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScriptKind {
    P2pkh,
    P2sh,
    P2wpkh,
    P2wsh,
    P2tr,
}

impl ScriptKind {
    /// The kind of a script, where it is one that is paid here.
    pub fn of(script: &[u8]) -> Option<Self> {
        match script {
            [OP_DUP, OP_HASH160, 20, hash @ .., OP_EQUALVERIFY, OP_CHECKSIG]
                if hash.len() == 20 =>
            {
                Some(Self::P2pkh)
            }
            [OP_HASH160, 20, hash @ .., OP_EQUAL] if hash.len() == 20 => Some(Self::P2sh),
            [0, 20, hash @ ..] if hash.len() == 20 => Some(Self::P2wpkh),
            [0, 32, hash @ ..] if hash.len() == 32 => Some(Self::P2wsh),
            [OP_1, 32, key @ ..] if key.len() == 32 => Some(Self::P2tr),
            _ => None,
        }
    }

    /// The least that nodes relay to it, in satoshi (window F62).
    pub fn dust_limit(self, script: &[u8]) -> u64 {
        let spend = match self {
            Self::P2pkh | Self::P2sh => LEGACY_SPEND_VBYTES,
            Self::P2wpkh | Self::P2wsh | Self::P2tr => SEGWIT_SPEND_VBYTES,
        };
        (OUTPUT_BYTES + script.len() as u64 + spend) * DUST_SATOSHI_PER_VBYTE
    }
}

pub(super) fn p2pkh(hash: &[u8; 20]) -> Vec<u8> {
    [&[OP_DUP, OP_HASH160, 20][..], hash, &[OP_EQUALVERIFY, OP_CHECKSIG]].concat()
}

pub(super) fn p2sh(hash: &[u8; 20]) -> Vec<u8> {
    [&[OP_HASH160, 20][..], hash, &[OP_EQUAL]].concat()
}

/// The script of a program of version 0 or 1.
pub(super) fn witness(program: &Program) -> Vec<u8> {
    let opcode = if program.version == 0 { 0 } else { OP_1 - 1 + program.version };
    let length = u8::try_from(program.bytes.len()).expect("a program has at most 40 bytes");
    [&[opcode, length][..], &program.bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_forms_and_nothing_else() {
        let witness = |version, bytes: usize| witness(&Program { version, bytes: vec![7; bytes] });
        let forms = [
            (p2pkh(&[7; 20]), ScriptKind::P2pkh, 546),
            (p2sh(&[7; 20]), ScriptKind::P2sh, 540),
            (witness(0, 20), ScriptKind::P2wpkh, 294),
            (witness(0, 32), ScriptKind::P2wsh, 330),
            (witness(1, 32), ScriptKind::P2tr, 330),
        ];
        for (script, kind, dust) in forms {
            assert_eq!(ScriptKind::of(&script), Some(kind));
            assert_eq!(kind.dust_limit(&script), dust, "{kind:?}");
            for length in 0..script.len() {
                assert_eq!(ScriptKind::of(&script[..length]), None);
            }
            assert_eq!(ScriptKind::of(&[&script[..], &[0]].concat()), None);
        }
        for other in [witness(1, 20), witness(2, 32), witness(1, 2), vec![0x6a, 1, 7], vec![]] {
            assert_eq!(ScriptKind::of(&other), None);
        }
    }
}
