//! The chain through its JSON-RPC and its truth, with real signatures. Each test's seed stands in
//! it.

mod conducts;
mod pools;
mod reorgs;
mod views;

use adit_chain::RpcError;
use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::Encodable2718;
use alloy::eips::eip2930::AccessList;
use alloy::primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy::sol_types::SolCall;
use secp256k1::{Message, SecretKey};
use serde_json::{Value, json};

use super::token::Erc20;
use super::{Genesis, Purse, SimChain, TokenSpec};
use crate::Dice;

const CHAIN_ID: u64 = 8_453;
const COINS: u128 = 10_000_000_000_000_000_000;
const HELD: u128 = 1_000_000;
const BASE_FEE: u128 = 1_000_000_000;
const TIP: u128 = 2_000_000_000;
const TOKEN: Address = Address::repeat_byte(0x77);
const OTHER_TOKEN: Address = Address::repeat_byte(0x78);
const BOB: Address = Address::repeat_byte(0xb0);
const EVE: Address = Address::repeat_byte(0xe0);
const START_SECONDS: u64 = 1_800_000_000;
/// Blocks after which everything that can be mined has been, with the odds that the miners have.
const ENOUGH_BLOCKS: u64 = 200;

/// A chain, its dice, and the key of its wallet.
struct World {
    chain: SimChain,
    dice: Dice,
    key: SecretKey,
}

/// What a payment offers.
#[derive(Clone, Copy)]
struct Offer {
    max_fee: u128,
    tip: u128,
}

const FAIR: Offer = Offer { max_fee: 2 * BASE_FEE + TIP, tip: TIP };

fn key() -> SecretKey {
    SecretKey::from_secret_bytes([0x42; 32]).expect("a number below the order")
}

fn address_of(key: &SecretKey) -> Address {
    let public = secp256k1::PublicKey::from_secret_key(key);
    Address::from_raw_public_key(&public.serialize_uncompressed()[1..])
}

fn signed(key: &SecretKey, transaction: TxEip1559) -> Bytes {
    let digest = transaction.signature_hash();
    let (id, compact) = secp256k1::ecdsa::RecoverableSignature::sign_ecdsa_recoverable(
        Message::from_digest(digest.0),
        key,
    )
    .serialize_compact();
    let word = |at: usize| U256::from_be_slice(&compact[at..at + 32]);
    let signature = Signature::new(word(0), word(32), id == secp256k1::ecdsa::RecoveryId::One);
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

fn plain(nonce: u64, to: Address, value: u128, offer: Offer) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: offer.max_fee,
        max_priority_fee_per_gas: offer.tip,
        to: TxKind::Call(to),
        value: U256::from(value),
        access_list: AccessList::default(),
        input: Bytes::new(),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let tokens = [TOKEN, OTHER_TOKEN]
            .map(|address| TokenSpec { address, decimals: 18, held: HELD })
            .to_vec();
        let genesis = Genesis {
            chain_id: CHAIN_ID,
            wallet: address_of(&key()),
            coins: COINS,
            tokens,
            base_fee: BASE_FEE,
            start_seconds: START_SECONDS,
            final_depth: 10,
        };
        let mut chain = SimChain::new(genesis);
        chain.set_priority(TIP);
        Self { chain, dice: Dice::new(seed), key: key() }
    }

    fn wallet(&self) -> Address {
        address_of(&self.key)
    }

    fn coins(&self, nonce: u64, to: Address, value: u128, offer: Offer) -> Bytes {
        signed(&self.key, plain(nonce, to, value, offer))
    }

    fn payment(&self, nonce: u64, to: Address, amount: u128, offer: Offer) -> Bytes {
        let input = Erc20::transferCall { to, amount: U256::from(amount) }.abi_encode().into();
        signed(&self.key, TxEip1559 { input, ..plain(nonce, TOKEN, 0, offer) })
    }

    fn mine(&mut self, blocks: u64) {
        for _ in 0..blocks {
            let at = START_SECONDS + 12 * (self.chain.head() + 1);
            self.chain.mine(at, &mut self.dice);
        }
    }

    fn mine_until(&mut self, nonce: u64) {
        for _ in 0..ENOUGH_BLOCKS {
            if self.now().nonce >= nonce {
                return;
            }
            self.mine(1);
        }
        panic!(
            "nonce {} was not reached within {ENOUGH_BLOCKS} blocks, but {}",
            nonce,
            self.now().nonce
        );
    }

    fn reorg(&mut self, depth: u64) {
        let at = START_SECONDS + 12 * (self.chain.head() + 1);
        self.chain.reorg(depth, at, &mut self.dice);
    }

    fn now(&self) -> Purse {
        self.chain.wallet_at(self.chain.head())
    }

    fn asked_of(
        &mut self,
        node: usize,
        upto: u64,
        method: &str,
        params: Value,
    ) -> Result<Value, RpcError> {
        self.chain.answer(node, upto, method, &params)
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let head = self.chain.head();
        self.asked_of(0, head, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn send_to(&mut self, node: usize, raw: &Bytes) -> Result<B256, RpcError> {
        let head = self.chain.head();
        let answer = self.asked_of(node, head, "eth_sendRawTransaction", json!([raw]))?;
        assert_eq!(answer, json!(keccak256(raw)), "a node names the bytes by their hash");
        Ok(keccak256(raw))
    }

    fn send(&mut self, raw: &Bytes) -> B256 {
        self.send_to(0, raw).unwrap_or_else(|error| panic!("refused: {error}"))
    }

    fn receipt(&mut self, hash: B256) -> Value {
        self.ask("eth_getTransactionReceipt", json!([hash]))
    }

    /// What the accounts hold together, of each coin.
    fn assert_conserved(&self) {
        for height in 0..=self.chain.head() {
            let sum = |coin| self.chain.balances.sum(coin, height);
            assert_eq!(sum(super::Coin::Native), COINS, "coins at {height}");
            assert_eq!(sum(super::Coin::Token(0)), HELD, "tokens at {height}");
        }
    }
}

fn number(value: &Value) -> u128 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no quantity"));
    u128::from_str_radix(text.trim_start_matches("0x"), 16)
        .unwrap_or_else(|_| panic!("{text} is no quantity"))
}
