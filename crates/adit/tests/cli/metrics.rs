//! The metrics' own address (abuse case 32).

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::built::{Running, least, run, text};

const DEFAULT: &str = "127.0.0.1:9464";

/// The whole answer to one `GET`.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

#[test]
fn p32_a_server_serves_its_metrics_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &least(&[]));
    let (_, told) =
        server.said.split_once("metrics are served address=http://").expect("it says where");
    let (metrics, _) = told.split_once("/metrics").expect("its path");
    let scraped = get(metrics, "/metrics");
    assert!(
        scraped.starts_with("HTTP/1.1 200") && scraped.contains("adit_store_up 1"),
        "{scraped}"
    );
    let of_the_api = get(server.address.trim_start_matches("http://"), "/metrics");
    assert!(
        of_the_api.starts_with("HTTP/1.1 404") && of_the_api.contains("ROUTE_NOT_FOUND"),
        "{of_the_api}"
    );
    let metrics = metrics.to_owned();
    let (status, log) = server.stop();
    assert_eq!(status, Some(0), "{log}");
    assert!(TcpStream::connect(metrics).is_err(), "it ended with the server");
}

#[test]
fn p32_a_chosen_metrics_address_that_is_taken_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let refused =
        run(directory.path(), &["serve"], &least(&[("ADIT_METRICS_LISTEN", address.as_str())]));
    let said = text(&refused.stderr);
    assert!(
        !refused.status.success()
            && said.contains(&address)
            && said.contains("server.metrics_listen"),
        "{said}"
    );
    assert!(!directory.path().join("data").exists(), "nothing was made");
}

/// The second server of a machine.
#[test]
fn p32_a_default_metrics_address_that_is_taken_keeps_nobody_from_starting() {
    let directory = tempfile::tempdir().expect("a directory");
    // If another process has it already, that is the case as well.
    let taken = TcpListener::bind(DEFAULT);
    let mut variables = least(&[]);
    variables.retain(|(name, _)| *name != "ADIT_METRICS_LISTEN");
    let server = Running::start(directory.path(), &variables);
    assert!(
        server.said.contains("metrics are off") && server.said.contains(DEFAULT),
        "{}",
        server.said
    );
    assert!(!server.said.contains("metrics are served"), "{}", server.said);
    assert_eq!(server.stop().0, Some(0));
    drop(taken);
}

#[test]
fn p32_metrics_can_be_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Running::start(directory.path(), &least(&[("ADIT_METRICS_LISTEN", "none")]));
    assert!(!server.said.contains("metrics"), "{}", server.said);
    assert_eq!(server.stop().0, Some(0));
}
