//! Environment variables: the names that an application's own set-up already has, laid over the
//! file before it is read.
//!
//! So there is one reader and one set of checks; an error names the variable that a wrong value
//! came from.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::problem::Notes;

/// Every variable that is read, and what it does. `docs/configuration.md` and `.env.example` are
/// tested against this list.
pub const VARIABLES: [(&str, &str); 26] = [
    ("ADIT_NETWORK", "network: base or base-sepolia, whose settings are built in"),
    ("LOCK_MANAGER_PRIVATE_KEY", "the private key of the wallet that pays"),
    ("ADIT_KEY_PASSPHRASE", "opens the sealed seed, where no private key is given"),
    ("ADIT_ADMIN_TOKEN", "the first admin's API key"),
    ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", "the token claims are paid in, on chain id 8453"),
    (
        "NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_SEPOLIA",
        "the token claims are paid in, on chain id 84532",
    ),
    ("NEXT_PUBLIC_DG_NATION_LOCK_ADDRESS", "membership.lock"),
    ("DG_WITHDRAWAL_MIN_AMOUNT", "the claimed asset's policy.minimum"),
    ("DG_WITHDRAWAL_MAX_DAILY_AMOUNT", "the claimed asset's policy.rolling_24h_max"),
    ("DG_WITHDRAWAL_SIGNATURE_DEADLINE_SECONDS", "claims.deadline_seconds_max"),
    ("INFURA_PROJECT_ID", "adds Infura's endpoint to the chains it serves"),
    ("ALCHEMY_API_KEY", "adds Alchemy's endpoint to the chains it serves"),
    ("BASE_RPC_ENDPOINT", "adds an endpoint to the chain with id 8453 or 84532"),
    ("TERA_RPC_ENDPOINT", "adds an endpoint to the chain named tera"),
    ("ADIT_EVM_RPC", "replaces the endpoints of the only EVM chain, separated by commas"),
    (
        "ADIT_BITCOIN_ESPLORA",
        "replaces the Esplora servers of the only Bitcoin chain, separated by commas",
    ),
    ("ADIT_BITCOIN_BLOCKCYPHER", "replaces its BlockCypher endpoints"),
    ("ADIT_BITCOIN_RPC", "replaces its bitcoind endpoints, with user and password in the URL"),
    ("BLOCKCYPHER_TOKEN", "the token of its BlockCypher endpoints"),
    ("ADIT_TRUST", "trust of the only EVM chain: quorum or single"),
    ("DATABASE_URL", "store.url"),
    ("AWS_ACCESS_KEY_ID", "names the key that opens witness.object"),
    ("AWS_SECRET_ACCESS_KEY", "the secret of that key"),
    ("ADIT_LISTEN", "server.listen"),
    ("PORT", "the port of server.listen"),
    ("ADIT_METRICS_LISTEN", "server.metrics_listen"),
];

/// Chain id, Infura's and Alchemy's names of the network.
const PROVIDERS: [(i64, &str, &str); 4] = [
    (1, "mainnet", "eth-mainnet"),
    (8_453, "base-mainnet", "base-mainnet"),
    (11_155_111, "sepolia", "eth-sepolia"),
    (84_532, "base-sepolia", "base-sepolia"),
];
const BASE: i64 = 8_453;
const BASE_SEPOLIA: i64 = 84_532;
/// Where a listen address is not given in the file.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:5000";

/// Of these every character counts, since people choose them: a key or a passphrase that was set
/// with quotes goes on with them.
pub const LITERAL: [&str; 2] = ["ADIT_KEY_PASSPHRASE", "ADIT_ADMIN_TOKEN"];

/// The text inside a pair of quotes at its ends. A shell takes them off; `docker run --env-file`
/// and alike keep them. None where there are none.
pub fn unquoted(text: &str) -> Option<&str> {
    let inside = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\''))
}

/// The variables that are set and not empty. An empty one, as in a copied example file, is as if it
/// were absent.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<&'static str, String>,
}

impl Environment {
    pub fn of_process() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    pub fn of(value: impl Fn(&str) -> Option<String>) -> Self {
        let set = |(name, _): &(&'static str, &str)| {
            let value = value(name)?;
            let text = value.trim();
            let bare = unquoted(text).filter(|_| !LITERAL.contains(name)).unwrap_or(text);
            Some((*name, bare.trim().to_owned()))
        };
        Self {
            values: VARIABLES
                .iter()
                .filter_map(set)
                .filter(|(_, value)| !value.is_empty())
                .collect(),
        }
    }

