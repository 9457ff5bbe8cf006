//! What a store may allocate, and which limit ended it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::ResourceLimiter;

/// Core instances of one component: its module, the shims around it, and the libraries that
/// dynamic languages link.
pub(crate) const CORE_INSTANCES_MAX: u32 = 64;
/// Linear memories of one component.
pub(crate) const MEMORIES_MAX: u32 = 2;
/// Tables of one component.
pub(crate) const TABLES_MAX: u32 = 16;

/// Entries of the table that wasmtime keeps of a store's tasks, streams and waits, for each handle that
/// the guest may hold: a task takes three, and so does a stream. Tasks that go on after they
/// returned are in it, too, and no handle counts them.
pub(crate) const TASK_ENTRIES_PER_HANDLE: usize = 4;

/// Bytes of a memory or a table that its slot keeps between calls, wiped: giving every page back to
/// the system, and taking it again, cost more than half of a small call.
pub(crate) const KEPT_BYTES_MAX: usize = 1 << 20;

/// The limit that ended a call, as it travels through wasmtime's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitHit {
    #[error("deadline")]
    Deadline,
    #[error("memory limit")]
    Memory,
    #[error("table limit")]
    Table,
}

/// Most linear memory of one store, shared with whoever tells of the call.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryPeak(Arc<AtomicUsize>);

impl MemoryPeak {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed) as u64
    }
}

/// Counts and bounds the memory and tables of one store.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_bytes: usize,
    memory_peak: MemoryPeak,
    /// Of the growth that was allowed last, to be taken back should it fail.
    growth_bytes: usize,
}

impl Limiter {
    pub(crate) fn new(memory_bytes_max: usize, table_elements_max: usize) -> Self {
        Self {
            memory_bytes_max,
            table_elements_max,
            memory_bytes: 0,
            memory_peak: MemoryPeak::default(),
            growth_bytes: 0,
        }
    }

    /// Most memory that the store held at once; it can be read when the store is gone.
    pub(crate) fn memory_peak(&self) -> MemoryPeak {
        self.memory_peak.clone()
    }
}

impl ResourceLimiter for Limiter {
    /// A growth over the limit ends the call rather than being answered with -1: the guest
    /// would abort without saying why, or ask again for ever.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth_bytes = desired.saturating_sub(current);
        let total_bytes = self.memory_bytes.saturating_add(growth_bytes);
        if total_bytes > self.memory_bytes_max {
            return Err(LimitHit::Memory.into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.growth_bytes = growth_bytes;
        self.memory_bytes = total_bytes;
        self.memory_peak.0.fetch_max(total_bytes, Ordering::Relaxed);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_bytes = self.memory_bytes.saturating_sub(self.growth_bytes);
        self.growth_bytes = 0;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements_max {
            return Err(LimitHit::Table.into());
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        let error = limiter.memory_growing(40, 41, None).unwrap_err();
        assert_eq!(error.downcast_ref::<LimitHit>(), Some(&LimitHit::Memory));
        assert_eq!(limiter.memory_peak().bytes(), 100);
    }

    #[test]
    fn a_growth_that_failed_is_not_counted() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.memory_growing(0, 90, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
    }

    #[test]
    fn a_components_own_maximum_is_its_own_business() {
        let mut limiter = Limiter::new(100, 10);
        assert!(!limiter.memory_growing(0, 90, Some(80)).unwrap());
        assert_eq!(limiter.memory_peak().bytes(), 0);
    }

    #[test]
    fn tables_are_bounded() {
        let mut limiter = Limiter::new(100, 10);
        assert!(limiter.table_growing(0, 10, None).unwrap());
        let error = limiter.table_growing(10, 11, None).unwrap_err();
        assert_eq!(error.downcast_ref::<LimitHit>(), Some(&LimitHit::Table));
    }
}
