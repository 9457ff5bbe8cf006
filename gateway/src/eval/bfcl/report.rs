//! What the rows of the benchmark came to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use hyfunc_training::bfcl::official::Verdict;
use hyfunc_training::bfcl::{Category, Miss, Row, Source};
use hyfunc_training::report::{
    Estimate, Example, Examples, Groups, Page, Refused, Table, bars, written,
};
use serde_json::{Map, Value as Json, json};

use super::Answered;

/// Ids of rows on which the two checkers do not agree that are listed.
const DISAGREEMENTS_MAX: usize = 20;

/// Scores by category, and the rows that went wrong.
#[derive(Clone, Debug, Default)]
pub struct BfclReport {
    /// Name of the models, or the file of predictions.
    pub model: String,
    /// The rows' file or folder.
    pub data: String,
    /// By category.
    pub groups: Groups,
    /// The worst rows, by where they went wrong.
    pub examples: Examples,
    /// Lines and rows that could not be used.
    pub refused: Refused,
    /// What the models refused to answer, by reason. Such rows count as rows without a call.
    pub unanswered: Refused,
    /// Rows that were scored by one right answer alone.
    pub strict: usize,
    /// Ids of rows that are right.
    pub right: BTreeSet<String>,
    /// What the benchmark's own checker says, if it was asked.
    pub official: Option<Official>,
}

/// A mean over categories, as the leaderboard takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mean {
    /// What it is of.
    pub name: &'static str,
    /// The mean.
    pub estimate: Estimate,
}

/// The benchmark's own checker over the same predictions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Official {
    /// Rows that it scored.
    pub rows: usize,
    /// Of these, those that it says are right.
    pub right: usize,
    /// Ids of the rows of which ours says otherwise.
    pub disagreements: Vec<String>,
}

impl Official {
    /// Compares its verdicts with ours.
    pub(super) fn compare(
        verdicts: &BTreeMap<String, Verdict>,
        rows: &[Row],
        right: &BTreeSet<String>,
    ) -> Self {
        let mut official = Self::default();
        for row in rows {
            let Some(verdict) = verdicts.get(&row.id) else { continue };
            official.rows += 1;
            official.right += usize::from(verdict.valid);
            if verdict.valid != right.contains(&row.id) {
                official.disagreements.push(row.id.clone());
            }
        }
        official
    }

    fn to_text(&self) -> String {
        let Self { rows, right, disagreements } = self;
        let mut text = format!("the benchmark's own checker: {right} of {rows} rows right; ");
        if disagreements.is_empty() {
            text.push_str("ours agrees on every row");
        } else {
            let some: Vec<&str> =
                disagreements.iter().take(DISAGREEMENTS_MAX).map(String::as_str).collect();
            let _ = write!(text, "ours differs on {}: {}", disagreements.len(), some.join(", "));
        }
        text
    }
}

impl BfclReport {
    pub(super) fn new(model: &str, data: &Path, refused: Refused) -> Self {
        let data = data.display().to_string();
        Self { model: model.to_owned(), data, refused, ..Self::default() }
    }

    /// Adds one row.
    pub(super) fn add(&mut self, row: &Row, answered: &Answered, outcome: Result<(), Miss>) {
        self.strict += usize::from(row.source == Source::OneAnswer);
        if let Some(reason) = &answered.refused {
            self.unanswered.add(reason.as_str(), row.id.as_str());
        }
        let group = self.groups.of(row.category.name());
        if let Some(took_us) = answered.took_us {
            group.latency.add(took_us);
        }
        if let Some(counts) = &answered.counts {
            group.tokens.add(counts);
        }
        group.add(outcome.as_ref().err().map(|miss| miss.kind));
        match outcome {
            Ok(()) => {
                self.right.insert(row.id.clone());
            }
            Err(miss) => self.examples.add(miss.kind.name(), example(row, answered, &miss)),
        }
    }

    /// The leaderboard's means, of those whose categories all have rows.
    pub fn means(&self) -> Vec<Mean> {
        let each = |categories: &[Category]| -> Option<Vec<Estimate>> {
            let of = |category: &Category| self.groups.get(category.name())?.estimate();
            categories.iter().map(of).collect()
        };
        let calls = |is_live: bool| -> Vec<Category> {
            let fits =
                |category: &Category| category.has_answers() && category.is_live() == is_live;
            Category::ALL.into_iter().filter(fits).collect()
        };
        let mut means = Vec::new();
        let mut push = |name, estimate: Option<Estimate>| {
            means.extend(estimate.map(|estimate| Mean { name, estimate }));
        };
        push("calls, mean of the four", each(&calls(false)).and_then(|all| Estimate::mean(&all)));
        // The leaderboard weighs live categories by their rows.
        push("live calls, all rows", each(&calls(true)).and_then(|all| pooled(&all)));
        let none = [Category::Irrelevance, Category::LiveIrrelevance];
        push("no call, mean of the two", each(&none).and_then(|all| Estimate::mean(&all)));
        means
    }

