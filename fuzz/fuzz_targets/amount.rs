//! Amounts: text and base units say the same number, or the text is refused for the right reason;
//! rates never favour small pieces.
#![no_main]

use adit_core::{AMOUNT_TEXT_BYTES_MAX, Amount, AmountError, DECIMALS_MAX, Rate};
use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Case<'a> {
    Text {
        decimals: u8,
        text: &'a str,
    },
    Written {
        base_units: u128,
        decimals: u8,
    },
    Json {
        text: &'a str,
    },
    Rate {
        numerator: u128,
        denominator: u128,
        tokens: u128,
        token_decimals: u8,
        point_decimals: u8,
    },
}

fuzz_target!(|data: &[u8]| {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match case {
        Case::Text { decimals, text } => reads(text, decimals % (DECIMALS_MAX + 1)),
        Case::Written { base_units, decimals } => writes(base_units, decimals % (DECIMALS_MAX + 1)),
        Case::Json { text } => base_units_in_json(text),
        Case::Rate { numerator, denominator, tokens, token_decimals, point_decimals } => {
            let Some(rate) = Rate::new(numerator, denominator) else { return };
            converts(
                rate,
                tokens,
                token_decimals % (DECIMALS_MAX + 1),
                point_decimals % (DECIMALS_MAX + 1),
            );
        }
    }
});

fn reads(text: &str, decimals: u8) {
    let read = Amount::parse(text, decimals);
    assert_eq!(read, meant(text, decimals), "{text:?} with {decimals} decimals");
    let positive = if read == Ok(Amount::ZERO) { Err(AmountError::Zero) } else { read.clone() };
    assert_eq!(Amount::parse_positive(text, decimals), positive);
    if let Ok(amount) = read {
        let shortest = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            text
        };
        assert_eq!(
            amount.to_units(decimals),
            shortest,
            "it is written as it was read, without trailing zeros"
        );
    }
}

fn writes(base_units: u128, decimals: u8) {
    let amount = Amount::new(base_units);
    let text = amount.to_units(decimals);
    assert_eq!(Amount::parse(&text, decimals), Ok(amount), "{text}");
    let json = serde_json::to_string(&amount).expect("an amount is JSON");
    assert_eq!(json, format!("\"{base_units}\""));
    assert_eq!(serde_json::from_str::<Amount>(&json).ok(), Some(amount));
}

/// How amounts stand in the journal, in the store and on the signer's socket.
fn base_units_in_json(text: &str) {
    let json = serde_json::to_string(text).expect("text is JSON");
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let meant = if digits { number(text.bytes()) } else { None };
    assert_eq!(serde_json::from_str::<Amount>(&json).ok(), meant.map(Amount::new), "{json}");
}

/// The least points that pay for the tokens, and no fewer.
fn converts(rate: Rate, tokens: u128, token_decimals: u8, point_decimals: u8) {
    let Some(points) = rate.points_for(Amount::new(tokens), token_decimals, point_decimals) else {
        return;
    };
    let worth = |points: Amount| {
        rate.tokens_for(points, point_decimals, token_decimals)
            .map_or(u128::MAX, Amount::base_units)
    };
    assert!(worth(points) >= tokens, "{points} points do not pay for {tokens}");
    if let Some(fewer) = points.checked_sub(Amount::new(1)) {
        assert!(worth(fewer) < tokens, "{fewer} points would have paid for {tokens}");
    }
}

/// The same decision, digit by digit.
fn meant(text: &str, decimals: u8) -> Result<Amount, AmountError> {
    let bytes = text.as_bytes();
    let point = bytes.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = point.map_or((bytes, &b""[..]), |at| (&bytes[..at], &bytes[at + 1..]));
    let digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    let empty = whole.is_empty() || (point.is_some() && fraction.is_empty());
    let padded = whole.len() > 1 && whole[0] == b'0';
    if bytes.len() > AMOUNT_TEXT_BYTES_MAX || empty || padded || !digits {
        return Err(AmountError::Malformed);
    }
    let missing = usize::from(decimals)
        .checked_sub(fraction.len())
        .ok_or(AmountError::TooPrecise { allowed: decimals })?;
    let all = whole.iter().chain(fraction).copied().chain(std::iter::repeat_n(b'0', missing));
    number(all).map(Amount::new).ok_or(AmountError::TooLarge)
}

fn number(mut digits: impl Iterator<Item = u8>) -> Option<u128> {
    digits.try_fold(0u128, |sum, digit| sum.checked_mul(10)?.checked_add(u128::from(digit - b'0')))
}
