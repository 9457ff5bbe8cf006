//! A checkpoint through the kernels, as host C++, is the checkpoint on the CPU.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_device::{Ablation, Cache, Decoder, DeviceError, Room, load};
use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Float, Host, Machine};
use hyfunc_stock::Causal;

const FAMILIES: [&str; 3] = ["llama", "qwen2", "qwen3"];
const LAYERS: usize = 2;

const ROOM: Room = Room {
    float: Float::F16,
    cache_bytes_max: 1 << 18,
    batch_tokens_max: 32,
    // No answer is rounded otherwise for who else asks.
    splits_max: 1,
};

fn folder(name: &str) -> PathBuf {
    Path::new("../checkpoint/tests/parity").join(name)
}

fn on_cpu(name: &str) -> Checkpoint {
    Checkpoint::open(&folder(name), &Options::default()).unwrap()
}

fn opened<M: Machine>(machine: M, name: &str, room: Room) -> Result<Decoder<M>, DeviceError> {
    let options = Options::default();
    Checkpoint::open_as(&folder(name), &options, |blueprint| load(machine, room, blueprint))
        .map(|checkpoint| checkpoint.model)
}

fn on_device(name: &str, room: Room) -> Decoder<Host> {
    opened(Host::new(1), name, room).unwrap()
}

/// Any tokens that all of the checkpoints know.
fn tokens(seed: u32, count: u32) -> Vec<u32> {
    (0..count).map(|at| (at * at * 7 + at * 13 + seed * 31) % 300).collect()
}

fn read<M: Machine>(decoder: &Decoder<M>, cache: &mut Cache, tokens: &[u32]) -> Vec<Vec<f32>> {
    decoder.forward(tokens, cache, tokens.len()).unwrap()
}

#[test]
fn logits_are_those_of_the_cpu_within_rounding() {
    as_on_the_cpu(|| Host::new(1), ROOM);
}

#[cfg(feature = "cuda")]
#[test]
#[ignore = "needs a GPU"]
fn logits_of_a_gpu_are_those_of_the_cpu_within_rounding() {
    let gpu = || hyfunc_kernels::Device::open(0).expect("this test needs a GPU");
    for splits_max in [1, 8] {
        as_on_the_cpu(gpu, Room { splits_max, ..ROOM });
    }
}

fn as_on_the_cpu<M: Machine>(machine: impl Fn() -> M, room: Room) {
    for (name, float) in FAMILIES.iter().flat_map(|name| Float::ALL.map(|float| (*name, float))) {
        let room = Room { float, ..room };
        let (checkpoint, device) = (on_cpu(name), opened(machine(), name, room).unwrap());
        assert_eq!(device.vocab_size(), 300);
        let tolerance = Tolerance::logits(float, LAYERS);
        // One token; a page; more than a forward; and then one by one.
        for text in [tokens(1, 1), tokens(2, 16), tokens(3, 75)] {
            let mut truth = checkpoint.model.new_cache();
            let (mut cache, all) = (Cache::default(), text.len());
            let wanted = checkpoint.model.forward(&text, &mut truth, all).unwrap();
            let found = read(&device, &mut cache, &text);
            close(name, &found, &wanted, tolerance);
            for token in [5, 250] {
                let wanted = checkpoint.model.forward(&[token], &mut truth, 1).unwrap();
                close(name, &read(&device, &mut cache, &[token]), &wanted, tolerance);
            }
        }
    }
}

#[track_caller]
fn close(name: &str, found: &[Vec<f32>], wanted: &[Vec<f32>], tolerance: Tolerance) {
    assert_eq!(found.len(), wanted.len(), "{name}");
    for (position, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert_eq!(found.len(), wanted.len(), "{name}");
        for (token, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            let holds = tolerance.holds(*found, *wanted);
            assert!(holds, "{name}: {found} for {wanted}, token {token} at {position}");
        }
    }
}

#[test]
fn many_who_ask_at_once_are_answered_as_each_alone() {
    let device = on_device("qwen2", ROOM);
    // A prefix of whole pages: what is rounded depends on where pages end.
    let prefix = tokens(9, 32);
    let mut shared = device.new_cache();
    read(&device, &mut shared, &prefix);
    let texts: Vec<Vec<u32>> = (0..6).map(|one| tokens(one, one * 4 + 1)).collect();
    let mut alone = Vec::new();
    for text in &texts {
        alone.push(read(&device, &mut shared.clone(), text));
    }
    thread::scope(|scope| {
        let (device, shared, prefix) = (&device, &shared, &prefix);
        for (text, wanted) in texts.iter().zip(&alone) {
            scope.spawn(move || {
                // The prefix that all share, and one of its own.
                assert_eq!(read(device, &mut shared.clone(), text), *wanted);
                let mut own = device.new_cache();
                read(device, &mut own, prefix);
                assert_eq!(read(device, &mut own, text), *wanted);
            });
        }
    });
}

#[test]
fn sixty_four_at_once_are_answered_as_each_alone() {
    const AT_ONCE: u32 = 64;
    // A page for each beside the prefix.
    let device = on_device("qwen2", Room { cache_bytes_max: 1 << 19, ..ROOM });
    let mut shared = device.new_cache();
    read(&device, &mut shared, &tokens(9, 16));
    // Some tokens, and in whatever company one more.
    let answered = |text: &[u32]| {
        let mut cache = shared.clone();
        [read(&device, &mut cache, text), read(&device, &mut cache, &[7])]
    };
    let texts: Vec<Vec<u32>> = (0..AT_ONCE).map(|one| tokens(one, one % 4 + 1)).collect();
    let alone: Vec<_> = texts.iter().map(|text| answered(text)).collect();
    let together = Barrier::new(texts.len());
    thread::scope(|scope| {
        let (answered, together) = (&answered, &together);
        for (text, wanted) in texts.iter().zip(&alone) {
            scope.spawn(move || {
                together.wait();
                assert_eq!(answered(text), *wanted);
            });
        }
    });
}

