//! The OpenAPI document, and a page that a person can read. The page is one file: nothing is loaded
//! from elsewhere.

mod page;
mod refusals;
pub mod shapes;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::codes;

#[derive(OpenApi)]
#[openapi(
    info(title = "Adit", description = "Withdrawals, exactly once. Amounts are strings of whole \
        units; times are RFC 3339. Refusals carry a stable `code` and its parameters: \
        `application/problem+json`, and on `/api/token/*` `{success: false, error, code}`."),
    security(("bearer" = [])),
    tags(
        (name = "Claims", description = "Points paid as a token, against a claim that the user \
            signs in his wallet"),
        (name = "User", description = "What a user has, and what happens to it"),
        (name = "Withdrawals", description = "Payments of any asset"),
        (name = "Admin", description = "For host applications (service keys) and operators (admin \
            keys)"),
        (name = "Operations", description = "For those who watch the process; no credential"),
    ),
)]
struct Document;

/// The document before its routes.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key (`adit_…`), or a token of a configured sign-in provider"))
        .build();
    let components = document.components.get_or_insert_default();
    components
        .schemas
        .extend(shapes::all().into_iter().map(|(name, schema)| (name.into_owned(), schema)));
    components.security_schemes.insert("bearer".to_owned(), SecurityScheme::Http(bearer).into());
    document
}

/// The document with its routes, and what all of them have in common.
pub fn completed(document: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    refusals::complete(&mut document);
    document
}

/// `/api/openapi.json` and `/api/docs`, made once; whoever opens the bare address is shown the
/// latter.
pub fn routes(document: &Value) -> Router {
    let json: Arc<str> = document.to_string().into();
    let page: Arc<str> = page::render(document, codes::ALL).into();
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    Router::new()
        .route(
            "/api/openapi.json",
            get(async move || {
                ([(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response()
            }),
        )
        .route("/", get(async || Redirect::temporary("/api/docs")))
        .route(
            "/api/docs",
            get(async move || {
                (
                    [
                        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                        (header::CONTENT_SECURITY_POLICY, policy),
                    ],
                    page.to_string(),
                )
                    .into_response()
            }),
        )
}
