//! The documentation names what exists: every planted mistake has its row, and every test that is
//! named for a window is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use adit_core::Mistake;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of all functions in the Rust sources of the workspace that begin like tests of a window.
fn window_tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![root().join("crates"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("an entry").path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let functions =
                    text.split("fn f").skip(1).filter_map(|rest| rest.split('(').next());
                names.extend(
                    functions.map(|name| format!("f{name}")).filter(|name| is_of_window(name)),
                );
            }
        }
    }
    names
}

/// `f05_…`, `f101_…`
fn is_of_window(name: &str) -> bool {
    let Some((number, rest)) = name.strip_prefix('f').and_then(|name| name.split_once('_')) else {
        return false;
    };
    (2..=3).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !rest.is_empty()
}

fn named_in(text: &str) -> BTreeSet<String> {
    text.split('`').filter(|word| is_of_window(word)).map(str::to_owned).collect()
}

/// One that seeds do not find is named below the table, with the reason and with a test that fails
/// for it.
#[test]
fn every_planted_mistake_has_its_row_or_its_test() {
    let (text, there) = (read("docs/simulation.md"), window_tests());
    let (table, below) =
        text.split_once("Measured with `make sim-power`").expect("the table ends there");
    for mistake in Mistake::ALL {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{mistake:?}` |")));
        let Some(row) = row else {
            let mut lines = below.lines().filter(|line| line.contains(&format!("`{mistake:?}`")));
            let tested = lines.any(|line| !named_in(line).is_disjoint(&there));
            assert!(
                tested,
                "docs/simulation.md has neither a row nor a test for {mistake:?}; run `make \
                 sim-power` and copy its table"
            );
            continue;
        };
        assert!(row.contains(mistake.sentence()), "{row}");
        assert!(!row.contains("| not found |"), "{row}");
    }
}

#[test]
fn every_test_that_is_named_for_a_window_exists() {
    let there = window_tests();
    assert!(
        there.len() > 100,
        "only {} tests of windows were found: is the folder right?",
        there.len()
    );
    for page in ["docs/windows.md", "docs/safety.md", "docs/simulation.md"] {
        let missing: Vec<String> = named_in(&read(page)).difference(&there).cloned().collect();
        assert!(missing.is_empty(), "{page} names tests that do not exist: {missing:?}");
    }
}

/// Switches are renamed; pages forget.
#[test]
fn every_switch_that_a_page_names_exists() {
    let there: BTreeSet<String> =
        Mistake::ALL.iter().map(|mistake| format!("{mistake:?}")).collect();
    let text = read("docs/windows.md");
    let camel = |word: &&str| {
        word.starts_with(char::is_uppercase)
            && word.chars().all(char::is_alphanumeric)
            && word.len() > 3
    };
    let named: BTreeSet<String> = text.split('`').filter(camel).map(str::to_owned).collect();
    assert!(named.len() > 10, "{named:?}");
    assert_eq!(named.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());
}

/// Windows that do not apply say why instead.
#[test]
fn every_window_has_a_test_or_a_reason() {
    let text = read("docs/windows.md");
    for number in (1..=55).chain(71..=95).chain([98, 101]) {
        let row = text.lines().find(|line| line.starts_with(&format!("| F{number} |")));
        let row = row.unwrap_or_else(|| panic!("docs/windows.md has no row for F{number}"));
        assert!(
            !named_in(row).is_empty() || row.contains("does not apply"),
            "F{number} has neither a test nor a reason: {row}"
        );
    }
}
