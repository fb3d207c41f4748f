//! `ADIT_ADMIN_TOKEN`: the key with which all others are issued. Another value there revokes the
//! one of before.

use adit_core::{
    Actor, ClientId, Command, Credential, CredentialId, Hash32, Role, Standing, Timestamp,
};
use adit_engine::{Clock as _, Engine};
use adit_store::CredentialFilter;
use anyhow::{Context as _, Result};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

const LABEL: &str = "ADIT_ADMIN_TOKEN";
/// Whose key it is where no earlier one says otherwise.
const CLIENT: &str = "admin";
/// Keys of earlier values that are looked for.
const OLDER_MAX: usize = 100;

/// Makes the key known, and revokes those of earlier values. A key that was revoked stays so, and
/// then nothing else is touched: a server that still has the old value takes nothing from the
/// others.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn admit(token: Option<&SecretString>, engine: &Engine) -> Result<()> {
    let Some(token) = token else { return Ok(()) };
    let hash = Hash32(Sha256::digest(token.expose_secret().as_bytes()).into());
    let now = engine.ports.clock.now();
    let older = older(engine, hash, now).await?;
    let known = engine.store().credential(hash).await?;
    match known.as_ref().map(|known| known.standing(now)) {
        Some(Standing::Standing) => {}
        Some(Standing::Revoked | Standing::Expired) => {
            tracing::warn!(
                "{LABEL} is a key that was revoked or has expired; nobody can use it. Set another \
                 one, then restart"
            );
            return Ok(());
        }
        None => issue(engine, hash, now, older.first().map(|newest| newest.client.clone())).await?,
    }
    for key in older {
        let reason = format!("{LABEL} was changed");
        engine
            .submit(
                Actor::Engine,
                Command::RevokeCredential { credential: key.id, user: None, reason },
            )
            .await?;
        tracing::info!(key = %key.id, "the key of an earlier {LABEL} is revoked");
    }
    Ok(())
}

async fn issue(
    engine: &Engine,
    hash: Hash32,
    now: Timestamp,
    client: Option<ClientId>,
) -> Result<()> {
    let key = Credential::new(CredentialId(engine.ports.uuid()), hash, Role::Admin, None, now);
    let client = client.map_or_else(|| ClientId::named(CLIENT), Ok)?;
    let credential = Credential { client, label: LABEL.to_owned(), from_environment: true, ..key };
    match engine.submit(Actor::Engine, Command::IssueCredential { credential }).await {
        // Another replica that starts at the same moment may have issued it.
        Err(_) if engine.store().credential(hash).await?.is_some() => Ok(()),
        issued => issued.map(drop).with_context(|| format!("the key of {LABEL} cannot be issued")),
    }
}

/// Standing keys of other values of the variable, newest first.
async fn older(engine: &Engine, hash: Hash32, now: Timestamp) -> Result<Vec<Credential>> {
    let filter = CredentialFilter {
        from_environment: Some(true),
        standing_at: Some(now),
        ..CredentialFilter::default()
    };
    let found = engine.store().credentials(&filter, None, OLDER_MAX).await?;
    Ok(found.into_iter().map(|record| record.credential).filter(|key| key.hash != hash).collect())
}
