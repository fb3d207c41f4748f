//! Ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// A port that nobody listens on at this moment. Another process may take it before we do: whoever starts a server
/// there must notice that it did not come up.
///
/// # Errors
/// When the system has none left.
pub fn free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("the port just bound has no address")?.port())
}

/// Whether a server could listen there now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
