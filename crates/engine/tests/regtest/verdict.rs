//! What the chain and the store show at the end.

use std::collections::BTreeSet;
use std::time::Duration;

use adit_core::*;
use adit_devnet::bitcoin::unspent::Unspent;
use adit_store::Store;
use bitcoin::{ScriptBuf, Txid};

use super::world::{PAID, World, btc};

impl World {
    /// Outputs of confirmed transactions that the payee has: paid 0, 1 or 2 times. All of them are
    /// of the whole amount.
    pub async fn times_paid(&self, payees: impl IntoIterator<Item = u32>) -> Vec<usize> {
        let scripts: Vec<ScriptBuf> = payees.into_iter().map(|payee| self.script(payee)).collect();
        let unspent = self.unspent(&scripts).await;
        assert!(
            unspent.iter().all(|coin| u128::from(coin.amount.to_sat()) == PAID.base_units()),
            "{unspent:?}"
        );
        scripts
            .iter()
            .map(|script| unspent.iter().filter(|coin| coin.script == *script).count())
            .collect()
    }

    /// What the ledger says that the wallet has is what its coins are, to the satoshi.
    pub async fn assert_books_are_the_chain(&self) {
        let next = self.store.lane(&self.lane).await.expect("a read").expect("a lane").next_nonce;
        let internal = (0..u32::try_from(next).expect("small"))
            .map(|index| Place { keychain: Keychain::Internal, index });
        let places = internal.chain([Place { keychain: Keychain::External, index: 0 }]);
        let scripts: Vec<ScriptBuf> =
            places.map(|place| self.wallet.script(place).expect("an index")).collect();
        let held: u128 =
            self.unspent(&scripts).await.iter().map(|coin| u128::from(coin.amount.to_sat())).sum();
        let hot = Account::Hot { wallet: self.lane.clone(), asset: btc() };
        let accounts = self.store.accounts().await.expect("a read");
        let booked =
            accounts.into_iter().find(|(account, _)| *account == hot).map(|(_, balance)| balance);
        let booked = booked
            .and_then(|balance| balance.debits.checked_sub(balance.credits))
            .map(Amount::base_units);
        assert_eq!(booked, Some(held), "ledger and coins");
    }

    /// bitcoind scans for one at a time, and the lane asks it, too.
    pub async fn unspent(&self, scripts: &[ScriptBuf]) -> Vec<Unspent> {
        for _ in 0..100 {
            if let Ok(unspent) = self.bitcoin.rpc().unspent(scripts).await {
                return unspent;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("bitcoind does not say what is unspent")
    }

    pub fn script(&self, payee: u32) -> ScriptBuf {
        let address: bitcoin::Address<_> =
            self.payee(payee).as_str().parse::<bitcoin::Address<_>>().expect("an address");
        address.assume_checked().script_pubkey()
    }

    /// Transactions of the lane that are in a block or may come into one, by what the store knows.
    pub async fn transactions(&self, ids: &[WithdrawalId]) -> BTreeSet<Hash32> {
        let mut found = BTreeSet::new();
        for id in ids {
            found.extend(self.withdrawal(*id).await.state.hash());
        }
        found
    }

    pub fn txid(hash: Hash32) -> Txid {
        hash.hex().parse().expect("a txid")
    }
}
