//! All that was measured, as text for people or as JSON; `page.rs` makes a page of it.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::ceiling::Ceilings;
use super::effort::Effort;
use super::machine::Machine;
use super::picture::Picture;
use super::row::Row;
use super::{Part, page, units};

/// Layout of the JSON; another number means that a field has gone or changed its meaning.
pub const VERSION: u32 = 1;

/// What one part found.
#[derive(Clone, Debug, PartialEq)]
pub struct PartReport {
    /// Which part.
    pub part: Part,
    /// What was done.
    pub about: String,
    /// How to read it.
    pub notes: Vec<String>,
    /// What was found.
    pub rows: Vec<Row>,
    /// What a page shows of it.
    pub pictures: Vec<Picture>,
}

/// What a run found, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// Name and SHA-256 of the models that serve.
    pub models: (String, String),
    /// What one core does at best.
    pub ceilings: Ceilings,
    /// How long each row was measured.
    pub effort: Effort,
    /// Part by part.
    pub parts: Vec<PartReport>,
}

impl Report {
    /// Tables.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.facts() {
            let _ = writeln!(text, "{name:<9} {value}");
        }
        for part in &self.parts {
            let _ = writeln!(text, "\n{}: {}\n", part.part.name(), part.about);
            table(&mut text, &part.rows);
            for note in &part.notes {
                let _ = writeln!(text, "  ({note})");
            }
        }
        text
    }

    /// For programs. `docs/bench.md` has its shape.
    pub fn to_json(&self) -> Json {
        let (iterations, duration_ms) = match self.effort {
            Effort::Iterations(times) => (Some(times), None),
            Effort::Duration(limit) => (None, Some(limit.as_millis() as u64)),
        };
        json!({
            "version": VERSION,
            "machine": self.machine.to_json(),
            "models": {"id": self.models.0, "sha256": self.models.1},
            "ceilings": self.ceilings.to_json(),
            "effort": {"iterations": iterations, "duration_ms": duration_ms},
            "parts": self.parts.iter().map(PartReport::to_json).collect::<Vec<_>>(),
        })
    }

    /// A page with the tables and their pictures, whole in one file.
    pub fn to_html(&self) -> String {
        page::page(self)
    }

    /// What must be known to read any number of it.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let effort = match self.effort {
            Effort::Iterations(times) => format!("{} times each row", units::whole(times)),
            Effort::Duration(limit) => {
                format!("{} each row", units::time(limit.as_secs_f64() * 1e6))
            }
        };
        let digest: String = self.models.1.chars().take(12).collect();
        let mut facts = vec![
            ("date", self.machine.date.clone()),
            ("machine", self.machine.hardware()),
            ("software", self.machine.software()),
            ("models", format!("{}, SHA-256 {digest}…", self.models.0)),
            ("ceilings", format!("one core: {}", self.ceilings.to_text())),
            ("measured", format!("{effort}, after a tenth of it to warm up")),
        ];
        if self.machine.build == "debug" {
            let warning = "a debug build: none of these numbers means anything; use --release";
            facts.push(("WARNING", warning.into()));
        }
        facts
    }
}

impl PartReport {
    fn to_json(&self) -> Json {
        json!({
            "part": self.part.name(),
            "about": self.about,
            "notes": self.notes,
            "rows": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
        })
    }
}

/// Titles of the columns of times.
pub(super) const COLUMNS: [&str; 4] = ["p50", "p95", "p99", "per second"];

/// A row's times as text; empty where it has none.
pub(super) fn cells(row: &Row) -> [String; 4] {
    row.times.map_or_else(Default::default, |times| {
        [
            units::time(times.p50_us),
            units::time(times.p95_us),
            units::time(times.p99_us),
            units::count(times.per_second),
        ]
    })
}

