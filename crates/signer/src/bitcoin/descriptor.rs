//! Output descriptors (BIP-380): the text from which every wallet program finds the same scripts.

use super::cosigner::{PRIVATE, is_private};

/// BIP-380: the characters of descriptors, those that are likely mistaken for each other apart.
const INPUT: &[u8] = b"0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_CHARS: usize = 8;
const GENERATOR: [u64; 5] =
    [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];

/// The text with its checksum behind it.
pub(super) fn with_checksum(text: &str) -> String {
    let checksum = checksum(text);
    format!("{text}#{checksum}")
}

/// The text before its checksum, which must be right.
///
/// # Errors
/// A sentence that names what is wrong.
pub(super) fn without_checksum(text: &str) -> Result<&str, String> {
    if is_private(text) {
        return Err(PRIVATE.to_owned());
    }
    let missing = "the descriptor has no checksum; copy it with the '#' and the 8 characters that its wallet \
         prints at its end";
    let (body, given) = text.split_once('#').ok_or(missing)?;
    if let Some(strange) = body.bytes().find(|character| !INPUT.contains(character)) {
        return Err(format!(
            "the descriptor has the byte {strange:#04x} in it, which none has (BIP-380)"
        ));
    }
    let right = checksum(body);
    if given == right {
        Ok(body)
    } else {
        Err(format!(
            "the descriptor's checksum is {given:?}, and of this text it is {right:?}: a part of \
             it is not as it was printed"
        ))
    }
}

fn checksum(text: &str) -> String {
    let (mut sum, mut classes, mut count) = (1, 0, 0);
    for character in text.bytes() {
        let place = INPUT
            .iter()
            .position(|known| *known == character)
            .expect("a descriptor of ours has characters of BIP-380 only");
        sum = step(sum, place & 31);
        classes = classes * 3 + (place >> 5);
        count += 1;
        if count == 3 {
            sum = step(sum, classes);
            (classes, count) = (0, 0);
        }
    }
    if count > 0 {
        sum = step(sum, classes);
    }
    let sum = (0..CHECKSUM_CHARS).fold(sum, |sum, _| step(sum, 0)) ^ 1;
    let character = |place: usize| {
        char::from(CHECKSUM[(sum >> (5 * (CHECKSUM_CHARS - 1 - place)) & 31) as usize])
    };
    (0..CHECKSUM_CHARS).map(character).collect()
}

fn step(sum: u64, value: usize) -> u64 {
    let shifted = (sum & 0x7_ffff_ffff) << 5 ^ value as u64;
    let top = sum >> 35;
    GENERATOR
        .iter()
        .enumerate()
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(shifted, |sum, (_, term)| sum ^ term)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP-380, test vectors.
    #[test]
    fn the_published_checksum() {
        assert_eq!(with_checksum("raw(deadbeef)"), "raw(deadbeef)#89f8spxm");
        assert_ne!(checksum("raw(deadbeee)"), "89f8spxm");
        assert_eq!(without_checksum("raw(deadbeef)#89f8spxm"), Ok("raw(deadbeef)"));
        // BIP-380's invalid ones: no checksum, an error in it, one too long, one too short, an
        // error in the text.
        for wrong in [
            "raw(deadbeef)",
            "raw(deadbeef)#",
            "raw(deadbeef)#89f8spxmx",
            "raw(deadbeef)#89f8spx",
            "raw(dedbeef)#89f8spxm",
            "raw(deadbeef)##9f8spxm",
        ] {
            assert!(without_checksum(wrong).is_err(), "{wrong}");
        }
        assert!(without_checksum("raw(Ü)#00000000").expect_err("not of BIP-380").contains("0xc3"));
    }
}
