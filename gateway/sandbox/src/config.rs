//! Every limit of the sandbox, its default and its unit.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::credentials::Credential;
use crate::error::SandboxError;
use crate::resolver::{Resolver, SystemResolver};

/// Bytes of a WebAssembly page: memories are counted in these.
const PAGE_BYTES: usize = 64 << 10;

/// The limits under which plugins are loaded and called.
///
/// Everything is bounded by default; a limit can be moved but not taken away.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Longest that one call may take, its wait for a free slot included. A caller's earlier
    /// deadline wins.
    pub deadline_ms_max: u64,
    /// Linear memory of one call, all memories of the component together. Rounded up to 64 KiB.
    pub memory_bytes_max: usize,
    /// Elements of any one table of a component.
    pub table_elements_max: usize,
    /// Size of a component's file.
    pub component_bytes_max: usize,
    /// Longest that compiling a component may take.
    pub compile_ms_max: u64,
    /// Components that compile at the same time; further ones wait for their turn.
    pub compiles_max: usize,
    /// Bytes that a guest may hand over in one host call, counted as wasmtime counts them: what
    /// they occupy in the host, which for a `list<u8>` of a result is 40 bytes an element.
    pub hostcall_bytes_max: usize,
    /// Handles (streams, requests, timers, …) that a call may hold at once.
    pub handles_max: usize,
    /// Size of a result: 8 bytes for every value in it, and the bytes of its strings and lists
    /// of `u8`.
    pub result_bytes_max: usize,
    /// What a call may write to its log, standard output and standard error together. The rest
    /// is dropped, and a last line says so.
    pub log_bytes_max: usize,
    /// Calls of one plugin that run at once.
    pub calls_per_plugin_max: usize,
    /// Calls of one plugin that wait for a slot; one more is refused as overload.
    pub calls_waiting_max: usize,
    /// Calls of all plugins that run at once: the size of the pool of instances.
    pub instances_max: usize,
    /// Stack of the guest.
    pub stack_bytes_max: usize,
    /// Keys and values that one plugin may keep for one tenant.
    pub keyvalue_bytes_max: usize,
    /// Pairs of plugin and tenant for which something is kept.
    pub keyvalue_spaces_max: usize,
    /// Where key-value data is persisted; in memory alone when absent.
    pub keyvalue_dir: Option<PathBuf>,
    /// Body of one outgoing HTTP request, and of its response.
    pub http_body_bytes_max: usize,
    /// Longest that connecting, the first byte, or the wait between two pieces of a body may
    /// take. The call's deadline holds beside it.
    pub http_ms_max: u64,
    /// How often a running guest is interrupted, so that others get their turn.
    pub epoch_tick_ms: u64,
    /// Where compiled components are kept for the next start; nowhere when absent.
    pub aot_dir: Option<PathBuf>,
    /// What the host adds to requests of plugins.
    pub credentials: Vec<Credential>,
    /// Whether components are loaded that use the component model's async or import WASI 0.3.
    pub async_components: bool,
    /// Who looks names of hosts up for plugins' requests.
    pub resolver: Arc<dyn Resolver>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            deadline_ms_max: 30_000,
            memory_bytes_max: 128 << 20,
            table_elements_max: 20_000,
            component_bytes_max: 32 << 20,
            compile_ms_max: 60_000,
            compiles_max: 2,
            hostcall_bytes_max: 64 << 20,
            handles_max: 1_000,
            result_bytes_max: 1 << 20,
            log_bytes_max: 64 << 10,
            calls_per_plugin_max: 16,
            calls_waiting_max: 256,
            instances_max: 64,
            stack_bytes_max: 512 << 10,
            keyvalue_bytes_max: 1 << 20,
            keyvalue_spaces_max: 4_096,
            keyvalue_dir: None,
            http_body_bytes_max: 4 << 20,
            http_ms_max: 10_000,
            epoch_tick_ms: 5,
            aot_dir: None,
            credentials: Vec::new(),
            async_components: true,
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl SandboxConfig {
    /// Whether every limit is one that a sandbox can be built with.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let wrong = |field: &'static str, expected: &'static str| {
            Err(SandboxError::Config { field, expected })
        };
        if !(PAGE_BYTES..=4 << 30).contains(&self.memory_bytes_max) {
            return wrong("memory_bytes_max", "between 64 KiB and 4 GiB");
        }
        if !((64 << 10)..=(64 << 20)).contains(&self.stack_bytes_max) {
            return wrong("stack_bytes_max", "between 64 KiB and 64 MiB");
        }
        if !(1..=10_000).contains(&self.instances_max) {
            return wrong("instances_max", "between 1 and 10000");
        }
        if self.calls_per_plugin_max == 0 {
            return wrong("calls_per_plugin_max", "1 or more");
        }
        if self.compiles_max == 0 {
            return wrong("compiles_max", "1 or more");
        }
        if !(1..=1_000).contains(&self.epoch_tick_ms) {
            return wrong("epoch_tick_ms", "between 1 and 1000");
        }
        if self.deadline_ms_max == 0 {
            return wrong("deadline_ms_max", "1 or more");
        }
        Ok(())
    }

    /// `deadline_ms_max` as a duration.
    pub(crate) fn deadline_max(&self) -> Duration {
        Duration::from_millis(self.deadline_ms_max)
    }

    /// `memory_bytes_max`, in whole pages.
    pub(crate) fn memory_bytes_rounded(&self) -> usize {
        self.memory_bytes_max.next_multiple_of(PAGE_BYTES)
    }
}
