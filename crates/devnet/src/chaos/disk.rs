//! A small disk for database and journal, which can be full.
//!
//! Where we may mount, it is a file system of its own, and full means `ENOSPC`. Elsewhere it is a
//! folder, and full means that the processes may not write files any more (`RLIMIT_FSIZE`, hence
//! `EFBIG`): the same code has to cope, with another number.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::scratch;

/// Of two clusters, one of which may be about to be thrown away, and a third that is being made.
const SIZE_MEGABYTES: usize = 768;
const FILLER: &str = "filler";
/// Postgres runs as another user.
const OPEN_TO_ALL: u32 = 0o1777;

pub struct Disk {
    root: PathBuf,
    mounted: bool,
}

impl Disk {
    /// An empty one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new() -> Result<Self> {
        let root = scratch::fresh("disk");
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let mounted = mount(&root);
        fs::set_permissions(&root, Permissions::from_mode(OPEN_TO_ALL))?;
        Ok(Self { root, mounted })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How it is full, in words.
    pub fn manner(&self) -> &'static str {
        if self.mounted { "a file system of its own" } else { "a limit on written files" }
    }

    /// No byte more is written on it, by those processes.
    ///
    /// # Errors
    /// When it cannot be filled.
    pub fn fill(&self, processes: &[u32]) -> Result<()> {
        if !self.mounted {
            return limit(processes, Some(0));
        }
        let mut filler = File::create(self.root.join(FILLER))?;
        // Smaller and smaller, until nothing fits.
        for block in [1 << 20, 4_096, 1] {
            while filler.write_all(&vec![0; block]).is_ok() {}
        }
        Ok(())
    }

    /// There is room again.
    ///
    /// # Errors
    /// When it cannot be cleared.
    pub fn clear(&self, processes: &[u32]) -> Result<()> {
        if !self.mounted {
            return limit(processes, None);
        }
        fs::remove_file(self.root.join(FILLER)).context("cannot remove what fills the disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            quietly("umount", &["--lazy".as_ref(), self.root.as_os_str()]);
        }
        fs::remove_dir_all(&self.root).ok();
    }
}

fn mount(root: &Path) -> bool {
    let size = format!("size={SIZE_MEGABYTES}m");
    quietly(
        "mount",
        &[
            "-t".as_ref(),
            "tmpfs".as_ref(),
            "-o".as_ref(),
            size.as_ref(),
            "tmpfs".as_ref(),
            root.as_os_str(),
        ],
    )
}

fn quietly(program: &str, arguments: &[&std::ffi::OsStr]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// The soft limit of those processes and of all that they have started.
fn limit(processes: &[u32], bytes: Option<u64>) -> Result<()> {
    for process in processes.iter().flat_map(|process| family(*process)) {
        let pid = i32::try_from(process).ok().and_then(Pid::from_raw).context("a process id")?;
        // One that has just ended needs no limit.
        let _ = prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None });
    }
    Ok(())
}

/// A process and its children.
fn family(process: u32) -> Vec<u32> {
    let file = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(file).unwrap_or_default();
    std::iter::once(process)
        .chain(children.split_whitespace().filter_map(|child| child.parse().ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_refuses_and_a_cleared_one_does_not() {
        let disk = Disk::new().expect("a disk");
        let file = disk.root().join("file");
        if disk.mounted {
            disk.fill(&[]).expect("filled");
            let problem = fs::write(&file, "x").expect_err("full");
            assert_eq!(problem.kind(), std::io::ErrorKind::StorageFull, "{problem}");
            disk.clear(&[]).expect("cleared");
        }
        fs::write(&file, "x").expect("room again");
    }

    #[test]
    fn a_limited_process_cannot_write_until_it_is_lifted() {
        let folder = scratch::fresh("limited");
        fs::create_dir(&folder).expect("created");
        let script = format!(
            "trap '' XFSZ; while :; do echo x >> {}/file; sleep 0.01; done 2>/dev/null",
            folder.display()
        );
        let mut child = Command::new("/bin/sh").args(["-c", &script]).spawn().expect("started");
        let size = || fs::metadata(folder.join("file")).map_or(0, |file| file.len());
        let grows = |before: u64| {
            (0..400).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                size() > before
            })
        };
        assert!(grows(0));
        limit(&[child.id()], Some(0)).expect("limited");
        std::thread::sleep(std::time::Duration::from_millis(50));
        let stuck = size();
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_eq!(size(), stuck);
        limit(&[child.id()], None).expect("lifted");
        assert!(grows(stuck));
        child.kill().expect("killed");
        child.wait().expect("buried");
        fs::remove_dir_all(&folder).expect("removed");
    }
}
