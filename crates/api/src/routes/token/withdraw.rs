//! `POST /api/token/withdraw`: a signed claim (requirements D3 to D5).
//!
//! The order of checks is a promise (D4): shape, membership, signature here; nonce, deadline,
//! minimum, balance, limits in the rules, all at once with the hold. Nothing reads the store before
//! the writer does.

use adit_core::{
    Actor, Answer, Asset, Bytes, Claim, ClaimRules, Command, Hash32, Idempotency, Request, Tier,
    UserId, WithdrawalId,
};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::claims;
use super::hint;
use super::outcome::{self, ClaimAnswer};
use crate::amounts::{RawAmount, Whole, asset, destination};
use crate::auth::{Caller, Principal};
use crate::codes;
use crate::docs::shapes::{Key, PastedAddress, PositiveUnits, UserName, WholeNumber};
use crate::extract::{Body, name};
use crate::gate::{ClaimGate, ClaimTerms, SignatureVerdict};
use crate::headers;
use crate::problem::Problem;
use crate::refused::not_written;
use crate::settings::Membership;
use crate::state::ApiState;

/// When a chain could not be asked, a caller may try again after this.
const UNREADABLE_RETRY_SECONDS: u64 = 3;
/// `0x` and twice the longest signature that a contract wallet is asked about.
const SIGNATURE_TEXT_BYTES_MAX: usize = 2 + 2 * 8_192;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClaimBody {
    /// The wallet that signed and is paid, with its checksum (EIP-55).
    #[schema(value_type = PastedAddress)]
    wallet_address: String,
    /// Whole tokens, as a string.
    #[schema(value_type = PositiveUnits)]
    amount: RawAmount,
    /// `0x` and hex digits: 65 bytes of a key, or whatever a contract wallet understands
    /// (EIP-1271).
    #[schema(pattern = "^0x([0-9a-fA-F]{2})*$", max_length = 16386)]
    signature: String,
    /// The one of `GET /api/token/withdraw/nonce`.
    #[schema(value_type = WholeNumber)]
    nonce: Whole,
    /// Unix seconds.
    #[schema(value_type = WholeNumber)]
    deadline: Whole,
    /// For service keys: whose points are paid.
    #[schema(value_type = Option<UserName>)]
    user_id: Option<String>,
}

/// Pays points as tokens, against a signed claim
#[utoipa::path(post, path = "/api/token/withdraw", tag = "Claims", request_body = ClaimBody,
    params(
        ("Prefer" = Option<String>, Header, description = "wait=n: how many seconds to wait for \
            confirmations; 25 by default, 60 at most"),
        ("Idempotency-Key" = Option<Key>, Header, description = "the same key and body get the \
            same answer, for ever"),
    ),
    responses(
        (status = 200, description = "Confirmed; `final` says whether it is settled as well", body = ClaimAnswer),
        (status = 202, description = "Accepted, and under way for longer than was waited", body = ClaimAnswer),
        (status = 404, description = "CLAIMS_NOT_CONFIGURED, USER_UNKNOWN"),
        (status = 403, description = "MEMBERSHIP_REQUIRED, WALLET_NOT_LINKED, WALLET_COOLING, \
            FORBIDDEN"),
        (status = 409, description = "NONCE_USED (with withdrawalId), NONCE_INVALID, \
            PAYMENT_REVERTED, PAYMENT_FAILED, WITHDRAWAL_CANCELLED"),
        (status = 422, description = "INVALID_HEADER, INVALID_NAME, INVALID_AMOUNT, \
            INVALID_ADDRESS, FORBIDDEN_DESTINATION, SIGNATURE_INVALID, SIGNATURE_EXPIRED, \
            DEADLINE_TOO_FAR, ASSET_UNKNOWN, ASSET_NOT_WITHDRAWABLE, BELOW_MINIMUM, \
            ABOVE_MAXIMUM, INSUFFICIENT_BALANCE, DAILY_LIMIT_EXCEEDED, WEEKLY_LIMIT_EXCEEDED, \
            MONTHLY_LIMIT_EXCEEDED, COOLDOWN, IDEMPOTENCY_MISMATCH"),
        (status = 503, description = "MEMBERSHIP_UNREADABLE, SIGNATURE_UNREADABLE, \
            STORE_UNAVAILABLE, OUTCOME_UNKNOWN, SUSPENDED"),
    ))]
pub async fn withdraw(
    State(state): State<ApiState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Body(body): Body<ClaimBody>,
) -> Result<Response, Problem> {
    let (rules, gate) = claims(&state)?;
    let key = headers::idempotency_key(&headers)?;
    let wait = headers::wait(&headers);
    let shaped = shape(&state, rules, &caller, &body)?;
    let tier = membership(&state, gate.as_ref(), &shaped.terms).await?;
    let digest = signed(gate.as_ref(), &shaped, &asset(&state, &rules.asset)?.asset).await?;
    let idempotency =
        key.map(|key| Idempotency { key, fingerprint: fingerprint(&shaped.user, digest) });
    let request = shaped.into_request(&state, rules, digest, idempotency, tier);
    accept(&state, caller.actor, request, wait).await
}

/// A claim whose shape is right.
struct Shaped {
    user: UserId,
    terms: ClaimTerms,
    signature: Bytes,
}

