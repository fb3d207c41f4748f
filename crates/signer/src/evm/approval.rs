//! Whether a transaction does exactly what was approved, judged from its bytes alone (rule R11).

use adit_core::{Amount, Purpose};
use alloy::primitives::{Address, U256};

use crate::Approved;
use crate::policy::{EvmForm, PaidAs, Policy};

use super::{Said, address};

/// First four bytes of keccak-256 of `transfer(address,uint256)` (ERC-20).
const TRANSFER_SELECTOR: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// Selector, an address in 32 bytes, an amount in 32 bytes.
const TRANSFER_BYTES: usize = 4 + 32 + 32;

/// # Errors
/// A sentence that names what differs, as approved and as the transaction says.
pub(crate) fn check(
    says: &Said,
    wallet: Address,
    purpose: Purpose,
    approved: &[Approved],
    policy: &Policy,
) -> Result<(), String> {
    if says.max_priority_fee_per_gas > says.max_fee_per_gas {
        return Err(format!(
            "its tip of {} wei per gas is above its fee of {}; no block takes that (EIP-1559)",
            says.max_priority_fee_per_gas, says.max_fee_per_gas
        ));
    }
    match (purpose, approved) {
        (Purpose::Cancel, []) => check_cancel(says, wallet),
        (Purpose::Cancel, _) => Err(format!(
            "a cancelling attempt pays nobody, and {} payouts are approved for it",
            approved.len()
        )),
        (Purpose::Pay, [approved]) => check_payment(says, wallet, approved, policy),
        (Purpose::Pay, _) => Err(format!(
            "one transaction pays one approved payout, and {} are given",
            approved.len()
        )),
    }
}

fn check_cancel(says: &Said, wallet: Address) -> Result<(), String> {
    if says.to == wallet && says.value.is_zero() && says.input.is_empty() {
        return Ok(());
    }
    Err(format!(
        "a cancelling attempt sends nothing to its own wallet {wallet}, and this sends {} wei and \
         {} bytes of input to {}",
        says.value,
        says.input.len(),
        says.to
    ))
}

fn check_payment(
    says: &Said,
    wallet: Address,
    approved: &Approved,
    policy: &Policy,
) -> Result<(), String> {
    let asset = policy
        .asset(&approved.asset)
        .ok_or_else(|| format!("{} is no asset that this signer pays", approved.asset))?;
    let PaidAs::Evm { chain_id, form } = asset.paid_as else {
        return Err(format!(
            "{} is paid on Bitcoin, and this is for chain id {}",
            approved.asset, says.chain_id
        ));
    };
    if says.chain_id != chain_id {
        return Err(format!(
            "{} is paid on chain id {chain_id}, and this is for chain id {}",
            approved.asset, says.chain_id
        ));
    }
    let (recipient, amount) = read_payment(says, form)?;
    if recipient != address(approved.destination.as_str())? {
        return Err(format!(
            "{} is approved to be paid, and this pays {recipient}",
            approved.destination
        ));
    }
    if amount != approved.amount || amount.is_zero() {
        return Err(format!(
            "{} base units of {} are approved, and this pays {amount}",
            approved.amount, approved.asset
        ));
    }
    if recipient.is_zero() || recipient == wallet {
        return Err(format!(
            "{recipient} is the zero address or the paying wallet; nobody would be paid"
        ));
    }
    Ok(())
}

/// Who gets how much of the asset.
fn read_payment(says: &Said, form: EvmForm) -> Result<(Address, Amount), String> {
    match form {
        EvmForm::Native if says.input.is_empty() => Ok((says.to, narrow(says.value)?)),
        EvmForm::Native => Err(format!(
            "a payment of the chain's own coin carries no input, and this has {} bytes",
            says.input.len()
        )),
        EvmForm::Token { contract } if says.to == contract && says.value.is_zero() => {
            match read_transfer(&says.input)? {
                (recipient, _) if recipient == contract => {
                    Err(format!("{recipient} is the token itself; what it gets is lost"))
                }
                payment => Ok(payment),
            }
        }
        EvmForm::Token { contract } => Err(format!(
            "a token payment calls {contract} without value, and this calls {} with {} wei",
            says.to, says.value
        )),
    }
}

/// Reads ERC-20 `transfer(address,uint256)` and nothing else, before, between or behind.
fn read_transfer(input: &[u8]) -> Result<(Address, Amount), String> {
    let Some(arguments) =
        input.strip_prefix(&TRANSFER_SELECTOR).filter(|_| input.len() == TRANSFER_BYTES)
    else {
        return Err(format!(
            "a token payment is transfer(address,uint256) of {TRANSFER_BYTES} bytes, and this is \
             another call of {}",
            input.len()
        ));
    };
    let (recipient, amount) = arguments.split_at(32);
    let (padding, recipient) = recipient.split_at(12);
    if padding.iter().any(|byte| *byte != 0) {
        return Err("the recipient in the call is wider than an address".to_owned());
    }
    Ok((Address::from_slice(recipient), narrow(U256::from_be_slice(amount))?))
}

fn narrow(value: U256) -> Result<Amount, String> {
    u128::try_from(value)
        .map(Amount::new)
        .map_err(|_| format!("{value} base units are above 2^128 - 1; no amount is that large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(recipient: [u8; 32], amount: U256) -> Vec<u8> {
        [&TRANSFER_SELECTOR[..], &recipient, &amount.to_be_bytes::<32>()].concat()
    }

    #[test]
    fn the_selector_is_the_hash_of_its_signature() {
        assert_eq!(
            TRANSFER_SELECTOR,
            alloy::primitives::keccak256("transfer(address,uint256)")[..4]
        );
    }

    #[test]
    fn reads_a_transfer_and_nothing_else() {
        let mut recipient = [0; 32];
        recipient[31] = 9;
        let good = call(recipient, U256::from(77));
        assert_eq!(read_transfer(&good), Ok((Address::with_last_byte(9), Amount::new(77))));
        for length in 0..good.len() {
            assert!(read_transfer(&good[..length]).is_err(), "cut to {length}");
        }
        assert!(read_transfer(&[&good[..], &[0]].concat()).is_err(), "something behind it");
        let mut other = good.clone();
        other[0] ^= 1;
        assert!(read_transfer(&other).is_err(), "another function");
        recipient[11] = 1;
        assert!(read_transfer(&call(recipient, U256::from(77))).is_err(), "a dirty address");
        assert!(
            read_transfer(&call([0; 32], U256::from(u128::MAX) + U256::from(1))).is_err(),
            "a huge amount"
        );
    }
}
