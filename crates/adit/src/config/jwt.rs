//! `[[jwt]]`: providers whose sign-in is accepted.

use jsonwebtoken::Algorithm;
use toml::Value;

use super::section::Section;

/// Asymmetric ones only: with a shared secret, whoever checks a token could also make one.
const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
];

const USER_PREFIX: &str = "at most 32 visible ASCII characters without '/'";
const USER_PREFIX_CHARS_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    pub issuer: String,
    /// One of these.
    pub audiences: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    pub jwks_url: String,
    /// The claim that names the user.
    pub subject_claim: String,
    /// Stands before that name, so that users of two providers are never one.
    pub user_prefix: String,
    /// The claim that lists the user's wallets. Only the provider may be able to write it.
    pub wallets_claim: Option<String>,
}

impl Jwt {
    pub fn read(section: Section<'_>) -> Self {
        section.require("issuer", "the provider's name as its tokens carry it in `iss`");
        section.require("audience", "this application's id as tokens carry it in `aud`");
        section.require("jwks_url", "the address of the provider's keys");
        let audiences =
            section.read("audience", "a text in quotes, or a list of them", read_audiences);
        let names: Vec<&str> = ALGORITHMS.iter().map(|(name, _)| *name).collect();
        let algorithms =
            section.read("algorithms", format!("a list of {}", names.join(", ")), read_algorithms);
        let form = "an https:// URL (http:// on this machine only)";
        let jwks_url = section.read("jwks_url", form, |value| {
            value.as_str().filter(|url| is_private(url)).map(str::to_owned)
        });
        let jwt = Self {
            issuer: section.text("issuer").unwrap_or_default(),
            audiences: audiences.unwrap_or_default(),
            algorithms: algorithms.unwrap_or_else(|| vec![Algorithm::ES256]),
            jwks_url: jwks_url.unwrap_or_default(),
            subject_claim: section.text("subject_claim").unwrap_or("sub".to_owned()),
            user_prefix: section.read("user_prefix", USER_PREFIX, read_prefix).unwrap_or_default(),
            wallets_claim: section.text_or_empty("wallets_claim"),
        };
        section.finish();
        jwt
    }
}

fn read_prefix(value: &Value) -> Option<String> {
    let fits = |text: &&str| {
        text.len() <= USER_PREFIX_CHARS_MAX
            && text.chars().all(|c| c.is_ascii_graphic() && c != '/')
    };
    value.as_str().filter(fits).map(str::to_owned)
}

fn read_audiences(value: &Value) -> Option<Vec<String>> {
    let named = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let audiences = match value.as_array() {
        Some(list) => list.iter().map(named).collect::<Option<Vec<String>>>()?,
        None => vec![named(value)?],
    };
    (!audiences.is_empty()).then_some(audiences)
}

fn read_algorithms(value: &Value) -> Option<Vec<Algorithm>> {
    let known = |name: &Value| {
        ALGORITHMS
            .iter()
            .find(|(known, _)| name.as_str() == Some(known))
            .map(|(_, algorithm)| *algorithm)
    };
    value
        .as_array()?
        .iter()
        .map(known)
        .collect::<Option<Vec<Algorithm>>>()
        .filter(|list| !list.is_empty())
}

/// Nobody between us and the provider may swap its keys.
fn is_private(url: &str) -> bool {
    ["https://", "http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|start| url.len() > start.len() && url.starts_with(start))
}
