//! What evaluation sets ask, so that no row that is trained on asks the same.
//!
//! Two queries are equal when their words are, in small letters and without punctuation. They are
//! nearly equal when at least [`NEAR_SHARE`] of the runs of [`SHINGLE_WORDS`] words of the one with
//! fewer such runs stand in the other. A query of fewer words than a run is compared as a whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde_json::Value as Json;

use super::source;
use super::words::{hash, normalized, shingles};
use crate::error::TrainingError;

/// Words of a run that two queries may have in common.
pub const SHINGLE_WORDS: usize = 8;

/// Share of common runs from which two queries are nearly equal.
pub const NEAR_SHARE: f64 = 0.5;

/// Queries of evaluation sets.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// Of every query: its file and id.
    names: Vec<String>,
    /// Of every query: how many runs of words it has.
    runs: Vec<usize>,
    /// Queries by the hash of their words.
    equal: HashMap<u64, usize>,
    /// Queries by the hash of a run of words.
    near: HashMap<u64, Vec<usize>>,
}

/// A query that a row repeats.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// File and id of the query.
    pub name: String,
    /// Share of common runs of words; `None` where all words are equal.
    pub share: Option<f64>,
}

impl Evaluated {
    /// Reads files of any format in which a row says something: a `query`, a `question`, or a
    /// conversation's first turn.
    ///
    /// # Errors
    /// Files that cannot be read, or in which nothing is said.
    pub fn read(files: &[PathBuf]) -> Result<Self, TrainingError> {
        let mut read = Self::default();
        for file in files {
            read.file(file)?;
        }
        Ok(read)
    }

    fn file(&mut self, file: &Path) -> Result<(), TrainingError> {
        let before = self.names.len();
        let label = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for line in source::open(file, &ProgressBar::hidden())? {
            let line = line?;
            let row = line.text.map_err(str::to_owned).and_then(|text| {
                serde_json::from_str::<Json>(&text).map_err(|error| format!("not JSON: {error}"))
            });
            // What cannot be read cannot be kept out of training.
            let row = row.map_err(|reason| TrainingError::Unusable {
                path: file.display().to_string(),
                reason: format!(
                    "its row {} is {reason}, and rows that repeat it would not be found. Mend the \
                     file, or take it away",
                    line.number
                ),
            })?;
            let id = row.get("id").and_then(Json::as_str);
            let id = id.map_or_else(|| format!("line {}", line.number), str::to_owned);
            for query in said(&row) {
                self.add(&format!("{id} of {label}"), &query);
            }
        }
        if self.names.len() == before {
            return Err(TrainingError::Unusable {
                path: file.display().to_string(),
                reason:
                    "no row of it has a query, a question or a conversation, so that nothing can \
                         be compared with it"
                        .into(),
            });
        }
        Ok(())
    }

    /// Adds one query.
    pub fn add(&mut self, name: &str, query: &str) {
        let words = normalized(query);
        if words.is_empty() {
            return;
        }
        let at = self.names.len();
        let runs = shingles(&words, SHINGLE_WORDS);
        self.equal.entry(hash(&words)).or_insert(at);
        self.names.push(name.to_owned());
        self.runs.push(runs.len());
        runs.into_iter().for_each(|run| self.near.entry(run).or_default().push(at));
    }

    /// Queries of all files.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The query that this one repeats, if there is one; of several nearly equal ones the nearest.
    pub fn leak(&self, query: &str) -> Option<Leak> {
        if self.is_empty() {
            return None;
        }
        let words = normalized(query);
        if let Some(&at) = self.equal.get(&hash(&words)) {
            return Some(Leak { name: self.names[at].clone(), share: None });
        }
        let runs = shingles(&words, SHINGLE_WORDS);
        let mut common: HashMap<usize, usize> = HashMap::new();
        for at in runs.iter().filter_map(|run| self.near.get(run)).flatten() {
            *common.entry(*at).or_default() += 1;
        }
        let share = |(at, common): (usize, usize)| {
            (common as f64 / self.runs[at].min(runs.len()) as f64, at)
        };
        // Of equally near ones the first, whatever the order of the map.
        let order = |one: &(f64, usize), other: &(f64, usize)| {
            one.0.total_cmp(&other.0).then(other.1.cmp(&one.1))
        };
        let (share, at) = common.into_iter().map(share).max_by(order)?;
        (share >= NEAR_SHARE).then(|| Leak { name: self.names[at].clone(), share: Some(share) })
    }
}

