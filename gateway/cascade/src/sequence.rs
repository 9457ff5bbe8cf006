//! Ragged token lists packed one after another, and who may attend to whom.
//!
//! Nothing is padded: a forward reads exactly the tokens there are, whatever their lists' lengths.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use crate::text::Token;

/// Several token lists, packed.
pub struct Batch {
    tokens: Vec<Token>,
    /// Where each list begins, and where the last ends.
    borders: Vec<usize>,
}

impl Batch {
    /// Packs lists.
    pub fn new(lists: Vec<Vec<Token>>) -> Self {
        let mut borders = Vec::with_capacity(lists.len() + 1);
        borders.push(0);
        let mut tokens = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        for list in lists {
            tokens.extend(list);
            borders.push(tokens.len());
        }
        Self { tokens, borders }
    }

    /// Number of lists.
    pub fn size(&self) -> usize {
        self.borders.len() - 1
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it holds no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// All tokens.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Where a list stands.
    pub fn range(&self, list: usize) -> Range<usize> {
        self.borders[list]..self.borders[list + 1]
    }

    /// One number a token.
    pub fn column(&self, of: impl Fn(&Token) -> u32) -> Vec<u32> {
        self.tokens.iter().map(of).collect()
    }

    /// Index of every list's last token. No list is empty.
    pub fn last(&self) -> Vec<u32> {
        (0..self.size()).map(|list| (self.borders[list + 1] - 1) as u32).collect()
    }

    /// Position of every token, each list counted from `start`.
    pub fn positions(&self, start: usize) -> Vec<f32> {
        let lists = (0..self.size()).map(|list| self.range(list).len());
        lists.flat_map(|len| (start..start + len).map(|at| at as f32)).collect()
    }

    /// The matrix that takes the mean over every list's tokens: `[size, len]`, f32.
    pub fn averages(&self, device: &Device) -> Result<Tensor> {
        let mut weights = vec![0f32; self.size() * self.len()];
        for list in 0..self.size() {
            let range = self.range(list);
            let share = 1.0 / range.len().max(1) as f32;
            weights[list * self.len()..][range].fill(share);
        }
        Tensor::from_vec(weights, (self.size(), self.len()), device)
    }

    /// Everything within a list sees everything within it.
    pub fn bidirectional(&self) -> Arc<Pairs> {
        let mut pairs = Pairs::new(self.len());
        for list in 0..self.size() {
            let range = self.range(list);
            for row in range.clone() {
                pairs.row(&self.tokens[row], &self.tokens[range.clone()], range.start);
            }
        }
        Arc::new(pairs)
    }
}

/// A key that a row sees: its index shifted left by one, and in bit 0 whether both are the same word.
fn mark(key: usize, same: bool) -> u32 {
    (key as u32) << 1 | u32::from(same)
}

/// The key of a mark.
#[inline(always)]
pub fn key(mark: u32) -> usize {
    (mark >> 1) as usize
}

/// Whether the key of a mark is the same word as what sees it.
#[inline(always)]
pub fn is_same(mark: u32) -> bool {
    mark & 1 == 1
}

/// Keys that every row sees, row after row.
pub struct Pairs {
    /// Marks, of which [`key`] and [`is_same`] say more.
    keys: Vec<u32>,
    /// Where each row's keys begin, and where the last's end.
    borders: Vec<usize>,
    /// Number of keys in all.
    columns: usize,
}

impl Pairs {
    /// No row yet, over `columns` keys.
    pub fn new(columns: usize) -> Self {
        Self { keys: Vec::new(), borders: vec![0], columns }
    }

    /// Adds a row that sees `keys`, the first of which is key `from`.
    pub fn row(&mut self, asking: &Token, keys: &[Token], from: usize) {
        self.see(asking, keys, from);
        self.end_row();
    }

    /// Lets the row that is being built see `keys`, the first of which is key `from`.
    pub fn see(&mut self, asking: &Token, keys: &[Token], from: usize) {
        self.keys.extend(keys.iter().enumerate().map(|(index, key)| {
            let same = asking.word != 0 && asking.word == key.word;
            mark(from + index, same)
        }));
    }

    /// Ends the row that is being built.
    pub fn end_row(&mut self) {
        self.borders.push(self.keys.len());
    }

    /// The same keys, of some rows alone.
    pub fn select(&self, rows: &[u32]) -> Self {
        let mut some = Self::new(self.columns);
        for &row in rows {
            some.keys.extend_from_slice(self.marked(row as usize));
            some.end_row();
        }
        some
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.borders.len() - 1
    }

    /// Number of keys that rows may see.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Marks of the keys that a row sees: see [`key`] and [`is_same`].
    pub fn marked(&self, row: usize) -> &[u32] {
        &self.keys[self.borders[row]..self.borders[row + 1]]
    }

    /// Keys that a row sees, and whether each is the same word.
    pub fn seen(&self, row: usize) -> impl Iterator<Item = (usize, bool)> + Clone + '_ {
        self.marked(row).iter().map(|&mark| (key(mark), is_same(mark)))
    }
}
