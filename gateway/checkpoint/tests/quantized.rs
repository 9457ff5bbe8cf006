//! Weights that are rounded at load: what is computed with them is what their rounded values give, and
//! they take the room that they should.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use hyfunc_checkpoint::{Checkpoint, CheckpointError, Options, Precision};
use serde_json::{Value as Json, json};
use support::random;

/// Of the largest logit: the activations are rounded to a byte each, whatever the weights.
const DIFFERENCE_SHARE_MAX: f32 = 0.1;
/// The same numbers, added up in another order.
const ORDER_DIFFERENCE_MAX: f32 = 1e-3;
/// Fills the blocks of every kind.
const HIDDEN: usize = 256;
const VOCAB: usize = 300;
const LAYERS: usize = 2;
const TOKENS: [u32; 7] = [1, 2, 3, 60, 7, 299, 0];

type Tensors = HashMap<String, Tensor>;

/// A model of Qwen 3's shape.
fn tensors(is_tied: bool) -> Tensors {
    let mut all = Tensors::new();
    let mut add = |name: String, shape: &[usize]| {
        let seed = u32::try_from(all.len()).unwrap();
        // Norms near one, as trained ones are.
        let tensor = match shape.len() {
            1 => (random(seed, shape, 0.2) + 1.0).unwrap(),
            _ => random(seed, shape, 0.3),
        };
        all.insert(name, tensor);
    };
    add("model.embed_tokens.weight".into(), &[VOCAB, HIDDEN]);
    if !is_tied {
        add("lm_head.weight".into(), &[VOCAB, HIDDEN]);
    }
    add("model.norm.weight".into(), &[HIDDEN]);
    for layer in 0..LAYERS {
        let parts: [(&str, &[usize]); 11] = [
            ("input_layernorm", &[HIDDEN]),
            ("post_attention_layernorm", &[HIDDEN]),
            ("self_attn.q_norm", &[64]),
            ("self_attn.k_norm", &[64]),
            ("self_attn.q_proj", &[256, HIDDEN]),
            ("self_attn.k_proj", &[128, HIDDEN]),
            ("self_attn.v_proj", &[128, HIDDEN]),
            ("self_attn.o_proj", &[HIDDEN, 256]),
            ("mlp.gate_proj", &[512, HIDDEN]),
            ("mlp.up_proj", &[512, HIDDEN]),
            ("mlp.down_proj", &[HIDDEN, 512]),
        ];
        for (part, shape) in parts {
            add(format!("model.layers.{layer}.{part}.weight"), shape);
        }
    }
    all
}

/// A folder with the weights; tokenizer and chat template are those of the parity tests.
fn save(tensors: &Tensors, is_tied: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let like = Path::new("tests/parity/qwen3");
    for file in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
        std::fs::copy(like.join(file), folder.path().join(file)).unwrap();
    }
    let config = std::fs::read(like.join("config.json")).unwrap();
    let mut config: Json = serde_json::from_slice(&config).unwrap();
    for (key, value) in [
        ("hidden_size", json!(HIDDEN)),
        ("intermediate_size", json!(512)),
        ("head_dim", json!(64)),
        ("num_hidden_layers", json!(LAYERS)),
        ("tie_word_embeddings", json!(is_tied)),
    ] {
        config[key] = value;
    }
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let path: PathBuf = folder.path().join("model.safetensors");
    candle_core::safetensors::save(tensors, path).unwrap();
    folder
}

fn open(folder: &Path, precision: Precision) -> Checkpoint {
    Checkpoint::open(folder, &Options { precision, ..Options::default() }).unwrap()
}

/// What a matrix is held in.
fn dtype(name: &str, precision: Precision, is_tied: bool) -> Option<GgmlDType> {
    let is_head = name == "lm_head.weight" || (is_tied && name == "model.embed_tokens.weight");
    match precision {
        Precision::Q8 => Some(GgmlDType::Q8_0),
        Precision::Q4 if is_head => Some(GgmlDType::Q6K),
        Precision::Q4 => Some(GgmlDType::Q4K),
        Precision::F32 => None,
    }
}

