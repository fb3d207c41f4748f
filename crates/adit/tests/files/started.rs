//! Starts the signer and the server as compose does, with its configuration and variables, on
//! folders in place of volumes and SQLite in place of Postgres.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::compose::{environment, service, signers};
use crate::{image, read, texts};

/// The values of a filled-in `.env`.
const FILLED_IN: [(&str, &str); 5] = [
    ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_SEPOLIA", "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
    ("ADIT_EVM_RPC", "http://127.0.0.1:9/"),
    ("ADIT_TRUST", "single"),
    ("ADIT_KEY_PASSPHRASE", "correct horse battery"),
    ("ADIT_ADMIN_TOKEN", "an-admin-token-of-some-length"),
];

/// How often the server is asked for its health, a tenth of a second apart. Its answer is made anew
/// once a second.
const ASKED_MAX: u32 = 100;

/// Asks as docker does: by the clock, since nothing tells.
fn asked_later(health: &Path, address: &str) -> Output {
    std::thread::sleep(std::time::Duration::from_millis(100));
    image::ask(health, &[address], &[])
}

/// A container: the service's command and variables in a folder that stands for all its mounts.
struct Container<'a> {
    service: &'a str,
    folder: &'a Path,
}

impl Container<'_> {
    fn variables(&self) -> BTreeMap<String, String> {
        let filled = |value: &str| match value.split_once("${") {
            None => Some(value.to_owned()),
            // A database of the folder's own; the URL of another host is not for a test.
            Some(("postgres://adit:", _)) => None,
            Some((_, rest)) => {
                let (name, otherwise) =
                    rest.split_once(':').expect("what stands for one that is empty");
                let given =
                    FILLED_IN.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
                let default =
                    otherwise.strip_prefix('-').and_then(|default| default.split('}').next());
                Some(
                    given
                        .or(default)
                        .unwrap_or_else(|| panic!("{name} has to be filled in"))
                        .to_owned(),
                )
            }
        };
        let mut variables: BTreeMap<String, String> = environment(self.service)
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), filled(value)?)))
            .collect();
        variables.insert("ADIT_CONFIG".to_owned(), "adit.toml".to_owned());
        variables.insert("ADIT_METRICS_LISTEN".to_owned(), "none".to_owned());
        if variables.contains_key("ADIT_LISTEN") {
            variables.insert("ADIT_LISTEN".to_owned(), "127.0.0.1:0".to_owned());
        }
        variables
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
        command.args(arguments).current_dir(self.folder).env_clear().envs(self.variables());
        command
    }

    /// `docker compose run --rm SERVICE ARGUMENTS`
    fn run(&self, arguments: &[&str]) -> Output {
        let arguments: Vec<String> =
            arguments.iter().map(|&argument| argument.to_owned()).collect();
        self.command(&arguments).output().expect("it runs")
    }

    /// `docker compose up SERVICE`, until it has said this.
    fn up(&self, ready: &str) -> Up {
        let mut command = self.command(&texts(&service(self.service)["command"]));
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains(ready) {
            let before = said.len();
            assert_ne!(
                log.read_line(&mut said).expect("a log"),
                0,
                "{} ended:\n{said}",
                self.service
            );
            assert!(said.len() > before);
        }
        Up { child, _log: log, said }
    }
}

/// A running one; killed when dropped.
struct Up {
    child: Child,
    /// Kept open: a program whose log nobody reads ends at its next line.
    _log: BufReader<std::process::ChildStderr>,
    said: String,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `docker/adit.toml`, with the container's folders where this test has them.
fn configuration(folder: &Path) -> String {
    let here = folder.to_str().expect("UTF-8");
    read("docker/adit.toml").replace("/run/adit", here).replace("/var/lib/adit", here)
}

#[test]
fn signer_and_server_start_as_compose_starts_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (signer, server) = (
        Container { service: "signer", folder: folder.path() },
        Container { service: "adit", folder: folder.path() },
    );
    let settings = configuration(folder.path());
    std::fs::write(folder.path().join("adit.toml"), &settings).expect("written");

    let made = signer.run(&["keys", "init"]);
    assert!(
        made.status.success() && text(&made.stdout).contains("Write these words down"),
        "{}",
        text(&made.stderr)
    );
    let shown = signer.run(&["keys", "show"]);
    let wallet = text(&shown.stdout).split_whitespace().last().unwrap_or_default().to_owned();
    assert!(wallet.starts_with("0x"), "{}", text(&shown.stderr));

    // Nothing starts before the server was told whose payments it makes.
    let refused = server.run(&["serve"]);
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success() && said.contains("chains.base-sepolia.wallet is missing"),
        "{said}"
    );
    std::fs::write(
        folder.path().join("adit.toml"),
        settings.replace("#wallet = \"0x…\"", &format!("wallet = \"{wallet}\"")),
    )
    .expect("written");
    for container in [&signer, &server] {
        let checked = container.run(&["config", "--check", "adit.toml"]);
        assert!(checked.status.success(), "{}: {}", container.service, text(&checked.stderr));
    }

    let socket = signers("socket").replace("/run/adit", folder.path().to_str().expect("UTF-8"));
    let health = image::health_check(folder.path());
    assert!(!image::ask(&health, &[&socket], &[]).status.success(), "no signer yet");
    let signing = signer.up("the signer is ready");
    assert!(signing.said.contains(&wallet), "{}", signing.said);
    assert!(image::ask(&health, &[&socket], &[]).status.success(), "the signer is healthy");
    let serving = server.up("Adit is ready");
    let (_, address) =
        serving.said.split_once("Adit is ready address=http://").expect("an address");
    let address = address.trim();
    // No chain answers here, so no second clock agrees with this machine's: the container is
    // unhealthy, and says why.
    let unready = image::ask(&health, &[address], &[]);
    assert!(
        !unready.status.success() && text(&unready.stderr).contains("\"clock\":\"doubted\""),
        "{unready:?}"
    );
    let now = jiff::Timestamp::now().to_string();
    let (api, token) =
        (format!("http://{address}"), server.variables()["ADIT_ADMIN_TOKEN"].clone());
    let accepted =
        server.run(&["clock", "accept", "--time", &now, "--api", &api, "--token", &token]);
    assert!(accepted.status.success(), "{}", text(&accepted.stderr));
    let ready =
        (0..ASKED_MAX).map(|_| asked_later(&health, address)).find(|said| said.status.success());
    assert!(
        ready.is_some(),
        "the server is healthy within {ASKED_MAX} questions:\n{}",
        serving.said
    );
    assert!(folder.path().join("data/signer.journal").exists(), "the signer has the journal");
}