    fn means_table(&self) -> Table {
        let mut table = Table::new(&["", "rows", "right"]);
        for Mean { name, estimate } in self.means() {
            let right = Estimate::text(Some(estimate));
            table.row([name.to_owned(), estimate.count.to_string(), right]);
        }
        table
    }

    /// What a reader must know to read the figures right.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.strict > 0 {
            notes.push(format!(
                "{} rows were scored by the one answer of their file, which is stricter than the \
                 benchmark: for its own score, `pip install --no-deps bfcl-eval==2026.3.23` and \
                 give its folder bfcl_eval/data with --answers, or its Python with --python",
                self.strict
            ));
        }
        notes.extend(self.official.as_ref().map(Official::to_text));
        notes
    }

    /// Tables, notes, and what was left out.
    pub fn to_text(&self) -> String {
        let mut text = self.groups.to_text();
        let means = self.means_table();
        if !means.is_empty() {
            let _ = write!(text, "\n{}", means.to_text());
        }
        for note in self.notes() {
            let _ = writeln!(text, "\n{note}");
        }
        for (heading, refused) in [("unanswered", &self.unanswered), ("unread", &self.refused)] {
            if !refused.is_empty() {
                let _ = write!(text, "\n{heading} rows, {}", refused.to_text());
            }
        }
        text
    }

    /// The same for programs, with the worst examples.
    pub fn to_json(&self) -> Json {
        let (categories, total) = self.groups.to_json();
        let means = self.means().into_iter();
        let means = means.map(|mean| (mean.name.to_owned(), Estimate::json(Some(mean.estimate))));
        let official = self.official.as_ref().map(|official| {
            json!({
                "rows": official.rows,
                "right": official.right,
                "disagreements": official.disagreements,
            })
        });
        json!({
            "model": self.model,
            "data": self.data,
            "categories": categories,
            "total": total,
            "means": Json::Object(means.collect::<Map<_, _>>()),
            "rows_scored_by_one_answer": self.strict,
            "official_checker": official,
            "examples": self.examples.to_json(),
            "unanswered": self.unanswered.to_json(),
            "left_out": self.refused.to_json(),
        })
    }

    /// The same as a page.
    pub fn to_html(&self) -> String {
        let mut page = Page::new("hyfunc eval bfcl");
        page.facts(&[
            ("models", self.model.clone()),
            ("rows", self.data.clone()),
            ("functions", "each row's own: nothing is retrieved".to_owned()),
        ]);
        self.notes().iter().for_each(|note| page.paragraph(note));
        self.groups.write(&mut page);
        let means = self.means();
        if !means.is_empty() {
            page.heading("Means, as the leaderboard takes them");
            let rows: Vec<_> = means
                .iter()
                .map(|mean| (mean.name.to_owned(), vec![Some(mean.estimate)]))
                .collect();
            page.picture(&bars("Means over categories", &["right"], &rows));
            page.table(&self.means_table());
        }
        page.heading("The worst examples");
        page.paragraph("Those of which the models were surest come first.");
        page.examples(&self.examples);
        page.heading("Rows that the models refused");
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

/// All rows of several categories as one.
fn pooled(parts: &[Estimate]) -> Option<Estimate> {
    let right: f64 = parts.iter().map(|part| part.share * part.count as f64).sum();
    Estimate::of_sum(right, parts.iter().map(|part| part.count).sum())
}

fn example(row: &Row, answered: &Answered, miss: &Miss) -> Example {
    let offered: Vec<&str> = row.functions.iter().map(|function| function.name.as_str()).collect();
    let mut lines = vec![("accepted", accepted(row))];
    lines.push(match (&answered.refused, &answered.prediction) {
        (Some(reason), _) | (None, Err(reason)) => ("refused", reason.clone()),
        (None, Ok(calls)) => {
            let calls = calls.iter().map(|call| (call.name.as_str(), &call.arguments));
            ("got", written(&calls.collect::<Vec<_>>()))
        }
    });
    lines.push(("why", format!("{} ({})", miss.message, miss.error_type)));
    lines.push(("offered", offered.join(", ")));
    Example {
        id: row.id.clone(),
        group: row.category.name().to_owned(),
        query: row.query.clone(),
        lines,
        weight: answered.confidence,
    }
}

fn accepted(row: &Row) -> String {
    if row.answers.is_empty() {
        return "no call".into();
    }
    row.answers.iter().map(Json::to_string).collect::<Vec<_>>().join("; ")
}
