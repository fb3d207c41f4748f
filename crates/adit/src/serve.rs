//! `adit serve`: puts the parts together, runs until it is asked to stop.

use std::sync::Arc;

use adit_api::{ApiSettings, ApiState, JwksSource, JwtProvider};
use adit_core::{Rules, Span};
use adit_engine::{AnchoredClock, Engine, Ports, Settings, ThirdWitness};
use adit_store::Store;
use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::chains::Chains;
use crate::config::{Config, Jwt, Membership, MetricsListen};
use crate::database::Database;
use crate::output::Output;
use crate::signing::Signing;
use crate::world::{SystemClock, SystemEntropy, TokioSpawner, now};
use crate::{admin_token, config, gate, signing, telemetry, wallets, witness};

/// A chain is read about twice per block, within these bounds.
const OBSERVE_MILLIS_MIN: u64 = 250;
const OBSERVE_MILLIS_MAX: u64 = 4_000;

/// # Errors
/// When something that is needed cannot be had; the error says what to do.
pub async fn run(config: Config, output: Output) -> Result<()> {
    telemetry::start(output.json);
    let listen = config.server.listen;
    let advice = || {
        format!(
            "{listen} cannot be listened on; stop what uses it, or set server.listen (ADIT_LISTEN, \
             PORT)"
        )
    };
    let listener = TcpListener::bind(listen).await.with_context(advice)?;
    let metrics = metrics_listener(config.server.metrics_listen).await?;
    let database = Database::open(&config.store).await?;
    let clock = clock(&config);
    let signing = signing::open(&config, &clock)?;
    wallets::refuse_renamed(&config, &signing.wallets, database.store.as_ref()).await?;
    let chains = Chains::open(&config, &signing.wallets)?;
    let rules = rules(&config, &signing, database.store.as_ref()).await?;
    announce(&config, &rules);
    let gate = gate::open(&config, &chains.evm, &clock)?;
    let witness = witness::open(&config.witness, &clock).await?;
    let ports = ports(&database, &signing, &chains, clock, witness);
    let engine =
        Engine::start(ports, Arc::new(rules), &settings(&config, database.is_ours_alone()));
    admin_token::admit(config.secrets.admin_token.as_ref(), &engine).await?;
    let state = ApiState::new(engine, api_settings(&config), gate)?;
    let stop = stop_signal()?;
    let metrics = match metrics {
        Some(listener) => {
            tracing::info!(
                address = %format_args!("http://{}/metrics", listener.local_addr()?),
                "metrics are served"
            );
            Some(tokio::spawn(adit_api::serve_metrics(listener, state.clone())))
        }
        None => None,
    };
    tracing::info!(address = %format_args!("http://{}", listener.local_addr()?), "Adit is ready");
    adit_api::serve(listener, state.clone(), adit_api::router(state), stop)
        .await
        .context("the API ended")?;
    if let Some(metrics) = metrics {
        metrics.await.context("serving the metrics ended")?;
    }
    tracing::info!("Adit has stopped; what is unfinished goes on at the next start");
    Ok(())
}

/// Binds the address of the metrics, where there is one. Two servers on one machine have the same
/// default, and the later one goes on without. An address that somebody chose has to be free.
async fn metrics_listener(wanted: MetricsListen) -> Result<Option<TcpListener>> {
    let Some(address) = wanted.address() else { return Ok(None) };
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(Some(listener)),
        Err(error) => error,
    };
    match wanted {
        MetricsListen::Default => {
            tracing::warn!(
                "metrics are off: their default address {address} cannot be listened on \
                 ({error}); stop what uses it, or set server.metrics_listen (ADIT_METRICS_LISTEN) \
                 to an address that is free, or to \"none\""
            );
            Ok(None)
        }
        MetricsListen::At(_) | MetricsListen::Nowhere => {
            Err(anyhow::Error::new(error).context(format!(
                "{address} cannot be listened on for the metrics; stop what uses it, or set \
             server.metrics_listen (ADIT_METRICS_LISTEN) to an address of this machine that is \
             free, or to \"none\""
            )))
        }
    }
}