/// The same weights, rounded and written out again.
fn rounded(tensors: &Tensors, precision: Precision, is_tied: bool) -> Tensors {
    let round = |name: &str, tensor: &Tensor| {
        if tensor.rank() != 2 {
            return tensor.clone();
        }
        if name == "model.embed_tokens.weight" && !is_tied {
            return tensor.to_dtype(DType::F16).unwrap().to_dtype(DType::F32).unwrap();
        }
        match dtype(name, precision, is_tied) {
            Some(dtype) => {
                QTensor::quantize(tensor, dtype).unwrap().dequantize(&Device::Cpu).unwrap()
            }
            None => tensor.clone(),
        }
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), round(name, tensor))).collect()
}

fn logits(checkpoint: &Checkpoint) -> Vec<Vec<f32>> {
    let mut cache = checkpoint.model.new_cache();
    checkpoint.model.forward(&TOKENS, &mut cache, TOKENS.len()).unwrap()
}

/// The largest difference.
fn difference(one: &[f32], two: &[f32]) -> f32 {
    assert_eq!(one.len(), two.len());
    one.iter().zip(two).map(|(one, two)| (one - two).abs()).fold(0.0, f32::max)
}

/// The best token, and by how much it is better than the next.
fn best(logits: &[f32]) -> (usize, f32) {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
    (order[0], logits[order[0]] - logits[order[1]])
}

#[test]
fn rounded_weights_give_what_their_rounded_values_give() {
    for is_tied in [false, true] {
        let tensors = tensors(is_tied);
        let folder = save(&tensors, is_tied);
        for precision in [Precision::Q8, Precision::Q4] {
            let exact = save(&rounded(&tensors, precision, is_tied), is_tied);
            let expected = logits(&open(exact.path(), Precision::F32));
            let found = logits(&open(folder.path(), precision));
            let mut decided = 0;
            for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let what = format!("{precision:?}, tied {is_tied}, position {position}");
                let largest = expected.iter().fold(0f32, |most, logit| most.max(logit.abs()));
                let apart = difference(found, expected);
                assert!(apart <= DIFFERENCE_SHARE_MAX * largest, "{what}: {apart} of {largest}");
                let (token, margin) = best(expected);
                if margin > 2.0 * apart {
                    assert_eq!(best(found).0, token, "{what}: the margin is {margin}");
                    decided += 1;
                }
            }
            assert!(decided > 0, "{precision:?}: no margin says anything");
        }
    }
}

#[test]
fn rounded_weights_take_the_room_that_they_should() {
    let (apart, tied) = (save(&tensors(false), false), save(&tensors(true), true));
    let footprint = |precision| open(apart.path(), precision).model.footprint();
    let (exact, q8, q4) =
        (footprint(Precision::F32), footprint(Precision::Q8), footprint(Precision::Q4));
    let head = VOCAB * HIDDEN;
    assert_eq!((exact.head_weights, exact.head_bytes), (head, 4 * head));
    // Blocks of 32 in 34 bytes; blocks of 256 in 210 and 144.
    assert_eq!(q8.head_bytes, head / 32 * 34);
    assert_eq!(q4.head_bytes, head / 256 * 210);
    assert_eq!((q8.embedding_bytes, q4.embedding_bytes), (2 * head, 2 * head));
    let matrices = exact.layers_weights;
    let others = exact.layers_bytes - 4 * matrices;
    assert_eq!(q8.layers_bytes, matrices / 32 * 34 + others);
    assert_eq!(q4.layers_bytes, matrices / 256 * 144 + others);
    assert_eq!(q4.weights_bytes(), q4.embedding_bytes + q4.layers_bytes + q4.head_bytes);
    // Keys and values, two heads of 64, four bytes each.
    assert_eq!(exact.token_bytes, 2 * LAYERS * 2 * 64 * 4);
    assert_eq!(open(tied.path(), Precision::Q8).model.footprint().embedding_bytes, 0);
}

