//! `hyfunc:plugin/context`: what the guest may know about its call.

use std::time::Instant;

use crate::host::bindings::hyfunc::plugin::context::Host;
use crate::host::state::State;

impl Host for State {
    fn request_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.facts.request_id.clone())
    }

    fn deadline_ms_left(&mut self) -> wasmtime::Result<u64> {
        let left = self.facts.deadline.saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn trace_parent(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.facts.traceparent.clone())
    }
}
