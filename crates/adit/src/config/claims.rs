//! `[claims]` and `[membership]`: how points become a token, and who may ask.

use adit_core::{AssetId, Book, Destination, Rate, Span, Tier};

use super::address::{ADDRESS_FORM, address};
use super::section::Section;

/// A day: a signature that can be used for longer is a liability of its signer.
const DEADLINE_SECONDS_MAX: u64 = 86_400;
/// EIP-712 sets no bound; a wallet shows the name to a person.
const DOMAIN_CHARS_MAX: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub asset: AssetId,
    pub book: Book,
    pub points: AssetId,
    pub points_decimals: u8,
    pub rate: Rate,
    pub domain_name: String,
    pub domain_version: String,
    pub deadline_ahead_max: Span,
    /// Accept 64-byte signatures (EIP-2098).
    pub compact_signatures: bool,
    /// Accept signatures of contract wallets that are not deployed yet (ERC-6492).
    pub undeployed_wallets: bool,
}

impl Claims {
    pub fn read(section: Section<'_>) -> Option<Self> {
        section.require("asset", "the asset that claims are paid in");
        let asset: Option<AssetId> = section.typed("asset", "an asset's name");
        let claims = Self {
            book: section
                .typed("book", "1 to 32 of a-z, 0-9, '-', '_'")
                .unwrap_or(Book::new("xp").expect("a constant name")),
            points: section
                .typed("points", "an asset's name")
                .unwrap_or(AssetId::new("XP").expect("a constant name")),
            points_decimals: section.number("points_decimals", 0..=18).unwrap_or(0),
            rate: section
                .typed(
                    "rate",
                    "a fraction of whole tokens per whole point, like \"1/1\" or \"3/2\"",
                )
                .unwrap_or(Rate::ONE),
            domain_name: read_domain(&section, "domain_name")
                .unwrap_or("P2E Inferno DG Withdrawal".to_owned()),
            domain_version: read_domain(&section, "domain_version").unwrap_or("1".to_owned()),
            deadline_ahead_max: section
                .seconds("deadline_seconds_max", 1..=DEADLINE_SECONDS_MAX)
                .unwrap_or(Span::from_seconds(900)),
            compact_signatures: section.flag("compact_signatures").unwrap_or(false),
            undeployed_wallets: section.flag("undeployed_wallets").unwrap_or(false),
            asset: asset.unwrap_or(AssetId::new("DG").expect("a constant name")),
        };
        section.finish();
        Some(claims)
    }
}

fn read_domain(section: &Section<'_>, key: &'static str) -> Option<String> {
    let allowed = format!("a text of 1 to {DOMAIN_CHARS_MAX} characters, without spaces around it");
    section.read(key, allowed, |value| {
        let text = value.as_str()?;
        let fits =
            !text.is_empty() && text.trim() == text && text.chars().count() <= DOMAIN_CHARS_MAX;
        fits.then(|| text.to_owned())
    })
}

/// Who may claim, by a lock of the Unlock Protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    Open,
    Required {
        lock: Destination,
    },
    /// Everyone; members have the limits of a tier.
    Tiered {
        lock: Destination,
        tier: Tier,
    },
}

#[derive(Clone, Copy)]
enum Mode {
    Open,
    Required,
    Tiered,
}

impl Membership {
    /// Without a mode: `required` once a lock is named, else `open`.
    pub fn read(section: Option<Section<'_>>) -> Self {
        let Some(section) = section else { return Self::Open };
        let lock = section.read("lock", ADDRESS_FORM, |value| address(value.as_str()?));
        let mode = section.choice(
            "mode",
            &[("required", Mode::Required), ("open", Mode::Open), ("tiered", Mode::Tiered)],
        );
        let tier = section
            .typed("tier", "1 to 32 of a-z, 0-9, '-', '_'")
            .unwrap_or(Tier::new("member").expect("a constant name"));
        let mode = mode.unwrap_or(if section.has("lock") { Mode::Required } else { Mode::Open });
        let membership = match (mode, lock) {
            (Mode::Open, _) => Self::Open,
            (Mode::Required, Some(lock)) => Self::Required { lock },
            (Mode::Tiered, Some(lock)) => Self::Tiered { lock, tier },
            (Mode::Required | Mode::Tiered, None) => {
                section.require(
                    "lock",
                    "the address of the lock (or NEXT_PUBLIC_DG_NATION_LOCK_ADDRESS), or say mode \
                     = \"open\"",
                );
                Self::Open
            }
        };
        section.finish();
        membership
    }
}
