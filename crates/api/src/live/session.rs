//! One live connection, from its first message to its end.

use std::time::Duration;

use adit_core::{ChainKind, Event, UserId};
use adit_store::StoreFault;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::Seat;
use super::view::event_view;
use crate::auth::authenticate;
use crate::codes;
use crate::problem::Problem;
use crate::rate::Counted;
use crate::state::ApiState;
use crate::wakes::Subject;

/// How long a client has to say who he is.
const FIRST_MESSAGE_SECONDS_MAX: u64 = 10;
/// How long a client may take to read one message.
const SEND_SECONDS_MAX: u64 = 10;
/// Another replica's commits do not wake this one, so the feed is read by itself as well.
const LOOK_MILLIS: u64 = 1_000;
const PING_SECONDS: u64 = 20;
/// A client that was silent for this long is gone.
const SILENCE_SECONDS_MAX: u64 = 60;
/// Events that are read at once.
const PAGE_EVENTS: usize = 200;

pub struct Session {
    pub state: ApiState,
    /// Known already where the handshake carried a credential.
    pub user: Option<UserId>,
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
            Ok((user, seq)) => self.stream(&mut socket, &user, seq).await,
            Err(end) => end,
        };
        self.state.metrics().live().dec();
        match end {
            End::Gone => {}
            End::Closing => close(&mut socket, close_code::AWAY, "the server stops; connect again").await,
            End::Refused(problem) => {
                let _gone = send(&mut socket, json!({ "type": "error", "code": problem.code.name, "error": problem.detail })).await;
                close(&mut socket, close_code::POLICY, problem.code.name).await;
            }
        }
    }

    /// Finds out who listens and from where on, and says so.
    async fn open(&mut self, socket: &mut WebSocket) -> Result<(UserId, u64), End> {
        let user = match self.user.take() {
            Some(user) => user,
            None => self.first_message(socket).await?,
        };
        let sheet = self.state.store().user(&user).await.map_err(|fault| End::Refused(fault.into()))?;
        let newest = sheet.map_or(0, |sheet| sheet.user.event_seq);
        let seq = self.after.unwrap_or(newest);
        if seq > newest {
            let detail = format!("after is {seq}, and the newest event is {newest}. Read the state anew and connect without it.");
            return Err(End::Refused(Problem::new(&codes::INVALID_QUERY, detail)));
        }
        send(socket, json!({ "type": "ready", "seq": seq, "newest": newest })).await?;
        Ok((user, seq))
    }

    async fn first_message(&mut self, socket: &mut WebSocket) -> Result<UserId, End> {
        let refused = |detail: &str| End::Refused(Problem::new(&codes::UNAUTHENTICATED, detail));
        let first = timeout(Duration::from_secs(FIRST_MESSAGE_SECONDS_MAX), socket.recv()).await;
        let first = first.map_err(|_| refused("No token came in time."))?;
        let Some(Ok(Message::Text(text))) = first else { return Err(End::Gone) };
        let wanted = "The first message must be {\"token\": \"…\"}, optionally with after.";
        let first: FirstMessage = serde_json::from_str(&text).map_err(|_| refused(wanted))?;
        let principal = authenticate(&self.state, &first.token, &self.address).await.map_err(End::Refused)?;
        let user = principal.in_query(self.named.clone()).map_err(End::Refused)?;
        self.seat.name(&user).map_err(End::Refused)?;
        self.after = first.after.or(self.after);
        Ok(user)
    }

    async fn stream(&self, socket: &mut WebSocket, user: &UserId, mut seq: u64) -> End {
        let waiter = self.state.wakes().wait_for(Subject::Feed(user.clone()));
        let mut heard = Instant::now();
        let mut pinged = Instant::now();
        loop {
            let woken = waiter.woken();
            match self.send_new(socket, user, &mut seq).await {
                Ok(()) => {}
                Err(end) => return end,
            }
            if heard.elapsed() > Duration::from_secs(SILENCE_SECONDS_MAX) {
                return End::Gone;
            }
            if pinged.elapsed() > Duration::from_secs(PING_SECONDS) {
                pinged = Instant::now();
                if send_message(socket, Message::Ping(Vec::new().into())).await.is_err() {
                    return End::Gone;
                }
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(Duration::from_millis(LOOK_MILLIS)) => {}
                () = self.state.closed() => return End::Closing,
                message = socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Gone,
                    Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => heard = Instant::now(),
                },
            }
        }
    }

    async fn send_new(&self, socket: &mut WebSocket, user: &UserId, seq: &mut u64) -> Result<(), End> {
        loop {
            let events = match self.state.store().feed(user, *seq, PAGE_EVENTS).await {
                Ok(events) => events,
                Err(fault) => {
                    tracing::warn!(%fault, %user, "a live feed cannot be read now");
                    return Ok(());
                }
            };
            let full = events.len() == PAGE_EVENTS;
            for event in events {
                let Ok(kind) = self.chain_kind(&event).await else { return Ok(()) };
                if let Some(view) = event_view(&event, self.state.rules(), kind) {
                    send(socket, view).await?;
                }
                *seq = event.feed.map_or(*seq, |feed| feed.seq);
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// The kind of chain that pays the event's withdrawal: each writes hashes its own way.
    async fn chain_kind(&self, event: &Event) -> Result<ChainKind, StoreFault> {
        let rules = self.state.rules();
        let several = rules.chains.values().any(|chain| chain.kind != ChainKind::Evm);
        let Some(id) = event.withdrawal.filter(|_| several) else { return Ok(ChainKind::Evm) };
        let withdrawal = self.state.store().withdrawal(id).await?;
        Ok(withdrawal.and_then(|known| rules.chain_of(&known.asset)).map_or(ChainKind::Evm, |chain| chain.kind))
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
