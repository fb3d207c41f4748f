//! Places below the system's temporary folder, named after the process that made them.
//!
//! A process that is killed leaves its own behind; the next one that asks for a place removes those
//! of the dead.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, test_kill_process};

const PREFIX: &str = "adit-scratch-";

/// A path that nobody uses; nothing is there yet.
pub fn fresh(kind: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    sweep();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("{PREFIX}{}-{kind}-{number}", std::process::id()))
}

fn sweep() {
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries {
        if owner(&entry.file_name().to_string_lossy()).is_some_and(is_dead) {
            remove(&entry.path());
        }
    }
}

fn owner(name: &str) -> Option<Pid> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.split('-').next()?.parse().ok().and_then(Pid::from_raw)
}

fn is_dead(process: Pid) -> bool {
    test_kill_process(process) == Err(rustix::io::Errno::SRCH)
}

/// Whether folder or file; one that is not ours stays where it is. A disk of its own that its maker
/// left mounted is taken off first.
fn remove(path: &Path) {
    if path.is_dir() {
        Command::new("umount").arg("--lazy").arg(path).stderr(Stdio::null()).status().ok();
    }
    std::fs::remove_dir_all(path).or_else(|_| std::fs::remove_file(path)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_process_left_is_swept_and_what_a_living_one_uses_stays() {
        let mine = fresh("mine");
        std::fs::create_dir(&mine).expect("created");
        let of_the_dead = std::env::temp_dir().join(format!("{PREFIX}{}-old-0", i32::MAX));
        std::fs::create_dir(&of_the_dead).expect("created");

        fresh("another");
        assert!(mine.exists());
        assert!(!of_the_dead.exists());
        remove(&mine);
    }
}
