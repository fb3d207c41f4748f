//! NUMERIC as decimal digits: a 128-bit amount has 39, more than any of the driver's own numbers.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Postgres, Type, TypeInfo};

/// A whole, not negative number of any length. Amounts go the other way as text, which the
/// statement casts.
pub(crate) struct Digits(pub String);

impl Type<Postgres> for Digits {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("NUMERIC")
    }

    fn compatible(kind: &PgTypeInfo) -> bool {
        kind.name() == "NUMERIC"
    }
}

impl Decode<'_, Postgres> for Digits {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Text => Ok(Self(value.as_str()?.to_owned())),
            PgValueFormat::Binary => of_groups(value.as_bytes()?).map(Self),
        }
    }
}

/// The wire form: a count of groups, the first one's weight, a sign, a scale; then groups of four
/// digits. Source: `numeric_send` in Postgres' `src/backend/utils/adt/numeric.c`.
fn of_groups(bytes: &[u8]) -> Result<String, BoxDynError> {
    let words: Vec<i16> =
        bytes.chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
    let [count, weight, sign, _scale, groups @ ..] = words.as_slice() else {
        return Err("a NUMERIC of less than four words".into());
    };
    if *sign != 0 || groups.len() != usize::try_from(*count)? {
        return Err("a NUMERIC that is negative, not a number, or cut off".into());
    }
    let whole = usize::try_from(i32::from(*weight) + 1)?;
    if groups.len() > whole {
        return Err("a NUMERIC with a fraction".into());
    }
    let padded = groups.iter().copied().chain(std::iter::repeat(0)).take(whole);
    let digits: String = padded.map(|group| format!("{group:04}")).collect();
    Ok(if digits.is_empty() { "0".to_owned() } else { digits })
}

#[cfg(test)]
mod tests {
    use super::of_groups;

    #[test]
    fn groups_of_four_digits() {
        let wire =
            |words: &[i16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
        assert_eq!(of_groups(&wire(&[0, 0, 0, 0])).ok(), Some("0000".to_owned()));
        assert_eq!(of_groups(&wire(&[1, 2, 0, 0, 7])).ok(), Some("000700000000".to_owned()));
        assert_eq!(of_groups(&wire(&[2, 1, 0, 0, 12, 34])).ok(), Some("00120034".to_owned()));
        assert!(of_groups(&wire(&[1, 0, 0x4000, 0, 7])).is_err(), "negative");
        assert!(of_groups(&wire(&[2, 0, 0, 4, 7, 5])).is_err(), "a fraction");
        assert!(of_groups(&wire(&[2, 1, 0, 0, 7])).is_err(), "cut off");
    }
}
