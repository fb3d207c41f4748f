//! A split brain: a standby takes over, and the old primary goes on with a server on it. Two states
//! of one store are served at once, with one signer for both, and users on both sides.

use std::sync::Arc;

use adit_store::Store as _;

use super::Fate;
use crate::world::Declared;

impl Fate {
    /// Until its server is switched off, at last by a person.
    pub(super) async fn old_primary_wakes(&mut self) {
        self.until_busy().await;
        let old = Arc::new(self.world.disk.left_behind(self.world.now()));
        let stays = self.stays();
        if let Some(slot) = stays {
            self.world.leave_behind(slot, &old);
        }
        self.fail_over();
        self.users.all_ask_again(self.dice.fork());
        let slot = match stays {
            Some(slot) => slot,
            None => {
                self.wait(1, 1_200).await;
                let spare = self.world.slots() - 1;
                self.world.leave_behind(spare, &old);
                spare
            }
        };
        self.told(|| format!("the old primary lives, and replica-{slot} is connected to it"));
        self.users.all_ask_again(self.dice.fork());
        self.wait(20, 3_600).await;
        if self.dice.chance(500) {
            self.take_over().await;
            self.wait(20, 1_800).await;
        }
        self.told(|| "the old primary is switched off".to_owned());
        self.world.switch_off_behind();
        self.users.all_ask_again(self.dice.fork());
    }

    /// A machine that does not notice: there has to be another one on the new side.
    fn stays(&mut self) -> Option<usize> {
        let machines = self.world.slots() - 1;
        let stays = machines > 1 && self.dice.chance(600);
        stays.then(|| self.dice.place(machines))
    }

    /// The operator says at the new primary that it is the one, if it waits for that.
    async fn take_over(&mut self) {
        let known = self.world.disk.tables.incarnation().await.ok().flatten();
        if known.is_some_and(|known| known.finding.is_some()) {
            self.world.declare(Declared::Database, true, &mut self.dice).await;
        }
    }
}
