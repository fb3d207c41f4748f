//! What a transaction should pay to be mined within so many blocks. A chain with little traffic has
//! nothing to say: `{}`; unless the gateway was told what to say.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use super::super::View;
use super::Refusal;

pub fn routes() -> Router<View> {
    Router::new().route("/fee-estimates", get(fee_estimates))
}

/// The targets of `electrs`: 1 to 25 blocks, a day, half a week, a week.
fn targets() -> impl Iterator<Item = u16> {
    (1..=25).chain([144, 504, 1008])
}

/// Satoshis per virtual byte, by target.
async fn fee_estimates(State(view): State<View>) -> Result<Json<BTreeMap<u16, f64>>, Refusal> {
    let mut estimates = BTreeMap::new();
    for target in targets() {
        let estimate = view
            .fee_estimate(target)
            .await
            .map_err(|error| Refusal::bad_request(error.to_string()))?;
        if let Some(per_kvbyte) = estimate {
            estimates.insert(target, per_kvbyte.to_sat() as f64 / 1_000.0);
        }
    }
    Ok(Json(estimates))
}
