//! Output descriptors (BIP-380): the text from which every wallet program finds the same scripts.

/// BIP-380: the characters of descriptors, those that are likely mistaken for each other apart.
const INPUT: &[u8] = b"0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ";
const CHECKSUM: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_CHARS: usize = 8;
const GENERATOR: [u64; 5] = [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd];

/// The text with its checksum behind it.
pub(super) fn with_checksum(text: &str) -> String {
    let checksum = checksum(text);
    format!("{text}#{checksum}")
}

fn checksum(text: &str) -> String {
    let (mut sum, mut classes, mut count) = (1, 0, 0);
    for character in text.bytes() {
        let place = INPUT.iter().position(|known| *known == character).expect("a descriptor of ours has characters of BIP-380 only");
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
    let character = |place: usize| char::from(CHECKSUM[(sum >> (5 * (CHECKSUM_CHARS - 1 - place)) & 31) as usize]);
    (0..CHECKSUM_CHARS).map(character).collect()
}

fn step(sum: u64, value: usize) -> u64 {
    let shifted = (sum & 0x7_ffff_ffff) << 5 ^ value as u64;
    let top = sum >> 35;
    GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(shifted, |sum, (_, term)| sum ^ term)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP-380, test vectors.
    #[test]
    fn the_published_checksum() {
        assert_eq!(with_checksum("raw(deadbeef)"), "raw(deadbeef)#89f8spxm");
        assert_ne!(checksum("raw(deadbeee)"), "89f8spxm");
    }
}
