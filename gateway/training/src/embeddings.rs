//! What a large model made of texts: vectors of functions, and of queries the vector, the soft
//! token and the logit of a call. Computed once, kept in a file of that model.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use hyfunc_cascade::model::Large;
use hyfunc_cascade::prompt;
use hyfunc_cascade::sequence::Batch;
use hyfunc_cascade::text::Tokenizer;
use hyfunc_functions::Function;
use sha2::{Digest, Sha256};

use crate::checkpoint;
use crate::error::TrainingError;
use crate::run;

/// Bytes of a text's hash.
const KEY_BYTES: usize = 16;

/// Characters of a model's digest in the name of its file.
const DIGEST_CHARS: usize = 16;

/// A text's hash.
type Key = [u8; KEY_BYTES];

/// What a large model made of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Its state at the call-opening token.
    pub soft_token: Vec<f32>,
    /// For the index, of unit length.
    pub vector: Vec<f32>,
    /// Whether anything is to be called, as a logit.
    pub call_logit: f32,
}

/// What one large model made of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// Of the model and its tokenizer.
    digest: String,
    functions: HashMap<Key, Vec<f32>>,
    queries: HashMap<Key, Query>,
}

/// SHA-256 of a large model's weights and its tokenizer, hex: who has the same embeds the same.
///
/// # Errors
/// A file that cannot be read.
pub fn digest(models: &Path) -> Result<String, TrainingError> {
    let files = ["large.safetensors", "tokenizer.json"];
    let hashes = files.map(|file| run::file_hash(&models.join(file)));
    let [weights, tokenizer] = hashes;
    Ok(hex::encode(Sha256::digest(format!("{}\n{}\n", weights?, tokenizer?))))
}

fn key(text: &str) -> Key {
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(&Sha256::digest(text)[..KEY_BYTES]);
    key
}

fn key_of(function: &Function) -> Key {
    key(&prompt::function_text(function))
}

impl Embeddings {
    /// None yet, of the model with this digest.
    pub fn new(digest: &str) -> Self {
        Self { digest: digest.to_owned(), ..Self::default() }
    }

    /// Where those of a model are, in a folder.
    pub fn path(folder: &Path, digest: &str) -> PathBuf {
        let short = digest.get(..DIGEST_CHARS).unwrap_or(digest);
        folder.join(format!("embeddings-{short}.safetensors"))
    }

    /// Texts of both kinds.
    pub fn counts(&self) -> (usize, usize) {
        (self.functions.len(), self.queries.len())
    }

    /// Whether a function is known.
    pub fn has_function(&self, function: &Function) -> bool {
        self.functions.contains_key(&key_of(function))
    }

    /// Whether a query is known.
    pub fn has_query(&self, query: &str) -> bool {
        self.queries.contains_key(&key(query))
    }

    /// A function's vector, of unit length.
    pub fn function(&self, function: &Function) -> Option<&[f32]> {
        self.functions.get(&key_of(function)).map(Vec::as_slice)
    }

    /// What was made of a query.
    pub fn query(&self, query: &str) -> Option<&Query> {
        self.queries.get(&key(query))
    }

    /// Computes functions' vectors, as one batch.
    ///
    /// # Errors
    /// Tensor operations that fail.
    pub fn add_functions(
        &mut self,
        large: &Large,
        tokenizer: &Tokenizer,
        functions: &[&Function],
    ) -> Result<(), TrainingError> {
        let texts = functions.iter().map(|function| prompt::function(tokenizer, function));
        let vectors = large.embed(&Batch::new(texts.collect()), &Device::Cpu)?.to_vec2::<f32>()?;
        for (function, vector) in functions.iter().zip(vectors) {
            self.functions.insert(key_of(function), vector);
        }
        Ok(())
    }

    /// Distils queries, as one batch.
    ///
    /// # Errors
    /// Tensor operations that fail.
    pub fn add_queries(
        &mut self,
        large: &Large,
        tokenizer: &Tokenizer,
        queries: &[&str],
    ) -> Result<(), TrainingError> {
        let texts = queries.iter().map(|query| prompt::large_query(&tokenizer.encode(query)));
        let distilled = large.distil(&Batch::new(texts.collect()), &Device::Cpu)?;
        let soft_tokens = distilled.soft_tokens.to_vec2::<f32>()?;
        let vectors = distilled.vectors.to_vec2::<f32>()?;
        let logits = distilled.call_logits.to_vec1::<f32>()?;
        let made = soft_tokens.into_iter().zip(vectors).zip(logits);
        for (query, ((soft_token, vector), call_logit)) in queries.iter().zip(made) {
            self.queries.insert(key(query), Query { soft_token, vector, call_logit });
        }
        Ok(())
    }

