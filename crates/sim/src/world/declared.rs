//! What the operator does while no server runs: `adit restore`, with `--declared` or `--journal`.

use std::collections::BTreeSet;

use adit_core::{
    Actor, Command, CredentialId, GroupId, IdBlock, IncarnationId, Order, Timestamp, WentBack,
    decide, keys,
};
use adit_engine::{TeachError, teach};
use adit_signer::Signer as _;
use adit_store::Store as _;
use uuid::Uuid;

use super::World;
use crate::check::Broken;
use crate::{Dice, ports};

/// What is said to have gone back.
#[derive(Debug, Clone, Copy)]
pub enum Declared {
    Database,
    /// With the signer's journal: what neither remembers is swept away.
    Both,
}

impl World {
    /// Stops every server of the primary, and says in the database that it went back, and, if so,
    /// that nobody serves another state of it.
    pub async fn declare(&self, what: Declared, take_over: bool, dice: &mut Dice) {
        self.story.tell("operator", || {
            format!("declares that {what:?} went back; it takes over: {take_over}")
        });
        self.kill_at_primary();
        let told = "the operator restored it".to_owned();
        let because = match what {
            Declared::Database => WentBack::Declared { what: told },
            Declared::Both => WentBack::BothDeclared { what: told },
        };
        self.commit_offline(
            Command::FindWentBack { because, next: IncarnationId(uuid(dice)), take_over },
            dice,
        )
        .await;
    }

    /// The journal alone went back or is lost: every server of the primary is stopped, the journal
    /// is taught what the database recorded, and the lanes go by it from then on: `adit restore
    /// --journal`.
    pub async fn declare_journal(&self, dice: &mut Dice) {
        self.story
            .tell("operator", || "has the journal taught what the database recorded".to_owned());
        self.kill_at_primary();
        let Some(signer) = self.signer.signer() else { return };
        let lanes = self.setup.lanes();
        let taught = match teach(&self.disk.tables, signer.as_ref(), &lanes).await {
            Ok(taught) => taught,
            Err(TeachError::Contradicted { told, .. }) => {
                return self.check(Err(Broken::new("the journal is taught", told.join("; "))));
            }
            Err(TeachError::Store(_) | TeachError::Signer(_)) => return,
        };
        let Ok(journal) = signer.journal().await else { return };
        for lane in lanes {
            self.commit_offline(Command::TrustJournal { lane, journal, tip: taught.tip }, dice)
                .await;
        }
    }

    async fn commit_offline(&self, command: Command, dice: &mut Dice) {
        let actor = Actor::admin(CredentialId(Uuid::from_u128(1)));
        let order =
            Order { actor, ids: IdBlock::new(uuid(dice)), retired: BTreeSet::new(), command };
        let (rules, now): (_, Timestamp) = (self.setup.rules(), ports::now(&self.handle));
        let Ok(mut group) = self.disk.tables.load(&keys(&order, &rules), now).await else { return };
        let mut view = group.take_view();
        let Ok(decision) = decide(&view, &rules, &order) else { return };
        view.apply(decision.changes);
        let (id, batch) = (GroupId(uuid(dice)), view.into_batch());
        if !batch.is_empty() && group.commit(id, batch.clone()).await.is_ok() {
            self.committed(&self.disk, id, batch);
        }
    }
}

fn uuid(dice: &mut Dice) -> Uuid {
    Uuid::from_bytes(dice.bytes())
}
