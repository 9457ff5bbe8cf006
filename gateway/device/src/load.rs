//! From a checkpoint's files to a model on a machine.

use hyfunc_checkpoint::{Blueprint, LayerParameters, Sizes};
use hyfunc_kernels::model::{LayerWeights, Model, Settings, Shape, Weights};
use hyfunc_kernels::{Float, KernelError, Machine, Tensor};

use crate::decoder::Decoder;
use crate::error::DeviceError;

/// Tokens of a page of keys and values: small, so that little is left over behind a prefix.
const PAGE_TOKENS: usize = 16;
/// Tokens of a context that is of any use: a prompt with one small function.
const CONTEXT_TOKENS_MIN: usize = 64;

/// What a model is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What weights and states are rounded to.
    pub float: Float,
    /// Bytes of keys and values of all requests and kept prompts.
    pub cache_bytes_max: usize,
    /// Tokens that one forward reads of all requests.
    pub batch_tokens_max: usize,
    /// Parts that attention may cut a request's pages into where few ask at once; with 1, no answer
    /// is rounded otherwise for who else asks.
    pub splits_max: usize,
}

impl Room {
    /// For serving.
    pub fn serving(cache_bytes_max: usize) -> Self {
        Self { float: Float::Bf16, cache_bytes_max, batch_tokens_max: 512, splits_max: 8 }
    }
}

/// Uploads a checkpoint's weights, one layer after another.
///
/// # Errors
/// A checkpoint that cannot be read or that the kernels do not compute, or a machine without room.
pub fn load<M: Machine>(
    machine: M,
    room: Room,
    blueprint: &Blueprint<'_>,
) -> Result<Decoder<M>, DeviceError> {
    let sizes = blueprint.sizes();
    computed(&sizes)?;
    let shape = Shape {
        float: room.float,
        vocabulary: sizes.vocab_size,
        hidden: sizes.hidden_size,
        inner: sizes.inner_size,
        layers: sizes.layers,
        heads: sizes.heads,
        heads_kv: sizes.key_heads,
        width: sizes.head_width,
        context: sizes.context_tokens_max,
        epsilon: sizes.norm_epsilon,
    };
    let (pages, context) = pages(&shape, room.cache_bytes_max)?;
    let shape = Shape { context, ..shape };
    let settings = Settings {
        pages,
        page_tokens: PAGE_TOKENS,
        batch_tokens_max: room.batch_tokens_max,
        splits_max: room.splits_max,
    };
    let weights = upload(&machine, &shape, blueprint)?;
    let model = Model::new(machine, shape, settings, weights)?;
    tracing::info!(pages, context_tokens_max = context, "the checkpoint is on the device");
    Ok(Decoder::new(model))
}

/// What the kernels cannot compute is refused by name, and before anything is uploaded.
fn computed(sizes: &Sizes) -> Result<(), DeviceError> {
    let is_packed = sizes.head_width.is_multiple_of(8) && sizes.head_width <= 256;
    for (holds, what) in [
        (is_packed, "has heads whose width is not a multiple of 8 up to 256"),
        (!sizes.has_output_bias, "has a bias behind attention (attention_bias)"),
        (!sizes.has_inner_bias, "has a bias in its feed-forward part (mlp_bias)"),
    ] {
        if !holds {
            return Err(DeviceError::Uncomputed { what });
        }
    }
    Ok(())
}

/// How many pages fit, and the tokens that one request may have then.
fn pages(shape: &Shape, bytes: usize) -> Result<(usize, usize), DeviceError> {
    let pages_max = i32::MAX as usize / PAGE_TOKENS;
    let pages = (bytes / shape.page_bytes(PAGE_TOKENS).max(1)).min(pages_max);
    let tokens = pages * PAGE_TOKENS;
    let tokens_min = CONTEXT_TOKENS_MIN.min(shape.context);
    if tokens < tokens_min {
        return Err(DeviceError::NoRoom { bytes, tokens, tokens_min });
    }
    Ok((pages, shape.context.min(tokens)))
}

fn upload<M: Machine>(
    machine: &M,
    shape: &Shape,
    blueprint: &Blueprint<'_>,
) -> Result<Weights<M>, DeviceError> {
    let tensor = |values: Vec<f32>| Tensor::from_floats(machine, shape.float, &values);
    let embedding = tensor(blueprint.embedding()?)?;
    let head = blueprint.head()?.map(tensor).transpose()?;
    let norm = tensor(blueprint.norm()?)?;
    let (cosines, sines) = blueprint.turns(shape.context)?;
    let cosines = Tensor::from_f32(machine, &cosines)?;
    let sines = Tensor::from_f32(machine, &sines)?;
    let mut layers = Vec::with_capacity(shape.layers);
    for index in 0..shape.layers {
        layers.push(layer(machine, shape.float, blueprint.layer(index)?)?);
    }
    Ok(Weights { embedding, layers, norm, head, cosines, sines })
}

fn layer<M: Machine>(
    machine: &M,
    float: Float,
    layer: LayerParameters,
) -> Result<LayerWeights<M>, KernelError> {
    let tensor = |values: Vec<f32>| Tensor::from_floats(machine, float, &values);
    Ok(LayerWeights {
        attention_norm: tensor(layer.attention_norm)?,
        projection: tensor(layer.projection)?,
        projection_bias: layer.projection_bias.map(tensor).transpose()?,
        query_norm: layer.query_norm.map(tensor).transpose()?,
        key_norm: layer.key_norm.map(tensor).transpose()?,
        output: tensor(layer.output)?,
        feed_forward_norm: tensor(layer.feed_forward_norm)?,
        gate_up: tensor(layer.gate_up)?,
        down: tensor(layer.down)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(context: usize) -> Shape {
        Shape {
            float: Float::Bf16,
            vocabulary: 300,
            hidden: 32,
            inner: 48,
            layers: 2,
            heads: 4,
            heads_kv: 2,
            width: 8,
            context,
            epsilon: 1e-5,
        }
    }

    #[test]
    fn a_request_is_no_longer_than_the_room_for_keys_and_values() {
        // Two layers, keys and values, two heads of 8, two bytes each, 16 tokens.
        let page = 2 * 2 * 2 * 8 * 2 * 16;
        for (pages_held, context, wanted) in [(100, 512, 512), (10, 512, 160), (4, 512, 64)] {
            let found = pages(&shape(context), pages_held * page + 1).expect("room");
            assert_eq!(found, (pages_held, wanted));
        }
        assert_eq!(pages(&shape(20), 2 * page).expect("room"), (2, 20));
        let refused = pages(&shape(512), 4 * page - 1).expect_err("too little");
        assert!(refused.to_string().contains("hold 48 tokens"), "{refused}");
    }

    #[test]
    fn what_is_not_computed_is_named() {
        let sizes = Sizes {
            vocab_size: 300,
            hidden_size: 32,
            inner_size: 48,
            layers: 2,
            heads: 4,
            key_heads: 2,
            head_width: 8,
            norm_epsilon: 1e-5,
            context_tokens_max: 512,
            has_output_bias: false,
            has_inner_bias: false,
        };
        assert!(computed(&sizes).is_ok());
        for (other, named) in [
            (Sizes { head_width: 12, ..sizes }, "multiple of 8"),
            (Sizes { head_width: 264, ..sizes }, "multiple of 8"),
            (Sizes { has_output_bias: true, ..sizes }, "attention_bias"),
            (Sizes { has_inner_bias: true, ..sizes }, "mlp_bias"),
        ] {
            let said = computed(&other).expect_err("it must be refused").to_string();
            assert!(said.contains(named) && said.contains("models.device"), "{said}");
        }
    }
}
