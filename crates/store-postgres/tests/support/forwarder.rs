//! A wire between a client and a server of TCP that can fall silent, as a host does that is gone:
//! nothing is forwarded, nothing is reset. What was sent into the silence arrives when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Open,
    Silent,
    /// Falls silent with the next COMMIT, which does not arrive.
    SilentBeforeCommit,
    /// Falls silent with the next COMMIT, which arrives: its answer does not.
    SilentAfterCommit,
}

/// Forwards as long as it lives.
pub struct Forwarder {
    port: u16,
    target: Arc<AtomicU16>,
    wire: watch::Sender<Wire>,
    accepting: tokio::task::JoinHandle<()>,
}

/// A COMMIT of the simple query protocol, as the driver sends it.
const COMMIT: &[u8] = b"COMMIT\0";
const CHUNK_BYTES: usize = 64 * 1024;

impl Forwarder {
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let (target, wire) = (Arc::new(AtomicU16::new(target)), watch::Sender::new(Wire::Open));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&target), wire.clone()));
        Self { port, target, wire, accepting }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Waits until a COMMIT has silenced it.
    pub async fn silenced(&self) {
        self.wire
            .subscribe()
            .wait_for(|wire| *wire == Wire::Silent)
            .await
            .expect("the forwarder lives");
    }

    /// New connections go there; those that are open stay where they are.
    pub fn retarget(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: Arc<AtomicU16>, wire: watch::Sender<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        let (target, wire) = (Arc::clone(&target), wire.clone());
        tokio::spawn(async move {
            audible(&wire).await;
            let Ok(server) = TcpStream::connect(("127.0.0.1", target.load(Ordering::SeqCst))).await
            else {
                return;
            };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            tokio::join!(
                pump(from_client, to_server, &wire, true),
                pump(from_server, to_client, &wire, false)
            );
        });
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    wire: &watch::Sender<Wire>,
    asks: bool,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(bytes @ 1..) = from.read(&mut chunk).await {
        let commits = asks && chunk[..bytes].windows(COMMIT.len()).any(|window| window == COMMIT);
        let now = *wire.borrow();
        if commits && now == Wire::SilentBeforeCommit {
            wire.send_replace(Wire::Silent);
        }
        audible(wire).await;
        if commits && now == Wire::SilentAfterCommit {
            wire.send_replace(Wire::Silent);
        }
        if to.write_all(&chunk[..bytes]).await.is_err() {
            return;
        }
    }
    audible(wire).await;
    to.shutdown().await.ok();
}

async fn audible(wire: &watch::Sender<Wire>) {
    wire.subscribe().wait_for(|wire| *wire != Wire::Silent).await.ok();
}
