//! What a signature of each input is over, computed from what was read: BIP-143 for P2WPKH and
//! P2WSH, BIP-341 for the key path of P2TR.
//!
//! Always everything: all inputs, all outputs. The amount and the script of a coin are not in the
//! transaction; the draft claims them, and the digest commits to them. So who lies about them gets
//! a signature that no node takes. (BIP-143 commits to the amount of the input's own coin alone:
//! two lies could give one valid signature each. The journal keeps what was said of a coin, and
//! refuses a second story.)

use sha2::{Digest as _, Sha256};

use super::said::{LOCK_TIME, SEQUENCE, Said, VERSION};

/// BIP-143: `SIGHASH_ALL`. BIP-341: the default, which means the same and is not written.
pub(super) const SIGHASH_ALL: u8 = 1;
const SIGHASH_DEFAULT: u8 = 0;
/// BIP-341: the version of the message, and a key path without an annex.
const EPOCH: u8 = 0;
const SPEND_TYPE: u8 = 0;

/// A coin that is spent, as the draft claims it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spent {
    /// In satoshi.
    pub amount: u64,
    pub script: Vec<u8>,
    /// The script whose hash `script` is, for P2WSH.
    pub witness_script: Option<Vec<u8>>,
}

/// The parts that all inputs share.
pub(super) struct Message<'a> {
    says: &'a Said,
    spent: &'a [Spent],
    prevouts: [u8; 32],
    sequences: [u8; 32],
    outputs: [u8; 32],
    amounts: [u8; 32],
    scripts: [u8; 32],
}

impl<'a> Message<'a> {
    /// `spent`: one for each input, in their order.
    pub fn new(says: &'a Said, spent: &'a [Spent]) -> Self {
        assert_eq!(says.inputs.len(), spent.len(), "each input spends one coin");
        let (mut prevouts, mut outputs) = (Sha256::new(), Sha256::new());
        says.inputs.iter().for_each(|input| {
            prevouts.update([&input.txid[..], &input.vout.to_le_bytes()].concat())
        });
        says.outputs.iter().for_each(|output| {
            outputs.update([&output.amount.to_le_bytes()[..], &prefixed(&output.script)].concat())
        });
        let (mut sequences, mut amounts, mut scripts) =
            (Sha256::new(), Sha256::new(), Sha256::new());
        for coin in spent {
            sequences.update(SEQUENCE.to_le_bytes());
            amounts.update(coin.amount.to_le_bytes());
            scripts.update(prefixed(&coin.script));
        }
        let [prevouts, sequences, outputs, amounts, scripts] =
            [prevouts, sequences, outputs, amounts, scripts].map(|hash| hash.finalize().into());
        Self { says, spent, prevouts, sequences, outputs, amounts, scripts }
    }

    /// BIP-143, for a coin that the hash of a key or of a script locks. None where the coin's
    /// script is another.
    pub fn segwit(&self, input: usize) -> Option<[u8; 32]> {
        let (outpoint, coin) = (self.says.inputs.get(input)?, self.spent.get(input)?);
        let code = match (coin.script.as_slice(), &coin.witness_script) {
            // The script that a P2WPKH coin stands for: that of P2PKH.
            ([0, 20, hash @ ..], None) => super::script::p2pkh(hash.try_into().ok()?),
            ([0, 32, hash @ ..], Some(script)) if Sha256::digest(script)[..] == *hash => {
                script.clone()
            }
            _ => return None,
        };
        let content = [
            &VERSION.to_le_bytes()[..],
            &Sha256::digest(self.prevouts),
            &Sha256::digest(self.sequences),
            &outpoint.txid,
            &outpoint.vout.to_le_bytes(),
            &prefixed(&code),
            &coin.amount.to_le_bytes(),
            &SEQUENCE.to_le_bytes(),
            &Sha256::digest(self.outputs),
            &LOCK_TIME.to_le_bytes(),
            &u32::from(SIGHASH_ALL).to_le_bytes(),
        ];
        Some(Sha256::digest(Sha256::digest(content.concat())).into())
    }

    /// BIP-341, for the key path.
    pub fn taproot(&self, input: usize) -> Option<[u8; 32]> {
        let place = u32::try_from(input).ok().filter(|_| input < self.spent.len())?;
        let content = [
            &[EPOCH, SIGHASH_DEFAULT][..],
            &VERSION.to_le_bytes(),
            &LOCK_TIME.to_le_bytes(),
            &self.prevouts,
            &self.amounts,
            &self.scripts,
            &self.sequences,
            &self.outputs,
            &[SPEND_TYPE],
            &place.to_le_bytes(),
        ];
        Some(tagged("TapSighash", &content.concat()))
    }
}

/// A hash that means one thing only (BIP-340).
pub(super) fn tagged(tag: &str, content: &[u8]) -> [u8; 32] {
    let tag = Sha256::digest(tag);
    Sha256::new().chain_update(tag).chain_update(tag).chain_update(content).finalize().into()
}

/// A script behind its length.
fn prefixed(script: &[u8]) -> Vec<u8> {
    [compact_size(script.len()).as_slice(), script].concat()
}

fn compact_size(length: usize) -> Vec<u8> {
    match length {
        0..=0xfc => vec![u8::try_from(length).expect("looked at")],
        0xfd..=0xffff => {
            [&[0xfd][..], &u16::try_from(length).expect("looked at").to_le_bytes()].concat()
        }
        _ => [
            &[0xfe][..],
            &u32::try_from(length)
                .expect("read from bytes in memory, and no transaction is that long")
                .to_le_bytes(),
        ]
        .concat(),
    }
}

#[cfg(test)]
mod tests;
