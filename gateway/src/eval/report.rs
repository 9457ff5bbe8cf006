//! What an evaluation found, as text for people, as JSON and as a page.

use std::fmt::Write as _;
use std::path::Path;

use hyfunc_training::report::{Example, Examples, FailureKind, Group, Groups, Page, Table, plain};
use hyfunc_training::soft::SoftToken;
use serde_json::{Map, Value as Json, json};

use super::times::ms;
use super::{Judged, Times, written};
use crate::pipeline::Step;

/// Counts, times, and the requests that went wrong.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Name of the models.
    pub model: String,
    /// The soft token that the small model read.
    pub soft: SoftToken,
    /// Functions of the library.
    pub functions: usize,
    /// By kind, in the order of their first request.
    pub groups: Groups,
    /// By plugin, of requests that say whose they are.
    pub plugins: Groups,
    /// How long the steps took.
    pub times: Times,
    /// The worst requests, by where they went wrong.
    pub examples: Examples,
    /// Requests that were not answered right as a whole.
    pub failures: Vec<Judged>,
}

impl Report {
    /// Adds one request.
    pub fn add(&mut self, judged: Judged) {
        // Equal calls of functions that are told apart by nothing else leave no step to name.
        let wrong = (!judged.whole).then(|| judged.wrong.unwrap_or(FailureKind::Function));
        count(self.groups.of(&judged.gold.kind), &judged, wrong);
        if let Some(plugin) = &judged.gold.plugin {
            count(self.plugins.of(plugin), &judged, wrong);
        }
        for (step, micros) in judged.timings.micros() {
            self.times.add(step, micros);
        }
        self.times.add_whole(judged.took_us);
        if let Some(kind) = wrong {
            self.examples.add(kind.name(), example(&judged));
            self.failures.push(judged);
        }
    }

    /// Plugins beside each other, where the requests are about several.
    fn by_plugin(&self) -> Option<[Table; 2]> {
        let mut plugins = self.plugins.iter();
        plugins.next().map(|_| [self.plugins.accuracy(), self.plugins.wrong()])
    }

    fn steps(&self) -> Table {
        let mut table = Table::new(&["step", "p50", "p95"]);
        for step in Step::ALL {
            let times = [0.5, 0.95].map(|share| self.times.step(step, share).map(ms));
            if let [Some(half), Some(most)] = times {
                table.row([step.name().to_owned(), half, most]);
            }
        }
        table
    }

    /// Tables, and below them the requests that went wrong if they are wanted.
    pub fn to_text(&self, with_failures: bool) -> String {
        let mut text = self.groups.to_text();
        if let Some([right, wrong]) = self.by_plugin() {
            let _ = write!(text, "\nby plugin\n{}\n{}", right.to_text(), wrong.to_text());
        }
        let steps = self.steps();
        if !steps.is_empty() {
            let _ = write!(text, "\n{}", steps.to_text());
        }
        if with_failures {
            self.failures.iter().for_each(|judged| failure(&mut text, judged));
        }
        text
    }

    /// The same for programs; times are in microseconds.
    pub fn to_json(&self, with_failures: bool) -> Json {
        let (kinds, total) = self.groups.to_json();
        let steps: Map<String, Json> = Step::ALL
            .into_iter()
            .filter_map(|step| Some((step.name().to_owned(), self.times.step(step, 0.5)?.into())))
            .collect();
        let mut json = json!({
            "model": self.model,
            "soft_token": self.soft.name(),
            "functions": self.functions,
            "kinds": kinds,
            "total": total,
            "latency_us": {"p50": self.times.whole(0.5), "p95": self.times.whole(0.95)},
            "steps_p50_us": steps,
        });
        if self.by_plugin().is_some() {
            json["plugins"] = self.plugins.to_json().0;
        }
        if with_failures {
            json["failures"] = self.failures.iter().map(failure_json).collect();
        }
        json
    }

    /// The same as a page, with the worst examples.
    pub fn to_html(&self, file: &Path) -> String {
        let mut page = Page::new("hyfunc eval requests");
        page.facts(&[
            ("models", self.model.clone()),
            ("requests", file.display().to_string()),
            ("functions", format!("{} of the loaded library; nothing is run", self.functions)),
            ("soft token", self.soft.name().to_owned()),
        ]);
        self.groups.write(&mut page);
        if let Some(tables) = self.by_plugin() {
            page.heading("By plugin");
            tables.iter().for_each(|table| page.table(table));
        }
        page.table(&self.steps());
        page.heading("The worst examples");
        page.paragraph("Those of which the models were surest come first.");
        page.examples(&self.examples);
        page.finish()
    }
}

