//! The transaction that a draft describes, and what its bytes say when they are read back.
//!
//! Building and reading are done by different code: alloy encodes, the readers below walk the RLP
//! that is about to be hashed field by field. EIP-1559: `0x02 || rlp([chain_id, nonce,
//! max_priority_fee_per_gas, max_fee_per_gas, gas_limit, destination, amount, data, access_list])`.
//! Chains without a base fee, EIP-155: `rlp([nonce, gas_price, gas_limit, destination, amount,
//! data, chain_id, 0, 0])`. All checks judge what was read, never the draft.

use adit_core::{Bytes, EvmDraft, EvmPricing, Hash32, Signed};
use alloy::consensus::transaction::RlpEcdsaEncodableTx as _;
use alloy::consensus::{SignableTransaction as _, TxEip1559, TxLegacy, TypedTransaction};
use alloy::primitives::{Address, Signature, TxKind, U256, keccak256};
use alloy::rlp::{Decodable as _, Header};

/// The one typed form that is signed. Type 4 would hand the wallet's code to somebody (EIP-7702,
/// window F23).
const TYPE_EIP1559: u8 = 2;
/// Where an RLP list begins, and so a transaction without a type (EIP-2718).
const LIST_FROM: u8 = 0xc0;
const ADDRESS_BYTES: usize = 20;

/// A transaction ready to be signed, with what its bytes say.
#[derive(Debug)]
pub(crate) struct Unsigned {
    transaction: TypedTransaction,
    pub digest: [u8; 32],
    pub says: Said,
}

/// What the bytes to be signed say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub pricing: EvmPricing,
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
        let (to, value) =
            (TxKind::Call(address(draft.to.as_str())?), U256::from(draft.value.base_units()));
        let (nonce, gas_limit, input) =
            (draft.nonce, draft.gas_limit, draft.input.0.clone().into());
        let transaction: TypedTransaction = match draft.pricing {
            EvmPricing::Dynamic => TxEip1559 {
                chain_id: draft.chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: draft.fees.max_fee_per_gas,
                max_priority_fee_per_gas: draft.fees.max_priority_fee_per_gas,
                to,
                value,
                access_list: Default::default(),
                input,
            }
            .into(),
            EvmPricing::Legacy => {
                let (chain_id, gas_price) = (Some(draft.chain_id), draft.fees.max_fee_per_gas);
                TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input }.into()
            }
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
    /// A sentence about what in the bytes is neither a plain type 2 nor a plain legacy transaction.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&TYPE_EIP1559, rest)) => Self::read_dynamic(rest),
            Some((&first, _)) if first >= LIST_FROM => Self::read_legacy(bytes),
            Some((first, _)) => Err(format!(
                "its type is not 2 and not legacy, but {first}; nothing else is signed"
            )),
            None => Err("it is empty, where a transaction was to be signed".to_owned()),
        }
    }

    /// Without a chain's id the same bytes would be good on every chain (EIP-155).
    fn read_legacy(mut rest: &[u8]) -> Result<Self, String> {
        let mut fields = only_list(&mut rest)?;
        let nonce = u64::decode(&mut fields).map_err(broken)?;
        let gas_price = u128::decode(&mut fields).map_err(broken)?;
        let gas_limit = u64::decode(&mut fields).map_err(broken)?;
        let to = recipient(Header::decode_bytes(&mut fields, false).map_err(broken)?)?;
        let value = U256::decode(&mut fields).map_err(broken)?;
        let input = Header::decode_bytes(&mut fields, false).map_err(broken)?.to_vec();
        if fields.is_empty() {
            return Err(
                "it names no chain, and would be good on every one; EIP-155 names it".to_owned()
            );
        }
        let chain_id = u64::decode(&mut fields).map_err(broken)?;
        let (first, second) =
            (u8::decode(&mut fields).map_err(broken)?, u8::decode(&mut fields).map_err(broken)?);
        if chain_id == 0 || (first, second) != (0, 0) {
            return Err(format!(
                "it ends with chain id {chain_id}, {first}, {second}; EIP-155 ends with the id and \
                 two zeros"
            ));
        }
        ended(fields)?;
        let pricing = EvmPricing::Legacy;
        let (max_fee_per_gas, max_priority_fee_per_gas) = (gas_price, gas_price);
        Ok(Self {
            pricing,
            chain_id,
            nonce,
            max_priority_fee_per_gas,
            max_fee_per_gas,
            gas_limit,
            to,
            value,
            input,
        })
    }

    fn read_dynamic(mut rest: &[u8]) -> Result<Self, String> {
        let mut fields = only_list(&mut rest)?;
        let said = Self {
            pricing: EvmPricing::Dynamic,
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
        ended(fields)?;
        Ok(said)
    }
}

/// The fields of the one list that these bytes are.
fn only_list<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let fields = Header::decode_bytes(rest, true).map_err(broken)?;
    if rest.is_empty() {
        Ok(fields)
    } else {
        Err(format!("{} bytes follow the transaction", rest.len()))
    }
}

fn ended(fields: &[u8]) -> Result<(), String> {
    if fields.is_empty() {
        Ok(())
    } else {
        Err(format!("{} bytes follow its last field", fields.len()))
    }
}

