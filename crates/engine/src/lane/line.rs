//! The wallet's transactions that stand one behind the other from a number on, as blocks and pools
//! show them.

use std::collections::BTreeMap;

use adit_chain::{Pool, Shown};
use adit_core::{Leg, Lineage};

/// Returns what stands at `from` and, without a gap, behind it. What a block holds comes before
/// what a pool shows at the same number, and what pays somebody before what cancels it: either may
/// be mined, and whoever is not paid by it waits for the other.
pub(super) fn line(from: u64, mined: Vec<Shown>, pool: &Pool) -> Vec<Shown> {
    let mut at: BTreeMap<u64, Shown> = BTreeMap::new();
    let (paying, cancelling): (Vec<Shown>, Vec<Shown>) =
        pool.shown.iter().cloned().partition(|one| one.outflow.is_some());
    for one in mined.into_iter().chain(paying).chain(cancelling) {
        at.entry(one.draft.number()).or_insert(one);
    }
    (from..).map_while(|number| at.remove(&number)).collect()
}

/// Returns the line as far as its first transaction that stands where something else is reserved,
/// that one included: whoever was to be paid there waits again once it is taken back, and may be
/// who is paid by what stands behind it.
pub(super) fn until_displaced(mut shown: Vec<Shown>, reserved: &[Lineage]) -> Vec<Shown> {
    let displaces = |one: &Shown| {
        let is_reserved = reserved.iter().any(|lineage| lineage.number() == one.draft.number());
        is_reserved && own_leg(one, reserved).is_none()
    };
    if let Some(at) = shown.iter().position(displaces) {
        shown.truncate(at + 1);
    }
    shown
}

/// Returns whose payment stands at a number that is reserved, if it is exactly what was reserved
/// there.
pub(super) fn own_leg<'a>(shown: &Shown, reserved: &'a [Lineage]) -> Option<&'a Leg> {
    let at = reserved.iter().find(|lineage| lineage.number() == shown.draft.number())?;
    let outflow = shown.outflow.as_ref()?;
    let pays = |leg: &&Leg| {
        outflow.asset == leg.asset
            && outflow.destination == leg.destination
            && outflow.amount == leg.amount
    };
    at.legs.iter().find(pays)
}

#[cfg(test)]
mod tests {
    use adit_chain::Outflow;
    use adit_core::{
        Amount, Bytes, Destination, Draft, EvmDraft, EvmFees, EvmPricing, Hash32, Signed,
    };

    use super::*;

    /// A version at a number: it pays somebody, or nobody.
    fn shown(nonce: u64, hash: u8, pays: bool) -> Shown {
        let to = Destination::new("payee").expect("a name");
        let draft = EvmDraft {
            chain_id: 1,
            nonce,
            to: to.clone(),
            value: Amount::new(0),
            input: Bytes(Vec::new()),
            gas_limit: 21_000,
            fees: EvmFees { max_fee_per_gas: 1, max_priority_fee_per_gas: 1 },
            pricing: EvmPricing::Dynamic,
        };
        let asset = "ETH".parse().expect("an asset");
        let outflow = pays.then_some(Outflow { asset, destination: to, amount: Amount::new(7) });
        let signed = Signed { raw: Bytes(vec![hash]), hash: Hash32([hash; 32]) };
        Shown { signed, draft: Draft::Evm(draft), outflow, decoded: String::new() }
    }

    fn hashes(line: &[Shown]) -> Vec<u8> {
        line.iter().map(|one| one.signed.hash.0[0]).collect()
    }

    /// F91: one endpoint's pool has a payment, another's the version that cancels it. Either may be
    /// mined.
    #[test]
    fn f91_of_two_versions_in_pools_the_one_that_pays_is_taken_back() {
        let shown = vec![shown(4, 1, false), shown(4, 2, true), shown(5, 3, true)];
        let pool = Pool { shown, ..Pool::default() };
        assert_eq!(hashes(&line(4, Vec::new(), &pool)), [2, 3]);
    }

    #[test]
    fn what_a_block_holds_comes_first_and_a_gap_ends_the_line() {
        let pool = Pool { shown: vec![shown(4, 2, true), shown(6, 3, true)], ..Pool::default() };
        assert_eq!(hashes(&line(4, vec![shown(4, 1, false)], &pool)), [1]);
        assert_eq!(hashes(&line(5, Vec::new(), &pool)), [] as [u8; 0]);
    }
}
