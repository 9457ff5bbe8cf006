//! What can be asked about a machine besides running kernels: who it is, and what it does at best, so
//! that floors can be computed of the same run.

#[cfg(any(host_build, feature = "cuda"))]
use std::time::Instant;

use crate::error::KernelError;
use crate::machine::Machine;

/// Who a machine is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// What the driver calls it.
    pub name: String,
    /// By which the driver's own tools know it: `GPU-` and 32 digits.
    pub uuid: Option<String>,
    /// CUDA version that its driver speaks: `13.0`.
    pub cuda: Option<String>,
}

/// A machine that tells about itself.
pub trait Probe: Machine {
    /// Who it is.
    ///
    /// # Errors
    /// When it does not answer.
    fn identity(&self) -> Result<Identity, KernelError>;

    /// Memory that nobody uses, in bytes; none where that has no bound of its own.
    ///
    /// # Errors
    /// When it does not answer.
    fn free_bytes(&self) -> Result<Option<usize>, KernelError>;

    /// Bytes a second that a copy of so many bytes within its memory moves: read and written, both
    /// counted.
    ///
    /// # Errors
    /// When there is no room for the bytes, twice.
    fn copied_bytes_per_second(&self, bytes: usize) -> Result<f64, KernelError>;

    /// Multiplications and additions a second of a product of two square matrices of this width in
    /// bf16, by whatever library there is for it; none where there is none.
    ///
    /// # Errors
    /// When there is no room, or the library fails.
    fn multiplied_operations_per_second(&self, width: usize) -> Result<Option<f64>, KernelError>;
}

/// Launches before any is timed.
#[cfg(any(host_build, feature = "cuda"))]
const WARM_UPS: usize = 3;
/// Times that are taken; the one in the middle counts.
#[cfg(any(host_build, feature = "cuda"))]
const SAMPLES: usize = 7;

/// Seconds of one of so many launches in a row, in the middle of several times.
#[cfg(any(host_build, feature = "cuda"))]
pub(crate) fn seconds<M: Machine>(
    machine: &M,
    launches: usize,
    mut launch: impl FnMut() -> Result<(), KernelError>,
) -> Result<f64, KernelError> {
    for _ in 0..WARM_UPS {
        launch()?;
    }
    machine.wait()?;
    let mut samples = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let began = Instant::now();
        for _ in 0..launches {
            launch()?;
        }
        machine.wait()?;
        samples.push(began.elapsed().as_secs_f64());
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples[SAMPLES / 2].max(f64::EPSILON) / launches.max(1) as f64)
}

/// Random bf16 between 1/2 and 2 in size, of either sign, two bytes each: a product of zeros takes
/// less power, and so less time, than any that means something.
#[cfg(any(host_build, feature = "cuda"))]
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    /// Sign and fraction of four numbers.
    const RANDOM: u64 = 0x80ff_80ff_80ff_80ff;
    /// Exponents of four numbers: those of 1/2 and 1 but for their last bit, which is random.
    const EXPONENTS: u64 = 0x3f00_3f00_3f00_3f00;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(bytes.next_multiple_of(8));
    while noise.len() < bytes {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend(((state & RANDOM) | EXPONENTS).to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

#[cfg(all(test, host_build))]
mod tests {
    use super::*;
    use crate::element::Float;
    use crate::host::Host;

    #[test]
    fn noise_is_numbers_of_one_size_and_either_sign() {
        for bytes in [0, 2, 8, 22, 4096] {
            assert_eq!(noise(bytes).len(), bytes);
        }
        let noise = noise(1 << 16);
        let numbers = noise.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let numbers: Vec<f32> = numbers.map(|bits| Float::Bf16.decode(bits)).collect();
        assert!(numbers.iter().all(|x| (0.5..2.0).contains(&x.abs())));
        let sum: f32 = numbers.iter().sum();
        assert!(sum.abs() < 0.05 * numbers.len() as f32, "{sum}");
    }

    #[test]
    fn a_time_is_of_one_launch() {
        let host = Host::new(1);
        let mut launched = 0;
        let launch = || {
            launched += 1;
            Ok(())
        };
        assert!(seconds(&host, 5, launch).expect("nothing fails") > 0.0);
        assert_eq!(launched, WARM_UPS + 5 * SAMPLES);
        let failed = KernelError::Sticky { code: "X".to_owned() };
        assert_eq!(seconds(&host, 1, || Err(failed.clone())), Err(failed));
    }

    #[test]
    fn the_host_tells_what_it_does_at_best() {
        let host = Host::new(1);
        let identity = host.identity().expect("it knows");
        assert!(identity.name.contains("host") && identity.uuid.is_none());
        assert_eq!(host.free_bytes(), Ok(None));
        let copied = host.copied_bytes_per_second(1 << 16).expect("there is room");
        let multiplied = host.multiplied_operations_per_second(16).expect("there is room");
        assert!(copied.is_finite() && copied > 0.0, "{copied}");
        assert!(multiplied.is_some_and(|rate| rate.is_finite() && rate > 0.0), "{multiplied:?}");
    }
}
