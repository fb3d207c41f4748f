//! What to compare when a signature does not fit its claim: every field that is hashed, and the
//! mistakes that are recognised.
//!
//! A signature over other fields recovers to an address that nobody knows, so it cannot be read
//! what was signed. Of the usual mistakes it can be tried: over that message, the signature is the
//! wallet's.

use std::fmt::Write as _;

use adit_core::{Amount, Asset, Bytes};
use serde_json::json;

use crate::codes;
use crate::gate::{ClaimGate, ClaimTerms};
use crate::problem::Problem;

const MILLIS: u64 = 1_000;

/// `SIGNATURE_INVALID`, with the whole message that should have been signed.
pub fn does_not_fit(
    gate: &dyn ClaimGate,
    terms: &ClaimTerms,
    signature: &Bytes,
    asset: &Asset,
    why: &str,
) -> Problem {
    let ClaimTerms { wallet, amount, nonce, deadline } = terms;
    let domain = gate.typed_data()["domain"].clone();
    let mut detail = format!("The signature does not fit the claim: {why}. ");
    if let Some(mistake) =
        mistakes(terms, asset).into_iter().find(|mistake| is_of(gate, &mistake.signed, signature))
    {
        let _ = write!(detail, "{} ", mistake.said);
    }
    let _ = write!(
        detail,
        "To be signed are user {wallet}, amount {} ({} {} in base units), nonce {nonce} and deadline {deadline} (Unix seconds), \
         for chainId {} and verifyingContract {}.",
        amount.base_units(),
        amount.to_units(asset.decimals),
        asset.id,
        domain["chainId"],
        domain["verifyingContract"].as_str().unwrap_or_default(),
    );
    let message = json!({ "user": wallet, "amount": amount, "nonce": nonce.to_string(), "deadline": deadline.to_string() });
    Problem::new(&codes::SIGNATURE_INVALID, detail).with("message", message).with("domain", domain)
}

/// What may have been signed instead, and the sentence about it.
struct Mistake {
    signed: ClaimTerms,
    said: String,
}

/// A handful: each is tried by one recovery of a key.
fn mistakes(terms: &ClaimTerms, asset: &Asset) -> Vec<Mistake> {
    let unit = 10_u128.checked_pow(u32::from(asset.decimals)).unwrap_or(u128::MAX);
    let base = terms.amount.base_units();
    let amounts = [base.is_multiple_of(unit).then(|| base / unit), base.checked_mul(unit)];
    let amounts = amounts
        .into_iter()
        .flatten()
        .filter(|signed| *signed != base)
        .map(|signed| of_amount(terms, Amount::new(signed), asset));
    let nonces = [terms.nonce.checked_sub(1), terms.nonce.checked_add(1)];
    let nonces = nonces.into_iter().flatten().map(|nonce| of_nonce(terms, nonce));
    let deadlines = [terms.deadline.checked_mul(MILLIS), Some(terms.deadline / MILLIS)];
    let deadlines = deadlines
        .into_iter()
        .flatten()
        .filter(|signed| *signed != terms.deadline)
        .map(|deadline| of_deadline(terms, deadline));
    amounts.chain(nonces).chain(deadlines).collect()
}

fn of_amount(terms: &ClaimTerms, amount: Amount, asset: &Asset) -> Mistake {
    let (decimals, id) = (asset.decimals, &asset.id);
    let units =
        |amount: Amount| format!("{} ({} {id})", amount.base_units(), amount.to_units(decimals));
    let said = format!(
        "The wallet signed the amount {}, and the claim's is {}: sign base units, with {decimals} \
         decimals, and send the same in whole units.",
        units(amount),
        units(terms.amount)
    );
    Mistake { signed: ClaimTerms { amount, ..terms.clone() }, said }
}

fn of_nonce(terms: &ClaimTerms, nonce: u64) -> Mistake {
    let said = format!(
        "The wallet signed the nonce {nonce}, and the claim's is {}: sign and send the same.",
        terms.nonce
    );
    Mistake { signed: ClaimTerms { nonce, ..terms.clone() }, said }
}

fn of_deadline(terms: &ClaimTerms, deadline: u64) -> Mistake {
    let said = format!(
        "The wallet signed the deadline {deadline}, and the claim's is {}: sign and send the same, \
         in seconds and not in milliseconds.",
        terms.deadline
    );
    Mistake { signed: ClaimTerms { deadline, ..terms.clone() }, said }
}

fn is_of(gate: &dyn ClaimGate, terms: &ClaimTerms, signature: &Bytes) -> bool {
    gate.digest(terms).is_some_and(|digest| gate.is_by_key(&terms.wallet, digest, signature))
}

#[cfg(test)]
mod tests {
    use adit_core::AssetForm;

    use super::*;

    #[test]
    fn the_usual_mistakes_are_tried_and_none_is_the_claim_itself() {
        let wallet = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8".parse().expect("an address");
        let terms = ClaimTerms {
            wallet,
            amount: Amount::new(5_000_000),
            nonce: 0,
            deadline: 1_800_000_000,
        };
        let asset = |decimals| Asset {
            id: "USDC".parse().expect("an asset"),
            decimals,
            form: AssetForm::Points,
        };
        let tried = |terms: &ClaimTerms, decimals| -> Vec<ClaimTerms> {
            let tried: Vec<ClaimTerms> = mistakes(terms, &asset(decimals))
                .into_iter()
                .map(|mistake| mistake.signed)
                .collect();
            assert!(!tried.contains(terms), "{tried:?}");
            tried
        };
        let all = tried(&terms, 6);
        for amount in [5, 5_000_000_000_000] {
            assert!(
                all.contains(&ClaimTerms { amount: Amount::new(amount), ..terms.clone() }),
                "{all:?}"
            );
        }
        assert!(
            all.contains(&ClaimTerms { nonce: 1, ..terms.clone() })
                && all.contains(&ClaimTerms { deadline: 1_800_000, ..terms.clone() })
        );
        assert_eq!(tried(&terms, 0).len(), 3, "a nonce and two deadlines");
        let last = ClaimTerms { amount: Amount::MAX, nonce: u64::MAX, deadline: u64::MAX, ..terms };
        assert_eq!(tried(&last, 38).len(), 2, "nothing overflows");
    }
}
