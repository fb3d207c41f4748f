//! Addresses: accepted is exactly what EIP-55 allows (and all lower case where that is configured),
//! and it has one canonical form.
#![no_main]

use std::collections::BTreeMap;

use adit_chain::{RefusedDestination, trimmed};
use adit_evm::{AddressBook, address_of};
use alloy::primitives::{Address, keccak256};
use libfuzzer_sys::fuzz_target;

const ADDRESS_BYTES: usize = 20;
const PRECOMPILES_END: u128 = 0x1ff;

fuzz_target!(|data: &[u8]| {
    let Some((&form, rest)) = data.split_first() else { return };
    let text =
        if form & 1 == 0 { String::from_utf8_lossy(rest).into_owned() } else { near_miss(rest) };
    for lower_case in [false, true] {
        judge(&text, lower_case);
    }
});

fn judge(text: &str, lower_case: bool) {
    let banned = [0x5F; ADDRESS_BYTES];
    let book = AddressBook {
        lower_case,
        chain_id: None,
        forbidden: BTreeMap::from([(Address::from(banned), "the token".to_owned())]),
    };
    let meant = read(text, lower_case);
    match book.parse(text) {
        Ok(parsed) => {
            let bytes = meant.expect("only EIP-55 is accepted");
            assert!(payable(bytes, banned), "{text} may not be paid");
            assert_eq!(parsed.0.as_str(), checksummed(bytes));
            assert_eq!(address_of(&parsed.0), Some(Address::from(bytes)));
            assert_eq!(book.parse(parsed.0.as_str()), Ok(parsed), "the canonical form is its own");
        }
        Err(RefusedDestination::Invalid { got, paste, .. }) => {
            assert_eq!(meant, None, "{text} is an address");
            let hidden = got.starts_with("(not repeated");
            assert!(hidden || trimmed(text).starts_with(&got), "a refusal repeats what was given");
            if let Some(paste) = paste {
                assert!(read(&paste, false).is_some(), "{paste} is what to give instead of {text}");
            }
        }
        Err(RefusedDestination::Forbidden { got, .. }) => {
            let bytes = meant.expect("only an address can be forbidden");
            assert!(!payable(bytes, banned), "{text} may be paid");
            assert_eq!(got, checksummed(bytes));
        }
    }
}

/// EIP-55 and nothing else but blanks around it, read without the product's help.
fn read(text: &str, lower_case: bool) -> Option<[u8; ADDRESS_BYTES]> {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    let digits = text.strip_prefix("0x")?;
    if digits.len() != 2 * ADDRESS_BYTES || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; ADDRESS_BYTES];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    let all_lower = !digits.bytes().any(|digit| digit.is_ascii_uppercase());
    (checksummed(bytes) == text || (lower_case && all_lower)).then_some(bytes)
}

fn checksummed(bytes: [u8; ADDRESS_BYTES]) -> String {
    let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = keccak256(&lower);
    let nibble = |index: usize| {
        if index.is_multiple_of(2) { hash[index / 2] >> 4 } else { hash[index / 2] & 15 }
    };
    let cased = lower
        .chars()
        .enumerate()
        .map(|(index, digit)| if nibble(index) >= 8 { digit.to_ascii_uppercase() } else { digit });
    format!("0x{}", cased.collect::<String>())
}

fn payable(bytes: [u8; ADDRESS_BYTES], banned: [u8; ADDRESS_BYTES]) -> bool {
    let low = u128::from_be_bytes(bytes[4..].try_into().expect("16 bytes"));
    let precompile = bytes[..4] == [0; 4] && low <= PRECOMPILES_END;
    bytes != banned && !precompile
}

/// A right address with some of its letters changed, so that the fuzzer need not find a checksum by
/// itself.
fn near_miss(data: &[u8]) -> String {
    let mut bytes = [0; ADDRESS_BYTES];
    let (given, edits) = data.split_at(data.len().min(ADDRESS_BYTES));
    bytes[ADDRESS_BYTES - given.len()..].copy_from_slice(given);
    let mut letters: Vec<char> = checksummed(bytes).chars().collect();
    for edit in edits.chunks_exact(2) {
        let place = usize::from(edit[0]) % letters.len();
        letters[place] = match edit[1] {
            0 => letters[place].to_ascii_lowercase(),
            1 => letters[place].to_ascii_uppercase(),
            other => char::from(other),
        };
    }
    letters.into_iter().collect()
}
