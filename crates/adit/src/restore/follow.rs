//! `--wait`: follows a running server until every lane has read the signer's journal and runs, or
//! says why it does not.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::output::{Output, plain};
use crate::remote::{Remote, is_unreached};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A journal of many years is read in less.
const FOLLOW_SECONDS_MAX: u64 = 1_800;

/// Where the server stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It goes on by itself; what each part waits for.
    UnderWay(Vec<String>),
    Runs,
    /// It does not go on without a person; why.
    Stopped(Vec<String>),
}

/// # Errors
/// When a lane needs a person, the server refuses, or it takes longer than anything should.
pub async fn to_the_end(server: &Remote, output: Output) -> Result<()> {
    let (began, mut said) = (Instant::now(), Vec::new());
    loop {
        let now = match server.get(&["api", "admin", "lanes"], &[]).await {
            Ok(lanes) => standing(&lanes),
            Err(error) if is_unreached(&error) => Standing::UnderWay(vec![format!("{error}")]),
            Err(error) => return Err(error),
        };
        match now {
            Standing::Runs => {
                return output.result(
                    &json!({ "restored": true }),
                    "every lane has read the signer's journal, and runs",
                );
            }
            Standing::Stopped(why) => {
                bail!("the server does not go on by itself:\n  {}", why.join("\n  "))
            }
            Standing::UnderWay(waits)
                if began.elapsed() >= Duration::from_secs(FOLLOW_SECONDS_MAX) =>
            {
                bail!(
                    "after {FOLLOW_SECONDS_MAX} seconds it still waits; see the server's log:\n  \
                     {}",
                    waits.join("\n  ")
                );
            }
            Standing::UnderWay(waits) => {
                waits
                    .iter()
                    .filter(|wait| !said.contains(*wait))
                    .for_each(|wait| eprintln!("{wait}"));
                said = waits;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn standing(answer: &Value) -> Standing {
    let store = &answer["store"];
    if store["superseded"] == true {
        return Standing::Stopped(vec![
            "another state of the database has taken this server's place; stop it".to_owned(),
        ]);
    }
    if !store["finding"].is_null() {
        return Standing::UnderWay(vec![format!(
            "the database went back ({}); its next life begins",
            plain(&store["finding"]["because"])
        )]);
    }
    let lanes = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let under_way: Vec<String> = lanes.iter().filter_map(waits).collect();
    if !under_way.is_empty() {
        return Standing::UnderWay(under_way);
    }
    let stopped: Vec<String> = lanes.iter().filter_map(stopped).collect();
    if stopped.is_empty() { Standing::Runs } else { Standing::Stopped(stopped) }
}

/// A lane that goes on by itself, and is not there yet.
fn waits(lane: &Value) -> Option<String> {
    let name = plain(&lane["lane"]);
    match (lane["state"].as_str(), lane["journalRead"].as_bool()) {
        (Some("halted"), _) | (Some("running"), Some(true)) => None,
        (Some("sweeping"), _) => {
            Some(format!("{name} sweeps, at nonce {}", plain(&lane["nextNonce"])))
        }
        (_, Some(true)) => {
            Some(format!("{name} has read the journal, and compares the database with the chain"))
        }
        _unread => Some(format!("{name} reads the signer's journal")),
    }
}

fn stopped(lane: &Value) -> Option<String> {
    let halted = &lane["halted"]["sentence"];
    (!halted.is_null()).then(|| format!("{} is halted: {}", plain(&lane["lane"]), plain(halted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(finding: Value, lanes: &[(&str, bool)]) -> Value {
        let lane = |(state, read): &(&str, bool)| {
            let halted = if *state == "halted" {
                json!({ "sentence": "an operator stopped it: a drill." })
            } else {
                Value::Null
            };
            json!({ "lane": "base:0x1", "state": state, "journalRead": read, "halted": halted })
        };
        json!({ "items": lanes.iter().map(lane).collect::<Vec<Value>>(), "store": { "finding": finding, "superseded": false } })
    }

    #[test]
    fn a_server_is_followed_until_every_lane_runs_or_says_why_not() {
        let because = json!({ "because": "declared by an admin: a.db" });
        let under_way = |value: Value| matches!(standing(&value), Standing::UnderWay(_));
        assert!(under_way(answer(because, &[("running", true)])), "a finding stands");
        assert!(under_way(answer(Value::Null, &[("running", false)])), "the journal is not read");
        assert!(
            under_way(answer(Value::Null, &[("halted", true), ("reconciling", true)])),
            "one still reconciles"
        );
        assert_eq!(
            standing(&answer(Value::Null, &[("running", true), ("running", true)])),
            Standing::Runs
        );
        let Standing::Stopped(why) =
            standing(&answer(Value::Null, &[("running", true), ("halted", true)]))
        else {
            panic!("one is halted")
        };
        assert!(why[0].contains("a drill"), "{why:?}");
    }

    #[test]
    fn a_superseded_server_is_not_followed() {
        let mut value = answer(Value::Null, &[("running", true)]);
        value["store"]["superseded"] = json!(true);
        assert!(matches!(standing(&value), Standing::Stopped(_)));
    }
}
