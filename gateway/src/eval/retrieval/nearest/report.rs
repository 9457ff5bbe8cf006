//! What the scan and the graph came to.

use std::fmt::Write as _;
use std::time::Duration;

use hyfunc_retrieval::{Exact, HnswConfig};
use hyfunc_training::report::{Latency, Refused, Table};
use serde_json::{Value as Json, json};

use super::NearestOptions;

/// How long searches took.
#[derive(Clone, Debug, Default)]
pub struct Took {
    /// In whole microseconds.
    pub latency: Latency,
    /// The mean, in microseconds and parts of them.
    pub mean_us: f64,
}

impl Took {
    fn to_json(&self) -> Json {
        let mut json = self.latency.to_json();
        if json.is_object() {
            json["mean"] = self.mean_us.into();
        }
        json
    }
}

/// The graph, searched in one way.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Points that a search looks at.
    pub candidates: usize,
    /// Share of the exact scan's hits: 0 to 1.
    pub recall: f64,
    /// A request's search.
    pub took: Took,
}

/// Both ways over one catalogue.
#[derive(Clone, Debug)]
pub struct NearestReport {
    /// Name of the models.
    pub model: String,
    /// Functions to find.
    pub functions: usize,
    /// Width of a vector.
    pub dims: usize,
    /// Requests that were looked up.
    pub queries: usize,
    /// Functions that were looked for.
    pub k: usize,
    /// Threads that linked the graph.
    pub threads: usize,
    /// The exact scan of a request.
    pub scan: Took,
    /// How long its rows took.
    pub scan_built: Duration,
    /// By how much the process grew with its rows; `None` where the system does not tell.
    pub scan_bytes: Option<u64>,
    /// The graph, once for each number of candidates.
    pub graph: Vec<Searched>,
    /// How long it took to link, its self-check included.
    pub graph_built: Duration,
    /// By how much the process grew with it.
    pub graph_bytes: Option<u64>,
    /// Recall@10 on its own rows, as it was measured when it was built.
    pub self_recall: f32,
    /// Lines and requests that could not be used.
    pub refused: Refused,
}

impl NearestReport {
    pub(super) fn new(
        model: String,
        options: &NearestOptions,
        rows: &Exact,
        queries: usize,
        refused: Refused,
    ) -> Self {
        Self {
            model,
            functions: rows.len(),
            dims: rows.dims().unwrap_or(0),
            queries,
            k: options.k,
            threads: options.threads,
            scan: Took::default(),
            scan_built: Duration::ZERO,
            scan_bytes: None,
            graph: Vec::new(),
            graph_built: Duration::ZERO,
            graph_bytes: None,
            self_recall: 0.0,
            refused,
        }
    }

    /// A table, and what was left out.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{} functions, {} requests, vectors of {} numbers by {}; the graph was linked by {} \
             thread{}, searches take one\n\n",
            self.functions,
            self.queries,
            self.dims,
            self.model,
            self.threads,
            if self.threads == 1 { "" } else { "s" },
        );
        let recall = format!("recall@{}", self.k);
        let mut table = Table::new(&["", recall.as_str(), "p50", "p95", "built in", "memory"]);
        let mut row = |name: String, recall: f64, took: &Took, built, bytes| {
            table.row([
                name,
                format!("{:.2} %", 100.0 * recall),
                took.latency.text(0.5),
                took.latency.text(0.95),
                seconds(built),
                megabytes(bytes),
            ]);
        };
        row("exact scan".to_owned(), 1.0, &self.scan, self.scan_built, self.scan_bytes);
        for one in &self.graph {
            let name = format!("graph, {} candidates", one.candidates);
            row(name, one.recall, &one.took, self.graph_built, self.graph_bytes);
        }
        text.push_str(&table.to_text());
        if !self.refused.is_empty() {
            let _ = write!(text, "\n{}", self.refused.to_text());
        }
        text
    }

    /// The same for programs; times are in microseconds.
    pub fn to_json(&self) -> Json {
        let config = HnswConfig::default();
        let graph = self.graph.iter().map(|one| {
            json!({
                "candidates": one.candidates,
                "recall": one.recall,
                "search_us": one.took.to_json(),
            })
        });
        json!({
            "model": self.model,
            "functions": self.functions,
            "dims": self.dims,
            "queries": self.queries,
            "k": self.k,
            "threads": self.threads,
            "scan": {
                "build_ms": self.scan_built.as_secs_f64() * 1e3,
                "resident_bytes": self.scan_bytes,
                "search_us": self.scan.to_json(),
            },
            "graph": {
                "links": config.links,
                "link_candidates": config.link_candidates,
                "build_ms": self.graph_built.as_secs_f64() * 1e3,
                "resident_bytes": self.graph_bytes,
                "self_recall": self.self_recall,
                "searches": graph.collect::<Vec<_>>(),
            },
            "left_out": self.refused.to_json(),
        })
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}

fn megabytes(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6))
}
