//! Transactions of our key that we did not make: read from their bytes and told in words.

use adit_core::{Bytes, EvmDraft, EvmFees, EvmPricing, Hash32};
use alloy::consensus::{Transaction as _, TxEip1559, TxEnvelope, TxType};
use alloy::eips::Decodable2718;
use alloy::primitives::{Address, U256};

use crate::effect::shown;
use crate::rpc::{self, Transaction, hash32};
use crate::{canonical, erc20, raw_hash, signature};

/// A signed transaction, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub hash: Hash32,
    pub sender: Address,
    pub nonce: u64,
    /// What it does, to whom, how much (base units).
    pub words: String,
    pub(crate) pays: Option<Pays>,
    /// The same as one of our own drafts, where it has the form of one.
    pub(crate) draft: Option<EvmDraft>,
}

/// One payment: of a token, or of the native coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pays {
    pub token: Option<Address>,
    pub to: Address,
    pub amount: U256,
}

/// Reads signed bytes of any type: hash, sender and nonce are then beyond doubt, whoever brought
/// them.
///
/// # Errors
/// In words.
pub fn decode(raw: &Bytes) -> Result<Decoded, String> {
    let envelope = TxEnvelope::decode_2718_exact(&raw.0)
        .map_err(|error| format!("not a signed transaction: {error}"))?;
    let parts = envelope.signature();
    let digest = envelope.signature_hash();
    let sender = signature::recover_parts(digest, parts.r(), parts.s(), parts.v())
        .map_err(|error| error.to_string())?;
    let doing = Doing {
        kind: envelope.tx_type() as u64,
        sender,
        to: envelope.to(),
        value: envelope.value(),
        input: envelope.input(),
    };
    Ok(Decoded {
        hash: raw_hash(raw),
        sender,
        nonce: envelope.nonce(),
        words: doing.words(),
        pays: doing.pays(),
        draft: draft(&envelope),
    })
}

/// Only EIP-1559 transactions without an access list and legacy ones that name their chain are made
/// here, and amounts of 128 bits.
fn draft(envelope: &TxEnvelope) -> Option<EvmDraft> {
    let (pricing, fees) = match envelope {
        TxEnvelope::Eip1559(signed) if signed.tx().access_list.is_empty() => {
            let &TxEip1559 { max_fee_per_gas, max_priority_fee_per_gas, .. } = signed.tx();
            (EvmPricing::Dynamic, EvmFees { max_fee_per_gas, max_priority_fee_per_gas })
        }
        TxEnvelope::Legacy(signed) => {
            let price = signed.tx().gas_price;
            (
                EvmPricing::Legacy,
                EvmFees { max_fee_per_gas: price, max_priority_fee_per_gas: price },
            )
        }
        TxEnvelope::Eip1559(_)
        | TxEnvelope::Eip2930(_)
        | TxEnvelope::Eip4844(_)
        | TxEnvelope::Eip7702(_) => return None,
    };
    Some(EvmDraft {
        chain_id: envelope.chain_id()?,
        nonce: envelope.nonce(),
        to: canonical(envelope.to()?),
        value: rpc::amount(envelope.value())?,
        input: Bytes(envelope.input().to_vec()),
        gas_limit: envelope.gas_limit(),
        fees,
        pricing,
    })
}

/// What a node says about a transaction whose bytes it did not give.
pub(crate) fn describe(transaction: &Transaction) -> Decoded {
    let doing = Doing {
        kind: transaction.kind.to(),
        sender: transaction.from,
        to: transaction.to,
        value: transaction.value,
        input: &transaction.input,
    };
    Decoded {
        hash: hash32(transaction.hash),
        sender: transaction.from,
        nonce: transaction.nonce.to(),
        words: doing.words(),
        pays: doing.pays(),
        draft: None,
    }
}

struct Doing<'a> {
    kind: u64,
    sender: Address,
    to: Option<Address>,
    value: U256,
    input: &'a [u8],
}

impl Doing<'_> {
    fn pays(&self) -> Option<Pays> {
        let called = self.to?;
        match erc20::read_transfer(self.input) {
            Some((to, amount)) => Some(Pays { token: Some(called), to, amount }),
            None => (!self.value.is_zero()).then_some(Pays {
                token: None,
                to: called,
                amount: self.value,
            }),
        }
    }

    fn words(&self) -> String {
        let kind = self.kind;
        let delegation = if kind == TxType::Eip7702 as u64 {
            ", and carries authorisations of code (EIP-7702)"
        } else {
            ""
        };
        format!("a transaction of type {kind} that {}{delegation}", self.act())
    }

    fn act(&self) -> String {
        let Some(to) = self.to else {
            return format!(
                "creates a contract from {} bytes of code with {} wei",
                self.input.len(),
                self.value
            );
        };
        if let Some((recipient, amount)) = erc20::read_transfer(self.input) {
            let coins = if self.value.is_zero() {
                String::new()
            } else {
                format!(", with {} wei", self.value)
            };
            return format!(
                "transfers {amount} base units of the token {} to {}{coins}",
                shown(to),
                shown(recipient)
            );
        }
        match (self.input.get(..4), to == self.sender) {
            (None, true) => format!("sends {} wei to itself", self.value),
            (None, false) => format!("pays {} wei to {}", self.value, shown(to)),
            (Some(selector), _) => {
                let selector = Bytes(selector.to_vec());
                format!(
                    "calls function {selector} of {} with {} bytes and {} wei",
                    shown(to),
                    self.input.len(),
                    self.value
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::hex;

    use super::*;

    /// The example of EIP-155: nonce 9, 1 ether to 0x3535…, signed with the key 0x4646….
    #[test]
    fn the_published_legacy_transaction() {
        let raw = hex!(
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a0"
            "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a0"
            "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        );
        let decoded = decode(&Bytes(raw.to_vec())).expect("published");
        assert_eq!(decoded.sender.to_checksum(None), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
        assert_eq!(decoded.nonce, 9);
        assert_eq!(
            decoded.words,
            "a transaction of type 0 that pays 1000000000000000000 wei to \
             0x3535353535353535353535353535353535353535"
        );
    }

    #[test]
    fn tokens_creations_and_delegations_are_told() {
        let sender = Address::repeat_byte(1);
        let to = Address::repeat_byte(0x35);
        let input = erc20::transfer(sender, adit_core::Amount::new(7));
        let words = |kind, to, value: u64, input: &[u8]| {
            Doing { kind, sender, to, value: U256::from(value), input }.words()
        };
        assert!(
            words(2, Some(to), 0, &input).contains("transfers 7 base units of the token 0x3535")
        );
        assert!(words(2, None, 0, &[1, 2]).contains("creates a contract from 2 bytes"));
        assert!(words(2, Some(sender), 0, &[]).contains("sends 0 wei to itself"));
        assert!(words(4, Some(to), 3, &[1, 2, 3, 4]).ends_with("(EIP-7702)"));
    }

    #[test]
    fn garbage_is_not_a_transaction() {
        for raw in [vec![], vec![2], vec![2, 0xc0], vec![0xff; 100]] {
            assert!(decode(&Bytes(raw)).is_err());
        }
    }
}
