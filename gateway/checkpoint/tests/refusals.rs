//! Whatever would be computed wrong is refused by name.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use hyfunc_checkpoint::{Checkpoint, CheckpointError, Encoder, Options};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn original(name: &str) -> PathBuf {
    Path::new("tests/parity").join(name)
}

/// A copy to spoil.
fn copy(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(original(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    folder
}

fn set(folder: &TempDir, file: &str, change: impl FnOnce(&mut Json)) {
    let path = folder.path().join(file);
    let mut json: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(&path, json.to_string()).unwrap();
}

fn spoil(folder: &TempDir, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.path().join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
}

fn refused(folder: &Path) -> CheckpointError {
    match Checkpoint::open(folder, &Options::default()) {
        Ok(_) => panic!("{} was opened", folder.display()),
        Err(error) => error,
    }
}

#[test]
fn what_is_not_computed_here_is_named() {
    for (name, key, value, expected) in [
        ("llama", "model_type", json!("mistral"), "`mistral`"),
        ("llama", "model_type", json!(null), "``"),
        ("qwen2", "architectures", json!(["Qwen2ForSequenceClassification"]), "Qwen2ForSequence"),
        ("llama", "hidden_act", json!("gelu"), "`hidden_act` to gelu"),
        ("qwen3", "quantization_config", json!({"quant_method": "gptq"}), "gptq"),
        ("qwen2", "use_sliding_window", json!(true), "`use_sliding_window`"),
        ("qwen2", "rope_scaling", json!({"type": "yarn", "factor": 4.0}), "`rope_type` to yarn"),
        ("qwen2", "rope_scaling", json!({"type": "linear", "factor": 0}), "`factor` to 0"),
        ("qwen2", "partial_rotary_factor", json!(0.5), "0.5"),
        ("llama", "num_key_value_heads", json!(3), "cannot share 3 heads"),
        ("llama", "num_hidden_layers", json!(0), "num_hidden_layers is 0"),
        ("llama", "hidden_size", json!(-1), "invalid"),
        ("llama", "head_dim", json!(7), "7 values"),
        ("llama", "rms_norm_eps", json!(0), "above 0"),
    ] {
        let folder = copy(name);
        set(&folder, "config.json", |config| config[key] = value.clone());
        let error = refused(folder.path()).to_string();
        assert!(error.contains(expected), "{key} = {value}: {error}");
    }
}

#[test]
fn tensors_that_do_not_fit_the_config_are_named() {
    let with = |name: &str, key: &str, value: Json| {
        let folder = copy(name);
        set(&folder, "config.json", |config| config[key] = value);
        refused(folder.path())
    };
    let error = with("llama", "vocab_size", json!(400));
    let is_named = |name: &str, wanted: &str| name == wanted;
    assert!(
        matches!(&error, CheckpointError::Shape { name, wanted, .. }
            if is_named(name, "model.embed_tokens.weight") && *wanted == [400, 32]),
        "{error}"
    );
    let error = with("llama", "num_hidden_layers", json!(3));
    assert!(
        matches!(&error, CheckpointError::MissingTensor { name, .. }
            if name.starts_with("model.layers.2.")),
        "{error}"
    );
    let error = with("llama", "vocab_size", json!(200));
    assert!(
        matches!(&error, CheckpointError::WrongTokenizer { id: 299, vocab_size: 200, .. }),
        "{error}"
    );
    let error = with("qwen2", "tie_word_embeddings", json!(false));
    assert!(matches!(&error, CheckpointError::MissingHead { .. }), "{error}");
    let error = with("llama", "tie_word_embeddings", json!(true));
    assert!(matches!(&error, CheckpointError::TwoHeads { .. }), "{error}");
}

#[test]
fn shards_that_are_missing_or_cut_or_elsewhere_are_named() {
    let shard = "model-00002-of-00003.safetensors";
    let index = "model.safetensors.index.json";
    let folder = copy("llama");
    std::fs::remove_file(folder.path().join(shard)).unwrap();
    let error = refused(folder.path());
    assert!(matches!(&error, CheckpointError::MissingShard { shard: found, .. } if found == shard));

    for bytes in [0, 4, 9, 20_000] {
        let folder = copy("llama");
        spoil(&folder, shard, |content| content.truncate(bytes));
        let error = refused(folder.path());
        let is_cut = matches!(&error, CheckpointError::Cut { path, .. } if path.ends_with(shard));
        assert!(is_cut, "{bytes}: {error}");
    }
    let folder = copy("llama");
    spoil(&folder, shard, |content| content.extend([0; 64]));
    assert!(matches!(refused(folder.path()), CheckpointError::Cut { .. }));
    spoil(&folder, shard, |content| content[..8].fill(0xff));
    assert!(matches!(refused(folder.path()), CheckpointError::Damaged { .. }));

    let folder = copy("llama");
    set(&folder, index, |index| index["weight_map"]["lm_head.weight"] = json!("../x.safetensors"));
    assert!(matches!(refused(folder.path()), CheckpointError::Config { .. }));
    let folder = copy("llama");
    set(&folder, index, |index| index["weight_map"]["more.weight"] = json!(shard));
    let error = refused(folder.path()).to_string();
    assert!(error.contains("more.weight"), "{error}");
}

#[test]
fn dtypes_that_are_not_read_and_weights_that_are_no_numbers_are_named() {
    let folder = copy("qwen2");
    spoil(&folder, "model.safetensors", |content| {
        let (old, new) = (b"\"BF16\"", b"\"I16\" ");
        for at in 0..content.len() - old.len() {
            if content[at..at + old.len()] == *old {
                content[at..at + old.len()].copy_from_slice(new);
            }
        }
    });
    let error = refused(folder.path());
    assert!(matches!(&error, CheckpointError::Dtype { found, .. } if found == "I16"), "{error}");

    let folder = copy("qwen2");
    spoil(&folder, "model.safetensors", |content| {
        let at = content.len() - 2;
        content[at..].copy_from_slice(&[0xc0, 0x7f]);
    });
    Checkpoint::open(folder.path(), &Options::default()).map(drop).unwrap();
    let asked = Options { must_be_numbers: true, ..Options::default() };
    let error = Checkpoint::open(folder.path(), &asked).map(drop).unwrap_err();
    assert!(matches!(&error, CheckpointError::NotNumbers { .. }), "{error}");
}

#[test]
fn what_is_missing_beside_the_weights_is_named() {
    for (name, file, expected) in [
        ("llama", "config.json", "neither *.safetensors nor one *.gguf"),
        ("llama", "tokenizer.json", "tokenizer.json"),
        ("llama", "chat_template.jinja", "has no chat template"),
        ("qwen3", "model.safetensors", "neither *.safetensors"),
    ] {
        let folder = copy(name);
        std::fs::remove_file(folder.path().join(file)).unwrap();
        let error = refused(folder.path()).to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
    for (file, content, expected) in [
        ("config.json", "{", "config.json"),
        ("config.json", "[]", "``"),
        ("tokenizer.json", "{}", "is no tokenizer"),
        ("chat_template.jinja", "{% if %}", "chat template failed"),
    ] {
        let folder = copy("llama");
        std::fs::write(folder.path().join(file), content).unwrap();
        let error = refused(folder.path()).to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
    let folder = copy("llama");
    let file = folder.path().join("config.json");
    assert!(matches!(refused(&file), CheckpointError::NoWeights { .. }));
    assert!(matches!(refused(&file.join("none")), CheckpointError::Read { .. }));
}

#[test]
fn a_head_that_repeats_the_embedding_is_no_second_one() {
    let folder = copy("llama");
    let shards = ["1", "2", "3"].map(|shard| format!("model-0000{shard}-of-00003.safetensors"));
    let mut tensors = std::collections::HashMap::new();
    for shard in &shards {
        tensors.extend(
            candle_core::safetensors::load(folder.path().join(shard), &candle_core::Device::Cpu)
                .unwrap(),
        );
        std::fs::remove_file(folder.path().join(shard)).unwrap();
    }
    std::fs::remove_file(folder.path().join("model.safetensors.index.json")).unwrap();
    let embedding = tensors["model.embed_tokens.weight"].clone();
    tensors.insert("lm_head.weight".to_owned(), embedding);
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    set(&folder, "config.json", |config| config["tie_word_embeddings"] = json!(true));
    Checkpoint::open(folder.path(), &Options::default()).map(drop).unwrap();
}

#[test]
fn encoders_are_of_bert_and_pooled_in_a_known_way() {
    let refused = |folder: &Path| Encoder::open(folder).map(drop).unwrap_err().to_string();
    assert!(refused(&original("llama")).contains("`llama`"));
    let folder = copy("bert");
    std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    std::fs::write(
        folder.path().join("1_Pooling/config.json"),
        r#"{"pooling_mode_max_tokens": true}"#,
    )
    .unwrap();
    assert!(refused(folder.path()).contains("pooling_mode_max_tokens"));
    let folder = copy("bert");
    set(&folder, "config.json", |config| config["hidden_act"] = json!("swish"));
    assert!(refused(folder.path()).contains("swish"));
    let folder = copy("bert");
    set(&folder, "config.json", |config| config["num_attention_heads"] = json!(5));
    assert!(refused(folder.path()).contains("5 heads"));
}
