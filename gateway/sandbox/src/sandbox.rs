//! The sandbox: what all plugins of a process share.

use std::fmt;
use std::sync::Arc;

use crate::aot::Aot;
use crate::compile::Compiler;
use crate::config::SandboxConfig;
use crate::engine::{Allocation, Machine, concurrent};
use crate::error::{LoadError, SandboxError};
use crate::gate::Gate;
use crate::grants::Grants;
use crate::host::space::Spaces;
use crate::lane::Lane;
use crate::plugin::Plugin;

/// Loads plugins. One for a process is enough; clones share it.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

/// Shared by a sandbox and its plugins; its threads end when the last of them is gone.
pub(crate) struct Shared {
    pub(crate) config: SandboxConfig,
    pub(crate) machine: Machine,
    /// Of components that use the component model's async, or import WASI 0.3; none where they are
    /// turned off.
    pub(crate) concurrent: Option<Machine>,
    pub(crate) compiler: Compiler,
    pub(crate) aot: Option<Aot>,
    pub(crate) spaces: Arc<Spaces>,
    /// Of the calls of all plugins.
    pub(crate) gate: Gate,
    /// Of those that take long.
    pub(crate) lane: Lane,
}

impl Shared {
    /// Where a component runs.
    pub(crate) fn machine_for(&self, needs_async: bool) -> Result<&Machine, LoadError> {
        if needs_async {
            self.concurrent.as_ref().ok_or(LoadError::AsyncOff)
        } else {
            Ok(&self.machine)
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sandbox")
            .field("config", &self.0.config)
            .field("allocation", &self.0.machine.allocation)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts an engine with its pool of instances, and one without a pool for components of WASI
    /// 0.3.
    ///
    /// # Errors
    /// If a limit is out of its range, a directory is not to be trusted, or wasmtime does not
    /// run on this machine.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        config.check()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let waiting_max = config.calls_waiting_max.saturating_mul(config.calls_per_plugin_max);
        Ok(Self(Arc::new(Shared {
            machine: Machine::new(&config)?,
            concurrent: config
                .async_components
                .then(|| concurrent::machine(&config))
                .transpose()?,
            compiler: Compiler::new(config.compiles_max, config.compile_ms_max),
            aot: config.aot_dir.as_deref().map(Aot::open).transpose()?,
            spaces: Arc::new(Spaces::new(&config)?),
            gate: Gate::new(config.instances_max, waiting_max),
            lane: Lane::new(cores),
            config,
        })))
    }

    /// Loads a component: from the cache of compiled ones, or by compiling it. Blocks the thread
    /// meanwhile; asynchronous callers move it off theirs.
    ///
    /// # Errors
    /// If the component is too large, does not compile in time, imports what this host does not
    /// offer, or exports no function that can be called.
    pub fn load(&self, name: &str, component: &[u8], grants: &Grants) -> Result<Plugin, LoadError> {
        Plugin::load(Arc::clone(&self.0), name, component, grants)
    }

    /// Loads a component that was compiled before, by this sandbox, by an earlier process or by
    /// [`precompile`](crate::precompile), and compiles nothing: `None` where it was not.
    ///
    /// # Errors
    /// As [`Sandbox::load`].
    pub fn load_kept(
        &self,
        name: &str,
        component: &[u8],
        grants: &Grants,
    ) -> Result<Option<Plugin>, LoadError> {
        Plugin::load_kept(Arc::clone(&self.0), name, component, grants)
    }

    /// Whether compiled components are kept.
    pub fn keeps_compiled(&self) -> bool {
        self.0.aot.is_some()
    }

    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// How the memory of instances is laid out on this machine, those of WASI 0.3 apart.
    pub fn allocation(&self) -> Allocation {
        self.0.machine.allocation
    }

    /// The limits in force.
    pub fn config(&self) -> &SandboxConfig {
        &self.0.config
    }
}
