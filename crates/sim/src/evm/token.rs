//! ERC-20 tokens, honest and otherwise. Each has its number in the list of tokens, and its own
//! conduct when tried and when mined.

use alloy::primitives::{Address, Bytes, U256, keccak256};
use alloy::sol;

sol! {
    interface Erc20 {
        event Transfer(address indexed from, address indexed to, uint256 value);
        function transfer(address to, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
        function decimals() external view returns (uint8);
    }
}

/// How a token answers `transfer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenConduct {
    Honest,
    /// Paused, or whatever reason there is.
    Reverts,
    /// Returns false, and moves nothing.
    ReturnsFalse,
    /// Returns true, and moves and reports nothing.
    Silent,
    /// Keeps a part of each payment for itself, and reports both movements.
    TakesFee {
        basis_points: u32,
    },
    /// Reverts for this recipient and is honest to others.
    Blocks(Address),
    /// Honest, but returns nothing at all, as USDT does.
    ReturnsNothing,
    /// Moves the amount twice, and reports it twice.
    PaysTwice,
    /// Burns all gas that it is given.
    BurnsGas,
    /// Honest when tried; reverts when mined.
    SimulatesWell,
}

/// A token as the world configures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenSpec {
    pub address: Address,
    pub decimals: u8,
    /// By the wallet, in base units.
    pub held: u128,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub address: Address,
    pub decimals: u8,
    pub code: Bytes,
    /// In dry runs, estimates and simulations.
    pub tried: TokenConduct,
    pub mined: TokenConduct,
}

/// A stand-in for code: nobody runs it, it only has to be there and to differ from token to token.
const CODE_PREFIX: [u8; 4] = [0x60, 0x80, 0x60, 0x40];

impl Token {
    pub(crate) fn new(spec: TokenSpec) -> Self {
        let code = [CODE_PREFIX.as_slice(), keccak256(spec.address).as_slice()].concat();
        let honest = TokenConduct::Honest;
        Self {
            address: spec.address,
            decimals: spec.decimals,
            code: code.into(),
            tried: honest,
            mined: honest,
        }
    }

    pub(crate) fn set_conduct(&mut self, conduct: TokenConduct) {
        (self.tried, self.mined) = match conduct {
            TokenConduct::SimulatesWell => (TokenConduct::Honest, TokenConduct::Reverts),
            other => (other, other),
        };
    }
}

/// A number as contracts return it.
pub(crate) fn word(number: U256) -> Bytes {
    number.to_be_bytes::<32>().into()
}
