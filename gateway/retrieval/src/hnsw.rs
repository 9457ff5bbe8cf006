//! An approximate index for large libraries: `hnsw_rs` behind tombstones and a list of newcomers.
//!
//! The graph is never changed once it is built, because `hnsw_rs` can neither remove a point nor
//! insert while another thread searches. So a removed id becomes a tombstone and a new one joins a
//! short list that is scanned; when both together exceed a share of the graph, it is built anew.
//! A clone shares the graph, so a snapshot of a library costs little and never sees a later change.
//! No file is read or written: a mismatched dump would end the process inside `hnsw_rs`.

use std::sync::Arc;

use hnsw_rs::prelude::{Distance, Hnsw as Graph};
use rustc_hash::FxHashMap;

use crate::error::RetrievalError;
use crate::exact::{Exact, Scored, dot, normalised, top_k};

/// Settings of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct HnswConfig {
    /// Links a point keeps in each upper layer (twice that in the lowest): 4 to 255.
    pub links: usize,
    /// Points looked at while one is linked.
    pub link_candidates: usize,
    /// Fewest points looked at in a search.
    pub search_candidates: usize,
    /// Hits fetched beyond those asked for, so that tombstones leave enough.
    pub over_fetch: usize,
    /// The graph is stale once tombstones and newcomers exceed this share of it: above 0, up to 1.
    pub stale_share_max: f32,
    /// A graph below this self-recall is not used: 0 to 1.
    pub self_recall_min: f32,
    /// Rows that the check looks up.
    pub self_recall_samples: usize,
}

impl Default for HnswConfig {
    fn default() -> Self {
        Self {
            links: 24,
            link_candidates: 200,
            search_candidates: 64,
            over_fetch: 16,
            stale_share_max: 0.2,
            self_recall_min: 0.98,
            self_recall_samples: 128,
        }
    }
}

impl HnswConfig {
    /// Says which setting is outside its range, if one is.
    pub fn check(&self) -> Result<(), RetrievalError> {
        let wrong =
            |name, value: String, range| Err(RetrievalError::Setting { name, value, range });
        // Above 256 links `hnsw_rs` ends the process.
        if !(4..=255).contains(&self.links) {
            return wrong("links", self.links.to_string(), "4 to 255");
        }
        if self.link_candidates == 0 {
            return wrong("link_candidates", self.link_candidates.to_string(), "at least 1");
        }
        if !(self.stale_share_max > 0.0 && self.stale_share_max <= 1.0) {
            return wrong(
                "stale_share_max",
                self.stale_share_max.to_string(),
                "above 0 and at most 1",
            );
        }
        if !(0.0..=1.0).contains(&self.self_recall_min) {
            return wrong("self_recall_min", self.self_recall_min.to_string(), "0 to 1");
        }
        Ok(())
    }
}

/// One minus the cosine of two vectors of length 1.
///
/// The crate's own dot distance asserts that it is not negative, which rounding breaks.
#[derive(Clone, Copy, Debug, Default)]
struct CosineDistance;

impl Distance<f32> for CosineDistance {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        (1.0 - dot(a, b)).max(0.0)
    }
}

/// `hnsw_rs` allows at most this many layers.
const LAYERS_MAX: usize = 16;

/// Points inserted one by one before the rest go in by several threads, which otherwise link into
/// a nearly empty graph and leave islands.
const SERIAL_POINTS: usize = 512;

/// Hits that the self-check compares for each row.
const SELF_RECALL_K: usize = 10;

/// Room for two ways of summing one product.
const SCORE_TOLERANCE: f32 = 1e-5;

/// The graph, its tombstones and its newcomers.
#[derive(Clone)]
pub struct Hnsw {
    config: HnswConfig,
    graph: Arc<Graph<'static, f32, CosineDistance>>,
    /// Id of each point of the graph.
    ids: Arc<[u32]>,
    /// Point of each id in the graph.
    point_of: Arc<FxHashMap<u32, usize>>,
    /// One flag a point of the graph.
    tombstones: Vec<bool>,
    tombstones_len: usize,
    newcomers: Exact,
    self_recall: f32,
}

impl std::fmt::Debug for Hnsw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hnsw")
            .field("points", &self.ids.len())
            .field("tombstones", &self.tombstones_len)
            .field("newcomers", &self.newcomers.len())
            .field("self_recall", &self.self_recall)
            .finish_non_exhaustive()
    }
}

impl Hnsw {
    /// Builds the graph over all rows and measures its recall on them.
    ///
    /// It takes seconds for tens of thousands of rows and uses all cores: keep it off async threads.
    ///
    /// # Errors
    /// A setting outside its range.
    pub fn build(rows: &Exact, config: HnswConfig) -> Result<Self, RetrievalError> {
        config.check()?;
        let graph = Graph::new(
            config.links,
            rows.len().max(1),
            LAYERS_MAX,
            config.link_candidates,
            CosineDistance,
        );
        let vectors: Vec<(&[f32], usize)> = rows
            .ids()
            .iter()
            .enumerate()
            .filter_map(|(point, &id)| Some((rows.vector(id)?, point)))
            .collect();
        let (first, rest) = vectors.split_at(vectors.len().min(SERIAL_POINTS));
        for &vector in first {
            graph.insert_slice(vector);
        }
        graph.parallel_insert_slice(&rest.to_vec());
        let mut built = Self {
            graph: Arc::new(graph),
            ids: rows.ids().into(),
            point_of: Arc::new(
                rows.ids().iter().enumerate().map(|(point, &id)| (id, point)).collect(),
            ),
            tombstones: vec![false; rows.len()],
            tombstones_len: 0,
            newcomers: Exact::new(),
            self_recall: 1.0,
            config,
        };
        built.self_recall = built.measure_self_recall(rows);
        Ok(built)
    }

