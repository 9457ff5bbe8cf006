//! The cascade as the gateway holds it.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use candle_core::Device;
use hyfunc_functions::Function;

use crate::api::{DecodeRequest, Decoded, Intent, ModelInfo, Prepared};
use crate::ask::until;
use crate::config::{CascadeConfig, ModelConfig, TinyConfig};
use crate::conversation::{self, Earlier};
use crate::engine::{Engine, Stay};
use crate::error::CascadeError;
use crate::lexicon::{KINDS, SHAPES};
use crate::progress::Progress;
use crate::shipped::{self, EMBEDDED};
use crate::tiny::Tiny;

/// Cheap to clone: a handle to the engine's threads.
#[derive(Clone)]
pub struct Cascade {
    engine: Engine,
    info: Arc<ModelInfo>,
}

impl Cascade {
    /// The shipped tiny models.
    pub fn embedded(config: &CascadeConfig) -> Result<Self, CascadeError> {
        Self::new(EMBEDDED.load(&Device::Cpu)?, config)
    }

    /// A folder made by `hyfunc train tiny`.
    pub fn from_dir(dir: &Path, config: &CascadeConfig) -> Result<Self, CascadeError> {
        Self::new(shipped::load_dir(dir, &Device::Cpu)?, config)
    }

    /// Models that are at hand.
    pub fn new(tiny: Tiny, config: &CascadeConfig) -> Result<Self, CascadeError> {
        let info = Arc::new(info(&tiny.config));
        Ok(Self { engine: Engine::start(Arc::new(tiny), config)?, info })
    }

    /// What serves.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Whether any of the engine's threads is left.
    pub fn is_alive(&self) -> bool {
        self.engine.is_alive()
    }

    /// Makes functions ready for one request: template, embedding, schema block. Work of
    /// milliseconds a function.
    pub async fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> Result<Vec<Arc<Prepared>>, CascadeError> {
        self.engine.prepare(&functions, Stay::Request).await
    }

    /// Makes functions of the library ready. What is made of them is the same, bit for bit; it is
    /// kept in [`CascadeConfig::prepared_dir`], and only as many schema blocks stay in memory as
    /// [`CascadeConfig::blocks_bytes_max`] has room for.
    pub async fn prepare_library(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> Result<Vec<Arc<Prepared>>, CascadeError> {
        self.engine.prepare(&functions, Stay::Library).await
    }

    /// Memory of the library's schema blocks that are held now, in bytes.
    pub fn block_bytes(&self) -> usize {
        self.engine.block_bytes()
    }

    /// Distils a query into a soft token and a vector.
    pub async fn distil(&self, query: &str, deadline: Instant) -> Result<Intent, CascadeError> {
        self.distil_after(&[], query, deadline).await
    }

    /// Distils a query in the light of what was said before it; see [`conversation`].
    pub async fn distil_after(
        &self,
        earlier: &[Earlier],
        query: &str,
        deadline: Instant,
    ) -> Result<Intent, CascadeError> {
        let answer = self.engine.distil(conversation::compose(earlier, query), deadline);
        until(deadline, "distil", answer).await
    }

    /// Decides the calls of a request.
    pub async fn decode(&self, request: DecodeRequest) -> Result<Decoded, CascadeError> {
        self.decode_told(request, Progress::silent()).await
    }

    /// Decides the calls of a request; tells in the meantime what can no longer change.
    pub async fn decode_told(
        &self,
        mut request: DecodeRequest,
        progress: Progress,
    ) -> Result<Decoded, CascadeError> {
        request.query = conversation::compose(&request.earlier, &request.query);
        let deadline = request.deadline;
        until(deadline, "decode", self.engine.decode(request, progress)).await
    }
}

fn info(config: &TinyConfig) -> ModelInfo {
    let retriever = 2 * config.index_size * config.large.hidden_size;
    let (d, d_large) = (config.small.hidden_size, config.large.hidden_size);
    let words = config.words_sha256.as_deref().unwrap_or_default();
    let digests = format!("{}{}{words}", config.large_sha256, config.small_sha256);
    ModelInfo {
        id: config.id.clone(),
        parameters_large: body_parameters(&config.large) + retriever,
        parameters_small: body_parameters(&config.small) + 5 * d * d + d * d_large,
        digest: shipped::sha256(digests.as_bytes()),
        retrieval_threshold: config.retrieval_threshold,
    }
}

/// Parameters of embedding and layers; norms and biases, some thousands, are left out.
fn body_parameters(config: &ModelConfig) -> usize {
    let d = config.hidden_size;
    let heads = config.num_attention_heads * config.head_dim;
    let heads_kv = config.num_key_value_heads * config.head_dim;
    let layer = d * (2 * heads + 2 * heads_kv) + 3 * d * config.intermediate_size;
    (config.vocab_size + KINDS + SHAPES) * d + config.num_hidden_layers * layer
}
