//! `hyfunc eval rows`: rows that bring their own functions, decoded and judged.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use hyfunc_cascade::config::CascadeConfig;
use serde_json::{Value as Json, json};

use crate::data;
use crate::error::TrainingError;
use crate::eval::{Judge, Judged, Tally};
use crate::load;
use crate::report::{
    Example, Examples, FailureKind, Groups, NamedCall, Page, Refused, classify, same_functions,
    written,
};
use crate::run;
use crate::soft::{Control, SoftToken};

/// How rows are decoded.
#[derive(Clone, Debug, Default)]
pub struct RowsOptions {
    /// Folder of the models; the shipped ones if none.
    pub models: Option<PathBuf>,
    /// Where one line a row is written, `{"id", "result": [{"name", "arguments"}], "whole"}`, which
    /// BFCL's checker reads.
    pub out: Option<PathBuf>,
    /// The soft token that the small model reads.
    pub soft: SoftToken,
    /// Whether the models are told which functions are called, and only fill them; rows that call
    /// nothing are left out then.
    pub is_given: bool,
}

/// What rows came to.
#[derive(Clone, Debug, Default)]
pub struct RowsReport {
    /// How they were decoded.
    pub options: RowsOptions,
    /// Counts over all rows.
    pub tally: Tally,
    /// The same by how many calls a row wants.
    pub groups: Groups,
    /// The worst rows, by where they went wrong.
    pub examples: Examples,
    /// Lines that could not be used.
    pub refused: Refused,
    /// Name of the models.
    pub model: String,
}

