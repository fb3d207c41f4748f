//! Destinations: one parser, one canonical form (window F68).
//!
//! What is accepted can be paid by a standard transaction and spent by its owner today: P2PKH,
//! P2SH, P2WPKH, P2WSH, P2TR. What a later soft fork may give a meaning to is refused, since until
//! then anyone may take it. The canonical form is the lower-case bech32 or the base58 text, and
//! what is written must read back as the same script.

mod pasted;

use adit_chain::{RefusedDestination, trimmed};
use adit_core::Destination;
use bdk_wallet::bitcoin::bech32::primitives::decode::{
    SegwitHrpstring, SegwitHrpstringError, UncheckedHrpstring,
};
use bdk_wallet::bitcoin::bech32::{Bech32, Bech32m, Fe32};
use bdk_wallet::bitcoin::{self, NetworkKind, ScriptBuf, WitnessProgram, WitnessVersion, base58};

use crate::{Network, ScriptKind};

/// BIP-173: a segwit address has at most 90 characters; base58 ones are shorter.
pub const ADDRESS_CHARS_MAX: usize = 90;
/// Of a segwit address' data part: one character of version first, six of checksum last.
const VERSION_CHARS: usize = 1;
const CHECKSUM_CHARS: usize = 6;
/// BIP-141: versions are 0 to 16.
const WITNESS_VERSION_MAX: u8 = 16;
/// Version bytes of base58 addresses (Bitcoin Core, `chainparams.cpp`): P2PKH and P2SH of a
/// network.
const BASE58_MAIN: (u8, u8) = (0, 5);
const BASE58_TEST: (u8, u8) = (111, 196);

/// A destination on one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: Destination,
    script: ScriptBuf,
    kind: ScriptKind,
}

/// Why a text is not a destination here. Each says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("it is empty; paste an address")]
    Empty,
    #[error(
        "it is a payment URI (BIP 21), and only the address is taken from it, no amount; paste \
         {paste}"
    )]
    PaymentUri { paste: Destination },
    #[error("it is a payment URI (BIP 21), and the address in it cannot be paid: {inner}")]
    InPaymentUri { inner: Box<AddressError> },
    #[error("it is a payment URI (BIP 321) without an address; ask for an address")]
    UriWithoutAddress,
    #[error("it is a URI of {scheme:?}, which is not paid here; ask for a Bitcoin address")]
    OtherUri { scheme: String },
    #[error("it is for Lightning, and payments go on chain; ask for a Bitcoin address")]
    Lightning,
    #[error(
        "it begins with 0x, like addresses of EVM chains; ask for a Bitcoin address of {wanted}"
    )]
    Hexadecimal { wanted: Network },
    #[error(
        "it is a private key, which belongs to nobody but its owner: whoever has seen it can take \
         what it holds; paste an address of the wallet"
    )]
    PrivateKey,
    #[error(
        "it is an extended public key, which stands for a whole wallet; paste one address of that \
         wallet"
    )]
    ExtendedKey,
    #[error("names are not looked up; paste the address that the name stands for")]
    Name,
    #[error("a blank or an invisible character stands within it; paste {paste}")]
    Blank { paste: Destination },
    #[error(
        "an address has 1 to {ADDRESS_CHARS_MAX} ASCII letters and digits, and this has {chars} \
         characters or others among them"
    )]
    Characters { chars: usize },
    #[error("this is an address of {got}, and payments go to {wanted}; ask for one of {wanted}")]
    OtherNetwork { got: &'static str, wanted: Network },
    #[error("this begins with {prefix:?}, which is no address of Bitcoin; on {wanted} they begin \
        with {:?}", wanted.prefix())]
    OtherPrefix { prefix: String, wanted: Network },
    #[error("upper and lower case are mixed; an address in bech32 is all of one case")]
    MixedCase,
    #[error(
        "the checksum is wrong: a character was changed, lost or added; copy the address again"
    )]
    Checksum,
    #[error(
        "witness version {version} has the checksum of {got}, and must have that of {wanted}; the \
         wallet that wrote it is outdated"
    )]
    ChecksumKind { version: u8, got: &'static str, wanted: &'static str },
    #[error(
        "witness version {version} has no meaning yet; allowed are 0 (P2WPKH, P2WSH) and 1 (P2TR)"
    )]
    WitnessVersion { version: u8 },
    #[error("the witness program of version {version} has {bytes} bytes; allowed are {allowed}")]
    ProgramLength { version: u8, bytes: usize, allowed: &'static str },
    #[error(
        "this is no Bitcoin address; allowed are P2PKH, P2SH (base58) and P2WPKH, P2WSH (bech32) \
         and P2TR (bech32m) of {wanted}"
    )]
    Malformed { wanted: Network },
}

