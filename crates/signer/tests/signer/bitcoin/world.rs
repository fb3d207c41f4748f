//! A small world of Bitcoin: a wallet of each kind on regtest, coins that are named by a number,
//! payees of all kinds of addresses.
//!
//! Drafts are made with the engine's own crate, which shares no line with the signer.

use std::collections::{BTreeMap, BTreeSet};

use adit_bitcoin::{
    Address, Batch, Coin, KeyWallet, Network, OutputsMax, Payable, Payment, Purse, RootKey, Seen,
    Wallet,
};
use adit_core::{
    Amount, Asset, AssetForm, AssetId, BitcoinDraft, Bytes, ChainName, ClaimContext, Draft,
    DraftInput, DraftOutput, Epoch, FeeRate, Hash32, KeyContext, Keychain, LaneId, OutputPurpose,
    PayoutContext, Place, Purpose,
};
use adit_signer::{
    AccountKind, Approved, AssetCaps, BitcoinAccount, BitcoinNetwork, BitcoinPolicy, ChainPolicy,
    LocalSigner, Seed, SignRequest, SignerConfig, Stamp, Supersede,
};
use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, Txid};

use crate::world::{World, environment, lineage, next_attempt, payout, supersede};

pub const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";
pub const KINDS: [AccountKind; 2] = [AccountKind::Segwit, AccountKind::Taproot];
pub const NETWORK: Network = Network::Regtest;
/// What each coin is worth.
pub const COIN: u128 = 100_000;
pub const FEE: u128 = 1_000;
pub const TRANSACTION_CAP: u128 = 150_000;
pub const DAY_CAP: u128 = 400_000;
pub const FEE_CAP: u128 = 20_000;
pub const FEERATE_CAP: FeeRate = FeeRate::from_sat_per_kvb(100_000);

/// One of each kind that can be paid, all of other wallets.
pub const PAYEES: [&str; 5] = [
    "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
    "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
    "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry",
    "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
];

/// Who is paid: payout, payee, satoshi.
pub type Paid = (u128, usize, u128);

pub fn chain() -> ChainName {
    "btc".parse().expect("a chain")
}

pub fn btc() -> AssetId {
    "BTC".parse().expect("an asset")
}

pub fn account(kind: AccountKind) -> BitcoinAccount {
    Seed::from_phrase(WORDS)
        .expect("published words")
        .bitcoin(BitcoinNetwork::Regtest, kind, 0)
        .expect("an account")
}

pub fn lane(kind: AccountKind) -> LaneId {
    account(kind).lane(chain())
}

/// The engine's half of the same seed.
pub fn root() -> RootKey {
    let seed = bip39::Mnemonic::parse(WORDS).expect("published words").to_seed("");
    RootKey::from_seed(NETWORK, &seed).expect("64 bytes")
}

pub fn wallet(kind: AccountKind) -> Wallet {
    root().wallet(match kind {
        AccountKind::Segwit => KeyWallet::Segwit,
        AccountKind::Taproot => KeyWallet::Taproot,
    })
}

pub fn config() -> SignerConfig {
    let caps =
        AssetCaps { per_transaction: Amount::new(TRANSACTION_CAP), per_day: Amount::new(DAY_CAP) };
    let policy = BitcoinPolicy {
        network: BitcoinNetwork::Regtest,
        fee_cap: Amount::new(FEE_CAP),
        feerate_cap: FEERATE_CAP,
    };
    let evm = crate::world::config();
    SignerConfig {
        environment: environment("test"),
        keys: KINDS
            .map(|kind| (lane(kind), account(kind).into()))
            .into_iter()
            .chain(evm.keys)
            .collect(),
        chains: evm.chains.into_iter().chain([(chain(), ChainPolicy::Bitcoin(policy))]).collect(),
        assets: evm
            .assets
            .into_iter()
            .chain([Asset { id: btc(), decimals: 8, form: AssetForm::Native { chain: chain() } }])
            .collect(),
        caps: evm.caps.into_iter().chain([(btc(), caps)]).collect(),
    }
}

