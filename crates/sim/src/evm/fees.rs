//! How the base fee moves: towards a level, with noise, and never faster than EIP-1559 allows.

use crate::Dice;

/// EIP-1559, `BASE_FEE_MAX_CHANGE_DENOMINATOR`.
const CHANGE_DENOMINATOR: u128 = 8;
/// Noise of a quiet chain: at most this part of the fee, up or down.
const NOISE_DENOMINATOR: u128 = 32;
/// Wei per gas: below it an eighth is nothing, and the fee would stand still (geth keeps 7).
pub(crate) const BASE_FEE_MIN_WEI: u128 = 7;

pub(crate) fn next_base_fee(current: u128, level: u128, dice: &mut Dice) -> u128 {
    let noise = current / NOISE_DENOMINATOR;
    // Within 64 bits: fees of the world are below 18 ether per gas.
    let thrown = u128::from(dice.between(0, u64::try_from(2 * noise + 1).unwrap_or(u64::MAX)));
    let wanted = level.saturating_add(thrown).saturating_sub(noise);
    let step = (current / CHANGE_DENOMINATOR).max(1);
    wanted.clamp(current.saturating_sub(step), current.saturating_add(step)).max(BASE_FEE_MIN_WEI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reaches_its_level_by_eighths_and_stays_near() {
        let mut dice = Dice::new(1);
        let mut fee = 1_000_000_000;
        for level in [20_000_000_000, 5_000_000] {
            for block in 0..200 {
                let next = next_base_fee(fee, level, &mut dice);
                assert!(next.abs_diff(fee) <= fee / 8, "{fee} then {next}");
                assert!(
                    block < 100 || next.abs_diff(level) <= level / 16,
                    "{next} at block {block}"
                );
                fee = next;
            }
        }
    }

    #[test]
    fn it_grows_again_from_almost_nothing() {
        let mut dice = Dice::new(2);
        let fee = (0..400).fold(0, |fee, _| next_base_fee(fee, 1_000_000, &mut dice));
        assert!(fee > 900_000, "{fee}");
    }
}
