//! The machine that a measurement was made on.

use std::path::Path;

/// Processor, cores, memory, system, and how this program was built.
pub fn facts() -> String {
    let processor = field(Path::new("/proc/cpuinfo"), "model name");
    let memory = field(Path::new("/proc/meminfo"), "MemTotal");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    format!("{processor}, {cores} cores, {memory} of memory, Linux {}, {build}", kernel.trim())
}

/// What a process holds in memory now, and held at most, from its `/proc/…/status`.
pub fn resident(status: &Path) -> String {
    format!("{} (at most {})", field(status, "VmRSS"), field(status, "VmHWM"))
}

/// The value of the first line `name: value`.
fn field(file: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let value =
        fields.find(|(found, _)| found.trim() == name).map(|(_, value)| value.trim().to_owned());
    value.unwrap_or_else(|| format!("unknown {name}"))
}
