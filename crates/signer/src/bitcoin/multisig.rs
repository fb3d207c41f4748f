//! `wsh(sortedmulti(k,…))`: a wallet that spends when k of its n keys have signed (BIP-67,
//! BIP-380).

use adit_core::{Keychain, Place};
use sha2::{Digest as _, Sha256};

use super::account_key::AccountKey;
use super::bech32::Program;
use super::cosigner::{Cosigner, PRIVATE, is_private, shortened};
use super::{BitcoinNetwork, descriptor};

/// One opcode names how many keys there are (Bitcoin Core, `script.h`: `OP_16` is the last).
const KEYS_MAX: usize = 16;
const OP_1: u8 = 0x51;
const OP_CHECKMULTISIG: u8 = 0xae;
const KEY_BYTES: usize = 33;
/// A count, an opcode in front and two behind, beside the keys with their lengths.
const SCRIPT_BYTES_WITHOUT_KEYS: u64 = 3;
/// A length, a DER signature of at most 71 bytes with low S (BIP-66, BIP-146), its kind.
const SIGNATURE_BYTES: u64 = 1 + 72;

/// Whose signatures spend, and which key of them is here, if any.
pub(super) struct Multisig {
    needed: usize,
    cosigners: Vec<Cosigner>,
    own: Option<AccountKey>,
}

impl Multisig {
    /// Reads a descriptor without its checksum.
    ///
    /// # Errors
    /// A sentence that names what is wrong with it.
    pub fn parse(network: BitcoinNetwork, body: &str, seed: Option<&[u8]>) -> Result<Self, String> {
        if is_private(body) {
            return Err(PRIVATE.to_owned());
        }
        let body_shown = shortened(body);
        let form = || {
            format!(
                "{body_shown:?} is no wallet here; allowed are wpkh(key), tr(key) and \
                 wsh(sortedmulti(2,key,key,key))"
            )
        };
        let inner = body
            .strip_prefix("wsh(sortedmulti(")
            .and_then(|rest| rest.strip_suffix("))"))
            .ok_or_else(form)?;
        let (needed, keys) = inner.split_once(',').ok_or_else(form)?;
        let needed: usize = needed.parse().map_err(|_| form())?;
        let cosigners = keys
            .split(',')
            .map(|key| Cosigner::parse_row(network, key))
            .collect::<Result<Vec<_>, _>>()?;
        if needed == 0 || needed > cosigners.len() || cosigners.len() > KEYS_MAX {
            return Err(format!(
                "{needed} of {} keys cannot be; allowed are 1 to n of n keys, n at most {KEYS_MAX}",
                cosigners.len()
            ));
        }
        let twice = (1..cosigners.len()).find(|place| {
            cosigners[..*place].iter().any(|other| other.is_key_of(&cosigners[*place]))
        });
        if let Some(place) = twice {
            return Err(format!(
                "the key {} is twice in it; every signer has his own",
                cosigners[place].xpub()
            ));
        }
        let own = seed
            .and_then(|seed| cosigners.iter().find_map(|cosigner| AccountKey::of(cosigner, seed)));
        Ok(Self { needed, cosigners, own })
    }

    pub fn needed(&self) -> usize {
        self.needed
    }

    pub fn cosigners(&self) -> &[Cosigner] {
        &self.cosigners
    }

    pub fn own(&self) -> Option<&AccountKey> {
        self.own.as_ref()
    }

    /// `keychains` is what stands between the key and the index: a number, or `<0;1>`.
    pub fn descriptor(&self, keychains: &str) -> String {
        let keys: Vec<String> = self
            .cosigners
            .iter()
            .map(|cosigner| format!("{}/{keychains}/*", cosigner.origin_and_key()))
            .collect();
        descriptor::with_checksum(&format!("wsh(sortedmulti({},{}))", self.needed, keys.join(",")))
    }

    /// The keys in the order of their bytes (BIP-67), between how many must sign and how many there
    /// are.
    pub fn witness_script(&self, place: Place) -> Option<Vec<u8>> {
        let keys =
            self.cosigners.iter().map(|cosigner| Some(cosigner.public_key(place)?.serialize()));
        let mut keys = keys.collect::<Option<Vec<[u8; KEY_BYTES]>>>()?;
        keys.sort_unstable();
        let opcode = |count: usize| OP_1 - 1 + u8::try_from(count).expect("at most 16");
        let pushed = keys.iter().flat_map(|key| [&[33u8][..], key].concat());
        Some(
            [opcode(self.needed)]
                .into_iter()
                .chain(pushed)
                .chain([opcode(keys.len()), OP_CHECKMULTISIG])
                .collect(),
        )
    }

    /// BIP-141: version 0, the hash of the script.
    pub fn program(&self, place: Place) -> Option<Program> {
        Some(Program { version: 0, bytes: Sha256::digest(self.witness_script(place)?).to_vec() })
    }

    /// What an input has beside the transaction when it is signed, at most: a count, the nothing
    /// that CHECKMULTISIG takes away, the signatures, and the script behind its length.
    pub fn witness_bytes(&self) -> u64 {
        let script =
            SCRIPT_BYTES_WITHOUT_KEYS + (1 + KEY_BYTES as u64) * self.cosigners.len() as u64;
        let length = if script < 0xfd { 1 } else { 3 };
        2 + self.needed as u64 * SIGNATURE_BYTES + length + script
    }
}

impl std::fmt::Debug for Multisig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Multisig({})", self.descriptor(&Keychain::External.number().to_string()))
    }
}
