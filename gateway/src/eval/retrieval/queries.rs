//! Requests with the functions that answer them.

use std::path::Path;

use hyfunc_training::lines::Lines;
use hyfunc_training::report::Refused;
use hyfunc_training::sample::spread;
use serde::Deserialize;

use super::catalogue::Catalogue;
use crate::eval::EvalError;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub id: String,
    pub query: String,
    /// Places of its functions in the catalogue, each once.
    pub relevant: Vec<u32>,
}

/// Requests, and why others were left out.
#[derive(Debug, Default)]
pub(super) struct Queries {
    pub queries: Vec<Query>,
    pub refused: Refused,
}

#[derive(Deserialize)]
struct RawQuery {
    id: Option<String>,
    query: String,
    relevant: Vec<String>,
}

/// Reads `{"id", "query", "relevant": [names]}`, one a line. A request for a function that the
/// catalogue lacks is left out: no index could answer it whole.
pub(super) fn read(
    path: &Path,
    catalogue: &Catalogue,
    limit: Option<usize>,
) -> Result<Queries, EvalError> {
    let mut found = Queries::default();
    for line in Lines::open(path)? {
        let line = line?;
        let name = line.name();
        let read = line.text.map_err(str::to_owned).and_then(|text| {
            serde_json::from_str::<RawQuery>(&text)
                .map_err(|_| "not a request of id, query and relevant".to_owned())
        });
        match read {
            Err(reason) => found.refused.add(reason, name),
            Ok(raw) => {
                let id = raw.id.clone().unwrap_or(name);
                match query(&id, raw, catalogue) {
                    Ok(query) => found.queries.push(query),
                    Err(reason) => found.refused.add(reason, id),
                }
            }
        }
    }
    if let Some(limit) = limit {
        let all = &found.queries;
        found.queries = spread(all.len(), limit).map(|at| all[at].clone()).collect();
    }
    if found.queries.is_empty() {
        let (path, left_out) = (path.to_owned(), found.refused.to_text());
        return Err(EvalError::NoQuery { path, left_out });
    }
    Ok(found)
}

fn query(id: &str, raw: RawQuery, catalogue: &Catalogue) -> Result<Query, &'static str> {
    if raw.query.trim().is_empty() {
        return Err("an empty request");
    }
    let places = raw.relevant.iter().map(|name| catalogue.places.get(name).copied());
    let places: Option<Vec<u32>> = places.collect();
    let mut relevant = places.ok_or("a request for a function that the catalogue lacks")?;
    relevant.sort_unstable();
    relevant.dedup();
    if relevant.is_empty() {
        return Err("a request without a relevant function");
    }
    Ok(Query { id: id.to_owned(), query: raw.query, relevant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_kept_or_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queries.jsonl");
        let mut catalogue = Catalogue::default();
        for (name, place) in [("f", 0), ("g", 1)] {
            catalogue.places.insert(name.into(), place);
        }
        let write = |lines: &[&str]| std::fs::write(&path, lines.join("\n")).unwrap();
        write(&[
            r#"{"id": "a", "query": "q", "relevant": ["g", "f", "g"], "more": 1}"#,
            r#"{"query": "q", "relevant": ["f"]}"#,
            r#"{"id": "b", "query": " ", "relevant": ["f"]}"#,
            r#"{"id": "c", "query": "q", "relevant": []}"#,
            r#"{"id": "d", "query": "q", "relevant": ["f", "h"]}"#,
            "[]",
        ]);
        let found = read(&path, &catalogue, None).unwrap();
        let kept: Vec<_> =
            found.queries.iter().map(|q| (q.id.as_str(), q.relevant.len())).collect();
        assert_eq!(kept, [("a", 2), ("line 2", 1)]);
        let refused: Vec<_> =
            found.refused.iter().flat_map(|(_, ids)| ids).map(String::as_str).collect();
        assert_eq!(refused, ["d", "c", "b", "line 6"]);
        assert_eq!(read(&path, &catalogue, Some(1)).unwrap().queries.len(), 1);
        write(&["[]"]);
        let error = read(&path, &catalogue, None).unwrap_err().to_string();
        assert!(error.contains("queries.jsonl") && error.contains("left out: 1"), "{error}");
    }
}
