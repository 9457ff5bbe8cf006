//! Why the plugins cannot be bundled.

use std::io;
use std::path::PathBuf;

use hyfunc_functions::component::ComponentError;
use hyfunc_functions::docs::DocsError;

/// Why the plugins cannot be bundled, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("cargo did not set {name}: run this build script through cargo")]
    Variable { name: &'static str },
    #[error("there are no plugins in {}: check out the whole repository", folder.display())]
    NoPlugins { folder: PathBuf },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{program}` does not start ({source}): put it on PATH")]
    Start { program: String, source: io::Error },
    #[error(
        "the standard library for {target} is not installed, and adding it failed ({reason})\n\
         run `rustup target add {target}{toolchain}`, or install that target with whatever installed this Rust"
    )]
    NoTarget { target: &'static str, toolchain: String, reason: String },
    #[error(
        "building the plugins failed ({status}); cargo's messages are above\n\
         to see it alone, run `cargo build --release --target {target} --manifest-path {}`",
        manifest.display()
    )]
    Guests { status: String, target: &'static str, manifest: PathBuf },
    #[error("plugin `{plugin}`: {source}")]
    Component { plugin: String, source: Box<ComponentError> },
    #[error("plugin `{plugin}`: {source}")]
    Docs { plugin: String, source: DocsError },
}
