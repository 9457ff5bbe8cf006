//! Weights between those of two cascades.
//!
//! Models that are trained on gain where the new data is and lose elsewhere. On the straight line
//! between the weights before and after lie models that keep most of both (WiSE-FT, arXiv
//! 2109.01903). That holds for weights that one training made of the others, not for two trainings
//! from nothing: those have no line between them along which the loss stays low.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use hyfunc_cascade::{shipped, words};

use crate::checkpoint;
use crate::error::TrainingError;
use crate::run::file_hash;

/// The files of weights in a folder of models.
const WEIGHTS: [&str; 2] = ["large.safetensors", "small.safetensors"];

/// Which models, and where between them.
#[derive(Clone, Debug)]
pub struct BlendOptions {
    /// Folder of the models whose thresholds are kept, and whose weights share 0 is.
    pub first: PathBuf,
    /// Folder of the models whose weights share 1 is.
    pub second: PathBuf,
    /// How far to go from the first to the second, 0 to 1.
    pub share: f64,
    /// Folder to write; neither of the two.
    pub out: PathBuf,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Blended {
    /// Tensors of both models together.
    pub tensors: usize,
    /// SHA-256 of the large model's weights, hex.
    pub large_sha256: String,
    /// SHA-256 of the small model's weights, hex.
    pub small_sha256: String,
}

/// Writes the models between two others.
///
/// # Errors
/// A share off 0 to 1, a folder that does not hold a cascade, two that differ in tokenizer, tensors
/// or shapes, and a folder that cannot be written.
pub fn blend(options: &BlendOptions) -> Result<Blended, TrainingError> {
    let BlendOptions { first, second, share, out } = options;
    if !(0.0..=1.0).contains(share) {
        return Err(TrainingError::Unusable {
            path: format!("share {share}"),
            reason: "give a number from 0, the first models, to 1, the second".into(),
        });
    }
    // Both are whole, and are what their cascade.json says.
    let mut config = shipped::load_dir(first, &Device::Cpu)?.config;
    let other = shipped::load_dir(second, &Device::Cpu)?.config;
    if config.words_sha256 != other.words_sha256 {
        return Err(unrelated(second, format!("its {} is another one", words::FILE)));
    }
    let tokenizer = read(&first.join("tokenizer.json"))?;
    if tokenizer != read(&second.join("tokenizer.json"))? {
        return Err(unrelated(second, "its tokenizer.json is another one".into()));
    }
    fs::create_dir_all(out).map_err(TrainingError::file(out))?;
    if [first, second].into_iter().any(|other| is_same(other, out)) {
        return Err(TrainingError::Unusable {
            path: out.display().to_string(),
            reason: "it holds models that are read; give another folder with --out".into(),
        });
    }
    let mut tensors = 0;
    for file in WEIGHTS {
        let between = between(&first.join(file), &second.join(file), *share)?;
        tensors += between.len();
        let save = |beside: &Path| Ok(candle_core::safetensors::save(&between, beside)?);
        checkpoint::replace(&out.join(file), save)?;
    }
    config.large_sha256 = file_hash(&out.join(WEIGHTS[0]))?;
    config.small_sha256 = file_hash(&out.join(WEIGHTS[1]))?;
    checkpoint::replace_bytes(&out.join("tokenizer.json"), &tokenizer)?;
    if config.words_sha256.is_some() {
        checkpoint::replace_bytes(&out.join(words::FILE), &read(&first.join(words::FILE))?)?;
    }
    checkpoint::replace_bytes(&out.join("cascade.json"), &serde_json::to_vec_pretty(&config)?)?;
    shipped::load_dir(out, &Device::Cpu)?;
    let (large_sha256, small_sha256) = (config.large_sha256, config.small_sha256);
    Ok(Blended { tensors, large_sha256, small_sha256 })
}

/// `(1 - share) · first + share · second`, computed in f32 and held in f16, of every tensor.
fn between(
    first: &Path,
    second: &Path,
    share: f64,
) -> Result<HashMap<String, Tensor>, TrainingError> {
    let ours = candle_core::safetensors::load(first, &Device::Cpu)?;
    let theirs = candle_core::safetensors::load(second, &Device::Cpu)?;
    let names = |tensors: &HashMap<String, Tensor>| -> BTreeSet<String> {
        tensors.keys().cloned().collect()
    };
    if let Some(name) = names(&ours).symmetric_difference(&names(&theirs)).next() {
        return Err(unrelated(second, format!("only one of the two has `{name}`")));
    }
    let mut blended = HashMap::with_capacity(ours.len());
    for (name, own) in &ours {
        let other = &theirs[name];
        if own.dims() != other.dims() {
            let (found, wanted) = (other.dims(), own.dims());
            let reason = format!("`{name}` is of shape {found:?}, not {wanted:?}");
            return Err(unrelated(second, reason));
        }
        let own = own.to_dtype(DType::F32)?;
        let step = ((other.to_dtype(DType::F32)? - &own)? * share)?;
        blended.insert(name.clone(), (own + step)?.to_dtype(DType::F16)?);
    }
    Ok(blended)
}

fn read(path: &Path) -> Result<Vec<u8>, TrainingError> {
    fs::read(path).map_err(TrainingError::file(path))
}

/// Whether two paths lead to the same folder.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn unrelated(path: &Path, reason: String) -> TrainingError {
    let reason = format!("{reason}; give models that were trained on from the first (--from)");
    TrainingError::Unusable { path: path.display().to_string(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tensor `x` of these values.
    fn file(folder: &Path, name: &str, tensors: &[(&str, &[f32])]) -> PathBuf {
        let path = folder.join(name);
        let tensors: HashMap<String, Tensor> = tensors
            .iter()
            .map(|(name, values)| {
                let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap();
                ((*name).to_owned(), tensor.to_dtype(DType::F16).unwrap())
            })
            .collect();
        candle_core::safetensors::save(&tensors, &path).unwrap();
        path
    }

    #[test]
    fn weights_lie_on_the_line_between() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(folder.path(), "first", &[("x", &[0.0, 1.0, -2.0])]);
        let second = file(folder.path(), "second", &[("x", &[4.0, 1.0, 2.0])]);
        for (share, expected) in
            [(0.0, [0.0, 1.0, -2.0]), (0.25, [1.0, 1.0, -1.0]), (1.0, [4.0, 1.0, 2.0])]
        {
            let blended = between(&first, &second, share).unwrap();
            assert_eq!(blended["x"].dtype(), DType::F16);
            let values = blended["x"].to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values, expected, "{share}");
        }
    }

    #[test]
    fn models_of_another_family_are_refused_by_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(folder.path(), "first", &[("x", &[0.0, 1.0])]);
        for (name, tensors, said) in [
            ("shape", &[("x", &[0.0][..])][..], "`x` is of shape [1], not [2]"),
            ("fewer", &[], "only one of the two has `x`"),
            ("more", &[("x", &[0.0, 1.0]), ("y", &[0.0])], "only one of the two has `y`"),
        ] {
            let second = file(folder.path(), name, tensors);
            let error = between(&first, &second, 0.5).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("--from"), "{error}");
        }
    }
}