#[test]
fn what_others_compute_with_is_never_rounded() {
    for is_tied in [false, true] {
        let all = tensors(is_tied);
        let folder = save(&all, is_tied);
        let written = |name: &str| -> Vec<f32> {
            all[&format!("{name}.weight")].flatten_all().unwrap().to_vec1().unwrap()
        };
        for precision in [Precision::F32, Precision::Q8, Precision::Q4] {
            let options = Options { precision, ..Options::default() };
            let opened = Checkpoint::open_as(folder.path(), &options, |blueprint| {
                let parts = (blueprint.embedding()?, blueprint.head()?, blueprint.layer(0)?.down);
                Ok::<_, CheckpointError>(parts)
            });
            let (embedding, head, down) = opened.unwrap().model;
            assert!(embedding == written("model.embed_tokens"), "{precision:?}");
            assert!(head == (!is_tied).then(|| written("lm_head")), "{precision:?}");
            assert!(down == written("model.layers.0.mlp.down_proj"), "{precision:?}");
        }
    }
}

#[test]
fn few_logits_are_those_of_all() {
    let folder = save(&tensors(true), true);
    for (precision, share_max) in [
        (Precision::F32, 0.0),
        (Precision::Q8, DIFFERENCE_SHARE_MAX),
        (Precision::Q4, DIFFERENCE_SHARE_MAX),
    ] {
        let checkpoint = open(folder.path(), precision);
        let model = &checkpoint.model;
        let states = model.read(&TOKENS, &mut model.new_cache(), 3).unwrap();
        let all = model.logits(&states, None).unwrap();
        assert_eq!((all.len(), all[0].len()), (3, VOCAB));
        let few: Vec<u32> = vec![299, 0, 17];
        let many: Vec<u32> = (0..VOCAB as u32).rev().collect();
        assert!(few.len() <= model.head_rows_max() && many.len() > model.head_rows_max());
        for ids in [few, many] {
            let found = model.logits(&states, Some(&ids)).unwrap();
            for (found, all) in found.iter().zip(&all) {
                let expected: Vec<f32> = ids.iter().map(|id| all[*id as usize]).collect();
                let largest = all.iter().fold(0f32, |most, logit| most.max(logit.abs()));
                let apart = difference(found, &expected);
                let apart_max = ORDER_DIFFERENCE_MAX + share_max * largest;
                assert!(apart <= apart_max, "{precision:?}, {} ids: {apart}", ids.len());
            }
        }
    }
}

#[test]
fn what_the_head_does_not_know_is_refused() {
    let folder = save(&tensors(true), true);
    let model = open(folder.path(), Precision::Q8).model;
    let states = model.read(&TOKENS, &mut model.new_cache(), 1).unwrap();
    assert_eq!(model.logits(&states, Some(&[])).unwrap(), vec![Vec::<f32>::new()]);
    assert!(model.logits(&[], None).unwrap().is_empty());
    let error = model.logits(&states, Some(&[0, 300])).unwrap_err();
    assert!(matches!(error, CheckpointError::Token { token: 300, vocab_size: VOCAB }), "{error}");
    let error = model.logits(&[vec![0.0; 9]], None).unwrap_err();
    assert!(matches!(error, CheckpointError::ForeignState { found: 9, wanted: HIDDEN }), "{error}");
}

/// A chunk is one product a matrix, and a token by itself another: both give the same.
#[test]
fn chunks_are_read_as_their_tokens_are() {
    let folder = save(&tensors(false), false);
    for precision in [Precision::F32, Precision::Q8, Precision::Q4] {
        let checkpoint = open(folder.path(), precision);
        let whole = logits(&checkpoint);
        let mut cache = checkpoint.model.new_cache();
        for (token, expected) in TOKENS.iter().zip(&whole) {
            let found = checkpoint.model.forward(&[*token], &mut cache, 1).unwrap();
            let largest = expected.iter().fold(0f32, |most, logit| most.max(logit.abs()));
            let apart = difference(&found[0], expected);
            assert!(apart <= DIFFERENCE_SHARE_MAX * largest, "{precision:?}: {apart}");
        }
    }
}
