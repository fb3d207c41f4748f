//! What a process remembers of the history that it writes to, so that it notices when the database
//! is another one (case F101).
//!
//! A failover to a standby that lacks the last commits, a restore and a clone all look like the
//! same database, with the same rows of a little earlier. A process that has had an answer to a
//! commit knows better: the group has to be there.

use std::collections::VecDeque;
use std::fmt;

use adit_core::{GroupId, Mistake, WentBack, planted};

/// As many groups as a process commits at one moment: the newest in the order of the database's log
/// is among the last so many that were answered, in whatever order their answers came. A database
/// loses the end of its log, so one of them is missing whenever any is.
pub const GROUPS_REMEMBERED: usize = 16;

/// Which database it is, and which of its timelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub system: String,
    pub timeline: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on timeline {}", self.system, self.timeline)
    }
}

/// One process's memory. It begins empty: the first connection says which database it is.
#[derive(Debug, Clone, Default)]
pub struct History {
    own: Option<Identity>,
    newest: VecDeque<GroupId>,
    doubt: Option<(WentBack, Identity)>,
}

impl History {
    /// Remembers a group that was committed for certain: its COMMIT was answered, or it was read
    /// back.
    pub fn committed(&mut self, group: GroupId) {
        if self.newest.contains(&group) {
            return;
        }
        if self.newest.len() == GROUPS_REMEMBERED {
            self.newest.pop_front();
        }
        self.newest.push_back(group);
    }

    /// Returns the groups that a new connection has to find, oldest first.
    pub fn sought(&self) -> Vec<GroupId> {
        if planted(Mistake::NewestGroupNotSought) {
            Vec::new()
        } else {
            self.newest.iter().copied().collect()
        }
    }

    /// Compares what a new connection found. `missing` is one of those that were
    /// [`sought`](Self::sought) before it was asked, and that it did not find. What is in doubt
    /// stays in doubt.
    pub fn compare(&mut self, found: Identity, missing: Option<GroupId>) {
        if self.doubt.is_some() {
            return;
        }
        let own = self.own.get_or_insert_with(|| found.clone());
        let because = match missing {
            Some(group) => Some(WentBack::GroupMissing { group }),
            None if *own != found => {
                Some(WentBack::OtherTimeline { before: own.to_string(), now: found.to_string() })
            }
            None => None,
        };
        self.doubt = because.map(|because| (because, found));
    }

    /// Returns why this is another history, while nobody has accepted it.
    pub fn doubt(&self) -> Option<&WentBack> {
        self.doubt.as_ref().map(|(because, _)| because)
    }

    /// Takes the other history for its own: the groups of before are forgotten. Without a doubt
    /// nothing changes.
    pub fn accept(&mut self) {
        if let Some((_, found)) = self.doubt.take() {
            self.own = Some(found);
            self.newest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use adit_core::{GroupId, WentBack};

    use super::{GROUPS_REMEMBERED, History, Identity};
    use crate::conformance::sample::group_id;

    fn identity(timeline: &str) -> Identity {
        Identity { system: "77".to_owned(), timeline: timeline.to_owned() }
    }

    #[test]
    fn f101_a_missing_group_stands_until_it_is_accepted() {
        let (mut history, group) = (History::default(), group_id());
        history.compare(identity("1"), None);
        history.committed(group);
        history.compare(identity("1"), None);
        assert_eq!((history.sought(), history.doubt()), (vec![group], None));
        history.compare(identity("1"), Some(group));
        history.compare(identity("1"), None);
        assert_eq!(history.doubt(), Some(&WentBack::GroupMissing { group }));
        history.accept();
        assert_eq!((history.sought(), history.doubt()), (Vec::new(), None));
    }

    #[test]
    fn f101_another_timeline_is_another_history_and_so_is_the_old_one_afterwards() {
        let mut history = History::default();
        history.compare(identity("1"), None);
        history.compare(identity("2"), None);
        let because = WentBack::OtherTimeline {
            before: "77 on timeline 1".to_owned(),
            now: "77 on timeline 2".to_owned(),
        };
        assert_eq!(history.doubt(), Some(&because));
        history.accept();
        history.compare(identity("2"), None);
        assert_eq!(history.doubt(), None);
        history.compare(identity("1"), None);
        assert!(
            matches!(history.doubt(), Some(WentBack::OtherTimeline { .. })),
            "the old primary has woken"
        );
    }

    #[test]
    fn f101_as_many_groups_are_remembered_as_commit_at_once() {
        let mut history = History::default();
        let groups: Vec<GroupId> = (0..=GROUPS_REMEMBERED).map(|_| group_id()).collect();
        groups.iter().for_each(|group| history.committed(*group));
        history.committed(groups[GROUPS_REMEMBERED]);
        assert_eq!(
            history.sought(),
            groups[1..],
            "one more than fits drops the oldest; the same twice is one"
        );
    }

    #[test]
    fn accepting_without_a_doubt_changes_nothing() {
        let (mut history, group) = (History::default(), group_id());
        history.committed(group);
        history.accept();
        assert_eq!(history.sought(), [group]);
    }
}
