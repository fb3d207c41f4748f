//! The EIP-1559 transaction that a draft describes, and what its bytes say when they are read back.
//!
//! Building and reading are done by different code: alloy encodes, the reader below walks the RLP that is about to be
//! hashed field by field (EIP-1559: `0x02 || rlp([chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, gas_limit,
//! destination, amount, data, access_list])`). All checks judge what was read, never the draft.

use adit_core::{Bytes, EvmDraft, Hash32, Signed};
use alloy::consensus::{SignableTransaction as _, TxEip1559, transaction::RlpEcdsaEncodableTx as _};
use alloy::primitives::{Address, Signature, TxKind, U256, keccak256};
use alloy::rlp::{Decodable as _, Header};

/// The one type that is signed. Type 4 would hand the wallet's code to somebody (EIP-7702, window F23).
const TYPE_EIP1559: u8 = 2;
const ADDRESS_BYTES: usize = 20;

/// A transaction ready to be signed, with what its bytes say.
#[derive(Debug)]
pub(crate) struct Unsigned {
    transaction: TxEip1559,
    pub digest: [u8; 32],
    pub says: Said,
}

/// What the bytes to be signed say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub chain_id: u64,
    pub nonce: u64,
    pub max_priority_fee_per_gas: u128,
    pub max_fee_per_gas: u128,
    pub gas_limit: u64,
    pub to: Address,
    pub value: U256,
    pub input: Vec<u8>,
}

impl Unsigned {
    /// # Errors
    /// A sentence about what in the draft is no transaction that this signer signs.
    pub(crate) fn build(draft: &EvmDraft) -> Result<Self, String> {
        let transaction = TxEip1559 {
            chain_id: draft.chain_id,
            nonce: draft.nonce,
            gas_limit: draft.gas_limit,
            max_fee_per_gas: draft.fees.max_fee_per_gas,
            max_priority_fee_per_gas: draft.fees.max_priority_fee_per_gas,
            to: TxKind::Call(address(draft.to.as_str())?),
            value: U256::from(draft.value.base_units()),
            access_list: Default::default(),
            input: draft.input.0.clone().into(),
        };
        let bytes = transaction.encoded_for_signing();
        let says = Said::read(&bytes)?;
        Ok(Self { transaction, digest: keccak256(&bytes).0, says })
    }

    /// The bytes that can be sent, and their hash, computed here.
    pub(crate) fn seal(self, signature: &Signature) -> Signed {
        let mut raw = Vec::with_capacity(self.transaction.eip2718_encoded_length(signature));
        self.transaction.eip2718_encode(signature, &mut raw);
        let hash = keccak256(&raw).0;
        Signed { raw: Bytes(raw), hash: Hash32(hash) }
    }
}

impl Said {
    /// Most that the network may take for it, in wei. More than `u128` holds counts as all of it.
    pub(crate) fn cost_max(&self) -> u128 {
        self.max_fee_per_gas.saturating_mul(u128::from(self.gas_limit))
    }

    /// # Errors
    /// A sentence about what in the bytes is not a plain type 2 transaction.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let Some((&TYPE_EIP1559, mut rest)) = bytes.split_first() else {
            return Err("its type is not 2; only EIP-1559 transactions are signed".to_owned());
        };
        let broken = |error: alloy::rlp::Error| format!("its encoding is broken ({error})");
        let mut fields = Header::decode_bytes(&mut rest, true).map_err(broken)?;
        if !rest.is_empty() {
            return Err(format!("{} bytes follow the transaction", rest.len()));
        }
        let said = Self {
            chain_id: u64::decode(&mut fields).map_err(broken)?,
            nonce: u64::decode(&mut fields).map_err(broken)?,
            max_priority_fee_per_gas: u128::decode(&mut fields).map_err(broken)?,
            max_fee_per_gas: u128::decode(&mut fields).map_err(broken)?,
            gas_limit: u64::decode(&mut fields).map_err(broken)?,
            to: recipient(Header::decode_bytes(&mut fields, false).map_err(broken)?)?,
            value: U256::decode(&mut fields).map_err(broken)?,
            input: Header::decode_bytes(&mut fields, false).map_err(broken)?.to_vec(),
        };
        let access_list = Header::decode_bytes(&mut fields, true).map_err(broken)?;
        if !access_list.is_empty() {
            return Err("it carries an access list; payments have none".to_owned());
        }
        if !fields.is_empty() {
            return Err(format!("{} bytes follow its last field", fields.len()));
        }
        Ok(said)
    }
}

/// Reads an address in its one canonical form.
///
/// # Errors
/// A sentence that names the text.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    Address::parse_checksummed(text, None).map_err(|_| format!("{text} is not an address with its EIP-55 checksum"))
}

fn recipient(bytes: &[u8]) -> Result<Address, String> {
    if bytes.len() != ADDRESS_BYTES {
        return Err(format!("its recipient has {} bytes; a payment has one of 20, and no contract is created", bytes.len()));
    }
    Ok(Address::from_slice(bytes))
}

#[cfg(test)]
mod tests {
    use adit_core::{Amount, EvmFees};

    use super::*;

    fn draft() -> EvmDraft {
        EvmDraft {
            chain_id: 8_453,
            nonce: 7,
            to: "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("a destination"),
            value: Amount::new(5),
            input: Bytes(vec![1, 2, 3]),
            gas_limit: 60_000,
            fees: EvmFees { max_fee_per_gas: 9, max_priority_fee_per_gas: 4 },
        }
    }

    #[test]
    fn the_reader_agrees_with_the_encoder() {
        let says = Unsigned::build(&draft()).expect("a transaction").says;
        assert_eq!((says.chain_id, says.nonce, says.gas_limit), (8_453, 7, 60_000));
        assert_eq!((says.max_fee_per_gas, says.max_priority_fee_per_gas, says.cost_max()), (9, 4, 540_000));
        assert_eq!(says.to.to_checksum(None), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!((says.value, says.input), (U256::from(5), vec![1, 2, 3]));
    }

    #[test]
    fn f23_refuses_other_types_access_lists_creations_and_trailing_bytes() {
        let plain = Unsigned::build(&draft()).expect("a transaction").transaction;
        let bytes = plain.encoded_for_signing();
        for other in [0u8, 1, 3, 4] {
            let mut typed = bytes.clone();
            typed[0] = other;
            assert!(Said::read(&typed).expect_err("another type").contains("type is not 2"));
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Said::read(&longer).expect_err("trailing").contains("1 bytes follow"));
        let listed = TxEip1559 { access_list: vec![Default::default()].into(), ..plain.clone() };
        assert!(Said::read(&listed.encoded_for_signing()).expect_err("a list").contains("access list"));
        let creation = TxEip1559 { to: TxKind::Create, ..plain };
        assert!(Said::read(&creation.encoded_for_signing()).expect_err("a creation").contains("no contract is created"));
        for length in 0..bytes.len() {
            assert!(Said::read(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn an_address_has_its_checksum() {
        let lower = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
        assert!(address(lower).is_err());
        assert!(address(&lower.replace("f39fd", "F39Fd")).is_err());
        assert!(Unsigned::build(&EvmDraft { to: lower.parse().expect("a destination"), ..draft() }).is_err());
    }
}
