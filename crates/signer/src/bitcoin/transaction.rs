//! The transaction that a draft describes, and what its bytes say when they are read back.
//!
//! Building and reading are done by different code: the bitcoin crate writes, [`Said`] reads. What
//! a signature is over is computed from what was read, and must be what the bitcoin crate computes
//! from what it wrote.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use adit_core::{Amount, BitcoinDraft, Bytes, DraftInput, DraftOutput, Hash32, Place, Signed};
use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash as _;
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::{OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, transaction::Version};
use sha2::{Digest as _, Sha256};

use super::account::Spend as By;
use super::said::{LOCK_TIME, SEQUENCE, Said};
use super::sighash::{Message, Spent};
use super::{AccountKind, BitcoinAccount, partial};

/// No more bitcoin than this will ever exist, in satoshi (Bitcoin Core, `consensus/amount.h`,
/// `MAX_MONEY`).
const SATOSHI_MAX: u64 = 2_100_000_000_000_000;
/// Nodes relay no heavier transaction (Bitcoin Core, `policy/policy.h`, `MAX_STANDARD_TX_WEIGHT`).
const WEIGHT_MAX: u64 = 400_000;
/// BIP-141: a byte outside of the witness weighs four, one inside one.
const BASE_BYTE_WEIGHT: u64 = 4;
/// Marker and flag (BIP-144).
const HEADER_WEIGHT: u64 = 2;
/// Count 1, signature 1 + 72 at most, key 1 + 33.
const SEGWIT_WITNESS_BYTES: u64 = 108;
/// Count 1, signature 1 + 64.
const TAPROOT_WITNESS_BYTES: u64 = 66;

/// A transaction ready to be signed, with what its bytes say.
#[derive(Debug)]
pub(crate) struct Unsigned {
    transaction: Transaction,
    txid: Hash32,
    keys: Vec<Place>,
    spent: Vec<Spent>,
    digests: Vec<[u8; 32]>,
    pub says: Said,
    /// What its inputs spend, in their order.
    pub coins: Vec<Coin>,
    /// What the miners get, in satoshi.
    pub fee: Amount,
    /// When it is signed, at most.
    pub vbytes: u64,
}

/// A coin that is spent: its outpoint as it was read, its amount as the signature commits to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coin {
    pub outpoint: String,
    pub amount: Amount,
}

impl Unsigned {
    /// # Errors
    /// A sentence about what in the draft is no transaction that this account signs.
    pub(crate) fn build(draft: &BitcoinDraft, account: &BitcoinAccount) -> Result<Self, String> {
        let transaction = transaction(draft)?;
        let bytes = encode::serialize(&transaction);
        let says = Said::read(&bytes)?;
        let vbytes = vbytes(&bytes, says.inputs.len(), account.spend())?;
        let coins = coins(&says, draft)?;
        let spent = draft
            .inputs
            .iter()
            .map(|input| spent(input, account))
            .collect::<Result<Vec<_>, _>>()?;
        let fee = fee(&says, &spent)?;
        let digests = digests(account.spend(), &says, &spent)?;
        if digests != their_digests(account.spend(), &transaction, &spent) {
            return Err("two ways to compute what is signed disagree; nothing is".to_owned());
        }
        let txid = txid(&bytes);
        let keys = draft.inputs.iter().map(DraftInput::place).collect();
        Ok(Self { transaction, txid, keys, spent, digests, says, coins, fee, vbytes })
    }

    /// The bytes that can be sent, or a PSBT where others have to sign as well; and their id,
    /// computed here. Signatures do not change it: all inputs are segwit (window F65).
    ///
    /// # Errors
    /// A sentence, when a signature does not verify.
    pub(crate) fn sign(mut self, account: &BitcoinAccount) -> Result<Signed, String> {
        let each = || self.keys.iter().zip(&self.digests);
        let witnesses = each()
            .map(|(place, digest)| account.witness(*place, *digest))
            .collect::<Result<Option<Vec<_>>, _>>()?;
        let raw = match witnesses {
            Some(witnesses) => {
                self.transaction
                    .input
                    .iter_mut()
                    .zip(witnesses)
                    .for_each(|(input, witness)| input.witness = witness.into());
                encode::serialize(&self.transaction)
            }
            None => {
                let parts = each()
                    .map(|(place, digest)| account.part(*place, *digest))
                    .collect::<Result<Vec<_>, _>>()?;
                partial::psbt(self.transaction, &self.spent, parts)?
            }
        };
        Ok(Signed { raw: Bytes(raw), hash: self.txid })
    }
}

