//! `[witness]`: a third place that says how far database and journal were.

use std::net::IpAddr;
use std::path::PathBuf;

use reqwest::Url;

use super::environment::Environment;
use super::hidden::Hidden;
use super::section::Section;

/// AWS, "Bucket naming rules" and "Naming Amazon S3 objects".
const BUCKET_CHARS_MIN: usize = 3;
const BUCKET_CHARS_MAX: usize = 63;
/// Of 1,024: what is tried beside it has a longer name.
const KEY_BYTES_MAX: usize = 1_000;
const REGION_CHARS_MAX: usize = 64;
const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Witness {
    #[default]
    None,
    /// On another volume than database and journal.
    File(PathBuf),
    Object(WitnessObject),
}

/// An object in a store that speaks the S3 protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessObject {
    pub endpoint: Url,
    pub bucket: String,
    pub key: String,
    pub region: String,
    /// The bucket is the first part of the path, else of the host.
    pub path_style: bool,
    /// `AWS_ACCESS_KEY_ID`
    pub key_id: Hidden,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret: Hidden,
}

impl Witness {
    pub fn read(section: Option<Section<'_>>, environment: &Environment) -> Self {
        let Some(section) = section else { return Self::None };
        let file = section.text_or_empty("file").map(PathBuf::from);
        let object = section.section("object");
        if file.is_some() && object.is_some() {
            section.wrong(
                "file",
                "is set beside witness.object",
                "there is one witness: take one of the two out",
            );
        }
        let object = object.and_then(|object| WitnessObject::read(object, environment));
        section.finish();
        match (object, file) {
            (Some(object), _) => Self::Object(object),
            (None, Some(file)) => Self::File(file),
            (None, None) => Self::None,
        }
    }
}

impl WitnessObject {
    fn read(section: Section<'_>, environment: &Environment) -> Option<Self> {
        section.require(
            "endpoint",
            "the address of the store, like \"https://s3.eu-central-1.amazonaws.com\"",
        );
        section.require("bucket", "the name of a bucket that exists");
        let form = "https://HOST or https://HOST:PORT, without path and password; http:// for this \
             machine alone";
        let endpoint = section.read_hidden("endpoint", form, |value| endpoint(value.as_str()?));
        let form = format!("{BUCKET_CHARS_MIN} to {BUCKET_CHARS_MAX} of a-z, 0-9, '-', '.'");
        let bucket = section.read("bucket", form, |value| {
            value.as_str().filter(|text| is_bucket(text)).map(str::to_owned)
        });
        let form = format!(
            "1 to {KEY_BYTES_MAX} of a-z, A-Z, 0-9, '-', '_', '.', '/'; '/' stands between names \
             that do not begin with '.'"
        );
        let key = section.read("key", form, |value| {
            value.as_str().filter(|text| is_key(text)).map(str::to_owned)
        });
        let form = "the region as the store names it, like \"eu-central-1\"";
        let region = section.read("region", form, |value| {
            value.as_str().filter(|text| is_region(text)).map(str::to_owned)
        });
        let path_style = section.flag("path_style").unwrap_or(true);
        let given = |name| environment.get(name).map(Hidden::new);
        let (key_id, secret) = (given(KEY_ID), given(SECRET));
        if key_id.is_none() || secret.is_none() {
            let set = format!(
                "set {KEY_ID} and {SECRET} in the environment to a key that may read, write and \
                 list there"
            );
            section.wrong("", "has no key that opens it", set);
        }
        let key = if section.has("key") { key } else { Some("adit/witness".to_owned()) };
        let region = if section.has("region") { region } else { Some("us-east-1".to_owned()) };
        section.finish();
        Some(Self {
            endpoint: endpoint?,
            bucket: bucket?,
            key: key?,
            region: region?,
            path_style,
            key_id: key_id?,
            secret: secret?,
        })
    }
}

/// Reads the address of a store. Whoever alters the witness on the way alters what may be signed,
/// so only this machine is spoken to in clear.
fn endpoint(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let is_here = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let is_private = url.scheme() == "https" || (url.scheme() == "http" && is_here);
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let is_open = url.username().is_empty() && url.password().is_none();
    (is_private && is_bare && is_open).then_some(url)
}

fn is_bucket(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    (BUCKET_CHARS_MIN..=BUCKET_CHARS_MAX).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with('.')
}

/// A part that begins with a point would be resolved as in a path of files, and an empty one
/// vanish.
fn is_key(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed);
    text.len() <= KEY_BYTES_MAX && text.split('/').all(is_part)
}

fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= REGION_CHARS_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::super::{Config, TEMPLATE};
    use super::*;

    fn environment(set: &[(&str, &str)]) -> Environment {
        Environment::of(|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// A store in an open network, one without a key, and two witnesses at once: each says what to
    /// do.
    #[test]
    fn f91_an_object_store_that_cannot_be_a_witness_is_refused() {
        let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "hush")];
        let whole = "endpoint = \"https://s3.example.org\"\nbucket = \"adit-witness\"\n";
        let said = |lines: &str, variables: &[(&'static str, &'static str)]| {
            let parsed = Config::parse(
                "adit.toml",
                &format!("{TEMPLATE}\n[witness.object]\n{lines}"),
                &environment(variables),
            );
            parsed
                .map(|config| format!("{:?}", config.witness))
                .map_err(|unusable| unusable.to_string())
        };
        let shown = said(whole, &keys).expect("usable");
        assert!(shown.contains("adit/witness") && !shown.contains("hush"), "{shown}");
        let here = whole.replace("https://s3.example.org", "http://127.0.0.1:9000");
        said(&here, &keys).expect("this machine alone");
        let cases = [
            (
                whole.replace("https", "http"),
                &keys[..],
                "endpoint has a value that is not shown; allowed is https://",
            ),
            (whole.replace("s3.ex", "user:hush@s3.ex"), &keys, "without path and password"),
            (whole.replace(".org", ".org/bucket"), &keys, "without path and password"),
            (
                whole.replace("adit-witness", "Adit"),
                &keys,
                "bucket is \"Adit\"; allowed is 3 to 63 of a-z",
            ),
            (
                format!("{whole}key = \"a/../b\"\n"),
                &keys,
                "key is \"a/../b\"; allowed is 1 to 1000",
            ),
            (format!("{whole}regoin = \"x\"\n"), &keys, "regoin is not a key of this table"),
            (String::new(), &keys, "witness.object.bucket is missing; give the name of a bucket"),
            (
                whole.to_owned(),
                &keys[..1],
                "has no key that opens it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
        ];
        for (lines, variables, part) in cases {
            let said = said(&lines, variables).expect_err("it cannot be used");
            assert!(
                said.contains(part) && !said.contains("hush"),
                "{part:?} is missing in:\n{said}"
            );
        }
        let both = TEMPLATE.replace("#file = \"\"", "file = \"/mnt/other/witness\"");
        let both = Config::parse(
            "adit.toml",
            &format!("{both}\n[witness.object]\n{whole}"),
            &environment(&keys),
        );
        let both = both.expect_err("it cannot be used").to_string();
        assert!(
            both.contains("witness.file is set beside witness.object; there is one witness"),
            "{both}"
        );
    }
}
