use bitcoin::hashes::Hash as _;
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::{
    OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, absolute::LockTime,
    consensus::encode, transaction::Version,
};
use proptest::prelude::*;

use super::*;

fn script() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<[u8; 20]>().prop_map(|hash| [&[0, 20][..], &hash].concat()),
        any::<[u8; 32]>().prop_map(|key| [&[0x51, 32][..], &key].concat()),
        (0usize..700).prop_map(|length| vec![0x6a; length]),
    ]
}

fn transaction(inputs: &[([u8; 32], u32)], outputs: &[(u64, Vec<u8>)]) -> Transaction {
    let input = |(txid, vout): &([u8; 32], u32)| TxIn {
        previous_output: OutPoint::new(Txid::from_byte_array(*txid), *vout),
        sequence: Sequence(SEQUENCE),
        ..TxIn::default()
    };
    let output = |(amount, script): &(u64, Vec<u8>)| TxOut {
        value: bitcoin::Amount::from_sat(*amount),
        script_pubkey: ScriptBuf::from_bytes(script.clone()),
    };
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: inputs.iter().map(input).collect(),
        output: outputs.iter().map(output).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// The bitcoin crate is tested with the vectors of BIP-143 and BIP-341; here every transaction
    /// has one version, one sequence and no lock time, which those have not.
    #[test]
    fn another_implementation_reads_and_hashes_the_same(
        inputs in prop::collection::vec((any::<[u8; 32]>(), any::<u32>()), 1..5),
        outputs in prop_oneof![1usize..4, 252usize..256]
            .prop_flat_map(|count| prop::collection::vec((0u64..2_100_000_000_000_000, script()), count)),
        spent in prop::collection::vec((0u64..2_100_000_000_000_000, script()), 5),
    ) {
        let transaction = transaction(&inputs, &outputs);
        let says = Said::read(&encode::serialize(&transaction)).expect("a plain payment");
        prop_assert_eq!(says.inputs.iter().map(|input| (input.txid, input.vout)).collect::<Vec<_>>(), inputs);
        prop_assert_eq!(says.outputs.iter().map(|output| (output.amount, output.script.clone())).collect::<Vec<_>>(), outputs);
        let coins: Vec<TxOut> = self::transaction(&[], &spent[..says.inputs.len()]).output;
        let of = |(amount, script)| Spent { amount, script, witness_script: None };
        let spent: Vec<Spent> = spent.into_iter().take(coins.len()).map(of).collect();
        let message = Message::new(&says, &spent);
        let mut cache = SighashCache::new(&transaction);
        for (input, coin) in coins.iter().enumerate() {
            let theirs = cache.taproot_key_spend_signature_hash(input, &Prevouts::All(&coins), TapSighashType::Default).expect("an input");
            prop_assert_eq!(message.taproot(input), Some(theirs.to_byte_array()));
            let theirs = cache.p2wpkh_signature_hash(input, &coin.script_pubkey, coin.value, EcdsaSighashType::All).ok();
            prop_assert_eq!(message.segwit(input), theirs.map(|hash| hash.to_byte_array()));
        }
        prop_assert_eq!((message.segwit(coins.len()), message.taproot(coins.len())), (None, None));
    }

    #[test]
    fn another_implementation_hashes_the_same_for_the_hash_of_a_script(
        inputs in prop::collection::vec((any::<[u8; 32]>(), any::<u32>()), 1..4),
        outputs in prop::collection::vec((0u64..2_100_000_000_000_000, script()), 1..4),
        locks in prop::collection::vec((0u64..2_100_000_000_000_000, prop::collection::vec(any::<u8>(), 1..600)), 4),
    ) {
        let transaction = transaction(&inputs, &outputs);
        let says = Said::read(&encode::serialize(&transaction)).expect("a plain payment");
        let of = |(amount, lock): &(u64, Vec<u8>)| {
            let script = [&[0, 32][..], &Sha256::digest(lock)].concat();
            Spent { amount: *amount, script, witness_script: Some(lock.clone()) }
        };
        let spent: Vec<Spent> = locks.iter().take(inputs.len()).map(of).collect();
        let mut cache = SighashCache::new(&transaction);
        for (input, coin) in spent.iter().enumerate() {
            let lock = bitcoin::ScriptBuf::from_bytes(locks[input].1.clone());
            let value = bitcoin::Amount::from_sat(coin.amount);
            let theirs = cache.p2wsh_signature_hash(input, &lock, value, EcdsaSighashType::All).expect("an input");
            prop_assert_eq!(Message::new(&says, &spent).segwit(input), Some(theirs.to_byte_array()));
            let mut other = spent.clone();
            other[input].witness_script = Some(vec![0x51]);
            prop_assert_eq!(Message::new(&says, &other).segwit(input), None, "a script that is not \
                the one of the coin");
        }
    }
}
