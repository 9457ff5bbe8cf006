//! Weights files: read, checked against the model's own list of tensors, never trusted.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::config::TinyConfig;
use crate::error::{CascadeError, WeightsError};
use crate::model::{Large, Small};

/// A file and its name for messages.
pub struct File<'a> {
    /// Such as `large.safetensors`.
    pub name: &'a str,
    /// Its contents.
    pub bytes: &'a [u8],
}

/// Tensors of `file` as f32, which must be those of `wanted` (name → shape), no more and no fewer.
pub fn read(
    file: &File<'_>,
    wanted: &HashMap<String, Vec<usize>>,
    device: &Device,
) -> Result<HashMap<String, Tensor>, CascadeError> {
    let name = || file.name.to_owned();
    let tensors = SafeTensors::deserialize(file.bytes)
        .map_err(|error| WeightsError::Damaged { file: name(), reason: error.to_string() })?;
    if let Some(unknown) = tensors.names().into_iter().find(|name| !wanted.contains_key(*name)) {
        return Err(WeightsError::Unknown { file: name(), name: unknown.to_string() }.into());
    }
    let mut read = HashMap::with_capacity(wanted.len());
    for (tensor, shape) in wanted {
        let view = tensors.tensor(tensor).map_err(|_| WeightsError::Missing {
            file: name(),
            name: tensor.clone(),
            shape: shape.clone(),
        })?;
        if view.shape() != shape.as_slice() {
            return Err(WeightsError::Shape {
                file: name(),
                name: tensor.clone(),
                found: view.shape().to_vec(),
                wanted: shape.clone(),
            }
            .into());
        }
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            other => {
                return Err(WeightsError::Dtype {
                    file: name(),
                    name: tensor.clone(),
                    found: format!("{other:?}"),
                }
                .into());
            }
        };
        let loaded = Tensor::from_raw_buffer(view.data(), dtype, shape, device)?;
        read.insert(tensor.clone(), loaded.to_dtype(DType::F32)?);
    }
    Ok(read)
}

/// Names and shapes of a model's tensors: those that its constructor asks for.
pub fn shapes(
    build: impl FnOnce(&VarBuilder<'_>) -> candle_core::Result<()>,
) -> candle_core::Result<HashMap<String, Vec<usize>>> {
    let map = VarMap::new();
    build(&VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu))?;
    let data = map.data().lock().expect("no other thread holds this map");
    Ok(data.iter().map(|(name, var)| (name.clone(), var.dims().to_vec())).collect())
}

/// Reads both models.
pub fn models(
    config: &TinyConfig,
    large: &File<'_>,
    small: &File<'_>,
    device: &Device,
) -> Result<(Large, Small), CascadeError> {
    let large_shapes = shapes(|vb| Large::new(config, vb).map(drop))?;
    let small_shapes = shapes(|vb| Small::new(config, vb).map(drop))?;
    let tensors = read(large, &large_shapes, device)?;
    let large = Large::new(config, &VarBuilder::from_tensors(tensors, DType::F32, device))?;
    let tensors = read(small, &small_shapes, device)?;
    let small = Small::new(config, &VarBuilder::from_tensors(tensors, DType::F32, device))?;
    Ok((large, small))
}
