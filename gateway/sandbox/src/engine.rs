//! wasmtime, set up for many small and short-lived instances that nobody trusts.

pub(crate) mod concurrent;

use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::host;
use crate::host::state::State;
use crate::limits::{CORE_INSTANCES_MAX, KEPT_BYTES_MAX, MEMORIES_MAX, TABLES_MAX};
use crate::ticker::Ticker;

/// Stack that host functions have on top of the guest's.
const HOST_STACK_BYTES: usize = 1 << 20;
/// Address space of a memory for which compiled code needs no bounds checks.
const RESERVATION_BYTES_FULL: u64 = 4 << 30;
/// Slots of the pool beyond the calls that may run, for those that are just being torn down.
const SPARE_SLOTS: u32 = 4;

/// How the memory of instances is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// A pool, 4 GiB of address space a memory: fastest.
    PoolFull,
    /// A pool, only as much address space as a memory may grow to: bounds are checked in code.
    PoolTight,
    /// Allocated for every call: no pool fits into the address space.
    OnDemand,
}

impl Allocation {
    /// Every layout.
    pub const ALL: [Self; 3] = [Self::PoolFull, Self::PoolTight, Self::OnDemand];

    /// As another process is told.
    pub fn name(self) -> &'static str {
        match self {
            Self::PoolFull => "pool-full",
            Self::PoolTight => "pool-tight",
            Self::OnDemand => "on-demand",
        }
    }
}

/// An engine and everything that its components are linked against.
pub(crate) struct Machine {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) allocation: Allocation,
    _ticker: Ticker,
}

impl Machine {
    pub(crate) fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let (engine, allocation) = engine(config)?;
        Self::start(config, engine, allocation, host::link)
    }

    /// Links the host's side, and starts the clock by which guests are interrupted.
    fn start(
        config: &SandboxConfig,
        engine: Engine,
        allocation: Allocation,
        link: fn(&mut Linker<State>) -> wasmtime::Result<()>,
    ) -> Result<Self, SandboxError> {
        let mut linker = Linker::new(&engine);
        link(&mut linker).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine, Duration::from_millis(config.epoch_tick_ms))?;
        Ok(Self { engine, linker, allocation, _ticker: ticker })
    }
}

/// The best engine whose pool fits into the address space, which containers may bound.
pub(crate) fn engine(config: &SandboxConfig) -> Result<(Engine, Allocation), SandboxError> {
    let mut reason = String::new();
    for allocation in [Allocation::PoolFull, Allocation::PoolTight, Allocation::OnDemand] {
        match Engine::new(&wasmtime_config(config, allocation)) {
            Ok(engine) => {
                if allocation != Allocation::PoolFull {
                    tracing::warn!(
                        ?allocation,
                        reason,
                        "calls will be slower: raise the limit of address space (ulimit -v), or \
                         lower instances_max or memory_bytes_max"
                    );
                }
                return Ok((engine, allocation));
            }
            Err(error) => reason = format!("{error:#}"),
        }
    }
    Err(SandboxError::Engine(reason))
}

fn wasmtime_config(config: &SandboxConfig, allocation: Allocation) -> Config {
    let mut wasmtime = settings(config, allocation);
    if allocation != Allocation::OnDemand {
        wasmtime.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    }
    wasmtime
}

/// Everything that compiled code depends on, and no pool.
pub(crate) fn settings(config: &SandboxConfig, allocation: Allocation) -> Config {
    let mut wasmtime = Config::new();
    wasmtime
        .epoch_interruption(true)
        .concurrency_support(false)
        // One component compiles on one thread: a pool of threads would be shared with the models,
        // and a component that compiles for minutes would keep them waiting.
        .parallel_compilation(false)
        .wasm_memory64(false)
        .max_wasm_stack(config.stack_bytes_max)
        .async_stack_size(config.stack_bytes_max + HOST_STACK_BYTES);
    if allocation != Allocation::PoolFull {
        wasmtime.memory_reservation(config.memory_bytes_rounded() as u64);
    } else {
        wasmtime.memory_reservation(RESERVATION_BYTES_FULL);
    }
    wasmtime
}

/// A pool for `instances_max` calls, each of which may take as much as a component may have: what
/// one plugin takes is then missed by no other. Slots are address space and counts, not memory.
fn pool(config: &SandboxConfig) -> PoolingAllocationConfig {
    let slots = u32::try_from(config.instances_max).unwrap_or(u32::MAX).saturating_add(SPARE_SLOTS);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_stacks(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(slots.saturating_mul(MEMORIES_MAX))
        .total_tables(slots.saturating_mul(TABLES_MAX))
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(config.memory_bytes_rounded())
        .table_elements(config.table_elements_max)
        .linear_memory_keep_resident(KEPT_BYTES_MAX)
        .table_keep_resident(KEPT_BYTES_MAX)
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_starts_here() {
        let config = SandboxConfig { instances_max: 2, ..SandboxConfig::default() };
        for allocation in [Allocation::PoolFull, Allocation::PoolTight, Allocation::OnDemand] {
            let engine = Engine::new(&wasmtime_config(&config, allocation));
            assert!(engine.is_ok(), "{allocation:?}: {:?}", engine.err());
        }
    }
}
