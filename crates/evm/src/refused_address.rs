//! What a text is that is no address here, and what to paste instead.
//!
//! An address inside a longer text is never taken by itself: what stands beside it (a chain, a
//! token, an amount) would be ignored. It is offered with its checksum only; where it has none, the
//! sentence asks for a comparison, since a mistyped digit would not be noticed.

use adit_chain::{PaymentUri, RefusedDestination, joined};

use crate::address::{AddressBook, Written};

/// A transaction's hash, or a private key.
const WORD_DIGITS: usize = 64;
const ADDRESS_DIGITS: usize = 40;
const COPY_AGAIN: &str = "copy it again from the wallet";

/// A sentence, and the address to give instead.
struct Advice {
    wrong: String,
    paste: Option<String>,
}

/// The refusal of a text without blanks around it that [`AddressBook::parse`] does not accept.
pub(crate) fn explain(book: &AddressBook, text: &str) -> RefusedDestination {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.len() == WORD_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let wrong = "64 hex digits are a transaction's hash or a private key, which belongs to nobody but its owner; \
                     paste the address, 0x and 40 hex digits";
        return RefusedDestination::secret(wrong.to_owned(), book.allowed());
    }
    let Advice { wrong, paste } = advice(book, text, digits);
    RefusedDestination::invalid(text, wrong, book.allowed(), paste)
}

fn advice(book: &AddressBook, text: &str, digits: &str) -> Advice {
    let only = |wrong: String| Advice { wrong, paste: None };
    if text.is_empty() {
        return only(format!("it is empty; paste an address, {}", book.allowed()));
    }
    if let Some(uri) = PaymentUri::read(text) {
        return of_uri(book, &uri);
    }
    if let Some(written) = Written::read(text) {
        return offer("", written);
    }
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return of_digits(text, digits);
    }
    if let Some(written) = joined(text).as_deref().and_then(Written::read) {
        return offer("a blank or an invisible character stands within it; ", written);
    }
    let lower = text.to_ascii_lowercase();
    if ["bc1", "tb1", "bcrt1"].iter().any(|prefix| lower.starts_with(prefix)) {
        return only(format!(
            "it is an address of Bitcoin; ask for one of this chain, {}",
            book.allowed()
        ));
    }
    if text.contains('.') {
        return only(format!(
            "names are not looked up; paste the address that the name stands for, {}",
            book.allowed()
        ));
    }
    match text
        .strip_prefix("0x")
        .and_then(|digits| digits.char_indices().find(|(_, letter)| !letter.is_ascii_hexdigit()))
    {
        Some((place, letter)) => only(format!(
            "{letter:?}, character {} of it, is no hex digit (0 to 9, a to f); {COPY_AGAIN}",
            place + 3
        )),
        None => only(format!("it is not {}; {COPY_AGAIN}", book.allowed())),
    }
}

/// Hex digits of a wrong number, or without `0x`.
fn of_digits(text: &str, digits: &str) -> Advice {
    match Written::read(&format!("0x{digits}")) {
        Some(written) if digits == text => offer("0x is missing in front of it; ", written),
        Some(written) => offer("it begins with 0X, and an address with 0x; ", written),
        None => {
            let got = digits.len();
            Advice {
                wrong: format!(
                    "it has {got} hex digits, and an address has {ADDRESS_DIGITS} after 0x; \
                     {COPY_AGAIN}"
                ),
                paste: None,
            }
        }
    }
}

/// `before` ends in "; " or is empty.
fn offer(before: &str, written: Written) -> Advice {
    match written {
        Written::Checked(address) => {
            let paste = address.to_checksum(None);
            Advice { wrong: format!("{before}paste {paste}"), paste: Some(paste) }
        }
        Written::Unchecked(address) => {
            let wrong = format!(
                "{before}its letters are all of one case, so it has no checksum (EIP-55) and a mistyped digit would not be noticed; \
                 compare it with the wallet, then paste {}",
                address.to_checksum(None)
            );
            Advice { wrong, paste: None }
        }
        Written::Mistyped => Advice {
            wrong: format!(
                "{before}its checksum (EIP-55) is wrong: a character or its case was changed; \
                 {COPY_AGAIN}"
            ),
            paste: None,
        },
    }
}

fn of_uri(book: &AddressBook, uri: &PaymentUri<'_>) -> Advice {
    match uri.scheme.as_str() {
        "ethereum" => eip_681(book, uri),
        // CAIP-10: eip155:CHAIN:ADDRESS.
        "eip155" => match uri.path.split_once(':') {
            Some((chain, address)) => of_another_chain(book, chain)
                .unwrap_or_else(|| alone("it names the chain as well; ", address)),
            None => alone("", uri.path),
        },
        // ERC-3770, and whatever else stands before the address.
        scheme => match Written::read(uri.path) {
            Some(written) => {
                let before = format!(
                    "\"{scheme}:\" is no part of the address; make sure that it is one of this \
                     chain; "
                );
                Advice { paste: None, ..offer(&before, written) }
            }
            None => Advice {
                wrong: format!(
                    "it is a URI of {scheme:?}, which is not paid here; ask for an address of this \
                     chain, {}",
                    book.allowed()
                ),
                paste: None,
            },
        },
    }
}

