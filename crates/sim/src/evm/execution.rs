//! Carrying a message out: what moves, what is returned, and how much gas it takes. The same for
//! blocks and for trials.

use std::collections::BTreeSet;

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::{Revert, SolCall, SolError};

use super::balances::{Coin, Ledger};
use super::block::Movement;
use super::token::{Erc20, Token, TokenConduct, word};

/// Any transaction (Yellow Paper, G_transaction).
pub(crate) const TRANSFER_GAS: u64 = 21_000;
/// What a contract burns before it refuses.
const REFUSAL_GAS: u64 = 5_000;
/// A `transfer` to an account that holds the token already, and what a new one adds (a storage
/// slot, EIP-2929: 22,100 instead of 5,000).
const TOKEN_GAS: u64 = 34_500;
const NEW_HOLDER_GAS: u64 = 17_100;
const READ_GAS: u64 = 24_000;
const BASIS_POINTS: u128 = 10_000;

/// What is asked of the chain.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub from: Address,
    pub to: Address,
    pub value: U256,
    pub input: Bytes,
    pub gas_limit: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub succeeded: bool,
    pub returned: Bytes,
    pub movements: Vec<Movement>,
    pub gas_used: u64,
}

/// Whether it only is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Tried,
    Mined,
}

/// What contracts there are.
#[derive(Debug, Clone)]
pub(crate) struct Contracts {
    pub tokens: Vec<Token>,
    /// Recipients that refuse coins.
    pub refusing: BTreeSet<Address>,
}

impl Contracts {
    /// Changes the balances only where it succeeds.
    pub(crate) fn execute(
        &self,
        mode: Mode,
        message: &Message,
        ledger: &mut impl Ledger,
    ) -> Outcome {
        let outcome = self.run(mode, message, ledger);
        if outcome.gas_used > message.gas_limit {
            return Outcome {
                succeeded: false,
                returned: Bytes::new(),
                movements: Vec::new(),
                gas_used: message.gas_limit,
            };
        }
        for movement in &outcome.movements {
            ledger.carry(movement);
        }
        outcome
    }

    pub(crate) fn token(&self, address: Address) -> Option<usize> {
        self.tokens.iter().position(|token| token.address == address)
    }

    fn run(&self, mode: Mode, message: &Message, ledger: &impl Ledger) -> Outcome {
        match self.token(message.to) {
            Some(index) => self.call(mode, index, message, ledger),
            None if self.refusing.contains(&message.to) => {
                reverted("this contract takes no coins", TRANSFER_GAS + REFUSAL_GAS)
            }
            None => pay(message, ledger),
        }
    }

    fn call(&self, mode: Mode, index: usize, message: &Message, ledger: &impl Ledger) -> Outcome {
        let token = &self.tokens[index];
        let coin = Coin::Token(index);
        let read = |number: U256| succeeded(word(number), Vec::new(), READ_GAS);
        if !message.value.is_zero() {
            return reverted("the token takes no coins", TRANSFER_GAS + REFUSAL_GAS);
        }
        if let Ok(call) = Erc20::balanceOfCall::abi_decode_validate(&message.input) {
            return read(U256::from(ledger.balance(coin, call.account)));
        }
        if Erc20::decimalsCall::abi_decode_validate(&message.input).is_ok() {
            return read(U256::from(token.decimals));
        }
        let Ok(call) = Erc20::transferCall::abi_decode_validate(&message.input) else {
            return reverted("no such function", TRANSFER_GAS + REFUSAL_GAS);
        };
        let conduct = match mode {
            Mode::Tried => token.tried,
            Mode::Mined => token.mined,
        };
        transfer(
            conduct,
            Transfer {
                coin,
                token: token.address,
                from: message.from,
                to: call.to,
                amount: call.amount,
            },
            message,
            ledger,
        )
    }
}

fn pay(message: &Message, ledger: &impl Ledger) -> Outcome {
    let held = U256::from(ledger.balance(Coin::Native, message.from));
    match u128::try_from(message.value) {
        Ok(amount) if message.value <= held => {
            let paid = Movement { coin: Coin::Native, from: message.from, to: message.to, amount };
            let movements = if amount == 0 { Vec::new() } else { vec![paid] };
            succeeded(Bytes::new(), movements, TRANSFER_GAS)
        }
        _ => reverted("insufficient balance for transfer", TRANSFER_GAS),
    }
}

/// One call of `transfer`.
#[derive(Clone, Copy)]
struct Transfer {
    coin: Coin,
    token: Address,
    from: Address,
    to: Address,
    amount: U256,
}

impl Transfer {
    fn movement(self, to: Address, amount: u128) -> Movement {
        Movement { coin: self.coin, from: self.from, to, amount }
    }
}

fn transfer(
    conduct: TokenConduct,
    asked: Transfer,
    message: &Message,
    ledger: &impl Ledger,
) -> Outcome {
    let refusal = TRANSFER_GAS + REFUSAL_GAS;
    let held = ledger.balance(asked.coin, asked.from);
    let Some(amount) = u128::try_from(asked.amount).ok().filter(|amount| *amount <= held) else {
        return reverted("ERC20: transfer amount exceeds balance", refusal);
    };
    let gas =
        TOKEN_GAS + if ledger.balance(asked.coin, asked.to) == 0 { NEW_HOLDER_GAS } else { 0 };
    let whole = asked.movement(asked.to, amount);
    let truth = word(U256::from(1));
    match conduct {
        TokenConduct::Honest | TokenConduct::SimulatesWell => succeeded(truth, vec![whole], gas),
        TokenConduct::ReturnsNothing => succeeded(Bytes::new(), vec![whole], gas),
        TokenConduct::Reverts => reverted("Pausable: paused", refusal),
        TokenConduct::Blocks(blocked) if blocked == asked.to => {
            reverted("Blacklistable: account is blacklisted", refusal)
        }
        TokenConduct::Blocks(_) => succeeded(truth, vec![whole], gas),
        TokenConduct::ReturnsFalse => succeeded(word(U256::ZERO), Vec::new(), refusal),
        TokenConduct::Silent => succeeded(truth, Vec::new(), refusal),
        TokenConduct::PaysTwice if amount <= held - amount => {
            succeeded(truth, vec![whole, whole], gas)
        }
        TokenConduct::PaysTwice => reverted("ERC20: transfer amount exceeds balance", refusal),
        TokenConduct::BurnsGas => Outcome {
            succeeded: false,
            returned: Bytes::new(),
            movements: Vec::new(),
            gas_used: message.gas_limit,
        },
        TokenConduct::TakesFee { basis_points } => {
            let fee = kept(amount, basis_points);
            let parts = [asked.movement(asked.to, amount - fee), asked.movement(asked.token, fee)];
            succeeded(truth, parts.into_iter().filter(|part| part.amount > 0).collect(), gas)
        }
    }
}

/// Rounded down, and never more than there is.
fn kept(amount: u128, basis_points: u32) -> u128 {
    let points = u128::from(basis_points).min(BASIS_POINTS);
    (amount / BASIS_POINTS) * points + (amount % BASIS_POINTS) * points / BASIS_POINTS
}

fn succeeded(returned: Bytes, movements: Vec<Movement>, gas_used: u64) -> Outcome {
    Outcome { succeeded: true, returned, movements, gas_used }
}

fn reverted(reason: &str, gas_used: u64) -> Outcome {
    let returned = Revert::from(reason).abi_encode().into();
    Outcome { succeeded: false, returned, movements: Vec::new(), gas_used }
}
