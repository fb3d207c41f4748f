//! What the bytes of a transaction without its signatures say, read field by field.
//!
//! `version || count || (outpoint || script length || script || sequence)… || count || (amount ||
//! script length || script)… || lock time`, numbers in little-endian (Bitcoin Core,
//! `primitives/transaction.h`; BIP-144 for what is not there).

use std::fmt::Write as _;

/// Version 2 (BIP-68), no lock time, and inputs that signal that they may be replaced (BIP-125):
/// one form for all payments.
pub(super) const VERSION: u32 = 2;
pub(super) const LOCK_TIME: u32 = 0;
pub(super) const SEQUENCE: u32 = 0xffff_fffd;

const TXID_BYTES: usize = 32;

/// What is spent and who gets what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub inputs: Vec<Outpoint>,
    pub outputs: Vec<SaidOutput>,
}

/// A coin by the transaction that made it and the place among its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Outpoint {
    /// In the order of the chain, which is the reverse of what is written.
    pub txid: [u8; TXID_BYTES],
    pub vout: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaidOutput {
    /// In satoshi.
    pub amount: u64,
    pub script: Vec<u8>,
}

impl Said {
    /// # Errors
    /// A sentence about what in the bytes is not a plain payment.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Reader { rest: bytes };
        match rest.number()? {
            VERSION => {}
            other => return Err(format!("its version is {other}, and only {VERSION} is signed")),
        }
        let inputs = (0..rest.count()?).map(|_| rest.input()).collect::<Result<Vec<_>, _>>()?;
        let outputs = (0..rest.count()?).map(|_| rest.output()).collect::<Result<Vec<_>, _>>()?;
        match rest.number()? {
            LOCK_TIME => {}
            other => return Err(format!("its lock time is {other}, and payments have none")),
        }
        if !rest.rest.is_empty() {
            return Err(format!("{} bytes follow the transaction", rest.rest.len()));
        }
        if inputs.is_empty() || outputs.is_empty() {
            return Err(format!(
                "it has {} inputs and {} outputs, and a payment has one of each at least",
                inputs.len(),
                outputs.len()
            ));
        }
        Ok(Self { inputs, outputs })
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], String> {
        Ok(self.take(LENGTH)?.try_into().expect("as long as asked for"))
    }

    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A "compact size" in its one shortest form.
    fn count(&mut self) -> Result<u64, String> {
        let [first] = self.array()?;
        let (count, least) = match first {
            0..=0xfc => (u64::from(first), 0),
            0xfd => (u64::from(u16::from_le_bytes(self.array()?)), 0xfd),
            0xfe => (u64::from(self.number()?), 0x1_0000),
            0xff => (u64::from_le_bytes(self.array()?), 0x1_0000_0000),
        };
        if count < least {
            Err(format!("a length of {count} is written longer than it must be"))
        } else {
            Ok(count)
        }
    }

    fn script(&mut self) -> Result<&'a [u8], String> {
        let length = usize::try_from(self.count()?).map_err(|_| "a script is longer than any")?;
        self.take(length)
    }

    fn input(&mut self) -> Result<Outpoint, String> {
        let outpoint = Outpoint { txid: self.array()?, vout: self.number()? };
        let script = self.script()?;
        if !script.is_empty() {
            return Err(format!(
                "the input that spends {outpoint} has a script of {} bytes; segwit inputs have \
                 none",
                script.len()
            ));
        }
        match self.number()? {
            SEQUENCE => Ok(outpoint),
            other => Err(format!(
                "the input that spends {outpoint} has the sequence {other:#x}, and must have \
                 {SEQUENCE:#x}"
            )),
        }
    }

    fn output(&mut self) -> Result<SaidOutput, String> {
        Ok(SaidOutput {
            amount: u64::from_le_bytes(self.array()?),
            script: self.script()?.to_vec(),
        })
    }
}

/// As people write it: `txid:vout`, the id in reverse.
impl std::fmt::Display for Outpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.txid.iter().rev().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_char(':')?;
        write!(f, "{}", self.vout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One input, one output; the parts that a payment has in one form only are given.
    fn bytes(version: u32, script_sig: &[u8], sequence: u32, lock_time: u32) -> Vec<u8> {
        let input = [
            &[7; 32][..],
            &3u32.to_le_bytes(),
            &[u8::try_from(script_sig.len()).expect("short")],
            script_sig,
        ]
        .concat();
        let output = [&5_000u64.to_le_bytes()[..], &[2, 0x51, 0x52]].concat();
        let (version, lock_time) = (version.to_le_bytes(), lock_time.to_le_bytes());
        [&version[..], &[1], &input, &sequence.to_le_bytes(), &[1], &output, &lock_time].concat()
    }

    #[test]
    fn reads_a_plain_payment_and_nothing_else() {
        let good = bytes(2, &[], SEQUENCE, 0);
        let said = Said::read(&good).expect("a payment");
        let outpoint = Outpoint { txid: [7; 32], vout: 3 };
        assert_eq!(
            said,
            Said {
                inputs: vec![outpoint],
                outputs: vec![SaidOutput { amount: 5_000, script: vec![0x51, 0x52] }]
            }
        );
        assert_eq!(outpoint.to_string(), format!("{}:3", "07".repeat(32)));
        for length in 0..good.len() {
            assert!(Said::read(&good[..length]).is_err(), "cut to {length}");
        }
        for (wrong, part) in [
            ([&good[..], &[0]].concat(), "1 bytes follow"),
            (bytes(1, &[], SEQUENCE, 0), "version is 1"),
            (bytes(2, &[0x51], SEQUENCE, 0), "script of 1 bytes"),
            (bytes(2, &[], 0xffff_ffff, 0), "sequence 0xffffffff"),
            (bytes(2, &[], SEQUENCE, 1), "lock time is 1"),
        ] {
            let error = Said::read(&wrong).expect_err(part);
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_count_has_one_form() {
        let good = bytes(2, &[], SEQUENCE, 0);
        for long in [&[0xfd, 1, 0][..], &[0xfe, 1, 0, 0, 0], &[0xff, 1, 0, 0, 0, 0, 0, 0, 0]] {
            let wrong = [&good[..4], long, &good[5..]].concat();
            assert!(
                Said::read(&wrong)
                    .expect_err("not the shortest")
                    .contains("longer than it must be")
            );
        }
        let endless = [&good[..4], &[0xff; 9], &good[5..]].concat();
        assert!(Said::read(&endless).is_err());
        let nobody = [&2u32.to_le_bytes()[..], &[0, 0], &0u32.to_le_bytes()].concat();
        assert!(Said::read(&nobody).expect_err("empty").contains("0 inputs"));
    }
}
