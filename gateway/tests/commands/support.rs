//! The program, and what it said.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program in a folder, without anybody's settings and without a terminal.
pub fn hyfunc(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyfunc"));
    settled(&mut command, folder).args(arguments);
    command
}

/// The same where no file may grow beyond so many blocks of 512 bytes, as on a disk that is full.
pub fn cramped(folder: &Path, blocks: u32, arguments: &[&str]) -> Command {
    // Who writes too much is told so, and not ended.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_hyfunc")]);
    settled(&mut command, folder).args(arguments);
    command
}

fn settled<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command
        .current_dir(folder)
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("NO_COLOR", "1")
        .env_remove("HYFUNC_CONFIG")
        .env_remove("HF_ENDPOINT")
        .env_remove("HF_TOKEN")
        .stdin(Stdio::null())
}

/// What a command that must succeed printed.
#[track_caller]
pub fn good(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(status.success(), "{}{}", said(&stdout), said(&stderr));
    said(&stdout)
}

/// What a command that must fail complained about.
#[track_caller]
pub fn bad(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(!status.success(), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8_lossy(&stderr).into_owned()
}

/// The gateway's folder in the sources, which tests run in.
pub fn sources() -> PathBuf {
    std::env::current_dir().unwrap()
}
