//! What a failover to a standby, or a crash of the database's host, would lose (case F101).

use adit_store::{CommitWait, Replication, Standbys};

use super::Alert;

/// Judges the session first: whoever names synchronous standbys believes that commits wait for
/// them.
pub(super) fn lossy(replication: Option<Replication>) -> Option<Alert> {
    let Replication { commits, named, standbys } = replication?;
    let least = if named { CommitWait::On } else { CommitWait::Local };
    if commits < least {
        return Some(Alert::CommitsUnsynced {
            synchronous_commit: commits.as_str().to_owned(),
            standbys_named: named,
        });
    }
    match standbys {
        Standbys::Seen { streaming: standbys, synchronous: 0 } if standbys > 0 => {
            Some(Alert::StandbyAsynchronous { standbys })
        }
        // Where some are named, a commit waits for them, whether this role sees them or not.
        Standbys::Unseen { connected } if connected > 0 && !named => {
            Some(Alert::StandbyUnseen { connected })
        }
        Standbys::Seen { .. } | Standbys::Unseen { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(streaming: u64, synchronous: u64) -> Standbys {
        Standbys::Seen { streaming, synchronous }
    }

    fn unseen(connected: u64) -> Standbys {
        Standbys::Unseen { connected }
    }

    fn unsynced(commits: CommitWait, standbys_named: bool) -> Alert {
        Alert::CommitsUnsynced { synchronous_commit: commits.as_str().to_owned(), standbys_named }
    }

    #[test]
    fn f101_commits_that_do_not_wait_are_told_whatever_the_standbys_are() {
        use CommitWait::{Local, Off, On, RemoteApply, RemoteWrite};
        for standbys in [seen(0, 0), seen(1, 1), unseen(0), unseen(1)] {
            let told = |commits, named| lossy(Some(Replication { commits, named, standbys }));
            for commits in [Off, Local, RemoteWrite] {
                assert_eq!(
                    told(commits, true),
                    Some(unsynced(commits, true)),
                    "{commits:?} {standbys:?}"
                );
            }
            assert_eq!(told(Off, false), Some(unsynced(Off, false)), "{standbys:?}");
            assert_eq!((told(On, true), told(RemoteApply, true)), (None, None), "{standbys:?}");
        }
        assert_eq!(
            lossy(Some(Replication { commits: Local, named: false, standbys: seen(0, 0) })),
            None,
            "there is nobody to wait for"
        );
    }

    #[test]
    fn f101_standbys_that_no_commit_waits_for_are_told_seen_or_not() {
        let told =
            |standbys, named| lossy(Some(Replication { commits: CommitWait::On, named, standbys }));
        assert_eq!(told(seen(2, 0), false), Some(Alert::StandbyAsynchronous { standbys: 2 }));
        assert_eq!(
            told(seen(2, 0), true),
            Some(Alert::StandbyAsynchronous { standbys: 2 }),
            "another one is named"
        );
        assert_eq!(told(unseen(2), false), Some(Alert::StandbyUnseen { connected: 2 }));
        assert_eq!(
            [
                told(seen(2, 1), true),
                told(unseen(2), true),
                told(seen(0, 0), false),
                told(unseen(0), false)
            ],
            [const { None }; 4]
        );
        assert_eq!(lossy(None), None);
    }
}
