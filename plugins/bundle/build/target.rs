//! The standard library that the plugins are built against.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::error::BuildError;

/// What plugins are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Makes sure that the target's standard library is there, through rustup when it is not.
///
/// `rust-toolchain.toml` names the target, but rustup acts on that only where it installs the
/// toolchain by itself.
pub(crate) fn install() -> Result<(), BuildError> {
    if is_installed()? {
        return Ok(());
    }
    // Set by rustup for whatever its cargo runs.
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]);
    if let Some(toolchain) = &toolchain {
        rustup.args(["--toolchain", toolchain]);
    }
    let reason = match rustup.output() {
        Ok(output) if output.status.success() && is_installed()? => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            format!("rustup: {}", said.trim().lines().last().unwrap_or("no reason given"))
        }
        Err(error) => format!("rustup does not start: {error}"),
    };
    let toolchain = toolchain.map(|name| format!(" --toolchain {name}")).unwrap_or_default();
    Err(BuildError::NoTarget { target: TARGET, toolchain, reason })
}

fn is_installed() -> Result<bool, BuildError> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|source| BuildError::Start { program: rustc, source })?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}
