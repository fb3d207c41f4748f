//! `[server]`, `[wallets]`, `[withdrawals]`, `[alerts]`: how the process presents itself and what
//! it watches.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use adit_core::{Amount, AssetId, Span};

use super::environment::LISTEN_DEFAULT;
use super::section::Section;

/// 30 days.
const SECONDS_MAX: u64 = 2_592_000;
/// The port that OpenTelemetry's exporters for Prometheus have.
const METRICS_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_464);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub listen: SocketAddr,
    pub metrics_listen: MetricsListen,
    /// Origins whose pages may call the API from a browser.
    pub cors_origins: Vec<String>,
    /// Per caller.
    pub requests_per_second: u32,
    pub requests_burst: u32,
    /// The caller's address is what a proxy in front appends to `X-Forwarded-For`.
    pub behind_proxy: bool,
}

/// Where the metrics are served, apart from the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricsListen {
    /// Nobody said where: at the default address, unless something else has it, as another server
    /// on the same machine.
    Default,
    At(SocketAddr),
    Nowhere,
}

impl MetricsListen {
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Default => Some(METRICS_DEFAULT),
            Self::At(address) => Some(address),
            Self::Nowhere => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "none" => Some(Self::Nowhere),
            address => address.parse().ok().map(Self::At),
        }
    }
}

impl Server {
    pub fn read(section: Option<Section<'_>>) -> Self {
        let mut server = Self {
            listen: LISTEN_DEFAULT.parse().expect("a constant address"),
            metrics_listen: MetricsListen::Default,
            cors_origins: Vec::new(),
            requests_per_second: 50,
            requests_burst: 200,
            behind_proxy: false,
        };
        let Some(section) = section else { return server };
        let form = "an IP address and a port, like \"127.0.0.1:5000\", or \"0.0.0.0:5000\" for every \
             interface";
        server.listen = section.typed("listen", form).unwrap_or(server.listen);
        let form = "an IP address and a port, like \"127.0.0.1:9464\", or \"none\" where metrics are not \
             served";
        let metrics_listen =
            section.read("metrics_listen", form, |value| MetricsListen::parse(value.as_str()?));
        server.metrics_listen = metrics_listen.unwrap_or(server.metrics_listen);
        server.cors_origins = section.texts("cors_origins").unwrap_or_default();
        for origin in server.cors_origins.iter().filter(|origin| !is_origin(origin)) {
            section.wrong(
                "cors_origins",
                format_args!("names {origin:?}"),
                "allowed are origins like \"https://app.example.org\", without a path",
            );
        }
        server.requests_per_second = section
            .number("requests_per_second", 1..=1_000_000)
            .unwrap_or(server.requests_per_second);
        server.requests_burst =
            section.number("requests_burst", 1..=1_000_000).unwrap_or(server.requests_burst);
        server.behind_proxy = section.flag("behind_proxy").unwrap_or(false);
        section.finish();
        server
    }
}

/// Scheme, host and perhaps a port: what a browser sends. `*` would let any page act with a
/// visitor's key.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|host| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// How long a further wallet of a user waits before it can claim.
    pub wallet_cooling: Span,
    /// Cancels that one user may make in 24 hours.
    pub cancels_per_day_max: u32,
}

impl People {
    pub fn read(wallets: Option<Section<'_>>, withdrawals: Option<Section<'_>>) -> Self {
        let mut people = Self { wallet_cooling: Span::from_hours(24), cancels_per_day_max: 20 };
        if let Some(section) = wallets {
            people.wallet_cooling = section
                .seconds("cooling_seconds", 0..=SECONDS_MAX)
                .unwrap_or(people.wallet_cooling);
            section.finish();
        }
        if let Some(section) = withdrawals {
            people.cancels_per_day_max = section
                .number("cancels_per_day_max", 0..=1_000_000)
                .unwrap_or(people.cancels_per_day_max);
            section.finish();
        }
        people
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alerts {
    /// Below these balances of the wallet people are told.
    pub low: BTreeMap<AssetId, Amount>,
    pub stuck_after: Span,
}

impl Alerts {
    /// `decimals` of the assets that exist.
    pub fn read(section: Option<Section<'_>>, decimals: &BTreeMap<AssetId, u8>) -> Self {
        let mut alerts = Self { low: BTreeMap::new(), stuck_after: Span::from_seconds(600) };
        let Some(section) = section else { return alerts };
        alerts.stuck_after =
            section.seconds("stuck_after_seconds", 1..=SECONDS_MAX).unwrap_or(alerts.stuck_after);
        for (asset, threshold) in section.amounts("low", decimals) {
            alerts.low.insert(asset, threshold);
        }
        section.finish();
        alerts
    }
}
