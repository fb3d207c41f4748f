//! An account's public key with its origin: what a wallet knows of one who signs.

use adit_core::{Keychain, Place};
use bip32::{ChildNumber, ExtendedKey, ExtendedPublicKey};
use secp256k1::PublicKey;

use super::BitcoinNetwork;

/// Origins are not longer: no standard has more than BIP-48's four steps.
const ORIGIN_STEPS_MAX: usize = 10;
/// Of a text that is refused.
const TEXT_CHARS_SHOWN: usize = 48;
pub(super) const PRIVATE: &str = "there is a private key in it, which does not belong here; give \
    the public one (xpub, tpub), and move what this one holds: it was shown";

/// One key of a wallet, for all of its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cosigner {
    network: BitcoinNetwork,
    /// Of the root key: what other programs know the seed by (BIP-32).
    fingerprint: [u8; 4],
    path: Vec<ChildNumber>,
    account: ExtendedPublicKey<PublicKey>,
    /// External and internal.
    keychains: [ExtendedPublicKey<PublicKey>; 2],
}

impl Cosigner {
    pub fn new(
        network: BitcoinNetwork,
        fingerprint: [u8; 4],
        path: Vec<ChildNumber>,
        account: ExtendedPublicKey<PublicKey>,
    ) -> Result<Self, bip32::Error> {
        let of =
            |keychain: Keychain| account.derive_child(ChildNumber::new(keychain.number(), false)?);
        let keychains = [of(Keychain::External)?, of(Keychain::Internal)?];
        Ok(Self { network, fingerprint, path, account, keychains })
    }

    /// `[fingerprint/path]xpub`, as descriptors write it (BIP-380).
    ///
    /// # Errors
    /// A sentence that names what is wrong with it.
    pub fn parse(network: BitcoinNetwork, text: &str) -> Result<Self, String> {
        if is_private(text) {
            return Err(PRIVATE.to_owned());
        }
        let form = || {
            format!(
                "{:?} is no key with its origin; one is [fingerprint/48'/0'/0'/2']xpub…",
                shortened(text)
            )
        };
        let (origin, key) =
            text.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(form)?;
        let (fingerprint, steps) = origin.split_once('/').unwrap_or((origin, ""));
        let fingerprint = hex::decode(fingerprint)
            .ok()
            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
            .ok_or_else(form)?;
        let steps: Vec<&str> = steps.split('/').filter(|step| !step.is_empty()).collect();
        if steps.len() > ORIGIN_STEPS_MAX {
            return Err(format!(
                "the origin of {} has {} steps; allowed are {ORIGIN_STEPS_MAX}",
                shortened(key),
                steps.len()
            ));
        }
        let path = steps.into_iter().map(step).collect::<Option<Vec<_>>>().ok_or_else(form)?;
        let extended: ExtendedKey = key.parse().map_err(|_| form())?;
        if extended.prefix != network.key_prefix() {
            let key = shortened(key);
            return Err(format!(
                "{key} is no public key of {network}; its keys begin with {}",
                network.key_prefix()
            ));
        }
        let account = ExtendedPublicKey::try_from(extended).map_err(|_| form())?;
        Self::new(network, fingerprint, path, account).map_err(|_| form())
    }

    /// A key with both keychains behind it: `…/<0;1>/*` (BIP-389).
    ///
    /// # Errors
    /// As [`Cosigner::parse`].
    pub fn parse_row(network: BitcoinNetwork, text: &str) -> Result<Self, String> {
        let key = text.strip_suffix("/<0;1>/*").ok_or_else(|| {
            if is_private(text) {
                PRIVATE.to_owned()
            } else {
                format!("{:?} does not end in /<0;1>/*", shortened(text))
            }
        })?;
        Self::parse(network, key)
    }

    /// Whether it is the same key: everything that is derived from it is the same, wherever it is
    /// said to come from.
    pub fn is_key_of(&self, other: &Self) -> bool {
        let key = |one: &Self| (*one.account.public_key(), one.account.attrs().chain_code);
        key(self) == key(other)
    }

    pub fn network(&self) -> BitcoinNetwork {
        self.network
    }

