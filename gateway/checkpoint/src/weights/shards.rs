//! Safetensors, in one file or in shards with an index: read tensor by tensor, never trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::quantized::QMatMul;
use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Deserialize;

use super::{Role, Weights, check_numbers, matrix};
use crate::error::CheckpointError;
use crate::options::Options;

/// Bytes of a file's header, as the format bounds it.
const HEADER_BYTES_MAX: u64 = 100_000_000;
/// Bytes of an index: a row a tensor.
const INDEX_BYTES_MAX: u64 = 64 << 20;
/// The one file.
const SINGLE: &str = "model.safetensors";
/// What names the shards.
const INDEX: &str = "model.safetensors.index.json";

/// A file whose header was read.
struct Shard {
    path: PathBuf,
    file: File,
    /// Where tensors begin, in bytes.
    start: u64,
}

struct Entry {
    shard: usize,
    info: TensorInfo,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The tensors of a folder.
pub(crate) struct Shards {
    path: PathBuf,
    shards: Vec<Shard>,
    entries: BTreeMap<String, Entry>,
    options: Options,
}

impl Shards {
    /// Reads the headers; every shard that the index names must be whole.
    pub(crate) fn open(folder: &Path, options: &Options) -> Result<Self, CheckpointError> {
        let mut all = Self {
            path: folder.to_owned(),
            shards: Vec::new(),
            entries: BTreeMap::new(),
            options: options.clone(),
        };
        let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
        if index.exists() {
            let wanted = read_index(&index)?;
            let names: BTreeSet<&String> = wanted.weight_map.values().collect();
            for name in names {
                all.add_named(folder, &index, name)?;
            }
            all.check_index(&index, &wanted)?;
        } else if single.exists() {
            all.add(single)?;
        } else {
            return Err(CheckpointError::NoWeights { path: folder.to_owned() });
        }
        Ok(all)
    }

    /// A shard lies beside its index, whatever that says.
    fn add_named(
        &mut self,
        folder: &Path,
        index: &Path,
        name: &str,
    ) -> Result<(), CheckpointError> {
        let is_plain = Path::new(name).file_name().is_some_and(|file| file == name);
        if !is_plain {
            let reason = format!("`{name}` is not the name of a file beside it");
            return Err(CheckpointError::Config { path: index.to_owned(), reason });
        }
        let path = folder.join(name);
        if !path.exists() {
            let (index, shard) = (index.to_owned(), name.to_owned());
            return Err(CheckpointError::MissingShard { index, shard });
        }
        self.add(path)
    }

    fn add(&mut self, path: PathBuf) -> Result<(), CheckpointError> {
        let (file, start, metadata) = read_header(&path)?;
        let shard = self.shards.len();
        for (name, info) in metadata.tensors() {
            let entry = Entry { shard, info: info.clone() };
            if self.entries.insert(name.clone(), entry).is_some() {
                let reason = format!("tensor `{name}` is in another shard already");
                return Err(CheckpointError::Damaged { path, reason });
            }
        }
        self.shards.push(Shard { path, file, start });
        Ok(())
    }

    fn check_index(&self, index: &Path, wanted: &Index) -> Result<(), CheckpointError> {
        match wanted.weight_map.iter().find(|(name, _)| !self.entries.contains_key(*name)) {
            Some((name, shard)) => Err(CheckpointError::Damaged {
                path: index.with_file_name(shard),
                reason: format!("tensor `{name}` is not in it, as the index says"),
            }),
            None => Ok(()),
        }
    }

