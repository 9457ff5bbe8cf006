//! Weights that do not fit are refused with a reason and a remedy.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use candle_core::{DType, Device, Tensor};
use hyfunc_cascade::shipped::{self, EMBEDDED, Files};
use support::OwnFiles;

/// What is done to the files, and what the error must say.
struct Case {
    name: &'static str,
    change: fn(&mut OwnFiles),
    damage: fn(&mut Vec<u8>, &mut Vec<u8>),
    says: &'static str,
}

fn nothing(_: &mut Vec<u8>, _: &mut Vec<u8>) {}

const CASES: [Case; 11] = [
    Case {
        name: "wrong shape",
        change: |files| {
            let odd = Tensor::zeros((3, 5), DType::F32, &Device::Cpu).unwrap();
            files.small.insert("projector.in.weight".into(), odd);
        },
        damage: nothing,
        says: "tensor `projector.in.weight` in small.safetensors is [3, 5], the model needs [32, 32]",
    },
    Case {
        name: "missing tensor",
        change: |files| drop(files.large.remove("call.bias")),
        damage: nothing,
        says: "large.safetensors has no tensor `call.bias` [1]",
    },
    Case {
        name: "unknown tensor",
        change: |files| {
            let extra = Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap();
            files.large.insert("lm_head.weight".into(), extra);
        },
        damage: nothing,
        says: "tensor `lm_head.weight` that the model does not know",
    },
    Case {
        name: "wrong dtype",
        change: |files| {
            let whole = files.large["call.bias"].to_dtype(DType::U32).unwrap();
            files.large.insert("call.bias".into(), whole);
        },
        damage: nothing,
        says: "is U32; use F32 or F16",
    },
    Case {
        name: "truncated",
        change: |_| (),
        damage: |large, _| large.truncate(large.len() / 2),
        says: "large.safetensors is damaged: its SHA-256 is",
    },
    Case {
        name: "one bit flipped",
        change: |_| (),
        damage: |_, small| {
            let middle = small.len() / 2;
            small[middle] ^= 1;
        },
        says: "small.safetensors is damaged: its SHA-256 is",
    },
    Case {
        name: "empty",
        change: |_| (),
        damage: |large, _| large.clear(),
        says: "large.safetensors is damaged",
    },
    Case {
        name: "no tokenizer",
        change: |files| files.tokenizer = b"{}".to_vec(),
        damage: nothing,
        says: "tokenizer.json is damaged",
    },
    Case {
        name: "another vocabulary",
        change: |files| files.config.large.vocab_size = 77,
        damage: nothing,
        says: "the models 77",
    },
    Case {
        name: "another version",
        change: |files| files.config.version = 1,
        damage: nothing,
        says: "its version is 1, this program reads 2",
    },
    Case {
        name: "impossible shape",
        change: |files| files.config.small.num_key_value_heads = 0,
        damage: nothing,
        says: "the shape of `small` is impossible",
    },
];

#[test]
fn files_that_do_not_fit_are_refused() {
    for case in CASES {
        let mut files = OwnFiles::random();
        (case.change)(&mut files);
        let error = files.load(case.damage).err().expect(case.name).to_string();
        assert!(error.contains(case.says), "{}: {error}", case.name);
    }
}

#[test]
fn damage_that_its_hash_vouches_for_is_refused_all_the_same() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 6] = [
        ("empty", |large| large.clear()),
        ("half of its length", |large| large.truncate(4)),
        ("half of its header", |large| large.truncate(40)),
        ("half of its data", |large| large.truncate(large.len() - 7)),
        ("a header without end", |large| large[..8].copy_from_slice(&u64::MAX.to_le_bytes())),
        ("a header that is no JSON", |large| large[8..24].fill(b'?')),
    ];
    for (name, damage) in damages {
        let damaged = OwnFiles::random().load_forged(|large, _| damage(large));
        let error = damaged.err().expect(name).to_string();
        assert!(error.contains("large.safetensors is damaged"), "{name}: {error}");
        assert!(!error.contains("SHA-256"), "{name}: {error}");
    }
}

#[test]
fn a_folder_that_is_not_there_says_what_to_pass() {
    let missing = std::path::Path::new("no/such/folder");
    let error = shipped::load_dir(missing, &Device::Cpu).err().unwrap();
    assert!(error.to_string().contains("pass a folder made by `hyfunc train tiny`"), "{error}");
}

#[test]
fn half_precision_files_load() {
    let mut files = OwnFiles::random();
    for tensor in files.large.values_mut().chain(files.small.values_mut()) {
        *tensor = tensor.to_dtype(DType::F16).unwrap();
    }
    files.load(|_, _| ()).unwrap();
}

#[test]
fn the_table_of_words_is_the_one_that_the_configuration_names() {
    let own = OwnFiles::random();
    let table = EMBEDDED.words.unwrap().to_vec();
    let (large, small) = own.bytes();
    let load = |named: Option<String>, words: Option<&[u8]>| {
        let mut config = own.config.clone();
        config.large_sha256 = shipped::sha256(&large);
        config.small_sha256 = shipped::sha256(&small);
        config.words_sha256 = named;
        let config = serde_json::to_vec(&config).unwrap();
        let files = Files {
            config: &config,
            tokenizer: &own.tokenizer,
            large: &large,
            small: &small,
            words,
        };
        files.load(&Device::Cpu)
    };
    let digest = shipped::sha256(&table);
    // Folders of earlier versions name none; a file that is not named is not looked at.
    for words in [None, Some(&b"?"[..])] {
        let tiny = load(None, words).unwrap();
        assert_eq!(tiny.vector_size(), own.config.index_size);
        assert_eq!(tiny.distil("turn it on").unwrap().query_vector.len(), tiny.vector_size());
    }
    let tiny = load(Some(digest.clone()), Some(&table)).unwrap();
    assert!(tiny.vector_size() > own.config.index_size);
    let vector = |query: &str| tiny.distil(query).unwrap().query_vector;
    assert_eq!(vector("turn it on").len(), tiny.vector_size());
    let near = tiny.kinship(&vector("rent a bicycle"), &vector("borrowing bikes")).words.unwrap();
    let far = tiny.kinship(&vector("rent a bicycle"), &vector("bake some bread")).words.unwrap();
    assert!(near > far + 0.2, "{near} {far}");

    let says = |named, words| load(named, words).err().unwrap().to_string();
    let missing = says(Some(digest.clone()), None);
    assert!(missing.contains("words.safetensors") && missing.contains("missing"), "{missing}");
    let cut = says(Some(digest), Some(&table[..table.len() / 2]));
    assert!(cut.contains("words.safetensors is damaged: its SHA-256 is"), "{cut}");
    let forged = &table[..table.len() / 2];
    let forged = says(Some(shipped::sha256(forged)), Some(forged));
    assert!(forged.contains("words.safetensors is damaged"), "{forged}");
}
