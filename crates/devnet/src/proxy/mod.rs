//! A bad network between the server and a healthy node: loses requests and answers, delays,
//! repeats, lies and lags; and the pool rules that the node itself does not keep.
//!
//! What passes a plain proxy untouched passes as it is, byte for byte. A rule may be limited to one
//! method and to so many requests.

mod fault;
mod lag;
mod node;
mod pool;
mod sends;
mod source;
mod taken;
mod waiting;
mod wire;

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use axum::Router;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use fault::{Drops, Fault};
pub use pool::Pool;
pub use sends::{Sends, Spring};
pub use source::SourceProxy;
pub use taken::Taken;

use fault::{Book, lock};
use wire::{Wire, pass};

/// How one endpoint shows the chain.
#[derive(Clone, Default)]
pub struct Face {
    /// What a trap of the pool is told.
    pub name: usize,
    /// Where sent transactions go; `None`: to the node, with its own rules.
    pub pool: Option<Arc<Pool>>,
    /// How far it is behind.
    pub lag_blocks: u64,
    pub drops: Option<Drops>,
}

/// A running proxy; gone when dropped.
pub struct Proxy {
    url: String,
    book: Arc<Mutex<Book>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of the node at `target`, on a free port of the loopback interface, without any
    /// fault.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(target: &str) -> Result<Self> {
        Self::start_as(Face::default(), target).await
    }

    /// The same, showing this face.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start_as(face: Face, target: &str) -> Result<Self> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.context("no free port on 127.0.0.1")?;
        let url = format!(
            "http://{}",
            listener.local_addr().context("the port just bound has no address")?
        );
        let book = Arc::new(Mutex::new(Book::new(face.drops.clone())));
        let wire = Wire::new(target, face, Arc::clone(&book))?;
        let router = Router::new().route("/", post(pass)).with_state(wire);
        let task = tokio::spawn(async move {
            // Ends only with the listener, which ends with this task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, book, task })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, every request of `method` (`None`: every request) meets this fault.
    pub fn always(&self, method: Option<&str>, fault: Fault) {
        lock(&self.book).add(method, fault, None);
    }

    /// Only the next `times` requests of `method` meet this fault.
    pub fn next(&self, times: u32, method: Option<&str>, fault: Fault) {
        lock(&self.book).add(method, fault, Some(times));
    }

    /// No faults from now on; lag and pool stay.
    pub fn heal(&self) {
        lock(&self.book).heal();
    }

    /// How many requests of `method` came in, faulty or not.
    pub fn seen(&self, method: &str) -> u64 {
        lock(&self.book).seen(method)
    }

    /// How many answers chance has dropped.
    pub fn dropped(&self) -> u64 {
        lock(&self.book).dropped()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
