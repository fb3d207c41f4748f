//! Every code that an answer can carry, with its HTTP status and a title: one table for all routes.
//!
//! Codes and parameters are the contract; titles and sentences are English for people and may
//! change.

use axum::http::StatusCode;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub status: u16,
    pub title: &'static str,
}

impl Code {
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status)
            .expect("the table holds valid statuses, which a test checks")
    }
}

macro_rules! codes {
    ($($name:ident $status:literal $title:literal;)+) => {
        $(pub const $name: Code = Code { name: stringify!($name), status: $status, title: $title };)+
        /// The whole table, in the order of the documentation.
        pub const ALL: &[&Code] = &[$(&$name),+];
    };
}

codes! {
    // The request itself
    MALFORMED_JSON 400 "The body is not JSON";
    BAD_REQUEST 400 "The request cannot be read";
    INVALID_BODY 422 "The body has another shape than expected";
    INVALID_QUERY 422 "The query has another shape than expected";
    INVALID_HEADER 422 "A header has another shape than expected";
    INVALID_AMOUNT 422 "The amount is not one";
    INVALID_ADDRESS 422 "The address is not one of this chain";
    FORBIDDEN_DESTINATION 422 "The address may not be paid";
    INVALID_NAME 422 "A name has other characters than allowed";
    INVALID_CURSOR 422 "The cursor is not one of ours";
    UNSUPPORTED_MEDIA_TYPE 415 "The body's type is not accepted here";
    BODY_TOO_LARGE 413 "The body is too large";
    URI_TOO_LONG 414 "The address of the request is too long";
    HEADERS_TOO_LARGE 431 "The headers are too large";
    REQUEST_TIMEOUT 408 "The body did not arrive in time";
    ROUTE_NOT_FOUND 404 "There is no such route";
    METHOD_NOT_ALLOWED 405 "The route has no such method";
    UPGRADE_REQUIRED 426 "This route speaks WebSocket";
    RATE_LIMITED 429 "Too many requests";

    // Who asks
    UNAUTHENTICATED 401 "A valid credential is needed";
    FORBIDDEN 403 "The credential may not do this";
    SELF_APPROVAL 403 "Whoever asked may not approve";
    USER_UNKNOWN 404 "The user is not known";
    WITHDRAWAL_NOT_FOUND 404 "There is no such withdrawal";
    API_KEY_NOT_FOUND 404 "There is no such API key";

    // Claims
    CLAIMS_NOT_CONFIGURED 404 "This instance pays no claims";
    MEMBERSHIP_REQUIRED 403 "The wallet is not a member";
    MEMBERSHIP_UNREADABLE 503 "Membership cannot be read now";
    SIGNATURE_INVALID 422 "The signature does not fit the claim";
    SIGNATURE_UNREADABLE 503 "The wallet's contract cannot be asked now";
    SIGNATURE_EXPIRED 422 "The claim's deadline has passed";
    DEADLINE_TOO_FAR 422 "The claim's deadline is too far ahead";
    NONCE_USED 409 "The claim was accepted before";
    NONCE_INVALID 409 "The claim's nonce is not the next one";
    WALLET_NOT_LINKED 403 "The wallet is not linked to the user";
    WALLET_TAKEN 409 "The wallet belongs to another user";
    WALLET_COOLING 403 "The wallet was linked too recently";

    // What may be withdrawn
    ASSET_UNKNOWN 422 "The asset is not configured";
    ASSET_NOT_WITHDRAWABLE 422 "The asset cannot be withdrawn this way";
    BELOW_MINIMUM 422 "The amount is below the minimum";
    ABOVE_MAXIMUM 422 "The amount is above the maximum";
    INSUFFICIENT_BALANCE 422 "The balance is too small";
    DAILY_LIMIT_EXCEEDED 422 "The daily limit would be exceeded";
    WEEKLY_LIMIT_EXCEEDED 422 "The weekly limit would be exceeded";
    MONTHLY_LIMIT_EXCEEDED 422 "The monthly limit would be exceeded";
    COOLDOWN 422 "The last withdrawal was too recent";
    SUSPENDED 503 "Withdrawals are suspended";

    // A withdrawal on its way
    PAYMENT_REVERTED 409 "The payment reverted on chain and was given back";
    PAYMENT_FAILED 409 "The payment failed and was given back";
    WITHDRAWAL_CANCELLED 409 "The withdrawal was cancelled and given back";
    NOT_CANCELLABLE 409 "It can no longer be cancelled";
    NOT_RETRYABLE 409 "It is finished and cannot be retried";
    NOT_APPROVABLE 409 "It does not wait for approval";
    NOT_UNDER_INSPECTION 409 "It does not wait for inspection";
    TOO_MANY_CANCELS 429 "Too many cancels today";
    CHANGED_MEANWHILE 409 "It changed meanwhile";

    // Repeating
    IDEMPOTENCY_MISMATCH 422 "The key was used for another request";
    CREDIT_MISMATCH 409 "The id was used for another credit";

    // Lanes
    LANE_NOT_FOUND 404 "There is no such lane, or it has not started";
    NOT_LEASED 409 "The lane is leased by another process";
    LEASE_HELD 409 "The lane is leased by another process";
    FOREIGN_JOURNAL 409 "The lane belongs to another signer's journal";
    LANE_STOPPED 409 "The lane has stopped";
    PSBT_NOT_FOUND 404 "No such version waits for signatures";
    PSBT_REFUSED 422 "The PSBT says something else than what was handed out";
    BAD_ATTEMPT 409 "The attempt breaks the rules of its lineage";
    PAYMENT_SIGNED 409 "The payment is signed already";
    NOT_MATCHABLE 409 "The payment cannot be matched so";
    NOT_SWEPT 409 "What was forgotten may still be mined";
    SECOND_ADMIN_NEEDED 409 "A second admin has to say so, too";
    STRAY_NOT_FOUND 404 "No such transaction waits to be explained";

    // The world
    STORE_UNAVAILABLE 503 "The store cannot be used now";
    SIGNER_UNAVAILABLE 503 "The signer cannot be asked now";
    CLOCK_DISAGREES 409 "The server's clock shows another time";
    CLOCK_DOUBTED 503 "Nobody knows what time it is";
    STORE_RECONCILING 503 "The database went back and is being compared with the journal";
    JOURNAL_UNREAD 503 "The journal has not been compared with the database yet";
    NOT_RETIRED 503 "The signer has not retired the payment yet";
    STORE_SUPERSEDED 503 "Another state of the database has taken its place";
    OUTCOME_UNKNOWN 503 "Whether it was accepted is not known";
    SIGN_IN_UNAVAILABLE 503 "The sign-in provider's keys cannot be read now";
    TOO_MANY_CONNECTIONS 503 "Too many live connections";
    INTERNAL 500 "A defect of the server";
}

/// The row of a code by its name.
pub fn named(name: &str) -> &'static Code {
    ALL.iter().copied().find(|code| code.name == name).unwrap_or(&INTERNAL)
}

/// The row that stands for a bare status: for answers of the framework that never saw one of our
/// handlers.
pub fn of_status(status: StatusCode) -> &'static Code {
    match status {
        StatusCode::NOT_FOUND => &ROUTE_NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED => &METHOD_NOT_ALLOWED,
        StatusCode::PAYLOAD_TOO_LARGE => &BODY_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => &UNSUPPORTED_MEDIA_TYPE,
        StatusCode::UPGRADE_REQUIRED => &UPGRADE_REQUIRED,
        other if other.is_client_error() => &BAD_REQUEST,
        _server_error => &INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_statuses_are_statuses() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(
            ALL.iter()
                .all(|code| code.status().is_client_error() || code.status().is_server_error())
        );
    }

    #[test]
    fn only_a_defect_is_a_500() {
        let fives: Vec<_> =
            ALL.iter().filter(|code| code.status == 500).map(|code| code.name).collect();
        assert_eq!(fives, ["INTERNAL"]);
    }
}
