//! The configuration: any file and environment is read or refused with reasons; no secret is
//! repeated; no key is ignored; how it is written down does not matter.
//!
//! The input is a file; after a NUL byte, lines of `NAME=value` may follow as its environment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use toml::{Table, Value};

#[allow(dead_code, unused_imports, clippy::all)]
#[path = "../../crates/adit/src/config/mod.rs"]
mod config;

use config::{Config, Environment};

/// Variables whose values must never be shown, set to what occurs nowhere else.
const SECRETS: [(&str, &str); 7] = [
    (
        "LOCK_MANAGER_PRIVATE_KEY",
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    ),
    ("ADIT_KEY_PASSPHRASE", "canary passphrase of the seed"),
    ("ADIT_ADMIN_TOKEN", "canary-admin-token-0123456789"),
    ("INFURA_PROJECT_ID", "canary-infura"),
    ("ALCHEMY_API_KEY", "canary-alchemy"),
    ("BASE_RPC_ENDPOINT", "https://rpc.example.org/canary-base"),
    ("DATABASE_URL", "postgres://adit:canary-database@127.0.0.1/adit"),
];
/// What stands for a secret in whatever is printed.
const CANARIES: [&str; 2] =
    ["canary", "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"];
const UNKNOWN_KEY: &str = "zz_unknown";

fuzz_target!(init: starts_from_what_can_be_used(), |data: &[u8]| {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (text, environment) = parts(input);
    match Config::parse("adit.toml", text, &environment) {
        Err(unusable) => {
            assert!(!unusable.problems.is_empty(), "refused without a reason");
            keeps_secrets(input, &unusable.to_string());
        }
        Ok(config) => {
            let read = format!("{config:?}");
            keeps_secrets(input, &read);
            let table: Table = text.parse().expect("it was read before");
            let again = Config::parse("adit.toml", &written(&table), &environment).expect("the same keys and values");
            assert_eq!(format!("{again:?}"), read, "the same settings in another layout");
            ignores_nothing(&table, &environment);
        }
    }
});

/// From refused seeds alone the fuzzer would hardly find a configuration that is accepted.
fn starts_from_what_can_be_used() {
    for seed in [include_str!("../seeds/config/least"), include_str!("../seeds/config/environment")]
    {
        let (text, environment) = parts(seed);
        let _usable = Config::parse("the seed", text, &environment)
            .unwrap_or_else(|unusable| panic!("{unusable}"));
    }
}

fn parts(input: &str) -> (&str, Environment) {
    let (text, variables) = input.split_once('\0').unwrap_or((input, ""));
    (text, environment(variables))
}

/// Each line sets a variable; a name alone sets its secret.
fn environment(lines: &str) -> Environment {
    Environment::of(|name| {
        let line = lines.lines().find(|line| line.split('=').next() == Some(name))?;
        match line.split_once('=') {
            Some((_, value)) => Some(value.to_owned()),
            None => SECRETS
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, secret)| (*secret).to_owned()),
        }
    })
}

fn keeps_secrets(input: &str, shown: &str) {
    for canary in CANARIES.iter().filter(|canary| !input.contains(**canary)) {
        assert!(!shown.contains(canary), "a secret is shown: {shown}");
    }
}

fn written(table: &Table) -> String {
    toml::to_string(table).expect("what was TOML can be written as TOML")
}

/// An unknown key in any table is refused and named: a misspelt limit must not be no limit.
fn ignores_nothing(table: &Table, environment: &Environment) {
    for place in 0.. {
        let mut spoilt = table.clone();
        if !spoil(&mut spoilt, &mut { place }) {
            return;
        }
        let refused = Config::parse("adit.toml", &written(&spoilt), environment)
            .expect_err("an unknown key is refused");
        assert!(refused.to_string().contains(UNKNOWN_KEY), "{refused}");
    }
}

/// Puts an unknown key into the table with that number, counted depth first.
fn spoil(table: &mut Table, place: &mut usize) -> bool {
    if *place == 0 {
        table.insert(UNKNOWN_KEY.to_owned(), Value::Integer(1));
        return true;
    }
    *place -= 1;
    table.iter_mut().any(|(_, value)| spoil_within(value, place))
}

fn spoil_within(value: &mut Value, place: &mut usize) -> bool {
    match value {
        Value::Table(table) => spoil(table, place),
        Value::Array(items) => items.iter_mut().any(|item| spoil_within(item, place)),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => false,
    }
}
