//! Transactions that somebody else makes with our key.

use adit_bitcoin::Network;
use adit_core::*;
use adit_devnet::bitcoin::unspent::Unspent;

use super::world::{WORDS, World};

impl World {
    /// A transaction that somebody else makes with our key: it takes the first confirmed coins of
    /// the wallet's first address, and pays them to the n-th payee (`Pay`) or back to the wallet
    /// (`Cancel`), at a high fee.
    pub async fn spend_outside(&self, payee: u32, purpose: Purpose) -> bitcoin::Transaction {
        let first: bitcoin::Address<_> =
            self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        let script = first.assume_checked().script_pubkey();
        let coin = self.unspent(std::slice::from_ref(&script)).await.remove(0);
        self.spend_coin_outside(&coin, payee, purpose)
    }

    /// The same with the smallest coin.
    pub async fn spend_smallest_outside(&self, payee: u32) -> bitcoin::Transaction {
        let first: bitcoin::Address<_> =
            self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        let mut coins = self.unspent(&[first.assume_checked().script_pubkey()]).await;
        coins.sort_by_key(|coin| coin.amount);
        self.spend_coin_outside(&coins[0], payee, Purpose::Pay)
    }

    fn spend_coin_outside(
        &self,
        coin: &Unspent,
        payee: u32,
        purpose: Purpose,
    ) -> bitcoin::Transaction {
        let first: bitcoin::Address<_> =
            self.lane.wallet.as_str().parse::<bitcoin::Address<_>>().expect("an address");
        let script = first.assume_checked().script_pubkey();
        let to = match purpose {
            Purpose::Pay => self.script(payee),
            Purpose::Cancel => script,
        };
        let outpoint = bitcoin::OutPoint::new(coin.txid, coin.vout).to_string();
        let amount = Amount::new(u128::from(coin.amount.to_sat()));
        let paid = Amount::new(amount.base_units() - 50_000);
        let input = DraftInput {
            outpoint,
            amount,
            keychain: Keychain::External,
            index: 0,
            confirmed: true,
        };
        let output = DraftOutput {
            script: Bytes(to.to_bytes()),
            amount: paid,
            purpose: OutputPurpose::Pays(Vec::new()),
        };
        let feerate = FeeRate::from_sat_per_kvb(100_000);
        let draft = BitcoinDraft {
            number: 0,
            inputs: vec![input],
            outputs: vec![output],
            feerate,
            vbytes: 200,
        };
        let root = adit_bitcoin::RootKey::from_seed(
            Network::Regtest,
            &bip39::Mnemonic::parse(WORDS).expect("words").to_seed(""),
        )
        .expect("a root");
        let unsigned = adit_bitcoin::Unsigned::of(&draft).expect("a transaction");
        let mut proposal =
            adit_bitcoin::Proposal::new(&self.wallet, unsigned).expect("of this wallet");
        proposal.sign(&root).expect("its key");
        let raw = proposal.finish().expect("signed").raw;
        bitcoin::consensus::encode::deserialize(&raw.0).expect("a transaction")
    }
}
