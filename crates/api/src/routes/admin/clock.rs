//! `/api/admin/clock`: what time this server believes it is, and a person's word that its machine
//! is right (case F97).

use adit_engine::{ClockDisagrees, ClockStanding};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::auth::{Admin, Service};
use crate::codes;
use crate::docs::shapes::Time;
use crate::extract::Body;
use crate::problem::Problem;
use crate::record::actor_name;
use crate::state::ApiState;
use crate::units::{parse_time, rfc3339};

/// The clocks of this server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClockRecord {
    /// `ok`; `doubted`: nothing is accepted, and nothing new is planned.
    state: &'static str,
    /// Why it is doubted, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<String>,
    /// What time it is, as the server counts it.
    #[schema(value_type = Time)]
    time: String,
    /// What its machine's clock shows.
    #[schema(value_type = Time)]
    machine: String,
    /// By how much the machine's clock is ahead of the time; negative where it is behind.
    drift_milliseconds: i64,
    /// Clocks that disagree with the time.
    disagree: Vec<OtherClock>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherClock {
    /// The database, or the newest block of a chain.
    clock: String,
    /// By how much it is ahead of the time; negative where it is behind.
    seconds: i64,
}

/// What time it is, by a clock that is not the server's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AcceptBody {
    #[schema(value_type = Time)]
    time: String,
}

/// The clocks of this server
#[utoipa::path(get, path = "/api/admin/clock", operation_id = "clock", tag = "Admin", responses((status = 200, body = ClockRecord)))]
pub async fn shown(State(state): State<ApiState>, Service(_caller): Service) -> Json<ClockRecord> {
    Json(record(&state.engine().ports.clock.standing()))
}

/// Says what time it is. Where the machine's clock agrees, it is believed, by this server alone and
/// until it stops
#[utoipa::path(post, path = "/api/admin/clock/accept", operation_id = "accept_clock", tag = "Admin", request_body = AcceptBody,
    responses((status = 200, body = ClockRecord), (status = 403, description = "FORBIDDEN"), (status = 409, description = "CLOCK_DISAGREES"), (status = 422, description = "INVALID_BODY")))]
pub async fn accept(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Body(body): Body<AcceptBody>,
) -> Result<Json<ClockRecord>, Problem> {
    let given = parse_time(&body.time).ok_or_else(|| {
        let detail =
            format!("The time is {:?}; allowed is RFC 3339, like 2026-11-22T11:27:34Z.", body.time);
        Problem::new(&codes::INVALID_BODY, detail).with("field", "time")
    })?;
    let engine = state.engine();
    engine
        .accept_clock(caller.actor.clone(), &actor_name(&caller.actor), given)
        .map_err(disagrees)?;
    Ok(Json(record(&engine.ports.clock.standing())))
}

fn disagrees(ClockDisagrees { wall, given, within }: ClockDisagrees) -> Problem {
    let (wall, given) = (rfc3339(wall), rfc3339(given));
    let seconds = within.seconds();
    let detail = format!(
        "The server's machine shows {wall}, and the time that was given is {given}; they may be \
         {seconds} s apart. Set the machine's clock, then say the time again."
    );
    Problem::new(&codes::CLOCK_DISAGREES, detail)
        .with("machine", wall)
        .with("given", given)
        .with("withinSeconds", seconds)
}

fn record(standing: &ClockStanding) -> ClockRecord {
    ClockRecord {
        state: if standing.doubt.is_some() { "doubted" } else { "ok" },
        sentence: standing.doubt.map(|doubt| doubt.sentence()),
        time: rfc3339(standing.time),
        machine: rfc3339(standing.wall),
        drift_milliseconds: standing.drift / 1_000,
        disagree: standing
            .apart
            .iter()
            .map(|(clock, seconds)| OtherClock { clock: clock.to_string(), seconds: *seconds })
            .collect(),
    }
}
