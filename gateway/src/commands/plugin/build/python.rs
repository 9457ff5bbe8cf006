//! Python: componentize-py, which puts CPython and the module into one component.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::plugin::AuthorError;
use crate::commands::plugin::tool::{self, Tool};

/// The module that implements the world, by the name that componentize-py is told.
const MODULE: &str = "app";

const COMPONENTIZE: Tool = Tool {
    program: "componentize-py",
    purpose: "builds plugins written in Python",
    install: "python3 -m venv .venv\n.venv/bin/pip install componentize-py==0.25.1",
};

/// Builds a folder's `app.py`.
pub(super) fn build(
    folder: &Path,
    world: Option<&str>,
    out: &Path,
) -> Result<PathBuf, AuthorError> {
    if !folder.join(MODULE).with_extension("py").is_file() {
        return Err(AuthorError::Unbuildable {
            path: folder.to_owned(),
            reason: format!("there is no {MODULE}.py, which implements the world"),
        });
    }
    let own = folder.join(".venv");
    let active = env::var_os("VIRTUAL_ENV").map(PathBuf::from);
    let environments: Vec<PathBuf> = std::iter::once(own.clone()).chain(active).collect();
    let folders: Vec<PathBuf> =
        environments.iter().map(|environment| environment.join("bin")).collect();
    let mut command = Command::new(COMPONENTIZE.find(&folders)?);
    if own.is_dir() {
        // Where it looks for what the module imports.
        command.env("VIRTUAL_ENV", &own);
    }
    command.args(["-d", "wit"]);
    if let Some(world) = world {
        command.args(["-w", world]);
    }
    command.args(["componentize", MODULE, "-o"]).arg(out);
    tool::run(&mut command, folder)?;
    Ok(out.to_owned())
}