#[test]
fn nothing_that_can_be_left_out_changes_an_answer() {
    let device = on_device("qwen3", ROOM);
    let prefix = tokens(9, 16);
    let mut shared = device.new_cache();
    read(&device, &mut shared, &prefix);
    let texts: Vec<Vec<u32>> = (0..4).map(|one| tokens(one, one * 5 + 1)).collect();
    let alone: Vec<_> = texts.iter().map(|text| read(&device, &mut shared.clone(), text)).collect();
    let none = Ablation::default();
    for ablation in [
        none,
        Ablation { batching: true, ..none },
        Ablation { recording: true, ..none },
        Ablation { library: true, ..none },
        Ablation { batching: true, recording: true, library: true },
    ] {
        device.ablate(ablation);
        // Twice: what was recorded the first time is replayed the second.
        for _ in 0..2 {
            thread::scope(|scope| {
                let (device, shared) = (&device, &shared);
                for (text, wanted) in texts.iter().zip(&alone) {
                    scope.spawn(move || {
                        let found = read(device, &mut shared.clone(), text);
                        assert_eq!(found, *wanted, "{ablation:?}");
                    });
                }
            });
        }
    }
}

#[test]
fn of_a_state_all_logits_are_asked_for_or_some() {
    let device = on_device("llama", ROOM);
    let text = tokens(6, 9);
    let wanted = device.forward(&text, &mut device.new_cache(), 2).unwrap();
    let states = device.read(&text, &mut device.new_cache(), 2).unwrap();
    assert_eq!(device.logits(&states, None).unwrap(), wanted);
    let few = device.logits(&states, Some(&[299, 0, 7])).unwrap();
    let expected: Vec<Vec<f32>> = wanted.iter().map(|row| vec![row[299], row[0], row[7]]).collect();
    assert_eq!(few, expected);
    assert_eq!(device.logits(&states, Some(&[])).unwrap(), vec![Vec::<f32>::new(); 2]);
    assert!(device.logits(&[], None).unwrap().is_empty());
    let said = device.logits(&states, Some(&[0, 300])).unwrap_err();
    assert!(said.contains("token 300 is not one of the 300"), "{said}");
    let said = device.logits(&[vec![0.0; 9]], None).unwrap_err();
    assert!(said.contains("of another model"), "{said}");
}

#[test]
fn what_was_kept_forgotten_and_evicted_gives_the_same() {
    let device = on_device("qwen3", ROOM);
    let prefix = tokens(4, 48);
    let mut kept = device.new_cache();
    read(&device, &mut kept, &prefix);
    assert_eq!(device.cache_bytes(&kept), 3 * 4096);
    let wanted = read(&device, &mut kept.clone(), &tokens(5, 7));
    for seed in 0..2 {
        let mut other = kept.clone();
        read(&device, &mut other, &tokens(seed, 20));
        device.truncate(&mut other, prefix.len());
        assert_eq!(read(&device, &mut other, &tokens(5, 7)), wanted, "forgotten");
        kept = device.new_cache();
        drop(other);
        read(&device, &mut kept, &prefix);
        assert_eq!(read(&device, &mut kept.clone(), &tokens(5, 7)), wanted, "read again");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_and_the_device_goes_on() {
    // 8 pages of 16 tokens: a context of 128.
    let device = on_device("llama", Room { cache_bytes_max: 8 * 2048, ..ROOM });
    assert_eq!(Causal::context_tokens_max(&device), 128);
    let text = tokens(1, 16);
    let mut cache = device.new_cache();
    read(&device, &mut cache, &text);
    let wanted = read(&device, &mut cache.clone(), &[7]);
    let mut other = device.new_cache();
    read(&device, &mut other, &tokens(2, 80));
    for (tokens, last, said) in [
        (tokens(3, 113), 1, "longer than the context"),
        (tokens(3, 60), 1, "all 8 pages of keys and values (16 tokens each) are in use"),
        (vec![300], 1, "one that the model knows; it is 300"),
        (vec![], 1, "1 to all of the tokens"),
        (vec![1, 2], 0, "1 to all of the tokens"),
        (vec![1, 2], 3, "1 to all of the tokens"),
    ] {
        let error = Causal::read(&device, &tokens, &mut cache, last).unwrap_err();
        assert!(error.contains(said), "{error}");
        assert_eq!(read(&device, &mut cache.clone(), &[7]), wanted, "{said}");
    }
    assert!(!device.is_lost());
    drop(other);
    assert_eq!(read(&device, &mut cache, &tokens(3, 60)).len(), 60, "there is room again");
}

#[test]
fn too_little_room_is_said_before_anything_is_uploaded() {
    let little = Room { cache_bytes_max: 2047, ..ROOM };
    let Err(error) = opened(Host::new(1), "llama", little) else {
        panic!("nothing fits 2,047 bytes");
    };
    let said = error.to_string();
    assert!(said.contains("hold 0 tokens") && said.contains("models.cache_bytes_max"), "{said}");
}
