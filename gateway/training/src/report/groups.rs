//! Rows by what they are cases of: how many are right, where the others went wrong, what they cost.

use hyfunc_cascade::TokenCounts;
use serde_json::{Map, Value as Json, json};

use super::{Estimate, FailureCounts, FailureKind, Latency, Page, Table, bars, counts, stacks};

/// What rows of one kind came to.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Rows.
    pub rows: usize,
    /// Of these, those that are right as a whole.
    pub right: usize,
    /// Where the others went wrong.
    pub failures: FailureCounts,
    /// How long they took; empty where nobody measured.
    pub latency: Latency,
    /// Tokens by how they came about.
    pub tokens: Tokens,
    /// Further shares, in the order of their first row.
    shares: Vec<Share>,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    name: &'static str,
    part: usize,
    of: usize,
}

/// Tokens of many rows, by how they came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Rows that were counted.
    pub rows: usize,
    /// Query tokens read, once a candidate.
    pub prompt: usize,
    /// Injected from templates.
    pub injected: usize,
    /// Decisions between fixed alternatives.
    pub chosen: usize,
    /// Written one by one.
    pub sampled: usize,
    /// Slots that were copied from the query.
    pub copied: usize,
}

impl Tokens {
    /// Adds one row.
    pub fn add(&mut self, counts: &TokenCounts) {
        self.rows += 1;
        self.prompt += counts.prompt;
        self.injected += counts.injected;
        self.chosen += counts.chosen;
        self.sampled += counts.sampled;
        self.copied += counts.copied;
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.prompt += other.prompt;
        self.injected += other.injected;
        self.chosen += other.chosen;
        self.sampled += other.sampled;
        self.copied += other.copied;
    }

    fn to_json(self) -> Json {
        json!({
            "rows": self.rows,
            "prompt": self.prompt,
            "injected": self.injected,
            "chosen": self.chosen,
            "sampled": self.sampled,
            "copied": self.copied,
        })
    }

    /// Tokens a row, with one decimal; `-` where nothing was counted.
    fn a_row(&self, tokens: usize) -> String {
        match self.rows {
            0 => "-".into(),
            rows => format!("{:.1}", tokens as f64 / rows as f64),
        }
    }
}

impl Group {
    /// Adds a row: right, or wrong at a step.
    pub fn add(&mut self, wrong: Option<FailureKind>) {
        self.rows += 1;
        match wrong {
            None => self.right += 1,
            Some(kind) => self.failures.add(kind),
        }
    }

    /// Adds to a further share, such as `right functions`.
    pub fn share(&mut self, name: &'static str, part: usize, of: usize) {
        match self.shares.iter_mut().find(|share| share.name == name) {
            Some(share) => (share.part, share.of) = (share.part + part, share.of + of),
            None => self.shares.push(Share { name, part, of }),
        }
    }

    /// Share of rows that are right.
    pub fn estimate(&self) -> Option<Estimate> {
        Estimate::of(self.right, self.rows)
    }

    /// Steps at which rows go wrong first: how many, and their share of all rows.
    pub fn stages(&self) -> Vec<(FailureKind, usize, Option<Estimate>)> {
        let stage = |kind| (kind, self.failures.get(kind));
        let stages = FailureKind::ALL.into_iter().map(stage).filter(|(_, count)| *count > 0);
        stages.map(|(kind, count)| (kind, count, Estimate::of(count, self.rows))).collect()
    }

    /// A further share; `None` where no row was counted for it.
    pub fn shared(&self, name: &str) -> Option<Estimate> {
        let share = self.shares.iter().find(|share| share.name == name)?;
        Estimate::of(share.part, share.of)
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.right += other.right;
        self.failures.merge(&other.failures);
        self.latency.merge(&other.latency);
        self.tokens.merge(&other.tokens);
        for share in &other.shares {
            self.share(share.name, share.part, share.of);
        }
    }

    /// Everything, for programs.
    pub fn to_json(&self) -> Json {
        let shares = self.stages().into_iter();
        let shares = shares.map(|(kind, _, share)| (kind.name().to_owned(), Estimate::json(share)));
        let mut json = json!({
            "rows": self.rows,
            "right": Estimate::json(self.estimate()),
            "failures": self.failures.to_json(),
            "failure_shares": shares.collect::<Map<_, _>>(),
            "latency_us": self.latency.to_json(),
            "tokens": self.tokens.to_json(),
        });
        for share in &self.shares {
            json[share.name] = Estimate::json(Estimate::of(share.part, share.of));
        }
        json
    }
}