/// A devnet has no clock but this machine's, which is taken for right there when the server starts.
/// Everywhere else a second one has to agree (case F97).
fn clock(config: &Config) -> AnchoredClock {
    let machine = Arc::new(SystemClock);
    if config.is_devnet() { AnchoredClock::accepted(machine) } else { AnchoredClock::over(machine) }
}

/// Listens for SIGINT and SIGTERM from now on; completes with the first of them.
///
/// # Errors
/// When the system does not let us listen.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    let listen = |kind| signal(kind).context("the system's signals cannot be listened to");
    let (mut interrupt, mut terminate) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("asked to stop; what is under way is finished");
    })
}

/// The rules with the number under which the store keeps them.
async fn rules(config: &Config, signing: &Signing, store: &dyn Store) -> Result<Rules> {
    let rules = config.rules(&signing.wallets.addresses);
    let revision = store.policy_revision(&serde_json::to_string(&rules)?, now()).await?;
    Ok(Rules { revision, ..rules })
}

fn ports(
    database: &Database,
    signing: &Signing,
    chains: &Chains,
    clock: AnchoredClock,
    witness: Option<Arc<dyn ThirdWitness>>,
) -> Ports {
    Ports {
        clock,
        entropy: Arc::new(SystemEntropy),
        spawner: Arc::new(TokioSpawner),
        store: database.store.clone(),
        chains: chains.ports(),
        signer: signing.signer.clone(),
        witness,
    }
}

fn settings(config: &Config, alone: bool) -> Settings {
    let fastest =
        config.chains.values().map(|chain| chain.block_time.millis()).min().unwrap_or_default();
    Settings {
        alone,
        own_dates: config.is_devnet(),
        observe_beat: Span::from_millis(
            (fastest / 2).clamp(OBSERVE_MILLIS_MIN, OBSERVE_MILLIS_MAX),
        ),
        low: config.alerts.low.clone(),
        stuck_after: config.alerts.stuck_after,
        ..Settings::default()
    }
}

fn api_settings(config: &Config) -> ApiSettings {
    ApiSettings {
        cors_origins: config.server.cors_origins.clone(),
        requests_per_second: config.server.requests_per_second,
        requests_burst: config.server.requests_burst,
        behind_proxy: config.server.behind_proxy,
        membership: match &config.membership {
            Membership::Open => adit_api::Membership::Open,
            Membership::Required { .. } => adit_api::Membership::Required,
            Membership::Tiered { tier, .. } => adit_api::Membership::Tiered { tier: tier.clone() },
        },
        jwt_providers: config.jwt.iter().map(provider).collect(),
        ..ApiSettings::default()
    }
}

fn provider(jwt: &Jwt) -> JwtProvider {
    JwtProvider {
        issuer: jwt.issuer.clone(),
        audiences: jwt.audiences.clone(),
        algorithms: jwt.algorithms.clone(),
        keys: JwksSource::Url(jwt.jwks_url.clone()),
        user_claim: jwt.subject_claim.clone(),
        user_prefix: jwt.user_prefix.clone(),
        wallets_claim: jwt.wallets_claim.clone(),
    }
}

fn announce(config: &Config, rules: &Rules) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), revision = rules.revision, "Adit starts");
    for chain in rules.chains.values() {
        let endpoints = config.chains.get(&chain.name).map_or(0, config::Chain::sources);
        tracing::info!(
            chain = %chain.name,
            wallet = %chain.lane.wallet,
            endpoints,
            confirmations = chain.confirmations,
            finality = ?chain.finality,
            "pays on"
        );
    }
    match &config.membership {
        Membership::Open => {}
        Membership::Required { lock } => tracing::info!(%lock, "membership is required to claim"),
        Membership::Tiered { lock, tier } => {
            tracing::info!(%lock, %tier, "everyone can claim, members with their tier's limits")
        }
    }
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
}
