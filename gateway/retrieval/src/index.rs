//! Both kinds of evidence under one score: the cosine of two vectors, and the words they share.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::RetrievalError;
use crate::exact::{Exact, Scored, dot, top_k};
use crate::hnsw::{Hnsw, HnswConfig};
use crate::lexical::{Bm25, Bm25Config};
use crate::split::wishes;

/// What is known of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Unique in its index.
    pub id: u32,
    /// `[dims]`, of any length above 0; it is normalised here.
    pub vector: Vec<f32>,
    /// Name, description, parameters, examples: whatever words it should be found by.
    pub text: String,
}

/// A function found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Of its entry.
    pub id: u32,
    /// `dense * dense_share + lexical * (1 - dense_share)`.
    pub score: f32,
    /// Cosine with the query's vector: -1 to 1.
    pub dense: f32,
    /// BM25, brought to 0..=1 over the index; the best over the request's wishes.
    pub lexical: f32,
}

/// Settings of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexConfig {
    /// Weight of the cosine; the words have the rest: 0 to 1.
    pub dense_share: f32,
    /// Most parts that a request is split into; 0 turns splitting off.
    pub wishes_max: usize,
    /// The graph serves from this many functions on, the exact scan below. On two cores the graph
    /// becomes the faster of the two between 4,096 and 16,384 functions (`hyfunc bench retrieval`).
    pub hnsw_functions_min: usize,
    /// Fewest candidates that the graph and the words each bring before they are scored together.
    pub candidates_min: usize,
    /// Settings of the graph.
    pub hnsw: HnswConfig,
    /// Settings of BM25.
    pub bm25: Bm25Config,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self {
            dense_share: 0.7,
            wishes_max: 8,
            hnsw_functions_min: 8192,
            candidates_min: 64,
            hnsw: HnswConfig::default(),
            bm25: Bm25Config::default(),
        }
    }
}

/// How an index answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexReport {
    /// Functions in it.
    pub functions: usize,
    /// Width of a vector; `None` while it has always been empty.
    pub dims: Option<usize>,
    /// Whether the graph serves; else every function is scored.
    pub is_approximate: bool,
    /// Recall@10 of the graph last built against the exact scan: 0 to 1. With `is_approximate`
    /// false, the graph was found too poor to use. `None` where no graph was built.
    pub self_recall: Option<f32>,
}

/// The functions of a library, found by meaning and by words.
///
/// A clone is a snapshot: later changes to either are not seen by the other. To change an index that
/// is being searched, change a clone of it off the async threads and swap the two.
#[derive(Clone, Debug)]
pub struct Index {
    config: IndexConfig,
    rows: Exact,
    lexicon: Bm25,
    graph: Option<Hnsw>,
    /// Of the graph last built and found wanting.
    refused: Option<Refused>,
}

/// A graph that was not good enough, and the size from which another try is worth its time.
#[derive(Clone, Copy, Debug)]
struct Refused {
    self_recall: f32,
    retry_len_min: usize,
}

impl Index {
    /// Builds an index over all entries; none is fine.
    ///
    /// # Errors
    /// A setting outside its range; an entry as in [`Index::insert`].
    pub fn build(entries: Vec<Entry>, config: IndexConfig) -> Result<Self, RetrievalError> {
        if !(0.0..=1.0).contains(&config.dense_share) {
            let value = config.dense_share.to_string();
            return Err(RetrievalError::Setting { name: "dense_share", value, range: "0 to 1" });
        }
        config.hnsw.check()?;
        let lexicon = Bm25::new(config.bm25.clone())?;
        let mut index = Self { config, rows: Exact::new(), lexicon, graph: None, refused: None };
        for entry in &entries {
            index.rows.insert(entry.id, &entry.vector)?;
            index.lexicon.insert(entry.id, &entry.text)?;
        }
        index.settle()?;
        Ok(index)
    }

