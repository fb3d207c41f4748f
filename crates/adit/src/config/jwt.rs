//! `[[jwt]]`: providers whose sign-in is accepted.

use super::section::Section;

/// Asymmetric ones only: a shared secret would let whoever checks a token also make one.
pub const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    pub issuer: String,
    pub audience: String,
    pub algorithms: Vec<String>,
    pub jwks_url: String,
    /// The claim that names the user.
    pub subject_claim: String,
}

impl Jwt {
    pub fn read(section: Section<'_>) -> Self {
        section.require("issuer", "the provider's name as its tokens carry it in `iss`");
        section.require("audience", "this application's id as tokens carry it in `aud`");
        section.require("jwks_url", "the address of the provider's keys");
        let allowed = format!("a list of {}", ALGORITHMS.join(", "));
        let algorithms = section.read("algorithms", allowed, |value| {
            let names = value.as_array()?.iter().map(|name| name.as_str().filter(|name| ALGORITHMS.contains(name)).map(str::to_owned));
            names.collect::<Option<Vec<String>>>().filter(|names| !names.is_empty())
        });
        let form = "an https:// URL (http:// on this machine only)";
        let jwks_url = section.read("jwks_url", form, |value| value.as_str().filter(|url| is_private(url)).map(str::to_owned));
        let jwt = Self {
            issuer: section.text("issuer").unwrap_or_default(),
            audience: section.text("audience").unwrap_or_default(),
            algorithms: algorithms.unwrap_or_else(|| vec!["ES256".to_owned()]),
            jwks_url: jwks_url.unwrap_or_default(),
            subject_claim: section.text("subject_claim").unwrap_or("sub".to_owned()),
        };
        section.finish();
        jwt
    }
}

/// Nobody between us and the provider may swap its keys.
fn is_private(url: &str) -> bool {
    ["https://", "http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|start| url.len() > start.len() && url.starts_with(start))
}
