//! A loaded component: its functions, and everything that a call of one needs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use hyfunc_functions::component::{
    ComponentFunctions, ComponentLimits, Refusal, read_component_within,
};
use hyfunc_functions::{Export, Function};
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::config::SandboxConfig;
use crate::convert::Signature;
use crate::error::{CallError, LoadError};
use crate::gate::Gate;
use crate::grants::Grants;
use crate::host::space::Spaces;
use crate::host::state::State;
use crate::lane::{Lane, Pace};
use crate::sandbox::{Sandbox, Shared};

/// A component that is ready to be called. Clones share it.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    name: Arc<str>,
    digest: String,
    functions: Vec<Arc<Function>>,
    refused: Vec<Refusal>,
    entries: HashMap<Export, Entry>,
    instance_pre: InstancePre<State>,
    grants: Arc<Grants>,
    gate: Gate,
    pace: Pace,
    shared: Arc<Shared>,
}

/// One function that can be called.
pub(crate) struct Entry {
    pub(crate) index: ComponentExportIndex,
    pub(crate) signature: Signature,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = self.0.functions.iter().map(|function| &function.name);
        formatter
            .debug_struct("Plugin")
            .field("name", &self.0.name)
            .field("digest", &self.0.digest)
            .field("functions", &functions.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// The name under which it was loaded.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// SHA-256 of the component, in lower-case hexadecimal.
    pub fn digest(&self) -> &str {
        &self.0.digest
    }

    /// Whether both are one, loaded once.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The functions that can be called.
    pub fn functions(&self) -> &[Arc<Function>] {
        &self.0.functions
    }

    /// The exports that cannot be called, each with the reason.
    pub fn refused(&self) -> &[Refusal] {
        &self.0.refused
    }

    /// What the plugin may do.
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// The sandbox that it was loaded into.
    pub fn sandbox(&self) -> Sandbox {
        Sandbox::of(Arc::clone(&self.0.shared))
    }

    pub(crate) fn load(
        shared: Arc<Shared>,
        name: &str,
        bytes: &[u8],
        grants: &Grants,
    ) -> Result<Self, LoadError> {
        let read = read(&shared.config, name, bytes)?;
        let digest = hex::encode(Sha256::digest(bytes));
        let engine = &shared.machine_for(read.needs_async)?.engine;
        let component = compiled(&shared, engine, &digest, bytes)?;
        Self::link(shared, name, digest, read, grants, &component)
    }

    /// The same without compiling: `None` where no compiled component is kept.
    pub(crate) fn load_kept(
        shared: Arc<Shared>,
        name: &str,
        bytes: &[u8],
        grants: &Grants,
    ) -> Result<Option<Self>, LoadError> {
        // What cannot be read was never kept: whoever compiles it will say why.
        let Ok(read) = read(&shared.config, name, bytes) else { return Ok(None) };
        let digest = hex::encode(Sha256::digest(bytes));
        let engine = &shared.machine_for(read.needs_async)?.engine;
        let kept = shared.aot.as_ref().and_then(|aot| aot.load(engine, &digest));
        let Some(component) = kept else { return Ok(None) };
        Self::link(shared, name, digest, read, grants, &component).map(Some)
    }

    fn link(
        shared: Arc<Shared>,
        name: &str,
        digest: String,
        read: ComponentFunctions,
        grants: &Grants,
        component: &Component,
    ) -> Result<Self, LoadError> {
        let ComponentFunctions { functions, refused, needs_async, .. } = read;
        let linker = &shared.machine_for(needs_async)?.linker;
        let instance_pre = linker.instantiate_pre(component).map_err(missing_import)?;
        let entries = functions
            .iter()
            .filter_map(|function| function.export.as_ref())
            .map(|export| Ok((export.clone(), entry(component, export)?)))
            .collect::<Result<_, LoadError>>()?;
        let config = &shared.config;
        Ok(Self(Arc::new(Loaded {
            name: name.into(),
            digest,
            functions: functions.into_iter().map(Arc::new).collect(),
            refused,
            entries,
            instance_pre,
            grants: Arc::new(grants.clone()),
            gate: Gate::new(config.calls_per_plugin_max, config.calls_waiting_max),
            pace: Pace::default(),
            shared,
        })))
    }

    pub(crate) fn entry(&self, export: &Export) -> Result<&Entry, CallError> {
        self.0.entries.get(export).ok_or_else(|| CallError::UnknownFunction {
            plugin: self.name().to_owned(),
            function: export.function.clone(),
        })
    }

    pub(crate) fn config(&self) -> &SandboxConfig {
        &self.0.shared.config
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.0.instance_pre.engine()
    }

    pub(crate) fn instance_pre(&self) -> &InstancePre<State> {
        &self.0.instance_pre
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn machine_gate(&self) -> &Gate {
        &self.0.shared.gate
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    pub(crate) fn lane(&self) -> &Lane {
        &self.0.shared.lane
    }

    pub(crate) fn spaces(&self) -> Arc<Spaces> {
        Arc::clone(&self.0.shared.spaces)
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    pub(crate) fn shared_grants(&self) -> Arc<Grants> {
        Arc::clone(&self.0.grants)
    }
}

/// Its functions, and which engine it needs. First of all: it refuses what would nest too deep for
/// the compiler.
pub(crate) fn read(
    config: &SandboxConfig,
    name: &str,
    bytes: &[u8],
) -> Result<ComponentFunctions, LoadError> {
    let bytes_max = config.component_bytes_max;
    if bytes.len() > bytes_max {
        return Err(LoadError::TooLarge { bytes: bytes.len(), bytes_max });
    }
    let limits = ComponentLimits { bytes_max, ..ComponentLimits::default() };
    Ok(read_component_within(name, bytes, &limits)?)
}

/// From the cache, or compiled and kept.
fn compiled(
    shared: &Shared,
    engine: &Engine,
    digest: &str,
    bytes: &[u8],
) -> Result<Component, LoadError> {
    let kept = shared.aot.as_ref().and_then(|aot| aot.load(engine, digest));
    if let Some(component) = kept {
        return Ok(component);
    }
    let component = shared.compiler.compile(engine, bytes)?;
    if let Some(aot) = &shared.aot {
        aot.store(engine, digest, &component);
    }
    Ok(component)
}

pub(crate) fn entry(component: &Component, export: &Export) -> Result<Entry, LoadError> {
    let refused =
        |message: String| LoadError::Export { function: export.function.clone(), message };
    let interface = match &export.interface {
        Some(name) => Some(
            component
                .get_export_index(None, name)
                .ok_or_else(|| refused(format!("the component exports no instance `{name}`")))?,
        ),
        None => None,
    };
    let (item, index) = component
        .get_export(interface.as_ref(), &export.function)
        .ok_or_else(|| refused("it is not exported".to_owned()))?;
    let ComponentItem::ComponentFunc(ty) = item else {
        return Err(refused("it is not a function".to_owned()));
    };
    Ok(Entry { index, signature: Signature::read(&ty).map_err(refused)? })
}

/// The linker names the import, and the function inside it, between backticks.
fn missing_import(error: wasmtime::Error) -> LoadError {
    let detail = format!("{error:#}");
    let mut quoted = detail.split('`').skip(1).step_by(2);
    let import = match (quoted.next(), quoted.next()) {
        (Some(interface), Some(function)) => format!("{interface}#{function}"),
        (Some(interface), None) => interface.to_owned(),
        (None, _) => "unknown".to_owned(),
    };
    LoadError::MissingImport { import, detail }
}
