//! What the options of a function's choices offer, found once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor};
use hyfunc_functions::template::Choice;

use crate::prompt;
use crate::tiny::Tiny;

/// Choices of one function that are kept; further ones are found anew each time.
const CHOICES_MAX: usize = 256;

/// Options that are embedded together: there may be thousands of them, of some tokens each.
const TOGETHER_MAX: usize = 256;

/// Options of a function's choices as the small model's head compares them, by their labels.
#[derive(Default)]
pub struct Labels {
    offered: Mutex<HashMap<String, Tensor>>,
}

impl Labels {
    /// What the options of a choice offer, `[options, d]`.
    pub(crate) fn offered(&self, tiny: &Tiny, choice: &Choice) -> Result<Tensor> {
        let mut key = String::new();
        for alternative in &choice.alternatives {
            key.push_str(&alternative.label);
            // No label holds it: they are names and JSON literals.
            key.push('\0');
        }
        // Nothing panics while it holds the lock, and what is in there would still be right.
        let known = || self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(offered) = known().get(&key) {
            return Ok(offered.clone());
        }
        let ids: Vec<Vec<u32>> =
            choice.alternatives.iter().map(|a| prompt::label(&tiny.tokenizer, &a.label)).collect();
        let parts = ids.chunks(TOGETHER_MAX).map(|ids| {
            let labels = tiny.small.labels(ids, &tiny.device)?;
            tiny.small.heads.offered(&labels)
        });
        let offered = match parts.collect::<Result<Vec<_>>>()?.as_slice() {
            [one] => one.detach(),
            several => Tensor::cat(several, 0)?.detach(),
        };
        let mut known = known();
        if known.len() < CHOICES_MAX {
            known.insert(key, offered.clone());
        }
        Ok(offered)
    }
}
