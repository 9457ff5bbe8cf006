//! A machine that fails while requests are at work.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_device::{Decoder, DeviceError, Room, load};
use hyfunc_kernels::{Call, Float, Host, HostMemory, KernelError, Machine, Recorded};
use hyfunc_stock::Causal;

/// A whole page: what comes behind it is rounded alike, in whatever page that is.
const PREFIX: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// What the machine says next, and to how many launches.
type Faults = Arc<Mutex<Option<(KernelError, usize)>>>;

/// A host that fails when it is told to.
struct Failing {
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

/// A checkpoint on a machine that gives memory so many times.
fn loaded(writes: usize) -> (Result<Decoder<Failing>, DeviceError>, Faults) {
    let faults = Faults::default();
    let writes_left = AtomicUsize::new(writes);
    let machine = Failing { host: Host::new(1), faults: Arc::clone(&faults), writes_left };
    let folder = Path::new("../checkpoint/tests/parity/qwen3");
    let room =
        Room { float: Float::F16, cache_bytes_max: 1 << 18, batch_tokens_max: 32, splits_max: 1 };
    let opened = Checkpoint::open_as(folder, &Options::default(), |blueprint| {
        load(machine, room, blueprint)
    });
    (opened.map(|checkpoint| checkpoint.model), faults)
}

fn failing() -> (Decoder<Failing>, Faults) {
    let (opened, faults) = loaded(usize::MAX);
    (opened.unwrap(), faults)
}

fn says(faults: &Faults, error: KernelError, times: usize) {
    *faults.lock().unwrap() = Some((error, times));
}

/// Wherever the memory ends, in the weights, the pages or the buffers of a forward.
#[test]
fn a_checkpoint_that_does_not_fit_says_so_at_load() {
    let refused: Vec<DeviceError> = (0..).map_while(|writes| loaded(writes).0.err()).collect();
    for error in &refused {
        let said = error.to_string();
        assert!(said.contains("out of device memory") && said.contains("asked for"), "{said}");
        assert!(said.contains("a smaller model"), "{said}");
    }
    // Two layers of eight tensors, four of pages, and those of a forward.
    assert!(refused.len() > 30, "{}", refused.len());
}

#[test]
fn a_fault_fails_one_request_and_leaves_its_cache_as_it_was() {
    let (device, faults) = failing();
    let mut cache = device.new_cache();
    device.read(&PREFIX, &mut cache, 1).unwrap();
    let wanted = device.read(&[4, 5], &mut cache.clone(), 2).unwrap();
    for (error, said) in [
        (KernelError::OutOfMemory { bytes: Some(64) }, "out of device memory (64 bytes"),
        (KernelError::Driver { what: "testing".into(), code: "X".into() }, "answered X"),
    ] {
        says(&faults, error, 1);
        let told = device.read(&[4, 5], &mut cache, 2).unwrap_err();
        assert!(told.contains(said), "{told}");
        assert!(!device.is_lost());
        assert_eq!(device.read(&[4, 5], &mut cache.clone(), 2).unwrap(), wanted);
    }
}

#[test]
fn a_lost_device_answers_every_request_at_once_with_an_error() {
    let (device, faults) = failing();
    let mut cache = device.new_cache();
    device.read(&PREFIX, &mut cache, 1).unwrap();
    says(&faults, KernelError::Sticky { code: "ILLEGAL_ADDRESS".into() }, 1);
    thread::scope(|scope| {
        let asked: Vec<_> = (0..6u32)
            .map(|token| {
                let (device, mut cache) = (&device, cache.clone());
                scope.spawn(move || device.read(&[token], &mut cache, 1))
            })
            .collect();
        for answer in asked {
            let told = answer.join().unwrap().unwrap_err();
            assert!(told.contains("context is lost after ILLEGAL_ADDRESS"), "{told}");
        }
    });
    assert!(device.is_lost());
    // The machine would answer again; what it holds is not to be trusted.
    let told = device.read(&[4], &mut cache, 1).unwrap_err();
    assert!(told.contains("the device is lost"), "{told}");
}
