//! What the rows of an ablation came to: a table, JSON, a page with a picture.

use serde_json::{Value as Json, json};

use crate::report::{
    Difference, Estimate, FailureKind, Group, Page, Refused, Table, bars, cut, stacks,
};

/// Characters of a reply that an example shows.
const SHOWN_CHARS_MAX: usize = 400;

/// Examples of each row.
const EXAMPLES_MAX: usize = 5;

/// Shares of a row's group.
pub const FUNCTIONS: &str = "right functions";
/// Replies that could be read as calls.
pub const READABLE: &str = "readable";
/// Tokens of right replies that decide something and are named, given all before them.
pub const DECIDING: &str = "deciding tokens";
/// The same of fixed text.
pub const FIXED: &str = "fixed tokens";
/// Rows that are right when the models are told which functions are called.
pub const GIVEN: &str = "right, functions given";

/// What a column of the table means.
const BESIDE: &str = "by how many points of a hundred more of the same rows of data are right than in \
                      the row that lacks this part, with the 95 % interval of pairs";

const SHARES: [&str; 5] = [FUNCTIONS, READABLE, DECIDING, FIXED, GIVEN];

/// A request that one row got wrong.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// What was asked.
    pub query: String,
    /// The calls that were wanted.
    pub wanted: String,
    /// What came instead.
    pub got: String,
}

/// One row.
#[derive(Clone, Debug, Default)]
pub struct RowScore {
    /// As it is typed.
    pub name: String,
    /// As tables have it.
    pub title: String,
    /// What it is.
    pub meaning: String,
    /// Rows of data by what came of them.
    pub group: Group,
    /// Whether each row of data is right, in their order.
    pub rights: Vec<bool>,
    /// Name of the row that it is compared with, which lacks one part.
    pub beside: Option<&'static str>,
    /// Seconds of its training; `None` where its weights are another row's, or nobody trained.
    pub seconds: Option<f64>,
    /// Some requests that went wrong.
    pub wrong: Vec<Wrong>,
}

impl RowScore {
    /// Keeps an example, while there is room.
    pub fn keep(&mut self, wrong: Wrong) {
        if self.wrong.len() < EXAMPLES_MAX {
            self.wrong.push(wrong);
        }
    }
}

/// An ablation.
#[derive(Clone, Debug, Default)]
pub struct AblationReport {
    /// Preset and name of the models.
    pub model: String,
    /// Rows of data that were scored, and where they come from.
    pub data: String,
    /// How rows were trained; empty where none was.
    pub training: String,
    /// The rows.
    pub rows: Vec<RowScore>,
    /// Rows that there are not, and why.
    pub absent: Vec<(String, String)>,
    /// Lines of the rows to score on that could not be used.
    pub refused: Refused,
}

impl AblationReport {
    fn table(&self) -> Table {
        let is_there = |name: &&str| self.rows.iter().any(|row| row.group.shared(name).is_some());
        let shares: Vec<&str> = SHARES.iter().copied().filter(is_there).collect();
        let mut head = vec!["", "rows", "right"];
        head.extend(&shares);
        head.extend(["beside", "p50", "injected", "chosen", "written", "copied", "trained"]);
        let mut table = Table::new(&head);
        for row in &self.rows {
            let (group, tokens) = (&row.group, &row.group.tokens);
            let mut cells =
                vec![row.title.clone(), group.rows.to_string(), Estimate::text(group.estimate())];
            cells.extend(shares.iter().map(|name| Estimate::text(group.shared(name))));
            cells.push(self.beside(row).map_or_else(
                || "-".to_owned(),
                |(other, difference)| format!("{} {}", other.name, difference.text()),
            ));
            cells.push(match group.latency.is_empty() {
                true => "-".to_owned(),
                false => group.latency.text(0.5),
            });
            let a_row = |count: usize| format!("{:.1}", count as f64 / tokens.rows.max(1) as f64);
            let kinds = [tokens.injected, tokens.chosen, tokens.sampled, tokens.copied];
            cells.extend(kinds.map(a_row));
            cells.push(row.seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.0} s")));
            table.row(cells);
        }
        table
    }

    /// The row that a row is compared with, and what it is worth beside it.
    fn beside(&self, row: &RowScore) -> Option<(&RowScore, Difference)> {
        let name = row.beside?;
        let other = self.rows.iter().find(|other| other.name == name)?;
        Some((other, Difference::paired(&row.rights, &other.rights)?))
    }

