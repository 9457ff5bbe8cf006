//! Weights files: read, checked against the model's own list of tensors, never trusted.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::config::TinyConfig;
use crate::error::{CascadeError, WeightsError};
use crate::model::heads::CALL_FEATURES;
use crate::model::{Large, Small};

/// A file and its name for messages.
pub struct File<'a> {
    /// Such as `large.safetensors`.
    pub name: &'a str,
    /// Its contents.
    pub bytes: &'a [u8],
}

/// Weights of the numbers beside the state after a call, and how many there were at first: earlier
/// models have nothing to say about the others.
const GROWN: (&str, usize) = ("heads.again_features", CALL_FEATURES);

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
        let found = view.shape();
        let has_grown = tensor == GROWN.0 && found == [GROWN.1, 1] && found != shape.as_slice();
        if found != shape.as_slice() && !has_grown {
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
        let mut loaded =
            Tensor::from_raw_buffer(view.data(), dtype, found, device)?.to_dtype(DType::F32)?;
        if has_grown {
            let mut missing = shape.clone();
            missing[0] -= found[0];
            let zeros = Tensor::zeros(missing, DType::F32, device)?;
            loaded = Tensor::cat(&[&loaded, &zeros], 0)?;
        }
        read.insert(tensor.clone(), loaded);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, 2, 3 and so on.
    fn counted(shape: &[usize]) -> Tensor {
        let len: usize = shape.iter().product();
        let numbers: Vec<f32> = (1..=len).map(|at| at as f32).collect();
        Tensor::from_vec(numbers, shape.to_vec(), &Device::Cpu).unwrap()
    }

    /// A file of one tensor, read as one of another shape.
    fn reread(
        name: &str,
        tensor: &Tensor,
        wanted: &[usize],
    ) -> Result<HashMap<String, Tensor>, CascadeError> {
        let bytes = safetensors::serialize([(name, tensor)], None).unwrap();
        let wanted = HashMap::from([(name.to_owned(), wanted.to_vec())]);
        read(&File { name: "t.safetensors", bytes: &bytes }, &wanted, &Device::Cpu)
    }

    #[test]
    fn one_tensor_has_grown_since_and_no_other_may() {
        /// A tensor's shape.
        type Of<'a> = &'a [usize];

        let name = "heads.again_features";
        let filled: &[f32] = &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.0, 0.0, 0.0];
        let cases: [(&str, Of<'_>, Of<'_>, Option<&[f32]>); 7] = [
            (name, &[8, 1], &[11, 1], Some(filled)),
            (name, &[8, 1], &[8, 1], Some(&filled[..8])),
            // They were never of this height, are wider, or have other dimensions.
            (name, &[6, 1], &[11, 1], None),
            (name, &[8, 2], &[11, 1], None),
            (name, &[8], &[11, 1], None),
            (name, &[11, 1], &[8, 1], None),
            // Other tensors are never filled up.
            ("heads.call_features", &[8, 1], &[11, 1], None),
        ];
        for (name, found, wanted, expected) in cases {
            for dtype in [DType::F32, DType::F16] {
                let tensor = counted(found).to_dtype(dtype).unwrap();
                let place = format!("{name} {found:?} {wanted:?} {dtype:?}");
                match (reread(name, &tensor, wanted), expected) {
                    (Ok(tensors), Some(expected)) => {
                        let tensor = &tensors[name];
                        assert_eq!(tensor.dims(), wanted, "{place}");
                        assert_eq!(tensor.dtype(), DType::F32, "{place}");
                        let numbers = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                        assert_eq!(numbers, expected, "{place}");
                    }
                    (Err(error), None) => {
                        let said = format!("is {found:?}, the model needs {wanted:?}");
                        assert!(error.to_string().contains(&said), "{place}: {error}");
                    }
                    (read, _) => panic!("{place}: read: {}", read.is_ok()),
                }
            }
        }
    }
}
