//! Networks whose settings are built in: the example files are these very settings.

use toml::{Table, Value};

use super::problem::Notes;

const NETWORKS: [(&str, &str); 2] = [
    ("base", include_str!("../../../../docs/examples/base.toml")),
    ("base-sepolia", include_str!("../../../../docs/examples/base-sepolia.toml")),
];

/// Lays a file over the settings of the network it names. A key of the file wins.
pub fn complete(file: Table, notes: &Notes) -> Table {
    let Some(named) = file.get("network").cloned() else { return file };
    let names: Vec<String> = NETWORKS.iter().map(|(name, _)| format!("{name:?}")).collect();
    match NETWORKS.iter().find(|(name, _)| named.as_str() == Some(name)) {
        Some((_, text)) => {
            let mut settings: Table =
                text.parse().expect("a test reads the settings of every network");
            merge(&mut settings, file);
            settings
        }
        None => {
            let allowed =
                format!("allowed is {}, or no network and chains of your own", names.join(" or "));
            notes.problem("network", format!("is {named}"), allowed);
            file
        }
    }
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                under.insert(key, value);
            }
        }
    }
}
