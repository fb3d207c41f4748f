//! Segwit addresses (BIP-173, BIP-350): a prefix, a version, a program, and a checksum that finds
//! every single mistake.
//!
//! The signer's own reading: the engine has another one, and they must agree.

/// BIP-173: each character is five bits.
const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_CHARS: usize = 6;
/// BIP-173: an address has no more.
const CHARS_MAX: usize = 90;
/// The generator of the checksum (BIP-173).
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
/// What the checksum of a good text comes out at: version 0 (BIP-173), and all after it (BIP-350).
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;
/// BIP-141: versions are 0 to 16, programs have 2 to 40 bytes.
const VERSION_MAX: u8 = 16;
const PROGRAM_BYTES: std::ops::RangeInclusive<usize> = 2..=40;

/// A witness program with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub version: u8,
    pub bytes: Vec<u8>,
}

/// Reads an address of this network's prefix, in lower case.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(prefix: &str, text: &str) -> Result<Program, String> {
    if text.len() > CHARS_MAX {
        return Err(format!("has {} characters, and no address more than {CHARS_MAX}", text.len()));
    }
    let data = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('1'));
    let data = data.ok_or_else(|| format!("does not begin with {prefix}1"))?;
    let values: Option<Vec<u8>> = data.bytes().map(value_of).collect();
    let values = values.ok_or("has characters that are none of bech32 in lower case")?;
    let [version, payload @ ..] =
        values.get(..values.len().saturating_sub(CHECKSUM_CHARS)).unwrap_or(&[])
    else {
        return Err("is too short".to_owned());
    };
    let wanted = if *version == 0 { BECH32 } else { BECH32M };
    match polymod(prefix, &values) {
        found if found == wanted => {}
        BECH32 => {
            return Err(format!(
                "is of version {version} with the checksum of bech32 instead of bech32m (BIP-350)"
            ));
        }
        BECH32M => {
            return Err("is of version 0 with the checksum of bech32m instead of bech32 (BIP-350)"
                .to_owned());
        }
        _ => return Err("has a wrong checksum".to_owned()),
    }
    let bytes = bytes_of(payload).ok_or("is not padded with fewer than five zero bits")?;
    if *version > VERSION_MAX || !PROGRAM_BYTES.contains(&bytes.len()) {
        return Err(format!(
            "is of version {version} with a program of {} bytes, which is none",
            bytes.len()
        ));
    }
    Ok(Program { version: *version, bytes })
}

/// The address of a program.
pub(super) fn write(prefix: &str, program: &Program) -> String {
    let mut values = vec![program.version];
    values.extend(values_of(&program.bytes));
    let good = if program.version == 0 { BECH32 } else { BECH32M };
    let payload = values.len();
    values.extend([0; CHECKSUM_CHARS]);
    let checksum = polymod(prefix, &values) ^ good;
    for (place, value) in values[payload..].iter_mut().enumerate() {
        *value = low_five(checksum >> (5 * (CHECKSUM_CHARS - 1 - place)));
    }
    let characters = values.iter().map(|value| char::from(CHARACTERS[usize::from(*value)]));
    [prefix, "1"].into_iter().flat_map(str::chars).chain(characters).collect()
}

fn value_of(character: u8) -> Option<u8> {
    let place = CHARACTERS.iter().position(|known| *known == character)?;
    u8::try_from(place).ok()
}

/// The remainder of prefix and data, as polynomials over 32 elements.
fn polymod(prefix: &str, values: &[u8]) -> u32 {
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    let all = high.chain([0]).chain(low).chain(values.iter().copied());
    all.fold(1, |sum: u32, value| {
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        let top = sum >> 25;
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(shifted, |sum, (_, term)| sum ^ term)
    })
}

/// Eight bits from five each. What is left over must be less than five bits, and zero.
fn bytes_of(values: &[u8]) -> Option<Vec<u8>> {
    let (mut held, mut bits, mut bytes) = (0u32, 0u32, Vec::new());
    for value in values {
        held = held << 5 | u32::from(*value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).expect("eight bits"));
            held &= (1 << bits) - 1;
        }
    }
    (bits < 5 && held == 0).then_some(bytes)
}

/// Five bits from eight each, filled up with zeros.
fn values_of(bytes: &[u8]) -> Vec<u8> {
    let (mut held, mut bits, mut values) = (0u32, 0u32, Vec::new());
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            values.push(low_five(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        values.push(low_five(held << (5 - bits)));
    }
    values
}

fn low_five(value: u32) -> u8 {
    u8::try_from(value & 31).expect("five bits")
}