fn broken(error: alloy::rlp::Error) -> String {
    format!("its encoding is broken ({error})")
}

/// Reads an address in its one canonical form.
///
/// # Errors
/// A sentence that names the text.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    Address::parse_checksummed(text, None)
        .map_err(|_| format!("{text} is not an address with its EIP-55 checksum"))
}

fn recipient(bytes: &[u8]) -> Result<Address, String> {
    if bytes.len() != ADDRESS_BYTES {
        return Err(format!(
            "its recipient has {} bytes; a payment has one of 20, and no contract is created",
            bytes.len()
        ));
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
            pricing: EvmPricing::Dynamic,
        }
    }

    #[test]
    fn the_reader_agrees_with_the_encoder() {
        let says = Unsigned::build(&draft()).expect("a transaction").says;
        assert_eq!((says.chain_id, says.nonce, says.gas_limit), (8_453, 7, 60_000));
        assert_eq!(
            (says.max_fee_per_gas, says.max_priority_fee_per_gas, says.cost_max()),
            (9, 4, 540_000)
        );
        assert_eq!(says.to.to_checksum(None), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!((says.value, says.input), (U256::from(5), vec![1, 2, 3]));
    }

    #[test]
    fn f23_refuses_other_types_access_lists_creations_and_trailing_bytes() {
        let built = Unsigned::build(&draft()).expect("a transaction").transaction;
        let TypedTransaction::Eip1559(plain) = built else { panic!("of type 2") };
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
        assert!(
            Said::read(&listed.encoded_for_signing()).expect_err("a list").contains("access list")
        );
        let creation = TxEip1559 { to: TxKind::Create, ..plain };
        assert!(
            Said::read(&creation.encoded_for_signing())
                .expect_err("a creation")
                .contains("no contract is created")
        );
        for length in 0..bytes.len() {
            assert!(Said::read(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    fn legacy() -> TxLegacy {
        let draft = EvmDraft { pricing: EvmPricing::Legacy, ..draft() };
        let built = Unsigned::build(&draft).expect("a transaction").transaction;
        let TypedTransaction::Legacy(plain) = built else { panic!("a legacy transaction") };
        plain
    }

    /// F23: a chain without a base fee takes type 0. It is signed for its chain, and never for all
    /// of them.
    #[test]
    fn f23_legacy_is_signed_with_its_chain_id_and_never_without() {
        let plain = legacy();
        let bytes = plain.encoded_for_signing();
        let says = Said::read(&bytes).expect("a legacy transaction");
        assert_eq!(
            (says.pricing, says.chain_id, says.nonce, says.gas_limit),
            (EvmPricing::Legacy, 8_453, 7, 60_000)
        );
        assert_eq!(
            (says.max_fee_per_gas, says.max_priority_fee_per_gas, says.cost_max()),
            (9, 9, 540_000)
        );
        assert_eq!((says.value, says.input), (U256::from(5), vec![1, 2, 3]));
        for (chain_id, why) in [(None, "names no chain"), (Some(0), "EIP-155 ends with")] {
            let wrong = TxLegacy { chain_id, ..plain.clone() };
            let said = Said::read(&wrong.encoded_for_signing()).expect_err(why);
            assert!(said.contains("no chain") || said.contains("EIP-155"), "{said}");
        }
        let creation = TxLegacy { to: TxKind::Create, ..plain };
        assert!(
            Said::read(&creation.encoded_for_signing())
                .expect_err("a creation")
                .contains("no contract is created")
        );
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Said::read(&longer).expect_err("trailing").contains("1 bytes follow"));
        let mut another = bytes.clone();
        *another.last_mut().expect("not empty") = 1;
        assert!(Said::read(&another).expect_err("no zero").contains("EIP-155"));
        for length in 0..bytes.len() {
            assert!(Said::read(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    /// The example of EIP-155: its digest, and the bytes of its signature with `v` = 35 + 2 * 1 +
    /// 0.
    #[test]
    fn f23_the_vector_of_eip_155() {
        let draft = EvmDraft {
            chain_id: 1,
            nonce: 9,
            to: "0x3535353535353535353535353535353535353535".parse().expect("a destination"),
            value: Amount::new(1_000_000_000_000_000_000),
            input: Bytes::default(),
            gas_limit: 21_000,
            fees: EvmFees {
                max_fee_per_gas: 20_000_000_000,
                max_priority_fee_per_gas: 20_000_000_000,
            },
            pricing: EvmPricing::Legacy,
        };
        let unsigned = Unsigned::build(&draft).expect("a transaction");
        let digest = "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53";
        assert_eq!(alloy::hex::encode(unsigned.digest), digest);
        let number = |text: &str| text.parse::<U256>().expect("a number");
        let signature = Signature::new(
            number("0x28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"),
            number("0x67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"),
            false,
        );
        let raw = "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";
        assert_eq!(alloy::hex::encode(&unsigned.seal(&signature).raw.0), raw);
    }

    #[test]
    fn an_address_has_its_checksum() {
        let lower = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
        assert!(address(lower).is_err());
        assert!(address(&lower.replace("f39fd", "F39Fd")).is_err());
        assert!(
            Unsigned::build(&EvmDraft { to: lower.parse().expect("a destination"), ..draft() })
                .is_err()
        );
    }
}
