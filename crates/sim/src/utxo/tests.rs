//! The chain keeps the rules that it is there to keep.

mod blocks;
mod pools;

use bitcoin::absolute::LockTime;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness, transaction,
};
use serde_json::{Value, json};

use super::pool::Policy;
use super::*;

const COIN: u64 = 100_000_000;
const FINAL_BLOCKS: u64 = 5;
const NOW: u64 = 1_800_000_000;
const SIGNALS: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

fn script(byte: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x00, 0x14][..], &[byte; 20]].concat())
}

/// Coins of one bitcoin each, and two nodes: one with the older rules of replacement, one with the
/// newer.
fn chain(coins: usize) -> (UtxoChain, Vec<OutPoint>, Dice) {
    let mut dice = Dice::new(7);
    let genesis = Genesis {
        coins: vec![(script(1), COIN); coins],
        final_blocks: FINAL_BLOCKS,
        nodes: 2,
        start_seconds: NOW,
    };
    let mut chain = UtxoChain::new(&genesis, &mut dice);
    chain.nodes = [Policy::Signalled, Policy::Full].map(NodePool::new).into();
    let scripts = [script(1)];
    let coins = chain.coins_of(&scripts, chain.head()).map(|(outpoint, _)| outpoint).collect();
    (chain, coins, dice)
}

/// Spends these coins, which are worth so much, at so many satoshi of fee; to one script.
fn spend(coins: &[OutPoint], worth: u64, fee: u64, to: u8, sequence: Sequence) -> Transaction {
    let input = |previous_output: &OutPoint| {
        let witness = Witness::from_slice(&[[0x30; 71].as_slice(), [0x02; 33].as_slice()]);
        TxIn { previous_output: *previous_output, script_sig: ScriptBuf::new(), sequence, witness }
    };
    let output = vec![TxOut { value: Amount::from_sat(worth - fee), script_pubkey: script(to) }];
    let input = coins.iter().map(input).collect();
    Transaction { version: transaction::Version::TWO, lock_time: LockTime::ZERO, input, output }
}

fn send(chain: &mut UtxoChain, node: usize, body: &Transaction) -> Result<Txid, String> {
    let params = json!([bitcoin::consensus::encode::serialize_hex(body)]);
    let said = chain.answer(node, u64::MAX, NOW, "sendrawtransaction", &params);
    said.map(|_| body.compute_txid()).map_err(|error| error.to_string())
}

fn ask(chain: &mut UtxoChain, upto: u64, method: &str, params: Value) -> Value {
    chain.answer(1, upto, NOW, method, &params).unwrap_or_else(|error| json!(error.to_string()))
}

fn mine_until(chain: &mut UtxoChain, txid: Txid, dice: &mut Dice) {
    mine_either(chain, [txid, txid], dice);
}

fn mine_either(chain: &mut UtxoChain, versions: [Txid; 2], dice: &mut Dice) {
    for _ in 0..100 {
        if versions.iter().any(|txid| chain.is_mined(*txid)) {
            return;
        }
        chain.mine(NOW, dice);
    }
    panic!("none of {versions:?} was mined in 100 blocks");
}
