//! The shapes of texts in the document: what a string may hold, said once and named, so that
//! programs can check it.
//!
//! The types here exist for the document alone; the readers are elsewhere, and `make api-fuzz`
//! holds the two against each other.

use std::borrow::Cow;

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! shapes {
    ($($(#[doc = $doc:literal])+ $name:ident $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let schema: ObjectBuilder = $schema;
                schema.description(Some([$($doc),+].concat().trim().to_owned())).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+

        /// All by their names: one that only a parameter has would else be missing in the document.
        pub fn all() -> Vec<(Cow<'static, str>, RefOr<Schema>)> {
            vec![$(($name::name(), $name::schema())),+]
        }
    };
}

shapes! {
    /// Whole units of an asset, as plain digits with at most one point.
    Units text(r"^(0|[1-9][0-9]*)(\.[0-9]+)?$");
    /// Whole units of an asset, above zero, with at most the asset's number of fraction digits.
    PositiveUnits text(r"^(0|[1-9][0-9]*)(\.[0-9]+)?$").max_length(Some(80)).examples(["5000"]);
    /// RFC 3339: date, T, time, and Z or an offset.
    Time text("").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).pattern(None::<String>);
    /// An id that this instance made.
    Id text("").format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).pattern(None::<String>);
    /// The host application's name for a user: 1 to 128 visible ASCII characters without '/'.
    UserName text("^[!-.0-~]{1,128}$");
    /// A pool or a points program: 1 to 32 of a-z, 0-9, '-', '_'.
    BookName text("^[a-z0-9_-]{1,32}$");
    /// An asset's name in this instance: 1 to 24 of A-Z, a-z, 0-9, '.', '-', '_'.
    AssetName text("^[A-Za-z0-9._-]{1,24}$");
    /// A set of limits: 1 to 32 of a-z, 0-9, '-', '_'.
    TierName text("^[a-z0-9_-]{1,32}$");
    /// 1 to 128 visible ASCII characters.
    Key text("^[!-~]{1,128}$");
    /// 0x and 64 hex digits.
    Hash text("^(0x)?[0-9a-f]{64}$");
    /// An EVM address: 0x and 40 hex digits, with its EIP-55 checksum.
    EvmAddress text("^0x[0-9a-fA-F]{40}$");
    /// The same as a person pastes it: blanks at its ends are taken off.
    PastedAddress text(r"^\s*0x[0-9a-fA-F]{40}\s*$");
    /// A place in a list, as `nextCursor` of the page before gave it.
    Place text("^[0-9a-fA-F]{48}$");
    /// Up to 500 characters, none of them a control character.
    Remark text(r"^[^\u0000-\u001F\u007F-\u009F]*$").max_length(Some(500));
    /// Up to 100 characters, none of them a control character.
    Label text(r"^[^\u0000-\u001F\u007F-\u009F]*$").max_length(Some(100));
    /// Whose keys: `client/` and 1 to 32 of a-z, 0-9, '-', '_'; or `key/` or `user/` and an id. The
    /// name alone is one of the first form.
    ClientName text("^[!-~]{1,140}$");
    /// A chain's name in this instance: 1 to 32 of a-z, 0-9, '-', '_'.
    ChainName text("^[a-z0-9_-]{1,32}$");
    /// Where a withdrawal stands.
    Status one_of(&["pending", "approved", "processing", "held_for_inspection", "completed", "failed", "cancelled"]);
    /// Where a claim stands.
    ClaimStatus one_of(&["pending", "completed", "failed", "reverted"]);
    /// For whom a key speaks.
    RoleName one_of(&["user", "service", "admin"]);
    /// How a key stands.
    KeyState one_of(&["standing", "expired", "revoked"]);
    /// Which keys are listed.
    KeysShown one_of(&["standing", "all"]);
    /// Which withdrawals a suspension stops.
    ScopeName one_of(&["all", "asset", "user"]);
    /// What became of a credit; `unchanged`: it was booked before.
    CreditStatus one_of(&["credited", "unchanged", "refused"]);
    /// The span of time that a limit counts.
    WindowName one_of(&["rolling24h", "rolling7d", "rolling30d", "calendarDay"]);
}

/// A whole number, or its digits in a string.
pub enum WholeNumber {}

impl PartialSchema for WholeNumber {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(u64::MAX));
        let both = OneOfBuilder::new().item(number).item(text("^[0-9]{1,20}$"));
        both.description(Some(
            "A whole number from 0 to 18446744073709551615, or its digits in a string.",
        ))
        .into()
    }
}

impl ToSchema for WholeNumber {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("WholeNumber")
    }
}

fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn one_of(words: &'static [&'static str]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().copied()))
}
