//! The signer's journal: whatever happened to its file, no record is read that was not written
//! there, in that order; a cut tail is found, removed and written over.
#![no_main]

use adit_core::*;
use adit_signer::{
    Approved, EnvironmentId, Journal, JournalEntry, JournalError, MemoryFile, Place, Record,
    SignRequest, Supersede,
};
use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const RECORDS_MAX: usize = 6;

#[derive(Debug, Arbitrary)]
struct Case<'a> {
    records: Vec<Short<'a>>,
    harm: Vec<Harm<'a>>,
}

/// As much of a record as makes it another one.
#[derive(Debug, Arbitrary)]
enum Short<'a> {
    Signed { at: i32, number: u8, nonce: u64, amount: u128, input: &'a [u8], cancel: bool },
    Superseded { at: i32, number: u8, evidence: [u8; 4] },
    Epoch { at: i32, epoch: u64 },
}

#[derive(Debug, Arbitrary)]
enum Harm<'a> {
    /// What a crash leaves.
    Cut {
        at: u16,
    },
    Zeros {
        count: u8,
    },
    /// What a failing disk or a hand leaves.
    Set {
        at: u16,
        value: u8,
    },
    Flip {
        at: u16,
        bit: u8,
    },
    Remove {
        at: u16,
        count: u8,
    },
    Insert {
        at: u16,
        bytes: &'a [u8],
    },
    /// Bytes of the file again, somewhere else in it.
    Repeat {
        from: u16,
        count: u16,
        to: u16,
    },
}

fuzz_target!(|data: &[u8]| {
    if let Some(raw) = data.strip_prefix(b"raw:") {
        return believes_nothing(raw);
    }
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let written: Vec<Record> = case.records.iter().take(RECORDS_MAX).map(Short::record).collect();
    let (whole, places) = write(&written);
    let mut bytes = whole.clone();
    case.harm.iter().for_each(|harm| harm.does(&mut bytes));
    judge(&written, &places, &whole, bytes);
});

/// Bytes that no journal wrote have no records.
fn believes_nothing(raw: &[u8]) {
    let mut read = Vec::new();
    let opened =
        Journal::open(Box::new(MemoryFile::holding(raw.to_vec())), &environment(), |record, _| {
            read.push(record)
        });
    assert!(opened.is_err() || read.is_empty(), "{read:?}");
}

fn write(records: &[Record]) -> (Vec<u8>, Vec<Place>) {
    let disk = MemoryFile::new();
    let mut journal =
        Journal::start(Box::new(disk.clone()), JournalId(Uuid::from_u128(7)), &environment())
            .expect("an empty file");
    let places = records.iter().map(|record| journal.stage(record)).collect();
    journal.commit().expect("memory has room");
    (disk.contents(), places)
}

fn judge(written: &[Record], places: &[Place], whole: &[u8], bytes: Vec<u8>) {
    let disk = MemoryFile::holding(bytes.clone());
    let mut read: Vec<(Record, Place)> = Vec::new();
    let opened = Journal::open(Box::new(disk.clone()), &environment(), |record, place| {
        read.push((record, place))
    });
    assert!(read.len() <= written.len(), "more was read than was written");
    for (index, (record, place)) in read.iter().enumerate() {
        assert_eq!(
            (record, place),
            (&written[index], &places[index]),
            "record {index} is not the one that was written"
        );
    }
    let header = places
        .first()
        .map_or(whole.len(), |place| usize::try_from(place.offset).expect("a small file"));
    // A crash leaves a beginning of the file, and zeros where it had grown before its bytes
    // arrived.
    let kept = bytes.iter().zip(whole).take_while(|(left, right)| left == right).count();
    let crashed = kept >= header && bytes[kept..].iter().all(|byte| *byte == 0);
    match opened {
        Ok(journal) => {
            let end = read.last().map_or(header, |(_, place)| end_of(place));
            assert!(kept >= end, "bytes were believed that were not written");
            assert_eq!(disk.contents(), whole[..end], "what is not whole is removed");
            goes_on(journal, &disk, &read);
        }
        Err(error) => {
            assert!(!crashed, "a crash is no damage: {error}");
            assert_eq!(disk.contents(), bytes, "a damaged journal is left as it is");
            let damaged = matches!(
                error,
                JournalError::Damaged { .. }
                    | JournalError::Foreign { .. }
                    | JournalError::Environment { .. }
            );
            assert!(damaged, "{error}");
        }
    }
    if crashed && kept < whole.len() {
        let complete = places.iter().filter(|place| end_of(place) <= kept).count();
        assert_eq!(read.len(), complete, "a crash takes the line that it cut and no other");
    }
}