/// The same, with caps that a day of large batches does not reach.
pub fn config_for_many() -> SignerConfig {
    let mut config = config();
    config.caps.insert(btc(), AssetCaps { per_transaction: Amount::MAX, per_day: Amount::MAX });
    config
}

/// A batch of so many payouts to the few payees, each with the longest context. It spends the coin
/// of its number.
pub fn pay_many(number: u8, payouts: usize) -> SignRequest {
    let each = (COIN - 10_000) / payouts as u128;
    let paid: Vec<Paid> =
        (0..payouts).map(|at| (u128::from(number) * 1_000 + at as u128, at, each)).collect();
    let mut request = pay(number.into(), &[number], &paid);
    request.contexts = paid.iter().map(|(id, _, _)| (payout(*id), long_context())).collect();
    request
}

fn long_context() -> PayoutContext {
    PayoutContext {
        user: "u".repeat(60).parse().expect("a user"),
        book: "pool-1".parse().expect("a book"),
        source_asset: btc(),
        deducted: Amount::new(600),
        fee: Amount::ZERO,
        claim: Some(ClaimContext { nonce: 7, deadline: 1_795_349_000, digest: Hash32([3; 32]) }),
        idempotency: Some(KeyContext {
            client: "key/a".parse().expect("a client"),
            key: Hash32([4; 32]),
            fingerprint: Hash32([5; 32]),
        }),
    }
}

pub fn start(world: &World) -> LocalSigner {
    world.try_start(config()).expect("starts")
}

pub fn outpoint(number: u8) -> OutPoint {
    OutPoint::new(Txid::from_byte_array([number; 32]), u32::from(number))
}

pub fn coin(number: u8) -> Coin {
    let place = Place {
        keychain: if number.is_multiple_of(2) { Keychain::External } else { Keychain::Internal },
        index: number.into(),
    };
    Coin {
        outpoint: outpoint(number),
        amount: Amount::new(COIN),
        place,
        seen: Seen::Confirmed { height: 100, coinbase: false },
    }
}

pub fn input(number: u8) -> DraftInput {
    let Coin { outpoint, amount, place: Place { keychain, index }, .. } = coin(number);
    DraftInput { outpoint: outpoint.to_string(), amount, keychain, index, confirmed: true }
}

pub fn address(payee: usize) -> Address {
    Address::parse(NETWORK, PAYEES[payee % PAYEES.len()]).expect("an address of regtest")
}

pub fn payable((number, payee, satoshi): Paid) -> Payable {
    Payable { payout: payout(number), address: address(payee), amount: Amount::new(satoshi) }
}

pub fn batch(paid: &[Paid]) -> Batch {
    Batch::of(&paid.iter().copied().map(payable).collect::<Vec<_>>(), OutputsMax::default())
}

pub fn approved(paid: &[Paid]) -> Vec<Approved> {
    let of = |(number, payee, satoshi): &Paid| Approved {
        payout: payout(*number),
        asset: btc(),
        amount: Amount::new(*satoshi),
        destination: address(*payee).destination().clone(),
    };
    paid.iter().map(of).collect()
}

pub fn purse(coins: &[Coin]) -> Purse<'_> {
    static NONE: BTreeSet<OutPoint> = BTreeSet::new();
    Purse { coins, reserved: &NONE, tip: 200 }
}

/// What the engine plans with these coins at 10 sat/vB.
pub fn planned(kind: AccountKind, number: u64, coins: &[u8], paid: &[Paid]) -> BitcoinDraft {
    let (wallet, coins) = (wallet(kind), coins.iter().copied().map(coin).collect::<Vec<_>>());
    let payment = Payment { wallet: &wallet, number, feerate: FeeRate::from_sat_per_kvb(10_000) };
    batch(paid).plan(payment, &purse(&coins)).expect("enough")
}

