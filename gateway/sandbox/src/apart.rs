//! Compiling in a process apart, into the cache that a sandbox loads from.
//!
//! A crafted component can keep the compiler busy for minutes, take gigabytes, or bring it down.
//! In a process of its own that costs this process nothing: whoever starts it bounds its time and
//! its memory, and what it leaves is a file with a MAC.

use sha2::{Digest, Sha256};
use wasmtime::{CodeBuilder, Engine};

use crate::aot::Aot;
use crate::config::SandboxConfig;
use crate::engine::{Allocation, concurrent, settings};
use crate::error::{LoadError, PrecompileError, SandboxError};
use crate::plugin::read;

/// Compiles a component on this thread and keeps it in `aot_dir`, for a sandbox of the same limits
/// whose memory is laid out so, or for its engine without a pool where the component is of WASI 0.3.
/// No pool of instances is made: this process runs no guest.
///
/// # Errors
/// If the component is too large, cannot be read or does not compile, or cannot be kept.
pub fn precompile(
    config: &SandboxConfig,
    allocation: Allocation,
    name: &str,
    component: &[u8],
) -> Result<(), PrecompileError> {
    let directory = config.aot_dir.as_deref().ok_or(PrecompileError::NoDirectory)?;
    let mut settings = if read(config, name, component)?.needs_async {
        concurrent::settings(config)
    } else {
        settings(config, allocation)
    };
    // Threads take address space, which is bounded here, and cores, which serve requests.
    settings.parallel_compilation(false);
    let engine =
        Engine::new(&settings).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    let artifact = CodeBuilder::new(&engine)
        .wasm_binary(component, None)
        .and_then(|builder| builder.compile_component_serialized())
        .map_err(|error| LoadError::Compile { message: format!("{error:#}") })?;
    let digest = hex::encode(Sha256::digest(component));
    let aot = Aot::open(directory)?;
    aot.keep(&engine, &digest, &artifact)
        .map_err(|source| PrecompileError::Keep { path: directory.display().to_string(), source })
}
