//! Which scripts are ours: those that were given out, and some beyond, since who restores a wallet
//! does not know how many were.

use std::collections::BTreeMap;

use bdk_wallet::bitcoin::{Script, ScriptBuf};

use super::{Wallet, WalletError};
use adit_core::{Keychain, Place};

/// How many addresses beyond the last one that was given out are watched (BIP-44, "address gap
/// limit").
pub const GAP_LIMIT: u32 = 20;

/// How many addresses of each keychain were given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Revealed {
    pub external: u32,
    pub internal: u32,
}

/// The scripts of a wallet up to the gap limit, by their bytes.
#[derive(Debug, Clone)]
pub struct Scripts {
    wallet: Wallet,
    places: BTreeMap<ScriptBuf, Place>,
    derived: Revealed,
}

impl Revealed {
    pub fn of(self, keychain: Keychain) -> u32 {
        match keychain {
            Keychain::External => self.external,
            Keychain::Internal => self.internal,
        }
    }

    fn of_mut(&mut self, keychain: Keychain) -> &mut u32 {
        match keychain {
            Keychain::External => &mut self.external,
            Keychain::Internal => &mut self.internal,
        }
    }

    /// With this place given out.
    pub fn with(mut self, place: Place) -> Self {
        let count = self.of_mut(place.keychain);
        *count = (*count).max(place.index.saturating_add(1));
        self
    }
}

impl Scripts {
    /// # Errors
    /// [`WalletError::Index`] where more were given out than there are.
    pub fn new(wallet: Wallet, revealed: Revealed) -> Result<Self, WalletError> {
        let mut scripts = Self { wallet, places: BTreeMap::new(), derived: Revealed::default() };
        scripts.reveal(revealed)?;
        Ok(scripts)
    }

    /// Derives what is missing up to the gap limit; never forgets one.
    ///
    /// # Errors
    /// [`WalletError::Index`].
    pub fn reveal(&mut self, revealed: Revealed) -> Result<(), WalletError> {
        for keychain in Keychain::ALL {
            let end = revealed.of(keychain).saturating_add(GAP_LIMIT);
            for index in self.derived.of(keychain)..end {
                let place = Place { keychain, index };
                self.places.insert(self.wallet.script(place)?, place);
                *self.derived.of_mut(keychain) = index + 1;
            }
        }
        Ok(())
    }

    /// Where a script is in this wallet; none where it is not known to be ours.
    pub fn place_of(&self, script: &Script) -> Option<Place> {
        self.places.get(script).copied()
    }

    /// All that are known to be ours.
    pub fn all(&self) -> impl Iterator<Item = (&ScriptBuf, &Place)> {
        self.places.iter()
    }

    pub fn wallet(&self) -> &Wallet {
        &self.wallet
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeyWallet;
    use super::super::root::tests::{WORDS, root};
    use super::*;
    use crate::Network;

    #[test]
    fn a_script_is_known_up_to_the_gap_limit() {
        let wallet = root(Network::Regtest, WORDS).wallet(KeyWallet::Segwit);
        let script = |keychain, index| wallet.script(Place { keychain, index }).expect("an index");
        let mut scripts =
            Scripts::new(wallet.clone(), Revealed { external: 3, internal: 0 }).expect("few");
        for (keychain, last) in [(Keychain::External, 22), (Keychain::Internal, 19)] {
            assert_eq!(
                scripts.place_of(&script(keychain, last)),
                Some(Place { keychain, index: last })
            );
            assert_eq!(scripts.place_of(&script(keychain, last + 1)), None);
        }
        let next = Place { keychain: Keychain::External, index: 3 };
        scripts.reveal(Revealed { external: 3, internal: 0 }.with(next)).expect("few");
        assert!(scripts.place_of(&script(Keychain::External, 23)).is_some());
        assert_eq!(scripts.place_of(&script(Keychain::Internal, 20)), None);
        scripts.reveal(Revealed::default()).expect("few");
        assert!(scripts.place_of(&script(Keychain::External, 23)).is_some(), "never forgotten");
    }
}
