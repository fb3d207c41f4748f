//! What a payout measures in a batch, and how long planning takes. Run by `cargo bench -p
//! adit-bitcoin`.

use std::collections::BTreeSet;
use std::time::Instant;

use adit_bitcoin::{
    Batch, Coin, KeyWallet, Network, OutputsMax, Payable, Payment, Proposal, Purse, RootKey, Seen,
    Unsigned, Wallet,
};
use adit_core::{Amount, FeeRate, Keychain, PayoutId, Place};

const COINS: u32 = 10_000;
const WAITING: u32 = 1_000;
const ROUNDS: u32 = 5;

fn main() {
    let root = RootKey::from_seed(Network::Regtest, &[7; 32]).expect("a seed of 32 bytes");
    sizes(&root);
    planning(&root);
    signing(&root);
}

/// Virtual bytes per payout, out of one coin with change.
fn sizes(root: &RootKey) {
    println!("virtual bytes per payout        1       10      100      250");
    for (name, to) in [("to P2WPKH", KeyWallet::Segwit), ("to P2TR", KeyWallet::Taproot)] {
        let per = [1, 10, 100, 250].map(|payouts| {
            let draft = plan(root, to, &coins(1, 100_000_000_000), payouts, 0);
            format!("{:>8.2}", draft.vbytes as f64 / f64::from(payouts))
        });
        println!("from P2WPKH {name:<12} {}", per.join(" "));
    }
}

/// 1,000 waiting payouts out of 10,000 coins.
fn planning(root: &RootKey) {
    let coins = coins(COINS, 200_000);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        for batch in 0..WAITING / 100 {
            std::hint::black_box(plan(root, KeyWallet::Segwit, &coins, 100, batch * 100));
        }
    }
    let each = began.elapsed() / ROUNDS;
    println!("planning {WAITING} payouts in batches of 100 out of {COINS} coins: {each:?}");
}

fn signing(root: &RootKey) {
    let wallet = root.wallet(KeyWallet::Segwit);
    let coins = coins(COINS, 200_000);
    let began = Instant::now();
    let mut signed = 0;
    for batch in 0..WAITING / 100 {
        let draft = plan(root, KeyWallet::Segwit, &coins, 100, batch * 100);
        let mut proposal = Proposal::new(&wallet, Unsigned::of(&draft).expect("a transaction"))
            .expect("of this wallet");
        proposal.sign(root).expect("its keys");
        proposal.finish().expect("all signatures");
        signed += 100;
    }
    let rate = f64::from(signed) / began.elapsed().as_secs_f64();
    println!("planned and signed: {rate:.0} payouts per second");
}

fn plan(
    root: &RootKey,
    to: KeyWallet,
    coins: &[Coin],
    payouts: u16,
    first: u32,
) -> adit_core::BitcoinDraft {
    let wallet = root.wallet(KeyWallet::Segwit);
    let payables: Vec<Payable> =
        (0..u32::from(payouts)).map(|number| payable(&root.wallet(to), first + number)).collect();
    let batch = Batch::of(&payables, OutputsMax::new(payouts).expect("1 to 250"));
    let payment =
        Payment { wallet: &wallet, number: 0, feerate: FeeRate::from_sat_per_kvb(10_000) };
    batch
        .plan(payment, &Purse { coins, reserved: &BTreeSet::new(), tip: 1_000 })
        .expect("enough coins")
}

fn payable(wallet: &Wallet, number: u32) -> Payable {
    let place = Place { keychain: Keychain::External, index: 1_000 + number };
    let address = wallet.address(place).expect("an index");
    Payable {
        payout: PayoutId(uuid::Uuid::from_u128(number.into())),
        address,
        amount: Amount::new(100_000),
    }
}

fn coins(count: u32, satoshi: u128) -> Vec<Coin> {
    let coin = |name: u32| Coin {
        outpoint: format!("{name:064x}:0").parse().expect("an outpoint"),
        amount: Amount::new(satoshi + u128::from(name)),
        place: Place { keychain: Keychain::External, index: name % 20 },
        seen: Seen::Confirmed { height: 100, coinbase: false },
    };
    (0..count).map(coin).collect()
}
