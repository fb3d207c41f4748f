//! Limits: per user and asset the last entry, and per window three answers that indexes give.

use std::collections::BTreeMap;

use adit_core::{Amount, AssetId, LimitState, Timestamp, UserId, Window, WindowState};
use adit_store::StoreFault;
use adit_store::rows::{Fields, limit_keys, sum, value};
use sqlx::{SqliteConnection, query};

use crate::columns::{Columns, all, array};

type Asked = BTreeMap<(UserId, AssetId), Vec<Window>>;

pub(crate) async fn limits(
    connection: &mut SqliteConnection,
    asked: &Asked,
    now: Timestamp,
) -> Result<BTreeMap<(UserId, AssetId), LimitState>, StoreFault> {
    let (keys, windows) = limit_keys(asked, now);
    let mut states: Vec<LimitState> = keys.iter().map(|_| LimitState::default()).collect();
    for (place, last) in all(connection, query(LAST).bind(array(&keys)?), read_last).await? {
        states[place] = last;
    }
    let mut found =
        all(connection, query(WINDOWS).bind(array(&windows)?), read_window).await?.into_iter();
    for (state, of_asset) in states.iter_mut().zip(asked.values()) {
        state.windows = of_asset.iter().copied().zip(found.by_ref()).collect();
    }
    Ok(asked.keys().cloned().zip(states).collect())
}

/// Keys are taken out of the array once, not anew for each comparison.
const LAST: &str = "
    WITH k (place, user_id, asset) AS MATERIALIZED (
        SELECT e.value ->> 'place', e.value ->> 'user_id', e.value ->> 'asset' FROM jsonb_each(?1) AS e
    )
    SELECT k.place, l.seq, l.at, l.cumulative
    FROM k
    CROSS JOIN limit_entry AS l ON l.user_id = k.user_id AND l.asset = k.asset
    WHERE (l.at, l.seq) = (
        SELECT m.at, m.seq FROM limit_entry AS m WHERE m.user_id = k.user_id AND m.asset = k.asset ORDER BY m.at DESC, m.seq DESC LIMIT 1
    )";

/// The running sum at the cut-off, what was given back after it, and the first entry after it that
/// stands.
const WINDOWS: &str = "
    WITH k (place, user_id, asset, cutoff) AS MATERIALIZED (
        SELECT e.key, e.value ->> 'user_id', e.value ->> 'asset', e.value ->> 'cutoff' FROM jsonb_each(?1) AS e
    )
    SELECT (
        SELECT l.cumulative FROM limit_entry AS l
        WHERE l.user_id = k.user_id AND l.asset = k.asset AND l.at <= k.cutoff
        ORDER BY l.at DESC, l.seq DESC LIMIT 1
    ) AS cumulative_at_cutoff, (
        SELECT group_concat(l.amount) FROM limit_entry AS l INDEXED BY limit_entry_given_back
        WHERE l.user_id = k.user_id AND l.asset = k.asset AND l.at > k.cutoff AND l.given_back_at IS NOT NULL
    ) AS given_back, (
        SELECT l.at FROM limit_entry AS l
        WHERE l.user_id = k.user_id AND l.asset = k.asset AND l.at > k.cutoff AND l.given_back_at IS NULL
        ORDER BY l.at, l.seq LIMIT 1
    ) AS oldest_at
    FROM k
    ORDER BY k.place";

fn read_last(row: &Columns<'_>) -> Result<(usize, LimitState), StoreFault> {
    let whole = |column| row.integer(column).map(|number| number.unsigned_abs());
    let state = LimitState {
        last_seq: whole("seq")?,
        last_at: Some(Timestamp::from_micros(row.integer("at")?)),
        cumulative: value(row, "cumulative").map(Amount::new)?,
        windows: BTreeMap::new(),
    };
    Ok((whole("place")? as usize, state))
}

fn read_window(row: &Columns<'_>) -> Result<WindowState, StoreFault> {
    Ok(WindowState {
        cumulative_at_cutoff: sum(
            row.text_or_none("cumulative_at_cutoff")?,
            "cumulative_at_cutoff",
        )?,
        given_back: sum(row.text_or_none("given_back")?, "given_back")?,
        oldest_at: row.integer_or_none("oldest_at")?.map(Timestamp::from_micros),
    })
}
