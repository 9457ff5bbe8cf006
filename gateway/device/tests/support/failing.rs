//! A checkpoint on a machine that fails when it is told to.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_device::{Decoder, DeviceError, Room, load};
use hyfunc_kernels::{Call, Float, Host, HostMemory, KernelError, Machine, Recorded};

/// What the machine says next, and to how many launches.
pub type Faults = Arc<Mutex<Option<(KernelError, usize)>>>;

/// A host that fails when it is told to.
pub struct Failing {
    host: Host,
    faults: Faults,
    /// Memory that it gives yet: so many times.
    writes_left: AtomicUsize,
}

impl Failing {
    fn fault(&self) -> Result<(), KernelError> {
        match &mut *self.faults.lock().unwrap() {
            Some((error, times)) if *times > 0 => {
                *times -= 1;
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }
}

impl Machine for Failing {
    type Memory = HostMemory;
    type Recording = Vec<Call>;

    fn write(&self, bytes: &[u8]) -> Result<HostMemory, KernelError> {
        let left = self
            .writes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map_err(|_| KernelError::OutOfMemory { bytes: Some(bytes.len()) })?;
        self.host.write(bytes)
    }

    fn overwrite(
        &self,
        memory: &mut HostMemory,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), KernelError> {
        self.host.overwrite(memory, at, bytes)
    }

    fn read_first(&self, memory: &HostMemory, bytes: usize) -> Result<Vec<u8>, KernelError> {
        self.host.read_first(memory, bytes)
    }

    fn address(&self, memory: &HostMemory) -> u64 {
        self.host.address(memory)
    }

    fn address_mut(&self, memory: &mut HostMemory) -> u64 {
        self.host.address_mut(memory)
    }

    fn run(&self, call: &Call) -> Result<(), KernelError> {
        self.fault()?;
        self.host.run(call)
    }

    fn record(&self) -> Result<(), KernelError> {
        self.host.record()
    }

    fn recorded(&self) -> Result<Vec<Call>, KernelError> {
        self.host.recorded()
    }

    fn replay(&self, recording: &Recorded<Vec<Call>>) -> Result<(), KernelError> {
        self.fault()?;
        self.host.replay(recording)
    }

    fn wait(&self) -> Result<(), KernelError> {
        self.host.wait()
    }

    fn processors(&self) -> usize {
        self.host.processors()
    }
}

/// A small checkpoint on a machine that gives memory so many times.
pub fn loaded(
    folder: &Path,
    writes: usize,
) -> (Result<Checkpoint<Decoder<Failing>>, DeviceError>, Faults) {
    let faults = Faults::default();
    let writes_left = AtomicUsize::new(writes);
    let machine = Failing { host: Host::new(1), faults: Arc::clone(&faults), writes_left };
    let room =
        Room { float: Float::F16, cache_bytes_max: 1 << 18, batch_tokens_max: 32, splits_max: 1 };
    let opened = Checkpoint::open_as(folder, &Options::default(), |blueprint| {
        load(machine, room, blueprint)
    });
    (opened, faults)
}

/// What the machine says to the next launches, so many of them.
pub fn says(faults: &Faults, error: KernelError, times: usize) {
    *faults.lock().unwrap() = Some((error, times));
}
