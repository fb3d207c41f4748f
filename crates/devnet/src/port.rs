//! Ports on the loopback interface.

use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::Mutex;

use anyhow::{Context, Result};

/// Where outgoing connections take their ports from, as Linux has it by default and says it.
const EPHEMERAL_FROM: u16 = 32_768;
const EPHEMERAL_SAID: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// Below it are ports that well-known servers have: ours are above.
const OURS_FROM: u16 = 12_000;
const TRIES: u16 = 200;

/// The ports that this process has taken. Each file is locked for as long as the process lives.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// Takes a port that nobody listens on. It is below those that the system gives to outgoing
/// connections, and no other process that asks here has it before this one ends: who starts a
/// server there a moment later finds it free.
///
/// # Errors
/// When there is none left.
pub fn free() -> Result<u16> {
    let range = ours();
    let span = range.end.saturating_sub(range.start).max(1);
    let first = random()? % span;
    for step in 0..TRIES.min(span) {
        let port = range.start + (first + step) % span;
        if is_free(port) && take(port) {
            return Ok(port);
        }
    }
    given()
}

/// Whether a server could listen there now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Those below the ephemeral ones. Empty where the system gives nearly all of them to outgoing
/// connections.
fn ours() -> Range<u16> {
    let said = fs::read_to_string(EPHEMERAL_SAID).ok();
    let first = said
        .and_then(|said| said.split_whitespace().next()?.parse().ok())
        .unwrap_or(EPHEMERAL_FROM);
    OURS_FROM..first.max(OURS_FROM)
}

/// The lock falls with the process, however it ends.
fn take(port: u16) -> bool {
    let folder = std::env::temp_dir().join("adit-ports");
    let opened = fs::create_dir_all(&folder).and_then(|()| {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(port.to_string()))
    });
    let Ok(file) = opened else { return false };
    let taken = file.try_lock().is_ok();
    if taken {
        TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(file);
    }
    taken
}

/// One that the system gives. Another process may take it before we do.
fn given() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("the port just bound has no address")?.port())
}

fn random() -> Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).context("the system has no randomness")?;
    Ok(u16::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_no_outgoing_connections() {
        let given: BTreeSet<u16> = (0..50).map(|_| free().expect("a port")).collect();
        assert_eq!(given.len(), 50);
        let ours = ours();
        assert!(ours.is_empty() || given.iter().all(|port| ours.contains(port)), "{given:?}");
    }

    #[test]
    fn what_another_has_taken_is_not_given() {
        let port = free().expect("a port");
        // Another handle of the same file stands for another process: the lock belongs to the
        // handle.
        assert!(!take(port));
    }
}
