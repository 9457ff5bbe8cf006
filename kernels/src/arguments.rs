//! A kernel's arguments, checked one by one and laid out as `cuda/args.h` has them.

use crate::element::Element;
use crate::error::KernelError;
use crate::machine::{Call, Machine};
use crate::tensor::Tensor;

/// Shared memory that every device gives a block without being asked.
const SHARED_BYTES_MAX: usize = 48 * 1024;
/// Blocks along y and z.
const GRID_YZ_MAX: usize = 65_535;

/// How a kernel is spread over the device.
pub struct Spread {
    pub grid: [usize; 3],
    pub threads: u32,
    pub shared_bytes: usize,
    pub cooperative: bool,
}

/// Fields in the order of the struct: addresses first, so that none needs padding.
pub struct Arguments<'m, M: Machine> {
    kernel: &'static str,
    machine: &'m M,
    bytes: Vec<u8>,
}

impl<'m, M: Machine> Arguments<'m, M> {
    pub fn new(kernel: &'static str, machine: &'m M) -> Self {
        Self { kernel, machine, bytes: Vec::with_capacity(Call::WORDS * 8) }
    }

    /// A tensor that is read, of a shape.
    pub fn input(
        mut self,
        name: &'static str,
        tensor: &Tensor<M>,
        element: Element,
        shape: &[usize],
    ) -> Result<Self, KernelError> {
        self.fits(name, tensor, element, shape)?;
        self.bytes.extend(self.machine.address(&tensor.memory).to_ne_bytes());
        Ok(self)
    }

    /// A tensor that may be left out.
    pub fn optional(
        mut self,
        name: &'static str,
        tensor: Option<&Tensor<M>>,
        element: Element,
        shape: &[usize],
    ) -> Result<Self, KernelError> {
        match tensor {
            Some(tensor) => self.input(name, tensor, element, shape),
            None => {
                self.bytes.extend(0u64.to_ne_bytes());
                Ok(self)
            }
        }
    }

    /// A tensor that is written.
    pub fn output(
        mut self,
        name: &'static str,
        tensor: &mut Tensor<M>,
        element: Element,
        shape: &[usize],
    ) -> Result<Self, KernelError> {
        self.fits(name, tensor, element, shape)?;
        self.bytes.extend(self.machine.address_mut(&mut tensor.memory).to_ne_bytes());
        Ok(self)
    }

    /// Sizes, each below 2^31.
    pub fn sizes(mut self, sizes: &[usize]) -> Result<Self, KernelError> {
        for size in sizes {
            let size = i32::try_from(*size)
                .map_err(|_| self.limit("every size must be below 2^31", *size))?;
            self.bytes.extend(size.to_ne_bytes());
        }
        Ok(self)
    }

    /// A number.
    pub fn float(mut self, x: f32) -> Self {
        self.bytes.extend(x.to_ne_bytes());
        self
    }

    /// What fills a struct up to a multiple of 8 bytes.
    pub fn run(mut self, entry: String, spread: &Spread) -> Result<(), KernelError> {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let mut words = [0u64; Call::WORDS];
        for (word, bytes) in words.iter_mut().zip(self.bytes.chunks_exact(8)) {
            *word = u64::from_ne_bytes(bytes.try_into().expect("chunks of 8"));
        }
        debug_assert!(self.bytes.len() <= Call::WORDS * 8, "WORDS has room for every struct");
        let [x, y, z] = spread.grid;
        for blocks in [y, z] {
            if blocks > GRID_YZ_MAX {
                return Err(self.limit("a launch has at most 65,535 blocks along y and z", blocks));
            }
        }
        if spread.shared_bytes > SHARED_BYTES_MAX {
            let what = "rows and pages must fit 48 KiB of shared memory, in bytes";
            return Err(self.limit(what, spread.shared_bytes));
        }
        let blocks = |blocks: usize| {
            i32::try_from(blocks)
                .map(i32::cast_unsigned)
                .map_err(|_| self.limit("a launch has fewer than 2^31 blocks", blocks))
        };
        self.machine.run(&Call {
            grid: [blocks(x)?, blocks(y)?, blocks(z)?],
            entry,
            threads: spread.threads,
            shared_bytes: blocks(spread.shared_bytes)?,
            cooperative: spread.cooperative,
            words,
            words_used: self.bytes.len() / 8,
        })
    }

    /// An error unless `holds`.
    pub fn require(
        self,
        holds: bool,
        what: &'static str,
        value: usize,
    ) -> Result<Self, KernelError> {
        if holds { Ok(self) } else { Err(self.limit(what, value)) }
    }

    fn limit(&self, what: &'static str, value: usize) -> KernelError {
        KernelError::Limit { kernel: self.kernel, what, value }
    }

    fn fits(
        &self,
        name: &'static str,
        tensor: &Tensor<M>,
        element: Element,
        shape: &[usize],
    ) -> Result<(), KernelError> {
        // What overflows is longer than any tensor.
        let len = shape.iter().try_fold(1usize, |len, size| len.checked_mul(*size));
        let len = len.unwrap_or(usize::MAX);
        if tensor.element() == element && tensor.len() >= len {
            return Ok(());
        }
        Err(KernelError::Tensor {
            kernel: self.kernel,
            name,
            element,
            len,
            held: tensor.element(),
            held_len: tensor.len(),
        })
    }
}
