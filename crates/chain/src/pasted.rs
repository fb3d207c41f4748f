//! Destinations as people paste them: with blanks around, or inside a payment URI.
//!
//! Blanks at the ends are taken off, since no address has any. Everything else is refused, with
//! what to paste instead: an amount, a chain or a token that stands beside the address would else
//! be ignored without a word.

use crate::RefusedDestination;

/// Longest part of a refused text that is repeated.
pub const ECHO_CHARS_MAX: usize = 100;
/// In the place of a text that may be a private key.
const HIDDEN: &str = "(not repeated, since it may be a secret)";
/// Some programs write it at the beginning of a text (U+FEFF); no standard counts it as a blank any
/// more.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text without blanks at its ends: spaces, tabs, line breaks, byte order marks.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter == BYTE_ORDER_MARK)
}

/// The letters and digits of a text that has something else between them, as an address in groups
/// of four. None where it has nothing else.
pub fn joined(text: &str) -> Option<String> {
    let between = |letter: char| !letter.is_ascii_graphic();
    text.contains(between).then(|| text.replace(between, ""))
}

/// `scheme:path?name=value&…`, as BIP 21, EIP-681 and CAIP-10 write where to pay. Nothing is
/// decoded: addresses have no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentUri<'a> {
    /// In lower case.
    pub scheme: String,
    pub path: &'a str,
    parameters: Option<&'a str>,
}

impl<'a> PaymentUri<'a> {
    /// None where the text has no scheme (RFC 3986).
    pub fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let legal =
            scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !legal || !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return None;
        }
        let (path, parameters) = rest
            .split_once('?')
            .map_or((rest, None), |(path, parameters)| (path, Some(parameters)));
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            path: path.trim_start_matches("//"),
            parameters,
        })
    }

    /// The value of the first parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        let pairs = self.parameters?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl RefusedDestination {
    /// A text that is no address. `paste` is the address in it, where a checksum vouches for that.
    pub fn invalid(text: &str, wrong: String, allowed: String, paste: Option<String>) -> Self {
        Self::Invalid { got: text.chars().take(ECHO_CHARS_MAX).collect(), wrong, allowed, paste }
    }

    /// A text that may be a key. It is repeated nowhere: refusals are shown and logged.
    pub fn secret(wrong: String, allowed: String) -> Self {
        Self::Invalid { got: HIDDEN.to_owned(), wrong, allowed, paste: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_ends_are_taken_off_and_no_others() {
        for text in [" a b", "a b\r\n", "\u{feff}a b\t", "\u{a0}a b\u{3000}", "a b"] {
            assert_eq!(trimmed(text), "a b", "{text:?}");
        }
        assert_eq!((trimmed(" \n"), trimmed("")), ("", ""));
        assert_eq!((joined("a b\u{200b}c").as_deref(), joined("abc")), (Some("abc"), None));
    }

    #[test]
    fn a_payment_uri_is_scheme_path_and_parameters() {
        let uri = PaymentUri::read("BitCoin:bc1q?amount=0.1&Label=a:b").expect("a URI");
        assert_eq!((uri.scheme.as_str(), uri.path), ("bitcoin", "bc1q"));
        assert_eq!(
            (uri.parameter("amount"), uri.parameter("label"), uri.parameter("x")),
            (Some("0.1"), Some("a:b"), None)
        );
        assert_eq!(PaymentUri::read("bitcoin://bc1q").expect("a URI").path, "bc1q");
        for text in ["", ":", "bc1q", "1a:b", "a b:c", "ü:c"] {
            assert_eq!(PaymentUri::read(text), None, "{text:?}");
        }
    }
}
