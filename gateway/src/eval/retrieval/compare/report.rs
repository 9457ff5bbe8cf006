//! One table: a row a way, a column a collection.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use hyfunc_training::report::{Estimate, Latency, Page, Refused, Table, bars};
use serde_json::{Map, Value as Json, json};

use super::Collection;
use super::evidence::Evidence;
use super::way::{Way, ways};
use crate::eval::retrieval::queries::Query;
use crate::eval::retrieval::report::Scores;

/// Behind the best of a column.
const BEST: &str = " *";

/// What one collection came to.
#[derive(Clone, Debug)]
pub struct Compared {
    /// As in tables.
    pub name: String,
    /// Its requests' file.
    pub queries: PathBuf,
    /// Functions to find.
    pub functions: usize,
    /// By way.
    pub scores: Vec<Scores>,
    /// By encoder: how long the functions' vectors took.
    pub embedded: Vec<Duration>,
    /// By encoder: how long a request's vector took.
    pub encode: Vec<Latency>,
    /// Requests that an encoder refused.
    pub unanswered: Refused,
    /// Lines that could not be used.
    pub refused: Refused,
}

impl Compared {
    pub(super) fn new(collection: &Collection, encoders: usize, ways: usize) -> Self {
        Self {
            name: collection.name.clone(),
            queries: collection.queries.clone(),
            functions: 0,
            scores: vec![Scores::default(); ways],
            embedded: vec![Duration::ZERO; encoders],
            encode: vec![Latency::default(); encoders],
            unanswered: Refused::default(),
            refused: Refused::default(),
        }
    }

    /// Adds one request.
    pub(super) fn add(&mut self, query: &Query, evidence: &Evidence, ways: &[Way], ks: &[usize]) {
        for (scores, way) in self.scores.iter_mut().zip(ways) {
            scores.add(&way.ranks(evidence, &query.relevant), ks);
        }
        for (latency, cosines) in self.encode.iter_mut().zip(&evidence.cosines) {
            match cosines {
                Ok(cosines) => latency.add(cosines.encode_us),
                Err(reason) => self.unanswered.add(reason.as_str(), query.id.as_str()),
            }
        }
    }

    /// Requests that were looked up.
    pub fn rows(&self) -> usize {
        self.scores.first().map_or(0, |scores| scores.rows)
    }

    /// The best share of any way, for the k at this place.
    fn best(&self, at: usize) -> f64 {
        let shares = self.scores.iter().filter_map(|scores| scores.recall(at));
        shares.map(|recall| recall.share).fold(0.0, f64::max)
    }
}

/// What all collections came to.
#[derive(Clone, Debug)]
pub struct ComparisonReport {
    /// Names of the encoders.
    pub encoders: Vec<String>,
    /// Ranks up to which finding a function counts.
    pub ks: Vec<usize>,
    /// In the order in which they were named.
    pub collections: Vec<Compared>,
    ways: Vec<Way>,
}

impl ComparisonReport {
    pub(super) fn new(encoders: Vec<String>, ks: Vec<usize>) -> Self {
        Self { ways: ways(&encoders), encoders, ks, collections: Vec::new() }
    }

    /// Recall of one way in one collection, for the k at this place.
    pub fn recall(&self, way: &str, collection: usize, at: usize) -> Option<Estimate> {
        let way = self.ways.iter().position(|known| known.name == way)?;
        self.collections.get(collection)?.scores.get(way)?.recall(at)
    }

    fn names(&self) -> Vec<&str> {
        self.collections.iter().map(|one| one.name.as_str()).collect()
    }

    fn recall_table(&self, at: usize, k: usize) -> Table {
        let title = format!("recall@{k}");
        let mut head = vec![title.as_str()];
        head.extend(self.names());
        let mut table = Table::new(&head);
        for (row, way) in self.ways.iter().enumerate() {
            let cells = self.collections.iter().map(|one| {
                let recall = one.scores[row].recall(at);
                let is_best = recall.is_some_and(|recall| recall.share >= one.best(at));
                let mark = if is_best { BEST } else { "" };
                format!("{}{mark}", Estimate::text(recall))
            });
            table.row(std::iter::once(way.name.clone()).chain(cells));
        }
        table
    }

