//! How `make devnet-restart-server` reaches a devnet that runs in another terminal: one line over a
//! Unix socket.
//!
//! The running devnet starts the server again itself, so that its Ctrl-C still ends every child.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::scratch;

const RESTART: &str = "restart";
const DONE: &str = "done";
const RESTART_BOUND: Duration = Duration::from_secs(180);
const REQUEST_BOUND: Duration = Duration::from_secs(5);
const REQUEST_BYTES_MAX: u64 = 64;
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Where a running devnet listens for requests.
pub struct Control {
    listener: UnixListener,
    socket: PathBuf,
    /// Names the socket, which lies elsewhere: the path of a Unix socket has room for about 100
    /// bytes.
    note: PathBuf,
}

/// Somebody who waits for the server to be started again.
pub struct Request {
    stream: UnixStream,
}

fn note_of(directory: &Path) -> PathBuf {
    directory.join("control")
}

impl Control {
    /// # Errors
    /// When the socket cannot be made.
    pub fn open(directory: &Path) -> Result<Self> {
        let socket = scratch::fresh("control");
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("cannot listen on {}", socket.display()))?;
        let note = note_of(directory);
        std::fs::write(&note, socket.display().to_string())
            .with_context(|| format!("cannot write {}", note.display()))?;
        Ok(Self { listener, socket, note })
    }

    /// A second system in the same folder would delete the first one's database under its feet.
    ///
    /// # Errors
    /// When one runs there.
    pub async fn refuse_beside(directory: &Path) -> Result<()> {
        let Ok(socket) = std::fs::read_to_string(note_of(directory)) else { return Ok(()) };
        match UnixStream::connect(socket.trim()).await {
            Ok(_running) => bail!(
                "a devnet runs in {} already; end it first (Ctrl-C in its terminal)",
                directory.display()
            ),
            Err(_) => Ok(()),
        }
    }

    /// The next request that is understood.
    pub async fn next(&self) -> Request {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else { continue };
            let mut line = String::new();
            let mut reader = BufReader::new(&mut stream).take(REQUEST_BYTES_MAX);
            let read = timeout(REQUEST_BOUND, reader.read_line(&mut line)).await;
            if matches!(read, Ok(Ok(_))) && line.trim() == RESTART {
                return Request { stream };
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).ok();
        std::fs::remove_file(&self.note).ok();
    }
}

impl Request {
    /// Tells who asked how it went; he may have gone meanwhile.
    pub async fn answer(mut self, outcome: &Result<()>) {
        let text = match outcome {
            Ok(()) => DONE.to_owned(),
            Err(error) => format!("{error:#}"),
        };
        self.stream.write_all(text.as_bytes()).await.ok();
    }
}

/// Asks the devnet of that directory to start its server again, and waits until it is ready.
///
/// # Errors
/// When none runs there, or the server did not come up.
pub async fn restart_server(directory: &Path) -> Result<()> {
    let note = note_of(directory);
    let socket = std::fs::read_to_string(&note).with_context(|| {
        format!("no devnet runs here ({} is missing); start one with: make devnet", note.display())
    })?;
    let mut stream = UnixStream::connect(&socket).await.with_context(|| {
        format!("the devnet that listened on {socket} is gone; start one with: make devnet")
    })?;
    stream.write_all(format!("{RESTART}\n").as_bytes()).await.context("cannot ask the devnet")?;
    let mut answer = String::new();
    let mut reader = stream.take(ANSWER_BYTES_MAX);
    timeout(RESTART_BOUND, reader.read_to_string(&mut answer))
        .await
        .with_context(|| format!("the devnet did not answer within {} s", RESTART_BOUND.as_secs()))?
        .context("the devnet's answer broke off")?;
    if answer != DONE {
        bail!("the devnet could not start its server again: {answer}");
    }
    Ok(())
}
