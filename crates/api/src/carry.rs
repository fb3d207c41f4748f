//! A request that was begun is carried through, whether its caller still waits or not. Dropped in
//! the middle it could leave a database connection inside a transaction to whoever gets it next.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

/// Runs the request in a task of its own. A panic goes on to whoever catches it.
pub(crate) async fn carry_through(request: Request, next: Next) -> Response {
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::routing::post;
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn whoever_hangs_up_stops_nothing_that_was_begun() {
        let (begun, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, ends) = (begun.clone(), done.clone());
        let slow = async move || {
            begins.notify_one();
            tokio::task::yield_now().await;
            ends.notify_one();
        };
        let router: Router = Router::new().route("/", post(slow)).layer(from_fn(carry_through));
        let request = Request::post("/").body(Body::empty()).expect("a request");
        tokio::select! {
            biased;
            () = begun.notified() => {}
            answer = router.oneshot(request) => panic!("it was answered before its caller left: \
                {answer:?}"),
        }
        tokio::time::timeout(Duration::from_secs(5), done.notified())
            .await
            .expect("it was carried through");
    }
}