/// Groups by name, in the order of their first row.
#[derive(Clone, Debug, Default)]
pub struct Groups(Vec<(String, Group)>);

impl Groups {
    /// The group of that name, empty if it is new.
    pub fn of(&mut self, name: &str) -> &mut Group {
        let at = self.0.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.0.push((name.to_owned(), Group::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// The group of that name, if it has a row.
    pub fn get(&self, name: &str) -> Option<&Group> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, group)| group)
    }

    /// Every group with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.0.iter().map(|(name, group)| (name.as_str(), group))
    }

    /// All rows as one group.
    pub fn total(&self) -> Group {
        let mut total = Group::default();
        self.0.iter().for_each(|(_, group)| total.merge(group));
        total
    }

    /// Groups and, if there are several, their total.
    fn lines(&self) -> Vec<(&str, Group)> {
        let mut lines: Vec<(&str, Group)> =
            self.iter().map(|(name, group)| (name, group.clone())).collect();
        if lines.len() > 1 {
            lines.push(("total", self.total()));
        }
        lines
    }

    /// How many are right.
    pub fn accuracy(&self) -> Table {
        let total = self.total();
        let names: Vec<&str> = total.shares.iter().map(|share| share.name).collect();
        let mut head = vec!["", "rows", "right"];
        head.extend(&names);
        let mut table = Table::new(&head);
        for (name, group) in self.lines() {
            let mut cells =
                vec![name.to_owned(), group.rows.to_string(), Estimate::text(group.estimate())];
            cells.extend(names.iter().map(|name| Estimate::text(group.shared(name))));
            table.row(cells);
        }
        table
    }

    /// Where the others went wrong.
    pub fn wrong(&self) -> Table {
        let names = FailureKind::ALL.map(FailureKind::name);
        let mut head = vec!["", "wrong"];
        head.extend(names);
        let mut table = Table::new(&head);
        for (name, group) in self.lines() {
            let kinds = group.failures.to_vec().into_iter().map(|count| count.to_string());
            let cells = [name.to_owned(), group.failures.total().to_string()];
            table.row(cells.into_iter().chain(kinds));
        }
        table
    }

    /// Where all rows go wrong first, with intervals; a step at which none does has no line.
    pub fn stages(&self) -> Table {
        let mut table = Table::new(&["wrong first at", "rows", "of all rows"]);
        for (kind, count, estimate) in self.total().stages() {
            let cells = [kind.name().to_owned(), count.to_string(), Estimate::text(estimate)];
            table.row(cells);
        }
        table
    }

    /// What they cost: time, and tokens a row. Empty where nobody measured.
    pub fn cost(&self) -> Table {
        let head = ["", "p50", "p95", "p99", "read", "injected", "chosen", "sampled", "copied"];
        let mut table = Table::new(&head);
        for (name, group) in self.lines() {
            let (latency, tokens) = (&group.latency, &group.tokens);
            if latency.is_empty() {
                continue;
            }
            let times = [0.5, 0.95, 0.99].map(|share| latency.text(share));
            let kinds =
                [tokens.prompt, tokens.injected, tokens.chosen, tokens.sampled, tokens.copied];
            let cells = std::iter::once(name.to_owned()).chain(times);
            table.row(cells.chain(kinds.map(|kind| tokens.a_row(kind))));
        }
        table
    }

    /// The tables for a terminal, one below the other.
    pub fn to_text(&self) -> String {
        let mut text = self.accuracy().to_text();
        if self.total().failures.total() > 0 {
            text.push_str("\nwhere the others went wrong first\n");
            text.push_str(&self.wrong().to_text());
            text.push('\n');
            text.push_str(&self.stages().to_text());
        }
        let cost = self.cost();
        if !cost.is_empty() {
            text.push_str("\ntime, and tokens a row\n");
            text.push_str(&cost.to_text());
        }
        text
    }

    /// The tables as sections of a page, with their pictures.
    pub fn write(&self, page: &mut Page) {
        page.heading("How many are right");
        page.paragraph("Whiskers and brackets are 95 % intervals (Wilson's).");
        let rows: Vec<_> = self
            .lines()
            .into_iter()
            .map(|(name, group)| (name.to_owned(), vec![group.estimate()]))
            .collect();
        page.picture(&bars("Rows that are right as a whole", &["right"], &rows));
        page.table(&self.accuracy());
        if self.total().failures.total() > 0 {
            page.heading("Where the others go wrong first");
            let names = FailureKind::ALL.map(FailureKind::name);
            let rows: Vec<_> = self
                .lines()
                .into_iter()
                .map(|(name, group)| (name.to_owned(), group.rows, group.failures.to_vec()))
                .collect();
            page.picture(&stacks("Rows that are wrong, by the first step that is", &names, &rows));
            page.table(&self.wrong());
            let rows: Vec<_> = self
                .total()
                .stages()
                .into_iter()
                .map(|(kind, _, estimate)| (kind.name().to_owned(), vec![estimate]))
                .collect();
            page.picture(&bars(
                "Share of all rows, by the first step that is wrong",
                &["wrong"],
                &rows,
            ));
            page.table(&self.stages());
            let meanings = FailureKind::ALL.map(|kind| (kind.name(), kind.meaning().to_owned()));
            page.facts(&meanings);
        }
        if !self.cost().is_empty() {
            page.heading("What they cost");
            let buckets = self.total().latency.buckets();
            let rows: Vec<_> =
                buckets.into_iter().map(|(name, count)| (name, vec![count])).collect();
            page.picture(&counts("Rows by how long they took", &["rows"], &rows));
            page.table(&self.cost());
            page.paragraph(
                "Tokens are means a row: read are those of the query, once a candidate; injected \
                 came from templates, chosen are decisions between fixed spellings, sampled were \
                 written one by one, copied are slots that were taken from the query in one step.",
            );
        }
    }

    /// Groups by name, and their total under `total`.
    pub fn to_json(&self) -> (Json, Json) {
        let groups = self.iter().map(|(name, group)| (name.to_owned(), group.to_json()));
        (Json::Object(groups.collect::<Map<_, _>>()), self.total().to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Groups {
        let mut groups = Groups::default();
        for (name, wrong) in [
            ("one", None),
            ("two", Some(FailureKind::Value)),
            ("one", Some(FailureKind::Count)),
            ("one", None),
        ] {
            let group = groups.of(name);
            group.add(wrong);
            group.share("right functions", usize::from(wrong.is_none()), 1);
        }
        groups.of("one").latency.add(2_000);
        groups.of("one").tokens.add(&TokenCounts { injected: 3, copied: 1, ..Default::default() });
        groups
    }

    #[test]
    fn groups_add_up_to_their_total() {
        let groups = groups();
        let names: Vec<&str> = groups.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["one", "two"]);
        let total = groups.total();
        assert_eq!((total.rows, total.right, total.failures.total()), (4, 2, 2));
        assert_eq!(total.shared("right functions").map(|share| share.count), Some(4));
        assert_eq!(total.shared("unheard of"), None);
        assert_eq!(total.tokens.injected, 3);
        let (json, all) = groups.to_json();
        assert_eq!(json["one"]["rows"], 3);
        assert_eq!(all["failures"]["count"], 1);
        assert_eq!(all["right functions"]["of"], 4);
        assert_eq!(json["two"]["latency_us"], Json::Null);
        assert_eq!(all["failure_shares"]["count"]["share"], 0.25);
        assert_eq!(all["failure_shares"]["count"]["of"], 4);
        assert_eq!(all["failure_shares"].get("presence"), None);
    }

    #[test]
    fn tables_show_intervals_failures_and_cost() {
        let text = groups().to_text();
        for part in [
            "50.0 % [15.0, 85.0]",
            "right functions",
            "total",
            "2.00 ms",
            "call/no call",
            "25.0 % [4.6, 69.9]",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
        // A group that nobody timed has no line among the costs.
        assert_eq!(text.lines().filter(|line| line.starts_with("two")).count(), 2, "{text}");
        let mut page = Page::new("t");
        groups().write(&mut page);
        let html = page.finish();
        assert!(html.contains("<svg") && html.contains("50.0 % [15.0, 85.0]"), "{html}");
        assert!(html.contains("by the first step that is wrong"), "{html}");
        assert!(html.contains("25.0 % [4.6, 69.9]"), "{html}");
    }

    #[test]
    fn nothing_wrong_and_nothing_timed_is_not_shown() {
        let mut groups = Groups::default();
        groups.of("one").add(None);
        let text = groups.to_text();
        assert!(!text.contains("wrong") && !text.contains("p50"), "{text}");
        assert!(!text.contains("total"), "one group is its own total: {text}");
    }
}
