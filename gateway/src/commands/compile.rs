//! The process that compiles a component for a gateway, and nothing else.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use hyfunc_sandbox::{Allocation, PrecompileError, SandboxConfig, precompile};
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};

use crate::cli::CompileArgs;
use crate::file::is_full;
use crate::publish::{FAILED, FULL, REFUSED};

/// How far this stands back behind whatever serves requests.
const NICE: i32 = 10;

/// Of a refusal, how much is handed on.
const MESSAGE_CHARS_MAX: usize = 4_000;

/// Reads a component from standard input and leaves it compiled in the cache. Says on standard
/// output why not.
pub fn compile(args: &CompileArgs) -> ExitCode {
    match steps(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { status, message }) => {
            let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
            // Who does not listen has given up already.
            let _ = std::io::stdout().write_all(message.as_bytes());
            ExitCode::from(status)
        }
    }
}

/// Why there is no compiled component, and whose fault that is.
struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// Not the component's.
    fn ours(message: String) -> Self {
        Self { status: FAILED, message }
    }
}

impl From<PrecompileError> for Failure {
    fn from(error: PrecompileError) -> Self {
        let status = match &error {
            PrecompileError::Load(_) => REFUSED,
            PrecompileError::Keep { source, .. } if is_full(source.kind()) => FULL,
            PrecompileError::Keep { .. }
            | PrecompileError::NoDirectory
            | PrecompileError::Sandbox(_) => FAILED,
        };
        Self { status, message: error.to_string() }
    }
}

fn steps(args: &CompileArgs) -> Result<(), Failure> {
    bound(args).map_err(|error| Failure::ours(format!("cannot bound the compiler: {error}")))?;
    let allocation = Allocation::ALL.into_iter().find(|known| known.name() == args.allocation);
    let allocation =
        allocation.ok_or_else(|| Failure::ours(format!("`{}` is no layout", args.allocation)))?;
    let mut component = Vec::new();
    // One more, so that what is too large is seen to be.
    let most = args.component_bytes_max as u64 + 1;
    std::io::stdin()
        .take(most)
        .read_to_end(&mut component)
        .map_err(|error| Failure::ours(format!("the component did not arrive: {error}")))?;
    let config = SandboxConfig {
        memory_bytes_max: args.memory_bytes_max,
        stack_bytes_max: args.stack_bytes_max,
        component_bytes_max: args.component_bytes_max,
        aot_dir: Some(args.aot_dir.clone()),
        ..SandboxConfig::default()
    };
    precompile(&config, allocation, &args.name, &component).map_err(Failure::from)
}

/// Limits that hold even if whoever started this is gone.
fn bound(args: &CompileArgs) -> std::io::Result<()> {
    let seconds = args.compile_ms_max.div_ceil(1_000) + 1;
    limit(Resource::Cpu, seconds)?;
    limit(Resource::Fsize, args.compile_memory_bytes_max)?;
    limit(Resource::Core, 0)?;
    limit(Resource::As, args.compile_memory_bytes_max)?;
    // A system that does not allow it compiles all the same.
    let _ = nice(NICE);
    Ok(())
}

/// Never above what the process was given.
fn limit(resource: Resource, wanted: u64) -> std::io::Result<()> {
    let given = getrlimit(resource);
    let most = given.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    Ok(())
}
