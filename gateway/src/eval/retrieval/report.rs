//! How far up the right functions stand.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hyfunc_functions::Function;
use hyfunc_retrieval::IndexReport;
use hyfunc_training::report::{
    Estimate, Example, Examples, Latency, Page, Refused, Table, bars, counts,
};
use serde_json::{Map, Value as Json, json};

use super::RetrievalOptions;
use super::queries::Query;
use super::search::{Looked, METHODS, Method, RANK_MAX};

/// Lowest rank of each band in which functions are counted; what stands below the last is not
/// found.
const BANDS: [usize; 6] = [1, 5, 10, 50, 100, RANK_MAX];

/// Functions of the index's list that an example shows.
const SHOWN_MAX: usize = 5;

/// Heading of requests that the served index does not answer whole.
const LATE: &str = "the index finds a function late or not at all";

/// Heading of requests for which words alone would have done better.
const DILUTED: &str = "BM25 alone stands higher than the index";

/// Sums over requests, for one way to search.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// Requests.
    pub rows: usize,
    /// Share of the right functions found, summed over requests: one for each k.
    recalls: Vec<f64>,
    /// One over the rank of the first right function, summed over requests.
    reciprocal_ranks: f64,
    /// Right functions by the band of their rank; the last band is not found.
    bands: [usize; BANDS.len() + 1],
    /// Searches as a gateway makes them.
    pub latency: Latency,
}

impl Scores {
    /// Mean share of a request's functions among the first k, for the k at this place.
    pub fn recall(&self, at: usize) -> Option<Estimate> {
        Estimate::of_sum(self.recalls.get(at).copied()?, self.rows)
    }

    /// Mean of one over the rank of the first right function.
    pub fn reciprocal_rank(&self) -> Option<Estimate> {
        Estimate::of_sum(self.reciprocal_ranks, self.rows)
    }

    pub(super) fn add(&mut self, ranks: &[Option<usize>], ks: &[usize]) {
        self.rows += 1;
        self.recalls.resize(ks.len(), 0.0);
        for (recall, k) in self.recalls.iter_mut().zip(ks) {
            *recall += within(ranks, *k);
        }
        let first = ranks.iter().flatten().min();
        self.reciprocal_ranks += first.map_or(0.0, |rank| 1.0 / *rank as f64);
        for rank in ranks {
            let band = rank.and_then(|rank| BANDS.iter().position(|lowest| rank <= *lowest));
            self.bands[band.unwrap_or(BANDS.len())] += 1;
        }
    }
}

/// Share of the functions that stand among the first k.
fn within(ranks: &[Option<usize>], k: usize) -> f64 {
    let found = ranks.iter().flatten().filter(|rank| **rank <= k).count();
    found as f64 / ranks.len().max(1) as f64
}

/// What requests over a catalogue came to.
#[derive(Clone, Debug)]
pub struct RetrievalReport {
    /// Name of the models.
    pub model: String,
    /// Files and settings.
    pub options: RetrievalOptions,
    /// How the index answers.
    pub index: IndexReport,
    /// By method, in the order of [`METHODS`].
    pub scores: [Scores; METHODS.len()],
    /// How long the functions' vectors took.
    pub embedded: Duration,
    /// How long the three indexes took.
    pub indexed: Duration,
    /// How long a request's vector took.
    pub encode: Latency,
    /// Share of the right functions among a gateway's candidates, summed over requests.
    served: f64,
    /// Candidates of all requests.
    candidates: usize,
    /// The worst requests.
    pub examples: Examples,
    /// Requests that the models refused.
    pub unanswered: Refused,
    /// Lines that could not be used.
    pub refused: Refused,
}

impl RetrievalReport {
    pub(super) fn new(
        model: String,
        options: &RetrievalOptions,
        index: IndexReport,
        refused: Refused,
    ) -> Self {
        Self {
            model,
            options: options.clone(),
            index,
            scores: Default::default(),
            embedded: Duration::ZERO,
            indexed: Duration::ZERO,
            encode: Latency::default(),
            served: 0.0,
            candidates: 0,
            examples: Examples::default(),
            unanswered: Refused::default(),
            refused,
        }
    }

