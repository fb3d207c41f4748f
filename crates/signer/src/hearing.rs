//! Who was heard, and with which state of the store: two states of one store never take turns (case
//! F94).
//!
//! Nothing of this is on disk. A signer that serves other processes and has just started has heard
//! nobody yet, so it waits as long as if somebody had been heard at its start.

use std::collections::BTreeMap;

use adit_core::{IncarnationId, ReplicaId, Span};

use crate::Presence;

/// How long nobody may have been heard with another incarnation before a new one is taken.
pub const NEW_INCARNATION_SILENCE_SECONDS: u64 = 60;

/// Times are of a clock that counts from any moment and is never set.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    heard: BTreeMap<ReplicaId, (IncarnationId, Span)>,
    /// When it began to listen. None where the journal's lock proves that nobody else speaks with
    /// this signer.
    listens_since: Option<Span>,
    newest: Span,
}

impl Hearing {
    pub(crate) fn listening_since(now: Span) -> Self {
        Self { listens_since: Some(now), newest: now, ..Self::default() }
    }

    pub(crate) fn hear(&mut self, presence: Presence, now: Span) {
        let now = self.moment(now);
        self.heard.retain(|_, (_, at)| left(*at, now) > Span::default());
        self.heard.insert(presence.replica, (presence.incarnation, now));
    }

    /// How long a new incarnation still waits for silence; none where it waits no more. Whoever
    /// announced it last is heard with it, and so not waited for.
    pub(crate) fn wait(&mut self, new: IncarnationId, now: Span) -> Option<Span> {
        let now = self.moment(now);
        let others = self.heard.values().filter(|(incarnation, _)| *incarnation != new);
        let since = others.map(|(_, at)| *at).chain(self.listens_since).max()?;
        Some(left(since, now)).filter(|left| *left > Span::default())
    }

    /// A clock that is set back neither shortens nor ends a silence.
    fn moment(&mut self, now: Span) -> Span {
        self.newest = self.newest.max(now);
        self.newest
    }
}

fn left(since: Span, now: Span) -> Span {
    let silence = Span::from_seconds(NEW_INCARNATION_SILENCE_SECONDS).millis();
    Span::from_millis((since.millis() + silence).saturating_sub(now.millis()))
}
