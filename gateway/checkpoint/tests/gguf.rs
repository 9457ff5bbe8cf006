//! GGUF: the same models as llama.cpp writes them, read back to the same logits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::f32::consts::PI;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use hyfunc_checkpoint::{Checkpoint, CheckpointError, Options};
use serde_json::{Value as Json, json};
use support::random;

/// As for safetensors.
const LOGIT_DIFFERENCE_MAX: f32 = 1e-4;
const HEADS: usize = 4;
const KEY_HEADS: usize = 2;
/// Of vocabularies here, ids that end answers.
const END: u32 = 1;

type Tensors = HashMap<String, Tensor>;
type Header = BTreeMap<String, Value>;

fn folder(name: &str) -> PathBuf {
    Path::new("tests/parity").join(name)
}

fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Tensors of a folder, as f32.
fn tensors(folder: &Path) -> Tensors {
    let mut all = Tensors::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "safetensors") {
            for (name, tensor) in candle_core::safetensors::load(&path, &Device::Cpu).unwrap() {
                all.insert(name, tensor.to_dtype(candle_core::DType::F32).unwrap());
            }
        }
    }
    all
}

fn own_name(name: &str) -> String {
    let mut own = name.to_owned();
    for (theirs, ours) in [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers", "blk"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.", "attn_"),
        ("_proj", ""),
        ("mlp.", "ffn_"),
    ] {
        own = own.replace(theirs, ours);
    }
    own
}

/// As llama.cpp turns Llama's heads, so that rotated pairs are neighbours.
fn turned(tensor: &Tensor, heads: usize) -> Tensor {
    let (rows, width) = tensor.dims2().unwrap();
    let split = tensor.reshape((heads, 2, rows / heads / 2, width)).unwrap();
    split.transpose(1, 2).unwrap().contiguous().unwrap().reshape((rows, width)).unwrap()
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn header(family: &str, config: &Json, tokens: Vec<String>, merges: Vec<String>) -> Header {
    let number = |key: &str| Value::U32(u32::try_from(config[key].as_u64().unwrap()).unwrap());
    let kind =
        |token: &String| Value::I32(if token.starts_with('<') && token.len() > 1 { 3 } else { 1 });
    let kinds = tokens.iter().map(kind).collect();
    let texts = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    let own = |key: &str| format!("{family}.{key}");
    let mut header = Header::from([
        ("general.architecture".to_owned(), text(family)),
        (own("block_count"), number("num_hidden_layers")),
        (own("embedding_length"), number("hidden_size")),
        (own("feed_forward_length"), number("intermediate_size")),
        (own("attention.head_count"), number("num_attention_heads")),
        (own("attention.head_count_kv"), number("num_key_value_heads")),
        (own("context_length"), number("max_position_embeddings")),
        (own("attention.layer_norm_rms_epsilon"), Value::F32(1e-5)),
        ("tokenizer.ggml.model".to_owned(), text("gpt2")),
        (
            "tokenizer.ggml.pre".to_owned(),
            text(if family == "llama" { "llama-bpe" } else { "qwen2" }),
        ),
        ("tokenizer.ggml.tokens".to_owned(), texts(tokens)),
        ("tokenizer.ggml.merges".to_owned(), texts(merges)),
        ("tokenizer.ggml.token_type".to_owned(), Value::Array(kinds)),
        ("tokenizer.ggml.bos_token_id".to_owned(), Value::U32(0)),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(END)),
        (
            "tokenizer.chat_template".to_owned(),
            text("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"),
        ),
    ]);
    if let Some(width) = config["head_dim"].as_u64() {
        header.insert(own("attention.key_length"), Value::U32(u32::try_from(width).unwrap()));
    }
    let base = config["rope_theta"].as_f64().or(config["rope_parameters"]["rope_theta"].as_f64());
    header.insert(own("rope.freq_base"), Value::F32(base.unwrap_or(10_000.0) as f32));
    header
}

/// A folder of the parity tests, as a GGUF; matrices that fill blocks are of the dtype.
fn convert(name: &str, dtype: GgmlDType, path: &Path) {
    let source = folder(name);
    let config = json(&source.join("config.json"));
    let tokenizer = json(&source.join("tokenizer.json"));
    let mut tokens = vec![String::new(); 300];
    for (token, id) in tokenizer["model"]["vocab"].as_object().unwrap() {
        tokens[usize::try_from(id.as_u64().unwrap()).unwrap()].clone_from(token);
    }
    let merge = |merge: &Json| match merge {
        Json::String(merge) => merge.clone(),
        pair => format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()),
    };
    let merges = tokenizer["model"]["merges"].as_array().unwrap().iter().map(merge).collect();
    let mut all = Tensors::new();
    for (theirs, tensor) in tensors(&source) {
        let tensor = match &theirs {
            theirs if name == "llama" && theirs.ends_with("q_proj.weight") => {
                turned(&tensor, HEADS)
            }
            theirs if name == "llama" && theirs.ends_with("k_proj.weight") => {
                turned(&tensor, KEY_HEADS)
            }
            _ => tensor,
        };
        all.insert(own_name(&theirs), tensor);
    }
    if name == "llama" {
        let divisors: Vec<f32> =
            (0..4).map(|pair| divisor(10_000f32.powf(pair as f32 / 4.0))).collect();
        all.insert("rope_freqs.weight".into(), Tensor::new(divisors, &Device::Cpu).unwrap());
    }
    save(&header(name, &config, tokens, merges), &all, dtype, path);
}

