//! An open transaction of one process, with a crash point around its commit.

use std::sync::Arc;

use adit_core::{Batch, GroupId, Timestamp, View};
use adit_store::{CommitFault, Group};
use async_trait::async_trait;

use super::label::label;
use super::line::{Connected, Line};
use super::port::{COMMIT_MICROS, READ_MICROS, wait};
use crate::World;
use crate::crash::{Phase, Process};

pub(super) struct SimGroup {
    pub world: Arc<World>,
    pub process: Process,
    pub line: Arc<Line>,
    /// The connection that it was opened on; after a failover it leads to a server that is gone.
    pub connected: Connected,
    pub group: Box<dyn Group>,
    /// The database's own.
    pub clock: Timestamp,
}

#[async_trait]
impl Group for SimGroup {
    fn take_view(&mut self) -> View {
        let mut view = self.group.take_view();
        view.store_clock = Some(self.clock);
        view
    }

    async fn commit(self: Box<Self>, id: GroupId, batch: Batch) -> Result<(), CommitFault> {
        let Self { world, process, line, connected, group, clock: _ } = *self;
        let deed = label(&batch);
        world.crashes.pass(&process, deed, Phase::Before, &world.story).await;
        wait(&world, COMMIT_MICROS).await;
        let manners = world.weather.database();
        let lost = |detail: &str| Err(CommitFault::Unknown { detail: detail.to_owned() });
        if !connected.stands(&world.disk_of(process.slot)) || manners.unreachable {
            world.weather.count();
            return lost("the connection to the simulated database broke");
        }
        if manners.full {
            world.weather.count();
            return Err(CommitFault::Unwritable {
                detail: "the simulated disk is full".to_owned(),
            });
        }
        let strikes = world.weather.strikes(manners.lost_commits);
        if strikes && world.weather.between(0, 2) == 0 {
            return lost("the simulated commit never arrived");
        }
        group.commit(id, batch.clone()).await?;
        world.committed(&connected.disk, id, batch);
        world.crashes.pass(&process, deed, Phase::Effect, &world.story).await;
        if strikes {
            return lost("the answer to the simulated commit was lost");
        }
        line.committed(id);
        wait(&world, READ_MICROS).await;
        world.crashes.pass(&process, deed, Phase::After, &world.story).await;
        Ok(())
    }
}
