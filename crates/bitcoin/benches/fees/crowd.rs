//! Who is to be paid, when and what.

use adit_bitcoin::{Address, KeyWallet, Network, RootKey};
use adit_core::{
    Actor, Amount, AssetId, Book, Destination, Keychain, LimitEntry, PayoutId, Place, State,
    Timestamp, TransferId, UserId, Withdrawal, WithdrawalId,
};
use adit_devnet::chance::Chance;
use uuid::Uuid;

use crate::history::History;
use crate::replay::TICK_SECONDS;

/// Within the ten minutes between two looks.
const ARRIVALS_MAX: u64 = 3;
/// Amounts are equally often in each of these spans of one third of a decade, in satoshis.
const AMOUNTS: [u64; 7] = [50_000, 107_722, 232_079, 500_000, 1_077_217, 2_320_794, 5_000_000];
const ADDRESSES: u32 = 1_000;

/// All payouts, in the order in which they are approved.
pub struct Crowd {
    pub withdrawals: Vec<Withdrawal>,
    pub addresses: Vec<Address>,
    days: f64,
}

impl Crowd {
    pub fn draw(seed: u64, history: &History) -> Self {
        let mut chance = Chance::of(seed);
        let (first, last) = (history.first().seconds(), history.last().seconds());
        let mut withdrawals = Vec::new();
        for tick in (first..last).step_by(TICK_SECONDS as usize) {
            let mut moments: Vec<u64> =
                (0..chance.up_to(ARRIVALS_MAX)).map(|_| chance.up_to(TICK_SECONDS - 1)).collect();
            moments.sort_unstable();
            for moment in moments {
                let at = Timestamp::from_seconds(tick + moment as i64);
                withdrawals.push(withdrawal(withdrawals.len() as u128, at, amount(&mut chance)));
            }
        }
        let wallet = RootKey::from_seed(Network::Mainnet, &[9; 32])
            .expect("a seed of 32 bytes")
            .wallet(KeyWallet::Segwit);
        let address = |index| {
            wallet.address(Place { keychain: Keychain::External, index }).expect("an index")
        };
        Self {
            withdrawals,
            addresses: (0..ADDRESSES).map(address).collect(),
            days: (last - first) as f64 / 86_400.0,
        }
    }

    pub fn len(&self) -> usize {
        self.withdrawals.len()
    }

    pub fn per_day(&self) -> f64 {
        self.len() as f64 / self.days
    }

    /// Whose it is: a thousand people are paid in turn.
    pub fn address(&self, payout: PayoutId) -> &Address {
        &self.addresses[(payout.0.as_u128() % u128::from(ADDRESSES)) as usize]
    }
}

fn amount(chance: &mut Chance) -> Amount {
    let span = chance.up_to(AMOUNTS.len() as u64 - 2) as usize;
    let (least, most) = (AMOUNTS[span], AMOUNTS[span + 1]);
    Amount::new(u128::from(least + chance.up_to(most - least)))
}

fn withdrawal(number: u128, at: Timestamp, amount: Amount) -> Withdrawal {
    let (id, user) = (Uuid::from_u128(number), UserId::new("someone").expect("a name"));
    let asset = AssetId::new("BTC").expect("a name");
    Withdrawal {
        id: WithdrawalId(id),
        user: user.clone(),
        payout: PayoutId(id),
        asset: asset.clone(),
        amount,
        destination: Destination::new("somewhere").expect("a name"),
        book: Book::new("main").expect("a name"),
        source_asset: asset.clone(),
        deducted: amount,
        fee: Amount::ZERO,
        balance_before: amount,
        balance_after: Amount::ZERO,
        hold: TransferId(id),
        limit: LimitEntry {
            user,
            asset,
            seq: 1,
            at,
            amount,
            cumulative: amount,
            withdrawal: WithdrawalId(id),
        },
        claim: None,
        idempotency: None,
        requested_by: None,
        policy_revision: 0,
        created_at: at,
        retries: 0,
        state: State::Approved { by: Actor::Engine, at, deferred: None, after: None },
    }
}