    /// Writes all of them, over what is there.
    ///
    /// # Errors
    /// A file that cannot be written; what was there stands.
    pub fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let mut functions: Vec<_> = self.functions.iter().collect();
        functions.sort_by_key(|(key, _)| **key);
        let mut queries: Vec<_> = self.queries.iter().collect();
        queries.sort_by_key(|(key, _)| **key);
        let keys = |keys: Vec<u8>| {
            let len = keys.len();
            Tensor::from_vec(keys, len, &Device::Cpu)
        };
        let flat = |rows: Vec<&[f32]>| -> candle_core::Result<Tensor> {
            let width = rows.first().map_or(0, |row| row.len());
            Tensor::from_vec(rows.concat(), (rows.len(), width), &Device::Cpu)
        };
        let logits: Vec<f32> = queries.iter().map(|(_, query)| query.call_logit).collect();
        let count = logits.len();
        let mut tensors = HashMap::new();
        tensors.insert("digest", keys(self.digest.clone().into_bytes())?);
        if !functions.is_empty() {
            let of = functions.iter().flat_map(|(key, _)| **key).collect();
            tensors.insert("function.keys", keys(of)?);
            let vectors = functions.iter().map(|(_, vector)| vector.as_slice()).collect();
            tensors.insert("function.vectors", flat(vectors)?);
        }
        if !queries.is_empty() {
            let of = queries.iter().flat_map(|(key, _)| **key).collect();
            tensors.insert("query.keys", keys(of)?);
            let vectors = queries.iter().map(|(_, query)| query.vector.as_slice()).collect();
            tensors.insert("query.vectors", flat(vectors)?);
            let soft = queries.iter().map(|(_, query)| query.soft_token.as_slice()).collect();
            tensors.insert("query.soft_tokens", flat(soft)?);
            tensors.insert("query.call_logits", Tensor::from_vec(logits, count, &Device::Cpu)?);
        }
        checkpoint::replace(path, |beside| Ok(candle_core::safetensors::save(&tensors, beside)?))
    }

    /// Reads those of the model with this digest.
    ///
    /// # Errors
    /// A file that cannot be read, that is damaged, or that another model made.
    pub fn load(path: &Path, digest: &str) -> Result<Self, TrainingError> {
        let unusable = |reason: &str| TrainingError::Unusable {
            path: path.display().to_string(),
            reason: format!("{reason}; make it again with `hyfunc train embed`"),
        };
        let bytes = std::fs::read(path).map_err(TrainingError::file(path))?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|error| unusable(&error.to_string()))?;
        let found = tensors.get("digest").filter(|found| found.dtype() == DType::U8);
        let found = found.ok_or_else(|| unusable("it holds no embeddings"))?;
        if found.flatten_all()?.to_vec1::<u8>()? != digest.as_bytes() {
            return Err(unusable("another large model or another tokenizer made it"));
        }
        let mut read = Self::new(digest);
        let rows = |name: &str| -> Result<Vec<Vec<f32>>, TrainingError> {
            let tensor = tensors.get(name).filter(|tensor| tensor.rank() == 2);
            let tensor = tensor.ok_or_else(|| unusable(&format!("it lacks `{name}`")))?;
            Ok(tensor.to_dtype(DType::F32)?.to_vec2()?)
        };
        let keys = |name: &str, count: usize| -> Result<Vec<Key>, TrainingError> {
            let Some(keys) = tensors.get(name) else { return Ok(Vec::new()) };
            let bytes = keys.flatten_all()?.to_dtype(DType::U8)?.to_vec1::<u8>()?;
            let (keys, rest) = bytes.as_chunks::<KEY_BYTES>();
            match rest.is_empty() && keys.len() == count {
                true => Ok(keys.to_vec()),
                false => Err(unusable(&format!("`{name}` is damaged"))),
            }
        };
        if tensors.contains_key("function.keys") {
            let vectors = rows("function.vectors")?;
            let keys = keys("function.keys", vectors.len())?;
            read.functions = keys.into_iter().zip(vectors).collect();
        }
        if tensors.contains_key("query.keys") {
            let (vectors, soft) = (rows("query.vectors")?, rows("query.soft_tokens")?);
            let logits = tensors.get("query.call_logits");
            let logits = logits.ok_or_else(|| unusable("it lacks `query.call_logits`"))?;
            let logits = logits.flatten_all()?.to_vec1::<f32>()?;
            let keys = keys("query.keys", vectors.len())?;
            if soft.len() != keys.len() || logits.len() != keys.len() {
                return Err(unusable("its queries are damaged"));
            }
            let made = soft.into_iter().zip(vectors).zip(logits);
            let each = keys.into_iter().zip(made);
            let query = |(key, ((soft_token, vector), call_logit))| {
                (key, Query { soft_token, vector, call_logit })
            };
            read.queries = each.map(query).collect();
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Embeddings {
        let mut some = Embeddings::new("0123456789abcdef0123");
        for (name, at) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
            some.functions.insert(key(name), vec![at, -at]);
            let query =
                Query { soft_token: vec![at; 3], vector: vec![0.0, at], call_logit: at - 2.0 };
            some.queries.insert(key(name), query);
        }
        some
    }

    #[test]
    fn what_is_saved_is_loaded_and_of_its_model_alone() {
        let folder = tempfile::tempdir().unwrap();
        for embeddings in [some(), Embeddings::new("0123456789abcdef0123")] {
            let path = Embeddings::path(folder.path(), &embeddings.digest);
            assert!(path.ends_with("embeddings-0123456789abcdef.safetensors"));
            embeddings.save(&path).unwrap();
            assert_eq!(Embeddings::load(&path, &embeddings.digest).unwrap(), embeddings);
            let error = Embeddings::load(&path, "0123456789abcdef4567").unwrap_err().to_string();
            assert!(error.contains("another large model"), "{error}");
        }
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("embeddings.safetensors");
        assert!(Embeddings::load(&path, "d").is_err());
        std::fs::write(&path, b"nothing of the sort").unwrap();
        let error = Embeddings::load(&path, "d").unwrap_err().to_string();
        assert!(error.contains("hyfunc train embed"), "{error}");
        some().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 8]).unwrap();
        assert!(Embeddings::load(&path, "0123456789abcdef0123").is_err());
    }
}