/// Rows with their times, and below each what it stands beside and what else was found.
fn table(text: &mut String, rows: &[Row]) {
    let longest = rows.iter().map(|row| row.label().chars().count()).max().unwrap_or(0);
    let [p50, p95, p99, rate] = COLUMNS;
    let blank = "";
    let _ = writeln!(text, "  {blank:<longest$} {p50:>10} {p95:>10} {p99:>10} {rate:>11}");
    for row in rows {
        let [p50, p95, p99, rate] = cells(row);
        let label = row.label();
        let line = format!("  {label:<longest$} {p50:>10} {p95:>10} {p99:>10} {rate:>11}");
        let _ = writeln!(text, "{}", line.trim_end());
        for more in [row.beside_text(), row.figures_text()] {
            if !more.is_empty() {
                let _ = writeln!(text, "      {more}");
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::{Scale, Times};

    /// A report of two rows, one beside the other.
    pub(in crate::bench) fn report() -> Report {
        let times = |p50_us| Times {
            samples: 7,
            p50_us,
            p95_us: 2.0 * p50_us,
            p99_us: 3.0 * p50_us,
            per_second: 12_345.0,
        };
        let bare = Row::timed("bare <axum>", Some(times(100.0))).at(64, "connections");
        let mut own = Row::timed("fixed answer", Some(times(150.0))).at(64, "connections");
        own.beside(&bare, "bare axum");
        own.figure("refused", 2.0);
        let rows = vec![bare, own];
        let p50 = |row: &Row| Some(row.times.as_ref()?.p50_us);
        let pictures = vec![Picture::lines("Times", Scale::Time, &rows, p50)];
        Report {
            machine: Machine {
                date: "2026-11-22T18:10:00Z".into(),
                cpu: "Some CPU".into(),
                cores: 2,
                memory_bytes: Some(8_000_000_000),
                load_1m: Some(0.25),
                system: "linux 6.1 x86_64".into(),
                build: "release",
                versions: vec![("hyfunc".into(), "0.1.0".into())],
            },
            models: ("hyfunc-tiny".into(), "0123456789abcdef".into()),
            ceilings: Ceilings { cached_bytes: 20e9, memory_bytes: 10e9, operations: 100e9 },
            effort: Effort::Duration(Duration::from_secs(3)),
            parts: vec![PartReport {
                part: Part::Http,
                about: "over sockets".into(),
                notes: vec!["how to read it".into()],
                rows,
                pictures,
            }],
        }
    }

    #[test]
    fn text_names_the_machine_and_every_row_with_what_it_is_beside() {
        let text = report().to_text();
        for part in [
            "2026-11-22T18:10:00Z",
            "Some CPU, 2 cores, 8.00 GB of memory, load 0.25, linux 6.1 x86_64",
            "hyfunc 0.1.0, release build",
            "hyfunc-tiny, SHA-256 0123456789ab…",
            "one core: copy 20.0 GB/s in cache, 10.0 GB/s through memory",
            "3.00 s each row, after a tenth of it",
            "http: over sockets",
            "fixed answer, 64 connections     150 µs     300 µs     450 µs      12.3 k",
            "1.00 of the rate and 1.50 times the p50 (+50.0 µs) of bare axum",
            "refused 2",
            "(how to read it)",
        ] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
        assert!(!text.contains("WARNING"), "{text}");
    }

    #[test]
    fn a_debug_build_says_that_its_numbers_mean_nothing() {
        let mut report = report();
        report.machine.build = "debug";
        assert!(report.to_text().contains("none of these numbers means anything"));
    }

    #[test]
    fn json_has_the_documented_shape() {
        let json = report().to_json();
        let keys = |json: &Json| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&json), ["version", "machine", "models", "ceilings", "effort", "parts"]);
        assert_eq!(json["version"], VERSION);
        assert_eq!(json["effort"], json!({"iterations": null, "duration_ms": 3000}));
        let part = &json["parts"][0];
        assert_eq!(keys(part), ["part", "about", "notes", "rows"]);
        let row = &part["rows"][1];
        assert_eq!(keys(row), ["name", "at", "times", "ratio", "figures"]);
        assert_eq!(row["at"], json!({"count": 64, "of": "connections"}));
        let times = ["samples", "p50_us", "p95_us", "p99_us", "per_second"];
        assert_eq!(keys(&row["times"]), times);
        assert_eq!(row["ratio"]["p50"], 1.5);
    }
}
