//! The kernels on this machine's processor: slow, and the same sources.

use std::hint::black_box;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::element::Float;
use crate::error::KernelError;
use crate::foreign;
use crate::machine::{self, Call, Machine, Recorded};
use crate::probe::{self, Identity, Probe};

/// Runs kernels as host C++. Small grids only: every thread is a fiber.
#[derive(Clone, Debug)]
pub struct Host {
    seed: u64,
    /// What is being recorded, by this one and its clones.
    recording: Arc<Mutex<Option<Vec<Call>>>>,
}

/// Memory of the host.
#[derive(Clone, Debug)]
pub struct HostMemory {
    // For the alignment.
    words: Vec<u128>,
    bytes: usize,
}

const WORD: usize = size_of::<u128>();
/// Every byte behind what a tensor holds: NaN to who reads it, and told of to who writes it.
const FENCE: u8 = 0xff;

impl Host {
    /// The seed orders blocks and threads; a kernel's answer must not depend on it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, recording: Arc::default() }
    }

    fn recording(&self) -> MutexGuard<'_, Option<Vec<Call>>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong with a recording.
fn unrecorded(reason: &str) -> KernelError {
    KernelError::Host { kernel: "a recording".to_owned(), reason: reason.to_owned() }
}

impl Machine for Host {
    type Memory = HostMemory;
    type Recording = Vec<Call>;

    fn write(&self, bytes: &[u8]) -> Result<HostMemory, KernelError> {
        let word = |chunk: &[u8]| {
            let mut whole = [FENCE; WORD];
            whole[..chunk.len()].copy_from_slice(chunk);
            u128::from_ne_bytes(whole)
        };
        // Never empty, so that its address is one; and a fence, as is the rest of the last word.
        let mut words: Vec<u128> = bytes.chunks(WORD).map(word).collect();
        words.push(u128::MAX);
        Ok(HostMemory { words, bytes: bytes.len() })
    }

    fn overwrite(
        &self,
        memory: &mut HostMemory,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), KernelError> {
        let end = machine::end(at, bytes.len(), memory.bytes)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let (first, last) = (at / WORD, (end - 1) / WORD);
        let mut held: Vec<u8> =
            memory.words[first..=last].iter().flat_map(|word| word.to_ne_bytes()).collect();
        held[at - first * WORD..end - first * WORD].copy_from_slice(bytes);
        for (word, chunk) in memory.words[first..=last].iter_mut().zip(held.chunks_exact(WORD)) {
            *word = u128::from_ne_bytes(chunk.try_into().expect("chunks of a word"));
        }
        Ok(())
    }

    fn read_first(&self, memory: &HostMemory, count: usize) -> Result<Vec<u8>, KernelError> {
        let mut bytes: Vec<u8> = memory.words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        if bytes[memory.bytes..].iter().any(|byte| *byte != FENCE) {
            let reason = "a write beyond a tensor".to_owned();
            return Err(KernelError::Host { kernel: "some kernel".to_owned(), reason });
        }
        bytes.truncate(memory.bytes.min(count));
        Ok(bytes)
    }

    fn address(&self, memory: &HostMemory) -> u64 {
        memory.words.as_ptr().expose_provenance() as u64
    }

    fn address_mut(&self, memory: &mut HostMemory) -> u64 {
        memory.words.as_mut_ptr().expose_provenance() as u64
    }

    fn run(&self, call: &Call) -> Result<(), KernelError> {
        if let Some(calls) = self.recording().as_mut() {
            calls.push(call.clone());
            return Ok(());
        }
        foreign::host::launch(call, self.seed)
            .map_err(|reason| KernelError::Host { kernel: call.entry.clone(), reason })
    }

    fn record(&self) -> Result<(), KernelError> {
        match self.recording().replace(Vec::new()) {
            None => Ok(()),
            Some(_) => Err(unrecorded("it was begun within another one")),
        }
    }

    fn recorded(&self) -> Result<Vec<Call>, KernelError> {
        self.recording().take().ok_or_else(|| unrecorded("it was never begun"))
    }

    fn replay(&self, recording: &Recorded<Vec<Call>>) -> Result<(), KernelError> {
        recording.0.iter().try_for_each(|call| self.run(call))
    }

    fn wait(&self) -> Result<(), KernelError> {
        Ok(())
    }

    fn processors(&self) -> usize {
        4
    }
}

/// In the place of a device's, so that whatever measures devices runs here, too.
impl Probe for Host {
    fn identity(&self) -> Result<Identity, KernelError> {
        let name = "the host in place of a device".to_owned();
        Ok(Identity { name, ..Identity::default() })
    }

    fn free_bytes(&self) -> Result<Option<usize>, KernelError> {
        Ok(None)
    }

    fn copied_bytes_per_second(&self, bytes: usize) -> Result<f64, KernelError> {
        let from = probe::noise(bytes);
        let mut to = vec![0u8; bytes];
        let seconds = probe::seconds(self, 1, || {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
            Ok(())
        })?;
        Ok(2.0 * bytes as f64 / seconds)
    }