impl AddressError {
    /// The address to give instead, where there is one.
    pub fn paste(&self) -> Option<&Destination> {
        match self {
            Self::PaymentUri { paste } | Self::Blank { paste } => Some(paste),
            Self::Empty
            | Self::InPaymentUri { .. }
            | Self::UriWithoutAddress
            | Self::OtherUri { .. }
            | Self::Lightning
            | Self::Hexadecimal { .. }
            | Self::PrivateKey
            | Self::ExtendedKey
            | Self::Name
            | Self::Characters { .. }
            | Self::OtherNetwork { .. }
            | Self::OtherPrefix { .. }
            | Self::MixedCase
            | Self::Checksum
            | Self::ChecksumKind { .. }
            | Self::WitnessVersion { .. }
            | Self::ProgramLength { .. }
            | Self::Malformed { .. } => None,
        }
    }

    /// The refusal that callers see.
    pub(crate) fn refused(&self, network: Network, text: &str) -> RefusedDestination {
        let allowed = format!(
            "a Bitcoin address of {network}, beginning with {:?} or in base58",
            network.prefix()
        );
        if matches!(self, Self::PrivateKey) {
            return RefusedDestination::secret(self.to_string(), allowed);
        }
        RefusedDestination::invalid(
            trimmed(text),
            self.to_string(),
            allowed,
            self.paste().map(ToString::to_string),
        )
    }
}

impl Address {
    /// Reads an address as a person gives it, blanks at its ends included.
    ///
    /// # Errors
    /// [`AddressError`], with what is wrong and what to paste.
    pub fn parse(network: Network, text: &str) -> Result<Self, AddressError> {
        let text = trimmed(text);
        Self::strictly(network, text).map_err(|plain| pasted::explain(network, text, plain))
    }

    /// Reads nothing but an address.
    fn strictly(network: Network, text: &str) -> Result<Self, AddressError> {
        let chars = text.chars().count();
        if !(1..=ADDRESS_CHARS_MAX).contains(&chars)
            || !text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(AddressError::Characters { chars });
        }
        let script = match segwit_prefix(text) {
            Some(prefix) => segwit(network, text, &prefix)?,
            None => legacy(network, text)?,
        };
        Self::of_script(network, script)
            .ok_or(AddressError::Malformed { wanted: network })
            .and_then(|address| address.same_as(network, text))
    }

    /// The address of a script, where it has one that is accepted here.
    pub fn of_script(network: Network, script: ScriptBuf) -> Option<Self> {
        let kind = ScriptKind::of(&script)?;
        let text = bitcoin::Address::from_script(&script, network.inner()).ok()?.to_string();
        let text =
            Destination::new(text).expect("addresses are at most 90 ASCII letters and digits");
        Some(Self { text, script, kind })
    }

    /// The form in which it is stored and shown.
    pub fn destination(&self) -> &Destination {
        &self.text
    }

    pub fn script(&self) -> &ScriptBuf {
        &self.script
    }

    pub fn kind(&self) -> ScriptKind {
        self.kind
    }

    /// What was read must be what is written: bech32 but for its case, base58 to the letter.
    fn same_as(self, network: Network, text: &str) -> Result<Self, AddressError> {
        let same = if self.kind.is_segwit() {
            self.text.as_str().eq_ignore_ascii_case(text)
        } else {
            self.text.as_str() == text
        };
        if same { Ok(self) } else { Err(AddressError::Malformed { wanted: network }) }
    }
}

/// The prefix before the last '1', in lower case, where the text is meant as bech32: it has a
/// prefix of letters and an eye for a checksum, or the prefix is one of Bitcoin's.
fn segwit_prefix(text: &str) -> Option<String> {
    let (prefix, _) = text.rsplit_once('1')?;
    let prefix = prefix.to_ascii_lowercase();
    let ours = Network::ALL.iter().any(|network| network.prefix() == prefix);
    let checks = UncheckedHrpstring::new(text).is_ok_and(|read| {
        read.has_valid_checksum::<Bech32>() || read.has_valid_checksum::<Bech32m>()
    });
    (ours || checks).then_some(prefix)
}

