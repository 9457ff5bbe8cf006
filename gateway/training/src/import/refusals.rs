//! Rows that were refused: counted by reason in memory, listed in a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::error::TrainingError;
use crate::report::plain;

/// Names of one reason's rows that are kept beside their count; the file has all.
pub const LISTED_MAX: usize = 5;

/// Characters of a name in the table.
const NAME_CHARS_MAX: usize = 60;

/// Why a row was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Not JSON, not UTF-8, or too long a line.
    NotJson,
    /// Of another shape than its format.
    Fields,
    /// Calls that cannot be read.
    Calls,
    /// An empty query.
    EmptyQuery,
    /// Parameters that no type stands for.
    Schema,
    /// A call of what is not on offer.
    UnknownFunction,
    /// Arguments that their function does not take.
    OffSchema,
    /// Too long a query.
    TooLong,
    /// Said before, with the same calls.
    Duplicate,
    /// Equal to a query of an evaluation set.
    Evaluated,
    /// Nearly equal to one.
    NearlyEvaluated,
    /// A later turn of a conversation.
    LaterTurn,
    /// Beyond what is kept.
    BeyondMax,
}

impl Reason {
    /// In words, as tables and lists have it.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotJson => "not a row of JSON",
            Self::Fields => "missing or misshapen fields",
            Self::Calls => "calls that cannot be read",
            Self::EmptyQuery => "an empty query",
            Self::Schema => "a function's parameters are no JSON Schema",
            Self::UnknownFunction => "calls a function that is not on offer",
            Self::OffSchema => "arguments off their schema",
            Self::TooLong => "a query that is too long",
            Self::Duplicate => "said before, with the same calls",
            Self::Evaluated => "equals a query of an evaluation set",
            Self::NearlyEvaluated => "nearly equals a query of an evaluation set",
            Self::LaterTurn => "a later turn of a conversation",
            Self::BeyondMax => "beyond the rows that are kept",
        }
    }
}

/// Count and first names of one reason's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: usize,
    /// The first ones.
    pub first: Vec<String>,
}

/// Counts by reason, and the list that grows beside them.
pub struct Refusals<'a> {
    counts: BTreeMap<Reason, Counted>,
    list: Option<(Box<dyn Write + 'a>, PathBuf)>,
}

impl std::fmt::Debug for Refusals<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refusals").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl<'a> Refusals<'a> {
    /// Counts alone.
    pub fn counted() -> Self {
        Self { counts: BTreeMap::new(), list: None }
    }

    /// Counts, and one JSON object a row written to `list`; `path` is named in errors.
    pub fn listed(list: impl Write + 'a, path: &Path) -> Self {
        Self { counts: BTreeMap::new(), list: Some((Box::new(list), path.to_owned())) }
    }

    /// Adds a row: its file, its line, its id if it has one, the reason, and what exactly.
    pub(super) fn add(
        &mut self,
        file: &str,
        line: usize,
        id: Option<&str>,
        reason: Reason,
        detail: &str,
    ) -> Result<(), TrainingError> {
        let counted = self.counts.entry(reason).or_default();
        counted.count += 1;
        if counted.first.len() < LISTED_MAX {
            counted.first.push(id.map_or_else(|| format!("line {line}"), str::to_owned));
        }
        let Some((list, path)) = &mut self.list else { return Ok(()) };
        let mut row = json!({"file": file, "line": line, "id": id, "reason": reason.text()});
        if !detail.is_empty() {
            row["detail"] = Json::from(detail);
        }
        writeln!(list, "{row}").map_err(TrainingError::file(path))
    }

    /// Ends the list.
    pub(super) fn finish(&mut self) -> Result<(), TrainingError> {
        let Some((list, path)) = &mut self.list else { return Ok(()) };
        list.flush().map_err(TrainingError::file(path))
    }

    /// Reasons with their counts and first rows.
    pub fn counts(&self) -> &BTreeMap<Reason, Counted> {
        &self.counts
    }

    /// Counts by reason, in words.
    pub fn by_text(&self) -> BTreeMap<String, usize> {
        self.counts.iter().map(|(reason, of)| (reason.text().to_owned(), of.count)).collect()
    }

    /// How many rows were refused.
    pub fn total(&self) -> usize {
        self.counts.values().map(|counted| counted.count).sum()
    }

    /// One line a reason, the first rows behind it; empty where every row was kept.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (reason, counted) in &self.counts {
            let first: Vec<String> = counted.first.iter().map(|name| short(name)).collect();
            let more = if counted.count > first.len() { ", …" } else { "" };
            let (reason, names) = (reason.text(), first.join(", "));
            let _ = writeln!(text, "  {:>9}  {reason}: {names}{more}", counted.count);
        }
        text
    }
}

fn short(name: &str) -> String {
    let name = plain(name);
    match name.char_indices().nth(NAME_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_counted_and_listed_and_memory_is_bounded() {
        let mut list = Vec::new();
        let mut refusals = Refusals::listed(&mut list, Path::new("refused.jsonl"));
        assert_eq!((refusals.total(), refusals.to_text()), (0, String::new()));
        for line in 1..=LISTED_MAX + 3 {
            refusals.add("a.jsonl", line, None, Reason::NotJson, "").unwrap();
        }
        refusals.add("b.jsonl", 1, Some("x\u{1b}"), Reason::OffSchema, "at `$.n`").unwrap();
        refusals.finish().unwrap();
        assert_eq!(refusals.total(), LISTED_MAX + 4);
        assert_eq!(refusals.counts()[&Reason::NotJson].first.len(), LISTED_MAX);
        let text = refusals.to_text();
        assert!(text.contains("8  not a row of JSON: line 1, line 2"), "{text}");
        assert!(text.contains("…") && !text.contains('\u{1b}'), "{text}");
        drop(refusals);
        let rows: Vec<Json> = String::from_utf8(list)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(rows.len(), LISTED_MAX + 4);
        assert_eq!(rows[1]["line"], 2);
        assert_eq!(rows.last().unwrap()["detail"], "at `$.n`");
    }

    #[test]
    fn a_list_that_cannot_be_written_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut refusals = Refusals::listed(Full, Path::new("run/refused.jsonl"));
        let error = refusals.add("a", 1, None, Reason::NotJson, "").unwrap_err();
        assert!(error.to_string().contains("run/refused.jsonl"), "{error}");
    }
}
