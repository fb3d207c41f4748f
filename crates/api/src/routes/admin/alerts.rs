//! `GET /api/admin/alerts`: what a person should look at now.

use adit_core::{AssetId, Rules};
use adit_engine::Alert;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::Service;
use crate::camel::camel;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::units::units;

/// `{alert, …}`: each names its kind; the operations guide has a page for each.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertList {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

/// Standing alerts
#[utoipa::path(get, path = "/api/admin/alerts", tag = "Admin", responses((status = 200, body = AlertList)))]
pub async fn alerts(State(state): State<ApiState>, Service(_caller): Service) -> Result<Json<AlertList>, Problem> {
    let standing = state.engine().alerts.standing();
    Ok(Json(AlertList { items: standing.iter().map(|alert| view(alert, state.rules())).collect() }))
}

/// As the engine names it, with amounts in whole units.
fn view(alert: &Alert, rules: &Rules) -> Value {
    let mut view = camel(serde_json::to_value(alert).unwrap_or_default());
    let asset = view["asset"].as_str().and_then(|asset| AssetId::new(asset).ok());
    if let Some(asset) = asset {
        for field in ["balance", "threshold"] {
            let amount = view[field].as_str().and_then(|text| text.parse().ok()).map(adit_core::Amount::new);
            if let Some(amount) = amount {
                view[field] = json!(units(rules, &asset, amount));
            }
        }
    }
    view
}