/// Spends exactly these coins, pays these, and gives the rest less `fee` back: in the order of the
/// transaction.
pub fn drafted(
    kind: AccountKind,
    number: u64,
    coins: &[u8],
    paid: &[Paid],
    fee: u128,
) -> BitcoinDraft {
    let mut outputs: Vec<DraftOutput> = Vec::new();
    let mut places: BTreeMap<usize, usize> = BTreeMap::new();
    for (payout_number, payee, satoshi) in paid {
        let place = *places.entry(payee % PAYEES.len()).or_insert(outputs.len());
        if place == outputs.len() {
            let script = Bytes(address(*payee).script().to_bytes());
            outputs.push(DraftOutput {
                script,
                amount: Amount::ZERO,
                purpose: OutputPurpose::Pays(Vec::new()),
            });
        }
        let DraftOutput { amount, purpose: OutputPurpose::Pays(payouts), .. } = &mut outputs[place]
        else {
            panic!("a payment")
        };
        *amount = amount.checked_add(Amount::new(*satoshi)).expect("small");
        payouts.push(payout(*payout_number));
    }
    let total: u128 = coins.len() as u128 * COIN;
    let left = total - paid.iter().map(|(_, _, satoshi)| satoshi).sum::<u128>() - fee;
    outputs.push(change(kind, u32::try_from(number).expect("small"), left));
    let inputs = coins.iter().copied().map(input).collect();
    let draft = BitcoinDraft {
        number,
        inputs,
        outputs,
        feerate: FeeRate::from_sat_per_kvb(5_000),
        vbytes: 200,
    };
    adit_bitcoin::Unsigned::of(&draft).expect("fine").draft().clone()
}

pub fn change(kind: AccountKind, index: u32, satoshi: u128) -> DraftOutput {
    let script =
        wallet(kind).script(Place { keychain: Keychain::Internal, index }).expect("an index");
    DraftOutput {
        script: Bytes(script.to_bytes()),
        amount: Amount::new(satoshi),
        purpose: OutputPurpose::Change { index },
    }
}

pub fn request(
    kind: AccountKind,
    lineage_number: u128,
    paid: &[Paid],
    draft: BitcoinDraft,
) -> SignRequest {
    SignRequest {
        lane: lane(kind),
        epoch: Epoch(1),
        stamp: Stamp::default(),
        previous: None,
        lineage: lineage(lineage_number),
        attempt: next_attempt(),
        purpose: if paid.is_empty() { Purpose::Cancel } else { Purpose::Pay },
        approved: approved(paid),
        contexts: Vec::new(),
        draft: Draft::Bitcoin(draft),
    }
}

/// An attempt of the SegWit wallet that spends these coins and pays these; one that pays nobody
/// cancels. Its number is its lineage's.
pub fn pay(lineage_number: u128, coins: &[u8], paid: &[Paid]) -> SignRequest {
    pay_for(lineage_number, coins, paid, FEE)
}

pub fn pay_for(lineage_number: u128, coins: &[u8], paid: &[Paid], fee: u128) -> SignRequest {
    let number = u64::try_from(lineage_number).expect("small");
    request(
        AccountKind::Segwit,
        lineage_number,
        paid,
        drafted(AccountKind::Segwit, number, coins, paid, fee),
    )
}

pub fn draft(request: &mut SignRequest) -> &mut BitcoinDraft {
    let Draft::Bitcoin(draft) = &mut request.draft else { panic!("a Bitcoin draft") };
    draft
}

/// Moves a payout out of a lineage of the SegWit wallet.
pub fn moved(payout_number: u128, old: u128) -> Supersede {
    Supersede { lane: lane(AccountKind::Segwit), ..supersede(payout_number, old) }
}

/// Says that a lineage ended by paying.
pub fn ended(old: u128) -> Supersede {
    Supersede { payout: None, ..moved(0, old) }
}

pub fn attempt_again(request: &SignRequest) -> SignRequest {
    SignRequest { attempt: next_attempt(), ..request.clone() }
}
