//! `GET /api/admin/alerts`: what a person should look at now.

use adit_core::{AssetId, Rules, Timestamp};
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
use crate::units::{rfc3339, units};

/// `{alert, …}`: each names its kind; the operations guide has a page for each.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertList {
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
}

/// Standing alerts
#[utoipa::path(get, path = "/api/admin/alerts", tag = "Admin", responses((status = 200, body = AlertList)))]
pub async fn alerts(
    State(state): State<ApiState>,
    Service(_caller): Service,
) -> Result<Json<AlertList>, Problem> {
    let standing = state.engine().alerts.standing();
    Ok(Json(AlertList { items: standing.iter().map(|alert| view(alert, state.rules())).collect() }))
}

/// As the engine names it, with amounts in whole units and times in RFC 3339.
fn view(alert: &Alert, rules: &Rules) -> Value {
    let mut view = camel(serde_json::to_value(alert).unwrap_or_default());
    let asset = view["asset"].as_str().and_then(|asset| AssetId::new(asset).ok());
    if let Some(asset) = asset {
        for field in ["balance", "threshold", "missing"] {
            let amount =
                view[field].as_str().and_then(|text| text.parse().ok()).map(adit_core::Amount::new);
            if let Some(amount) = amount {
                view[field] = json!(units(rules, &asset, amount));
            }
        }
    }
    if let Some(since) = view["since"].as_i64() {
        view["since"] = json!(rfc3339(Timestamp::from_micros(since)));
    }
    view
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use adit_core::{Amount, Span, WithdrawalId};

    use super::*;

    fn rules() -> Rules {
        Rules {
            revision: 1,
            assets: BTreeMap::new(),
            chains: BTreeMap::new(),
            claims: None,
            wallet_cooling: Span::from_hours(0),
            cancels_per_day_max: 1,
        }
    }

    #[test]
    fn an_alert_has_its_kind_and_its_fields_in_camel_case() {
        let withdrawal: WithdrawalId =
            "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("an id");
        let lane = || "base:0x1".to_owned();
        let cases = [
            (
                Alert::LaneSilent { lane: lane(), seconds: 61 },
                json!({ "alert": "lane_silent", "lane": "base:0x1", "seconds": 61 }),
            ),
            (
                Alert::SignerRefuses { lane: lane(), refused: "no".to_owned(), seconds: 5 },
                json!({ "alert": "signer_refuses", "lane": "base:0x1", "refused": "no", "seconds": 5 }),
            ),
            (
                Alert::CancelWaits { lane: lane(), withdrawal, needs: "a lower fee".to_owned() },
                json!({ "alert": "cancel_waits", "lane": "base:0x1", "withdrawal": withdrawal, "needs": "a lower fee" }),
            ),
            (
                Alert::WitnessUnusable { lane: lane(), sentence: "it is damaged".to_owned() },
                json!({ "alert": "witness_unusable", "lane": "base:0x1", "sentence": "it is damaged" }),
            ),
            (
                Alert::FeeDoubted {
                    lane: lane(),
                    count: 2,
                    hash: adit_core::Hash32([7; 32]),
                    known: "no".to_owned(),
                },
                json!({
                    "alert": "fee_doubted", "lane": "base:0x1", "count": 2, "known": "no",
                    "hash": format!("0x{}", "07".repeat(32)),
                }),
            ),
            (
                Alert::WalletEmpty {
                    lane: lane(),
                    asset: "DG".parse().expect("an asset"),
                    waiting: 400,
                    missing: Amount::new(1_500_000),
                    since: Timestamp::from_seconds(1_700_000_000),
                },
                json!({
                    "alert": "wallet_empty", "lane": "base:0x1", "asset": "DG", "waiting": 400, "missing": "1500000",
                    "since": "2023-11-14T22:13:20Z",
                }),
            ),
            (
                Alert::StandbyAsynchronous { standbys: 2 },
                json!({ "alert": "standby_asynchronous", "standbys": 2 }),
            ),
            (
                Alert::StandbyUnseen { connected: 1 },
                json!({ "alert": "standby_unseen", "connected": 1 }),
            ),
            (
                Alert::CommitsUnsynced {
                    synchronous_commit: "local".to_owned(),
                    standbys_named: true,
                },
                json!({ "alert": "commits_unsynced", "synchronousCommit": "local", "standbysNamed": true }),
            ),
            (
                Alert::StoreWentBack { because: "declared".to_owned() },
                json!({ "alert": "store_went_back", "because": "declared" }),
            ),
            (Alert::StoreSuperseded, json!({ "alert": "store_superseded" })),
            (Alert::Unmatched { count: 3 }, json!({ "alert": "unmatched", "count": 3 })),
        ];
        for (alert, shown) in cases {
            assert_eq!(view(&alert, &rules()), shown);
        }
        let low = Alert::FundsLow {
            lane: lane(),
            asset: "DG".parse().expect("an asset"),
            balance: Amount::new(5),
            threshold: Amount::new(9),
        };
        assert_eq!(
            view(&low, &rules())["balance"],
            "5",
            "base units where the asset is not configured any more"
        );
    }
}
