//! A model's variables: drawn from a seed, begun from a file, written.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarMap;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::checkpoint;
use crate::error::TrainingError;

/// Draws every variable that was initialised at random again, from a seed: candle's own generator
/// cannot be seeded on the CPU.
pub(crate) fn seed(map: &VarMap, seed: u64) -> Result<(), TrainingError> {
    let data = map.data().lock().expect("no other thread holds this map");
    let mut names: Vec<&String> = data.keys().collect();
    names.sort();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for name in names {
        let var = &data[name];
        let values = var.as_tensor().flatten_all()?;
        let mean = values.mean_all()?.to_scalar::<f32>()?;
        let spread = (&values - f64::from(mean))?.sqr()?.mean_all()?.to_scalar::<f32>()?.sqrt();
        if spread > 0.0 && values.elem_count() > 16 {
            let drawn = normals(&mut rng, values.elem_count(), spread);
            var.set(&Tensor::from_vec(drawn, var.dims(), var.device())?)?;
        }
    }
    Ok(())
}

/// Sets variables to a file's tensors. Of one that has grown rows since, the file's come first and
/// the others stay as drawn; what the file lacks stays as drawn too.
pub(crate) fn begin(map: &VarMap, from: Option<&Path>, file: &str) -> Result<(), TrainingError> {
    let Some(from) = from else { return Ok(()) };
    let tensors = candle_core::safetensors::load(from.join(file), &Device::Cpu)?;
    let data = map.data().lock().expect("no other thread holds this map");
    for (name, var) in data.iter() {
        let Some(tensor) = tensors.get(name) else { continue };
        let tensor = tensor.to_dtype(DType::F32)?;
        let (found, wanted) = (tensor.dims(), var.dims());
        if found == wanted {
            var.set(&tensor)?;
        } else if found.len() == wanted.len() && found[1..] == wanted[1..] && found[0] < wanted[0] {
            let drawn = var.as_tensor().narrow(0, found[0], wanted[0] - found[0])?;
            var.set(&Tensor::cat(&[&tensor, &drawn], 0)?)?;
        }
    }
    Ok(())
}

/// Normal values of mean 0, by Box and Muller.
fn normals(rng: &mut ChaCha8Rng, count: usize, stdev: f32) -> Vec<f32> {
    use rand::Rng;
    (0..count)
        .map(|_| {
            let (u, v): (f32, f32) = (rng.random_range(f32::EPSILON..1.0), rng.random());
            stdev * (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
        })
        .collect()
}

/// Sets every variable to a file's tensor, all of which must be there.
pub(crate) fn load(map: &VarMap, path: &Path) -> Result<(), TrainingError> {
    let unusable = |reason: String| TrainingError::Unusable {
        path: path.display().to_string(),
        reason: format!("{reason}; give the folder of models that `hyfunc train retriever` made"),
    };
    let bytes = std::fs::read(path).map_err(TrainingError::file(path))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| unusable(error.to_string()))?;
    let data = map.data().lock().expect("no other thread holds this map");
    for (name, var) in data.iter() {
        let tensor = tensors.get(name).ok_or_else(|| unusable(format!("it has no `{name}`")))?;
        if tensor.dims() != var.dims() {
            let (found, wanted) = (tensor.dims(), var.dims());
            return Err(unusable(format!("`{name}` is of shape {found:?}, not {wanted:?}")));
        }
        var.set(&tensor.to_dtype(DType::F32)?)?;
    }
    Ok(())
}

/// Writes every variable as f16.
pub(crate) fn write_half(map: &VarMap, path: &Path) -> Result<(), TrainingError> {
    let data = map.data().lock().expect("no other thread holds this map");
    let mut tensors = HashMap::with_capacity(data.len());
    for (name, var) in data.iter() {
        tensors.insert(name.clone(), var.as_tensor().to_dtype(DType::F16)?);
    }
    checkpoint::replace(path, |beside| Ok(candle_core::safetensors::save(&tensors, beside)?))
}
