//! Attention of ragged rows over pages.

use super::{PACK, WARP, entry, spread};
use crate::arguments::{Arguments, Spread};
use crate::element::{Element, Float};
use crate::error::KernelError;
use crate::machine::Machine;
use crate::tensor::Tensor;

const THREADS: u32 = 128;
/// Queries of a block: a token counts once for each head of its group.
const TILE: usize = 16;
const WIDTH_MAX: usize = 256;

/// Each row's queries over the pages that the row lists. What a query sees is its sight: tokens of
/// order below its limit, on pages of branch 0 or its own. A query that sees nothing has zeros.
pub struct Attention<'a, M: Machine> {
    /// Of queries, cache and answer.
    pub float: Float,
    /// How many rows.
    pub rows: usize,
    /// Tokens of the longest row: more are not answered.
    pub row_tokens_max: usize,
    /// Of all rows.
    pub tokens: usize,
    /// Of queries: a multiple of `heads_kv`.
    pub heads: usize,
    /// Of keys and values.
    pub heads_kv: usize,
    /// Of a head: a multiple of 8, up to 256.
    pub width: usize,
    /// Of the cache.
    pub pages: usize,
    /// Tokens of a page.
    pub page_tokens: usize,
    /// Entries of all rows.
    pub entry_count: usize,
    /// Parts that a row's pages are cut into, each computed by blocks of its own.
    pub splits: usize,
    /// Of the scores.
    pub scale: f32,
    /// `[tokens, heads, width]`.
    pub queries: &'a Tensor<M>,
    /// `[pages, heads_kv, page_tokens, width]`.
    pub keys: &'a Tensor<M>,
    /// Likewise.
    pub values: &'a Tensor<M>,
    /// `[rows + 1]`, u32: the first token of each row, and the end. Together they are all tokens.
    pub row_tokens: &'a Tensor<M>,
    /// `[rows + 1]`, u32: the first entry of each row, and the end.
    pub row_entries: &'a Tensor<M>,
    /// `[entry_count, 4]`, i32: page, tokens that it holds, order of the first of them, branch.
    pub entries: &'a Tensor<M>,
    /// `[tokens, 2]`, i32: limit, branch.
    pub sights: &'a Tensor<M>,
    /// `[tokens, heads, width]`.
    pub out: &'a mut Tensor<M>,
    /// `[splits, tokens, heads, width + 2]`, f32: scratch; empty where `splits` is 1.
    pub partial: &'a mut Tensor<M>,
}

impl<M: Machine> Attention<'_, M> {
    /// Starts it; with splits, two kernels.
    ///
    /// # Errors
    /// When a tensor does not fit, or the machine fails.
    pub fn launch(mut self, machine: &M) -> Result<(), KernelError> {
        let tiles = match self.heads.checked_div(self.heads_kv) {
            Some(group) => self.row_tokens_max.saturating_mul(group).div_ceil(TILE),
            None => 0,
        };
        let attention = self.arguments(machine, tiles)?;
        if self.rows == 0 || self.tokens == 0 || tiles == 0 {
            return Ok(());
        }
        let (width, page_tokens) = (self.width, self.page_tokens);
        let floats = TILE * (width + page_tokens + 3) + 2 * TILE;
        let staged = page_tokens * (2 * width + PACK);
        let shared_bytes = floats * size_of::<f32>() + staged * self.float.element().bytes();
        let grid = [self.rows * tiles, self.heads_kv, self.splits];
        attention.run(entry("attention", self.float), &spread(grid, THREADS, shared_bytes))?;
        if self.splits == 1 {
            return Ok(());
        }
        let blocks = (self.tokens * self.heads).div_ceil(THREADS as usize / WARP);
        let merge: Spread = spread([blocks, 1, 1], THREADS, 0);
        self.arguments(machine, tiles)?.run(entry("attention_merge", self.float), &merge)
    }

    fn arguments<'m>(
        &mut self,
        machine: &'m M,
        tiles: usize,
    ) -> Result<Arguments<'m, M>, KernelError> {
        let element = self.float.element();
        let cache = [self.pages, self.heads_kv, self.page_tokens, self.width];
        let vectors = [self.tokens, self.heads, self.width];
        let partial = match self.splits {
            1 => [0; 4],
            splits => [splits, self.tokens, self.heads, self.width + 2],
        };
        let grouped = self.heads_kv > 0 && self.heads.is_multiple_of(self.heads_kv);
        let packed = self.width > 0 && self.width.is_multiple_of(PACK) && self.width <= WIDTH_MAX;
        Arguments::new("attention", machine)
            .require(grouped, "heads are a multiple of the heads of keys", self.heads)?
            .require(packed, "a head's width is a multiple of 8 up to 256", self.width)?
            .require(self.page_tokens > 0, "a page has at least one token", self.page_tokens)?
            .require(self.splits > 0, "there is at least one split", self.splits)?
            .input("queries", self.queries, element, &vectors)?
            .input("keys", self.keys, element, &cache)?
            .input("values", self.values, element, &cache)?
            .input("row_tokens", self.row_tokens, Element::U32, &[self.rows + 1])?
            .input("row_entries", self.row_entries, Element::U32, &[self.rows + 1])?
            .input("entries", self.entries, Element::I32, &[self.entry_count, 4])?
            .input("sights", self.sights, Element::I32, &[self.tokens, 2])?
            .output("out", self.out, element, &vectors)?
            .output("partial", self.partial, Element::F32, &partial)?
            .sizes(&[self.rows, tiles, self.tokens, self.heads, self.heads_kv, self.width])?
            .sizes(&[self.pages, self.page_tokens, self.entry_count, self.splits])
            .map(|arguments| arguments.float(self.scale))
    }
}