    /// What one way came to.
    pub fn of(&self, method: Method) -> &Scores {
        &self.scores[method as usize]
    }

    /// Share of the right functions among the candidates that a gateway would keep.
    pub fn served(&self) -> Option<Estimate> {
        Estimate::of_sum(self.served, self.of(Method::Index).rows)
    }

    /// Candidates that a gateway would keep, a request.
    pub fn candidates_mean(&self) -> f64 {
        self.candidates as f64 / self.of(Method::Index).rows.max(1) as f64
    }

    /// Adds one request.
    pub(super) fn add(&mut self, query: &Query, looked: &Looked, functions: &[Arc<Function>]) {
        for (scores, found) in self.scores.iter_mut().zip(&looked.found) {
            scores.add(&found.ranks, &self.options.ks);
            found.took_us.into_iter().for_each(|took_us| scores.latency.add(took_us));
        }
        self.encode.add(looked.encode_us);
        self.candidates += looked.candidates.len();
        let kept = query.relevant.iter().filter(|id| looked.candidates.contains(*id)).count();
        self.served += kept as f64 / query.relevant.len().max(1) as f64;
        if let Some(reason) = &looked.refused {
            self.unanswered.add(reason.as_str(), query.id.as_str());
        }
        self.show(query, looked, functions);
    }

    /// Keeps the request as an example if it is bad enough.
    fn show(&mut self, query: &Query, looked: &Looked, functions: &[Arc<Function>]) {
        let ranks = |method: Method| &looked.found[method as usize].ranks;
        let mean = |method: Method| {
            let each = ranks(method).iter().map(|rank| rank.unwrap_or(RANK_MAX + 1) as f32);
            each.sum::<f32>() / ranks(method).len().max(1) as f32
        };
        let (index, words) = (mean(Method::Index), mean(Method::Words));
        let k_max = self.options.ks.iter().copied().max().unwrap_or(1);
        let example = |weight: f32| Example {
            id: query.id.clone(),
            group: format!("{} functions wanted", query.relevant.len()),
            query: query.query.clone(),
            lines: vec![
                ("wanted", wanted(query, looked, functions)),
                ("found", shown(looked, functions)),
            ],
            weight,
        };
        if within(ranks(Method::Index), k_max) < 1.0 {
            self.examples.add(LATE, example(index));
        }
        if words < index {
            self.examples.add(DILUTED, example(index - words));
        }
    }

    fn recall_table(&self) -> Table {
        let names: Vec<String> = self.options.ks.iter().map(|k| format!("recall@{k}")).collect();
        let mut head = vec![""];
        head.extend(names.iter().map(String::as_str));
        head.extend(["MRR", "search p50", "p95"]);
        let mut table = Table::new(&head);
        for method in METHODS {
            let scores = self.of(method);
            let recalls = (0..names.len()).map(|at| Estimate::text(scores.recall(at)));
            let rank = Estimate::text(scores.reciprocal_rank());
            let times = [0.5, 0.95].map(|share| scores.latency.text(share));
            table.row(
                std::iter::once(method.name().to_owned()).chain(recalls).chain([rank]).chain(times),
            );
        }
        table
    }

    fn rank_table(&self) -> Table {
        let names = band_names();
        let mut head = vec!["rank"];
        head.extend(names.iter().map(String::as_str));
        let mut table = Table::new(&head);
        for method in METHODS {
            let bands = self.of(method).bands.iter().map(ToString::to_string);
            table.row(std::iter::once(method.name().to_owned()).chain(bands));
        }
        table
    }

