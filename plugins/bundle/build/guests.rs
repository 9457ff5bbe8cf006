//! Cargo, run on the plugins' own workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::BuildError;
use crate::target::TARGET;

/// Settings of the build around this one, meant for the host's target and not for the plugins'.
/// What starts with one of these is taken away.
const HOST_SETTINGS: &[&str] = &[
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CLIPPY_",
    "CARGO_ENCODED_",
    "CARGO_TARGET_",
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
];

/// Where the plugins are built: beside the build folder of the profile, so that they are kept
/// when this crate's hash changes, and outside of any folder that the outer cargo holds locked.
pub(crate) fn target_dir(out: &Path) -> PathBuf {
    let build =
        out.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    build.and_then(Path::parent).unwrap_or(out).join("guests")
}

/// Builds all plugins and gives the folder of their components.
pub(crate) fn build(plugins: &Path, target_dir: &Path) -> Result<PathBuf, BuildError> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = plugins.join("Cargo.toml");
    let mut command = Command::new(&cargo);
    command.args(["build", "--release", "--target", TARGET]);
    command.arg("--manifest-path").arg(&manifest);
    command.arg("--target-dir").arg(target_dir);
    if plugins.join("Cargo.lock").is_file() {
        command.arg("--locked");
    }
    // The folder decides which `.cargo/config.toml` holds: the plugins' own.
    command.current_dir(plugins);
    for (name, _) in env::vars_os() {
        let known = name.to_string_lossy();
        if HOST_SETTINGS.iter().any(|prefix| known.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    let status = command.status().map_err(|source| BuildError::Start { program: cargo, source })?;
    if !status.success() {
        return Err(BuildError::Guests { status: status.to_string(), target: TARGET, manifest });
    }
    Ok(target_dir.join(TARGET).join("release"))
}
