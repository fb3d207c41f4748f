//! The configuration: one TOML file, completed by the environment, checked as a whole before
//! anything starts.
//!
//! It is read twice over: each table by the type that it becomes, and then the whole by [`cross`],
//! which knows what one table means for another. Every problem is reported, not the first.

mod address;
mod asset;
mod chain;
mod claims;
mod cross;
mod environment;
mod hidden;

mod jwt;
mod network;
mod problem;
mod rules;
mod secrets;
mod section;
mod server;
mod signer;
mod store;
#[cfg(test)]
mod tests;
mod warnings;
mod witness;

use std::collections::BTreeMap;
use std::path::Path;

use adit_core::{AssetId, AssetRules, ChainName};
use toml::Table;

pub use chain::{BitcoinChain, Chain, EvmChain, Of};
pub use claims::{Claims, Membership};
pub use environment::{Environment, unquoted};
pub use hidden::Hidden;
pub use jwt::Jwt;
pub use problem::Unusable;
pub use secrets::Secrets;
pub use server::{Alerts, MetricsListen, People, Server};
pub use signer::Signer;
pub use store::StoreUrl;
pub use warnings::quoted;
pub use witness::{Witness, WitnessObject};

use problem::Notes;
use section::Section;

/// Every key with its default and what it does; `adit config` prints it.
pub const TEMPLATE: &str = include_str!("template.toml");
/// The same of a Bitcoin chain; `adit config --bitcoin` prints it.
pub const BITCOIN_TEMPLATE: &str = include_str!("../../../../docs/examples/bitcoin.toml");

/// A configuration that can be used.
#[derive(Debug)]
pub struct Config {
    pub server: Server,
    pub store: StoreUrl,
    pub signer: Signer,
    pub witness: Witness,
    pub chains: BTreeMap<ChainName, Chain>,
    /// Points and native coins included.
    pub assets: BTreeMap<AssetId, AssetRules>,
    pub claims: Option<Claims>,
    pub membership: Membership,
    pub jwt: Vec<Jwt>,
    pub people: People,
    pub alerts: Alerts,
    pub secrets: Secrets,
}

impl Config {
    /// Returns whether every chain is a chain of a developer's machine.
    pub fn is_devnet(&self) -> bool {
        self.chains.values().all(Chain::is_devnet)
    }

    /// Reads `file`, or the environment alone where there is none.
    ///
    /// # Errors
    /// [`Unusable`], with everything that is wrong.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Unusable> {
        let subject = file
            .map_or("the environment (there is no configuration file)".to_owned(), |file| {
                file.display().to_string()
            });
        let text = file.map(std::fs::read_to_string).transpose().map_err(|error| {
            unreadable(
                &subject,
                format!("cannot be read: {error}"),
                "name a file that this user may read",
            )
        })?;
        Self::parse(&subject, text.as_deref().unwrap_or_default(), environment)
    }

    /// # Errors
    /// As [`Config::load`].
    pub fn parse(subject: &str, text: &str, environment: &Environment) -> Result<Self, Unusable> {
        let mut file: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error
                .span()
                .map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            unreadable(
                subject,
                format!("is no TOML at line {line}: {}", error.message()),
                "correct that line",
            )
        })?;
        let notes = Notes::default();
        if let Some(network) = environment.get("ADIT_NETWORK") {
            file.insert("network".to_owned(), toml::Value::String(network.to_owned()));
            notes.set_by("network", "ADIT_NETWORK");
        }
        let mut whole = network::complete(file, &notes);
        environment.lay_over(&mut whole, &notes);
        let config = Self::read(Section::new("", &whole, &notes), environment, &notes);
        let problems = notes.into_problems();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(Unusable { subject: subject.to_owned(), problems })
        }
    }

    /// The chain that claims are paid on.
    pub fn claims_chain(&self) -> Option<&Chain> {
        let claimed = self.assets.get(&self.claims.as_ref()?.asset)?;
        self.chains.get(claimed.asset.chain()?)
    }

    /// Good only when nothing was noted.
    fn read(root: Section<'_>, environment: &Environment, notes: &Notes) -> Self {
        let _judged_before = root.has("network");
        let chains: BTreeMap<ChainName, Chain> = root
            .sections("chains")
            .into_iter()
            .filter_map(|(name, section)| Chain::read(name, section))
            .map(|chain| (chain.name.clone(), chain))
            .collect();
        let read_asset = |(name, section)| {
            asset::read(name, section).map(|rules: AssetRules| (rules.asset.id.clone(), rules))
        };
        let mut assets: BTreeMap<AssetId, AssetRules> =
            root.sections("assets").into_iter().filter_map(read_asset).collect();
        let claims = root.section("claims").and_then(Claims::read);
        cross::complete(&mut assets, &chains, claims.as_ref(), notes);
        let decimals: BTreeMap<AssetId, u8> =
            assets.iter().map(|(id, rules)| (id.clone(), rules.asset.decimals)).collect();
        let config = Self {
            server: Server::read(root.section("server")),
            store: StoreUrl::read(root.section("store")),
            signer: Signer::read(root.section("signer"), &decimals),
            witness: Witness::read(root.section("witness"), environment),
            membership: Membership::read(root.section("membership")),
            jwt: root.list("jwt").into_iter().map(Jwt::read).collect(),
            people: People::read(root.section("wallets"), root.section("withdrawals")),
            alerts: Alerts::read(root.section("alerts"), &decimals),
            secrets: Secrets::read(environment, notes),
            chains,
            assets,
            claims,
        };
        cross::check(&config, notes);
        root.finish();
        config
    }
}

fn unreadable(subject: &str, wrong: String, allowed: &str) -> Unusable {
    let notes = Notes::default();
    notes.problem(subject, wrong, allowed);
    Unusable { subject: "the configuration".to_owned(), problems: notes.into_problems() }
}
