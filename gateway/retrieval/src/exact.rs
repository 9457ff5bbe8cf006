//! The exact scan: every row is scored, so its answer is the truth.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;

use crate::error::RetrievalError;

/// An id and its score; a larger score is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// As it was inserted.
    pub id: u32,
    /// Cosine in -1..=1, or whatever the source of the score says.
    pub score: f32,
}

impl Eq for Scored {}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Better is greater: a higher score, then a smaller id, so that equal scores have one order.
impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.id.cmp(&self.id))
    }
}

/// The `k` best, best first. Memory is bounded by `k` and by the number of items.
pub fn top_k(items: impl IntoIterator<Item = Scored>, k: usize) -> Vec<Scored> {
    let items = items.into_iter();
    let bound = items.size_hint().1.map_or(k, |len| len.min(k));
    // The root is the worst of those kept.
    let mut kept = BinaryHeap::with_capacity(bound.min(KEPT_RESERVED_MAX));
    for item in items {
        if kept.len() < k {
            kept.push(std::cmp::Reverse(item));
        } else if let Some(mut worst) = kept.peek_mut()
            && item > worst.0
        {
            *worst = std::cmp::Reverse(item);
        }
    }
    let mut best: Vec<Scored> = kept.into_iter().map(|reversed| reversed.0).collect();
    best.sort_unstable_by(|a, b| b.cmp(a));
    best
}

/// A caller's huge `k` must not reserve memory by itself.
const KEPT_RESERVED_MAX: usize = 1024;

/// A vector of length 1, or the reason why there is none.
pub fn normalised(vector: &[f32]) -> Result<Vec<f32>, RetrievalError> {
    if let Some(position) = vector.iter().position(|x| !x.is_finite()) {
        return Err(RetrievalError::NotFinite { position });
    }
    // In f64: the squares of finite f32 neither overflow nor vanish there.
    let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if norm == 0.0 {
        return Err(RetrievalError::NoDirection);
    }
    Ok(vector.iter().map(|&x| (f64::from(x) / norm) as f32).collect())
}

/// Inner product of two vectors of one width.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    // Independent sums: one chain of additions would be bound by latency.
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Normalised rows in one block, and the scan over them.
#[derive(Clone, Debug, Default)]
pub struct Exact {
    /// Width of a row; `None` until the first insert.
    dims: Option<usize>,
    /// `[rows, dims]`, every row of length 1.
    rows: Vec<f32>,
    /// Id of each row.
    ids: Vec<u32>,
    /// Row of each id.
    row_of: FxHashMap<u32, usize>,
}

impl Exact {
    /// An empty one; its width is that of the first vector inserted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Width of a row; `None` until the first insert.
    pub fn dims(&self) -> Option<usize> {
        self.dims
    }

    /// Whether the id has a row.
    pub fn contains(&self, id: u32) -> bool {
        self.row_of.contains_key(&id)
    }

    /// Ids in row order, which changes with every remove.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The normalised row of an id: `[dims]`.
    pub fn vector(&self, id: u32) -> Option<&[f32]> {
        self.row_of.get(&id).map(|&row| self.row(row))
    }

    /// A query of the right width, normalised.
    pub fn query(&self, vector: &[f32]) -> Result<Vec<f32>, RetrievalError> {
        match self.dims {
            Some(expected) if expected != vector.len() => {
                Err(RetrievalError::Dimension { expected, found: vector.len() })
            }
            _ => normalised(vector),
        }
    }

    /// Adds a row; the vector need not be normalised.
    ///
    /// # Errors
    /// Wrong width, not finite, no direction, or an id that is here already; nothing changes then.
    pub fn insert(&mut self, id: u32, vector: &[f32]) -> Result<(), RetrievalError> {
        if self.contains(id) {
            return Err(RetrievalError::DuplicateId { id });
        }
        let row = self.query(vector)?;
        self.dims = Some(row.len());
        self.rows.extend_from_slice(&row);
        self.row_of.insert(id, self.ids.len());
        self.ids.push(id);
        Ok(())
    }

    /// Takes a row out; says whether it was here. The last row moves into its place.
    pub fn remove(&mut self, id: u32) -> bool {
        let (Some(row), Some(dims)) = (self.row_of.remove(&id), self.dims) else {
            return false;
        };
        let last = self.ids.len() - 1;
        self.ids.swap_remove(row);
        if row != last {
            self.rows.copy_within(last * dims..(last + 1) * dims, row * dims);
            self.row_of.insert(self.ids[row], row);
        }
        self.rows.truncate(last * dims);
        true
    }

    /// The `k` nearest rows by cosine, best first.
    ///
    /// # Errors
    /// `k` of 0, or a query of the wrong width, not finite or without direction.
    pub fn search(&self, query: &[f32], k: usize) -> Result<Vec<Scored>, RetrievalError> {
        if k == 0 {
            return Err(RetrievalError::KZero);
        }
        let query = self.query(query)?;
        Ok(top_k(self.scores(&query), k))
    }

    /// Every row's cosine with a query that [`Exact::query`] made.
    pub fn scores<'a>(&'a self, query: &'a [f32]) -> impl ExactSizeIterator<Item = Scored> + 'a {
        self.ids
            .iter()
            .enumerate()
            .map(|(row, &id)| Scored { id, score: dot(self.row(row), query) })
    }

    fn row(&self, row: usize) -> &[f32] {
        let dims = self.dims.unwrap_or(0);
        &self.rows[row * dims..(row + 1) * dims]
    }
}