fn shape(
    state: &ApiState,
    rules: &ClaimRules,
    caller: &Principal,
    body: &ClaimBody,
) -> Result<Shaped, Problem> {
    let user = caller.in_body(body.user_id.as_deref().map(name).transpose()?)?;
    let amount = body.amount.read(&asset(state, &rules.asset)?.asset)?;
    let wallet = destination(state, &rules.asset, &body.wallet_address, "walletAddress")?;
    let signature = Some(&body.signature)
        .filter(|text| text.len() <= SIGNATURE_TEXT_BYTES_MAX)
        .and_then(|text| text.parse().ok());
    let signature = signature.ok_or_else(|| {
        invalid_signature("it is not 0x and an even number of hex digits, or too long")
    })?;
    Ok(Shaped {
        user,
        terms: ClaimTerms { wallet, amount, nonce: body.nonce.0, deadline: body.deadline.0 },
        signature,
    })
}

/// The tier that membership gives, if any. What cannot be read is neither a yes nor a no.
async fn membership(
    state: &ApiState,
    gate: &dyn ClaimGate,
    terms: &ClaimTerms,
) -> Result<Option<Tier>, Problem> {
    let mode = &state.settings().membership;
    if *mode == Membership::Open {
        return Ok(None);
    }
    let member = gate.is_member(&terms.wallet).await.map_err(|fault| {
        tracing::warn!(%fault, wallet = %terms.wallet, "membership cannot be read");
        let detail =
            "Membership cannot be read from the chain now. Nothing changed; send the claim again \
             in a moment.";
        Problem::new(&codes::MEMBERSHIP_UNREADABLE, detail).with("retry", true).retry_after(UNREADABLE_RETRY_SECONDS)
    })?;
    match (mode, member) {
        (Membership::Required, false) => {
            let detail =
                format!("The wallet {} holds no valid key of the members' lock.", terms.wallet);
            Err(Problem::new(&codes::MEMBERSHIP_REQUIRED, detail)
                .with("wallet", terms.wallet.as_str()))
        }
        (Membership::Tiered { tier }, true) => Ok(Some(tier.clone())),
        (Membership::Tiered { .. }, false)
        | (Membership::Required, true)
        | (Membership::Open, _) => Ok(None),
    }
}

async fn signed(gate: &dyn ClaimGate, shaped: &Shaped, asset: &Asset) -> Result<Hash32, Problem> {
    let digest = gate
        .digest(&shaped.terms)
        .ok_or_else(|| invalid_signature("the wallet is not an address"))?;
    match gate.verify(&shaped.terms.wallet, digest, &shaped.signature).await {
        Ok(SignatureVerdict::Valid) => Ok(digest),
        Ok(SignatureVerdict::Invalid { why }) => {
            Err(hint::does_not_fit(gate, &shaped.terms, &shaped.signature, asset, &why))
        }
        Err(fault) => {
            tracing::warn!(
                %fault,
                wallet = %shaped.terms.wallet,
                "a contract wallet cannot be asked"
            );
            let detail = "The signature is not the wallet's own key's, and the chain cannot be asked now \
                 whether it is a contract that accepts it. Nothing changed; send the claim again \
                 in a moment.";
            Err(Problem::new(&codes::SIGNATURE_UNREADABLE, detail)
                .with("retry", true)
                .retry_after(UNREADABLE_RETRY_SECONDS))
        }
    }
}

fn invalid_signature(why: &str) -> Problem {
    Problem::new(&codes::SIGNATURE_INVALID, format!("The signature does not fit the claim: {why}."))
}

/// The digest covers amount, wallet, nonce, deadline, chain and token; signature bytes have twins
/// and are left out.
fn fingerprint(user: &UserId, digest: Hash32) -> Hash32 {
    Hash32(Sha256::digest(format!("claim\n{user}\n{digest}")).into())
}

impl Shaped {
    fn into_request(
        self,
        state: &ApiState,
        rules: &ClaimRules,
        digest: Hash32,
        idempotency: Option<Idempotency>,
        tier: Option<Tier>,
    ) -> Request {
        let ports = &state.engine().ports;
        let ClaimTerms { wallet, amount, nonce, deadline } = self.terms;
        Request {
            id: WithdrawalId(ports.uuid()),
            user: self.user,
            book: rules.book.clone(),
            source_asset: rules.points.clone(),
            asset: rules.asset.clone(),
            amount,
            destination: wallet,
            idempotency,
            claim: Some(Claim { nonce, deadline, digest, signature: self.signature }),
            tier,
        }
    }
}

/// Hands the claim to the writer, then follows it for as long as the caller waits.
async fn accept(
    state: &ApiState,
    actor: Actor,
    request: Request,
    wait: std::time::Duration,
) -> Result<Response, Problem> {
    let written = state.engine().writer.submit(actor, Command::Request(request)).await;
    match written.map_err(|error| not_written(&error, state.rules()))? {
        Answer::Accepted(withdrawal) => {
            outcome::follow(state, *withdrawal, wait).await.respond(state, false)
        }
        Answer::Replayed(id) => {
            let known =
                state.store().withdrawal(id).await?.ok_or_else(crate::extract::no_withdrawal)?;
            outcome::follow(state, known, wait).await.respond(state, true)
        }
        Answer::Done | Answer::Unchanged | Answer::Wallet(_) | Answer::Leased(_) => {
            Err(Problem::new(&codes::INTERNAL, "The claim got an answer of another kind."))
        }
    }
}
