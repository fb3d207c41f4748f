//! Serves the API on a socket until it is told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::state::ApiState;

/// How long requests that are under way may take to end once the server stops.
pub const STOP_SECONDS_MAX: u64 = 10;

/// Serves `router` (of [`crate::router`], with a page merged in where there is one). When `stop` completes, no new connection is taken;
/// long waits answer with what they know, live connections are told to go elsewhere, and the rest has a few seconds.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    state: ApiState,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection does not send at once");
        }
    });
    let closing = state.clone();
    let stopping = async move {
        stop.await;
        closing.close();
    };
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(stopping);
    let overdue = async {
        state.closed().await;
        tokio::time::sleep(Duration::from_secs(STOP_SECONDS_MAX)).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = overdue => {
            tracing::warn!("some connections did not end in time");
            Ok(())
        }
    }
}
