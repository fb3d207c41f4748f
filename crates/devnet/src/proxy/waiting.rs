//! The rules of a node's pool that anvil does not keep, in geth's words: who may replace whom, and
//! who has to wait.
//!
//! What was taken is remembered beyond its block: as long as the chain's nonce is below a
//! transaction's own, it waits here again.

use std::collections::BTreeMap;

use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy::eips::eip2718::Decodable2718 as _;
use anyhow::{Context, Result};
use secp256k1::Message;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};

use crate::primitives::{Address, B256, Bytes, U256, keccak256};

use super::node::{Account, Head};

/// geth's `--txpool.pricebump`, in percent, on both fee fields.
const REPLACEMENT_PERCENT: u128 = 10;
/// Transactions of a sender that are remembered, the newest by nonce.
const REMEMBERED_MAX: usize = 4_096;
/// The code of all of geth's refusals.
pub(super) const REFUSED_CODE: i64 = -32_000;

/// A signed transaction that somebody offers.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub sender: Address,
    pub nonce: u64,
    pub hash: B256,
    pub raw: Bytes,
    pub max_fee: u128,
    pub max_tip: u128,
    /// Value, and the gas at the highest price.
    pub cost: U256,
}

/// What waits or was mined lately, by sender and nonce. One transaction a nonce: the one that
/// replaced the others.
#[derive(Default)]
pub(super) struct Waiting {
    of: BTreeMap<Address, BTreeMap<u64, Kept>>,
}

struct Kept {
    offer: Offer,
    /// The head at which the node took it.
    handed: Option<B256>,
}

impl Offer {
    /// # Errors
    /// When these are no bytes of a signed transaction.
    pub fn read(raw: &str) -> Result<Self> {
        let raw: Bytes = raw.parse().context("no hexadecimal")?;
        let envelope = TxEnvelope::decode_2718_exact(&raw).context("no signed transaction")?;
        let max_fee = envelope.max_fee_per_gas();
        Ok(Self {
            sender: signer(&envelope)?,
            nonce: envelope.nonce(),
            hash: keccak256(&raw),
            max_fee,
            max_tip: envelope.max_priority_fee_per_gas().unwrap_or(max_fee),
            cost: U256::from(envelope.gas_limit()) * U256::from(max_fee) + envelope.value(),
            raw,
        })
    }

    fn outbids(&self, other: &Self) -> bool {
        let enough =
            |new: u128, old: u128| new > old && new >= old * (100 + REPLACEMENT_PERCENT) / 100;
        enough(self.max_fee, other.max_fee) && enough(self.max_tip, other.max_tip)
    }
}

fn signer(envelope: &TxEnvelope) -> Result<Address> {
    let parts = envelope.signature();
    let compact = [parts.r().to_be_bytes::<32>(), parts.s().to_be_bytes::<32>()].concat();
    let id = if parts.v() { RecoveryId::One } else { RecoveryId::Zero };
    let signature = RecoverableSignature::from_compact(&compact, id).context("no signature")?;
    let key = signature
        .recover_ecdsa(Message::from_digest(envelope.signature_hash().0))
        .context("nobody signed it")?;
    Ok(Address::from_raw_public_key(&key.serialize_uncompressed()[1..]))
}

impl Waiting {
    /// Takes it, or says why not. A gap below its nonce is no reason: it waits.
    ///
    /// # Errors
    /// geth's sentence.
    pub fn admit(&mut self, offer: Offer, account: Account) -> Result<B256, String> {
        let of_sender = self.of.entry(offer.sender).or_default();
        let standing = of_sender
            .get(&offer.nonce)
            .map(|kept| &kept.offer)
            .filter(|_| offer.nonce >= account.nonce);
        if standing.is_some_and(|standing| standing.hash == offer.hash) {
            return Err("already known".to_owned());
        }
        if offer.max_tip > offer.max_fee {
            return Err(format!(
                "max priority fee per gas higher than max fee per gas: address {}, \
                 maxPriorityFeePerGas: {}, maxFeePerGas: {}",
                offer.sender, offer.max_tip, offer.max_fee
            ));
        }
        if offer.nonce < account.nonce {
            return Err(format!(
                "nonce too low: next nonce {}, tx nonce {}",
                account.nonce, offer.nonce
            ));
        }
        let others = of_sender.range(account.nonce..).filter(|(nonce, _)| **nonce != offer.nonce);
        let queued: U256 = others.map(|(_, kept)| kept.offer.cost).sum();
        if queued + offer.cost > account.balance {
            let (balance, cost, over) =
                (account.balance, offer.cost, queued + offer.cost - account.balance);
            return Err(format!(
                "insufficient funds for gas * price + value: balance {balance}, queued cost \
                 {queued}, tx cost {cost}, overshot {over}"
            ));
        }
        if standing.is_some_and(|standing| !offer.outbids(standing)) {
            return Err("replacement transaction underpriced".to_owned());
        }
        let hash = offer.hash;
        of_sender.insert(offer.nonce, Kept { offer, handed: None });
        while of_sender.len() > REMEMBERED_MAX {
            of_sender.pop_first();
        }
        Ok(hash)
    }

    pub fn senders(&self) -> Vec<Address> {
        self.of.keys().copied().collect()
    }

    /// What the node could mine next and was not given at this head: in order, without a gap, none
    /// below the base fee.
    pub fn due(&self, sender: Address, next_nonce: u64, head: Head) -> Vec<Offer> {
        let Some(of_sender) = self.of.get(&sender) else { return Vec::new() };
        let in_order = of_sender.range(next_nonce..).zip(next_nonce..);
        let executable = in_order.take_while(|((nonce, kept), expected)| {
            *nonce == expected && kept.offer.max_fee >= head.base_fee
        });
        executable
            .map(|((_, kept), _)| kept)
            .filter(|kept| kept.handed != Some(head.hash))
            .map(|kept| kept.offer.clone())
            .collect()
    }

