//! A user's own events over the WebSocket, in the order in which they come.

use std::time::Duration;

use adit_devnet::api::Api;
use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest silence that is waited through.
const SILENCE_BOUND: Duration = Duration::from_secs(30);

/// An open connection.
pub struct Live {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Live {
    /// Connects as the user whose key `token` is: to everything after the event numbered `after`,
    /// or to what happens from now on.
    ///
    /// # Errors
    /// When the server does not take the connection.
    pub async fn connect(api: &Api, token: &str, after: Option<u64>) -> Result<Self> {
        let query = after.map(|seq| format!("?after={seq}")).unwrap_or_default();
        let address = format!("{}/api/live{query}", api.base().replacen("http", "ws", 1));
        let mut request = address.as_str().into_client_request().context("the address is one")?;
        request.headers_mut().insert(
            "Authorization",
            format!("Bearer {token}").parse().context("the key is ASCII")?,
        );
        let (socket, _) =
            connect_async(request).await.with_context(|| format!("connecting to {address}"))?;
        let mut live = Self { socket };
        let first = live.next().await?;
        ensure!(
            first["type"] == "ready",
            "the server says that it is ready before anything else, and said {first}"
        );
        Ok(live)
    }

    /// The next message.
    ///
    /// # Errors
    /// When none comes, or the connection ends.
    pub async fn next(&mut self) -> Result<Value> {
        loop {
            let message =
                timeout(SILENCE_BOUND, self.socket.next()).await.context("a long silence")?;
            match message.context("the connection ended")?? {
                Message::Text(text) => {
                    return serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"));
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => bail!("another message than expected: {other:?}"),
            }
        }
    }

    /// Everything up to and with the first event of that kind.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn until(&mut self, kind: &str) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        loop {
            let message = self
                .next()
                .await
                .with_context(|| format!("waiting for {kind} after {events:?}"))?;
            if message["event"].is_null() {
                continue;
            }
            let found = message["event"] == kind;
            events.push(message);
            if found {
                return Ok(events);
            }
        }
    }
}

/// The numbers of the events in the user's feed.
pub fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

/// What kind each one is.
pub fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}