    pub fn get(&self, name: &'static str) -> Option<&str> {
        debug_assert!(VARIABLES.iter().any(|(known, _)| *known == name), "{name} is not listed");
        self.values.get(name).map(String::as_str)
    }

    /// Lays every variable over the file.
    pub fn lay_over(&self, file: &mut Table, notes: &Notes) {
        Overlay { variables: self, file, notes }.all();
    }
}

struct Overlay<'a> {
    variables: &'a Environment,
    file: &'a mut Table,
    notes: &'a Notes,
}

impl Overlay<'_> {
    fn all(&mut self) {
        self.text("DATABASE_URL", &["store", "url"]);
        self.text("ADIT_LISTEN", &["server", "listen"]);
        self.port();
        self.text("ADIT_METRICS_LISTEN", &["server", "metrics_listen"]);
        self.text("NEXT_PUBLIC_DG_NATION_LOCK_ADDRESS", &["membership", "lock"]);
        self.providers();
        self.only_chain();
        self.only_bitcoin();
        self.claimed_asset();
    }

    fn text(&mut self, variable: &'static str, path: &[&str]) {
        if let Some(text) = self.variables.get(variable) {
            self.set(path, Value::String(text.to_owned()), variable);
        }
    }

    /// A number where it is one; what is none is told apart by the reader, under the same key.
    fn number(&mut self, variable: &'static str, path: &[&str]) {
        if let Some(text) = self.variables.get(variable) {
            let value =
                text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer);
            self.set(path, value, variable);
        }
    }

    /// Platforms that run containers give a port and nothing else.
    fn port(&mut self) {
        let Some(port) = self.variables.get("PORT") else { return };
        let listen =
            self.at(&["server", "listen"]).and_then(Value::as_str).unwrap_or(LISTEN_DEFAULT);
        let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
        let address = Value::String(format!("{host}:{port}"));
        self.set(&["server", "listen"], address, "PORT");
    }

    fn providers(&mut self) {
        for (name, chain_id) in self.evm_chains() {
            let known = PROVIDERS.iter().find(|(id, _, _)| Some(*id) == chain_id);
            if let Some((_, infura, alchemy)) = known {
                self.add_endpoint(&name, "INFURA_PROJECT_ID", |id| {
                    format!("https://{infura}.infura.io/v3/{id}")
                });
                self.add_endpoint(&name, "ALCHEMY_API_KEY", |key| {
                    format!("https://{alchemy}.g.alchemy.com/v2/{key}")
                });
            }
            if matches!(chain_id, Some(BASE | BASE_SEPOLIA)) {
                self.add_endpoint(&name, "BASE_RPC_ENDPOINT", str::to_owned);
            }
            if name == "tera" {
                self.add_endpoint(&name, "TERA_RPC_ENDPOINT", str::to_owned);
            }
        }
    }

    fn add_endpoint(&mut self, chain: &str, variable: &'static str, url: impl Fn(&str) -> String) {
        let Some(url) = self.variables.get(variable).map(url) else { return };
        let mut endpoints = self
            .at(&["chains", chain, "rpc"])
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        if !endpoints.iter().any(|known| known.as_str() == Some(&url)) {
            endpoints.push(Value::String(url));
        }
        self.set(&["chains", chain, "rpc"], Value::Array(endpoints), variable);
    }

    fn only_chain(&mut self) {
        let chains = self.evm_chains();
        for (variable, key) in [("ADIT_EVM_RPC", "rpc"), ("ADIT_TRUST", "trust")] {
            let Some(text) = self.variables.get(variable) else { continue };
            let [(chain, _)] = chains.as_slice() else {
                let wrong =
                    format!("is set, and there are {} EVM chains to set {key} of", chains.len());
                self.notes.problem(
                    variable,
                    wrong,
                    format!("write {key} of each chain into the file instead"),
                );
                continue;
            };
            let value = match key {
                "rpc" => Value::Array(
                    text.split(',').map(|url| Value::String(url.trim().to_owned())).collect(),
                ),
                _ => Value::String(text.to_owned()),
            };
            self.set(&["chains", chain, key], value, variable);
        }
    }

    fn only_bitcoin(&mut self) {
        let chains = self.chains_of("bitcoin", false);
        let lists = [
            ("ADIT_BITCOIN_ESPLORA", "esplora"),
            ("ADIT_BITCOIN_BLOCKCYPHER", "blockcypher"),
            ("ADIT_BITCOIN_RPC", "bitcoind"),
        ];
        for (variable, key) in lists.into_iter().chain([("BLOCKCYPHER_TOKEN", "blockcypher_token")])
        {
            let Some(text) = self.variables.get(variable) else { continue };
            let [(chain, _)] = chains.as_slice() else {
                let wrong = format!(
                    "is set, and there are {} Bitcoin chains to set {key} of",
                    chains.len()
                );
                self.notes.problem(
                    variable,
                    wrong,
                    format!("write {key} of each chain into the file instead"),
                );
                continue;
            };
            let value = match key {
                "blockcypher_token" => Value::String(text.to_owned()),
                _ => Value::Array(
                    text.split(',').map(|url| Value::String(url.trim().to_owned())).collect(),
                ),
            };
            self.set(&["chains", chain, key], value, variable);
        }
    }

    fn claimed_asset(&mut self) {
        let claimed = self.at(&["claims", "asset"]).and_then(Value::as_str).map(str::to_owned);
        let Some(asset) = claimed else { return self.nothing_claimed() };
        let chain = self
            .at(&["assets", &asset, "chain"])
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        match self.at(&["chains", &chain, "chain_id"]).and_then(Value::as_integer) {
            Some(BASE) => {
                self.text("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", &["assets", &asset, "token"])
            }
            Some(BASE_SEPOLIA) => {
                self.text("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_SEPOLIA", &["assets", &asset, "token"])
            }
            Some(_) | None => {}
        }
        self.text("DG_WITHDRAWAL_MIN_AMOUNT", &["assets", &asset, "policy", "minimum"]);
        self.text(
            "DG_WITHDRAWAL_MAX_DAILY_AMOUNT",
            &["assets", &asset, "policy", "rolling_24h_max"],
        );
        self.number(
            "DG_WITHDRAWAL_SIGNATURE_DEADLINE_SECONDS",
            &["claims", "deadline_seconds_max"],
        );
    }

    /// A limit that would limit nothing is a mistake.
    fn nothing_claimed(&self) {
        for variable in [
            "DG_WITHDRAWAL_MIN_AMOUNT",
            "DG_WITHDRAWAL_MAX_DAILY_AMOUNT",
            "DG_WITHDRAWAL_SIGNATURE_DEADLINE_SECONDS",
        ] {
            if self.variables.get(variable).is_some() {
                self.notes.problem(
                    variable,
                    "is set, and no [claims] says which asset it limits",
                    "set ADIT_NETWORK, or write [claims]",
                );
            }
        }
    }

    /// Names and ids of the EVM chains.
    fn evm_chains(&self) -> Vec<(String, Option<i64>)> {
        self.chains_of("evm", true)
    }

    fn chains_of(&self, wanted: &str, default: bool) -> Vec<(String, Option<i64>)> {
        let chains = self.at(&["chains"]).and_then(Value::as_table);
        let of_kind = |chain: &&Value| {
            chain.get("kind").and_then(Value::as_str).map_or(default, |kind| kind == wanted)
        };
        let named = chains.into_iter().flatten().filter(|(_, chain)| of_kind(chain));
        named
            .map(|(name, chain)| (name.clone(), chain.get("chain_id").and_then(Value::as_integer)))
            .collect()
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        let (last, tables) = path.split_last()?;
        let table =
            tables.iter().try_fold(&*self.file, |table, key| table.get(*key)?.as_table())?;
        table.get(*last)
    }

    /// Where something else than a table stands in the way, the reader says so.
    fn set(&mut self, path: &[&str], value: Value, variable: &'static str) {
        let Some((last, tables)) = path.split_last() else { return };
        let mut table = &mut *self.file;
        for key in tables {
            let inner = table.entry(*key).or_insert_with(|| Value::Table(Table::new()));
            let Some(inner) = inner.as_table_mut() else { return };
            table = inner;
        }
        table.insert((*last).to_owned(), value);
        self.notes.set_by(path.join("."), variable);
    }
}
