//! What the wallet holds, at one height, as a quorum says.

use std::sync::Arc;

use adit_chain::{Call, Endpoint, Fault, FundsReading};
use alloy::primitives::{Address, U256};
use serde_json::json;

use crate::config::{Payable, Paying};
use crate::erc20;
use crate::node::{Node, eth_call, read_known};
use crate::rpc::{self, height};

/// Native coins and every asset's balance.
pub(crate) struct Funds {
    pub native: Option<U256>,
    pub assets: Vec<FundsReading>,
}

impl Node {
    /// The head at which what the wallet holds is read: not below the payments that are booked.
    ///
    /// # Errors
    /// [`Fault`], of which [`Fault::Behind`] where the head is below them.
    pub(crate) async fn funds_height(&self, booked: u64) -> Result<u64, Fault> {
        let head = self.heads().await?.tip.head.height;
        match head < booked {
            true => Err(Fault::Behind { chain: self.config.name.to_string(), head, booked }),
            false => Ok(head),
        }
    }

    /// An asset that could not be read, or whose balance exceeds 128 bits, is absent.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn funds(
        &self,
        wallet: Address,
        payable: &[Payable],
        at: u64,
    ) -> Result<Funds, Fault> {
        let tag = height(at);
        let native = Call::new("eth_getBalance", json!([wallet, tag]));
        let calls: Vec<Call> = std::iter::once(native.clone())
            .chain(payable.iter().map(|asset| match asset.paying {
                Paying::Native => native.clone(),
                Paying::Token(token) => eth_call(token, &erc20::balance_of(wallet), &tag),
            }))
            .collect();
        let read = async |endpoint: Arc<Endpoint>| balances(&endpoint, &calls).await;
        let mut agreed = self.quorum.ask_each("balances", calls.len(), read).await?.into_iter();
        let native = agreed.next().flatten().map(|agreed| agreed.value);
        let reading = |(asset, agreed): (&Payable, Option<adit_chain::Agreed<U256>>)| {
            let balance = rpc::amount(agreed?.value)?;
            Some(FundsReading { asset: asset.asset.clone(), balance })
        };
        Ok(Funds { native, assets: payable.iter().zip(agreed).filter_map(reading).collect() })
    }
}

/// A balance is a number, whether it comes as a quantity or as a word that a contract returned.
async fn balances(endpoint: &Endpoint, calls: &[Call]) -> Result<Vec<Option<U256>>, Fault> {
    let answers: Vec<Option<String>> = read_known(endpoint, calls).await?;
    Ok(answers.into_iter().map(|text| number(&text?)).collect())
}

fn number(text: &str) -> Option<U256> {
    let digits = text.strip_prefix("0x")?;
    U256::from_str_radix(digits, 16).ok().filter(|_| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_a_number() {
        assert_eq!(number("0x10"), Some(U256::from(16)));
        assert_eq!(number(&format!("0x{:064x}", 7)), Some(U256::from(7)));
        for text in ["", "0x", "16", "-0x1", "0x-1", "0xzz"] {
            assert_eq!(number(text), None, "{text:?}");
        }
        assert_eq!(number(&format!("0x{}", "f".repeat(65))), None);
    }
}