/// What a turn of so many tokens a radian is divided by: the settings of the parity test's Llama.
fn divisor(tokens: f32) -> f32 {
    let (factor, low, high, context) = (8.0, 1.0, 4.0, 64.0);
    let wave = 2.0 * PI * tokens;
    if wave < context / high {
        return 1.0;
    }
    if wave > context / low {
        return factor;
    }
    let smooth = (context / wave - low) / (high - low);
    1.0 / ((1.0 - smooth) / factor + smooth)
}

fn save(header: &Header, tensors: &Tensors, dtype: GgmlDType, path: &Path) {
    let quantize = |tensor: &Tensor| {
        let fits = tensor.rank() == 2 && tensor.dim(1).unwrap().is_multiple_of(dtype.block_size());
        QTensor::quantize(tensor, if fits { dtype } else { GgmlDType::F32 }).unwrap()
    };
    let tensors: Vec<(&String, QTensor)> =
        tensors.iter().map(|(name, tensor)| (name, quantize(tensor))).collect();
    let tensors: Vec<(&str, &QTensor)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    let header: Vec<(&str, &Value)> =
        header.iter().map(|(key, value)| (key.as_str(), value)).collect();
    write(&mut File::create(path).unwrap(), &header, &tensors).unwrap();
}

fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(path, &Options { must_be_numbers: true, ..Options::default() }).unwrap()
}

fn logits(checkpoint: &Checkpoint, tokens: &[u32], last: usize) -> Vec<f32> {
    let mut cache = checkpoint.model.new_cache();
    checkpoint.model.forward(tokens, &mut cache, last).unwrap().concat()
}

/// The largest difference, and the largest of what was expected.
fn difference(found: &[f32], expected: &[f32]) -> (f32, f32) {
    assert_eq!(found.len(), expected.len());
    let largest = |most: f32, number: f32| most.max(number.abs());
    let apart = found.iter().zip(expected).map(|(found, expected)| found - expected);
    (apart.fold(0.0, largest), expected.iter().copied().fold(0.0, largest))
}

#[test]
fn what_is_read_from_gguf_is_what_is_read_from_safetensors() {
    let out = tempfile::tempdir().unwrap();
    for name in ["llama", "qwen2", "qwen3"] {
        let vectors = json(&folder(name).join("vectors.json"));
        for (dtype, part_max) in
            [(GgmlDType::F32, 0.0), (GgmlDType::F16, 0.02), (GgmlDType::Q8_0, 0.2)]
        {
            let path = out.path().join(format!("{name}-{dtype:?}.gguf"));
            convert(name, dtype, &path);
            let checkpoint = open(&path);
            for case in vectors["cases"].as_array().unwrap() {
                let tokens: Vec<u32> = serde_json::from_value(case["tokens"].clone()).unwrap();
                let expected: Vec<Vec<f32>> =
                    serde_json::from_value(case["logits"].clone()).unwrap();
                let found = logits(&checkpoint, &tokens, expected.len());
                let (apart, largest) = difference(&found, &expected.concat());
                let apart_max = LOGIT_DIFFERENCE_MAX + part_max * largest;
                assert!(apart < apart_max, "{name}, {dtype:?}, {}: {apart}", tokens.len());
            }
        }
    }
}

#[test]
fn tokenizer_template_and_ends_are_in_the_file() {
    let out = tempfile::tempdir().unwrap();
    for name in ["llama", "qwen2"] {
        let path = out.path().join(format!("{name}.gguf"));
        convert(name, GgmlDType::F32, &path);
        let checkpoint = open(&path);
        assert_eq!((checkpoint.id.as_str(), checkpoint.eos.as_slice()), (name, &[END][..]));
        for text in ["the weather in Bologna, 123 times", "naïve 東京\n\n  it's"] {
            let encoded = checkpoint.tokenizer.encode(text, false).unwrap();
            let decoded = checkpoint.tokenizer.decode(encoded.get_ids(), false).unwrap();
            assert_eq!(decoded, text);
        }
        let encoded = checkpoint.tokenizer.encode("a<end>", false).unwrap();
        assert_eq!(encoded.get_ids().last(), Some(&2), "special tokens are one token");
        let written =
            checkpoint.chat.render(&json!([{"role": "user", "content": "x"}]), None, true);
        assert_eq!(written.unwrap(), "<s>x</s>");
    }
}

