//! Transactions: the signer reads what is built and nothing but one form of it; what our key signed
//! elsewhere is read back as it was.
#![no_main]

use adit_core::{Amount, Bytes, EvmDraft, EvmFees, EvmPricing};
use adit_signer::fuzzing;
use alloy::consensus::{
    SignableTransaction, Transaction as _, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxEnvelope,
    TxLegacy,
};
use alloy::eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy::eips::eip7702::{Authorization, SignedAuthorization};
use alloy::primitives::{Address, B256, Signature, TxKind, U256, keccak256};
use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, SecretKey};

#[derive(Debug, Arbitrary)]
enum Case<'a> {
    /// Bytes that claim to be what is about to be signed.
    Unsigned { bytes: &'a [u8] },
    /// Bytes that a node says our key has signed.
    Signed { bytes: &'a [u8] },
    /// A draft, and what became of its bytes on the way.
    Draft { parts: Parts, edits: Vec<(u16, u8)> },
    /// A transaction of any type by a key of ours.
    Ours { kind: u8, key: [u8; 32], parts: Parts, edits: Vec<(u16, u8)> },
}

#[derive(Debug, Clone, Arbitrary)]
struct Parts {
    chain_id: u64,
    nonce: u64,
    to: [u8; 20],
    value: u128,
    gas_limit: u64,
    tip: u128,
    fee: u128,
    legacy: bool,
    input: Vec<u8>,
}

fuzz_target!(|data: &[u8]| {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    match case {
        Case::Unsigned { bytes } => reads_one_form(bytes),
        Case::Signed { bytes } => tells(bytes),
        Case::Draft { parts, edits } => {
            let mut bytes = builds(&parts);
            edit(&mut bytes, &edits);
            reads_one_form(&bytes);
        }
        Case::Ours { kind, key, parts, edits } => {
            let Ok(key) = SecretKey::from_secret_bytes(key) else { return };
            let mut bytes = recognises(&envelope(kind, &key, parts), &key);
            edit(&mut bytes, &edits);
            tells(&bytes);
        }
    }
});

/// What is read is all there is: written again, it is the same bytes.
fn reads_one_form(bytes: &[u8]) {
    if let Ok(said) = fuzzing::read(bytes) {
        assert_eq!(said.encoded_for_signing(), bytes, "two byte strings are read as {said:?}");
    }
}

fn builds(parts: &Parts) -> Vec<u8> {
    let pricing = if parts.legacy { EvmPricing::Legacy } else { EvmPricing::Dynamic };
    let draft = EvmDraft {
        // EIP-155 puts twice the chain id into `v`, and none is zero.
        chain_id: if parts.legacy { parts.chain_id >> 2 | 1 } else { parts.chain_id },
        nonce: parts.nonce,
        to: adit_evm::canonical(Address::from(parts.to)),
        value: Amount::new(parts.value),
        input: Bytes(parts.input.clone()),
        gas_limit: parts.gas_limit,
        fees: pricing
            .shaped(EvmFees { max_fee_per_gas: parts.fee, max_priority_fee_per_gas: parts.tip }),
        pricing,
    };
    let (said, digest) = fuzzing::build(&draft).expect("a canonical address");
    let drafted = adit_evm::unsigned(&draft).expect("a canonical address");
    assert_eq!(said, drafted, "the signer reads something else than was drafted");
    assert_eq!(digest, drafted.signature_hash().0);
    drafted.encoded_for_signing()
}

/// Hash, sender and nonce of a transaction that a key of ours made are read back.
fn recognises(envelope: &TxEnvelope, key: &SecretKey) -> Vec<u8> {
    let raw = envelope.encoded_2718();
    let decoded = adit_evm::decode(&Bytes(raw.clone())).expect("it was just signed");
    assert_eq!(
        (decoded.sender, decoded.nonce, decoded.hash.0),
        (owner(key), envelope.nonce(), keccak256(&raw).0)
    );
    assert!(
        decoded
            .words
            .starts_with(&format!("a transaction of type {} that ", envelope.tx_type() as u8)),
        "{}",
        decoded.words
    );
    raw
}

/// Whatever bytes are read as, they are the only bytes that are, and the sender is who signed them.
fn tells(bytes: &[u8]) {
    let Ok(decoded) = adit_evm::decode(&Bytes(bytes.to_vec())) else { return };
    let envelope = TxEnvelope::decode_2718_exact(bytes).expect("it was read before");
    assert_eq!(envelope.encoded_2718(), bytes, "two byte strings are read as one transaction");
    assert_eq!((decoded.hash.0, decoded.nonce), (keccak256(bytes).0, envelope.nonce()));
    let signature = k256::ecdsa::Signature::from_scalars(
        envelope.signature().r().to_be_bytes::<32>(),
        envelope.signature().s().to_be_bytes::<32>(),
    );
    let id = k256::ecdsa::RecoveryId::new(envelope.signature().v(), false);
    let signed = envelope.signature_hash();
    let key = k256::ecdsa::VerifyingKey::recover_from_prehash(
        signed.as_slice(),
        &signature.expect("in range"),
        id,
    );
    let sender = Address::from_raw_public_key(
        &key.expect("a signer").to_encoded_point(false).as_bytes()[1..],
    );
    assert_eq!(decoded.sender, sender);
}

fn envelope(kind: u8, key: &SecretKey, parts: Parts) -> TxEnvelope {
    let Parts { chain_id, nonce, to, value, gas_limit, tip, fee, input, legacy: _ } = parts;
    let (to, value, input) =
        (Address::from(to), U256::from(value), alloy::primitives::Bytes::from(input));
    let call = if kind & 8 == 0 { TxKind::Call(to) } else { TxKind::Create };
    let access_list =
        AccessList(vec![
            AccessListItem { address: to, storage_keys: vec![B256::from(value)] };
            usize::from(kind >> 6)
        ]);
    match kind & 7 {
        0 => sign(
            TxLegacy { chain_id: None, nonce, gas_price: fee, gas_limit, to: call, value, input },
            key,
        ),
        // EIP-155 puts twice the chain id into `v`; ids whose double does not fit are none.
        1 => sign(
            TxLegacy {
                chain_id: Some(chain_id >> 2),
                nonce,
                gas_price: fee,
                gas_limit,
                to: call,
                value,
                input,
            },
            key,
        ),
        2 => sign(
            TxEip2930 {
                chain_id,
                nonce,
                gas_price: fee,
                gas_limit,
                to: call,
                value,
                access_list,
                input,
            },
            key,
        ),
        3 => {
            let blob_versioned_hashes = vec![B256::from(value)];
            let fees = (fee, tip);
            let (max_fee_per_gas, max_priority_fee_per_gas) = fees;
            let transaction = TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                blob_versioned_hashes,
                max_fee_per_blob_gas: tip,
                input,
            };
            sign(transaction, key)
        }
        4 => {
            let granted = Authorization { chain_id: U256::from(chain_id), address: to, nonce };
            let authorization_list =
                vec![SignedAuthorization::new_unchecked(granted, 1, value, U256::from(fee))];
            let (max_fee_per_gas, max_priority_fee_per_gas) = (fee, tip);
            let transaction = TxEip7702 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                authorization_list,
                input,
            };
            sign(transaction, key)
        }
        _ => {
            let (max_fee_per_gas, max_priority_fee_per_gas) = (fee, tip);
            let transaction = TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to: call,
                value,
                access_list,
                input,
            };
            sign(transaction, key)
        }
    }
}

fn sign<T>(transaction: T, key: &SecretKey) -> TxEnvelope
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy::consensus::Signed<T>>,
{
    let signed = RecoverableSignature::sign_ecdsa_recoverable(
        Message::from_digest(transaction.signature_hash().0),
        key,
    );
    let (id, compact) = signed.serialize_compact();
    let word = |at: usize| U256::from_be_slice(&compact[at..at + 32]);
    transaction.into_signed(Signature::new(word(0), word(32), u8::from(id) & 1 == 1)).into()
}

fn owner(key: &SecretKey) -> Address {
    Address::from_raw_public_key(&key.public_key().serialize_uncompressed()[1..])
}

fn edit(bytes: &mut [u8], edits: &[(u16, u8)]) {
    for (place, value) in edits {
        let length = bytes.len();
        bytes[usize::from(*place) % length] = *value;
    }
}
