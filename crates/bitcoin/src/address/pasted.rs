//! What a text is that is no address, as far as its form shows: a payment URI, an invoice, a key,
//! another chain's address.

use adit_chain::{PaymentUri, joined};
use bdk_wallet::bitcoin::base58;

use super::{Address, AddressError};
use crate::Network;

/// Beginnings of Lightning invoices (BOLT 11), offers (BOLT 12) and LNURLs.
const LIGHTNING: [&str; 6] = ["lnbc", "lntb", "lnbcrt", "lnurl1", "lno1", "lightning"];
/// A private key in base58 (WIF): its version byte, 32 bytes, and one more where its public key is
/// compressed.
const WIF_VERSIONS: [u8; 2] = [0x80, 0xef];
const WIF_BYTES: [usize; 2] = [33, 34];
/// BIP-32: an extended key has 78 bytes.
const EXTENDED_KEY_BYTES: usize = 78;

/// What says more than `plain`, which is why the text itself is no address of this network.
pub(super) fn explain(network: Network, text: &str, plain: AddressError) -> AddressError {
    if text.is_empty() {
        return AddressError::Empty;
    }
    if let Some(uri) = PaymentUri::read(text) {
        return of_uri(network, &uri);
    }
    let lower = text.to_ascii_lowercase();
    if LIGHTNING.iter().any(|beginning| lower.starts_with(beginning)) {
        return AddressError::Lightning;
    }
    if lower.starts_with("0x") {
        return AddressError::Hexadecimal { wanted: network };
    }
    if let Some(key) = key(text) {
        return key;
    }
    match joined(text).map(|text| Address::strictly(network, &text)) {
        Some(Ok(address)) => AddressError::Blank { paste: address.text },
        Some(Err(_)) | None if text.contains(['@', '.']) => AddressError::Name,
        Some(Err(_)) | None => plain,
    }
}

/// BIP 21, and BIP 321 which takes its place: `bitcoin:ADDRESS?amount=…`.
fn of_uri(network: Network, uri: &PaymentUri<'_>) -> AddressError {
    match uri.scheme.as_str() {
        "bitcoin" if uri.path.is_empty() => AddressError::UriWithoutAddress,
        "bitcoin" => match Address::strictly(network, uri.path) {
            Ok(address) => AddressError::PaymentUri { paste: address.text },
            Err(inner) => AddressError::InPaymentUri { inner: Box::new(inner) },
        },
        "lightning" => AddressError::Lightning,
        scheme => AddressError::OtherUri { scheme: scheme.to_owned() },
    }
}

fn key(text: &str) -> Option<AddressError> {
    let payload = base58::decode_check(text).ok()?;
    match payload.first() {
        Some(version) if WIF_VERSIONS.contains(version) && WIF_BYTES.contains(&payload.len()) => {
            Some(AddressError::PrivateKey)
        }
        Some(_) if payload.len() == EXTENDED_KEY_BYTES && text.get(1..4) == Some("prv") => {
            Some(AddressError::PrivateKey)
        }
        Some(_) if payload.len() == EXTENDED_KEY_BYTES => Some(AddressError::ExtendedKey),
        Some(_) | None => None,
    }
}
