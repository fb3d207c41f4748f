//! The end that has the signer.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::wire::{self, Answer, Call, Question, STANDING_PAYOUTS_MAX, VERSION};
use crate::new_file::name_beside;
use crate::{Signer, SignerFault};

/// Only the owner of the signer's process may ask it.
const SOCKET_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// Replicas use a few connections each.
const CONNECTIONS_MAX: usize = 256;
/// A frame that has begun arrives, and an answer is taken, in this time.
const FRAME_TIMEOUT_SECONDS: u64 = 10;
/// After an accept that failed, mostly for want of file descriptors.
const ACCEPT_PAUSE_MILLIS: u64 = 100;

/// Why the socket cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("another signer answers on {path}; stop it, or use it")]
    InUse { path: PathBuf },
    #[error("{path} exists and is no socket; choose another path for the signer's socket")]
    NotASocket { path: PathBuf },
    #[error("the socket {path} cannot be made ({source}); check the directory and its owner")]
    File { path: PathBuf, source: io::Error },
}

/// A bound socket, ready for clients.
#[derive(Debug)]
pub struct SignerSocket {
    listener: UnixListener,
}

/// Offers a signer on a Unix socket until the future is dropped.
///
/// # Errors
/// [`SocketError`] when the socket cannot be made.
pub async fn serve(signer: Arc<dyn Signer>, path: &Path) -> Result<(), SocketError> {
    SignerSocket::bind(path)?.serve(signer).await;
    Ok(())
}

impl SignerSocket {
    /// Makes the socket with mode 0600. One that a dead signer left is replaced.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        clear(path)?;
        bind_privately(path)
            .map(|listener| Self { listener })
            .map_err(|source| SocketError::File { path: path.to_owned(), source })
    }

    /// Answers every client, several at once, until the future is dropped.
    pub async fn serve(self, signer: Arc<dyn Signer>) {
        let mut connections = JoinSet::new();
        let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let permit =
                Arc::clone(&free).acquire_owned().await.expect("the semaphore is never closed");
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let signer = Arc::clone(&signer);
                    connections.spawn(async move {
                        attend(stream, &*signer).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a client of the signer could not be accepted");
                    sleep(Duration::from_millis(ACCEPT_PAUSE_MILLIS)).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

/// Removes a socket that nobody answers on any more.
fn clear(path: &Path) -> Result<(), SocketError> {
    let file = |source| SocketError::File { path: path.to_owned(), source };
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(file(error)),
        Ok(found) if !found.file_type().is_socket() => {
            Err(SocketError::NotASocket { path: path.to_owned() })
        }
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            Err(SocketError::InUse { path: path.to_owned() })
        }
        Ok(_) => std::fs::remove_file(path).map_err(file),
    }
}

/// Binds in a directory of its own and moves the socket out when its mode is right: there is no
/// moment in which somebody else could connect.
fn bind_privately(path: &Path) -> io::Result<UnixListener> {
    let private = name_beside(path)?;
    DirBuilder::new().mode(DIRECTORY_MODE).create(&private)?;
    let inside = private.join("s");
    let bound = UnixListener::bind(&inside).and_then(|listener| {
        std::fs::set_permissions(&inside, Permissions::from_mode(SOCKET_MODE))?;
        std::fs::rename(&inside, path)?;
        Ok(listener)
    });
    if bound.is_err() {
        let _best_effort = std::fs::remove_file(&inside);
    }
    std::fs::remove_dir(&private)?;
    bound
}

async fn attend(mut stream: UnixStream, signer: &dyn Signer) {
    loop {
        match exchange(&mut stream, signer).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(%error, "a connection to the signer was closed");
                return;
            }
        }
    }
}

/// One call and its answer; false when the client has gone.
async fn exchange(stream: &mut UnixStream, signer: &dyn Signer) -> io::Result<bool> {
    let Some(length) = wire::read_length(stream).await? else { return Ok(false) };
    let patience = Duration::from_secs(FRAME_TIMEOUT_SECONDS);
    let question: Question = timeout(patience, wire::read_content(stream, length)).await??;
    let answer = match question {
        Question { version: VERSION, call } => answer(signer, call).await,
        Question { version, .. } => Answer::Fault(SignerFault::Unreachable {
            detail: format!(
                "it speaks version {VERSION} of the protocol and was asked in {version}; run the \
                 same build on both ends"
            ),
        }),
    };
    let too_long =
        |error: io::Error| Answer::Fault(SignerFault::Unreachable { detail: error.to_string() });
    let frame = wire::encode(&answer).or_else(|error| wire::encode(&too_long(error)))?;
    timeout(patience, wire::write(stream, &frame)).await??;
    Ok(true)
}

async fn answer(signer: &dyn Signer, call: Call) -> Answer {
    let answer = match call {
        Call::Journal => signer.journal().await.map(Answer::Journal),
        Call::JournalAt(records) => signer.journal_at(records).await.map(Answer::JournalAt),
        Call::Attend(presence) => signer.attend(&presence).await.map(Answer::Attend),
        Call::HearTime(now) => signer.hear_time(now).await.map(Answer::HearTime),
        Call::Lease(claim) => signer.lease(&claim).await.map(Answer::Lease),
        Call::Open(open) => signer.open(&open).await.map(Answer::Open),
        Call::Retire(retire) => signer.retire(&retire).await.map(Answer::Retire),
        Call::Standing(payouts) if payouts.len() > STANDING_PAYOUTS_MAX => {
            Err(SignerFault::Unreachable {
                detail: format!(
                    "it was asked for {} payouts at once, and tells of {STANDING_PAYOUTS_MAX}; ask \
                     for less at once",
                    payouts.len()
                ),
            })
        }
        Call::Standing(payouts) => signer.standing(&payouts).await.map(Answer::Standing),
        Call::Lanes => signer.lanes().await.map(Answer::Lanes),
        Call::DryRun(requests) => signer.dry_run(&requests).await.map(Answer::DryRun),
        Call::Sign(requests) => signer.sign(&requests).await.map(Answer::Sign),
        Call::Supersede(supersede) => signer.supersede(&supersede).await.map(Answer::Supersede),
        Call::Teach(lessons) => signer.teach(&lessons).await.map(Answer::Teach),
        Call::Entries { lane, from, limit } => {
            signer.entries(&lane, from, limit).await.map(Answer::Entries)
        }
    };
    answer.unwrap_or_else(Answer::Fault)
}
