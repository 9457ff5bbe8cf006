//! What the steps of a request must do at least, counted in bytes and operations.
//!
//! Counted is what the method asks for, whoever computes it: weights are read once a pass, every
//! token passes every layer, keys meet queries. Left out is all that could be avoided (parsing
//! twice, copying, allocating, waking threads), so that what was measured beyond a floor is room.

use std::fs;
use std::ops::AddAssign;
use std::path::Path;

use hyfunc_cascade::config::{ModelConfig, TinyConfig};
use hyfunc_cascade::error::WeightsError;
use hyfunc_cascade::prompt;
use hyfunc_cascade::shipped::EMBEDDED;
use hyfunc_cascade::text::Tokenizer;
use hyfunc_functions::Function;

use super::BenchError;
use super::ceiling::Ceilings;
use super::row::Floor;

/// Bytes of a number in weights, states, keys and vectors: f32.
const NUMBER: f64 = 4.0;

/// Bytes and operations of some work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    /// Bytes that must be read or written.
    pub bytes: f64,
    /// Multiplications and additions, each counted as one.
    pub operations: f64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.operations += other.operations;
    }
}

impl Work {
    /// The mean of so many works that were added up, as a floor.
    pub fn mean(self, works: usize, ceilings: &Ceilings) -> Floor {
        let share = 1.0 / works.max(1) as f64;
        let (bytes, operations) = (self.bytes * share, self.operations * share);
        Floor { bytes, operations, us: ceilings.floor_us(bytes, operations) }
    }
}

/// Shapes of the models that serve, and their tokenizer.
pub(super) struct Shapes {
    config: TinyConfig,
    tokenizer: Tokenizer,
}

impl Shapes {
    /// The embedded models, or those of a folder.
    pub fn read(dir: &str) -> Result<Self, BenchError> {
        if dir.is_empty() {
            return Self::parse(EMBEDDED.config, EMBEDDED.tokenizer);
        }
        let read = |name: &str| {
            let path = Path::new(dir).join(name);
            fs::read(&path)
                .map_err(|source| WeightsError::Read { path: path.display().to_string(), source })
        };
        Self::parse(&read("cascade.json")?, &read("tokenizer.json")?)
    }

    fn parse(config: &[u8], tokenizer: &[u8]) -> Result<Self, BenchError> {
        let damaged = |error: serde_json::Error| WeightsError::Damaged {
            file: "cascade.json".into(),
            reason: error.to_string(),
        };
        let config = serde_json::from_slice(config).map_err(damaged)?;
        Ok(Self { config, tokenizer: Tokenizer::from_bytes(tokenizer)? })
    }

    /// Tokens of a query, without those that the models put around it.
    pub fn query_tokens(&self, query: &str) -> usize {
        self.tokenizer.encode(query).len()
    }

    /// Tokens of a function's block.
    pub fn block_tokens(&self, function: &Function) -> usize {
        prompt::block(&self.tokenizer, function).len()
    }

    /// Every byte of the body is read, and written into the request.
    pub fn accept(&self, body_bytes: usize) -> Work {
        Work { bytes: 2.0 * body_bytes as f64, operations: 0.0 }
    }

    /// The query and two tokens around it pass the large model, the result passes the retriever.
    pub fn distil(&self, query_tokens: usize) -> Work {
        let (model, tokens) = (&self.config.large, query_tokens as f64 + 2.0);
        let d = model.hidden_size as f64;
        let retriever = d * self.config.index_size as f64;
        Work {
            bytes: NUMBER * (weights(model) + retriever + tokens * d),
            operations: 2.0 * (tokens * weights(model) + retriever)
                + attention(model, tokens, tokens),
        }
    }

    /// Every function's vector meets the query's. Looking up words comes on top and is not counted.
    pub fn retrieve(&self, functions: usize) -> Work {
        let numbers = (functions * self.config.index_size) as f64;
        Work { bytes: NUMBER * numbers, operations: 2.0 * numbers }
    }

