//! Requests of the S3 protocol, signed in their URL (AWS Signature Version 4, query form).
//!
//! A signed URL lets whoever has it do what it says for a while, so it is never shown.

use std::time::Duration;

use adit_core::Timestamp;
use reqwest::Url;
use rusty_s3::actions::{GetObject, PutObject, S3Action};
use rusty_s3::{Bucket, Credentials};

/// The condition of a write. Where it does not hold, the store answers 412 and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`, with an `ETag` as the store gave it.
    Is(String),
}

impl Condition {
    /// The header's name, in the lower case in which it is signed, and its value.
    pub fn header(&self) -> (&'static str, &str) {
        match self {
            Self::Absent => ("if-none-match", "*"),
            Self::Is(etag) => ("if-match", etag),
        }
    }
}

/// How long a signed URL may be used: stores allow clocks to be a quarter of an hour apart.
const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);

/// The bucket, and the key that opens it.
pub struct Signing {
    pub bucket: Bucket,
    pub credentials: Credentials,
}

impl Signing {
    pub fn get(&self, key: &str, now: Timestamp) -> Url {
        GetObject::new(&self.bucket, Some(&self.credentials), key)
            .sign_with_time(SIGNED_FOR, &dated(now))
    }

    /// The condition is signed with it: nothing on the way can take it out.
    pub fn put(&self, key: &str, condition: &Condition, now: Timestamp) -> Url {
        let mut action = PutObject::new(&self.bucket, Some(&self.credentials), key);
        let (name, value) = condition.header();
        action.headers_mut().insert(name, value);
        action.sign_with_time(SIGNED_FOR, &dated(now))
    }
}

/// A time that no calendar holds is as good as any other wrong one: the store refuses it.
fn dated(now: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(now.micros()).unwrap_or_default()
}
