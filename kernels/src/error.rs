//! What can go wrong between a caller and a kernel.

use thiserror::Error;

use crate::element::Element;

/// Why a kernel did not run, or why there is no device.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KernelError {
    /// The driver's library is not on this machine.
    #[error(
        "there is no NVIDIA driver here (libcuda.so was not found): install one, or use the CPU"
    )]
    NoDriver,
    /// The driver cannot load what was built.
    #[error(
        "the NVIDIA driver speaks CUDA {}; {} or newer is needed (driver 580 or newer)",
        version(.found), version(.wanted)
    )]
    OldDriver {
        /// 1000 · major + 10 · minor.
        found: i32,
        /// Likewise.
        wanted: i32,
    },
    /// There are not so many devices.
    #[error("there is no cuda:{ordinal}: this machine has {count} device(s), counted from cuda:0")]
    NoDevice {
        /// The one that was asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
    /// The device is older than anything that was built for.
    #[error("{name} is of compute capability {major}.{minor}; 8.0 (A100) or newer is needed")]
    OtherGeneration {
        /// The device's name.
        name: String,
        /// Of its compute capability.
        major: i32,
        /// Of its compute capability.
        minor: i32,
    },
    /// The device has no room.
    #[error(
        "out of device memory{}: make room (fewer pages of keys and values, a smaller model) or \
         stop what else uses the device", asked(.bytes)
    )]
    OutOfMemory {
        /// What was asked for, where that is known.
        bytes: Option<usize>,
    },
    /// All pages of keys and values are held.
    #[error(
        "all {pages} pages of keys and values ({page_tokens} tokens each) are in use: ask again when \
         others are answered, or give the model more pages"
    )]
    OutOfPages {
        /// How many there are.
        pages: usize,
        /// Tokens of a page.
        page_tokens: usize,
    },
    /// A row of a forward that cannot be read.
    #[error("row {row} of a forward: {what}; it is {value}")]
    Row {
        /// Its place in the list.
        row: usize,
        /// The rule.
        what: &'static str,
        /// What was given.
        value: usize,
    },
    /// The device's context is lost: every further call fails.
    #[error("the device's context is lost after {code}: it must be opened again in a new process")]
    Sticky {
        /// The driver's name of the error.
        code: String,
    },
    /// Any other error of the driver.
    #[error("the driver answered {code} while {what}")]
    Driver {
        /// What was being done.
        what: String,
        /// The driver's name of the error.
        code: String,
    },
    /// The host build found a mistake in a kernel, or in how it was launched.
    #[error("{kernel} on the host: {reason}")]
    Host {
        /// The entry point.
        kernel: String,
        /// What it did.
        reason: String,
    },
    /// A tensor does not fit its place.
    #[error("{kernel}: `{name}` must hold at least {len} {element}; it holds {held_len} {held}")]
    Tensor {
        /// The kernel.
        kernel: &'static str,
        /// The argument.
        name: &'static str,
        /// The elements that it needs.
        element: Element,
        /// How many of them.
        len: usize,
        /// The elements that it has.
        held: Element,
        /// How many of them.
        held_len: usize,
    },
    /// A size is beyond what a kernel is made for.
    #[error("{kernel}: {what}; it is {value}")]
    Limit {
        /// The kernel.
        kernel: &'static str,
        /// The rule.
        what: &'static str,
        /// What was given.
        value: usize,
    },
}

fn version(cuda: &i32) -> String {
    format!("{}.{}", cuda / 1000, cuda % 1000 / 10)
}

fn asked(bytes: &Option<usize>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes were asked for)"))
}
