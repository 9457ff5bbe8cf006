//! A call in bare wasmtime: what a call in the sandbox is measured against.
//!
//! The same engine, the same pool and the same component, a fresh store and instance for every
//! call; but nothing is counted, limited, granted, converted or waited for.

use hyfunc_functions::{Export, Value};
use wasmtime::component::{
    Component, ComponentExportIndex, InstancePre, Linker, ResourceTable, Val,
};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::call::arguments_error;
use crate::config::SandboxConfig;
use crate::engine::engine;
use crate::error::{CallError, LoadError, SandboxError};
use crate::plugin::entry;

/// Why there is nothing to measure against.
#[derive(Debug, thiserror::Error)]
pub enum BareError {
    /// No engine.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No component.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No such function, or other arguments than it takes.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// All that the guest finds on the host's side.
struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A call of one function with fixed arguments, as often as it is wanted.
pub struct BareCall {
    engine: Engine,
    instance_pre: InstancePre<Host>,
    index: ComponentExportIndex,
    arguments: Vec<Val>,
    returns: bool,
}

impl BareCall {
    /// Compiles the component on an engine like that of a sandbox with these limits. What it imports
    /// beyond WASI's core traps when it is called. Blocks the thread meanwhile.
    ///
    /// # Errors
    /// A component that does not compile, no such function, or arguments of other types.
    pub fn new(
        config: &SandboxConfig,
        component: &[u8],
        export: &Export,
        arguments: &Value,
    ) -> Result<Self, BareError> {
        config.check()?;
        let (engine, _) = engine(config)?;
        let compile = |error: wasmtime::Error| LoadError::Compile { message: format!("{error:#}") };
        let component = Component::new(&engine, component).map_err(compile)?;
        let mut linker = Linker::<Host>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(compile)?;
        linker.define_unknown_imports_as_traps(&component).map_err(compile)?;
        let instance_pre = linker.instantiate_pre(&component).map_err(compile)?;
        let entry = entry(&component, export)?;
        let arguments = entry.signature.lower(arguments).map_err(arguments_error)?;
        let returns = entry.signature.returns.is_some();
        Ok(Self { engine, instance_pre, index: entry.index, arguments, returns })
    }

    /// Runs the function in an instance of its own; what it returns is dropped.
    ///
    /// # Errors
    /// The guest trapped, or the pool is exhausted.
    pub async fn call(&self) -> Result<(), CallError> {
        let trapped = |error: wasmtime::Error| CallError::Trap { message: format!("{error:#}") };
        let host = Host { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(&self.engine, host);
        // Compiled code asks for it, but nobody moves this engine's epoch on.
        store.set_epoch_deadline(1);
        let instance = self.instance_pre.instantiate_async(&mut store).await.map_err(trapped)?;
        let function = instance
            .get_func(&mut store, self.index)
            .expect("the index was taken from this component");
        let mut results = [Val::Bool(false)];
        let results = &mut results[..usize::from(self.returns)];
        function.call_async(&mut store, &self.arguments, results).await.map_err(trapped)
    }
}