    /// The query and three tokens around it pass the small model beside each candidate's block,
    /// whose keys and values are there already; then each call's decisions pass it once, together.
    pub fn decode(&self, query_tokens: usize, blocks: &[usize], decisions: &[usize]) -> Work {
        if blocks.is_empty() {
            return Work::default();
        }
        let (model, tokens) = (&self.config.small, query_tokens as f64 + 3.0);
        let d = model.hidden_size as f64;
        let projector = d * (self.config.large.hidden_size as f64 + d);
        let rows = tokens * blocks.len() as f64;
        let mut work = Work {
            bytes: NUMBER * (weights(model) + projector + rows * d),
            operations: 2.0 * (rows * weights(model) + projector),
        };
        for &block in blocks {
            work += Work {
                bytes: NUMBER * cache(model, block as f64),
                operations: attention(model, tokens, block as f64 + tokens),
            };
        }
        for &decisions in decisions.iter().filter(|decisions| **decisions > 0) {
            work += Work {
                bytes: NUMBER * weights(model),
                operations: 2.0 * decisions as f64 * weights(model)
                    + attention(model, decisions as f64, tokens),
            };
        }
        work
    }

    /// Blocks pass the small model, each beside itself alone.
    pub fn blocks(&self, blocks: &[usize]) -> Work {
        let model = &self.config.small;
        let mut work = Work { bytes: NUMBER * weights(model), operations: 0.0 };
        for &block in blocks {
            let tokens = block as f64;
            work += Work {
                bytes: NUMBER * cache(model, tokens),
                operations: 2.0 * tokens * weights(model) + attention(model, tokens, tokens),
            };
        }
        work
    }

    /// Forwards of rows that others could have taken along: each reads all weights once more.
    pub fn forwards(&self, count: f64) -> Work {
        Work { bytes: NUMBER * weights(&self.config.small) * count, operations: 0.0 }
    }

    /// Arguments go into a guest and results come out of it. Making an instance is not counted:
    /// what that takes at least, `hyfunc bench sandbox` finds in bare wasmtime.
    pub fn dispatch(&self, arguments_bytes: usize, results_bytes: usize) -> Work {
        Work { bytes: 2.0 * (arguments_bytes + results_bytes) as f64, operations: 0.0 }
    }
}

/// Weights of all layers: four projections around attention, three of the feed-forward.
fn weights(model: &ModelConfig) -> f64 {
    let d = model.hidden_size as f64;
    let queries = (model.num_attention_heads * model.head_dim) as f64;
    let keys = (model.num_key_value_heads * model.head_dim) as f64;
    let layer = d * (2.0 * queries + 2.0 * keys) + 3.0 * d * model.intermediate_size as f64;
    model.num_hidden_layers as f64 * layer
}

/// Operations of all layers' attention: each query meets each key, and each weight its value.
fn attention(model: &ModelConfig, queries: f64, keys: f64) -> f64 {
    let width = (model.num_attention_heads * model.head_dim) as f64;
    4.0 * queries * keys * width * model.num_hidden_layers as f64
}

