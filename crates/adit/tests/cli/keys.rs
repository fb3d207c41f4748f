//! `adit api-keys`, and what becomes of a key when `ADIT_ADMIN_TOKEN` is changed.

use std::path::Path;

use serde_json::Value;

use crate::built::{Running, least, run, text};

const FIRST: &str = "an-admin-token-of-some-length";
const SECOND: &str = "another-admin-token-of-length";

/// Returns what `adit api-keys …` prints as JSON. Fails with its words where it is refused.
fn keys(directory: &Path, server: &Running, token: &str, words: &[&str]) -> Result<Value, String> {
    let all =
        [&["api-keys"], words, &["--json", "--api", &server.address, "--token", token]].concat();
    let said = run(directory, &all, &[]);
    match said.status.success() {
        true => Ok(serde_json::from_slice(&said.stdout).expect("JSON")),
        false => Err(text(&said.stderr)),
    }
}

fn with_token(token: &str) -> Vec<(&str, &str)> {
    let mut variables = least(&[]);
    variables.retain(|(name, _)| *name != "ADIT_ADMIN_TOKEN");
    variables.push(("ADIT_ADMIN_TOKEN", token));
    variables
}

#[test]
fn p30_a_changed_admin_token_revokes_the_old_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &with_token(FIRST));
    let listed = keys(directory.path(), &server, FIRST, &["list"]).expect("listed");
    assert_eq!(
        (&listed["items"][0]["client"], &listed["items"][0]["fromEnvironment"]),
        (&"client/admin".into(), &true.into())
    );
    assert_eq!(server.stop().0, Some(0));

    let server = Running::start(directory.path(), &with_token(SECOND));
    let refused = keys(directory.path(), &server, FIRST, &["list"]).expect_err("it was replaced");
    assert!(refused.contains("UNAUTHENTICATED"), "{refused}");
    let listed = keys(directory.path(), &server, SECOND, &["list", "--all"]).expect("listed");
    let states: Vec<&Value> =
        listed["items"].as_array().expect("a list").iter().map(|key| &key["state"]).collect();
    assert_eq!(states, ["standing", "revoked"]);
    assert_eq!(
        listed["items"][1]["client"], listed["items"][0]["client"],
        "it is the same client's"
    );
    assert_eq!(server.stop().0, Some(0));

    // A server that still has the old value takes nothing from the others, and says that it is of
    // no use.
    let server = Running::start(directory.path(), &with_token(FIRST));
    assert!(keys(directory.path(), &server, FIRST, &["list"]).is_err());
    assert!(keys(directory.path(), &server, SECOND, &["list"]).is_ok());
}

#[test]
fn rotate_admin_gives_a_key_that_works_and_ends_the_old_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &with_token(FIRST));
    let rotated = keys(directory.path(), &server, FIRST, &["rotate-admin", "--label", "new"])
        .expect("rotated");
    let token = rotated["token"].as_str().expect("a token");
    assert_eq!(rotated["revoked"].as_array().map(Vec::len), Some(1), "{rotated}");
    assert!(keys(directory.path(), &server, FIRST, &["list"]).is_err());
    let listed = keys(directory.path(), &server, token, &["list"]).expect("listed");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(server.stop().0, Some(0));
    // The new one goes into the variable, as the command says.
    let server = Running::start(directory.path(), &with_token(token));
    assert!(keys(directory.path(), &server, token, &["list"]).is_ok());
}

#[test]
fn a_key_is_created_listed_and_revoked() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &with_token(FIRST));
    let words =
        ["create", "--role", "service", "--client", "shop", "--label", "till", "--expires", "90d"];
    let made = keys(directory.path(), &server, FIRST, &words).expect("created");
    let (id, token) =
        (made["id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    assert!(keys(directory.path(), &server, token, &["list"]).is_ok());
    let rotated = keys(directory.path(), &server, token, &["rotate-admin"])
        .expect_err("a service has no admin key");
    assert!(rotated.contains("no admin key"), "{rotated}");
    let printed = run(
        directory.path(),
        &["api-keys", "list", "--api", &server.address, "--token", FIRST],
        &[],
    );
    let table = text(&printed.stdout);
    assert!(
        table.contains("client/shop")
            && table.contains("till")
            && table.contains("last used")
            && !table.contains(token),
        "{table}"
    );
    let ended = keys(directory.path(), &server, FIRST, &["revoke", id, "--reason", "leaked"])
        .expect("revoked");
    assert_eq!(ended["state"], "revoked");
    assert!(keys(directory.path(), &server, token, &["list"]).is_err());
    let unknown =
        keys(directory.path(), &server, FIRST, &["revoke", "nothing"]).expect_err("there is none");
    assert!(unknown.contains("API_KEY_NOT_FOUND"), "{unknown}");
    let missing = run(directory.path(), &["api-keys", "create", "--role", "service"], &[]);
    assert!(text(&missing.stderr).contains("--client"), "{}", text(&missing.stderr));
}
