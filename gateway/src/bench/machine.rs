//! Where and when something was measured.

use std::fs;

use serde_json::{Map, Value as Json, json};

use super::units;
use crate::keys::Moment;

/// Every version that this program was built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// Of these, the crates that decide about speed.
const CRATES: &[&str] = &["wasmtime", "candle-core", "gemm", "hnsw_rs", "axum", "hyper", "tokio"];

/// This machine, this program, this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// When, in UTC: `2026-11-22T18:10:00Z`.
    pub date: String,
    /// The processor's name for itself.
    pub cpu: String,
    /// Threads that can run at once.
    pub cores: usize,
    /// All memory in bytes; `None` where the system does not say.
    pub memory_bytes: Option<u64>,
    /// Processes that ran or waited for a core, on average over the last minute.
    pub load_1m: Option<f64>,
    /// Operating system, its release, and the instruction set.
    pub system: String,
    /// `release`, or `debug`, whose numbers mean nothing.
    pub build: &'static str,
    /// Name and version of this program and of crates that decide about speed.
    pub versions: Vec<(String, String)>,
}

impl Machine {
    /// As it is now.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let release = read("/proc/sys/kernel/osrelease");
        let system = [std::env::consts::OS, release.trim(), std::env::consts::ARCH];
        let known: Vec<&str> = system.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            date: Moment::now().to_string(),
            cpu: cpu(&read("/proc/cpuinfo")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kilobytes(&read("/proc/meminfo"), "MemTotal"),
            load_1m: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()),
            system: known.join(" "),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            versions: versions(LOCK),
        }
    }

    /// One line: processor, cores, memory, system.
    pub fn hardware(&self) -> String {
        let cores = if self.cores == 1 { "1 core".into() } else { format!("{} cores", self.cores) };
        let mut text = format!("{}, {cores}", self.cpu);
        if let Some(memory) = self.memory_bytes {
            text.push_str(&format!(", {} of memory", units::bytes(memory as f64)));
        }
        if let Some(load) = self.load_1m {
            text.push_str(&format!(", load {load:.2}"));
        }
        format!("{text}, {}", self.system)
    }

    /// One line: what was measured, and how it was built.
    pub fn software(&self) -> String {
        let versions = self.versions.iter().map(|(name, version)| format!("{name} {version}"));
        format!("{}, {} build", versions.collect::<Vec<_>>().join(", "), self.build)
    }

    /// For programs.
    pub fn to_json(&self) -> Json {
        let versions: Map<String, Json> = self
            .versions
            .iter()
            .map(|(name, version)| (name.clone(), version.clone().into()))
            .collect();
        json!({
            "date": self.date,
            "cpu": self.cpu,
            "cores": self.cores,
            "memory_bytes": self.memory_bytes,
            "load_1m": self.load_1m,
            "system": self.system,
            "build": self.build,
            "versions": versions,
        })
    }
}

/// Memory of this process that is in use now; `None` where there is no `/proc`.
///
/// `/proc/self/statm` counts pages, whose size it does not tell; the same number stands here in
/// kilobytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS")
}

/// Files that this process may have open at once; `None` where there is no `/proc`, or no limit.
pub(super) fn files_max() -> Option<usize> {
    soft_limit(&fs::read_to_string("/proc/self/limits").ok()?)
}

/// `Max open files            1024                 1048576              files`
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// `MemTotal:       16384000 kB`, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The first processor's name; not every architecture tells it.
fn cpu(cpuinfo: &str) -> String {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let named = fields.filter(|(key, _)| key.trim() == "model name").map(|(_, name)| name.trim());
    named
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .next()
        .unwrap_or_else(|| format!("an unnamed {} processor", std::env::consts::ARCH))
}

/// This program's version and those of some crates, out of `Cargo.lock`.
fn versions(lock: &str) -> Vec<(String, String)> {
    let value = |line: Option<&str>, key: &str| {
        let text = line?.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?;
        Some(text.to_owned())
    };
    let mut versions = vec![("hyfunc".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    for package in lock.split("[[package]]\n").skip(1) {
        let mut lines = package.lines();
        let (name, version) = (value(lines.next(), "name"), value(lines.next(), "version"));
        if let (Some(name), Some(version)) = (name, version)
            && CRATES.contains(&name.as_str())
        {
            versions.push((name, version));
        }
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_is_read_and_what_it_does_not_is_not_made_up() {
        let meminfo = "MemTotal:       16384000 kB\nMemFree: 1 kB\n";
        assert_eq!(kilobytes(meminfo, "MemTotal"), Some(16_777_216_000));
        assert_eq!(kilobytes(meminfo, "Mem"), None);
        assert_eq!(kilobytes("", "MemTotal"), None);
        let limits = "Limit   Soft Limit  Hard Limit  Units\n\
                      Max open files            1024                 1048576              files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit(&limits.replace("1024 ", "unlimited ")), None);
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n";
        assert_eq!(cpu(cpuinfo), "Some CPU @ 2 GHz");
        assert!(cpu("processor\t: 0\n").contains(std::env::consts::ARCH));
    }

    #[test]
    fn versions_come_from_the_lock_that_this_was_built_with() {
        let lock = "version = 4\n\n[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n\n\
                    [[package]]\nname = \"other\"\nversion = \"1.0.0\"\n";
        let found = versions(lock);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1], ("wasmtime".to_owned(), "48.0.8".to_owned()));
        let names: Vec<String> = versions(LOCK).into_iter().map(|(name, _)| name).collect();
        for name in CRATES {
            assert!(names.iter().any(|found| found == name), "{name} is not in Cargo.lock");
        }
    }

    #[test]
    fn the_machine_names_itself() {
        let here = Machine::here();
        assert!(here.cores >= 1 && !here.cpu.is_empty());
        assert!(here.hardware().contains(&here.cpu), "{}", here.hardware());
        assert!(here.software().starts_with("hyfunc "), "{}", here.software());
        let json = here.to_json();
        for key in ["date", "cpu", "cores", "system", "build", "versions"] {
            assert!(!json[key].is_null(), "{key}");
        }
        #[cfg(target_os = "linux")]
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}