    /// The same graph, searched with another number of candidates. The graph itself is shared.
    pub fn with_search_candidates(&self, candidates: usize) -> Self {
        let mut other = self.clone();
        other.config.search_candidates = candidates;
        other
    }

    /// Number of live ids.
    pub fn len(&self) -> usize {
        self.ids.len() - self.tombstones_len + self.newcomers.len()
    }

    /// Whether no id is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Recall@10 against the exact scan when it was built, over a sample of its own rows: 0 to 1.
    pub fn self_recall(&self) -> f32 {
        self.self_recall
    }

    /// Whether the self-recall reaches the configured minimum.
    pub fn is_trusted(&self) -> bool {
        self.self_recall >= self.config.self_recall_min
    }

    /// Whether tombstones and newcomers exceed the configured share: build anew then.
    pub fn is_stale(&self) -> bool {
        let changed = self.tombstones_len + self.newcomers.len();
        changed as f32 > self.config.stale_share_max * self.ids.len() as f32
    }

    /// Whether the id is live.
    pub fn contains(&self, id: u32) -> bool {
        self.newcomers.contains(id)
            || self.point_of.get(&id).is_some_and(|&point| !self.tombstones[point])
    }

    /// Adds an id.
    ///
    /// # Errors
    /// As [`Exact::insert`].
    pub fn insert(&mut self, id: u32, vector: &[f32]) -> Result<(), RetrievalError> {
        if self.contains(id) {
            return Err(RetrievalError::DuplicateId { id });
        }
        self.newcomers.insert(id, vector)
    }

    /// Takes an id out; says whether it was live.
    pub fn remove(&mut self, id: u32) -> bool {
        if self.newcomers.remove(id) {
            return true;
        }
        match self.point_of.get(&id) {
            Some(&point) if !self.tombstones[point] => {
                self.tombstones[point] = true;
                self.tombstones_len += 1;
                true
            }
            _ => false,
        }
    }

    /// About the `k` nearest live ids by cosine, best first. `None` when the graph cannot find as
    /// many as there are, for instance because tombstones crowd the query: scan exactly then.
    ///
    /// # Errors
    /// `k` of 0, or a query that is not finite or without direction.
    pub fn search(&self, query: &[f32], k: usize) -> Result<Option<Vec<Scored>>, RetrievalError> {
        if k == 0 {
            return Err(RetrievalError::KZero);
        }
        let query = normalised(query)?;
        let wanted = k.min(self.ids.len() - self.tombstones_len);
        let Some(mut found) = self.search_graph(&query, wanted) else {
            return Ok(None);
        };
        found.extend(self.newcomers.scores(&query));
        Ok(Some(top_k(found, k)))
    }

    /// At least `wanted` live points, fetching more each time tombstones leave too few.
    fn search_graph(&self, query: &[f32], wanted: usize) -> Option<Vec<Scored>> {
        if wanted == 0 {
            return Some(Vec::new());
        }
        let points = self.ids.len();
        let mut fetch = (wanted + self.config.over_fetch).min(points);
        loop {
            // Half of the graph costs more than the scan.
            if fetch > points / 2 && fetch > FETCH_ALWAYS_ALLOWED {
                return None;
            }
            let near = self.graph.search(query, fetch, fetch.max(self.config.search_candidates));
            let live: Vec<Scored> = near
                .iter()
                .filter(|point| !self.tombstones[point.d_id])
                .map(|point| Scored { id: self.ids[point.d_id], score: 1.0 - point.distance })
                .collect();
            if live.len() >= wanted {
                return Some(live);
            }
            if fetch == points {
                return None;
            }
            fetch = (fetch * 4).min(points);
        }
    }

    fn measure_self_recall(&self, rows: &Exact) -> f32 {
        let samples = self.config.self_recall_samples.min(rows.len());
        if samples == 0 {
            return 1.0;
        }
        let k = SELF_RECALL_K.min(rows.len());
        let step = rows.len() / samples;
        let mut found = 0;
        for &id in rows.ids().iter().step_by(step).take(samples) {
            let Some(query) = rows.vector(id) else {
                continue;
            };
            let truth = top_k(rows.scores(query), k);
            let Some(worst) = truth.last() else { continue };
            // By score, since any one of several equal rows is as good as another.
            let near = self.search_graph(query, k).unwrap_or_default();
            found += near
                .iter()
                .take(k)
                .filter(|hit| hit.score >= worst.score - SCORE_TOLERANCE)
                .count();
        }
        found as f32 / (samples * k) as f32
    }
}

/// Small enough to fetch whatever the size of the graph.
const FETCH_ALWAYS_ALLOWED: usize = 256;
