//! `compose.yaml` and `docker/adit.toml`: what they name exists, and key, journal and database stay
//! apart.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use toml::{Table, Value};
use yaml_rust2::Yaml;

use crate::{keys, read, texts, variables, yaml};

const COMPOSE: &str = "compose.yaml";
const SETTINGS: &str = "docker/adit.toml";
/// Services that run the image of this repository.
const OURS: [&str; 2] = ["signer", "adit"];

pub fn service(name: &str) -> Yaml {
    let service = yaml(COMPOSE)["services"][name].clone();
    assert!(service.as_hash().is_some(), "compose.yaml has no service {name}");
    service
}

/// Returns the environment of a service, as written.
pub fn environment(service: &str) -> BTreeMap<String, String> {
    let service = self::service(service);
    let table = service["environment"].as_hash().expect("an environment");
    let text = |value: &Yaml| value.as_str().expect("text").to_owned();
    table.iter().map(|(name, value)| (text(name), text(value))).collect()
}

pub fn settings() -> Table {
    read(SETTINGS).parse().expect("TOML")
}

pub fn signers(key: &str) -> String {
    settings()["signer"][key].as_str().expect("text").to_owned()
}

/// Names that compose fills in from `.env`.
fn interpolated() -> BTreeSet<String> {
    let text = read(COMPOSE);
    let names = text.split("${").skip(1).map(|rest| rest.split([':', '}']).next().expect("a name"));
    names.map(str::to_owned).collect()
}

/// Returns the place of each source in the service: volumes by name, files by path.
fn mounts(service: &str) -> BTreeMap<String, String> {
    let volumes = texts(&self::service(service)["volumes"]);
    let pair = |volume: &String| {
        let mut parts = volume.split(':');
        let (source, target) = (parts.next().expect("a source"), parts.next().expect("a target"));
        (source.to_owned(), target.to_owned())
    };
    volumes.iter().map(pair).collect()
}

#[test]
fn every_variable_of_our_services_is_read() {
    let known = variables();
    for name in OURS {
        let unknown: Vec<String> =
            environment(name).into_keys().filter(|variable| !known.contains(variable)).collect();
        assert!(unknown.is_empty(), "{name}: nobody reads {unknown:?}");
    }
}

#[test]
fn every_variable_that_compose_fills_in_stands_in_the_example() {
    let (example, asked) = (read(".env.example"), interpolated());
    assert!(asked.contains("POSTGRES_PASSWORD") && asked.len() > 5, "{asked:?}");
    for name in asked {
        assert!(
            example.lines().any(|line| line.starts_with(&format!("{name}="))),
            ".env.example does not say {name}"
        );
    }
}

#[test]
fn the_subcommands_exist() {
    for name in OURS {
        let command = texts(&service(name)["command"]);
        let mut asked = Command::new(env!("CARGO_BIN_EXE_adit"));
        let help = asked.args(&command).arg("--help").env_clear().output().expect("it runs");
        assert!(help.status.success(), "{name}: adit {command:?} does not exist");
    }
}

#[test]
fn secrets_go_to_whoever_needs_them_and_are_written_nowhere() {
    let (signer, server) = (environment("signer"), environment("adit"));
    for secret in ["LOCK_MANAGER_PRIVATE_KEY", "ADIT_KEY_PASSPHRASE"] {
        assert!(
            signer.contains_key(secret) && !server.contains_key(secret),
            "{secret} is the signer's alone"
        );
    }
    for secret in ["ADIT_ADMIN_TOKEN", "DATABASE_URL"] {
        assert!(
            server.contains_key(secret) && !signer.contains_key(secret),
            "{secret} is the server's alone"
        );
    }
    let postgres = environment("postgres");
    let given = [
        &signer["ADIT_KEY_PASSPHRASE"],
        &server["ADIT_ADMIN_TOKEN"],
        &server["DATABASE_URL"],
        &postgres["POSTGRES_PASSWORD"],
    ];
    assert!(
        given.iter().all(|value| value.contains("${")),
        "a secret comes from the environment: {given:?}"
    );
}

#[test]
fn ports_are_published_on_the_loopback_interface_and_are_the_servers() {
    let ports = texts(&service("adit")["ports"]);
    let listen = &environment("adit")["ADIT_LISTEN"];
    let inside = listen.strip_prefix("0.0.0.0:").expect("every interface of the container");
    assert_eq!(ports, [format!("127.0.0.1:5000:{inside}")]);
    for name in ["postgres", "signer"] {
        assert!(service(name)["ports"].is_badvalue(), "{name} publishes a port");
    }
    assert_eq!(service("signer")["network_mode"].as_str(), Some("none"));
    assert_eq!(texts(&service("postgres")["networks"]), ["inside"]);
    assert_eq!(yaml(COMPOSE)["networks"]["inside"]["internal"].as_bool(), Some(true));
}

