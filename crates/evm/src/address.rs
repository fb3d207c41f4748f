//! Addresses: one canonical form (EIP-55), and those that money must not go to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use adit_chain::{ParsedDestination, RefusedDestination, trimmed};
use adit_core::Destination;
use alloy::primitives::Address;

use crate::refused_address;

/// Precompiles live at 0x1 to 0x11 today; EIPs have claimed up to 0x100 (RIP-7212), chains go on
/// from there.
const PRECOMPILES_END: u64 = 0x1ff;

/// What is known of addresses on one chain before anyone asks it.
#[derive(Debug, Clone, Default)]
pub struct AddressBook {
    /// Accept addresses without a checksum (all lower case).
    pub lower_case: bool,
    /// The chain that pays, for texts that name another one.
    pub chain_id: Option<u64>,
    /// Addresses that may not be paid, and what they are.
    pub forbidden: BTreeMap<Address, String>,
}

impl AddressBook {
    /// Reads an address as a person gives it, blanks at its ends included.
    ///
    /// # Errors
    /// `Invalid` for everything that is not `0x` and 40 hex digits with the checksum of EIP-55;
    /// `Forbidden` for what cannot or must not be paid (window F53).
    pub fn parse(&self, text: &str) -> Result<ParsedDestination, RefusedDestination> {
        let text = trimmed(text);
        let address = self.read(text).ok_or_else(|| refused_address::explain(self, text))?;
        match self.forbids(address) {
            Some(what) => {
                Err(RefusedDestination::Forbidden { got: address.to_checksum(None), what })
            }
            None => Ok(ParsedDestination(canonical(address))),
        }
    }

    fn read(&self, text: &str) -> Option<Address> {
        match Written::read(text)? {
            Written::Checked(address) => Some(address),
            Written::Unchecked(address) => (self.lower_case
                && text.bytes().all(|byte| !byte.is_ascii_uppercase()))
            .then_some(address),
            Written::Mistyped => None,
        }
    }

    /// What an address looks like here.
    pub(crate) fn allowed(&self) -> String {
        let case = if self.lower_case {
            "with the checksum of EIP-55 or all lower case"
        } else {
            "with the checksum of EIP-55"
        };
        format!("0x and 40 hex digits, {case}")
    }

    fn forbids(&self, address: Address) -> Option<String> {
        if address.is_zero() {
            return Some("the zero address".to_owned());
        }
        let number = alloy::primitives::U256::from_be_slice(address.as_slice());
        if number <= alloy::primitives::U256::from(PRECOMPILES_END) {
            return Some("a precompiled contract".to_owned());
        }
        self.forbidden.get(&address).cloned()
    }
}

/// `0x` and 40 hex digits, by what their case says (EIP-55).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// With its checksum.
    Checked(Address),
    /// All letters of one case, which is no checksum.
    Unchecked(Address),
    /// Of both cases, and not as the checksum wants them.
    Mistyped,
}

impl Written {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40)?;
        let address: Address =
            digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| text.parse().ok())??;
        let has = |case: fn(&u8) -> bool| digits.bytes().any(|byte| case(&byte));
        Some(match (has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase)) {
            _ if address.to_checksum(None) == text => Self::Checked(address),
            (true, true) => Self::Mistyped,
            (true, false) | (false, _) => Self::Unchecked(address),
        })
    }
}

/// An address that is written in one case, with its checksum (EIP-55). Any other text as it is.
/// Only for addresses that are proved otherwise: in one case a mistyped digit is not seen.
pub fn with_checksum(text: &str) -> Cow<'_, str> {
    match Written::read(trimmed(text)) {
        Some(Written::Unchecked(address)) => Cow::Owned(address.to_checksum(None)),
        Some(Written::Checked(_) | Written::Mistyped) | None => Cow::Borrowed(text),
    }
}

/// The one form in which addresses are stored and shown.
pub fn canonical(address: Address) -> Destination {
    Destination::new(address.to_checksum(None))
        .expect("0x and 40 hex digits are letters and digits")
}

/// The address behind a destination that was parsed before.
pub fn address_of(destination: &Destination) -> Option<Address> {
    destination.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

    fn book(lower_case: bool) -> AddressBook {
        let token = TOKEN.parse().expect("an address");
        AddressBook {
            lower_case,
            chain_id: Some(8_453),
            forbidden: BTreeMap::from([(token, "the contract of DG".to_owned())]),
        }
    }

    /// The vectors of EIP-55.
    #[test]
    fn published_checksums_are_accepted_as_they_are() {
        for text in [
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
            "0xde709f2102306220921060314715629080e2fb77",
            "0x27b1fdb04752bbc536007a920d24acb045561c26",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            assert_eq!(
                book(false).parse(text).map(|parsed| parsed.0.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn lower_case_needs_permission_and_becomes_canonical() {
        let lower = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
        assert!(matches!(book(false).parse(lower), Err(RefusedDestination::Invalid { .. })));
        let parsed = book(true).parse(lower).expect("allowed here");
        assert_eq!(parsed.0.as_str(), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
    }

    #[test]
    fn blanks_at_the_ends_are_no_part_of_an_address() {
        let good = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        for text in [format!(" {good}"), format!("{good}\n"), format!("\u{feff}{good}\u{a0}\t")] {
            assert_eq!(
                book(false).parse(&text).map(|parsed| parsed.0.to_string()),
                Ok(good.to_owned()),
                "{text:?}"
            );
        }
        assert!(matches!(
            book(false).parse(&format!("\t{TOKEN}")),
            Err(RefusedDestination::Forbidden { .. })
        ));
    }

    #[test]
    fn other_texts_are_invalid() {
        for text in [
            "",
            "vitalik.eth",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
            "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "０x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ] {
            assert!(
                matches!(book(true).parse(text), Err(RefusedDestination::Invalid { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn f53_some_addresses_may_not_be_paid() {
        let precompile = |number: u64| format!("0x{number:040x}");
        for text in
            [precompile(0), precompile(1), precompile(0x100), precompile(0x1ff), TOKEN.to_owned()]
        {
            assert!(
                matches!(book(true).parse(&text), Err(RefusedDestination::Forbidden { .. })),
                "{text}"
            );
        }
        assert!(book(true).parse(&precompile(0x200)).is_ok());
    }
}
