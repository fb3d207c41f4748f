//! What a file that came back says else than the proposal that was sent.

use bdk_wallet::bitcoin::psbt::{self, PsbtSighashType};
use bdk_wallet::bitcoin::secp256k1::Message;
use bdk_wallet::bitcoin::sighash::{EcdsaSighashType, TapSighashType};
use bdk_wallet::bitcoin::{Psbt, PublicKey, XOnlyPublicKey};

use crate::Mismatch;
use crate::curve::CURVE;

/// A file is not larger, in binary: what is handed out has less than half of it in previous
/// transactions, and the rest is small.
pub const PSBT_BYTES_MAX: usize = 8_000_000;
/// As base64 writes it: four letters for three bytes, and some for the end.
const TEXT_BYTES_MAX: usize = PSBT_BYTES_MAX / 3 * 4 + 8;
/// The readers' own words may repeat the file.
const DETAIL_CHARS_MAX: usize = 200;

/// Why a file is not merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tampered {
    #[error(
        "the file has {bytes} bytes, and at most {most} are read; leave out the previous \
         transactions"
    )]
    TooLarge { bytes: usize, most: usize },
    #[error("the file is no PSBT of version 0 (BIP-174): {detail}")]
    Unreadable { detail: String },
    #[error("it is another transaction: {0}")]
    Transaction(#[from] Mismatch),
    #[error("input {input} is said to spend another amount or script")]
    Utxo { input: usize },
    #[error(
        "input {input} is signed for something else than the whole transaction ({got}); allowed is \
         ALL, and DEFAULT for taproot"
    )]
    Sighash { input: usize, got: String },
    #[error("input {input} is signed with the key {key}, which is none of this wallet's")]
    ForeignKey { input: usize, key: String },
    #[error("the signature of input {input} with the key {key} is wrong")]
    WrongSignature { input: usize, key: String },
    #[error("input {input} is finalised already; export the file with its signatures instead")]
    Finalised { input: usize },
    #[error("input {input} is signed by a script path of taproot, which this wallet does not have")]
    ScriptPath { input: usize },
}

pub(super) fn read(file: &[u8]) -> Result<Psbt, Tampered> {
    let text =
        std::str::from_utf8(file).ok().filter(|text| !text.starts_with("psbt")).map(str::trim);
    let most = if text.is_some() { TEXT_BYTES_MAX } else { PSBT_BYTES_MAX };
    if file.len() > most {
        return Err(Tampered::TooLarge { bytes: file.len(), most });
    }
    let unreadable = |detail: String| Tampered::Unreadable {
        detail: detail.chars().take(DETAIL_CHARS_MAX).collect(),
    };
    match text {
        Some(text) if is_transaction(text) => {
            Err(unreadable("it is a transaction; give the PSBT that it was made of".to_owned()))
        }
        Some(text) => text.parse::<Psbt>().map_err(|error| unreadable(error.to_string())),
        None => Psbt::deserialize(file).map_err(|error| unreadable(error.to_string())),
    }
}

/// What programs print when they have finished a PSBT.
fn is_transaction(text: &str) -> bool {
    (text.starts_with("02000000") || text.starts_with("01000000"))
        && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Everything that an input says of itself must be what we say; its signatures must be of our keys,
/// for everything, and right.
pub(super) fn check_input(
    input: usize,
    mine: &psbt::Input,
    theirs: &psbt::Input,
    message: &Message,
) -> Result<(), Tampered> {
    if theirs.witness_utxo.is_some() && theirs.witness_utxo != mine.witness_utxo {
        return Err(Tampered::Utxo { input });
    }
    if theirs.final_script_witness.is_some() || theirs.final_script_sig.is_some() {
        return Err(Tampered::Finalised { input });
    }
    if !theirs.tap_script_sigs.is_empty() {
        return Err(Tampered::ScriptPath { input });
    }
    let fitting = [
        PsbtSighashType::from(EcdsaSighashType::All),
        PsbtSighashType::from(TapSighashType::Default),
    ];
    if let Some(got) = theirs.sighash_type.filter(|got| !fitting.contains(got)) {
        return Err(Tampered::Sighash { input, got: got.to_string() });
    }
    for (key, signature) in &theirs.partial_sigs {
        check_ecdsa(input, mine, key, signature, message)?;
    }
    theirs.tap_key_sig.map_or(Ok(()), |signature| check_schnorr(input, mine, signature, message))
}

fn check_ecdsa(
    input: usize,
    mine: &psbt::Input,
    key: &PublicKey,
    signature: &bdk_wallet::bitcoin::ecdsa::Signature,
    message: &Message,
) -> Result<(), Tampered> {
    if !mine.bip32_derivation.contains_key(&key.inner) || !key.compressed {
        return Err(Tampered::ForeignKey { input, key: key.to_string() });
    }
    if signature.sighash_type != EcdsaSighashType::All {
        return Err(Tampered::Sighash { input, got: signature.sighash_type.to_string() });
    }
    CURVE
        .verify_ecdsa(message, &signature.signature, &key.inner)
        .map_err(|_| Tampered::WrongSignature { input, key: key.to_string() })
}

fn check_schnorr(
    input: usize,
    mine: &psbt::Input,
    signature: bdk_wallet::bitcoin::taproot::Signature,
    message: &Message,
) -> Result<(), Tampered> {
    let Some(key) = output_key(mine) else {
        return Err(Tampered::ForeignKey { input, key: "a taproot key".to_owned() });
    };
    if signature.sighash_type != TapSighashType::Default {
        return Err(Tampered::Sighash { input, got: signature.sighash_type.to_string() });
    }
    CURVE
        .verify_schnorr(&signature.signature, message, &key)
        .map_err(|_| Tampered::WrongSignature { input, key: key.to_string() })
}

/// The key that a P2TR output pays to.
pub(super) fn output_key(input: &psbt::Input) -> Option<XOnlyPublicKey> {
    let script = &input.witness_utxo.as_ref()?.script_pubkey;
    let program = script.is_p2tr().then(|| &script.as_bytes()[2..])?;
    XOnlyPublicKey::from_slice(program).ok()
}
