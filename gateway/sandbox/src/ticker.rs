//! The thread that moves an engine's epoch on, so that running guests are interrupted.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

use crate::error::SandboxError;

/// Ends its thread when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    /// Closed to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine, tick: Duration) -> Result<Self, SandboxError> {
        let engine = engine.weak();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = Builder::new()
            .name("hyfunc-epoch".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                    let Some(engine) = engine.upgrade() else { return };
                    engine.increment_epoch();
                }
            })
            .map_err(SandboxError::Ticker)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // The thread neither panics nor blocks: it ends at once.
            let _ = thread.join();
        }
    }
}
