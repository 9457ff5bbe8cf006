//! Programs that build: found, shown as one would type them, and run with their output shown.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::AuthorError;

/// A program that a language needs, and what to do where it is missing.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    /// File name of the program.
    pub(super) program: &'static str,
    /// What it is for, after `which`.
    pub(super) purpose: &'static str,
    /// What to type, a command a line.
    pub(super) install: &'static str,
}

impl Tool {
    /// Where it is: in one of these folders, else on PATH.
    pub(super) fn find(&self, folders: &[PathBuf]) -> Result<PathBuf, AuthorError> {
        find(self.program, folders).ok_or_else(|| self.missing())
    }

    /// That it is nowhere.
    pub(super) fn missing(&self) -> AuthorError {
        AuthorError::Tool {
            what: format!("`{}`", self.program),
            purpose: self.purpose,
            install: indented(self.install),
        }
    }
}

/// The first file of that name in these folders, then on PATH. Relative folders are left out: tools
/// run in another folder than this process.
pub(super) fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = folders.iter().cloned().chain(env::split_paths(&path));
    let mut files = places.filter(|folder| folder.is_absolute()).map(|folder| folder.join(program));
    files.find(|path| path.is_file())
}

/// Commands as a block of their own below a sentence.
pub(super) fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Runs a command in a folder; whatever it writes is shown.
///
/// # Errors
/// It does not start, or it fails.
pub(super) fn run(command: &mut Command, folder: &Path) -> Result<(), AuthorError> {
    finish(command, folder, Stdio::inherit()).map(drop)
}

/// The same, but for what it writes to standard output, which is given.
///
/// # Errors
/// It does not start, or it fails.
pub(super) fn read(command: &mut Command, folder: &Path) -> Result<Vec<u8>, AuthorError> {
    finish(command, folder, Stdio::piped())
}

fn finish(command: &mut Command, folder: &Path, stdout: Stdio) -> Result<Vec<u8>, AuthorError> {
    let shown = shown(command);
    // What the tool says goes to the same place, and comes after it.
    let _ = writeln!(std::io::stderr(), "$ {shown}");
    let program = PathBuf::from(command.get_program());
    command.current_dir(folder).stdin(Stdio::null()).stdout(stdout).stderr(Stdio::inherit());
    let output = command.spawn().and_then(|child| child.wait_with_output());
    let output = output.map_err(|source| AuthorError::Start { program, source })?;
    if !output.status.success() {
        return Err(AuthorError::Failed { command: shown, status: output.status });
    }
    Ok(output.stdout)
}

/// The command as one would type it: the program by its name, arguments quoted where they must be.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let mut command = Command::new("/usr/bin/clang");
        command.args(["-Os", "a b.c", "", "it's", "--target=wasm32-wasi"]);
        assert_eq!(shown(&command), r"clang -Os 'a b.c' '' 'it'\''s' --target=wasm32-wasi");
    }

    #[test]
    fn outcomes_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let shell = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            command
        };
        assert_eq!(read(&mut shell("echo hello"), folder.path()).unwrap(), b"hello\n");
        assert!(run(&mut shell("test -z \"$(cat)\""), folder.path()).is_ok(), "it waits for input");
        let failed = run(&mut shell("exit 3"), folder.path()).unwrap_err().to_string();
        assert!(failed.contains("sh -c 'exit 3'") && failed.contains('3'), "{failed}");
        let absent = run(&mut Command::new("/nowhere/tool"), folder.path()).unwrap_err();
        assert!(matches!(absent, AuthorError::Start { .. }));
    }

    #[test]
    fn folders_come_before_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("sh");
        assert!(find("sh", &[folder.path().to_owned()]).is_some_and(|found| found != own));
        std::fs::write(&own, "").unwrap();
        assert_eq!(find("sh", &[folder.path().to_owned()]), Some(own));
        let tool = Tool { program: "no-such-tool", purpose: "is a test", install: "do this\nthen" };
        let said = tool.find(&[]).unwrap_err().to_string();
        assert_eq!(
            said,
            "`no-such-tool` is missing, which is a test; to install it:\n  do this\n  then"
        );
    }
}
