//! Blocks: real bytes, whose ids and roots hold, and whose work nobody checks.

use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::{
    Amount, BlockHash, CompactTarget, OutPoint, ScriptBuf, Sequence, Transaction, TxIn,
    TxMerkleNode, TxOut, Txid, Witness, transaction,
};

use super::transaction::Tx;

/// What regtest asks of a header (Bitcoin Core's `kernel/chainparams.cpp`).
const REGTEST_BITS: u32 = 0x207f_ffff;

/// A block, and the transactions in it that are no reward.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub body: bitcoin::Block,
    pub included: Vec<Arc<Tx>>,
}

impl Block {
    /// `salt` is another one for every block that is ever made.
    pub fn of(parent: BlockHash, included: Vec<Arc<Tx>>, time: u32, salt: u32) -> Self {
        let bodies = included.iter().map(|tx| tx.body.clone());
        let txdata: Vec<Transaction> = std::iter::once(reward(salt)).chain(bodies).collect();
        let header = Header {
            version: Version::TWO,
            prev_blockhash: parent,
            merkle_root: TxMerkleNode::all_zeros(),
            time,
            bits: CompactTarget::from_consensus(REGTEST_BITS),
            nonce: salt,
        };
        let mut body = bitcoin::Block { header, txdata };
        body.header.merkle_root = body.compute_merkle_root().expect("a block has its reward");
        Self { body, included }
    }
}

/// To nobody whom anyone looks for.
fn reward(salt: u32) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::null(),
        script_sig: ScriptBuf::from_bytes(salt.to_le_bytes().to_vec()),
        ..TxIn::default()
    };
    let output =
        TxOut { value: Amount::from_sat(50), script_pubkey: ScriptBuf::from_bytes(vec![0x51]) };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![output],
    }
}

/// A coin that is there from the beginning, out of one that nobody knows.
pub(crate) fn bank(number: u64, (script, value): &(ScriptBuf, u64)) -> Tx {
    let mut from = [0xba; 32];
    from[..8].copy_from_slice(&number.to_le_bytes());
    let input = TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array(from), 0),
        script_sig: ScriptBuf::new(),
        sequence: Sequence::MAX,
        witness: Witness::new(),
    };
    let output = TxOut { value: Amount::from_sat(*value), script_pubkey: script.clone() };
    let body = Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![output],
    };
    Tx::of(body, *value).expect("it makes what it spends")
}
