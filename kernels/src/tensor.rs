//! Memory of a machine with its type and length.

use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::Machine;

/// Elements in a row, in a machine's memory. Shapes stand at the launchers.
pub struct Tensor<M: Machine> {
    pub(crate) memory: M::Memory,
    element: Element,
    len: usize,
}

impl<M: Machine> Tensor<M> {
    /// Of raw elements, little-endian.
    ///
    /// # Errors
    /// When there is no room.
    pub fn from_bytes(machine: &M, element: Element, bytes: &[u8]) -> Result<Self, KernelError> {
        let len = bytes.len() / element.bytes();
        Ok(Self { memory: machine.write(bytes)?, element, len })
    }

    /// Of floats, rounded to their type.
    ///
    /// # Errors
    /// When there is no room.
    pub fn from_floats(machine: &M, float: Float, values: &[f32]) -> Result<Self, KernelError> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| float.encode(*x).to_le_bytes()).collect();
        Self::from_bytes(machine, float.element(), &bytes)
    }

    /// Of f32.
    ///
    /// # Errors
    /// When there is no room.
    pub fn from_f32(machine: &M, values: &[f32]) -> Result<Self, KernelError> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::from_bytes(machine, Element::F32, &bytes)
    }

    /// Of u32.
    ///
    /// # Errors
    /// When there is no room.
    pub fn from_u32(machine: &M, values: &[u32]) -> Result<Self, KernelError> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::from_bytes(machine, Element::U32, &bytes)
    }

    /// Of i32.
    ///
    /// # Errors
    /// When there is no room.
    pub fn from_i32(machine: &M, values: &[i32]) -> Result<Self, KernelError> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self::from_bytes(machine, Element::I32, &bytes)
    }

    /// Of zeros.
    ///
    /// # Errors
    /// When there is no room.
    pub fn zeros(machine: &M, element: Element, len: usize) -> Result<Self, KernelError> {
        Ok(Self { memory: machine.zeros(len * element.bytes())?, element, len })
    }

    /// Of NaN in every float type, and of the largest number in every other: what was forgotten to
    /// be written shows.
    ///
    /// # Errors
    /// When there is no room.
    pub fn poisoned(machine: &M, element: Element, len: usize) -> Result<Self, KernelError> {
        Self::from_bytes(machine, element, &vec![0xff; len * element.bytes()])
    }

    /// The type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts 32-bit numbers in the place of the first elements; where there are more of them than
    /// elements, in new memory of twice their size.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn put(&mut self, machine: &M, numbers: &[u32]) -> Result<(), KernelError> {
        if numbers.len() > self.len {
            *self = Self::zeros(machine, self.element, numbers.len() * 2)?;
        }
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        machine.overwrite(&mut self.memory, 0, &bytes)
    }

    /// Puts floats, rounded to their type, in the place of the elements from `at` on.
    ///
    /// # Errors
    /// When the tensor does not hold so many.
    pub(crate) fn put_floats(
        &mut self,
        machine: &M,
        float: Float,
        at: usize,
        values: &[f32],
    ) -> Result<(), KernelError> {
        let bytes: Vec<u8> = values.iter().flat_map(|x| float.encode(*x).to_le_bytes()).collect();
        machine.overwrite(&mut self.memory, at.saturating_mul(self.element.bytes()), &bytes)
    }

    /// The first `count` elements of a tensor of f32.
    ///
    /// # Errors
    /// When a kernel before failed.
    pub(crate) fn first_f32s(&self, machine: &M, count: usize) -> Result<Vec<f32>, KernelError> {
        let bytes = machine.read_first(&self.memory, count.saturating_mul(4))?;
        Ok(words(&bytes).map(f32::from_bits).collect())
    }

    /// The first `count` elements of a tensor of this float type, exact.
    ///
    /// # Errors
    /// When a kernel before failed.
    pub(crate) fn first_floats(
        &self,
        machine: &M,
        float: Float,
        count: usize,
    ) -> Result<Vec<f32>, KernelError> {
        let bytes = count.saturating_mul(self.element.bytes());
        let bytes = machine.read_first(&self.memory, bytes)?;
        let pairs = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        Ok(pairs.map(|bits| float.decode(bits)).collect())
    }

    /// The first `count` elements of a tensor of u32.
    ///
    /// # Errors
    /// When a kernel before failed.
    pub(crate) fn first_u32s(&self, machine: &M, count: usize) -> Result<Vec<u32>, KernelError> {
        let bytes = machine.read_first(&self.memory, count.saturating_mul(4))?;
        Ok(words(&bytes).collect())
    }

    /// All elements as numbers; of f16, bf16 and f32 exact.
    ///
    /// # Errors
    /// When a kernel before failed.
    pub fn floats(&self, machine: &M) -> Result<Vec<f32>, KernelError> {
        let bytes = machine.read(&self.memory)?;
        let short = |float: Float| {
            let pairs = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
            pairs.map(|bits| float.decode(bits)).collect()
        };
        Ok(match self.element {
            Element::F16 => short(Float::F16),
            Element::Bf16 => short(Float::Bf16),
            Element::F32 => words(&bytes).map(f32::from_bits).collect(),
            Element::U32 => words(&bytes).map(|word| word as f32).collect(),
            Element::I32 => words(&bytes).map(|word| word.cast_signed() as f32).collect(),
            Element::U64 => {
                let longs = words(&bytes).collect::<Vec<u32>>();
                longs
                    .chunks_exact(2)
                    .map(|two| two[0] as f32 + two[1] as f32 * 2f32.powi(32))
                    .collect()
            }
        })
    }

    /// The elements' bits, 32 a number.
    ///
    /// # Errors
    /// When a kernel before failed.
    pub fn u32s(&self, machine: &M) -> Result<Vec<u32>, KernelError> {
        Ok(words(&machine.read(&self.memory)?).collect())
    }

    /// Likewise, with a sign.
    ///
    /// # Errors
    /// When a kernel before failed.
    pub fn i32s(&self, machine: &M) -> Result<Vec<i32>, KernelError> {
        Ok(words(&machine.read(&self.memory)?).map(u32::cast_signed).collect())
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}
