//! The benchmark's own checker, through Python: for those who want its word besides ours.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::TrainingError;

/// Runs inside Python, where `bfcl_eval` is installed.
const SCRIPT: &str = include_str!("official.py");

/// What the benchmark's checker says of a row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Verdict {
    /// Of the row.
    pub id: String,
    /// Whether it is right.
    pub valid: bool,
    /// The checker's name for what is wrong; empty where nothing is.
    pub error_type: String,
}

/// The folder of the benchmark's own files, as Python finds it.
///
/// # Errors
/// No such program, or no `bfcl_eval` in it.
pub fn folder(python: &Path) -> Result<PathBuf, TrainingError> {
    Ok(PathBuf::from(run(python, "folder", "")?.trim()))
}

/// Scores predictions, one a line, see [`super::predictions`].
///
/// # Errors
/// No such program, no `bfcl_eval` in it, or predictions that it cannot read.
pub fn score(python: &Path, lines: &str) -> Result<BTreeMap<String, Verdict>, TrainingError> {
    let output = run(python, "score", lines)?;
    let mut verdicts = BTreeMap::new();
    for line in output.lines().filter(|line| line.starts_with('{')) {
        let verdict: Verdict = serde_json::from_str(line)?;
        verdicts.insert(verdict.id.clone(), verdict);
    }
    Ok(verdicts)
}

fn run(python: &Path, task: &str, input: &str) -> Result<String, TrainingError> {
    let unusable =
        |reason: String| TrainingError::Unusable { path: python.display().to_string(), reason };
    let mut child = Command::new(python)
        .args(["-c", SCRIPT, task])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| unusable(format!("{error}; name a Python with --python")))?;
    // The script reads all of its input before it writes. Where it ended earlier, its status says
    // so.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| unusable(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        return Err(unusable(format!(
            "{last}; the benchmark's checker needs `pip install --no-deps bfcl-eval==2026.3.23`"
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_that_is_not_there_says_what_to_do() {
        let error = folder(Path::new("/nonexistent/python")).unwrap_err().to_string();
        assert!(error.contains("--python"), "{error}");
    }
}
