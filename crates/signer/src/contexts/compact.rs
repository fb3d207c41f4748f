//! A payout's context in as few bytes as it takes.
//!
//! Layout, all numbers little-endian: `what is there 1 · user · book · source asset · deducted 16 ·
//! fee 16 · claim (nonce 8, deadline 8, digest 32) · idempotency (client, key 32, fingerprint 32)`.
//! A text is its length in one byte, and its bytes.

use adit_core::{Amount, ClaimContext, Hash32, KeyContext, PayoutContext};

const HAS_CLAIM: u8 = 1;
const HAS_KEY: u8 = 2;

pub(super) fn write(context: &PayoutContext) -> Vec<u8> {
    let PayoutContext { user, book, source_asset, deducted, fee, claim, idempotency } = context;
    let mut out =
        vec![claim.map_or(0, |_| HAS_CLAIM) | idempotency.as_ref().map_or(0, |_| HAS_KEY)];
    [user.as_str(), book.as_str(), source_asset.as_str()]
        .into_iter()
        .for_each(|name| text(&mut out, name));
    [deducted, fee].into_iter().for_each(|amount| out.extend(amount.base_units().to_le_bytes()));
    if let Some(ClaimContext { nonce, deadline, digest }) = claim {
        [nonce, deadline].into_iter().for_each(|number| out.extend(number.to_le_bytes()));
        out.extend(digest.0);
    }
    if let Some(KeyContext { client, key, fingerprint }) = idempotency {
        text(&mut out, client.as_str());
        [key, fingerprint].into_iter().for_each(|hash| out.extend(hash.0));
    }
    out
}

/// None where the bytes are no context.
pub(super) fn read(bytes: &[u8]) -> Option<PayoutContext> {
    let mut rest = Rest(bytes);
    let [there] = rest.array()?;
    if there & !(HAS_CLAIM | HAS_KEY) != 0 {
        return None;
    }
    let (user, book, source_asset) =
        (rest.text()?.parse().ok()?, rest.text()?.parse().ok()?, rest.text()?.parse().ok()?);
    let (deducted, fee) = (rest.amount()?, rest.amount()?);
    let claim = if there & HAS_CLAIM == 0 { None } else { Some(rest.claim()?) };
    let idempotency = if there & HAS_KEY == 0 { None } else { Some(rest.key()?) };
    rest.0.is_empty().then_some(PayoutContext {
        user,
        book,
        source_asset,
        deducted,
        fee,
        claim,
        idempotency,
    })
}

fn text(out: &mut Vec<u8>, name: &str) {
    out.push(u8::try_from(name.len()).expect("a name has at most 140 characters"));
    out.extend(name.bytes());
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let [length] = self.array()?;
        std::str::from_utf8(self.take(length.into())?).ok()
    }

    fn amount(&mut self) -> Option<Amount> {
        self.array().map(u128::from_le_bytes).map(Amount::new)
    }

    fn claim(&mut self) -> Option<ClaimContext> {
        let [nonce, deadline] =
            [self.array().map(u64::from_le_bytes)?, self.array().map(u64::from_le_bytes)?];
        Some(ClaimContext { nonce, deadline, digest: Hash32(self.array()?) })
    }

    fn key(&mut self) -> Option<KeyContext> {
        Some(KeyContext {
            client: self.text()?.parse().ok()?,
            key: Hash32(self.array()?),
            fingerprint: Hash32(self.array()?),
        })
    }
}
