//! What runs kernels: a device, or the host in its place.

use crate::error::KernelError;

/// Memory, and kernels that run on it.
pub trait Machine {
    /// Memory of this machine, 16-byte aligned.
    type Memory;

    /// New memory that holds `bytes`.
    ///
    /// # Errors
    /// When there is no room.
    fn write(&self, bytes: &[u8]) -> Result<Self::Memory, KernelError>;

    /// What it holds, after everything that was launched before.
    ///
    /// # Errors
    /// When a kernel before it failed.
    fn read(&self, memory: &Self::Memory) -> Result<Vec<u8>, KernelError>;

    /// Where it lies, to be read.
    fn address(&self, memory: &Self::Memory) -> u64;

    /// Where it lies, to be written.
    fn address_mut(&self, memory: &mut Self::Memory) -> u64;

    /// Starts a kernel. Only this crate's launchers can make a [`Call`].
    ///
    /// # Errors
    /// When it cannot be started; on the host also when it failed.
    fn run(&self, call: &Call) -> Result<(), KernelError>;

    /// Waits for everything that was started.
    ///
    /// # Errors
    /// When some of it failed.
    fn wait(&self) -> Result<(), KernelError>;

    /// Blocks that run at the same time: grids are cut to this.
    fn processors(&self) -> usize;
}

/// A kernel with its arguments, checked.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "host", feature = "cuda")),
    allow(dead_code, reason = "without a machine nobody reads it")
)]
pub struct Call {
    pub(crate) entry: String,
    pub(crate) grid: [u32; 3],
    pub(crate) threads: u32,
    pub(crate) shared_bytes: u32,
    /// All blocks run at once, and may wait for one another.
    pub(crate) cooperative: bool,
    pub(crate) words: [u64; Self::WORDS],
    pub(crate) words_used: usize,
}

impl Call {
    /// Room for the largest struct of `cuda/args.h`.
    pub(crate) const WORDS: usize = 24;
}
