//! One live connection, from its first message to its end.

use std::pin::pin;
use std::time::Duration;

use adit_core::{ChainKind, Event, UserId};
use adit_store::StoreFault;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, interval_at, timeout};

use super::Seat;
use super::view::event_view;
use crate::auth::{Principal, authenticate, unknown_token};
use crate::codes;
use crate::problem::Problem;
use crate::rate::Counted;
use crate::state::ApiState;
use crate::wakes::Subject;

/// How long a client has to say who he is.
const FIRST_MESSAGE_SECONDS_MAX: u64 = 10;
/// How long a client may take to read one message.
const SEND_SECONDS_MAX: u64 = 10;
/// A feed that could not be read is read again.
const READ_AGAIN_MILLIS: u64 = 1_000;
/// A key that was revoked is noticed as often, too.
const PING_SECONDS: u64 = 20;
/// Longest sleep before the clock is looked at again: it may be set.
const EXPIRY_LOOK_MILLIS_MAX: u64 = 1_000;
/// A client that was silent for this long is gone.
const SILENCE_SECONDS_MAX: u64 = 60;
/// Events that are read at once.
const PAGE_EVENTS: usize = 200;

pub struct Session {
    pub state: ApiState,
    /// Who asks and whose events, known already where the handshake carried a credential.
    pub known: Option<(Principal, UserId)>,
    /// Whom a service wants to listen to.
    pub named: Option<UserId>,
    pub after: Option<u64>,
    pub address: Counted,
    pub seat: Seat,
}

/// The first message of a client that could not send a header.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstMessage {
    token: String,
    after: Option<u64>,
    /// Ignored: lets clients label their messages.
    #[serde(rename = "type")]
    _kind: Option<String>,
}

/// Why a connection ends.
enum End {
    /// The client left, or does not read.
    Gone,
    /// The server stops; reconnect elsewhere.
    Closing,
    Refused(Problem),
}

impl Session {
    pub async fn run(mut self, mut socket: WebSocket) {
        self.state.metrics().live().inc();
        let end = match self.open(&mut socket).await {
            Ok((principal, user, seq)) => self.stream(&mut socket, &principal, &user, seq).await,
            Err(end) => end,
        };
        self.state.metrics().live().dec();
        match end {
            End::Gone => {}
            End::Closing => {
                close(&mut socket, close_code::AWAY, "the server stops; connect again").await
            }
            End::Refused(problem) => {
                let _gone = send(
                    &mut socket,
                    json!({ "type": "error", "code": problem.code.name, "error": problem.detail }),
                )
                .await;
                close(&mut socket, close_code::POLICY, problem.code.name).await;
            }
        }
    }

    /// Finds out who listens and from where on, and says so.
    async fn open(&mut self, socket: &mut WebSocket) -> Result<(Principal, UserId, u64), End> {
        let (principal, user) = match self.known.take() {
            Some(known) => known,
            None => self.first_message(socket).await?,
        };
        let sheet =
            self.state.store().user(&user).await.map_err(|fault| End::Refused(fault.into()))?;
        let newest = sheet.map_or(0, |sheet| sheet.user.event_seq);
        let seq = self.after.unwrap_or(newest);
        if seq > newest {
            let detail = format!(
                "after is {seq}, and the newest event is {newest}. Read the state anew and connect \
                 without it."
            );
            return Err(End::Refused(Problem::new(&codes::INVALID_QUERY, detail)));
        }
        send(socket, json!({ "type": "ready", "seq": seq, "newest": newest })).await?;
        Ok((principal, user, seq))
    }

    async fn first_message(&mut self, socket: &mut WebSocket) -> Result<(Principal, UserId), End> {
        let refused = |detail: &str| End::Refused(Problem::new(&codes::UNAUTHENTICATED, detail));
        let first = timeout(Duration::from_secs(FIRST_MESSAGE_SECONDS_MAX), socket.recv()).await;
        let first = first.map_err(|_| refused("No token came in time."))?;
        let Some(Ok(Message::Text(text))) = first else { return Err(End::Gone) };
        let wanted = "The first message must be {\"token\": \"…\"}, optionally with after.";
        let first: FirstMessage = serde_json::from_str(&text).map_err(|_| refused(wanted))?;
        let principal =
            authenticate(&self.state, &first.token, &self.address).await.map_err(End::Refused)?;
        let user = principal.in_query(self.named.clone()).map_err(End::Refused)?;
        self.seat.name(&user).map_err(End::Refused)?;
        self.after = first.after.or(self.after);
        Ok((principal, user))
    }