fn count(group: &mut Group, judged: &Judged, wrong: Option<FailureKind>) {
    group.add(wrong);
    group.share("right functions", usize::from(judged.functions), 1);
    group.share("among candidates", judged.found, judged.wanted);
    group.latency.add(judged.took_us);
    group.tokens.add(&judged.counts);
}

/// What came instead of the right answer: a label and its text.
fn outcome(judged: &Judged) -> (&'static str, String) {
    match &judged.refused {
        Some(reason) => ("refused", reason.clone()),
        None => ("got", written(&judged.calls)),
    }
}

fn example(judged: &Judged) -> Example {
    Example {
        id: judged.gold.id.clone(),
        group: judged.gold.kind.clone(),
        query: judged.gold.query.clone(),
        lines: vec![
            ("wanted", written(&judged.gold.calls)),
            outcome(judged),
            ("candidates", judged.candidates.join(", ")),
        ],
        weight: judged.confidence,
    }
}

fn failure(text: &mut String, judged: &Judged) {
    let Example { id, group, query, lines, .. } = example(judged);
    let _ = writeln!(text, "\n{} ({}): {}", plain(&id), plain(&group), plain(&query));
    for (label, line) in lines {
        let _ = writeln!(text, "  {label:<11} {}", plain(&line));
    }
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
        "failure": judged.wrong.map(FailureKind::name),
    })
}

#[cfg(test)]
mod tests {
    use hyfunc_cascade::TokenCounts;

    use super::*;
    use crate::eval::{Call, Gold};
    use crate::pipeline::Timings;

    fn judged(kind: &str, whole: bool) -> Judged {
        Judged {
            gold: Gold {
                id: "a1".into(),
                kind: kind.into(),
                earlier: Vec::new(),
                plugin: (kind == "two").then(|| "tides".to_owned()),
                query: "how <far>?".into(),
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
            wrong: (!whole).then_some(FailureKind::Call),
            counts: TokenCounts { copied: 1, ..TokenCounts::default() },
            confidence: 0.5,
        }
    }

    #[test]
    fn counts_are_by_kind_and_failures_only_on_demand() {
        let mut report = Report::default();
        for (kind, whole) in [("one", true), ("two", false), ("one", true)] {
            report.add(judged(kind, whole));
        }
        let total = report.groups.total();
        assert_eq!(report.groups.iter().count(), 2);
        assert_eq!((total.rows, total.right, total.failures.get(FailureKind::Call)), (3, 2, 1));
        let text = report.to_text(false);
        for part in ["66.7 % [20.8, 93.9]", "2.00 ms", "right functions", "among candidates"] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        assert!(!text.contains("<far>") && report.to_json(false).get("failures").is_none());
        let text = report.to_text(true);
        assert!(text.contains("by plugin") && text.contains("tides"), "{text}");
        assert!(text.contains("a1 (two): how <far>?") && text.contains("no call"), "{text}");
        let json = report.to_json(true);
        assert_eq!(json["failures"].as_array().map(Vec::len), Some(1));
        assert_eq!(json["failures"][0]["failure"], "call/no call");
        assert_eq!(json["plugins"]["tides"]["rows"], 1);
        assert_eq!(json["total"]["among candidates"]["of"], 3);
        let html = report.to_html(Path::new("requests.jsonl"));
        assert!(html.contains("how &lt;far&gt;?") && !html.contains("<far>"), "{html}");
    }

    #[test]
    fn steps_that_were_timed_are_shown() {
        let mut report = Report::default();
        assert!(!report.to_text(false).contains("decode"));
        assert!(!report.to_text(false).contains("by plugin"));
        let mut one = judged("one", true);
        one.timings.add(Step::Decode, std::time::Duration::from_micros(1_500));
        report.add(one);
        assert!(report.to_text(false).contains("decode  1.50 ms"), "{}", report.to_text(false));
        assert_eq!(report.to_json(false)["steps_p50_us"]["decode"], 1_500);
    }
}
