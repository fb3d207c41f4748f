//! Base58 with a checksum, as addresses before segwit have it: a version, 20 bytes, and the first
//! four of their hash.

use sha2::{Digest as _, Sha256};

/// Digits without those that look like others (Bitcoin Core, `base58.cpp`).
const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const HASH_BYTES: usize = 20;
const CHECKSUM_BYTES: usize = 4;
/// Version, hash, checksum.
const BYTES: usize = 1 + HASH_BYTES + CHECKSUM_BYTES;

/// Reads an address: its version and its hash.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &str) -> Result<(u8, [u8; HASH_BYTES]), String> {
    let bytes = number(text).ok_or("is neither bech32 of this network nor base58 of 25 bytes")?;
    let (content, checksum) = bytes.split_at(BYTES - CHECKSUM_BYTES);
    if Sha256::digest(Sha256::digest(content))[..CHECKSUM_BYTES] != *checksum {
        return Err("has a wrong checksum".to_owned());
    }
    let (version, hash) = content.split_at(1);
    Ok((version[0], hash.try_into().expect("25 bytes less one and four")))
}

/// The number that the digits are, in 25 bytes: each leading `1` is a leading zero byte and nothing
/// else is, so that a number has one text.
fn number(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0u8; BYTES];
    for digit in text.bytes() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        let mut carry = u32::try_from(value).ok()?;
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = u8::try_from(carry & 0xff).expect("eight bits");
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let ones = text.bytes().take_while(|digit| *digit == b'1').count();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    (ones == zeros).then_some(bytes)
}
