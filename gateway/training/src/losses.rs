//! Losses, each a mean over its rows and differentiable throughout.

use candle_core::{Result, Tensor};
use hyfunc_cascade::model::ops::{self, MASKED};

/// Binary cross-entropy of `logits [n]` against `targets [n]`.
pub fn binary(logits: &Tensor, targets: &[f32]) -> Result<Tensor> {
    let targets = Tensor::from_slice(targets, targets.len(), logits.device())?;
    let positive = logits.relu()?;
    let tail = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    ((positive - (logits * targets)?)? + tail)?.mean_all()
}

/// Cross-entropy of `logits [n, classes]` against class indices.
pub fn classes(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    let targets = Tensor::from_slice(targets, (targets.len(), 1), logits.device())?;
    ops::log_softmax(logits)?.gather(&targets, 1)?.mean_all()?.neg()
}

/// InfoNCE of `similarities [queries, functions]` (cosines) at temperature `temperature`: each
/// query's positives against all functions that it does not call.
pub fn contrast(
    similarities: &Tensor,
    positives: &[Vec<usize>],
    temperature: f64,
) -> Result<Tensor> {
    let (queries, functions) = similarities.dims2()?;
    let scaled = (similarities / temperature)?;
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    let mut masks = Vec::new();
    for (query, positives) in positives.iter().enumerate().take(queries) {
        for &positive in positives {
            rows.push(query as u32);
            targets.push(positive as u32);
            masks.extend((0..functions).map(|function| {
                if function != positive && positives.contains(&function) { MASKED } else { 0.0 }
            }));
        }
    }
    let masks = Tensor::from_vec(masks, (rows.len(), functions), similarities.device())?;
    classes(&(ops::rows(&scaled, &rows)? + masks)?, &targets)
}