/// After the cut the journal takes a new record, and a later reader finds it behind the old ones.
fn goes_on(mut journal: Journal, disk: &MemoryFile, before: &[(Record, Place)]) {
    let next = Record::Epoch { at: Timestamp::from_seconds(9), lane: lane(), epoch: Epoch(99) };
    let place = journal.stage(&next);
    journal.commit().expect("memory has room");
    assert_eq!(journal.read(place).expect("it was just written"), next);
    let tip = journal.tip();
    let mut again = Vec::new();
    let reopened =
        Journal::open(Box::new(disk.clone()), &environment(), |record, _| again.push(record))
            .expect("a whole journal");
    assert_eq!(reopened.tip(), tip);
    assert!(again.iter().eq(before.iter().map(|(record, _)| record).chain([&next])));
}

fn end_of(place: &Place) -> usize {
    usize::try_from(place.offset + u64::from(place.bytes)).expect("a small file")
}

impl Short<'_> {
    fn record(&self) -> Record {
        match self {
            Self::Signed { at, number, nonce, amount, input, cancel } => Record::Signed {
                at: Timestamp::from_seconds((*at).into()),
                entry: JournalEntry {
                    request: request(*number, *nonce, *amount, input, *cancel),
                    signed: signed(input, *number),
                },
            },
            Self::Superseded { at, number, evidence } => {
                let mut hash = [0; 32];
                hash[..4].copy_from_slice(evidence);
                let supersede = Supersede {
                    lane: lane(),
                    epoch: Epoch(1),
                    payout: Some(PayoutId(id(*number))),
                    old: LineageId(id(*number)),
                    evidence: Hash32(hash),
                };
                Record::Superseded { at: Timestamp::from_seconds((*at).into()), supersede }
            }
            Self::Epoch { at, epoch } => Record::Epoch {
                at: Timestamp::from_seconds((*at).into()),
                lane: lane(),
                epoch: Epoch(*epoch),
            },
        }
    }
}

fn request(number: u8, nonce: u64, amount: u128, input: &[u8], cancel: bool) -> SignRequest {
    let approved = Approved {
        payout: PayoutId(id(number)),
        asset: "DG".parse().expect("an asset"),
        amount: Amount::new(amount),
        destination: lane().wallet,
    };
    let draft = EvmDraft {
        chain_id: 8_453,
        nonce,
        to: lane().wallet,
        value: Amount::new(amount),
        input: Bytes(input.to_vec()),
        gas_limit: nonce,
        fees: EvmFees { max_fee_per_gas: amount, max_priority_fee_per_gas: 1 },
        pricing: adit_core::EvmPricing::Dynamic,
    };
    SignRequest {
        lane: lane(),
        epoch: Epoch(1),
        lineage: LineageId(id(number)),
        attempt: AttemptId(id(number)),
        purpose: if cancel { Purpose::Cancel } else { Purpose::Pay },
        approved: if cancel { Vec::new() } else { vec![approved] },
        draft: Draft::Evm(draft),
    }
}

fn signed(raw: &[u8], number: u8) -> Signed {
    Signed { raw: Bytes(raw.to_vec()), hash: Hash32([number; 32]) }
}

impl Harm<'_> {
    fn does(&self, bytes: &mut Vec<u8>) {
        let within = |at: u16| usize::from(at) % (bytes.len() + 1);
        match self {
            Self::Cut { at } => bytes.truncate(within(*at)),
            Self::Zeros { count } => bytes.extend(std::iter::repeat_n(0, usize::from(*count))),
            Self::Set { at, value } => {
                let at = within(*at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = *value);
            }
            Self::Flip { at, bit } => {
                let at = within(*at);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
            }
            Self::Remove { at, count } => {
                let at = within(*at);
                bytes.drain(at..(at + usize::from(*count)).min(bytes.len()));
            }
            Self::Insert { at, bytes: more } => {
                let at = within(*at);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Repeat { from, count, to } => {
                let (from, to) = (within(*from), within(*to));
                let copied = bytes[from..(from + usize::from(*count)).min(bytes.len())].to_vec();
                bytes.splice(to..to, copied);
            }
        }
    }
}

fn environment() -> EnvironmentId {
    EnvironmentId::new("fuzz").expect("a name")
}

fn lane() -> LaneId {
    LaneId {
        chain: "base".parse().expect("a chain"),
        wallet: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("an address"),
    }
}

fn id(number: u8) -> Uuid {
    Uuid::from_u128(number.into())
}