    /// Number of functions.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no function.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether the id is in it.
    pub fn contains(&self, id: u32) -> bool {
        self.rows.contains(id)
    }

    /// How it answers now.
    pub fn report(&self) -> IndexReport {
        let graph = self.graph.as_ref();
        IndexReport {
            functions: self.len(),
            dims: self.rows.dims(),
            is_approximate: graph.is_some(),
            self_recall: graph
                .map(Hnsw::self_recall)
                .or(self.refused.map(|refused| refused.self_recall)),
        }
    }

    /// Adds a function. Now and then, when enough has changed, this builds the graph anew.
    ///
    /// # Errors
    /// An id that is here already; a vector of another width, not finite or without direction.
    /// Nothing changes then.
    pub fn insert(&mut self, entry: Entry) -> Result<(), RetrievalError> {
        self.rows.insert(entry.id, &entry.vector)?;
        self.lexicon.insert(entry.id, &entry.text)?;
        if let Some(graph) = &mut self.graph {
            graph.insert(entry.id, &entry.vector)?;
        }
        self.settle()
    }

    /// Takes a function out; says whether it was here. May build the graph anew.
    ///
    /// # Errors
    /// None of its own: those of a rebuild, whose settings were checked when the index was built.
    pub fn remove(&mut self, id: u32) -> Result<bool, RetrievalError> {
        if !self.rows.remove(id) {
            return Ok(false);
        }
        self.lexicon.remove(id);
        if let Some(graph) = &mut self.graph {
            graph.remove(id);
        }
        self.settle()?;
        Ok(true)
    }

    /// The `k` best functions for a request, best first: fewer only if there are fewer.
    ///
    /// The words are looked up for the whole request and for each of its wishes, and the best of
    /// those counts.
    ///
    /// # Errors
    /// `k` of 0; a vector of another width, not finite or without direction.
    pub fn search(&self, vector: &[f32], text: &str, k: usize) -> Result<Vec<Hit>, RetrievalError> {
        self.search_texts(vector, &wishes(text, self.config.wishes_max), k)
    }

    /// As [`Index::search`], with a vector for each wish: the best score over the wishes counts.
    /// Give the whole request as one of them.
    ///
    /// # Errors
    /// As [`Index::search`]; no wish gives no hit.
    pub fn search_wishes(
        &self,
        asked: &[(&[f32], &str)],
        k: usize,
    ) -> Result<Vec<Hit>, RetrievalError> {
        let mut best: FxHashMap<u32, Hit> = FxHashMap::default();
        for (vector, text) in asked {
            for hit in self.search_texts(vector, &[text], k)? {
                let kept = best.entry(hit.id).or_insert(hit);
                if hit.score > kept.score {
                    *kept = hit;
                }
            }
        }
        let ranked = top_k(best.values().map(|hit| Scored { id: hit.id, score: hit.score }), k);
        Ok(ranked.iter().map(|scored| best[&scored.id]).collect())
    }

    fn search_texts(
        &self,
        vector: &[f32],
        texts: &[&str],
        k: usize,
    ) -> Result<Vec<Hit>, RetrievalError> {
        if k == 0 {
            return Err(RetrievalError::KZero);
        }
        let query = self.rows.query(vector)?;
        let lexical = self.lexical(texts);
        let lexical_of = |id| lexical.get(&id).copied().unwrap_or(0.0);
        let share = self.config.dense_share;
        let mix = |dense: Scored| Scored {
            id: dense.id,
            score: dense.score * share + lexical_of(dense.id) * (1.0 - share),
        };
        let ranked = match self.candidates(&query, &lexical, k)? {
            Some(candidates) => top_k(candidates.into_iter().map(mix), k),
            None => top_k(self.rows.scores(&query).map(mix), k),
        };
        let hit = |best: Scored| {
            let vector = self.rows.vector(best.id)?;
            Some(Hit {
                id: best.id,
                score: best.score,
                dense: dot(vector, &query),
                lexical: lexical_of(best.id),
            })
        };
        Ok(ranked.into_iter().filter_map(hit).collect())
    }

