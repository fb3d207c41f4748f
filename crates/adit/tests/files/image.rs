//! The Dockerfile, what it leaves out, and the health check that it builds.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::{read, root, variables};

/// An image has a tag, which is not the one that moves with every release.
pub fn is_pinned(image: &str) -> bool {
    let (_, after) = image.rsplit_once('/').unwrap_or(("", image));
    after.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest")
}

/// The instructions of the Dockerfile, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
    lines
        .map(|(name, rest)| {
            (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

fn all(name: &str) -> Vec<String> {
    instructions().into_iter().filter(|(known, _)| known == name).map(|(_, rest)| rest).collect()
}

fn last(name: &str) -> String {
    all(name).pop().unwrap_or_else(|| panic!("the Dockerfile has no {name}"))
}

#[test]
fn stages_are_pinned_and_rust_is_the_workspaces() {
    let stages = all("FROM");
    assert_eq!(stages.len(), 2, "{stages:?}");
    for stage in &stages {
        let image = stage.split(' ').next().expect("an image");
        assert!(is_pinned(image), "{image}");
    }
    let manifest = read("Cargo.toml");
    let (_, version) = manifest.split_once("rust-version = \"").expect("a version");
    let version = version.split('"').next().expect("a version");
    assert!(stages[0].starts_with(&format!("rust:{version}-")), "{} and Rust {version}", stages[0]);
}

#[test]
fn what_runs_is_static_checked_and_not_root() {
    let built = all("RUN").join("\n");
    assert!(built.contains("cargo build --release --locked -p adit"), "{built}");
    assert!(
        built.contains("! readelf --program-headers /out/bin/adit /out/bin/health | grep INTERP"),
        "{built}"
    );
    let user = last("USER");
    let numbers: Vec<u32> = user
        .split(':')
        .map(|id| id.parse().expect("a number, which needs no file of users"))
        .collect();
    assert!(numbers.iter().all(|id| *id > 0) && numbers.len() == 2, "{user}");
    for copied in all("COPY").iter().filter(|copied| copied.contains("--chown")) {
        assert!(copied.contains(&format!("--chown={user} ")), "{copied}");
    }
    assert_eq!(
        (last("ENTRYPOINT"), last("CMD")),
        ("[\"adit\"]".to_owned(), "[\"serve\"]".to_owned())
    );
    assert!(last("HEALTHCHECK").ends_with("CMD [\"health\"]"));
}

#[test]
fn the_image_listens_where_it_says() {
    let (name, address) = last("ENV")
        .split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .expect("a variable");
    assert!(variables().contains(&name), "nobody reads {name}");
    assert_eq!(address, format!("0.0.0.0:{}", last("EXPOSE")));
    assert!(
        read("docker/health.rs").contains(&format!("PORT_DEFAULT: &str = \"{}\"", last("EXPOSE")))
    );
}

#[test]
fn nothing_that_is_compiled_in_is_left_out_of_the_build() {
    let ignored = read(".dockerignore");
    let rules: Vec<&str> =
        ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for needed in [".git", ".env", "**/target", "**/node_modules"] {
        assert!(rules.contains(&needed), "{needed} goes into the image's build");
    }
    let out = |path: &Path| {
        path.components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            rules.iter().any(|rule| match rule.trim_start_matches("**/").strip_prefix('*') {
                Some(end) => part.ends_with(end),
                None => part == rule.trim_start_matches("**/"),
            })
        })
    };
    let mut seen = 0;
    for (source, path) in compiled_in() {
        seen += 1;
        assert!(
            !out(&path),
            "{} takes in {}, which .dockerignore leaves out",
            source.display(),
            path.display()
        );
    }
    assert!(seen > 5, "only {seen} files that are compiled in were found");
}

/// Files that sources of the workspace include, relative to its root, each with who includes it.
fn compiled_in() -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|kind| kind == "rs") => {
                    let text = std::fs::read_to_string(&path)
                        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    let included = text
                        .split("include_str!(\"")
                        .chain(text.split("include_bytes!(\""))
                        .filter_map(|rest| rest.split('"').next());
                    let folder = path.parent().expect("a folder");
                    let exists =
                        included.map(|name| folder.join(name)).filter(|file| file.is_file());
                    let (home, source) = (root().canonicalize().expect("the root"), path.clone());
                    found.extend(exists.filter_map(|file| {
                        let file = file.canonicalize().ok()?;
                        Some((source.clone(), file.strip_prefix(&home).ok()?.to_owned()))
                    }));
                }
                false => {}
            }
        }
    }
    found
}

/// The health check as the Dockerfile builds it.
pub fn health_check(folder: &Path) -> PathBuf {
    let program = folder.join("health");
    let mut compiler = Command::new("rustc");
    let compiled = compiler
        .args(["--edition", "2024", "-o"])
        .arg(&program)
        .arg(root().join("docker/health.rs"));
    assert!(compiled.status().expect("rustc runs").success(), "docker/health.rs does not compile");
    program
}

pub fn ask(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(variables.iter().copied()).output().expect("it runs")
}

/// Answers one request with this status line, and gives what was asked.
fn answer_once(status: &'static str) -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let answered = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("asked");
        let mut asked = [0; 1_024];
        let read = stream.read(&mut asked).expect("a request");
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}").expect("answered");
        String::from_utf8_lossy(&asked[..read]).into_owned()
    });
    (port, answered)
}

#[test]
fn the_health_check_tells_ready_from_unready_and_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let health = health_check(folder.path());
    for (status, healthy) in
        [("200 OK", true), ("503 Service Unavailable", false), ("404 Not Found", false)]
    {
        let (port, answered) = answer_once(status);
        let said = ask(&health, &[], &[("ADIT_LISTEN", &format!("0.0.0.0:{port}"))]);
        assert_eq!(said.status.success(), healthy, "{status}: {said:?}");
        assert!(answered.join().expect("answered").starts_with("GET /readyz HTTP/1.1\r\n"));
    }
    let (port, answered) = answer_once("200 OK");
    let said = ask(&health, &[], &[("ADIT_LISTEN", "0.0.0.0:1"), ("PORT", &port.to_string())]);
    assert!(said.status.success(), "a platform's PORT wins: {said:?}");
    answered.join().expect("answered");
    let said = ask(&health, &["127.0.0.1:1"], &[]);
    assert!(
        !said.status.success()
            && String::from_utf8_lossy(&said.stderr).contains("127.0.0.1:1 does not answer"),
        "{said:?}"
    );
}

#[test]
fn the_health_check_knows_whether_somebody_listens_on_a_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let (health, socket) = (health_check(folder.path()), folder.path().join("signer.sock"));
    let name = socket.to_str().expect("UTF-8");
    assert!(!ask(&health, &[name], &[]).status.success(), "there is no socket");
    let listener = UnixListener::bind(&socket).expect("a socket");
    assert!(ask(&health, &[name], &[]).status.success());
    drop(listener);
    assert!(!ask(&health, &[name], &[]).status.success(), "a socket that a dead signer left");
}

#[test]
fn a_tag_is_asked_of_images() {
    assert!(
        is_pinned("postgres:17-bookworm") && is_pinned("gcr.io/distroless/static-debian12:nonroot")
    );
    assert!(
        !is_pinned("postgres")
            && !is_pinned("localhost:5000/postgres")
            && !is_pinned("postgres:latest")
    );
}
