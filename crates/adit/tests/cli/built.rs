//! The built binary, run in a directory of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
pub const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

/// The binary in a directory of its own, with these variables and no others.
pub fn adit(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adit"));
    command.args(arguments).current_dir(directory).env_clear().envs(variables.iter().copied());
    command
}

pub fn run(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    adit(directory, arguments, variables).output().expect("it runs")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Everything that a server needs, at an endpoint where nobody answers.
pub fn least<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("ADIT_NETWORK", "base"),
        ("NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", TOKEN),
        ("LOCK_MANAGER_PRIVATE_KEY", KEY),
        ("ADIT_EVM_RPC", "http://127.0.0.1:9/"),
        ("ADIT_TRUST", "single"),
        ("ADIT_ADMIN_TOKEN", "an-admin-token-of-some-length"),
        ("PORT", "0"),
        ("ADIT_METRICS_LISTEN", "127.0.0.1:0"),
    ];
    [&base[..], more].concat()
}

/// A running server; killed when dropped.
pub struct Running {
    child: Child,
    log: BufReader<std::process::ChildStderr>,
    pub address: String,
    /// What it logged before it was ready.
    pub said: String,
}

impl Running {
    pub fn start(directory: &Path, variables: &[(&str, &str)]) -> Self {
        let mut child = adit(directory, &["serve"], variables)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut log = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).expect("a log"), 0, "it ended:\n{said}");
            said.push_str(&line);
            if let Some((_, address)) = line.split_once("Adit is ready address=") {
                break address.trim().to_owned();
            }
        };
        Self { child, log, address, said }
    }

    pub fn stop(mut self) -> (Option<i32>, String) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("kill");
        assert!(asked.success());
        let status = self.child.wait().expect("it ends");
        let rest: Vec<String> = self.log.by_ref().lines().map_while(Result::ok).collect();
        (status.code(), rest.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped = self.child.wait();
    }
}
