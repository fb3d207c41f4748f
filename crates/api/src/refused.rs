//! Refusals of the rules, said in English: amounts in whole units, times in RFC 3339, and what to
//! do next.

use adit_core::{Amount, AssetId, Refusal, Rules, Timestamp, Window, WindowUse, WithdrawalId};
use adit_engine::WriteError;
use adit_store::StoreFault;
use serde_json::{Value, json};

use crate::codes;
use crate::problem::Problem;
use crate::units::{rfc3339, rfc3339_of_seconds, units};

/// Seconds after which a caller may try again when the store was away.
const STORE_RETRY_SECONDS: u64 = 2;

/// A refusal as an answer.
pub fn refused(refusal: &Refusal, rules: &Rules) -> Problem {
    let (detail, params) = said(refusal, rules);
    let problem = Problem::new(codes::named(refusal.code()), detail).with_all(params);
    let soon = matches!(
        refusal,
        Refusal::StoreWentBack { .. }
            | Refusal::JournalUnread { .. }
            | Refusal::NotRetired { .. }
            | Refusal::ClockDoubted { .. }
    );
    if soon { problem.retry_after(STORE_RETRY_SECONDS) } else { problem }
}

/// An order without an answer, or with a refusal.
pub fn not_written(error: &WriteError, rules: &Rules) -> Problem {
    match error {
        WriteError::Refused(refusal) => refused(refusal, rules),
        WriteError::Failed { detail } => {
            tracing::warn!(detail, "the store could not take an order");
            let detail = "The store could not take the request. Nothing changed; send it again.";
            Problem::new(&codes::STORE_UNAVAILABLE, detail).retry_after(STORE_RETRY_SECONDS)
        }
        WriteError::SignerUnreachable { detail } => {
            tracing::warn!(detail, "the signer could not be asked");
            let detail = "The signer cannot be asked now, and nothing is given back without it. Nothing \
                 changed; send the request again.";
            Problem::new(&codes::SIGNER_UNAVAILABLE, detail).retry_after(STORE_RETRY_SECONDS)
        }
        WriteError::Superseded => {
            let detail = "This server works on an old state of the database, and another one has taken its \
                 place. Nothing changed; ask the other server.";
            Problem::new(&codes::STORE_SUPERSEDED, detail)
        }
        WriteError::Unknown { detail } => {
            tracing::error!(detail, "the outcome of an order is not known");
            let detail = "The store's answer was lost, so it is not known whether the request was accepted. \
                 Look at the list of withdrawals before you try again.";
            Problem::new(&codes::OUTCOME_UNKNOWN, detail)
        }
    }
}

/// A read that did not happen.
pub fn not_read(fault: &StoreFault) -> Problem {
    tracing::warn!(%fault, "the store could not be read");
    Problem::new(&codes::STORE_UNAVAILABLE, "The store cannot be read now. Send the request again.")
        .retry_after(STORE_RETRY_SECONDS)
}

impl From<StoreFault> for Problem {
    fn from(fault: StoreFault) -> Self {
        not_read(&fault)
    }
}

