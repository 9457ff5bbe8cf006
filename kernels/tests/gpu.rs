//! A GPU: the same cases as on the host, and what each kernel takes beside its floor. Where there
//! is none, only what is said about that.
//!
//! `cargo test --release -p hyfunc-kernels --features cuda --test gpu -- --ignored --nocapture
//! --test-threads=1` runs everything and prints the table.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![cfg(feature = "cuda")]

mod cases;
mod table;

use hyfunc_kernels::{Device, KernelError};

fn device() -> Device {
    Device::open(0).expect("these tests need a GPU")
}

#[test]
fn without_a_device_the_error_names_what_is_missing() {
    match Device::open(0) {
        Ok(device) => assert!(!device.name().is_empty()),
        Err(error) => {
            let said = error.to_string();
            match error {
                KernelError::NoDriver => {
                    assert!(said.contains("there is no NVIDIA driver"), "{said}")
                }
                KernelError::NoDevice { ordinal: 0, count: 0 } => {
                    assert!(said.contains("there is no cuda:0"), "{said}");
                }
                KernelError::OldDriver { found, wanted } => assert!(found < wanted, "{said}"),
                KernelError::OtherGeneration { major, .. } => assert!(major < 8, "{said}"),
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_device_that_is_not_there_is_said_to_be_missing() {
    match Device::open(1000) {
        Err(KernelError::NoDevice { ordinal: 1000, .. } | KernelError::NoDriver) => {}
        Err(KernelError::OldDriver { .. }) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("a thousand GPUs"),
    }
}

#[test]
#[ignore = "needs a GPU"]
fn every_kernel_is_as_its_truth() {
    let device = device();
    cases::norm::add_rms_norm(&device);
    cases::product::swiglu(&device);
    cases::product::gemv(&device);
    cases::product::with_library(&device);
    cases::head::exact(&device);
    cases::head::rounded(&device);
    cases::head::nan_never_wins(&device);
    cases::rotary::rotary_write(&device);
    cases::attention::by_hand(&device);
    cases::attention::nowhere(&device);
    cases::attention::ragged(&device);
    cases::soft::soft_project(&device);
    cases::soft::embed(&device);
    cases::retrieve::ranked(&device);
    cases::retrieve::ties(&device);
    cases::advance::advance(&device);
}

#[test]
#[ignore = "needs a GPU"]
fn what_does_not_fit_is_out_of_memory_and_the_device_goes_on() {
    use hyfunc_kernels::{Element, Tensor};
    let device = device();
    let mut held = Vec::new();
    let refused = loop {
        // 4 GiB each: more than 1,000 of them are on no device.
        match Tensor::zeros(&device, Element::U64, 1 << 29) {
            Ok(tensor) => held.push(tensor),
            Err(error) => break error,
        }
        assert!(held.len() < 1000);
    };
    assert!(matches!(refused, KernelError::OutOfMemory { .. }), "{refused}");
    drop(held);
    cases::soft::embed(&device);
}

#[test]
#[ignore = "needs a GPU"]
fn a_gpu_tells_who_it_is_and_what_it_does_at_best() {
    use hyfunc_kernels::Probe as _;
    let device = device();
    let identity = device.identity().unwrap();
    assert!(identity.uuid.is_some_and(|uuid| uuid.starts_with("GPU-") && uuid.len() == 40));
    assert!(identity.cuda.is_some_and(|version| version.contains('.')));
    let free = device.free_bytes().unwrap().unwrap();
    assert!(free > 1 << 30, "{free}");
    let copied = device.copied_bytes_per_second(1 << 30).unwrap();
    assert!(copied > 1e11 && copied < 1e14, "{copied}");
    // None where there is no cuBLAS: LD_LIBRARY_PATH may name its folder.
    let multiplied = device.multiplied_operations_per_second(8192).unwrap();
    assert!(multiplied.is_none_or(|rate| rate > 1e13 && rate < 1e16), "{multiplied:?}");
    println!("copy {copied:.3e} bytes/s, product {multiplied:?} operations/s, {free} bytes free");
}

#[test]
#[ignore = "needs a GPU"]
fn table_of_floors() {
    table::print(&device());
}

#[test]
#[ignore = "needs a GPU"]
fn table_of_steps() {
    table::steps::print();
}