/// What a row of any format says.
fn said(row: &Json) -> Vec<String> {
    if let Some(query) = row.get("query").and_then(Json::as_str) {
        let earlier = row.get("earlier").and_then(Json::as_array).into_iter().flatten();
        let earlier = earlier.filter_map(|message| asked(message, "role", "content"));
        // A follow-up alone says too little to be told from others: `and in Rome?`.
        return vec![earlier.chain([query]).collect::<Vec<_>>().join(" ")];
    }
    match row.get("question") {
        Some(Json::String(question)) => return vec![question.clone()],
        Some(Json::Array(turns)) => {
            let messages = turns.iter().flat_map(|turn| match turn {
                Json::Array(messages) => messages.as_slice(),
                message => std::slice::from_ref(message),
            });
            let messages = messages.filter_map(|message| asked(message, "role", "content"));
            return messages.map(str::to_owned).collect();
        }
        _ => {}
    }
    let turns = row.get("conversations").and_then(Json::as_array).into_iter().flatten();
    turns.filter_map(|turn| asked(turn, "from", "value")).map(str::to_owned).collect()
}

/// What a turn says, if it is the person's.
fn asked<'a>(turn: &'a Json, from: &str, what: &str) -> Option<&'a str> {
    let is_person = matches!(turn.get(from)?.as_str()?, "user" | "human");
    turn.get(what)?.as_str().filter(|_| is_person)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_is_found_in_every_format() {
        for (row, expected) in [
            (json!({"query": "a"}), vec!["a"]),
            (
                json!({"query": "and b?", "earlier": [{"role": "user", "content": "a?"},
                                                      {"role": "assistant", "content": "c"}]}),
                vec!["a? and b?"],
            ),
            (json!({"question": "a"}), vec!["a"]),
            (
                json!({"question": [[{"role": "system", "content": "s"},
                                      {"role": "user", "content": "a"}],
                                 [{"role": "user", "content": "b"}]]}),
                vec!["a", "b"],
            ),
            (json!({"question": [{"role": "user", "content": "a"}]}), vec!["a"]),
            (
                json!({"conversations": [{"from": "user", "value": "a"},
                                      {"from": "assistant", "value": "[f()]"}]}),
                vec!["a"],
            ),
            (json!({"id": "x"}), vec![]),
            (json!([1]), vec![]),
        ] {
            assert_eq!(said(&row), expected, "{row}");
        }
    }

    #[test]
    fn a_set_that_cannot_be_read_is_refused_with_its_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("held.jsonl");
        for (text, part) in [
            ("{\"query\": \"a\"}\n{\"query\": \n", "its row 2 is not JSON"),
            ("\n", "no row of it has a query"),
            ("{\"id\": \"x\"}\n", "no row of it has a query"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Evaluated::read(std::slice::from_ref(&path)).unwrap_err().to_string();
            assert!(error.contains("held.jsonl") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn equal_and_nearly_equal_queries_are_found_and_others_are_not() {
        let mut evaluated = Evaluated::default();
        assert_eq!(evaluated.leak("anything"), None);
        evaluated.add("short", "What's the time?");
        evaluated.add("long", "please tell me how warm it is in the city of Paris right now");
        evaluated.add("nothing", "?!");
        assert_eq!(evaluated.len(), 2);
        let name =
            |query: &str| evaluated.leak(query).map(|leak| (leak.name, leak.share.is_some()));
        let long = |near| Some(("long".to_owned(), near));
        for (query, expected) in [
            ("whats the time", None),
            ("WHAT'S THE TIME", Some(("short".to_owned(), false))),
            ("What s the time now", None),
            ("please tell me how warm it is in the city of Paris, right now!", long(false)),
            // The last word changed: 6 of 7 runs are common.
            ("please tell me how warm it is in the city of Paris right then", long(true)),
            // Changed in the middle: no run of eight words is common.
            ("please tell me how warm it was in the city of Paris right now", None),
            (
                "hello, please tell me how warm it is in the city of Paris right now, thank you",
                long(true),
            ),
            ("tell me how warm it is in the garden and how wet the soil of my plants may be", None),
            ("", None),
        ] {
            assert_eq!(name(query), expected, "{query}");
        }
    }
}
