//! Serves the API on a socket until it is told to stop, and the metrics on another for as long.
//!
//! Connections are taken here and not by axum's own loop, because what comes before a request is
//! bounded too: how many connections, how long a client may take over its headers, and how long
//! those are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::router::metrics_router;
use crate::state::ApiState;

/// How long requests that are under way may take to end once the server stops.
pub const STOP_SECONDS_MAX: u64 = 10;
/// Connections that are open at once; further ones wait in the system's queue.
pub const CONNECTIONS_MAX: u32 = 20_000;
/// Connections to the address of the metrics that are open at once.
pub const METRICS_CONNECTIONS_MAX: u32 = 64;
/// How long a client may take to send the headers of a request.
pub const HEADERS_SECONDS_MAX: u64 = 15;
/// Request line and headers that are read before they are looked at.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Pause after a connection could not be taken (too many open files).
const ACCEPT_PAUSE_MILLIS: u64 = 50;
const LAST_WORDS_MILLIS: u64 = 20;

/// Serves `router` (of [`crate::router()`], with a page merged in where there is one). When `stop`
/// completes, no new connection is taken; long waits answer with what they know, live connections
/// are told to go elsewhere, and the rest has a few seconds.
///
/// # Errors
/// When the socket is not one to listen on.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    listener.local_addr()?;
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    take_until(stop, listener, &state, &router, &room).await;
    state.close();
    let ended = async {
        let _all_seats = room.acquire_many(CONNECTIONS_MAX).await;
        while state.seats().any_taken() {
            tokio::time::sleep(Duration::from_millis(LAST_WORDS_MILLIS)).await;
        }
    };
    in_time(ended).await;
    Ok(())
}

/// Serves the metrics of `state` until its API stops ([`ApiState::close`]).
pub async fn serve_metrics(listener: TcpListener, state: ApiState) {
    let router = metrics_router(state.clone());
    let room = Arc::new(Semaphore::new(METRICS_CONNECTIONS_MAX as usize));
    take_until(state.closed(), listener, &state, &router, &room).await;
    let ended = async {
        let _all_seats = room.acquire_many(METRICS_CONNECTIONS_MAX).await;
    };
    in_time(ended).await;
}

/// Takes connections, each into a task of its own, until `stop` completes; then the socket closes.
async fn take_until(
    stop: impl Future<Output = ()>,
    listener: TcpListener,
    state: &ApiState,
    router: &Router,
    room: &Arc<Semaphore>,
) {
    let mut stop = std::pin::pin!(stop);
    loop {
        let taken = tokio::select! {
            taken = take(&listener, room) => taken,
            () = &mut stop => return,
        };
        let Some((stream, address, seat)) = taken else { continue };
        let (state, router) = (state.clone(), router.clone());
        tokio::spawn(async move {
            converse(stream, address, &state, router).await;
            drop(seat);
        });
    }
}

/// Waits for the end of what is under way, within its bound.
async fn in_time(ended: impl Future<Output = ()>) {
    if tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), ended).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

type Seat = tokio::sync::OwnedSemaphorePermit;

async fn take(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, Seat)> {
    let seat = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address, seat)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be taken");
            tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MILLIS)).await;
            None
        }
    }
}

/// One connection, request by request.
async fn converse(stream: TcpStream, address: SocketAddr, state: &ApiState, router: Router) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection does not send at once");
    }
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADERS_SECONDS_MAX))
        .max_buf_size(HEAD_BYTES_MAX);
    let mut connection =
        std::pin::pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = state.closed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