    /// What the columns are of.
    fn collection_table(&self) -> Table {
        let mut table = Table::new(&["collection", "functions", "requests", "left out", "file"]);
        for one in &self.collections {
            table.row([
                one.name.clone(),
                one.functions.to_string(),
                one.rows().to_string(),
                one.refused.total().to_string(),
                one.queries.display().to_string(),
            ]);
        }
        table
    }

    /// What encoders cost: all functions, and the vector of a request.
    fn cost_table(&self) -> Table {
        let mut head = vec!["all functions, one request"];
        head.extend(self.names());
        let mut table = Table::new(&head);
        for (at, name) in self.encoders.iter().enumerate() {
            let cells = self.collections.iter().map(|one| {
                format!("{:.1} s, {}", one.embedded[at].as_secs_f64(), one.encode[at].text(0.5))
            });
            table.row(std::iter::once(name.clone()).chain(cells));
        }
        table
    }

    /// Tables, and what was left out.
    pub fn to_text(&self) -> String {
        let mut text = self.collection_table().to_text();
        for (at, k) in self.ks.iter().enumerate() {
            let _ = write!(text, "\n{}", self.recall_table(at, *k).to_text());
        }
        let _ = writeln!(text, "{BEST} the best of its column");
        let _ = write!(text, "\n{}", self.cost_table().to_text());
        for one in &self.collections {
            for (heading, refused) in [("refused", &one.unanswered), ("unread", &one.refused)] {
                if !refused.is_empty() {
                    let _ = write!(text, "\n{}: {heading}, {}", one.name, refused.to_text());
                }
            }
        }
        text
    }

    /// The same for programs; times are in microseconds.
    pub fn to_json(&self) -> Json {
        let collections = self.collections.iter().map(|one| {
            let ways = self.ways.iter().zip(&one.scores).map(|(way, scores)| {
                let recalls = self.ks.iter().enumerate();
                let recalls =
                    recalls.map(|(at, k)| (k.to_string(), Estimate::json(scores.recall(at))));
                let json = json!({
                    "recall": Json::Object(recalls.collect::<Map<_, _>>()),
                    "mrr": Estimate::json(scores.reciprocal_rank()),
                });
                (way.name.clone(), json)
            });
            let encoders = self.encoders.iter().enumerate().map(|(at, name)| {
                let embed_ms = one.embedded[at].as_millis() as u64;
                let json = json!({"embed_ms": embed_ms, "encode_us": one.encode[at].to_json()});
                (name.clone(), json)
            });
            json!({
                "name": one.name,
                "queries": one.queries.display().to_string(),
                "rows": one.rows(),
                "functions": one.functions,
                "ways": Json::Object(ways.collect::<Map<_, _>>()),
                "encoders": Json::Object(encoders.collect::<Map<_, _>>()),
                "unanswered": one.unanswered.to_json(),
                "left_out": one.refused.to_json(),
            })
        });
        json!({"encoders": self.encoders, "collections": collections.collect::<Vec<_>>()})
    }

    /// The same as a page, with a picture for each k.
    pub fn to_html(&self) -> String {
        let mut page = Page::new("hyfunc eval retrieval");
        page.facts(&[("encoders", self.encoders.join(", "))]);
        page.table(&self.collection_table());
        for (at, k) in self.ks.iter().enumerate() {
            page.heading(&format!("How many of a request's functions are among the first {k}"));
            let rows: Vec<(String, Vec<Option<Estimate>>)> = self
                .ways
                .iter()
                .enumerate()
                .map(|(row, way)| {
                    let recalls = self.collections.iter().map(|one| one.scores[row].recall(at));
                    (way.name.clone(), recalls.collect())
                })
                .collect();
            page.picture(&bars(&format!("Recall@{k}"), &self.names(), &rows));
            page.table(&self.recall_table(at, *k));
        }
        page.paragraph(
            "Means over requests, with 95 % intervals (Wilson's, which errs on the wide side for \
             requests of several functions); a star marks the best of a column.",
        );
        page.heading("What encoders cost");
        page.table(&self.cost_table());
        for one in &self.collections {
            page.heading(&format!("{}: requests refused, lines left out", one.name));
            let mut both = one.unanswered.clone();
            both.merge(one.refused.clone());
            page.refused(&both);
        }
        page.finish()
    }
}