    /// The table, and what is not in it.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.model, self.data);
        if !self.training.is_empty() {
            text.push_str(&format!("{}\n", self.training));
        }
        text.push_str(&format!("\n{}\nbeside: {BESIDE}\n", self.table().to_text()));
        for row in &self.rows {
            text.push_str(&format!("{}: {}\n", row.title, row.meaning));
        }
        for (title, reason) in &self.absent {
            text.push_str(&format!("{title}: not here, {reason}\n"));
        }
        if !self.refused.is_empty() {
            text.push_str(&format!("\nrows to score on, {}", self.refused.to_text()));
        }
        text
    }

    /// The same for programs.
    pub fn to_json(&self) -> Json {
        let rows: Vec<Json> =
            self.rows
                .iter()
                .map(|row| {
                    let mut json = row.group.to_json();
                    json["name"] = row.name.clone().into();
                    json["title"] = row.title.clone().into();
                    json["meaning"] = row.meaning.clone().into();
                    json["trained_s"] = row.seconds.into();
                    json["beside"] = self.beside(row).map_or(Json::Null, |(other, difference)| {
                    json!({"row": other.name, "right": difference.to_json()})
                });
                    json
                })
                .collect();
        let absent: Vec<Json> = self
            .absent
            .iter()
            .map(|(title, reason)| json!({"title": title, "reason": reason}))
            .collect();
        json!({
            "model": self.model,
            "data": self.data,
            "training": self.training,
            "rows": rows,
            "absent": absent,
            "left_out": self.refused.to_json(),
        })
    }

    /// The same as a page.
    pub fn to_html(&self) -> String {
        let mut page = Page::new("hyfunc eval ablation");
        page.facts(&[
            ("models", self.model.clone()),
            ("data", self.data.clone()),
            ("training", self.training.clone()),
        ]);
        page.heading("What each part is worth");
        page.paragraph("Whiskers and brackets are 95 % intervals (Wilson's).");
        let of = |row: &RowScore| vec![row.group.estimate(), row.group.shared(DECIDING)];
        let rows: Vec<_> = self.rows.iter().map(|row| (row.title.clone(), of(row))).collect();
        page.picture(&bars("Rows of data that are right", &["right", DECIDING], &rows));
        page.table(&self.table());
        page.paragraph(&format!("Beside: {BESIDE}."));
        let names = FailureKind::ALL.map(FailureKind::name);
        let of = |row: &RowScore| (row.title.clone(), row.group.rows, row.group.failures.to_vec());
        let rows: Vec<_> = self.rows.iter().map(of).collect();
        page.picture(&stacks(
            "Rows of data that are wrong, by the first step that is",
            &names,
            &rows,
        ));
        let named: Vec<(&str, String)> =
            self.rows.iter().map(|row| (row.title.as_str(), row.meaning.clone())).collect();
        page.facts(&named);
        page.paragraph(
            "Tokens are means a row of data. Deciding tokens are values, what ends them, and \
             decisions of right replies, each named with all before it given.",
        );
        if !self.absent.is_empty() {
            page.heading("Rows that are not here");
            let absent: Vec<(&str, String)> =
                self.absent.iter().map(|(title, why)| (title.as_str(), why.clone())).collect();
            page.facts(&absent);
        }
        for row in self.rows.iter().filter(|row| !row.wrong.is_empty()) {
            page.heading(&format!("Some that went wrong: {}", row.title));
            for wrong in &row.wrong {
                page.facts(&[
                    ("asked", wrong.query.clone()),
                    ("wanted", cut(&wrong.wanted, SHOWN_CHARS_MAX)),
                    ("got", cut(&wrong.got, SHOWN_CHARS_MAX)),
                ]);
            }
        }
        page.heading("Lines left out");
        page.refused(&self.refused);
        page.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::FailureKind;

    #[test]
    fn rows_come_out_in_every_form_and_absent_ones_with_their_reason() {
        let mut group = Group::default();
        group.add(None);
        group.add(Some(FailureKind::Value));
        group.share(DECIDING, 3, 4);
        let mut row = RowScore { name: "base".into(), title: "base".into(), ..Default::default() };
        row.group = group;
        for at in 0..9 {
            let query = format!("<query {at}>");
            row.keep(Wrong { query, wanted: "f {}".into(), got: "no call".into() });
        }
        assert_eq!(row.wrong.len(), EXAMPLES_MAX);
        let mut refused = Refused::default();
        refused.add("an empty query", "row-7");
        let report = AblationReport {
            rows: vec![row],
            absent: vec![("+ soft token".into(), "it wants training".into())],
            refused,
            ..AblationReport::default()
        };
        let text = report.to_text();
        assert!(text.contains("50.0 %") && text.contains("75.0 %"), "{text}");
        assert!(text.contains("+ soft token: not here, it wants training"), "{text}");
        assert!(!text.contains(GIVEN), "a share that no row has is no column: {text}");
        assert!(text.contains("an empty query: row-7"), "{text}");
        let json = report.to_json();
        assert_eq!(json["left_out"]["an empty query"]["count"], 1);
        assert_eq!(json["rows"][0]["right"]["share"], 0.5);
        assert_eq!(json["rows"][0]["beside"], Json::Null, "there is none to compare it with");
        assert_eq!(json["absent"][0]["reason"], "it wants training");
        let html = report.to_html();
        assert!(html.contains("<svg") && html.contains("&lt;query 0&gt;"), "{html}");
        assert!(html.contains("value: 1 of 2"), "where it went wrong: {html}");
    }

    #[test]
    fn a_row_is_compared_with_the_one_that_lacks_a_part_where_it_is_there() {
        let row = |name: &str, beside, rights: &[bool]| {
            let mut row = RowScore { name: name.into(), title: name.into(), ..Default::default() };
            rights.iter().for_each(|right| row.group.add((!right).then_some(FailureKind::Value)));
            RowScore { rights: rights.to_vec(), beside, ..row }
        };
        let rows = vec![
            row("base", None, &[true, false, false, false]),
            row("retriever", Some("base"), &[true, true, true, false]),
            row("templates", Some("selective"), &[true; 4]),
        ];
        let report = AblationReport { rows, ..AblationReport::default() };
        let json = report.to_json();
        assert_eq!(json["rows"][1]["beside"]["row"], "base");
        assert_eq!(json["rows"][1]["beside"]["right"]["share"], 0.5);
        assert_eq!(json["rows"][1]["beside"]["right"]["gained"], 2);
        for alone in [0, 2] {
            assert_eq!(json["rows"][alone]["beside"], Json::Null);
        }
        let text = report.to_text();
        assert!(text.contains("base +50.0 [") && text.contains("beside: by how many"), "{text}");
    }
}