    /// The best normalised BM25 score of each function over the texts; functions without one are 0.
    fn lexical(&self, texts: &[&str]) -> FxHashMap<u32, f32> {
        let mut best: FxHashMap<u32, f32> = FxHashMap::default();
        for text in texts {
            for (id, score) in self.lexicon.scores_normalised(text) {
                let kept = best.entry(id).or_insert(0.0);
                *kept = kept.max(score);
            }
        }
        best
    }

    /// Functions to score together, with their cosines: what the graph and the words each find
    /// best. `None` means all of them.
    fn candidates(
        &self,
        query: &[f32],
        lexical: &FxHashMap<u32, f32>,
        k: usize,
    ) -> Result<Option<Vec<Scored>>, RetrievalError> {
        let Some(graph) = &self.graph else {
            return Ok(None);
        };
        let wanted = k.saturating_mul(4).max(self.config.candidates_min);
        let Some(near) = graph.search(query, wanted)? else {
            return Ok(None);
        };
        let worded = lexical.iter().map(|(&id, &score)| Scored { id, score });
        let worded = top_k(worded, wanted);
        let ids: FxHashSet<u32> = near.iter().chain(&worded).map(|scored| scored.id).collect();
        // Computed anew for all, so that the graph's rounding never decides an order.
        let score = |id| Some(Scored { id, score: dot(self.rows.vector(id)?, query) });
        Ok(Some(ids.into_iter().filter_map(score).collect()))
    }

    /// Brings the graph in line with the size of the index.
    fn settle(&mut self) -> Result<(), RetrievalError> {
        if self.len() < self.config.hnsw_functions_min.max(1) {
            (self.graph, self.refused) = (None, None);
            return Ok(());
        }
        let is_due = match (&self.graph, self.refused) {
            (Some(graph), _) => graph.is_stale(),
            (None, Some(refused)) => self.len() >= refused.retry_len_min,
            (None, None) => true,
        };
        if !is_due {
            return Ok(());
        }
        let graph = Hnsw::build(&self.rows, self.config.hnsw.clone())?;
        (self.graph, self.refused) = if graph.is_trusted() {
            (Some(graph), None)
        } else {
            let refused = Refused {
                self_recall: graph.self_recall(),
                retry_len_min: self.len() + self.len() / 4 + 1,
            };
            (None, Some(refused))
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a spiral, so that each has neighbours of its own.
    fn entry(id: u32) -> Entry {
        let angle = id as f32 * 0.37;
        let vector = vec![angle.cos(), angle.sin(), id as f32 * 0.004];
        Entry { id, vector, text: "f".to_owned() }
    }

    #[test]
    fn a_graph_of_many_changes_is_built_anew() {
        let config = IndexConfig { hnsw_functions_min: 100, ..IndexConfig::default() };
        let mut index = Index::build((0..400).map(entry).collect(), config).expect("sound");
        // Half of it goes and half of it comes: each is more than a graph may carry along.
        for id in 0..200 {
            assert_eq!(index.remove(id), Ok(true));
            let graph = index.graph.as_ref().expect("the graph serves");
            assert!(!graph.is_stale() && graph.is_trusted(), "after {id} went: {graph:?}");
            assert_eq!(graph.len(), index.len());
        }
        for id in 400..600 {
            index.insert(entry(id)).expect("it is new");
            let graph = index.graph.as_ref().expect("the graph serves");
            assert!(!graph.is_stale() && graph.is_trusted(), "after {id} came: {graph:?}");
        }
        for id in [200, 399, 400, 599] {
            let hits = index.search(&entry(id).vector, "", 5).expect("sound");
            assert_eq!(hits[0].id, id);
            assert!(hits.iter().all(|hit| hit.id >= 200), "{hits:?}");
        }
    }
}