    fn multiplied_operations_per_second(&self, width: usize) -> Result<Option<f64>, KernelError> {
        let noise = probe::noise(2 * width * width);
        let numbers = noise.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
        let matrix: Vec<f32> = numbers.map(|bits| Float::Bf16.decode(bits)).collect();
        let seconds = probe::seconds(self, 1, || {
            // Of the matrix and itself, turned: rows with rows.
            for row in black_box(&matrix).chunks_exact(width.max(1)) {
                for other in matrix.chunks_exact(width.max(1)) {
                    black_box(row.iter().zip(other).map(|(a, b)| a * b).sum::<f32>());
                }
            }
            Ok(())
        })?;
        Ok(Some(2.0 * (width as f64).powi(3) / seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(entry: &str) -> Call {
        Call {
            entry: entry.to_owned(),
            grid: [1, 1, 1],
            threads: 32,
            shared_bytes: 0,
            cooperative: false,
            words: [0; Call::WORDS],
            words_used: 3,
        }
    }

    fn refusal(call: &Call) -> String {
        Host::new(1).run(call).expect_err("it must be refused").to_string()
    }

    #[test]
    fn what_cannot_run_is_refused_and_said() {
        assert!(refusal(&call("warp_drive")).contains("there is no kernel warp_drive"));
        let other_size = Call { words_used: 5, ..call("swiglu_f16") };
        assert!(refusal(&other_size).contains("differ in size"));
        let odd_block = Call { threads: 33, ..call("swiglu_f16") };
        assert!(refusal(&odd_block).contains("a multiple of 32"));
        let no_grid = Call { grid: [1, 0, 1], ..call("swiglu_f16") };
        assert!(refusal(&no_grid).contains("a grid has"));
        let shared = Call { shared_bytes: 1 << 20, ..call("swiglu_f16") };
        assert!(refusal(&shared).contains("shared memory"));
        let many = Call { cooperative: true, grid: [129, 1, 1], ..call("swiglu_f16") };
        assert!(refusal(&many).contains("at most 4096 threads"));
    }

    #[test]
    fn what_is_recorded_runs_when_it_is_replayed_on_what_there_is_then() {
        let host = Host::new(1);
        let mut gate_up = host.write(&[0; 32]).expect("memory");
        let mut out = host.write(&[0xff; 16]).expect("memory");
        let mut call = call("swiglu_f16");
        call.words[0] = host.address(&gate_up);
        call.words[1] = host.address_mut(&mut out);
        // A row of 8.
        call.words[2] = 1 | (8 << 32);
        assert!(host.recorded().is_err(), "nothing was begun");
        host.record().expect("it records");
        host.clone().run(&call).expect("it is recorded");
        assert_eq!(host.read(&out).expect("memory"), [0xff; 16], "nothing ran");
        let recording = Recorded(host.recorded().expect("a recording"));
        host.replay(&recording).expect("it runs");
        assert_eq!(host.read(&out).expect("memory"), [0; 16]);
        // Ones of f16: SiLU of the gate is not zero.
        host.overwrite(&mut gate_up, 0, &[0x00u8, 0x3c].repeat(16)).expect("it fits");
        host.replay(&recording).expect("it runs");
        assert_ne!(host.read(&out).expect("memory"), [0; 16]);
        host.record().expect("it records");
        assert!(host.record().is_err(), "one at a time");
    }

    #[test]
    fn a_barrier_that_cannot_be_passed_is_an_error() {
        // A grid barrier in a launch that is not cooperative; no address is touched before it.
        let alone = Call { words_used: 9, shared_bytes: 40_000, ..call("retrieve_f16") };
        assert!(refusal(&alone).contains("a grid barrier outside a cooperative launch"));
    }

    #[test]
    fn what_is_put_in_place_leaves_the_rest_and_the_fence() {
        let host = Host::new(1);
        for len in [0, 1, 16, 17, 50] {
            let before: Vec<u8> = (0..len).collect();
            for at in 0..=before.len() {
                for count in 0..=before.len() - at {
                    let mut memory = host.write(&before).expect("memory");
                    host.overwrite(&mut memory, at, &vec![0xaa; count]).expect("it fits");
                    let mut wanted = before.clone();
                    wanted[at..at + count].fill(0xaa);
                    assert_eq!(host.read(&memory).expect("no fence is broken"), wanted);
                    assert_eq!(host.read_first(&memory, at).expect("likewise"), wanted[..at]);
                }
            }
            let mut memory = host.write(&before).expect("memory");
            for at in [before.len(), usize::MAX] {
                let said = host.overwrite(&mut memory, at, &[1]).expect_err("it does not fit");
                assert!(said.to_string().contains("beyond the memory"), "{said}");
            }
        }
    }

    #[test]
    fn a_write_beyond_a_tensor_is_an_error() {
        let host = Host::new(1);
        let gate_up = host.write(&[0; 64]).expect("memory");
        // Room for 8 elements, and the fence behind them; the launch says 16.
        let mut out = host.write(&[0; 16]).expect("memory");
        let mut call = call("swiglu_f16");
        call.words[0] = host.address(&gate_up);
        call.words[1] = host.address_mut(&mut out);
        call.words[2] = 1 | (16 << 32);
        host.run(&call).expect("it runs");
        let said = host.read(&out).expect_err("it must be told").to_string();
        assert!(said.contains("a write beyond a tensor"), "{said}");
    }

    #[test]
    fn a_write_beyond_shared_memory_is_an_error() {
        // Without a row of its own, the sum over the block has nowhere to go.
        let bare = Call { words_used: 6, ..call("add_rms_norm_f16") };
        assert!(refusal(&bare).contains("beyond the block's shared memory"));
    }
}