    /// What else to know, a line each.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let files = self.options.catalogues.iter().map(|path| path.display().to_string());
        let kind = match (self.index.is_approximate, self.index.self_recall) {
            (true, Some(recall)) => format!("graph, {:.2} % self-recall", 100.0 * recall),
            (true, None) => "graph".to_owned(),
            (false, Some(recall)) => {
                format!("exact: the graph's self-recall of {:.2} % is too poor", 100.0 * recall)
            }
            (false, None) => "exact".to_owned(),
        };
        let wanted: usize = self.of(Method::Index).bands.iter().sum();
        vec![
            ("models", self.model.clone()),
            ("requests", self.options.queries.display().to_string()),
            ("catalogue", files.collect::<Vec<_>>().join(", ")),
            ("rows", format!("{} requests for {wanted} functions", self.of(Method::Index).rows)),
            ("functions", format!("{}, index: {kind}", self.index.functions)),
            ("embedding", format!("{:.1} s for all functions", self.embedded.as_secs_f64())),
            ("indexing", format!("{:.1} s for all three", self.indexed.as_secs_f64())),
            (
                "a request",
                format!(
                    "p50 {}, p95 {} for its vector",
                    self.encode.text(0.5),
                    self.encode.text(0.95)
                ),
            ),
            (
                "as served",
                format!(
                    "{} of a request's functions are among its {:.1} candidates (at most {}, \
                     from a score of {:.3})",
                    Estimate::text(self.served()),
                    self.candidates_mean(),
                    self.options.candidates_max,
                    self.options.threshold
                ),
            ),
        ]
    }

    /// Tables, times, and what was left out.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, fact) in self.facts() {
            let _ = writeln!(text, "{name:<10} {fact}");
        }
        let _ = write!(text, "\n{}", self.recall_table().to_text());
        let _ = write!(text, "\nwhere the functions stand\n{}", self.rank_table().to_text());
        for (heading, refused) in [("refused", &self.unanswered), ("unread", &self.refused)] {
            if !refused.is_empty() {
                let _ = write!(text, "\n{heading}, {}", refused.to_text());
            }
        }
        text
    }

    /// The same for programs, with the worst examples; times are in microseconds.
    pub fn to_json(&self) -> Json {
        let methods = METHODS.into_iter().map(|method| {
            let scores = self.of(method);
            let recalls = self.options.ks.iter().enumerate();
            let recalls = recalls.map(|(at, k)| (k.to_string(), Estimate::json(scores.recall(at))));
            let bands = band_names().into_iter().zip(scores.bands);
            let bands = bands.map(|(name, count)| (name, Json::from(count)));
            let json = json!({
                "recall": Json::Object(recalls.collect::<Map<_, _>>()),
                "mrr": Estimate::json(scores.reciprocal_rank()),
                "ranks": Json::Object(bands.collect::<Map<_, _>>()),
                "search_us": scores.latency.to_json(),
            });
            (method.name().to_owned(), json)
        });
        json!({
            "model": self.model,
            "queries": self.options.queries.display().to_string(),
            "rows": self.of(Method::Index).rows,
            "functions": self.index.functions,
            "index": {
                "is_approximate": self.index.is_approximate,
                "self_recall": self.index.self_recall,
            },
            "methods": Json::Object(methods.collect::<Map<_, _>>()),
            "served": {
                "recall": Estimate::json(self.served()),
                "candidates_mean": self.candidates_mean(),
                "candidates_max": self.options.candidates_max,
                "threshold": self.options.threshold,
            },
            "embed_ms": self.embedded.as_millis() as u64,
            "index_ms": self.indexed.as_millis() as u64,
            "encode_us": self.encode.to_json(),
            "examples": self.examples.to_json(),
            "unanswered": self.unanswered.to_json(),
            "left_out": self.refused.to_json(),
        })
    }

    /// The same as a page.
    pub fn to_html(&self) -> String {
        let mut page = Page::new("hyfunc eval retrieval");
        page.facts(&self.facts());
        page.heading("How many of a request's functions are found");
        page.paragraph(
            "Means over requests, with 95 % intervals (Wilson's, which errs on the wide side for \
             requests of several functions).",
        );
        let names = METHODS.map(Method::name);
        let mut rows: Vec<(String, Vec<Option<Estimate>>)> = Vec::new();
        for (at, k) in self.options.ks.iter().enumerate() {
            let recalls = METHODS.map(|method| self.of(method).recall(at));
            rows.push((format!("recall@{k}"), recalls.to_vec()));
        }
        let ranks = METHODS.map(|method| self.of(method).reciprocal_rank());
        rows.push(("MRR".to_owned(), ranks.to_vec()));
        page.picture(&bars("Recall and mean reciprocal rank", &names, &rows));
        page.table(&self.recall_table());
        page.heading("Where the functions stand");
        let rows: Vec<(String, Vec<usize>)> = band_names()
            .into_iter()
            .enumerate()
            .map(|(band, name)| (name, self.scores.iter().map(|one| one.bands[band]).collect()))
            .collect();
        page.picture(&counts("Functions by their rank", &names, &rows));
        page.table(&self.rank_table());
        page.heading("The worst examples");
        page.examples(&self.examples);
        page.heading("Requests that the models refused");
        if self.unanswered.is_empty() {
            page.paragraph("None.");
        } else {
            page.refused(&self.unanswered);
        }
        page.heading("Lines left out");
        page.refused(&self.refused);
        page.finish()
    }
}

