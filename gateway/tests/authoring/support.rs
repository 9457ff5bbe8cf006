//! Runs the program, and makes folders and tools for it to find.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

/// What came of a command.
pub struct Ran {
    pub is_good: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// That it went well; gives what it printed.
    #[track_caller]
    pub fn text(self) -> String {
        assert!(self.is_good, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The same as JSON, however it went.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// That it did not go well; gives its message.
    #[track_caller]
    pub fn error(self) -> String {
        assert!(!self.is_good, "{}", self.stdout);
        self.stderr
    }
}

/// The program in a folder, without anybody's settings.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyfunc"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    for name in ["HYFUNC_CONFIG", "VIRTUAL_ENV", "WASI_SDK_PATH"] {
        command.env_remove(name);
    }
    // Nothing is kept in the user's cache.
    command.env("HYFUNC_SANDBOX__AOT_DIR", "");
    command
}

/// Runs a command to its end.
pub fn run(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        is_good: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Both at once.
pub fn hyfunc(folder: &Path, arguments: &[&str]) -> Ran {
    run(command(folder, arguments))
}

/// A tool of that name in a folder, which does what a shell script says.
pub fn tool(folder: &Path, name: &str, script: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A file that is there.
#[track_caller]
pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