    async fn stream(
        &self,
        socket: &mut WebSocket,
        principal: &Principal,
        user: &UserId,
        mut seq: u64,
    ) -> End {
        let waiter = self.state.wakes().wait_for(Subject::Feed(user.clone()));
        let mut heard = Instant::now();
        let every = Duration::from_secs(PING_SECONDS);
        let mut ping = interval_at(Instant::now() + every, every);
        loop {
            let mut woken = pin!(waiter.woken());
            let again_in = match self.send_new(socket, user, &mut seq).await {
                Ok(true) => Duration::MAX,
                Ok(false) => Duration::from_millis(READ_AGAIN_MILLIS),
                Err(end) => return end,
            };
            let mut again = pin!(tokio::time::sleep(again_in));
            loop {
                tokio::select! {
                    () = &mut woken => break,
                    () = &mut again => break,
                    _ = ping.tick() => {
                        if heard.elapsed() > Duration::from_secs(SILENCE_SECONDS_MAX) {
                            return End::Gone;
                        }
                        if self.is_over(principal) {
                            return End::Refused(unknown_token());
                        }
                        if send_message(socket, Message::Ping(Vec::new().into())).await.is_err() {
                            return End::Gone;
                        }
                    }
                    () = self.expiry(principal) => return End::Refused(unknown_token()),
                    () = self.state.closed() => return End::Closing,
                    message = socket.recv() => match message {
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                        Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => heard = Instant::now(),
                    },
                }
            }
            if self.is_over(principal) {
                return End::Refused(unknown_token());
            }
        }
    }

    /// Whether the key of this connection was revoked, or it or the token has expired.
    fn is_over(&self, principal: &Principal) -> bool {
        principal.key.is_some_and(|key| self.state.keys().is_revoked(key))
            || principal.ends.is_some_and(|end| end <= self.state.now())
    }

    /// Completes when the key or token expires.
    async fn expiry(&self, principal: &Principal) {
        let Some(end) = principal.ends else { return std::future::pending().await };
        while self.state.now() < end {
            let left = end.since(self.state.now()).millis().max(1);
            tokio::time::sleep(Duration::from_millis(left.min(EXPIRY_LOOK_MILLIS_MAX))).await;
        }
    }

    /// Returns whether everything could be read.
    async fn send_new(
        &self,
        socket: &mut WebSocket,
        user: &UserId,
        seq: &mut u64,
    ) -> Result<bool, End> {
        loop {
            let events = match self.state.store().feed(user, *seq, PAGE_EVENTS).await {
                Ok(events) => events,
                Err(fault) => {
                    tracing::warn!(%fault, %user, "a live feed cannot be read now");
                    return Ok(false);
                }
            };
            let full = events.len() == PAGE_EVENTS;
            for event in events {
                let Ok(kind) = self.chain_kind(&event).await else { return Ok(false) };
                if let Some(view) = event_view(&event, self.state.rules(), kind) {
                    send(socket, view).await?;
                }
                *seq = event.feed.map_or(*seq, |feed| feed.seq);
            }
            if !full {
                return Ok(true);
            }
        }
    }

    /// The kind of chain that pays the event's withdrawal: each writes hashes its own way.
    async fn chain_kind(&self, event: &Event) -> Result<ChainKind, StoreFault> {
        let rules = self.state.rules();
        let several = rules.chains.values().any(|chain| chain.kind != ChainKind::Evm);
        let Some(id) = event.withdrawal.filter(|_| several) else { return Ok(ChainKind::Evm) };
        let withdrawal = self.state.store().withdrawal(id).await?;
        Ok(withdrawal
            .and_then(|known| rules.chain_of(&known.asset))
            .map_or(ChainKind::Evm, |chain| chain.kind))
    }
}

async fn send(socket: &mut WebSocket, message: Value) -> Result<(), End> {
    send_message(socket, Message::Text(message.to_string().into())).await
}

async fn send_message(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(Duration::from_secs(SEND_SECONDS_MAX), socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: reason.into() };
    let _gone = send_message(socket, Message::Close(Some(frame))).await;
}