/// Sentence and parameters of each refusal.
fn said(refusal: &Refusal, rules: &Rules) -> (String, Value) {
    let amount = |asset: &AssetId, amount: Amount| units(rules, asset, amount);
    match refusal {
        Refusal::UnknownUser { user } => (
            format!(
                "The user {user} is not known. A service key creates him with PUT \
                 /api/admin/users/{user}."
            ),
            json!({ "userId": user }),
        ),
        Refusal::ReservedUser { user } => (
            format!(
                "The name {user} is kept for payments whose user nobody knows. Name the user \
                 otherwise."
            ),
            json!({ "userId": user }),
        ),
        Refusal::UnknownAsset { asset } => {
            let known: Vec<&AssetId> = rules.assets.keys().collect();
            (
                format!("The asset {asset} is not configured here."),
                json!({ "asset": asset, "allowed": known }),
            )
        }
        Refusal::UnknownWithdrawal => ("There is no such withdrawal.".to_owned(), json!({})),
        Refusal::NotWithdrawable { asset } => (
            format!(
                "{asset} cannot be withdrawn this way; points are claimed with POST \
                 /api/token/withdraw."
            ),
            json!({ "asset": asset }),
        ),
        Refusal::Suspended { scope, reason } => (
            format!("Withdrawals are suspended ({scope}): {reason}."),
            json!({ "scope": scope, "reason": reason }),
        ),
        Refusal::WalletNotLinked { wallet } => (
            format!("The wallet {wallet} is not linked to this user. Link it first."),
            json!({ "wallet": wallet }),
        ),
        Refusal::WalletTaken { wallet } => {
            (format!("The wallet {wallet} belongs to another user."), json!({ "wallet": wallet }))
        }
        Refusal::WalletCooling { wallet, usable_at } => {
            let at = rfc3339(*usable_at);
            (
                format!("The wallet {wallet} was linked recently and can claim from {at} on."),
                json!({ "wallet": wallet, "usableAt": at }),
            )
        }
        Refusal::NonceUsed { expected, got, withdrawal } => {
            nonce_used(*expected, *got, *withdrawal)
        }
        Refusal::NonceAhead { expected, got } => (
            format!("The claim carries nonce {got}; the next one is {expected}."),
            json!({ "expected": expected, "got": got }),
        ),
        Refusal::DigestUsed { withdrawal } => (
            format!("This signed claim was accepted before, as withdrawal {withdrawal}."),
            json!({ "withdrawalId": withdrawal }),
        ),
        Refusal::SignatureExpired { deadline, now } => {
            let at = rfc3339_of_seconds(*deadline);
            (
                format!("The claim's deadline passed at {at}. Sign a new one."),
                json!({ "deadline": deadline, "now": now }),
            )
        }
        Refusal::DeadlineTooFar { deadline, latest } => (
            format!("The claim's deadline is {deadline}; the latest allowed now is {latest}."),
            json!({ "deadline": deadline, "latest": latest }),
        ),
        Refusal::BelowMinimum { asset, minimum, asked } => {
            let (minimum, asked) = (amount(asset, *minimum), amount(asset, *asked));
            (
                format!("{asked} {asset} is below the minimum of {minimum} {asset}."),
                json!({ "asset": asset, "minimum": minimum, "asked": asked }),
            )
        }
        Refusal::AboveMaximum { asset, maximum, asked } => {
            let (maximum, asked) = (amount(asset, *maximum), amount(asset, *asked));
            (
                format!("{asked} {asset} is above the maximum of {maximum} {asset}."),
                json!({ "asset": asset, "maximum": maximum, "asked": asked }),
            )
        }
        Refusal::TooLarge { asset } => (
            format!("The amount of {asset} is larger than can be accounted for."),
            json!({ "asset": asset }),
        ),
        Refusal::Cooldown { until } => {
            until_time("The last withdrawal was too recent; the next is possible from", *until)
        }
        Refusal::InsufficientBalance { asset, available, needed } => {
            let (available, needed) = (amount(asset, *available), amount(asset, *needed));
            let detail =
                format!("{needed} {asset} is needed and {available} {asset} is available.");
            (detail, json!({ "asset": asset, "available": available, "needed": needed }))
        }
        Refusal::LimitExceeded { asset, asked, limit } => {
            limit_exceeded(rules, asset, *asked, limit)
        }
        Refusal::IdempotencyMismatch { withdrawal } => {
            let detail = format!(
                "This Idempotency-Key was used for another request (withdrawal {withdrawal}). Use \
                 a new key."
            );
            (detail, json!({ "withdrawalId": withdrawal }))
        }
        Refusal::CreditMismatch { credit } => (
            format!("The credit id {credit} was booked before with other contents. Use a new id."),
            json!({ "id": credit }),
        ),
        Refusal::NotCancellable { status } => (
            format!("It is {} and can no longer be cancelled.", status.as_str()),
            json!({ "status": status }),
        ),
        Refusal::NotRetryable { status } => (
            format!("It is {}; trying again is a new withdrawal.", status.as_str()),
            json!({ "status": status }),
        ),
        Refusal::NotApprovable { status } => {
            (format!("It is {}, not pending.", status.as_str()), json!({ "status": status }))
        }
        Refusal::NotUnderInspection { status } => (
            format!("It is {}, not held for inspection.", status.as_str()),
            json!({ "status": status }),
        ),
        Refusal::TooManyCancels { until } => until_time(
            "Too many withdrawals were cancelled; the next cancel is possible from",
            *until,
        ),
        Refusal::Changed { what } => (
            format!("{what} changed meanwhile. Read it again and decide anew."),
            json!({ "what": what }),
        ),
        Refusal::NotLeased { lane } => {
            (format!("The lane {lane} is not leased by this process."), json!({ "lane": lane }))
        }
        Refusal::LeaseHeld { lane, until } => (
            format!("The lane {lane} is leased until {}.", rfc3339(*until)),
            json!({ "lane": lane, "until": rfc3339(*until) }),
        ),
        Refusal::ForeignJournal { lane } => (
            format!("The lane {lane} is pinned to another signer's journal."),
            json!({ "lane": lane }),
        ),
        Refusal::LaneStopped { lane } => (
            format!("The lane {lane} has stopped; see GET /api/admin/lanes."),
            json!({ "lane": lane }),
        ),
        Refusal::StoreWentBack { because } => (
            format!(
                "The database went back to an earlier state ({because}). What was accepted since \
                 is being looked up in the signer's journal; send the request again in a moment."
            ),
            json!({ "reason": because }),
        ),
        Refusal::ClockDoubted { doubt } => (
            format!("Nothing is accepted while the time is in doubt. {}", doubt.sentence()),
            json!({ "clock": doubt }),
        ),
        Refusal::JournalUnread { lane } => (
            format!(
                "Nothing is given back before the lane {lane} has compared the signer's journal \
                 with the database, and what it found beside them is final. Nothing changed; try \
                 again later."
            ),
            json!({ "lane": lane }),
        ),
        Refusal::PaymentSigned { payout, lineage } => (
            format!(
                "The signer has signed the payment {payout} already, in lineage {lineage}. Only \
                 the chain can cancel it; read it again."
            ),
            json!({ "withdrawalId": payout, "lineage": lineage }),
        ),
        Refusal::NotRetired { payouts } => (
            "The signer has not retired the payment yet. Nothing changed; send the request again."
                .to_owned(),
            json!({ "payouts": payouts.len() }),
        ),
        Refusal::Rival { withdrawal } => (
            format!(
                "The withdrawal {withdrawal} changed meanwhile. Read it again and decide anew."
            ),
            json!({ "what": format!("withdrawal {withdrawal}") }),
        ),
        Refusal::NotMatchable { detail } => {
            (format!("The payment cannot be matched so: {detail}."), json!({ "reason": detail }))
        }
        Refusal::NotSwept { lane } => (
            format!(
                "The lane {lane} is not swept yet: what neither the database nor the journal \
                 remembers may still be mined. Wait; GET /api/admin/lanes says how far it is."
            ),
            json!({ "lane": lane }),
        ),
        Refusal::UnknownCredential { credential } => (
            format!(
                "There is no key {credential}, or you may not see it; GET /api/admin/api-keys \
                 lists yours."
            ),
            json!({ "keyId": credential }),
        ),
        Refusal::SelfApproval { client } => (
            format!(
                "{client} asked for this withdrawal and may not approve it, by whichever of its \
                 keys. An admin key of another client has to."
            ),
            json!({ "client": client }),
        ),
        Refusal::ReleasedBySame { lane } => (
            format!(
                "A key of this client has released {lane} already. A second admin has to, with a \
                 key of another client."
            ),
            json!({ "lane": lane }),
        ),
        Refusal::UnknownStray { hash } => (
            format!(
                "No transaction {hash} waits to be explained; GET /api/admin/unmatched lists those \
                 that do."
            ),
            json!({ "txHash": hash }),
        ),
        Refusal::BadAttempt { detail } => (
            format!("The attempt breaks the rules of its lineage: {detail}."),
            json!({ "reason": detail }),
        ),
    }
}

