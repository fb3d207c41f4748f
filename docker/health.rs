//! Asks whether the process in this container does its work: the image has no shell and no curl.
//!
//!     health                  the server's /readyz; its port: PORT, or of ADIT_LISTEN, or 5000
//!     health HOST:PORT        the same, elsewhere
//!     health /PATH/TO/SOCKET  whether somebody listens on this Unix socket, as `adit signer` does
//!
//! Built by the Dockerfile with rustc alone. Exits with 0 if so, else with 1 and what was wrong.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

const ANSWER_SECONDS_MAX: u64 = 4;
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
const PORT_DEFAULT: &str = "5000";

fn main() -> ExitCode {
    let asked = env::args().nth(1).unwrap_or_else(own_address);
    let healthy = match asked.starts_with('/') {
        true => UnixStream::connect(&asked).map(drop).map_err(|error| {
            format!(
                "nobody listens on {asked}: {error}"
            )
        }),
        false => ready(&asked),
    };
    match healthy {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("health: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Returns where the server of this container listens, seen from inside.
fn own_address() -> String {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let of_listen =
        || set("ADIT_LISTEN").and_then(|listen| Some(listen.rsplit_once(':')?.1.to_owned()));
    let port = set("PORT").or_else(of_listen).unwrap_or_else(|| PORT_DEFAULT.to_owned());
    format!("127.0.0.1:{port}")
}

fn ready(address: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{address} does not answer: {error}");
    let wait = Duration::from_secs(ANSWER_SECONDS_MAX);
    let Some(peer) = address.to_socket_addrs().map_err(failed)?.next() else {
        return Err(format!("{address} is no address; allowed is HOST:PORT"));
    };
    let mut stream = TcpStream::connect_timeout(&peer, wait).map_err(failed)?;
    stream.set_read_timeout(Some(wait)).map_err(failed)?;
    // In one piece: a server may answer, and close, as soon as it has read the first line.
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(format!(
            "{address} is not ready: {}",
            answer.lines().last().unwrap_or("it said nothing")
        )),
    }
}
