//! Files that are no code and yet have to agree with it: the image, what compose starts, the hosted
//! workflow, and what documents name.

mod compose;
mod documents;
mod image;
mod started;
mod workflow;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

/// Read by the command line or the log, and so not in the table of the configuration.
const VARIABLES_BESIDE: [&str; 4] = ["ADIT_CONFIG", "ADIT_API", "ADIT_TOKEN", "RUST_LOG"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let file = root().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The one YAML document of a file, with `<<` resolved one level deep, as compose does.
fn yaml(path: &str) -> Yaml {
    let documents =
        YamlLoader::load_from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let [document] = &documents[..] else { panic!("{path} has {} documents", documents.len()) };
    merged(document)
}

fn merged(node: &Yaml) -> Yaml {
    match node {
        Yaml::Hash(table) => {
            let base =
                table.get(&Yaml::from_str("<<")).and_then(Yaml::as_hash).into_iter().flatten();
            let own = table.iter().filter(|(key, _)| key.as_str() != Some("<<"));
            Yaml::Hash(base.chain(own).map(|(key, value)| (key.clone(), merged(value))).collect())
        }
        Yaml::Array(items) => Yaml::Array(items.iter().map(merged).collect()),
        other => other.clone(),
    }
}

/// The keys of a table; none where there is no table.
fn keys(node: &Yaml) -> BTreeSet<String> {
    let keys = node.as_hash().into_iter().flatten().filter_map(|(key, _)| key.as_str());
    keys.map(str::to_owned).collect()
}

fn texts(node: &Yaml) -> Vec<String> {
    let items = node.as_vec().into_iter().flatten().filter_map(Yaml::as_str);
    items.map(str::to_owned).collect()
}

/// Every variable that Adit reads: the table of `config/environment.rs`, and those beside it.
fn variables() -> BTreeSet<String> {
    let source = read("crates/adit/src/config/environment.rs");
    let (_, table) = source.split_once("pub const VARIABLES").expect("the table begins");
    let (table, _) = table.split_once("];").expect("the table ends");
    let entries = table.split('(').skip(1);
    let names = entries.filter_map(|entry| entry.trim_start().strip_prefix('"')?.split_once('"'));
    let names: BTreeSet<String> = names.map(|(name, _)| name.to_owned()).collect();
    assert!(names.len() > 20, "only {names:?} were found: has the table moved?");
    names.into_iter().chain(VARIABLES_BESIDE.map(str::to_owned)).collect()
}
