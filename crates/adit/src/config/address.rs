//! Addresses of contracts and wallets, as an explorer shows them or all in lower case.

use adit_core::Destination;
use adit_evm::AddressBook;

pub const ADDRESS_FORM: &str = "an address: 0x and 40 hex digits, with the checksum of EIP-55 or all lower case, and not the \
     zero address";

/// In its one canonical form.
pub fn address(text: &str) -> Option<Destination> {
    let anywhere = AddressBook { lower_case: true, ..AddressBook::default() };
    anywhere.parse(text).ok().map(|parsed| parsed.0)
}
