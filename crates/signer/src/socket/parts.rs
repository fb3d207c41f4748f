//! Lists that are longer than a frame, in parts (case F99).

use adit_core::Draft;

use super::wire::FRAME_BYTES_MAX;
use crate::SignRequest;
use crate::page::json_bytes;

/// Weight of a part. The other half of the frame is for what is around the items.
const PART_BYTES_MAX: usize = FRAME_BYTES_MAX / 2;
/// Most that a signed Bitcoin transaction takes as JSON: nodes relay 400,000 weight units, each at
/// most a byte, in hex.
const BITCOIN_ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Splits a list in order, so that each part, and the answer to it, is shorter than a frame. A part
/// has one item at least.
pub(super) fn parts<T>(items: &[T], weight: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut sum = 0;
    items.chunk_by(move |before, next| {
        sum += weight(before);
        let fits = sum + weight(next) <= PART_BYTES_MAX;
        if !fits {
            sum = 0;
        }
        fits
    })
}

/// Returns what a request, or the answer to it, takes at most. A signed EVM transaction is shorter
/// than its request, which has all its data.
pub(super) fn of_request(request: &SignRequest) -> usize {
    let answer = match &request.draft {
        Draft::Evm(_) => 0,
        Draft::Bitcoin(_) => BITCOIN_ANSWER_BYTES_MAX,
    };
    json_bytes(request).max(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(weights: &[usize]) -> Vec<usize> {
        parts(weights, |weight| *weight).map(<[usize]>::len).collect()
    }

    #[test]
    fn f99_a_part_is_as_long_as_it_may_be_and_no_longer() {
        assert_eq!(split(&[]), [0usize; 0]);
        assert_eq!(split(&[PART_BYTES_MAX - 1, 1]), [2]);
        assert_eq!(split(&[PART_BYTES_MAX, 1]), [1, 1]);
        assert_eq!(split(&[1, PART_BYTES_MAX, 1, 1]), [1, 1, 2]);
        assert_eq!(
            split(&[PART_BYTES_MAX + 1, PART_BYTES_MAX + 1]),
            [1, 1],
            "one item goes alone, however long it is"
        );
    }
}