/// Numbers of the keys and values of so many tokens in all layers.
fn cache(model: &ModelConfig, tokens: f64) -> f64 {
    let width = (model.num_key_value_heads * model.head_dim) as f64;
    2.0 * tokens * width * model.num_hidden_layers as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Shapes {
        let model = |layers| ModelConfig {
            vocab_size: 8192,
            hidden_size: 8,
            intermediate_size: 16,
            num_hidden_layers: layers,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 2,
            rms_norm_eps: 1e-6,
            rope_theta: 1e4,
        };
        let mut config = TinyConfig::shapes(8192);
        (config.large, config.small, config.index_size) = (model(1), model(2), 4);
        Shapes { config, tokenizer: Tokenizer::from_bytes(EMBEDDED.tokenizer).unwrap() }
    }

    #[test]
    fn a_layer_counts_its_seven_projections() {
        // q and o are 8 × 8, k and v are 8 × 4, gate, up and down are 8 × 16.
        let layer = 2.0 * 64.0 + 2.0 * 32.0 + 3.0 * 128.0;
        assert_eq!(weights(&shapes().config.large), layer);
        assert_eq!(weights(&shapes().config.small), 2.0 * layer);
    }

    #[test]
    fn floors_of_known_shapes() {
        let shapes = shapes();
        let layer = 576.0;
        assert_eq!(shapes.accept(100), Work { bytes: 200.0, operations: 0.0 });
        // Three tokens of the query and two around it, one layer, a retriever of 8 × 4.
        assert_eq!(
            shapes.distil(3),
            Work {
                bytes: 4.0 * (layer + 32.0 + 40.0),
                operations: 2.0 * (5.0 * layer + 32.0) + 4.0 * 25.0 * 8.0,
            }
        );
        assert_eq!(shapes.retrieve(10), Work { bytes: 160.0, operations: 80.0 });
        assert_eq!(shapes.dispatch(10, 20), Work { bytes: 60.0, operations: 0.0 });
    }

    #[test]
    fn decoding_grows_with_candidates_and_decisions_and_is_nothing_without_either() {
        let shapes = shapes();
        assert_eq!(shapes.decode(5, &[], &[]), Work::default());
        let read = shapes.decode(5, &[10], &[]);
        // Eight tokens beside a block of ten, two layers, a projector of 8 × 8 and 8 × 8.
        let weights = 2.0 * 576.0;
        assert_eq!(read.bytes, 4.0 * (weights + 128.0 + 64.0) + 4.0 * (2.0 * 10.0 * 4.0 * 2.0));
        assert_eq!(read.operations, 2.0 * (8.0 * weights + 128.0) + 4.0 * 8.0 * 18.0 * 8.0 * 2.0);
        assert_eq!(shapes.decode(5, &[10], &[0]), read, "a call without parameters asks nothing");
        let called = shapes.decode(5, &[10], &[3]);
        assert_eq!(called.bytes - read.bytes, 4.0 * weights);
        assert!(shapes.decode(5, &[10, 10], &[3]).operations > called.operations);
    }

    #[test]
    fn blocks_cost_by_their_tokens_and_forwards_by_the_weights() {
        let shapes = shapes();
        let weights = 2.0 * 576.0;
        assert_eq!(shapes.forwards(3.0), Work { bytes: 3.0 * 4.0 * weights, operations: 0.0 });
        let (one, two) = (shapes.blocks(&[10]), shapes.blocks(&[10, 10]));
        assert_eq!(one.operations, 2.0 * 10.0 * weights + 4.0 * 100.0 * 8.0 * 2.0);
        assert_eq!(two.operations, 2.0 * one.operations);
        assert_eq!(one.bytes, 4.0 * (weights + 2.0 * 10.0 * 4.0 * 2.0));
    }

    #[test]
    fn the_embedded_models_are_read_and_a_missing_folder_is_named() {
        let shapes = Shapes::read("").unwrap();
        assert!(shapes.retrieve(1).bytes > 0.0);
        assert!(shapes.query_tokens("how many miles are 3 km?") >= 6);
        let error = Shapes::read("/no/such/folder").err().unwrap().to_string();
        assert!(error.contains("/no/such/folder"), "{error}");
    }

    #[test]
    fn a_mean_is_over_the_works_that_were_added() {
        let ceilings = Ceilings { cached_bytes: 1e6, memory_bytes: 1e6, operations: 1e6 };
        let mut sum = Work::default();
        sum += Work { bytes: 10.0, operations: 1.0 };
        sum += Work { bytes: 30.0, operations: 3.0 };
        let floor = sum.mean(2, &ceilings);
        assert_eq!((floor.bytes, floor.operations), (20.0, 2.0));
        assert!((floor.us - 20.0).abs() < 1e-9, "{floor:?}");
        assert_eq!(Work::default().mean(0, &ceilings), Floor::default());
    }
}
