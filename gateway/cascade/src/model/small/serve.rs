//! The forward of serving: lists of every kind, of any number of requests, read together.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::Small;
use crate::model::Kv;
use crate::model::body::{Below, Beside, Part};
use crate::model::ops;
use crate::sequence::{Batch, Pairs};
use crate::text::Token;

/// Tokens that were read earlier, wherever they are kept.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    /// The tokens.
    pub tokens: &'a [Token],
    /// A cache that holds them.
    pub kv: &'a Kv,
    /// Index of the first in that cache.
    pub from: usize,
}

/// Tokens to be read in one forward with others, which they do not see.
pub struct List<'a> {
    /// What all of them see.
    pub before: Vec<Before<'a>>,
    /// The tokens.
    pub tokens: Vec<Token>,
    /// Position of the first, or of each branch's first.
    pub position: usize,
    /// Place of every token within its branch, whose past alone it sees; `None` for a list in which
    /// everything sees everything.
    pub places: Option<Vec<usize>>,
    /// What the token `<soft>` takes up, `[d_large]`.
    pub soft: Option<&'a [f32]>,
    /// Tokens whose states are wanted, by index.
    pub wanted: Vec<usize>,
}

/// Lists that were read.
pub struct Step {
    below: Below,
    /// Where each list begins among all rows, and where the last ends.
    borders: Vec<usize>,
    /// Where each list's wanted states begin, and where the last's end.
    wanted: Vec<usize>,
    /// Last-layer states that were wanted, `[wanted, d]`; `None` where none were.
    states: Option<Tensor>,
}

impl Before<'_> {
    fn part(&self) -> Part<'_> {
        Part { kv: self.kv, from: self.from, len: self.tokens.len() }
    }
}

impl List<'_> {
    /// A function's block, of which only keys and values are wanted.
    pub fn block(tokens: Vec<Token>) -> Self {
        Self {
            before: Vec::new(),
            tokens,
            position: 0,
            places: None,
            soft: None,
            wanted: Vec::new(),
        }
    }

    /// Whether tokens, positions and soft token are the same.
    fn reads_as(&self, other: &List<'_>) -> bool {
        self.position == other.position
            && self.places.is_none()
            && other.places.is_none()
            && self.soft == other.soft
            && self.tokens == other.tokens
    }

    /// Number of tokens that stand before it.
    fn before_len(&self) -> usize {
        self.before.iter().map(|before| before.tokens.len()).sum()
    }

    /// Caches that hold anything of what stands before it.
    fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.before.iter().filter(|before| !before.tokens.is_empty()).map(Before::part)
    }

    fn position(&self, at: usize) -> f32 {
        let place = self.places.as_ref().map_or(at, |places| places[at]);
        (self.position + place) as f32
    }

    /// Adds the row of its token `at`: what stands before it are keys from `before_from`, itself keys
    /// from `own_from`.
    fn see(&self, pairs: &mut Pairs, at: usize, before_from: usize, own_from: usize) {
        let asking = &self.tokens[at];
        let mut from = before_from;
        for before in &self.before {
            pairs.see(asking, before.tokens, from);
            from += before.tokens.len();
        }
        match &self.places {
            None => pairs.row(asking, &self.tokens, own_from),
            Some(places) => {
                let branch = at - places[at];
                pairs.row(asking, &self.tokens[branch..=at], own_from + branch);
            }
        }
    }
}

impl Step {
    /// Keys and values of all lists.
    pub fn kv(&self) -> &Kv {
        &self.below.kv
    }

    /// Where a list begins in [`Step::kv`].
    pub fn from(&self, list: usize) -> usize {
        self.borders[list]
    }

    /// States that lists wanted, `[wanted, d]`, in their order.
    pub fn states(&self, lists: Range<usize>) -> Result<Tensor> {
        let (from, to) = (self.wanted[lists.start], self.wanted[lists.end]);
        match &self.states {
            Some(states) => states.narrow(0, from, to - from),
            None => candle_core::bail!("no states were wanted"),
        }
    }
}