fn nonce_used(expected: u64, got: u64, withdrawal: Option<WithdrawalId>) -> (String, Value) {
    let by = withdrawal.map_or_else(String::new, |id| format!(" by withdrawal {id}"));
    let detail = format!("Nonce {got} was used{by}; the next one is {expected}.");
    (detail, json!({ "expected": expected, "got": got, "withdrawalId": withdrawal }))
}

fn until_time(sentence: &str, until: Timestamp) -> (String, Value) {
    let until = rfc3339(until);
    (format!("{sentence} {until} on."), json!({ "until": until }))
}

fn limit_exceeded(
    rules: &Rules,
    asset: &AssetId,
    asked: Amount,
    limit: &WindowUse,
) -> (String, Value) {
    let show = |amount| units(rules, asset, amount);
    let more_at = limit.more_at.map(rfc3339);
    let more =
        more_at.as_ref().map_or_else(String::new, |at| format!(" More is possible from {at} on."));
    let window = window_name(limit.window);
    let (asked, max, used, left) =
        (show(asked), show(limit.max), show(limit.used), show(limit.left));
    let detail = format!(
        "{asked} {asset} is more than the {left} {asset} left of {max} {asset} in {}.{more}",
        window_words(limit.window)
    );
    let params = json!({ "asset": asset, "asked": asked, "window": window, "max": max, "used": used, "left": left, "moreAt": more_at });
    (detail, params)
}

/// The window's name on the wire.
pub fn window_name(window: Window) -> &'static str {
    match window {
        Window::Rolling24h => "rolling24h",
        Window::Rolling7d => "rolling7d",
        Window::Rolling30d => "rolling30d",
        Window::CalendarDay { .. } => "calendarDay",
    }
}

fn window_words(window: Window) -> &'static str {
    match window {
        Window::Rolling24h => "24 hours",
        Window::Rolling7d => "7 days",
        Window::Rolling30d => "30 days",
        Window::CalendarDay { .. } => "a calendar day",
    }
}