    /// A tensor's bytes, with where they are.
    fn bytes(
        &self,
        name: &str,
        shape: &[usize],
    ) -> Result<(Vec<u8>, &Entry, &Shard), CheckpointError> {
        let entry = self.entries.get(name).ok_or_else(|| CheckpointError::MissingTensor {
            path: self.path.clone(),
            name: name.to_owned(),
            shape: shape.to_vec(),
        })?;
        let shard = &self.shards[entry.shard];
        let (begin, end) = entry.info.data_offsets;
        let mut bytes = vec![0; end - begin];
        let mut file = &shard.file;
        file.seek(SeekFrom::Start(shard.start + begin as u64))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|source| CheckpointError::Read { path: shard.path.clone(), source })?;
        Ok((bytes, entry, shard))
    }

    /// A tensor as f32.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, CheckpointError> {
        let (bytes, entry, shard) = self.bytes(name, shape)?;
        let (path, name) = (&shard.path, name.to_owned());
        if entry.info.shape != shape {
            let (found, wanted) = (entry.info.shape.clone(), shape.to_vec());
            return Err(CheckpointError::Shape { path: path.clone(), name, found, wanted });
        }
        let dtype = match entry.info.dtype {
            Dtype::F32 => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            other => {
                let found = format!("{other:?}");
                return Err(CheckpointError::Dtype { path: path.clone(), name, found });
            }
        };
        let tensor = Tensor::from_raw_buffer(&bytes, dtype, shape, &Device::Cpu)?;
        drop(bytes);
        let tensor = tensor.to_dtype(DType::F32)?;
        if self.options.must_be_numbers {
            check_numbers(path, &name, &tensor)?;
        }
        Ok(tensor)
    }
}

impl Weights for Shards {
    fn path(&self) -> &Path {
        &self.path
    }

    fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    fn is_same(&self, name: &str, other: &str) -> Result<bool, CheckpointError> {
        let (Some(one), Some(two)) = (self.entries.get(name), self.entries.get(other)) else {
            return Ok(false);
        };
        if one.info.shape != two.info.shape || one.info.dtype != two.info.dtype {
            return Ok(false);
        }
        let shape = &one.info.shape;
        Ok(self.bytes(name, shape)?.0 == self.bytes(other, shape)?.0)
    }

    fn matrix(
        &self,
        name: &str,
        shape: [usize; 2],
        role: Role,
    ) -> Result<QMatMul, CheckpointError> {
        matrix(self.tensor(name, &shape)?, &self.options, role)
    }

    fn vector(&self, name: &str, size: usize) -> Result<Tensor, CheckpointError> {
        self.tensor(name, &[size])
    }

    fn rope_divisors(&self, _size: usize) -> Result<Option<Vec<f32>>, CheckpointError> {
        Ok(None)
    }
}

fn read_index(path: &Path) -> Result<Index, CheckpointError> {
    let text = crate::files::read(path, INDEX_BYTES_MAX)?;
    serde_json::from_slice(&text).map_err(|error| CheckpointError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// What a file says of itself, held against its length.
fn read_header(path: &Path) -> Result<(File, u64, Metadata), CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let damaged = |reason: String| CheckpointError::Damaged { path: path.to_owned(), reason };
    let mut file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut size = [0; 8];
    if bytes < size.len() as u64 {
        let (path, bytes_wanted) = (path.to_owned(), size.len() as u64);
        return Err(CheckpointError::Cut { path, bytes, bytes_wanted });
    }
    file.read_exact(&mut size).map_err(failed)?;
    let header_bytes = u64::from_le_bytes(size);
    if header_bytes > HEADER_BYTES_MAX {
        return Err(damaged(format!("its header would have {header_bytes} bytes")));
    }
    let start = size.len() as u64 + header_bytes;
    if start > bytes {
        return Err(CheckpointError::Cut { path: path.to_owned(), bytes, bytes_wanted: start });
    }
    let mut header = Vec::new();
    (&file).take(header_bytes).read_to_end(&mut header).map_err(failed)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
    let bytes_wanted = start + metadata.data_len() as u64;
    if bytes != bytes_wanted {
        return Err(CheckpointError::Cut { path: path.to_owned(), bytes, bytes_wanted });
    }
    Ok((file, start, metadata))
}
