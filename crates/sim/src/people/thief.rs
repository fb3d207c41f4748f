//! Somebody else uses the wallet's key.

use alloy::consensus::{SignableTransaction, TxEip1559};
use alloy::eips::Encodable2718;
use alloy::primitives::{Address, Signature, TxKind, U256, keccak256};

use crate::rules::{CHAIN_ID, FEE_PER_GAS_MAX, GWEI, hot_secret};
use crate::{Dice, World};

const GAS: u64 = 21_000;

/// Sends a coin of the wallet to an address of his own, at the next nonce that the chain does not
/// have yet.
pub fn use_key(world: &World, dice: &mut Dice) {
    let mut chain = world.evm();
    let nonce = chain.wallet_at(chain.head()).nonce;
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: GAS,
        max_fee_per_gas: FEE_PER_GAS_MAX,
        max_priority_fee_per_gas: 3 * GWEI,
        to: TxKind::Call(Address::repeat_byte(0x66)),
        value: U256::from(dice.between(1, 1_000_000)),
        ..TxEip1559::default()
    };
    let digest = secp256k1::Message::from_digest(transaction.signature_hash().0);
    let (recovery, bytes) =
        secp256k1::ecdsa::RecoverableSignature::sign_ecdsa_recoverable(digest, &hot_secret())
            .serialize_compact();
    let signature =
        Signature::from_bytes_and_parity(&bytes, recovery == secp256k1::ecdsa::RecoveryId::One);
    let raw = transaction.into_signed(signature).encoded_2718();
    world.truth().foreign(keccak256(&raw));
    world.story.tell("somebody", || format!("uses the key at nonce {nonce}: {}", keccak256(&raw)));
    chain.inject(&raw, dice);
}
