//! Turns bytes into machine code, within a time.

use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::LoadError;

/// Compiles few components at once, each on a thread of its own that may be left behind.
#[derive(Debug)]
pub(crate) struct Compiler {
    running: Arc<Running>,
    time_max: Duration,
}

#[derive(Debug)]
struct Running {
    count: Mutex<usize>,
    count_max: usize,
    ended: Condvar,
}

/// A place among those that run, given back when dropped.
struct Place(Arc<Running>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_one();
    }
}

impl Compiler {
    pub(crate) fn new(count_max: usize, time_max_ms: u64) -> Self {
        let running = Running { count: Mutex::new(0), count_max, ended: Condvar::new() };
        Self { running: Arc::new(running), time_max: Duration::from_millis(time_max_ms) }
    }

    /// Compiles a component in WebAssembly's binary format.
    ///
    /// Compilation cannot be interrupted: past its time its thread runs on, and keeps its place,
    /// so that a flood of slow components does not take every core.
    pub(crate) fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Component, LoadError> {
        let too_long = || LoadError::CompileTime { ms_max: self.time_max.as_millis() as u64 };
        let end = Instant::now() + self.time_max;
        let place = self.place(end).ok_or_else(too_long)?;
        let (sender, receiver) = mpsc::sync_channel(1);
        let (engine, bytes) = (engine.clone(), bytes.to_vec());
        let failed = |message: String| LoadError::Compile { message };
        Builder::new()
            .name("hyfunc-compile".to_owned())
            .spawn(move || {
                let compiled = Component::from_binary(&engine, &bytes);
                drop(place);
                // Nobody receives when the time was up.
                let _ = sender.send((compiled, Instant::now()));
            })
            .map_err(|error| failed(error.to_string()))?;
        match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
            // Whoever waits may be woken long after: what counts is when the compiler was done.
            Ok((_, done)) if done > end => Err(too_long()),
            Ok((compiled, _)) => compiled.map_err(|error| failed(format!("{error:#}"))),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(too_long()),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(failed("the compiler panicked; please report the component".to_owned()))
            }
        }
    }

    fn place(&self, end: Instant) -> Option<Place> {
        let running = &self.running;
        let count = running.count.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = end.saturating_duration_since(Instant::now());
        let (mut count, waited) = running
            .ended
            .wait_timeout_while(count, wait, |count| *count >= running.count_max)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return None;
        }
        *count += 1;
        Some(Place(Arc::clone(running)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_waited_for_and_given_back() {
        let compiler = Compiler::new(1, 50);
        let soon = || Instant::now() + Duration::from_millis(20);
        let first = compiler.place(soon()).unwrap();
        assert!(compiler.place(soon()).is_none());
        drop(first);
        assert!(compiler.place(soon()).is_some());
    }

    #[test]
    fn what_takes_too_long_is_left_behind() {
        let engine = Engine::default();
        let component = wat::parse_str("(component)").unwrap();
        let refused = Compiler::new(1, 0).compile(&engine, &component);
        assert!(matches!(refused, Err(LoadError::CompileTime { ms_max: 0 })));
    }

    #[test]
    fn text_and_core_modules_are_refused() {
        let engine = Engine::default();
        let compiler = Compiler::new(1, 60_000);
        let module = wat::parse_str("(module)").unwrap();
        for bytes in [&b"(component)"[..], &module, b"", b"\0asm"] {
            let refused = compiler.compile(&engine, bytes);
            assert!(matches!(refused, Err(LoadError::Compile { .. })));
        }
    }
}
