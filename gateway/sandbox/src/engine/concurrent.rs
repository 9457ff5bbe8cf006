//! The engine of components that use the component model's async, or import WASI 0.3.
//!
//! It has no pool: a guest may have as many stacks as it has tasks that wait, and those of a pool
//! are shared with everybody. What a call allocates, its store counts.

use wasmtime::{Config, Engine};

use super::{Allocation, Machine};
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::host;

/// The engine, and everything that its components are linked against.
pub(crate) fn machine(config: &SandboxConfig) -> Result<Machine, SandboxError> {
    let engine = Engine::new(&settings(config))
        .map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    Machine::start(config, engine, Allocation::OnDemand, host::link_concurrent)
}

/// Everything that compiled code depends on. Of the proposals around async, the one that WASI 0.3
/// is made of: neither tasks that keep their stack while they wait, nor threads.
pub(crate) fn settings(config: &SandboxConfig) -> Config {
    let mut wasmtime = super::settings(config, Allocation::OnDemand);
    wasmtime.concurrency_support(true).wasm_component_model_async(true);
    wasmtime
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    fn engines(config: &SandboxConfig) -> Vec<Engine> {
        let pooled = Allocation::ALL.map(|allocation| super::super::settings(config, allocation));
        let configs = pooled.into_iter().chain([settings(config)]);
        configs.map(|config| Engine::new(&config).unwrap()).collect()
    }

    #[test]
    fn async_is_off_in_every_engine_but_its_own() {
        let component = wat::parse_str(
            "(component (import \"f\" (func $f async)) (core func (canon lower (func $f))))",
        )
        .unwrap();
        let engines = engines(&SandboxConfig::default());
        let compiles = |engine: &Engine| {
            wasmtime::component::Component::from_binary(engine, &component).is_ok()
        };
        assert_eq!(engines.iter().map(compiles).collect::<Vec<_>>(), [false, false, false, true]);
        let supports = |engine: &Engine| engine.get_concurrency_support();
        assert_eq!(engines.iter().map(supports).collect::<Vec<_>>(), [false, false, false, true]);
    }

    /// Compiled components are kept under this hash: see `aot`.
    #[test]
    fn what_is_compiled_for_one_engine_is_not_taken_for_the_others() {
        let hashes = BuildHasherDefault::<DefaultHasher>::default();
        let engines = engines(&SandboxConfig::default());
        let hashes: Vec<u64> = engines
            .iter()
            .map(|engine| hashes.hash_one(engine.precompile_compatibility_hash()))
            .collect();
        let concurrent = hashes.last().unwrap();
        assert_eq!(hashes.iter().filter(|hash| *hash == concurrent).count(), 1);
    }
}
