//! Players known to the server: each with a wallet linked, an API key and points, all made through
//! the public API.

use anyhow::Result;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::api::{Api, Credit};
use crate::player::Player;
use crate::progress;

const REQUESTS_AT_ONCE: usize = 32;
const CREDITS_PER_REQUEST: usize = 500;
const REPORT_EVERY: usize = 500;

/// A player with the key he uses the API with.
#[derive(Clone)]
pub struct SeededPlayer {
    pub player: Player,
    pub token: String,
}

/// Introduces them to the server behind `api`, which must carry a service key, and gives each `xp`
/// points.
///
/// # Errors
/// When the server refuses one.
pub async fn seed(api: &Api, players: Vec<Player>, xp: u64) -> Result<Vec<SeededPlayer>> {
    progress::step(format!("seeding {} players with {xp} XP each", players.len()));
    let seeded: Vec<SeededPlayer> = stream::iter(players.into_iter().enumerate())
        .map(|(index, player)| introduce(api, index, player))
        .buffered(REQUESTS_AT_ONCE)
        .try_collect()
        .await?;
    if xp > 0 {
        credit_all(api, &seeded, xp).await?;
    }
    Ok(seeded)
}

async fn introduce(api: &Api, index: usize, player: Player) -> Result<SeededPlayer> {
    api.put_user(&player.id, None).await?;
    api.link_wallet(&player.id, &player.wallet.address.to_string()).await?;
    let token = api.create_key(&player.id).await?;
    if (index + 1).is_multiple_of(REPORT_EVERY) {
        progress::step(format!("{} players so far", index + 1));
    }
    Ok(SeededPlayer { player, token })
}

async fn credit_all(api: &Api, players: &[SeededPlayer], xp: u64) -> Result<()> {
    for some in players.chunks(CREDITS_PER_REQUEST) {
        let credits: Vec<Credit> = some
            .iter()
            .map(|SeededPlayer { player, .. }| {
                Credit::points(format!("seed-{}", player.id), &player.id, xp.to_string())
            })
            .collect();
        api.credit(&credits).await?;
    }
    Ok(())
}
