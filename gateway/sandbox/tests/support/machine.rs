//! Where, when and of what something was measured, for the head of a table.

use std::fs;
use std::process::Command;

/// One line: date, processor, cores, load, system and commit.
pub fn described() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let cpu = fields.find(|(key, _)| key.trim() == "model name").map(|(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let date = told("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    let load = read("/proc/loadavg");
    let release = read("/proc/sys/kernel/osrelease");
    let system = [std::env::consts::OS, release.trim(), std::env::consts::ARCH].join(" ");
    format!(
        "{}; {}, {cores} cores, load {} before, {system}; commit {}",
        date.as_deref().unwrap_or("no date"),
        cpu.unwrap_or("an unnamed processor"),
        load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown"),
        commit().as_deref().unwrap_or("unknown"),
    )
}

/// The commit that is checked out, and whether anything but tables was changed since.
fn commit() -> Option<String> {
    let commit = told("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changed = told("git", &["status", "--porcelain", "--untracked-files=no", "--", "*.rs"]);
    Some(if changed.is_some() { commit + " and changes" } else { commit })
}

/// What a program says, unless it fails or says nothing.
fn told(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