#[test]
fn blocks_of_256_are_computed_with_as_they_are() {
    let out = tempfile::tempdir().unwrap();
    let config = json!({
        "num_hidden_layers": 1, "hidden_size": 256, "intermediate_size": 256,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    });
    let tokens: Vec<String> =
        (0..64u32).map(|id| char::from_u32(0x100 + id).unwrap().into()).collect();
    let header = header("qwen2", &config, tokens, Vec::new());
    let mut tensors = Tensors::new();
    let parts: [(&str, &[usize]); 14] = [
        ("token_embd.weight", &[64, 256]),
        ("output.weight", &[64, 256]),
        ("output_norm.weight", &[256]),
        ("blk.0.attn_norm.weight", &[256]),
        ("blk.0.ffn_norm.weight", &[256]),
        ("blk.0.attn_q.weight", &[256, 256]),
        ("blk.0.attn_q.bias", &[256]),
        ("blk.0.attn_k.weight", &[128, 256]),
        ("blk.0.attn_k.bias", &[128]),
        ("blk.0.attn_v.weight", &[128, 256]),
        ("blk.0.attn_v.bias", &[128]),
        ("blk.0.attn_output.weight", &[256, 256]),
        ("blk.0.ffn_gate.weight", &[256, 256]),
        ("blk.0.ffn_up.weight", &[256, 256]),
    ];
    for (seed, (name, shape)) in (0..).zip(parts) {
        tensors.insert(name.to_owned(), random(seed, shape, 0.3));
    }
    tensors.insert("blk.0.ffn_down.weight".into(), random(99, &[256, 256], 0.3));
    for dtype in [GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q8_0] {
        // What is compared is the computing: both sides have the rounded weights.
        let rounded: Tensors = tensors
            .iter()
            .map(|(name, tensor)| {
                let rounded = match tensor.rank() {
                    2 => {
                        QTensor::quantize(tensor, dtype).unwrap().dequantize(&Device::Cpu).unwrap()
                    }
                    _ => tensor.clone(),
                };
                (name.clone(), rounded)
            })
            .collect();
        let (small, exact) = (out.path().join("small.gguf"), out.path().join("exact.gguf"));
        save(&header, &tensors, dtype, &small);
        save(&header, &rounded, GgmlDType::F32, &exact);
        let read = [1, 2, 3, 60, 7];
        let expected = logits(&open(&exact), &read, 5);
        let found = logits(&open(&small), &read, 5);
        let (apart, largest) = difference(&found, &expected);
        assert!(apart < largest / 10.0, "{dtype:?}: {apart} of {largest}");
        let bytes = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(bytes(&small) * 2 < bytes(&exact));
    }
}

#[test]
fn files_that_are_cut_or_damaged_or_of_another_kind_are_refused() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("whole.gguf");
    convert("qwen2", GgmlDType::F32, &path);
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Checkpoint::open(&path, &Options::default()).map(drop).unwrap_err()
    };
    for bytes in [0, 3, 4, 40, 4_000] {
        let error = refused(&whole[..bytes]);
        assert!(matches!(error, CheckpointError::Damaged { .. }), "{bytes}: {error}");
    }
    let error = refused(&whole[..whole.len() - 1_000]);
    assert!(matches!(error, CheckpointError::Cut { .. }), "{error}");
    let error = refused(b"GGML, or something else that is not GGUF at all");
    assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");

    let with = |key: &str, value: Option<Value>| {
        let config = json(&folder("qwen2").join("config.json"));
        let tokens = (0..64u32).map(|id| char::from_u32(0x100 + id).unwrap().into()).collect();
        let mut header = header("qwen2", &config, tokens, Vec::new());
        match value {
            Some(value) => header.insert(key.to_owned(), value),
            None => header.remove(key),
        };
        let tensors = tensors(&folder("qwen2"));
        let tensors = tensors.into_iter().map(|(name, tensor)| (own_name(&name), tensor)).collect();
        save(&header, &tensors, GgmlDType::F32, &path);
        Checkpoint::open(&path, &Options::default()).map(drop)
    };
    with("general.name", None).unwrap();
    for (key, value, expected) in [
        ("general.architecture", Some(text("gemma")), "`gemma`"),
        ("qwen2.block_count", None, "qwen2.block_count"),
        ("qwen2.block_count", Some(Value::U32(3)), "blk.2."),
        ("qwen2.embedding_length", Some(Value::U32(64)), "[300, 64]"),
        ("qwen2.rope.scaling.type", Some(text("yarn")), "yarn"),
        ("qwen2.rope.dimension_count", Some(Value::U32(4)), "rope.dimension_count"),
        ("tokenizer.ggml.model", Some(text("llama")), "tokenizer.json"),
        ("tokenizer.ggml.pre", Some(text("falcon")), "`falcon`"),
        ("tokenizer.ggml.merges", None, "tokenizer.ggml.merges"),
        ("tokenizer.chat_template", None, "has no chat template"),
    ] {
        let error = with(key, value).unwrap_err().to_string();
        assert!(error.contains(expected), "{key}: {error}");
    }
}
