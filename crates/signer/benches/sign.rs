//! Signatures per second, journalled on a real disk: one batch of 500 is one sync.

use std::collections::BTreeMap;
use std::time::Instant;

use adit_core::{
    Amount, Asset, AssetForm, AttemptId, Bytes, Draft, Epoch, EvmDraft, EvmFees, JournalId, LaneId,
    LineageId, PayoutId, Purpose, Timestamp,
};
use adit_signer::{
    Approved, AssetCaps, ChainPolicy, EnvironmentId, EvmPolicy, Key, LocalSigner, SignRequest,
    Signer as _, SignerConfig, Stamp,
};
use alloy::primitives::{Address, U256};
use uuid::Uuid;

const BATCH: u64 = 500;
const BATCHES: u64 = 40;
const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const PLAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = directory.path().join("journal");
    let lane = key().lane("base".parse().expect("a chain"));
    let signer = open(&path, &lane);
    let mut slowest = 0.0f64;
    let mut total = 0.0;
    for batch in 0..BATCHES {
        let requests: Vec<_> = (0..BATCH).map(|at| request(&lane, batch * BATCH + at)).collect();
        let started = Instant::now();
        let answers = runtime.block_on(signer.sign(&requests)).expect("the journal can be written");
        let seconds = started.elapsed().as_secs_f64();
        assert!(answers.iter().all(Result::is_ok));
        slowest = slowest.max(seconds);
        total += seconds;
    }
    let signed = BATCH * BATCHES;
    println!(
        "{signed} signatures in batches of {BATCH}: {:.0}/s, slowest batch {:.1} ms",
        signed as f64 / total,
        slowest * 1e3
    );
    println!("journal: {} bytes per signature", path.metadata().expect("there").len() / signed);
    drop(signer);
    let started = Instant::now();
    drop(open(&path, &lane));
    println!("opened again in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
}

fn key() -> Key {
    Key::from_hex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
        .expect("anvil's first key")
}

fn open(path: &std::path::Path, lane: &LaneId) -> LocalSigner {
    let asset = Asset {
        id: "DG".parse().expect("an asset"),
        decimals: 18,
        form: AssetForm::Token { chain: lane.chain.clone(), contract: TOKEN.to_owned() },
    };
    let config = SignerConfig {
        environment: EnvironmentId::new("bench").expect("a name"),
        keys: vec![(lane.clone(), key().into())],
        chains: BTreeMap::from([(
            lane.chain.clone(),
            ChainPolicy::Evm(EvmPolicy { chain_id: 8_453, fee_cap: Amount::MAX }),
        )]),
        caps: BTreeMap::from([(
            asset.id.clone(),
            AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX },
        )]),
        assets: vec![asset],
    };
    let clock = Box::new(|| Timestamp::from_seconds(1_795_348_800));
    LocalSigner::open(config, path, JournalId(Uuid::from_u128(1)), clock).expect("opens")
}

fn request(lane: &LaneId, number: u64) -> SignRequest {
    let id = Uuid::from_u128(u128::from(number) + 1);
    let amount = 1_000_000_000_000_000_000_000;
    let player: Address = PLAYER.parse().expect("an address");
    let input = [
        &[0xa9, 0x05, 0x9c, 0xbb][..],
        player.into_word().as_slice(),
        &U256::from(amount).to_be_bytes::<32>(),
    ]
    .concat();
    SignRequest {
        lane: lane.clone(),
        epoch: Epoch(1),
        stamp: Stamp::default(),
        previous: (number > 0).then(|| LineageId(Uuid::from_u128(number.into()))),
        lineage: LineageId(id),
        attempt: AttemptId(id),
        purpose: Purpose::Pay,
        approved: vec![Approved {
            payout: PayoutId(id),
            asset: "DG".parse().expect("an asset"),
            amount: Amount::new(amount),
            destination: PLAYER.parse().expect("a destination"),
        }],
        contexts: Vec::new(),
        draft: Draft::Evm(EvmDraft {
            chain_id: 8_453,
            nonce: number,
            to: TOKEN.parse().expect("a destination"),
            value: Amount::ZERO,
            input: Bytes(input),
            gas_limit: 60_000,
            fees: EvmFees { max_fee_per_gas: 2_000_000_000, max_priority_fee_per_gas: 1_000_000 },
            pricing: adit_core::EvmPricing::Dynamic,
        }),
    }
}
