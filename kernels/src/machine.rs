//! What runs kernels: a device, or the host in its place.

use std::sync::Arc;

use crate::element::Float;
use crate::error::KernelError;

/// Memory, and kernels that run on it.
pub trait Machine {
    /// Memory of this machine, 16-byte aligned.
    type Memory;

    /// Launches that can be started as one.
    type Recording;

    /// New memory that holds `bytes`.
    ///
    /// # Errors
    /// When there is no room.
    fn write(&self, bytes: &[u8]) -> Result<Self::Memory, KernelError>;

    /// New memory of so many zero bytes.
    ///
    /// # Errors
    /// When there is no room.
    fn zeros(&self, bytes: usize) -> Result<Self::Memory, KernelError> {
        self.write(&vec![0; bytes])
    }

    /// Puts `bytes` in the place of what it holds from byte `at` on, after everything that was
    /// launched before.
    ///
    /// # Errors
    /// When it does not hold so many.
    fn overwrite(
        &self,
        memory: &mut Self::Memory,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), KernelError>;

    /// What it holds, after everything that was launched before.
    ///
    /// # Errors
    /// When a kernel before it failed.
    fn read(&self, memory: &Self::Memory) -> Result<Vec<u8>, KernelError> {
        self.read_first(memory, usize::MAX)
    }

    /// The first `bytes` of what it holds, or all where that is less; likewise.
    ///
    /// # Errors
    /// When a kernel before it failed.
    fn read_first(&self, memory: &Self::Memory, bytes: usize) -> Result<Vec<u8>, KernelError>;

    /// Where it lies, to be read.
    fn address(&self, memory: &Self::Memory) -> u64;

    /// Where it lies, to be written.
    fn address_mut(&self, memory: &mut Self::Memory) -> u64;

    /// Starts a kernel. Only this crate's launchers can make a [`Call`].
    ///
    /// # Errors
    /// When it cannot be started; on the host also when it failed.
    fn run(&self, call: &Call) -> Result<(), KernelError>;

    /// Starts a product of matrices with a library, if there is one that computes such a product: false
    /// where there is none. Only this crate's launchers can make a [`Product`].
    ///
    /// # Errors
    /// When it cannot be started.
    fn multiply(&self, _product: &Product) -> Result<bool, KernelError> {
        Ok(false)
    }

    /// From now on, launches are recorded and nothing of them runs. Nothing else may be asked for until
    /// [`Machine::recorded`].
    ///
    /// # Errors
    /// When it cannot record.
    fn record(&self) -> Result<(), KernelError>;

    /// What was recorded; from now on, launches run.
    ///
    /// # Errors
    /// When it cannot be made one, or nothing was to be recorded.
    fn recorded(&self) -> Result<Self::Recording, KernelError>;

    /// Starts all that was recorded, in its order, on the memory that it was recorded with as that is
    /// now. Only this crate can make a [`Recorded`].
    ///
    /// # Errors
    /// When it cannot be started; on the host also when it failed.
    fn replay(&self, recording: &Recorded<Self::Recording>) -> Result<(), KernelError>;

    /// Waits for everything that was started.
    ///
    /// # Errors
    /// When some of it failed.
    fn wait(&self) -> Result<(), KernelError>;

    /// Blocks that run at the same time: grids are cut to this.
    fn processors(&self) -> usize;
}

/// Several models share one machine: what they start runs in one order.
impl<M: Machine> Machine for Arc<M> {
    type Memory = M::Memory;
    type Recording = M::Recording;

    fn write(&self, bytes: &[u8]) -> Result<M::Memory, KernelError> {
        M::write(self, bytes)
    }

    fn zeros(&self, bytes: usize) -> Result<M::Memory, KernelError> {
        M::zeros(self, bytes)
    }

    fn overwrite(
        &self,
        memory: &mut M::Memory,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), KernelError> {
        M::overwrite(self, memory, at, bytes)
    }

    fn read(&self, memory: &M::Memory) -> Result<Vec<u8>, KernelError> {
        M::read(self, memory)
    }

    fn read_first(&self, memory: &M::Memory, bytes: usize) -> Result<Vec<u8>, KernelError> {
        M::read_first(self, memory, bytes)
    }

    fn address(&self, memory: &M::Memory) -> u64 {
        M::address(self, memory)
    }

    fn address_mut(&self, memory: &mut M::Memory) -> u64 {
        M::address_mut(self, memory)
    }

    fn run(&self, call: &Call) -> Result<(), KernelError> {
        M::run(self, call)
    }

    fn multiply(&self, product: &Product) -> Result<bool, KernelError> {
        M::multiply(self, product)
    }

    fn record(&self) -> Result<(), KernelError> {
        M::record(self)
    }

    fn recorded(&self) -> Result<M::Recording, KernelError> {
        M::recorded(self)
    }

    fn replay(&self, recording: &Recorded<M::Recording>) -> Result<(), KernelError> {
        M::replay(self, recording)
    }

    fn wait(&self) -> Result<(), KernelError> {
        M::wait(self)
    }

    fn processors(&self) -> usize {
        M::processors(self)
    }
}

/// `out = x · weightsᵀ`, checked: `[rows, width_in]` by `[width_out, width_in]`.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "without a library nobody reads it"))]
pub struct Product {
    pub(crate) float: Float,
    /// The answer is f32.
    pub(crate) wide: bool,
    pub(crate) rows: usize,
    pub(crate) width_in: usize,
    pub(crate) width_out: usize,
    pub(crate) x: u64,
    pub(crate) weights: u64,
    pub(crate) out: u64,
}

/// A recording whose memory is still there: whoever holds it sees to that.
#[derive(Debug)]
#[cfg_attr(
    not(any(feature = "host", feature = "cuda")),
    allow(dead_code, reason = "without a machine nobody reads it")
)]
pub struct Recorded<R>(pub(crate) R);

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

/// Where bytes that are put at `at` end, if that is within what is held.
#[cfg(any(host_build, feature = "cuda"))]
pub(crate) fn end(at: usize, bytes: usize, held: usize) -> Result<usize, KernelError> {
    let end = at.checked_add(bytes).filter(|end| *end <= held);
    end.ok_or(KernelError::Limit {
        kernel: "overwrite",
        what: "bytes must not be put beyond the memory",
        value: at.saturating_add(bytes),
    })
}
