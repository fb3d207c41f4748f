//! Two names for one chain with one wallet (case F108).

use std::path::Path;

use crate::built::{Running, TOKEN, least, run, text};

/// Two EVM chains of these numbers, which share the key of the environment.
fn two(first: u64, second: u64) -> String {
    let chain = |name: &str, id: u64, coin: &str| {
        format!(
            "[chains.{name}]\nchain_id = {id}\nrpc = [\"http://127.0.0.1:9/\"]\ntrust = \
             \"single\"\nnative = \"{coin}\"\n"
        )
    };
    format!("{}{}", chain("base", first, "ETH"), chain("mirror", second, "METH"))
}

fn bitcoin(name: &str, coin: &str, account: u32) -> String {
    format!(
        "[chains.{name}]\nkind = \"bitcoin\"\nnetwork = \"regtest\"\ntrust = \"single\"\nbitcoind \
         = [\"http://a:b@127.0.0.1:9/\"]\nnative = \"{coin}\"\naccount = {account}\n"
    )
}

fn write(directory: &Path, text: &str) {
    std::fs::write(directory.join("adit.toml"), text).expect("written");
}

fn refused(directory: &Path, command: &str, variables: &[(&str, &str)], words: &[&str]) {
    let refused = run(directory, &[command], variables);
    let said = text(&refused.stderr);
    assert!(!refused.status.success(), "{command} goes on:\n{said}");
    for word in words {
        assert!(said.contains(word), "{command} does not say {word:?}:\n{said}");
    }
}

/// Returns the variables of [`least`], without those of its network.
fn server<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let of_base =
        ["ADIT_NETWORK", "NEXT_PUBLIC_DG_TOKEN_ADDRESS_BASE_MAINNET", "ADIT_EVM_RPC", "ADIT_TRUST"];
    least(more).into_iter().filter(|(name, _)| !of_base.contains(name)).collect()
}

#[test]
fn f108_two_chains_of_one_chain_id_share_no_account() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), &two(777, 777));
    let words =
        ["chains.base and chains.mirror are both chain id 777", "0xf39F", "a wallet of its own"];
    refused(directory.path(), "serve", &server(&[]), &words);
    assert!(!directory.path().join("data/signer.journal").exists(), "nothing was made");
    write(directory.path(), &format!("[signer]\nsocket = \"signer.sock\"\n{}", two(777, 777)));
    refused(directory.path(), "signer", &server(&[]), &words);
    let named = two(777, 777).replace("native", &format!("wallet = \"{TOKEN}\"\nnative"));
    write(directory.path(), &format!("[signer]\nsocket = \"signer.sock\"\n{named}"));
    refused(
        directory.path(),
        "serve",
        &server(&[]),
        &["chains.base and chains.mirror are both chain id 777", TOKEN],
    );
}

#[test]
fn f108_one_key_may_pay_on_two_chains() {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), &two(777, 778));
    let running = Running::start(directory.path(), &server(&[]));
    let (status, log) = running.stop();
    assert_eq!(status, Some(0), "{log}");
}

#[test]
fn f108_two_chains_of_one_bitcoin_network_share_no_account() {
    let directory = tempfile::tempdir().expect("a directory");
    let sealed = [("ADIT_KEY_PASSPHRASE", "a long passphrase for tests")];
    let mut sealed = server(&sealed);
    sealed.retain(|(name, _)| *name != "LOCK_MANAGER_PRIVATE_KEY");
    let made = run(directory.path(), &["keys", "init"], &sealed);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let twice = |second: u32| {
        format!("{}{}", bitcoin("bitcoin", "BTC", 0), bitcoin("mirror", "MBTC", second))
    };
    write(directory.path(), &twice(0));
    refused(
        directory.path(),
        "serve",
        &sealed,
        &["chains.bitcoin and chains.mirror are both Bitcoin's regtest", "bcrt1"],
    );
    write(directory.path(), &twice(1));
    let running = Running::start(directory.path(), &sealed);
    let (status, log) = running.stop();
    assert_eq!(status, Some(0), "{log}");
}