    /// The root key's, as eight hex digits.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint)
    }

    pub fn path(&self) -> &[ChildNumber] {
        &self.path
    }

    pub fn account(&self) -> &ExtendedPublicKey<PublicKey> {
        &self.account
    }

    pub fn keychain(&self, keychain: Keychain) -> &ExtendedPublicKey<PublicKey> {
        let [external, internal] = &self.keychains;
        match keychain {
            Keychain::External => external,
            Keychain::Internal => internal,
        }
    }

    /// None from index 2^31 on (BIP-32).
    pub fn public_key(&self, place: Place) -> Option<PublicKey> {
        Some(
            *self
                .keychain(place.keychain)
                .derive_child(ChildNumber::new(place.index, false).ok()?)
                .ok()?
                .public_key(),
        )
    }

    /// With which anyone sees all addresses and nobody spends: `xpub…`, or `tpub…` on a test
    /// network.
    pub fn xpub(&self) -> String {
        self.account.to_string(self.network.key_prefix())
    }

    /// Where it comes from, and the key: `[73c5da0a/84'/1'/0']tpub…`.
    pub fn origin_and_key(&self) -> String {
        let steps: String = self
            .path
            .iter()
            .map(|step| format!("/{}{}", step.index(), if step.is_hardened() { "'" } else { "" }))
            .collect();
        format!("[{}{steps}]{}", self.fingerprint(), self.xpub())
    }
}

/// Whether there is an extended private key in it (`xprv`, `tprv`, `zprv`…), which is never
/// repeated.
pub(super) fn is_private(text: &str) -> bool {
    text.contains("prv")
}

/// Enough of a text to find it by.
pub(super) fn shortened(text: &str) -> String {
    let short: String = text.chars().take(TEXT_CHARS_SHOWN).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// `48'` and `48h` are the same.
fn step(text: &str) -> Option<ChildNumber> {
    let number = text.strip_suffix(['\'', 'h']);
    ChildNumber::new(number.unwrap_or(text).parse().ok()?, number.is_some()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP-84's account 0 on mainnet, as an xpub.
    const KEY: &str = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V";

    #[test]
    fn a_key_is_read_with_its_origin_and_printed_again() {
        let text = format!("[73c5da0a/84'/0'/0']{KEY}");
        let cosigner = Cosigner::parse(BitcoinNetwork::Mainnet, &text).expect("a key");
        assert_eq!(cosigner.origin_and_key(), text);
        let with_h = text.replace('\'', "h");
        assert_eq!(Cosigner::parse(BitcoinNetwork::Mainnet, &with_h), Ok(cosigner));
    }

    #[test]
    fn what_is_no_key_says_why() {
        let of =
            |text: String| Cosigner::parse(BitcoinNetwork::Mainnet, &text).expect_err("no key");
        let deep = "/0".repeat(11);
        for wrong in [
            KEY.to_owned(),
            format!("[73c5da0a/84'{KEY}"),
            format!("[73c5da/84']{KEY}"),
            format!("[73c5da0a/x]{KEY}"),
        ] {
            assert!(of(wrong.clone()).contains("is no key with its origin"), "{wrong}");
        }
        assert!(of(format!("[73c5da0a]{}", &KEY[..100])).contains("is no key with its origin"));
        assert!(of(format!("[73c5da0a{deep}]{KEY}")).contains("11 steps"));
        let private = "xprv9xgqHN7yz9MwCkxsBPN5qetuNdQSUttZNKw1dcYTV4mkaAFiBVGQziHs3NRSWMkCzvgjEe3n9xV8oYywvM8at9yRqyaZVz6TYYhX98VjsUk";
        for text in [
            private.to_owned(),
            format!("[73c5da0a]{private}"),
            format!("[73c5da0a]{private}/<0;1>/*"),
        ] {
            let said =
                Cosigner::parse_row(BitcoinNetwork::Mainnet, &text).expect_err("a private key");
            assert!(said.contains("private key") && !said.contains("9xgqH"), "{said}");
        }
        let regtest = Cosigner::parse(BitcoinNetwork::Regtest, &format!("[73c5da0a]{KEY}"));
        assert!(regtest.expect_err("of mainnet").contains("its keys begin with tpub"));
    }
}