fn transaction(draft: &BitcoinDraft) -> Result<Transaction, String> {
    let input = |DraftInput { outpoint, .. }: &DraftInput| {
        let previous_output = OutPoint::from_str(outpoint)
            .map_err(|_| format!("{outpoint:?} is no outpoint; one is txid:vout"))?;
        Ok(TxIn {
            previous_output,
            script_sig: ScriptBuf::new(),
            sequence: Sequence(SEQUENCE),
            witness: Default::default(),
        })
    };
    let output = |DraftOutput { script, amount, .. }: &DraftOutput| {
        Ok(TxOut {
            value: bitcoin::Amount::from_sat(satoshi(*amount)?),
            script_pubkey: ScriptBuf::from_bytes(script.0.clone()),
        })
    };
    let (inputs, outputs) = (draft.inputs.len(), draft.outputs.len());
    if inputs == 0 || outputs == 0 {
        return Err(format!(
            "it has {inputs} inputs and {outputs} outputs, and a payment has one of each at least"
        ));
    }
    Ok(Transaction {
        version: Version::TWO,
        lock_time: LockTime::from_consensus(LOCK_TIME),
        input: draft.inputs.iter().map(input).collect::<Result<_, String>>()?,
        output: draft.outputs.iter().map(output).collect::<Result<_, String>>()?,
    })
}

fn satoshi(amount: Amount) -> Result<u64, String> {
    let narrow = u64::try_from(amount.base_units()).ok().filter(|satoshi| *satoshi <= SATOSHI_MAX);
    narrow.ok_or_else(|| format!("{amount} satoshi are more than will ever exist ({SATOSHI_MAX})"))
}

fn vbytes(bytes: &[u8], inputs: usize, by: By<'_>) -> Result<u64, String> {
    let witness = match by {
        By::Key(AccountKind::Segwit) => SEGWIT_WITNESS_BYTES,
        By::Key(AccountKind::Taproot) => TAPROOT_WITNESS_BYTES,
        By::Several(multisig) => multisig.witness_bytes(),
    };
    let weight = bytes.len() as u64 * BASE_BYTE_WEIGHT + HEADER_WEIGHT + inputs as u64 * witness;
    if weight > WEIGHT_MAX {
        return Err(format!(
            "it would weigh {weight}, and nodes relay at most {WEIGHT_MAX}; pay fewer, or spend \
             fewer coins"
        ));
    }
    Ok(weight.div_ceil(BASE_BYTE_WEIGHT))
}

/// Each input as it was read, with the amount that the draft claims for it; none twice.
fn coins(says: &Said, draft: &BitcoinDraft) -> Result<Vec<Coin>, String> {
    let mut seen = BTreeSet::new();
    let coin = |(said, drafted): (&super::said::Outpoint, &DraftInput)| {
        let outpoint = said.to_string();
        if outpoint != drafted.outpoint {
            return Err(format!(
                "{:?} is drafted, and the bytes spend {outpoint}",
                drafted.outpoint
            ));
        }
        if !seen.insert(*said) {
            return Err(format!("the coin {outpoint} is spent twice"));
        }
        Ok(Coin { outpoint, amount: drafted.amount })
    };
    if says.inputs.len() != draft.inputs.len() {
        return Err(format!(
            "{} inputs are drafted, and the bytes have {}",
            draft.inputs.len(),
            says.inputs.len()
        ));
    }
    says.inputs.iter().zip(&draft.inputs).map(coin).collect()
}

