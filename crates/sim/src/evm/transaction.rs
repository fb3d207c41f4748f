//! A signed transaction, read from real bytes: EIP-1559 only, because the signer makes no others.

use adit_chain::RpcError;
use alloy::consensus::TxEnvelope;
use alloy::eips::Decodable2718;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

use super::rpc::refused;

/// What the bytes say, and whose key signed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    pub hash: B256,
    pub raw: Bytes,
    pub chain_id: u64,
    pub sender: Address,
    pub nonce: u64,
    pub to: Address,
    pub value: U256,
    pub input: Bytes,
    pub gas_limit: u64,
    pub max_fee: u128,
    pub tip: u128,
}

impl Transaction {
    /// # Errors
    /// [`RpcError`] in geth's words: bytes that are no transaction, another type than 2, a
    /// creation, a signature of nobody.
    pub(crate) fn read(raw: &[u8]) -> Result<Self, RpcError> {
        let envelope =
            TxEnvelope::decode_2718_exact(raw).map_err(|error| refused(format!("rlp: {error}")))?;
        let TxEnvelope::Eip1559(signed) = &envelope else {
            return Err(refused(format!(
                "transaction type not supported: {}; this chain takes type 2",
                envelope.tx_type() as u8
            )));
        };
        let sender = recovered(signed.signature(), signed.signature_hash())
            .ok_or_else(|| refused("invalid sender".to_owned()))?;
        let transaction = signed.tx();
        let to = transaction.to.to().copied();
        Ok(Self {
            hash: keccak256(raw),
            raw: raw.to_vec().into(),
            chain_id: transaction.chain_id,
            sender,
            nonce: transaction.nonce,
            to: to.ok_or_else(|| {
                refused("contract creation is not supported; send to an address".to_owned())
            })?,
            value: transaction.value,
            input: transaction.input.clone(),
            gas_limit: transaction.gas_limit,
            max_fee: transaction.max_fee_per_gas,
            tip: transaction.max_priority_fee_per_gas,
        })
    }

    /// What must be there before it is carried out: the value and the most that its gas may cost.
    pub(crate) fn cost_max(&self) -> U256 {
        U256::from(self.gas_limit)
            .saturating_mul(U256::from(self.max_fee))
            .saturating_add(self.value)
    }

    /// What a miner gets per unit of gas; none when the base fee is not paid (EIP-1559).
    pub(crate) fn tip_at(&self, base_fee: u128) -> Option<u128> {
        self.max_fee.checked_sub(base_fee).map(|rest| rest.min(self.tip))
    }
}

fn recovered(signature: &alloy::primitives::Signature, digest: B256) -> Option<Address> {
    let compact = [signature.r().to_be_bytes::<32>(), signature.s().to_be_bytes::<32>()].concat();
    let id = if signature.v() { RecoveryId::One } else { RecoveryId::Zero };
    // EIP-2: of the two signatures that one key can give, only the lower is valid.
    let low = signature.normalize_s().is_none();
    let signature = RecoverableSignature::from_compact(&compact, id).ok().filter(|_| low)?;
    let key = signature.recover_ecdsa(Message::from_digest(digest.0)).ok()?;
    Some(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}
