//! The hosted workflow: it calls what developers run, may do little, and runs nobody's newest
//! branch.

use yaml_rust2::Yaml;

use crate::{keys, read, texts, yaml};

const WORKFLOW: &str = ".github/workflows/ci.yml";

fn steps() -> Vec<Yaml> {
    let jobs = yaml(WORKFLOW)["jobs"].clone();
    let steps = keys(&jobs)
        .into_iter()
        .flat_map(|job| jobs[&job[..]]["steps"].as_vec().cloned().unwrap_or_default());
    steps.collect()
}

#[test]
fn it_runs_what_developers_run() {
    let runs: Vec<String> =
        steps().iter().filter_map(|step| step["run"].as_str().map(str::to_owned)).collect();
    assert!(runs.iter().any(|run| run == "bash .ci/run"), "{runs:?}");
    let makefile = read("Makefile");
    let targets = runs.iter().filter_map(|run| run.strip_prefix("make ")?.split(' ').next());
    for target in targets {
        assert!(
            makefile.lines().any(|line| line.starts_with(&format!("{target}:"))),
            "make {target}"
        );
    }
    assert!(read(".ci/run").lines().any(|line| line == "exec make test"));
}

#[test]
fn it_may_read_the_repository_and_nothing_else() {
    let workflow = yaml(WORKFLOW);
    assert_eq!(keys(&workflow["permissions"]).into_iter().collect::<Vec<_>>(), ["contents"]);
    assert_eq!(workflow["permissions"]["contents"].as_str(), Some("read"));
    let jobs = &workflow["jobs"];
    for job in keys(jobs) {
        assert!(jobs[&job[..]]["permissions"].is_badvalue(), "{job} asks for more");
        assert!(
            jobs[&job[..]]["timeout-minutes"].as_i64().is_some_and(|minutes| minutes <= 90),
            "{job} has no end"
        );
    }
    for step in steps().iter().filter(|step| {
        step["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout"))
    }) {
        assert_eq!(step["with"]["persist-credentials"].as_bool(), Some(false));
    }
    // `pull_request_target` would give a stranger's code the repository's own rights.
    let triggers = keys(&workflow["on"]);
    assert_eq!(triggers.into_iter().collect::<Vec<_>>(), ["pull_request", "push"]);
    assert_eq!(texts(&workflow["on"]["push"]["branches"]), ["main"]);
}

#[test]
fn actions_and_images_are_pinned() {
    let major = |action: &str| {
        action.rsplit_once("@v").is_some_and(|(_, version)| version.parse::<u32>().is_ok())
    };
    let actions: Vec<String> =
        steps().iter().filter_map(|step| step["uses"].as_str().map(str::to_owned)).collect();
    assert!(
        actions.len() > 3
            && actions.iter().all(|action| major(action) && action.starts_with("actions/")),
        "{actions:?}"
    );
    let container =
        yaml(WORKFLOW)["jobs"]["test"]["container"].as_str().expect("a container").to_owned();
    let manifest = read("Cargo.toml");
    let (_, version) = manifest.split_once("rust-version = \"").expect("a version");
    let version = version.split('"').next().expect("a version");
    assert!(container.starts_with(&format!("rust:{version}-")), "{container} and Rust {version}");
}
