//! One line: `length guard chain json\n`, in ASCII up to the JSON, which has no line break and no
//! NUL in it.
//!
//! `length` (8 hex digits) counts the JSON's bytes. `guard` (8) is the start of SHA-256 over the
//! previous chain and the length; `chain` (64) is SHA-256 over the previous chain, the length and
//! the JSON.

use std::io::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::Record;

/// What binds a line to all lines before it.
pub(super) type Chain = [u8; 32];

/// The chain before the header.
pub(super) const CHAIN_START: Chain = [0; 32];

/// `length guard chain `, with their spaces.
pub(super) const HEAD_BYTES: usize = 8 + 1 + 8 + 1 + 64 + 1;
/// A signed transaction is about a kilobyte; a batch payment some hundred.
pub(super) const JSON_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The start of a line, whose guard held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub json_bytes: usize,
    chain: Chain,
}

impl Head {
    /// The chain up to and with this line.
    pub(super) fn chain(&self) -> Chain {
        self.chain
    }

    /// None when this is no start of a line that follows `previous`.
    pub(super) fn parse(bytes: &[u8; HEAD_BYTES], previous: &Chain) -> Option<Self> {
        // Hex has two forms of a letter; only the one that is written is a head, so every changed
        // bit shows.
        if [bytes[8], bytes[17], bytes[82]] != [b' '; 3] || bytes.iter().any(u8::is_ascii_uppercase)
        {
            return None;
        }
        let mut length = [0; 4];
        let mut guarded = [0; 4];
        let mut chain = CHAIN_START;
        hex::decode_to_slice(&bytes[..8], &mut length).ok()?;
        hex::decode_to_slice(&bytes[9..17], &mut guarded).ok()?;
        hex::decode_to_slice(&bytes[18..82], &mut chain).ok()?;
        let json_bytes = usize::try_from(u32::from_be_bytes(length)).ok()?;
        (json_bytes <= JSON_BYTES_MAX && guarded == guard(previous, length))
            .then_some(Self { json_bytes, chain })
    }

    /// The whole line's length.
    pub(super) fn line_bytes(&self) -> usize {
        HEAD_BYTES + self.json_bytes + 1
    }

    /// The line's JSON and chain, if `rest` (JSON and line break) is what the head announced after
    /// `previous`.
    pub(super) fn check<'a>(&self, rest: &'a [u8], previous: &Chain) -> Option<(&'a [u8], Chain)> {
        let (json, end) = rest.split_at_checked(self.json_bytes)?;
        (end == b"\n" && chain(previous, json) == self.chain).then_some((json, self.chain))
    }
}

/// Writes a line and returns its chain.
pub(super) fn write(out: &mut Vec<u8>, previous: &Chain, content: &impl Serialize) -> Chain {
    let start = out.len();
    out.resize(start + HEAD_BYTES, b' ');
    serde_json::to_writer(&mut *out, content)
        .expect("records have string keys, and memory does not fail to be written");
    let json_bytes = out.len() - start - HEAD_BYTES;
    assert!(
        json_bytes <= JSON_BYTES_MAX,
        "a record of {json_bytes} bytes is above {JSON_BYTES_MAX}"
    );
    let chain = chain(previous, &out[start + HEAD_BYTES..]);
    let length = length_of(json_bytes);
    let mut head = &mut out[start..start + HEAD_BYTES];
    write!(
        head,
        "{} {} {} ",
        hex::encode(length),
        hex::encode(guard(previous, length)),
        hex::encode(chain)
    )
    .expect("83 bytes of room");
    out.push(b'\n');
    chain
}

/// The record of a whole line that was checked when it was written or first read.
pub(super) fn record_of(line: &[u8]) -> Option<Record> {
    serde_json::from_slice(line.get(HEAD_BYTES..)?).ok()
}

fn guard(previous: &Chain, length: [u8; 4]) -> [u8; 4] {
    let digest = Sha256::new().chain_update(previous).chain_update(length).finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

fn chain(previous: &Chain, json: &[u8]) -> Chain {
    Sha256::new()
        .chain_update(previous)
        .chain_update(length_of(json.len()))
        .chain_update(json)
        .finalize()
        .into()
}

fn length_of(json_bytes: usize) -> [u8; 4] {
    u32::try_from(json_bytes).expect("a line is bounded").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In numbers, since what one build has written every later one must read.
    const JSON_BYTES_MOST: usize = 4_194_304;

    /// Two bytes of it are the quotes.
    fn text(json_bytes: usize) -> String {
        "x".repeat(json_bytes - 2)
    }

    #[test]
    fn a_line_holds_four_megabytes() {
        let mut line = Vec::new();
        let chain = write(&mut line, &CHAIN_START, &text(JSON_BYTES_MOST));
        let (start, rest) = line.split_first_chunk().expect("a head");
        let head = Head::parse(start, &CHAIN_START).expect("a head");
        assert_eq!((head.json_bytes, head.line_bytes()), (JSON_BYTES_MOST, line.len()));
        assert_eq!(head.check(rest, &CHAIN_START), Some((&rest[..JSON_BYTES_MOST], chain)));
    }

    /// However right its guard is, so that nobody is made to read gigabytes.
    #[test]
    fn a_longer_line_is_announced_in_vain() {
        let length = length_of(JSON_BYTES_MOST + 1);
        let head = format!(
            "{} {} {} ",
            hex::encode(length),
            hex::encode(guard(&CHAIN_START, length)),
            hex::encode(CHAIN_START)
        );
        assert!(Head::parse(head.as_bytes().try_into().expect("a head"), &CHAIN_START).is_none());
    }

    #[test]
    #[should_panic(expected = "a record of 4194305 bytes is above 4194304")]
    fn a_longer_line_is_never_written() {
        write(&mut Vec::new(), &CHAIN_START, &text(JSON_BYTES_MOST + 1));
    }
}