    /// The node took it at this head.
    pub fn handed(&mut self, offer: &Offer, head: Head) {
        let kept =
            self.of.get_mut(&offer.sender).and_then(|of_sender| of_sender.get_mut(&offer.nonce));
        if let Some(kept) = kept.filter(|kept| kept.offer.hash == offer.hash) {
            kept.handed = Some(head.hash);
        }
    }

    /// What is not mined of `sender` is gone, given what the chain's nonce is.
    pub fn forget(&mut self, sender: Address, next_nonce: u64) {
        if let Some(of_sender) = self.of.get_mut(&sender) {
            of_sender.split_off(&next_nonce);
        }
    }

    /// How many of `sender` are not mined.
    pub fn unmined(&self, sender: Address, next_nonce: u64) -> usize {
        self.of.get(&sender).map_or(0, |of_sender| of_sender.range(next_nonce..).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Address = Address::repeat_byte(0x5e);
    const RICH: Account = Account { nonce: 0, balance: U256::MAX };

    fn offer(nonce: u64, max_fee: u128, max_tip: u128) -> Offer {
        let name = format!("{nonce} {max_fee} {max_tip}");
        let (hash, raw) = (keccak256(&name), Bytes::from(name.into_bytes()));
        Offer {
            sender: SENDER,
            nonce,
            hash,
            raw,
            max_fee,
            max_tip,
            cost: U256::from(max_fee * 21_000),
        }
    }

    fn head(block: u8, base_fee: u128) -> Head {
        Head { hash: B256::repeat_byte(block), base_fee }
    }

    fn nonces(offers: &[Offer]) -> Vec<u64> {
        offers.iter().map(|offer| offer.nonce).collect()
    }

    #[test]
    fn a_replacement_offers_a_tenth_more_on_both_fields() {
        let mut waiting = Waiting::default();
        waiting.admit(offer(0, 1_000, 100), RICH).expect("the first");
        for (max_fee, max_tip) in [(1_099, 110), (1_100, 109), (1_000, 1_000), (5_000, 100)] {
            let said = waiting.admit(offer(0, max_fee, max_tip), RICH).expect_err("too little");
            assert_eq!(said, "replacement transaction underpriced", "{max_fee} {max_tip}");
        }
        waiting.admit(offer(0, 1_100, 110), RICH).expect("just enough");
        assert_eq!(waiting.unmined(SENDER, 0), 1);
    }

    #[test]
    fn what_is_here_is_known_and_what_is_mined_is_too_low() {
        let mut waiting = Waiting::default();
        waiting.admit(offer(3, 10, 1), RICH).expect("taken, with a gap before it");
        assert_eq!(waiting.admit(offer(3, 10, 1), RICH).expect_err("again"), "already known");
        let later = Account { nonce: 4, ..RICH };
        assert_eq!(
            waiting.admit(offer(3, 10, 1), later).expect_err("mined"),
            "nonce too low: next nonce 4, tx nonce 3"
        );
    }

    #[test]
    fn gaps_and_a_base_fee_above_the_offer_wait() {
        let mut waiting = Waiting::default();
        for (nonce, max_fee) in [(0, 50), (1, 20), (2, 50), (4, 50)] {
            waiting.admit(offer(nonce, max_fee, 1), RICH).expect("taken");
        }
        assert_eq!(
            nonces(&waiting.due(SENDER, 0, head(1, 30))),
            [0],
            "the second waits, and what follows it"
        );
        assert_eq!(nonces(&waiting.due(SENDER, 0, head(1, 20))), [0, 1, 2], "the gap stays");
        let first = offer(0, 50, 1);
        waiting.handed(&first, head(1, 20));
        assert_eq!(nonces(&waiting.due(SENDER, 0, head(1, 20))), [1, 2]);
        assert_eq!(
            nonces(&waiting.due(SENDER, 0, head(2, 20))),
            [0, 1, 2],
            "a new head may have lost it"
        );
    }

    #[test]
    fn what_a_reorganisation_removed_is_due_again() {
        let mut waiting = Waiting::default();
        waiting.admit(offer(0, 50, 1), RICH).expect("taken");
        assert!(waiting.due(SENDER, 1, head(1, 1)).is_empty(), "mined");
        assert_eq!(nonces(&waiting.due(SENDER, 0, head(2, 1))), [0], "its block is gone");
    }

    #[test]
    fn what_is_forgotten_is_gone_and_what_is_mined_is_remembered() {
        let mut waiting = Waiting::default();
        for nonce in 0..3 {
            waiting.admit(offer(nonce, 50, 1), RICH).expect("taken");
        }
        waiting.forget(SENDER, 1);
        assert_eq!(
            nonces(&waiting.due(SENDER, 0, head(1, 1))),
            [0],
            "a reorganisation may bring it back"
        );
        waiting.admit(offer(1, 10, 1), RICH).expect("nothing stands there any more");
    }

    #[test]
    fn all_that_wait_must_be_affordable_together() {
        let mut waiting = Waiting::default();
        let poor = Account { nonce: 0, balance: U256::from(3 * 21_000) };
        waiting.admit(offer(0, 2, 1), poor).expect("affordable");
        let said = waiting.admit(offer(1, 2, 1), poor).expect_err("not both");
        assert!(
            said.starts_with(
                "insufficient funds for gas * price + value: balance 63000, queued cost 42000"
            ),
            "{said}"
        );
    }
}
