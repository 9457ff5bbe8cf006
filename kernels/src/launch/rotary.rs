//! Bias, norm and turn of queries and keys, and what goes into the cache.

use super::{WARP, entry, spread};
use crate::arguments::Arguments;
use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 128;

/// From projected rows to turned queries, and keys and values in their pages.
pub struct RotaryWrite<'a, M: Machine> {
    /// Of every tensor but the tables.
    pub float: Float,
    /// Rows of `projected`.
    pub tokens: usize,
    /// Of queries.
    pub heads: usize,
    /// Of keys, and of values.
    pub heads_kv: usize,
    /// Of a head: even, up to 256.
    pub width: usize,
    /// Rows of the tables.
    pub positions: usize,
    /// Of the cache.
    pub pages: usize,
    /// Tokens of a page.
    pub page_tokens: usize,
    /// Under the norms' root.
    pub epsilon: f32,
    /// `[tokens, heads + 2 · heads_kv, width]`: queries, keys, values.
    pub projected: &'a Tensor<M>,
    /// `[width]`; none: queries are not normed.
    pub query_norm: Option<&'a Tensor<M>>,
    /// `[width]`; none: keys are not normed.
    pub key_norm: Option<&'a Tensor<M>>,
    /// `[heads + 2 · heads_kv, width]`, added to `projected`; none: nothing is.
    pub bias: Option<&'a Tensor<M>>,
    /// `[positions, width / 2]`, f32.
    pub cosines: &'a Tensor<M>,
    /// `[positions, width / 2]`, f32.
    pub sines: &'a Tensor<M>,
    /// `[tokens]`, i32.
    pub token_positions: &'a Tensor<M>,
    /// `[tokens]`, i32: page · `page_tokens` + offset; negative: not kept.
    pub token_slots: &'a Tensor<M>,
    /// `[tokens, heads, width]`.
    pub queries: &'a mut Tensor<M>,
    /// `[pages, heads_kv, page_tokens, width]`.
    pub keys: &'a mut Tensor<M>,
    /// Likewise.
    pub values: &'a mut Tensor<M>,
}

impl<M: Machine> RotaryWrite<'_, M> {
    /// Starts it.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(self, machine: &M) -> Result<(), KernelError> {
        let element = self.float.element();
        let vectors = self.heads + 2 * self.heads_kv;
        let cache = [self.pages, self.heads_kv, self.page_tokens, self.width];
        let table = [self.positions, self.width / 2];
        let even = self.width.is_multiple_of(2) && self.width <= 256;
        let arguments = Arguments::new("rotary_write", machine)
            .require(even, "a head's width is even and at most 256", self.width)?
            .require(self.page_tokens > 0, "a page has at least one token", self.page_tokens)?
            .require(self.heads_kv > 0, "there is at least one head of keys", self.heads_kv)?
            .input("projected", self.projected, element, &[self.tokens, vectors, self.width])?
            .optional("query_norm", self.query_norm, element, &[self.width])?
            .optional("key_norm", self.key_norm, element, &[self.width])?
            .optional("bias", self.bias, element, &[vectors, self.width])?
            .input("cosines", self.cosines, Element::F32, &table)?
            .input("sines", self.sines, Element::F32, &table)?
            .input("token_positions", self.token_positions, Element::I32, &[self.tokens])?
            .input("token_slots", self.token_slots, Element::I32, &[self.tokens])?
            .output("queries", self.queries, element, &[self.tokens, self.heads, self.width])?
            .output("keys", self.keys, element, &cache)?
            .output("values", self.values, element, &cache)?
            .sizes(&[self.tokens, self.heads, self.heads_kv, self.width])?
            .sizes(&[self.positions, self.pages, self.page_tokens])?
            .float(self.epsilon);
        if self.tokens == 0 || self.width == 0 {
            return Ok(());
        }
        let blocks = (self.tokens * vectors).div_ceil(THREADS as usize / WARP);
        arguments.run(entry("rotary_write", self.float), &spread([blocks, 1, 1], THREADS, 0))
    }
}
