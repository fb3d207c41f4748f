//! Somebody else has the key of the bitcoin wallet, or only sends to it.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::{
    Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, WPubkeyHash, Witness,
    transaction,
};

use crate::utxo::{Tx, UtxoChain};
use crate::{Dice, World};

/// Satoshi per virtual byte that he pays: now less than others, now more.
const RATES: [u64; 3] = [1, 10, 250];
/// As high as a day numbers its payments.
const NUMBERS_MAX: u32 = 1_000;
/// What one input and one output weigh, in virtual bytes.
const VBYTES: u64 = 110;

/// Spends a coin that a waiting payment of ours spends, or one that is free, to an address of his
/// own. He says nothing of replacement, so that nodes with the older rules keep it; some miners
/// prefer it. They leave the wallet more than half of what it has: nobody funds it again, and those
/// who wait would wait for ever (simulator seed 46).
pub fn take_coin(world: &World, dice: &mut Dice) {
    let Some(outpoint) = target(world, dice) else { return };
    let rate = *dice.pick(&RATES).expect("some");
    let mut chain = world.utxo();
    let Some(worth) =
        chain.tx(outpoint.txid).map(|made| made.body.output[outpoint.vout as usize].value.to_sat())
    else {
        return;
    };
    if worth > held(world, &chain) / 2 {
        return;
    }
    let loot = worth.saturating_sub(rate * VBYTES).max(1_000);
    let script = ScriptBuf::new_p2wpkh(&WPubkeyHash::hash(b"robber"));
    let tx = chain.inject(
        spend(outpoint, script, loot, Sequence::MAX),
        dice.chance(500),
        world.unix_seconds(),
        dice,
    );
    drop(chain);
    taken(world, &tx, outpoint);
}

/// What blocks say that the wallet has, in satoshi.
fn held(world: &World, chain: &UtxoChain) -> u64 {
    let scripts = world
        .setup
        .bitcoin
        .as_ref()
        .map(|bitcoin| bitcoin.scripts(NUMBERS_MAX))
        .unwrap_or_default();
    chain.coins_of(&scripts, chain.head()).map(|(_, worth)| worth).sum()
}

fn target(world: &World, dice: &mut Dice) -> Option<OutPoint> {
    let chain = world.utxo();
    let waiting = world.coin_truth().waiting(&chain);
    let newest: Option<Txid> = waiting.get(dice.place(waiting.len().max(1))).copied();
    let under_way: Vec<OutPoint> =
        newest.and_then(|txid| chain.tx(txid)).map(|tx| tx.inputs().collect()).unwrap_or_default();
    if dice.chance(700) && !under_way.is_empty() {
        return dice.pick(&under_way).copied();
    }
    let scripts = world.setup.bitcoin.as_ref()?.scripts(0);
    let free: Vec<OutPoint> =
        chain.coins_of(&scripts, chain.head()).map(|(outpoint, _)| outpoint).collect();
    dice.pick(&free).copied()
}

fn taken(world: &World, tx: &Tx, outpoint: OutPoint) {
    world.coin_truth().foreign(tx.txid);
    world.story.tell("somebody", || format!("spends our coin {outpoint} as {}", tx.txid));
}

fn spend(
    previous_output: OutPoint,
    script_pubkey: ScriptBuf,
    value: u64,
    sequence: Sequence,
) -> Transaction {
    let witness = Witness::from_slice(&[[0x30; 71].as_slice(), [0x02; 33].as_slice()]);
    let input = TxIn { previous_output, script_sig: ScriptBuf::new(), sequence, witness };
    let output = TxOut { value: Amount::from_sat(value), script_pubkey };
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input],
        output: vec![output],
    }
}