/// Judges a file of rows.
///
/// # Errors
/// Rows or models that cannot be read, or an answer file that cannot be written.
pub fn rows(path: &Path, options: &RowsOptions) -> Result<RowsReport, TrainingError> {
    let tiny = load::models(options.models.as_deref())?;
    let mut import = data::import(path)?;
    if options.is_given {
        import.rows.retain(|row| !row.calls.is_empty());
    }
    let judge = Judge::new(&tiny, CascadeConfig::default())?;
    let mut judge = judge.controlled(Control::new(options.soft), options.is_given);
    let bar = run::bar("rows", import.rows.len(), 0);
    let mut report = RowsReport {
        options: options.clone(),
        refused: Refused::from(import.refused),
        model: tiny.config.id.clone(),
        ..RowsReport::default()
    };
    let mut lines = Vec::new();
    let tally = judge.tally(&import.rows, &mut |judged| {
        lines.push(line(judged));
        report.add(judged);
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    report.tally = tally;
    if let Some(out) = &options.out {
        let mut file = std::fs::File::create(out).map_err(TrainingError::file(out))?;
        for line in lines {
            writeln!(file, "{line}").map_err(TrainingError::file(out))?;
        }
    }
    Ok(report)
}

fn line(judged: &Judged<'_>) -> Json {
    let call = |(name, arguments): &(String, Json)| json!({"name": name, "arguments": arguments});
    let result: Vec<Json> = judged.calls.iter().map(call).collect();
    json!({"id": judged.row.id, "result": result, "whole": judged.whole})
}

impl RowsReport {
    /// Adds one row.
    fn add(&mut self, judged: &Judged<'_>) {
        let row = judged.row;
        let wanted = row.wanted();
        let wanted: Vec<NamedCall<'_>> = wanted.iter().map(|(name, json)| (*name, json)).collect();
        let found: Vec<NamedCall<'_>> =
            judged.calls.iter().map(|(name, json)| (name.as_str(), json)).collect();
        let wrong = match (judged.whole, &judged.refused) {
            (true, _) => None,
            (false, Some(_)) => Some(FailureKind::Refused),
            // Equal names of different functions alone can leave nothing to tell apart.
            (false, None) => classify(&wanted, &found, |_| true).or(Some(FailureKind::Function)),
        };
        let name = match wanted.len() {
            0 => "no call",
            1 => "one call",
            _ => "several calls",
        };
        let group = self.groups.of(name);
        group.add(wrong);
        group.share("right functions", usize::from(same_functions(&wanted, &found)), 1);
        group.latency.add(judged.took_us);
        group.tokens.add(&judged.counts);
        if let Some(kind) = wrong {
            let mut lines = vec![("wanted", written(&wanted))];
            match &judged.refused {
                Some(reason) => lines.push(("refused", reason.clone())),
                None => lines.push(("got", written(&found))),
            }
            let example = Example {
                id: row.id.clone(),
                group: name.to_owned(),
                query: row.query.clone(),
                lines,
                weight: judged.confidence,
            };
            self.examples.add(kind.name(), example);
        }
    }

    /// Tables, and what was left out.
    pub fn to_text(&self) -> String {
        let right = self.tally.calls_right;
        let mut text = self.groups.to_text();
        text.push_str(&format!(
            "\nright arguments: {right} of {} calls whose functions are right\n",
            self.tally.calls
        ));
        if !self.refused.is_empty() {
            text.push('\n');
            text.push_str(&self.refused.to_text());
        }
        text
    }

    /// Where the functions come from, in words.
    fn functions(&self) -> &'static str {
        match self.options.is_given {
            false => "each row's own: nothing is retrieved",
            true => "those that each row calls: only values and the count of calls are decided",
        }
    }

    /// The same for programs, with the worst examples.
    pub fn to_json(&self) -> Json {
        let (groups, total) = self.groups.to_json();
        json!({
            "model": self.model,
            "soft_token": self.options.soft.name(),
            "functions_given": self.options.is_given,
            "groups": groups,
            "total": total,
            "calls_right": self.tally.calls_right,
            "calls_of_rows_with_right_functions": self.tally.calls,
            "examples": self.examples.to_json(),
            "left_out": self.refused.to_json(),
        })
    }

    /// The same as a page.
    pub fn to_html(&self, file: &Path) -> String {
        let mut page = Page::new("hyfunc eval rows");
        page.facts(&[
            ("models", self.model.clone()),
            ("rows", file.display().to_string()),
            ("functions", self.functions().to_owned()),
            ("soft token", self.options.soft.name().to_owned()),
        ]);
        self.groups.write(&mut page);
        page.heading("The worst examples");
        page.examples(&self.examples);
        page.heading("Lines left out");
        page.refused(&self.refused);
        page.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyfunc_cascade::TokenCounts;
    use hyfunc_functions::schema::function_from_schema;

    use super::*;
    use crate::data::Row;

    fn row(calls: usize) -> Row {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        let arguments = json!({"n": 1}).as_object().cloned().unwrap();
        Row {
            id: format!("row{calls}"),
            query: "how <many>?".into(),
            functions: vec![Arc::new(function_from_schema("f", "", &schema).unwrap())],
            calls: vec![(0, arguments); calls],
            is_unmet: false,
        }
    }

    fn judged<'a>(row: &'a Row, n: &[i64], whole: bool, refused: Option<&str>) -> Judged<'a> {
        Judged {
            row,
            calls: n.iter().map(|n| ("f".to_owned(), json!({"n": n}))).collect(),
            whole,
            refused: refused.map(str::to_owned),
            counts: TokenCounts { injected: 4, ..TokenCounts::default() },
            took_us: 3_000,
            confidence: 0.5,
        }
    }

    #[test]
    fn rows_are_grouped_by_their_calls_and_failures_by_their_step() {
        let rows = [row(0), row(1), row(2)];
        let mut report = RowsReport::default();
        for (row, n, whole, refused) in [
            (&rows[0], vec![], true, None),
            (&rows[0], vec![1], false, None),
            (&rows[1], vec![1], true, None),
            (&rows[1], vec![2], false, None),
            (&rows[1], vec![], false, Some("the query has 999 tokens")),
            (&rows[2], vec![1], false, None),
        ] {
            report.add(&judged(row, &n, whole, refused));
        }
        let group = |name: &str| report.groups.get(name).cloned().unwrap_or_default();
        let (none, one, several) = (group("no call"), group("one call"), group("several calls"));
        assert_eq!((none.rows, none.right, none.failures.get(FailureKind::Call)), (2, 1, 1));
        assert_eq!((one.rows, one.right, one.failures.get(FailureKind::Value)), (3, 1, 1));
        assert_eq!(one.failures.get(FailureKind::Refused), 1);
        assert_eq!(several.failures.get(FailureKind::Count), 1);
        let text = report.to_text();
        assert!(text.contains("right functions") && text.contains("3.00 ms"), "{text}");
        let html = report.to_html(Path::new("<rows>.jsonl"));
        assert!(html.contains("how &lt;many&gt;?") && !html.contains("<many>"), "{html}");
        assert!(html.contains("999 tokens") && html.contains("&lt;rows&gt;.jsonl"), "{html}");
        assert_eq!(report.to_json()["total"]["rows"], 6);
    }
}
