//! ERC-20 tokens: the calls we make and the one event that proves a payment.

use adit_core::Amount;
use alloy::primitives::{Address, Bytes, U256};
use alloy::sol;
use alloy::sol_types::{SolCall, SolEvent};

use crate::rpc::Log;

sol! {
    interface Token {
        event Transfer(address indexed from, address indexed to, uint256 value);
        function transfer(address to, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
        function decimals() external view returns (uint8);
    }
}

/// One movement of a token, as its contract reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Movement {
    pub token: Address,
    pub from: Address,
    pub to: Address,
    pub value: U256,
}

pub(crate) fn transfer(to: Address, amount: Amount) -> Bytes {
    Token::transferCall { to, amount: U256::from(amount.base_units()) }.abi_encode().into()
}

pub(crate) fn balance_of(account: Address) -> Bytes {
    Token::balanceOfCall { account }.abi_encode().into()
}

pub(crate) fn decimals() -> Bytes {
    Token::decimalsCall {}.abi_encode().into()
}

/// The recipient and amount of a `transfer` call.
pub(crate) fn read_transfer(input: &[u8]) -> Option<(Address, U256)> {
    Token::transferCall::abi_decode_validate(input).ok().map(|call| (call.to, call.amount))
}

/// What a log says was moved. Logs of other events, and NFT transfers (four topics), are none.
pub(crate) fn movement(log: &Log) -> Option<Movement> {
    let event =
        Token::Transfer::decode_raw_log_validate(log.topics.iter().copied(), &log.data).ok()?;
    Some(Movement { token: log.address, from: event.from, to: event.to, value: event.value })
}

/// What a `transfer` returned: nothing (as USDT does) or true is good.
pub(crate) fn returned_well(data: &[u8]) -> bool {
    data.is_empty() || U256::try_from_be_slice(data) == Some(U256::from(1))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{address, hex};

    use super::*;

    const BOB: Address = address!("bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB");

    #[test]
    fn a_transfer_is_encoded_as_the_standard_says() {
        let expected = hex!(
            "a9059cbb"
            "000000000000000000000000bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
            "0000000000000000000000000000000000000000000000000000000000000007"
        );
        let input = transfer(BOB, Amount::new(7));
        assert_eq!(input.as_ref(), expected);
        assert_eq!(read_transfer(&input), Some((BOB, U256::from(7))));
        assert_eq!(read_transfer(&input[..40]), None);
    }

    #[test]
    fn only_the_events_own_form_is_a_movement() {
        let event = Token::Transfer { from: BOB, to: BOB, value: U256::from(7) };
        let encoded = event.encode_log_data();
        let log =
            Log { address: BOB, topics: encoded.topics().to_vec(), data: encoded.data.clone() };
        assert_eq!(movement(&log).map(|movement| movement.value), Some(U256::from(7)));
        let mut nft = log.clone();
        nft.topics.push(nft.topics[1]);
        assert_eq!(movement(&nft), None);
        assert_eq!(movement(&Log { data: Bytes::new(), ..log }), None);
    }

    #[test]
    fn false_and_garbage_are_not_good() {
        assert!(returned_well(&[]));
        assert!(returned_well(&U256::from(1).to_be_bytes::<32>()));
        assert!(!returned_well(&U256::ZERO.to_be_bytes::<32>()));
        assert!(!returned_well(&U256::from(2).to_be_bytes::<32>()));
        assert!(!returned_well(&[1; 64]));
    }
}
