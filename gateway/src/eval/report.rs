//! What an evaluation found, as text for people or as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::times::ms;
use super::{Call, Judged, Times};
use crate::pipeline::Step;

/// Counts over requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests.
    pub rows: usize,
    /// Of these, those that call the right functions.
    pub functions: usize,
    /// Of these, those whose every call is right.
    pub whole: usize,
    /// Functions of right answers, each once a request.
    pub wanted: usize,
    /// Of these, those among the candidates.
    pub found: usize,
}

impl Counts {
    fn add(&mut self, judged: &Judged) {
        self.rows += 1;
        self.functions += usize::from(judged.functions);
        self.whole += usize::from(judged.whole);
        self.wanted += judged.wanted;
        self.found += judged.found;
    }

    fn to_json(self) -> Json {
        json!({
            "rows": self.rows,
            "functions_right": self.functions,
            "whole_right": self.whole,
            "functions_wanted": self.wanted,
            "functions_among_candidates": self.found,
        })
    }
}

/// Counts, times, and the requests that went wrong.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By kind, in the order of their first request.
    pub kinds: Vec<(String, Counts)>,
    /// Over all.
    pub total: Counts,
    /// How long requests took.
    pub times: Times,
    /// Requests that were not answered right as a whole.
    pub failures: Vec<Judged>,
}

impl Report {
    /// Adds one request.
    pub fn add(&mut self, judged: Judged) {
        let kind = &judged.gold.kind;
        let at = self.kinds.iter().position(|(known, _)| known == kind).unwrap_or_else(|| {
            self.kinds.push((kind.clone(), Counts::default()));
            self.kinds.len() - 1
        });
        self.kinds[at].1.add(&judged);
        self.total.add(&judged);
        for (step, micros) in judged.timings.micros() {
            self.times.add(step, micros);
        }
        self.times.add_whole(judged.took_us);
        if !judged.whole {
            self.failures.push(judged);
        }
    }

    /// A table, and below it the requests that went wrong if they are wanted.
    pub fn to_text(&self, with_failures: bool) -> String {
        let mut text = format!(
            "{:<20}{:>6}{:>17}{:>17}{:>17}\n",
            "kind", "rows", "right functions", "right as a whole", "among candidates"
        );
        for (kind, counts) in &self.kinds {
            line(&mut text, kind, counts);
        }
        line(&mut text, "total", &self.total);
        let quantile = |micros: Option<u64>| ms(micros.unwrap_or_default());
        let _ = writeln!(
            text,
            "\nlatency: p50 {}, p95 {}",
            quantile(self.times.whole(0.5)),
            quantile(self.times.whole(0.95))
        );
        for step in Step::ALL {
            if let Some(micros) = self.times.step(step, 0.5) {
                let _ = writeln!(text, "  {:<9} p50 {:>10}", step.name(), ms(micros));
            }
        }
        if with_failures {
            self.failures.iter().for_each(|judged| failure(&mut text, judged));
        }
        text
    }

    /// The same for programs; times are in microseconds.
    pub fn to_json(&self, with_failures: bool) -> Json {
        let kinds: Map<String, Json> =
            self.kinds.iter().map(|(kind, counts)| (kind.clone(), counts.to_json())).collect();
        let steps: Map<String, Json> = Step::ALL
            .into_iter()
            .filter_map(|step| Some((step.name().to_owned(), self.times.step(step, 0.5)?.into())))
            .collect();
        let mut json = json!({
            "kinds": kinds,
            "total": self.total.to_json(),
            "latency_us": {"p50": self.times.whole(0.5), "p95": self.times.whole(0.95)},
            "steps_p50_us": steps,
        });
        if with_failures {
            json["failures"] = self.failures.iter().map(failure_json).collect();
        }
        json
    }
}

fn line(text: &mut String, name: &str, counts: &Counts) {
    let _ = writeln!(
        text,
        "{name:<20}{:>6}{:>17}{:>17}{:>17}",
        counts.rows,
        share(counts.functions, counts.rows),
        share(counts.whole, counts.rows),
        share(counts.found, counts.wanted),
    );
}

/// `17  85.0 %`; nothing of nothing is no share.
fn share(part: usize, all: usize) -> String {
    match all {
        0 => "-".into(),
        _ => format!("{part} {:>6.1} %", 100.0 * part as f64 / all as f64),
    }
}

fn failure(text: &mut String, judged: &Judged) {
    let gold = &judged.gold;
    let _ = writeln!(text, "\n{} ({}): {}", gold.id, gold.kind, gold.query);
    let _ = writeln!(text, "  wanted      {}", written(&gold.calls));
    match &judged.refused {
        Some(reason) => {
            let _ = writeln!(text, "  refused     {reason}");
        }
        None => {
            let _ = writeln!(text, "  got         {}", written(&judged.calls));
        }
    }
    let _ = writeln!(text, "  candidates  {}", judged.candidates.join(", "));
}

fn failure_json(judged: &Judged) -> Json {
    json!({
        "id": judged.gold.id,
        "kind": judged.gold.kind,
        "query": judged.gold.query,
        "wanted": judged.gold.calls,
        "got": judged.calls,
        "refused": judged.refused,
        "candidates": judged.candidates,
        "functions_right": judged.functions,
    })
}

/// Calls on one line: `f {"n":1}; g {}`.
pub(crate) fn written(calls: &[Call]) -> String {
    if calls.is_empty() {
        return "no call".into();
    }
    let each = calls.iter().map(|call| format!("{} {}", call.name, call.arguments));
    each.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Gold;
    use crate::pipeline::Timings;

    fn judged(kind: &str, whole: bool) -> Judged {
        Judged {
            gold: Gold {
                id: "a1".into(),
                kind: kind.into(),
                query: "how far?".into(),
                calls: vec![Call { name: "f".into(), arguments: json!({"n": 1}) }],
                accept: Vec::new(),
            },
            calls: Vec::new(),
            candidates: vec!["f".into()],
            refused: None,
            functions: whole,
            whole,
            wanted: 1,
            found: 1,
            took_us: 2_000,
            timings: Timings::default(),
        }
    }

    #[test]
    fn counts_are_by_kind_and_failures_only_on_demand() {
        let mut report = Report::default();
        for (kind, whole) in [("one", true), ("two", false), ("one", true)] {
            report.add(judged(kind, whole));
        }
        assert_eq!(report.kinds.len(), 2);
        assert_eq!((report.total.rows, report.total.whole, report.total.found), (3, 2, 3));
        let text = report.to_text(false);
        assert!(text.contains("66.7 %") && text.contains("p50 2.00 ms"), "{text}");
        assert!(!text.contains("how far?") && report.to_json(false).get("failures").is_none());
        let text = report.to_text(true);
        assert!(text.contains("a1 (two): how far?") && text.contains("no call"), "{text}");
        assert_eq!(report.to_json(true)["failures"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn a_share_of_nothing_is_not_shown() {
        assert_eq!(share(0, 0), "-");
        assert_eq!(share(1, 2), "1   50.0 %");
    }
}