/// `1`, `2 to 5`, …, and what is not found.
fn band_names() -> Vec<String> {
    let mut names = Vec::with_capacity(BANDS.len() + 1);
    let mut above = 0;
    for lowest in BANDS {
        names.push(match lowest - above {
            1 => lowest.to_string(),
            _ => format!("{} to {lowest}", above + 1),
        });
        above = lowest;
    }
    names.push("not found".to_owned());
    names
}

/// The right functions with their ranks by all methods.
fn wanted(query: &Query, looked: &Looked, functions: &[Arc<Function>]) -> String {
    let rank = |method: Method, at: usize| {
        let rank = looked.found[method as usize].ranks.get(at).copied().flatten();
        rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string())
    };
    let each = query.relevant.iter().enumerate().map(|(at, id)| {
        format!(
            "{} (index {}, BM25 {}, vectors {})",
            name(functions, *id),
            rank(Method::Index, at),
            rank(Method::Words, at),
            rank(Method::Vectors, at)
        )
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The head of the index's list.
fn shown(looked: &Looked, functions: &[Arc<Function>]) -> String {
    if let Some(reason) = &looked.refused {
        return reason.clone();
    }
    let head = looked.best.iter().take(SHOWN_MAX);
    let each = head.map(|hit| format!("{} {:.2}", name(functions, hit.id), hit.score));
    each.collect::<Vec<_>>().join(", ")
}

fn name(functions: &[Arc<Function>], id: u32) -> &str {
    functions.get(id as usize).map_or("", |function| function.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_come_into_bands_and_sums() {
        assert_eq!(
            band_names(),
            ["1", "2 to 5", "6 to 10", "11 to 50", "51 to 100", "101 to 1000", "not found"]
        );
        let mut scores = Scores::default();
        scores.add(&[Some(1), Some(6), Some(1_000), None], &[1, 5, 10]);
        scores.add(&[Some(2)], &[1, 5, 10]);
        scores.add(&[None], &[1, 5, 10]);
        assert_eq!(scores.bands, [1, 1, 1, 0, 0, 1, 2]);
        let share = |estimate: Option<Estimate>| estimate.unwrap().share;
        for (at, sum) in [(0, 0.25), (1, 1.25), (2, 1.5)] {
            assert!((share(scores.recall(at)) - sum / 3.0).abs() < 1e-12, "{at}");
        }
        assert_eq!(scores.recall(3), None);
        assert!((share(scores.reciprocal_rank()) - 0.5).abs() < 1e-12);
        assert_eq!(Scores::default().reciprocal_rank(), None);
    }
}
