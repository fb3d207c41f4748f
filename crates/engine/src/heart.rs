//! The writer's heartbeat: a commit that changes nothing, where nothing else was committed for a
//! beat. So that a store which takes no commits shows, though nobody asks for anything (case F98).

use adit_core::{Actor, Command};

use crate::{Clock as _, Ports, Settings, Writer};

/// Commits a beat whenever the writer was idle for one.
pub(crate) async fn beat(ports: Ports, writer: Writer, settings: Settings) {
    loop {
        let now = ports.clock.uptime();
        let idle = writer.last_commit().is_none_or(|last| now >= last.plus(settings.heartbeat));
        if idle && let Err(error) = writer.submit(Actor::Engine, Command::Beat).await {
            tracing::warn!(%error, "the writer could not commit its heartbeat");
        }
        ports.clock.sleep(settings.heartbeat).await;
    }
}
