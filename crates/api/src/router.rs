//! All routes and what stands around them.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

use crate::auth::admit;
use crate::bounds::bound;
use crate::carry::carry_through;
use crate::codes;
use crate::docs;
use crate::metrics::measure;
use crate::problem::{Problem, dress};
use crate::routes::token::outcome::REPLAYED;
use crate::routes::{api, imports, numbers, probes};
use crate::settings::ApiSettings;
use crate::state::ApiState;

/// How long browsers remember that they may ask.
const CORS_SECONDS: u64 = 600;

/// The whole API, ready to be served. Unknown routes are answered here too; a page is merged in
/// before them by its path.
pub fn router(state: ApiState) -> Router {
    let (router, document) = parts(&state);
    router
        .merge(docs::routes(&docs::completed(&document)).with_state(()))
        .fallback(async || {
            Problem::new(
                &codes::ROUTE_NOT_FOUND,
                "There is no such route. They are listed at /api/docs.",
            )
        })
        .layer(from_fn(carry_through))
        .layer(from_fn_with_state(state.clone(), measure))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(state.clone(), dress))
        .layer(cors(state.settings()))
}

/// What is served on the address of the metrics: `GET /metrics`, and nothing else. A scrape that
/// was begun is carried through, since others may wait for what it reads.
pub fn metrics_router(state: ApiState) -> Router {
    let nothing_else = "There is no such route. Only /metrics is served on this address.";
    numbers()
        .fallback(async move || Problem::new(&codes::ROUTE_NOT_FOUND, nothing_else))
        .layer(from_fn(carry_through))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(state)
}

/// The OpenAPI document.
pub fn openapi() -> serde_json::Value {
    docs::completed(
        &OpenApiRouter::with_openapi(docs::document())
            .merge(api())
            .merge(imports())
            .merge(probes())
            .into_openapi(),
    )
}

fn parts(state: &ApiState) -> (Router, utoipa::openapi::OpenApi) {
    let settings = state.settings();
    let small =
        OpenApiRouter::new().merge(api()).layer(DefaultBodyLimit::max(settings.body_bytes_max));
    let large = OpenApiRouter::new()
        .merge(imports())
        .layer(DefaultBodyLimit::max(settings.import_bytes_max));
    let guarded =
        small.merge(large).layer(from_fn_with_state(state.clone(), admit)).layer(from_fn(bound));
    OpenApiRouter::with_openapi(docs::document())
        .merge(guarded)
        .merge(probes())
        .with_state(state.clone())
        .split_for_parts()
}

fn cors(settings: &ApiSettings) -> CorsLayer {
    let origins: Vec<HeaderValue> = settings
        .cors_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok())
        .collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("prefer"),
            HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([header::RETRY_AFTER, REPLAYED])
        .max_age(Duration::from_secs(CORS_SECONDS))
}

/// A defect of ours: said as such, with nothing of its inside.
fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = message.unwrap_or("without a message"), "a handler panicked");
    debug_assert_eq!(codes::INTERNAL.status(), StatusCode::INTERNAL_SERVER_ERROR);
    Problem::new(
        &codes::INTERNAL,
        "The server has a defect. Look whether the request took effect before you send it again.",
    )
    .into_response()
}