impl Small {
    /// Reads lists in one forward. There is at least one, and none is empty.
    pub fn step(&self, lists: &[List<'_>]) -> Result<Step> {
        let batch = Batch::new(lists.iter().map(|list| list.tokens.clone()).collect());
        let keys_before: usize = lists.iter().map(List::before_len).sum();
        let mut pairs = Pairs::new(keys_before + batch.len());
        let mut positions = Vec::with_capacity(batch.len());
        let (mut parts, mut before_from) = (Vec::new(), 0);
        let (mut borders, mut wanted, mut chosen) = (vec![0], vec![0], Vec::new());
        for (index, list) in lists.iter().enumerate() {
            let range = batch.range(index);
            for at in 0..list.tokens.len() {
                list.see(&mut pairs, at, before_from, keys_before + range.start);
                positions.push(list.position(at));
            }
            before_from += list.before_len();
            parts.extend(list.parts());
            chosen.extend(list.wanted.iter().map(|at| (range.start + at) as u32));
            wanted.push(chosen.len());
            borders.push(range.end);
        }
        let beside = Beside { positions: &positions, pairs: &pairs, parts: &parts };
        let (distinct, same) = distinct(lists);
        let below = self.body.below(&self.embedded(&distinct)?, &same, &beside)?;
        let states = match chosen.as_slice() {
            [] => None,
            chosen => {
                parts.push(Part { kv: &below.kv, from: 0, len: batch.len() });
                let positions: Vec<f32> = chosen.iter().map(|at| positions[*at as usize]).collect();
                let pairs = pairs.select(chosen);
                let beside = Beside { positions: &positions, pairs: &pairs, parts: &parts };
                Some(self.body.top(&ops::rows(&below.rows, chosen)?, &beside)?)
            }
        };
        Ok(Step { below, borders, wanted, states })
    }

    /// Last-layer states of further tokens of `list`, which was list `index` of a step: `[rows, d]`.
    pub fn more(
        &self,
        step: &Step,
        index: usize,
        list: &List<'_>,
        rows: Range<usize>,
    ) -> Result<Tensor> {
        let (before, from) = (list.before_len(), step.from(index));
        let mut pairs = Pairs::new(before + list.tokens.len());
        rows.clone().for_each(|at| list.see(&mut pairs, at, 0, before));
        let positions: Vec<f32> = rows.clone().map(|at| list.position(at)).collect();
        let mut parts: Vec<Part<'_>> = list.parts().collect();
        parts.push(Part { kv: step.kv(), from, len: list.tokens.len() });
        let beside = Beside { positions: &positions, pairs: &pairs, parts: &parts };
        self.body.top(&step.below.rows.narrow(0, from + rows.start, rows.len())?, &beside)
    }

    /// Embedding rows of lists, `[tokens, d]`.
    fn embedded(&self, lists: &[&List<'_>]) -> Result<Tensor> {
        let batch = Batch::new(lists.iter().map(|list| list.tokens.clone()).collect());
        let (mut soft, mut soft_lists) = (Vec::new(), Vec::new());
        for (index, list) in lists.iter().enumerate() {
            if let Some(of) = list.soft {
                soft.extend_from_slice(of);
                soft_lists.push(index);
            }
        }
        if soft_lists.is_empty() {
            return self.embedding.rows(&batch);
        }
        let shape = (soft_lists.len(), soft.len() / soft_lists.len());
        let soft = Tensor::from_vec(soft, shape, self.embedding.tokens().device())?;
        self.rows(&batch, &soft, &soft_lists)
    }
}

/// Lists without those that read as the one before them, as a query beside each of its candidates does
/// but for what stands before it; and for every token of all lists, which of these lists' it is.
fn distinct<'a, 'b>(lists: &'a [List<'b>]) -> (Vec<&'a List<'b>>, Vec<u32>) {
    let mut distinct: Vec<&List<'_>> = Vec::new();
    let (mut same, mut from, mut to) = (Vec::new(), 0, 0);
    for list in lists {
        if !distinct.last().is_some_and(|last| last.reads_as(list)) {
            distinct.push(list);
            from = to;
            to += list.tokens.len() as u32;
        }
        same.extend(from..to);
    }
    (distinct, same)
}