fn segwit(wanted: Network, text: &str, prefix: &str) -> Result<ScriptBuf, AddressError> {
    if prefix != wanted.prefix() {
        return Err(match prefix {
            "bc" => AddressError::OtherNetwork { got: "mainnet", wanted },
            "tb" => AddressError::OtherNetwork { got: "a test network", wanted },
            "bcrt" => AddressError::OtherNetwork { got: "regtest", wanted },
            _ => AddressError::OtherPrefix { prefix: prefix.to_owned(), wanted },
        });
    }
    if text.bytes().any(|byte| byte.is_ascii_lowercase())
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        return Err(AddressError::MixedCase);
    }
    let read = UncheckedHrpstring::new(text).map_err(|_| AddressError::Checksum)?;
    let version = witness_version(&read).ok_or(AddressError::Malformed { wanted })?;
    check_checksum(&read, version)?;
    let program = program(text, version, wanted)?;
    check_program(version, program.len())?;
    let version = WitnessVersion::try_from(version).expect("0 and 1 are witness versions");
    Ok(ScriptBuf::new_witness_program(
        &WitnessProgram::new(version, &program).expect("20 or 32 bytes fit these versions"),
    ))
}

/// The first character of the data, where there is data before the checksum.
fn witness_version(read: &UncheckedHrpstring<'_>) -> Option<u8> {
    let data = read.data_part_ascii();
    let first = data.first().filter(|_| data.len() > CHECKSUM_CHARS)?;
    Fe32::from_char(char::from(*first)).ok().map(Fe32::to_u8)
}

/// BIP-350: version 0 has the checksum of bech32, all others that of bech32m.
fn check_checksum(read: &UncheckedHrpstring<'_>, version: u8) -> Result<(), AddressError> {
    let (bech32, bech32m) =
        (read.has_valid_checksum::<Bech32>(), read.has_valid_checksum::<Bech32m>());
    match (version, bech32, bech32m) {
        (0, true, _) | (1.., _, true) => Ok(()),
        (0, false, true) => {
            Err(AddressError::ChecksumKind { version, got: "bech32m", wanted: "bech32" })
        }
        (1.., true, false) => {
            Err(AddressError::ChecksumKind { version, got: "bech32", wanted: "bech32m" })
        }
        (_, false, false) => Err(AddressError::Checksum),
    }
}

/// The bytes after the version. Padding that is too long or not zero is an error here (BIP-173).
fn program(text: &str, version: u8, wanted: Network) -> Result<Vec<u8>, AddressError> {
    if version > WITNESS_VERSION_MAX {
        return Err(AddressError::WitnessVersion { version });
    }
    match SegwitHrpstring::new(text) {
        Ok(program) => Ok(program.byte_iter().collect()),
        Err(SegwitHrpstringError::WitnessLength(_)) => {
            let data = text.len() - text.rfind('1').unwrap_or(0) - 1;
            let symbols = data.saturating_sub(CHECKSUM_CHARS + VERSION_CHARS);
            Err(AddressError::ProgramLength {
                version,
                bytes: symbols * 5 / 8,
                allowed: lengths(version),
            })
        }
        Err(_) => Err(AddressError::Malformed { wanted }),
    }
}

fn check_program(version: u8, bytes: usize) -> Result<(), AddressError> {
    match (version, bytes) {
        (0, 20 | 32) | (1, 32) => Ok(()),
        (0 | 1, _) => {
            Err(AddressError::ProgramLength { version, bytes, allowed: lengths(version) })
        }
        (2.., _) => Err(AddressError::WitnessVersion { version }),
    }
}

fn lengths(version: u8) -> &'static str {
    match version {
        0 => "20 (P2WPKH) and 32 (P2WSH)",
        1 => "32 (P2TR)",
        _ => "2 to 40, in versions to come",
    }
}

fn legacy(wanted: Network, text: &str) -> Result<ScriptBuf, AddressError> {
    let payload = base58::decode_check(text).map_err(|error| {
        let mistyped = matches!(error, base58::Error::IncorrectChecksum(_));
        if mistyped { AddressError::Checksum } else { AddressError::Malformed { wanted } }
    })?;
    let malformed = || AddressError::Malformed { wanted };
    let (version, hash) = payload.split_first().ok_or_else(malformed)?;
    let hash: [u8; 20] = hash.try_into().map_err(|_| malformed())?;
    let (allowed, others, other) = match wanted.kind() {
        NetworkKind::Main => (BASE58_MAIN, BASE58_TEST, "a test network"),
        NetworkKind::Test => (BASE58_TEST, BASE58_MAIN, "mainnet"),
    };
    if *version == others.0 || *version == others.1 {
        return Err(AddressError::OtherNetwork { got: other, wanted });
    }
    use bitcoin::hashes::Hash;
    match *version {
        version if version == allowed.0 => {
            Ok(ScriptBuf::new_p2pkh(&bitcoin::PubkeyHash::from_byte_array(hash)))
        }
        version if version == allowed.1 => {
            Ok(ScriptBuf::new_p2sh(&bitcoin::ScriptHash::from_byte_array(hash)))
        }
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests;
