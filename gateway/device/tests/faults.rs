//! A machine that fails while requests are at work.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/failing.rs"]
mod failing;

use std::path::Path;
use std::thread;

use hyfunc_device::{Decoder, DeviceError};
use hyfunc_kernels::KernelError;
use hyfunc_stock::Causal;

use failing::{Failing, Faults, says};

/// A whole page: what comes behind it is rounded alike, in whatever page that is.
const PREFIX: [u32; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

/// A checkpoint on a machine that gives memory so many times.
fn loaded(writes: usize) -> (Result<Decoder<Failing>, DeviceError>, Faults) {
    let folder = Path::new("../checkpoint/tests/parity/qwen3");
    let (opened, faults) = failing::loaded(folder, writes);
    (opened.map(|checkpoint| checkpoint.model), faults)
}

fn failing() -> (Decoder<Failing>, Faults) {
    let (opened, faults) = loaded(usize::MAX);
    (opened.unwrap(), faults)
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