/// The coin at a place of this account. A coin of somebody else, said to be ours, gets a signature
/// that no node takes.
fn spent(input: &DraftInput, account: &BitcoinAccount) -> Result<Spent, String> {
    let missing = || format!("there is no key at {}", input.place());
    let script = account.script(input.place()).ok_or_else(missing)?;
    let witness_script = match account.spend() {
        By::Key(_) => None,
        By::Several(multisig) => Some(multisig.witness_script(input.place()).ok_or_else(missing)?),
    };
    Ok(Spent { amount: satoshi(input.amount)?, script, witness_script })
}

fn fee(says: &Said, spent: &[Spent]) -> Result<Amount, String> {
    let sum = |amounts: &mut dyn Iterator<Item = u64>| {
        amounts.map(u128::from).fold(0, u128::saturating_add)
    };
    let inputs = sum(&mut spent.iter().map(|coin| coin.amount));
    let outputs = sum(&mut says.outputs.iter().map(|output| output.amount));
    satoshi(Amount::new(inputs))?;
    let fee = inputs
        .checked_sub(outputs)
        .ok_or_else(|| format!("its outputs are {outputs} satoshi and its inputs only {inputs}"))?;
    Ok(Amount::new(fee))
}

fn digests(by: By<'_>, says: &Said, spent: &[Spent]) -> Result<Vec<[u8; 32]>, String> {
    let message = Message::new(says, spent);
    let of = |input| match by {
        By::Key(AccountKind::Segwit) | By::Several(_) => message.segwit(input),
        By::Key(AccountKind::Taproot) => message.taproot(input),
    };
    (0..spent.len())
        .map(|input| of(input).ok_or_else(|| format!("input {input} is not one of this account")))
        .collect()
}

/// The same by the bitcoin crate, from what it wrote. Empty where it cannot tell.
fn their_digests(by: By<'_>, transaction: &Transaction, spent: &[Spent]) -> Vec<[u8; 32]> {
    let coin = |Spent { amount, script, .. }: &Spent| TxOut {
        value: bitcoin::Amount::from_sat(*amount),
        script_pubkey: ScriptBuf::from_bytes(script.clone()),
    };
    let coins: Vec<TxOut> = spent.iter().map(coin).collect();
    let mut cache = SighashCache::new(transaction);
    let mut of = |(input, coin): (usize, &TxOut)| {
        let hash = match by {
            By::Key(AccountKind::Segwit) => cache
                .p2wpkh_signature_hash(
                    input,
                    &coin.script_pubkey,
                    coin.value,
                    EcdsaSighashType::All,
                )
                .ok()?
                .to_byte_array(),
            By::Key(AccountKind::Taproot) => cache
                .taproot_key_spend_signature_hash(
                    input,
                    &Prevouts::All(&coins),
                    TapSighashType::Default,
                )
                .ok()?
                .to_byte_array(),
            By::Several(_) => {
                let script = ScriptBuf::from_bytes(spent[input].witness_script.clone()?);
                cache
                    .p2wsh_signature_hash(input, &script, coin.value, EcdsaSighashType::All)
                    .ok()?
                    .to_byte_array()
            }
        };
        Some(hash)
    };
    coins.iter().enumerate().map(&mut of).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The id of a transaction, which signatures are no part of; none where the bytes are neither one
/// nor a PSBT.
pub(crate) fn id_of(raw: &[u8]) -> Option<Hash32> {
    let transaction: Transaction =
        encode::deserialize(raw).ok().or_else(|| partial::transaction(raw))?;
    let mut id: [u8; 32] = *AsRef::<[u8; 32]>::as_ref(&transaction.compute_txid());
    id.reverse();
    Some(Hash32(id))
}

/// As people write it: the bytes are in the reverse of their order in the chain.
fn txid(bytes: &[u8]) -> Hash32 {
    let mut hash: [u8; 32] = Sha256::digest(Sha256::digest(bytes)).into();
    hash.reverse();
    Hash32(hash)
}
