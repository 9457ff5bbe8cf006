//! A function's block, read once: its tokens and what the small model made of them.

use crate::model::Kv;
use crate::text::Token;

/// Keys and values of one function.
pub struct Block {
    /// Tokens of the block.
    pub tokens: Vec<Token>,
    /// Every layer's keys and values, `[tokens, heads_kv, head_dim]`, f32.
    pub kv: Kv,
}

impl Block {
    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let tensors = self.kv.iter().map(|(k, v)| (k.elem_count() + v.elem_count()) * 4);
        tensors.sum::<usize>() + self.tokens.len() * size_of::<Token>()
    }
}
