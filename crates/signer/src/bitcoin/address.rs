//! Destinations: the script that an address means on one network, read strictly (window F68).
//!
//! Only the canonical text is an address here: lower-case bech32, or base58 to the letter. What the
//! engine approved is stored in that form; anything else is a sign that somebody changed it.

use super::bech32::{self, Program};
use super::{BitcoinNetwork, base58, script};

/// The script of an address.
///
/// # Errors
/// A sentence that names the text and what is wrong with it.
pub(super) fn script_of(network: BitcoinNetwork, text: &str) -> Result<Vec<u8>, String> {
    read(network, text).map_err(|wrong| {
        format!("{text:?} is no address of {network} that is paid here: it {wrong}")
    })
}

fn read(network: BitcoinNetwork, text: &str) -> Result<Vec<u8>, String> {
    if is_segwit(network, text) { segwit(network, text) } else { legacy(network, text) }
}

/// Whether the text is meant as bech32: no base58 address begins with a prefix and `1`, since
/// theirs begin otherwise.
fn is_segwit(network: BitcoinNetwork, text: &str) -> bool {
    text.to_ascii_lowercase()
        .strip_prefix(network.prefix())
        .is_some_and(|rest| rest.starts_with('1'))
}

fn segwit(network: BitcoinNetwork, text: &str) -> Result<Vec<u8>, String> {
    let program = bech32::read(network.prefix(), text)?;
    match (program.version, program.bytes.len()) {
        (0, 20 | 32) | (1, 32) => Ok(script::witness(&program)),
        (version, bytes) => Err(format!(
            "is of version {version} with {bytes} bytes; allowed are P2WPKH, P2WSH and P2TR"
        )),
    }
}

fn legacy(network: BitcoinNetwork, text: &str) -> Result<Vec<u8>, String> {
    let (version, hash) = base58::read(text)?;
    let (p2pkh, p2sh) = network.base58_versions();
    match version {
        version if version == p2pkh => Ok(script::p2pkh(&hash)),
        version if version == p2sh => Ok(script::p2sh(&hash)),
        version => Err(format!(
            "is of version {version}, and on {network} allowed are {p2pkh} (P2PKH) and {p2sh} \
             (P2SH)"
        )),
    }
}

/// The address of a program of ours.
pub(super) fn of_program(network: BitcoinNetwork, program: &Program) -> String {
    bech32::write(network.prefix(), program)
}

#[cfg(test)]
mod tests;
