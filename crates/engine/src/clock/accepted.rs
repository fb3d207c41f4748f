//! A person's word on the time: believed at once, and written into the audit as soon as the store
//! takes it (case F97).

use adit_core::{Actor, Command, Span, Timestamp};

use crate::{Clock as _, ClockDisagrees, Engine, WriteError};

/// Between two tries to write it, while the store takes nothing.
const TRIED_EVERY: Span = Span::from_seconds(5);

impl Engine {
    /// Believes the machine's clock on a person's word. The event is written in the background: a
    /// store that cannot be reached must not keep the time in doubt. `name` is who says so, for
    /// people.
    ///
    /// # Errors
    /// [`ClockDisagrees`] where the machine's clock shows another time. Then nothing is written.
    pub fn accept_clock(
        &self,
        actor: Actor,
        name: &str,
        given: Timestamp,
    ) -> Result<(), ClockDisagrees> {
        let clock = &self.ports.clock;
        let doubt = clock.doubt();
        clock.accept(name, given)?;
        let machine = clock.standing().wall;
        tracing::warn!(
            by = name,
            given = given.seconds(),
            machine = machine.seconds(),
            "a person says that this machine's clock is right"
        );
        let command = Command::AcceptClock { replica: self.replica, given, machine, doubt };
        self.ports.spawner.spawn("accepted clock", Box::pin(written(self.clone(), actor, command)));
        Ok(())
    }
}

/// What becomes of a lost answer is not looked up: the same word twice in the audit does no harm.
async fn written(engine: Engine, actor: Actor, command: Command) {
    loop {
        match engine.writer.submit(actor.clone(), command.clone()).await {
            Ok(_) => return,
            Err(error @ (WriteError::Refused(_) | WriteError::Superseded)) => {
                return tracing::error!(%error, "an accepted clock is not in the audit");
            }
            Err(
                error @ (WriteError::Failed { .. }
                | WriteError::SignerUnreachable { .. }
                | WriteError::Unknown { .. }),
            ) => {
                tracing::warn!(%error, "an accepted clock is not in the audit yet");
                engine.ports.clock.sleep(TRIED_EVERY).await;
            }
        }
    }
}