#[test]
fn journal_and_database_are_on_volumes_of_their_own() {
    let declared = keys(&yaml(COMPOSE)["volumes"]);
    let named = |service: &str| {
        mounts(service).into_keys().filter(|name| declared.contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(named("postgres"), ["database"]);
    assert_eq!(named("signer"), ["journal", "socket"]);
    assert_eq!(named("adit"), ["socket"], "the server sees neither journal nor seed");
    let used: BTreeSet<String> =
        ["postgres", "signer", "adit"].into_iter().flat_map(named).collect();
    assert_eq!(used, declared, "every volume that is declared is used");
}

#[test]
fn paths_agree_with_mounts_and_image() {
    let (signer, server) = (mounts("signer"), mounts("adit"));
    for key in ["journal", "keys"] {
        assert!(
            signers(key).starts_with(&format!("{}/", signer["journal"])),
            "{key} is not on the journal's volume"
        );
    }
    let socket = signers("socket");
    assert_eq!(signer["socket"], server["socket"], "both see the socket at one path");
    assert!(socket.starts_with(&format!("{}/", signer["socket"])), "{socket}");
    assert_eq!(texts(&service("signer")["healthcheck"]["test"]), ["CMD", "health", &socket]);
    assert_eq!(texts(&service("adit")["healthcheck"]["test"]), ["CMD", "health"]);
    let image = read("Dockerfile");
    for folder in [&signer["journal"], &signer["socket"]] {
        assert!(
            image.contains(&format!(" {folder}\n")),
            "the image has no folder {folder}, so its volume would be root's"
        );
    }
    // `adit keys init` seals where the template says, seen from the image's working directory.
    let template = read("crates/adit/src/config/template.toml");
    for key in ["journal", "keys"] {
        let relative = signers(key)
            .strip_prefix("/var/lib/adit/")
            .expect("below the working directory")
            .to_owned();
        assert!(template.contains(&format!("#{key} = \"{relative}\"")), "{relative}");
    }
    let config = &environment("adit")["ADIT_CONFIG"];
    for mounts in [signer, server] {
        assert_eq!(mounts.get("./docker/adit.toml"), Some(config));
    }
}

#[test]
fn services_wait_for_each_other_and_can_write_only_where_they_must() {
    let waits = &service("adit")["depends_on"];
    for name in ["postgres", "signer"] {
        assert_eq!(waits[name]["condition"].as_str(), Some("service_healthy"), "{name}");
        assert!(!service(name)["healthcheck"]["test"].is_badvalue(), "{name} has no health check");
    }
    for name in OURS {
        let service = service(name);
        assert_eq!(service["read_only"].as_bool(), Some(true), "{name}");
        assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(service["user"].is_badvalue(), "{name} runs as the image's user");
    }
}

#[test]
fn images_are_pinned_by_tag() {
    for name in ["postgres", "signer", "adit"] {
        let image = service(name)["image"].as_str().expect("an image").to_owned();
        assert!(crate::image::is_pinned(&image), "{name} runs {image}");
    }
    let version = format!("adit:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(service("adit")["image"].as_str(), Some(&version[..]));
    let url = &environment("adit")["DATABASE_URL"];
    let postgres = environment("postgres");
    assert!(url.starts_with(&format!("postgres://{}:", postgres["POSTGRES_USER"])), "{url}");
    assert!(url.ends_with(&format!("@postgres/{}", postgres["POSTGRES_DB"])), "{url}");
}

#[test]
fn the_settings_name_a_chain_of_their_network() {
    let settings = settings();
    let network = settings["network"].as_str().expect("a network");
    let chains: Vec<&String> =
        settings["chains"].as_table().map(Table::keys).into_iter().flatten().collect();
    assert_eq!(chains, [network], "the wallet is asked of the chain that is paid on");
    let environment = settings["signer"]["environment"].as_str().unwrap_or_default();
    assert_ne!(environment, "production", "a name of its own");
    assert_eq!(
        settings["chains"][network].as_table().map(Table::len),
        Some(0),
        "the wallet is left to whoever installs it"
    );
    assert!(matches!(&settings["signer"], Value::Table(_)));
}
