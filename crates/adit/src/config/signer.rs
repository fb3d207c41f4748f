//! `[signer]`: where keys and journal are, and the caps that hold whatever else goes wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use adit_core::{Amount, AssetId};
use adit_signer::{AssetCaps, EnvironmentId};

use super::section::Section;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    pub journal: PathBuf,
    /// The sealed seed, read where no private key is given.
    pub keys: PathBuf,
    /// Which key of the seed pays.
    pub key_index: u32,
    /// Another process that signs; none: this one does.
    pub socket: Option<PathBuf>,
    pub environment: EnvironmentId,
    pub caps: BTreeMap<AssetId, AssetCaps>,
}

impl Signer {
    /// `decimals` of the assets that exist.
    pub fn read(section: Option<Section<'_>>, decimals: &BTreeMap<AssetId, u8>) -> Self {
        let mut signer = Self {
            journal: "data/signer.journal".into(),
            keys: "data/keys.sealed".into(),
            key_index: 0,
            socket: None,
            environment: EnvironmentId::new("production").expect("a constant name"),
            caps: BTreeMap::new(),
        };
        let Some(section) = section else { return signer };
        signer.journal = section.text("journal").map_or(signer.journal, Into::into);
        signer.keys = section.text("keys").map_or(signer.keys, Into::into);
        signer.key_index = section.number("key_index", 0..=2_147_483_647).unwrap_or(0);
        signer.socket = section.text_or_empty("socket").map(Into::into);
        let named = "a name for this installation: 1 to 64 visible ASCII characters without spaces";
        let environment =
            section.read("environment", named, |value| EnvironmentId::new(value.as_str()?).ok());
        signer.environment = environment.unwrap_or(signer.environment);
        signer.caps = section.of_assets("caps", decimals, read_caps);
        section.finish();
        signer
    }

    /// What may leave; without a cap everything, which is said at start.
    pub fn caps_of(&self, asset: &AssetId) -> AssetCaps {
        self.caps
            .get(asset)
            .copied()
            .unwrap_or(AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX })
    }
}

fn read_caps(section: &Section<'_>, decimals: u8) -> AssetCaps {
    let cap = |key| section.limit(key, decimals).unwrap_or(Amount::MAX);
    AssetCaps { per_transaction: cap("per_transaction"), per_day: cap("per_day") }
}
