//! Documents name what exists: files, functions, make targets, types, states.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{read, root};

const README_LINES_MAX: usize = 120;
/// Folders of tools and of what is built.
const NOT_OURS: [&str; 3] = ["target", "node_modules", ".git"];

/// Files of the repository whose name ends so, relative to its root.
fn files(end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder))
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let entry = entry.expect("an entry");
            let (name, path) =
                (entry.file_name().to_string_lossy().into_owned(), folder.join(entry.file_name()));
            match entry.path().is_dir() {
                true if NOT_OURS.contains(&&name[..]) => {}
                true => folders.push(path),
                false if name.ends_with(end) => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// A page without its code blocks.
fn prose(page: &Path) -> String {
    let text = read(page.to_str().expect("UTF-8"));
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Targets of its links, as written.
fn links(page: &Path) -> Vec<String> {
    let text = prose(page);
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

/// Names under which the headings of a page can be linked.
fn anchors(page: &Path) -> BTreeSet<String> {
    let headings = prose(page);
    let headings = headings
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    headings.map(slug).collect()
}

fn slug(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let pages = files(".md");
    assert!(pages.len() > 30, "only {} pages were found", pages.len());
    let mut wrong = Vec::new();
    for page in &pages {
        for link in links(page).into_iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap_or(Path::new("")).join(path),
            };
            let there = root().join(&target);
            let named = anchor.is_empty() || (there.is_file() && anchors(&target).contains(anchor));
            if !there.exists() || !named {
                wrong.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_readme_is_short_and_its_commands_exist() {
    let (readme, makefile) = (read("README.md"), read("Makefile"));
    assert!(readme.lines().count() < README_LINES_MAX, "{} lines", readme.lines().count());
    assert!(readme.contains("```mermaid\n") && readme.matches("curl -s $API").count() == 4);
    let commands = readme.split("`make ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next());
    let commands: BTreeSet<&str> = commands.collect();
    assert!(commands.len() > 2, "{commands:?}");
    for command in commands {
        assert!(
            makefile.lines().any(|line| line.starts_with(&format!("{command}:"))),
            "make {command}"
        );
    }
}

#[test]
fn where_things_live_they_do() {
    let page = read("ARCHITECTURE.md");
    let (_, table) = page.split_once("## Where does X live?").expect("the table begins");
    let (table, _) = table.split_once("## How to add").expect("the table ends");
    let mut checked = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        // A path without a crate continues the one before it: `core/src/why`: `mod.rs` and
        // `reason.rs`.
        let mut folder = PathBuf::new();
        let (_, places) = row[2..].split_once(" | ").expect("two columns");
        for place in places.split('`').skip(1).step_by(2).flat_map(braced) {
            let (path, function) = place
                .split_once("::")
                .map_or((&place[..], None), |(path, function)| (path, Some(function)));
            let candidates = [
                root().join("crates").join(path),
                folder.join(path),
                folder.parent().unwrap_or(&folder).join(path),
            ];
            let found = candidates.iter().find(|candidate| candidate.exists());
            let found =
                found.unwrap_or_else(|| panic!("ARCHITECTURE.md: {path} does not exist: {row}"));
            if let Some(function) = function {
                let text = std::fs::read_to_string(found).unwrap_or_default();
                let there = text.contains(&format!("fn {function}("))
                    || text.contains(&format!("fn {function}<"));
                assert!(there, "ARCHITECTURE.md: {path} has no {function}: {row}");
            }
            folder = match found.is_dir() {
                true => found.clone(),
                false => found.parent().expect("a folder").to_owned(),
            };
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} places were found");
}

/// `a/{b,c}` is two paths; what is no path is none.
fn braced(place: &str) -> Vec<String> {
    let is_path = place.contains(".rs") || place.contains("/src");
    match place.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?))) {
        _ if !is_path => Vec::new(),
        None => vec![place.to_owned()],
        Some((before, (choices, after))) => {
            choices.split(',').map(|choice| format!("{before}{choice}{after}")).collect()
        }
    }
}

/// A row of the renames goes with the name, and a word whose type is gone needs another one.
#[test]
fn every_type_that_the_glossary_names_exists() {
    let sources: String = files(".rs")
        .iter()
        .filter(|file| file.starts_with("crates"))
        .map(|file| read(file.to_str().expect("UTF-8")))
        .collect();
    let words: BTreeSet<&str> = sources.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut named = 0;
    for line in read("docs/glossary.md").lines() {
        // Of a rename only what is there today.
        let today =
            line.strip_prefix("| ").map_or(line, |row| row.split(" | ").next().unwrap_or_default());
        let code = today
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|code| code.starts_with(char::is_uppercase) && !code.contains(' '));
        for name in code.flat_map(|code| code.split("::")) {
            named += 1;
            assert!(
                words.contains(name),
                "docs/glossary.md names `{name}`, which is nowhere: {line}"
            );
        }
    }
    assert!(named > 60, "only {named} names were found");
}

/// The drawing has every state of a withdrawal and of an attempt.
#[test]
fn every_state_is_drawn() {
    let page = read("ARCHITECTURE.md");
    let (_, drawing) = page.split_once("stateDiagram-v2").expect("a drawing");
    let (drawing, _) = drawing.split_once("```").expect("its end");
    let (outer, inner) = ("crates/core/src/withdrawal.rs", "crates/core/src/payout.rs");
    let states = variants(outer, "enum Status")
        .into_iter()
        .chain(variants(inner, "enum Stage"))
        .chain(variants(inner, "enum Knowledge"));
    let states: Vec<String> = states.collect();
    assert_eq!(states.len(), 7 + 2 + 5, "{states:?}");
    for state in states {
        let words = snake(&state);
        let drawn = match &words[..] {
            "finalized" => "final",
            words => words,
        };
        let spaced = drawn.replace('_', " ");
        let there = [drawn, &spaced].iter().any(|name| {
            drawing.contains(&format!("\"{name}\"")) || drawing.contains(&format!("> {name}:"))
        });
        assert!(there, "{state} is not drawn");
    }
}

fn variants(path: &str, declaration: &str) -> Vec<String> {
    let source = read(path);
    let (_, body) = source.split_once(&format!("pub {declaration} {{\n")).expect("the enum begins");
    let (body, _) = body.split_once("\n}").expect("the enum ends");
    let names = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(char::is_uppercase));
    names
        .map(|line| {
            line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
        })
        .collect()
}

fn snake(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