/// `ethereum:[pay-]TARGET[@CHAIN][/FUNCTION][?…]`. Of a token's transfer the target is the token,
/// and the payee a parameter.
fn eip_681(book: &AddressBook, uri: &PaymentUri<'_>) -> Advice {
    let path = uri.path.strip_prefix("pay-").unwrap_or(uri.path);
    let (target, function) =
        path.split_once('/').map_or((path, None), |(target, function)| (target, Some(function)));
    let (target, chain) =
        target.split_once('@').map_or((target, None), |(target, chain)| (target, Some(chain)));
    if let Some(advice) = chain.and_then(|chain| of_another_chain(book, chain)) {
        return advice;
    }
    let before = "it is a payment URI (EIP-681), and only the address is taken from it, no amount, token or \
         chain; ";
    match function {
        None => alone(before, target),
        Some("transfer") => alone(before, uri.parameter("address").unwrap_or_default()),
        Some(function) => Advice {
            wrong: format!(
                "it is a payment URI (EIP-681) that asks for the call {function:?}, and nothing is \
                 called here; ask for an address"
            ),
            paste: None,
        },
    }
}

fn of_another_chain(book: &AddressBook, chain: &str) -> Option<Advice> {
    let here = book.chain_id.filter(|here| here.to_string() != chain)?;
    let wrong = format!(
        "it asks for a payment on chain {chain}, and this pays on chain {here}; ask the payee for \
         an address on chain {here}"
    );
    Some(Advice { wrong, paste: None })
}

fn alone(before: &str, address: &str) -> Advice {
    match Written::read(address) {
        Some(written) => offer(before, written),
        None => Advice {
            wrong: format!(
                "{before}{address:?} in it is none; ask for the address, 0x and 40 hex digits"
            ),
            paste: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const GOOD: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    const LOWER: &str = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
    const TOKEN: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";

    fn refused(text: &str) -> (String, Option<String>) {
        let book =
            AddressBook { lower_case: false, chain_id: Some(8_453), forbidden: BTreeMap::new() };
        match book.parse(text) {
            Err(RefusedDestination::Invalid { wrong, paste, .. }) => (wrong, paste),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    fn assert_refused(text: &str, said: &str, paste: Option<&str>) {
        let (wrong, got) = refused(text);
        assert!(wrong.contains(said), "{text:?} is refused with {wrong:?}, not for {said:?}");
        assert_eq!(got.as_deref(), paste, "{text:?}");
        if let Some(paste) = paste {
            assert!(wrong.contains(&format!("paste {paste}")), "{wrong:?} says what to paste");
        }
    }

    #[test]
    fn a_payment_uri_names_the_address_to_paste() {
        assert_refused(&format!("ethereum:{GOOD}@8453"), "EIP-681", Some(GOOD));
        assert_refused(&format!("ETHEREUM:pay-{GOOD}?value=1e18"), "no amount", Some(GOOD));
        assert_refused(&format!("eip155:8453:{GOOD}"), "chain", Some(GOOD));
        assert_refused(
            &format!("ethereum:{LOWER}@8453"),
            &format!("compare it with the wallet, then paste {GOOD}"),
            None,
        );
        assert_refused(&format!("base:{GOOD}"), "make sure that it is one of this chain", None);
        assert_refused("ethereum:vitalik.eth", "\"vitalik.eth\" in it is none", None);
        assert_refused(
            "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "URI of \"bitcoin\"",
            None,
        );
    }

    /// The target of a token's transfer is the contract: what is sent there is lost.
    #[test]
    fn a_token_uri_names_the_payee_and_never_the_token() {
        assert_refused(
            &format!("ethereum:{TOKEN}@8453/transfer?address={GOOD}&uint256=5"),
            "EIP-681",
            Some(GOOD),
        );
        for uri in [
            format!("ethereum:{TOKEN}@8453/transfer?uint256=5"),
            format!("ethereum:{TOKEN}/approve?address={GOOD}"),
        ] {
            let (wrong, paste) = refused(&uri);
            assert_eq!(paste, None, "{uri}");
            assert!(!wrong.contains(TOKEN), "{wrong}");
        }
    }

    /// An account may be a contract that exists on its own chain alone.
    #[test]
    fn a_uri_of_another_chain_is_not_offered() {
        for uri in [
            format!("ethereum:{GOOD}@1"),
            format!("eip155:1:{GOOD}"),
            format!("ethereum:{GOOD}@0x2105"),
        ] {
            assert_refused(&uri, "this pays on chain 8453", None);
        }
    }

    #[test]
    fn an_address_without_a_checksum_is_shown_with_it_to_compare() {
        for text in [LOWER.to_owned(), format!("0x{}", LOWER[2..].to_uppercase())] {
            assert_refused(&text, &format!("compare it with the wallet, then paste {GOOD}"), None);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let swapped = GOOD.replace("aAe", "AAe");
        assert_refused(&swapped, "its checksum (EIP-55) is wrong", None);
        assert_refused(&GOOD[2..], "0x is missing", Some(GOOD));
        assert_refused(&format!("0X{}", &GOOD[2..]), "begins with 0X", Some(GOOD));
        assert_refused(&format!("{} {}", &GOOD[..10], &GOOD[10..]), "a blank", Some(GOOD));
        assert_refused(&format!("{GOOD}\u{200b}"), "an invisible character", Some(GOOD));
        assert_refused(&GOOD[..41], "39 hex digits", None);
        assert_refused(&format!("{GOOD}0"), "41 hex digits", None);
        assert_refused(
            &GOOD.replace("E94", "O94"),
            "'O', character 14 of it, is no hex digit",
            None,
        );
        assert_refused("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "an address of Bitcoin", None);
        assert_refused("vitalik.eth", "names are not looked up", None);
        assert_refused(" ", "it is empty", None);
    }

    #[test]
    fn what_may_be_a_private_key_is_not_repeated() {
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        for text in [key.to_owned(), format!("0x{key}"), format!(" 0x{key}\n")] {
            let refused = AddressBook::default().parse(&text).expect_err("it is no address");
            assert!(
                !refused.to_string().contains(&key[..8])
                    && refused.to_string().contains("private key"),
                "{refused}"
            );
        }
    }
}
