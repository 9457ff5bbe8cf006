//! One measured thing, and what it stands beside.

use serde_json::{Map, Value as Json, json};

use super::samples::Times;
use super::units;

/// One measured thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What was measured; the same name may come at several sizes.
    pub name: String,
    /// At which size.
    pub at: Option<At>,
    /// How long it took.
    pub times: Option<Times>,
    /// What it must take at least.
    pub floor: Option<Floor>,
    /// Another thing of the same run.
    pub ratio: Option<Ratio>,
    /// Whatever else was found, the unit last in the name.
    pub figures: Vec<(&'static str, f64)>,
}

/// So many of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// How many.
    pub count: usize,
    /// Of what: `connections`, `at once`, `functions`.
    pub of: &'static str,
}

/// What something must take at least: bytes that must move and operations that must be done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Floor {
    /// Bytes that must be read or written.
    pub bytes: f64,
    /// Multiplications and additions.
    pub operations: f64,
    /// The longer of the two at the ceilings of this run, in microseconds.
    pub us: f64,
}

/// A thing beside another of the same run.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Name of the other.
    pub beside: &'static str,
    /// Its rate, as a share of the other's.
    pub per_second: f64,
    /// Its median time, as a multiple of the other's.
    pub p50: f64,
    /// By how much its median time exceeds the other's, in microseconds.
    pub p50_more_us: f64,
}

impl Ratio {
    /// One beside the other.
    pub fn of(own: &Times, other: &Times, beside: &'static str) -> Self {
        Self {
            beside,
            per_second: own.per_second / other.per_second,
            p50: own.p50_us / other.p50_us,
            p50_more_us: own.p50_us - other.p50_us,
        }
    }
}

impl Row {
    /// A row with its times.
    pub fn timed(name: impl Into<String>, times: Option<Times>) -> Self {
        Self { name: name.into(), times, ..Self::default() }
    }

    /// The same at a size.
    pub fn at(mut self, count: usize, of: &'static str) -> Self {
        self.at = Some(At { count, of });
        self
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &'static str, value: f64) {
        self.figures.push((name, value));
    }

    /// Puts it beside another, where both have times.
    pub fn beside(&mut self, other: &Row, beside: &'static str) {
        if let (Some(own), Some(other)) = (&self.times, &other.times) {
            self.ratio = Some(Ratio::of(own, other, beside));
        }
    }

    /// Name and size: `bare axum, 64 connections`.
    pub fn label(&self) -> String {
        match self.at {
            None => self.name.clone(),
            Some(At { count, of }) => format!("{}, {} {of}", self.name, units::whole(count)),
        }
    }

    /// What stands beside its times, for people.
    pub fn beside_text(&self) -> String {
        if let Some(Ratio { beside, per_second, p50, p50_more_us }) = &self.ratio {
            let sign = if *p50_more_us < 0.0 { '-' } else { '+' };
            return format!(
                "{per_second:.2} of the rate and {p50:.2} times the p50 ({sign}{}) of {beside}",
                units::time(p50_more_us.abs())
            );
        }
        match &self.floor {
            None => String::new(),
            Some(Floor { bytes, operations, us }) => format!(
                "floor {}: {}, {} operations",
                units::time(*us),
                units::bytes(*bytes),
                units::count(*operations)
            ),
        }
    }

    /// Its figures, for people.
    pub fn figures_text(&self) -> String {
        let each = self.figures.iter().map(|(name, value)| figure_text(name, *value));
        each.collect::<Vec<_>>().join(", ")
    }

    /// For programs.
    pub fn to_json(&self) -> Json {
        let mut row = Map::new();
        row.insert("name".into(), self.name.clone().into());
        if let Some(At { count, of }) = self.at {
            row.insert("at".into(), json!({"count": count, "of": of}));
        }
        if let Some(times) = self.times {
            row.insert("times".into(), times.to_json());
        }
        if let Some(Floor { bytes, operations, us }) = self.floor {
            row.insert("floor".into(), json!({"bytes": bytes, "operations": operations, "us": us}));
        }
        if let Some(Ratio { beside, per_second, p50, p50_more_us }) = &self.ratio {
            row.insert(
                "ratio".into(),
                json!({
                    "beside": beside,
                    "per_second": per_second,
                    "p50": p50,
                    "p50_more_us": p50_more_us,
                }),
            );
        }
        let figures: Map<String, Json> =
            self.figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        row.insert("figures".into(), figures.into());
        Json::Object(row)
    }
}

/// `resident 12.3 MB`: the unit that a name ends with is written as people write it.
fn figure_text(name: &str, value: f64) -> String {
    let words = |name: &str| name.replace('_', " ");
    if let Some(name) = name.strip_suffix("_bytes") {
        return format!("{} {}", words(name), units::bytes(value));
    }
    if let Some(name) = name.strip_suffix("_us") {
        return format!("{} {}", words(name), units::time(value));
    }
    if let Some(name) = name.strip_suffix("_ms") {
        return format!("{} {}", words(name), units::time(value * 1e3));
    }
    if name.starts_with("recall") || name.starts_with("found") {
        return format!("{} {value:.4}", words(name));
    }
    format!("{} {}", words(name), units::count(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(p50_us: f64, per_second: f64) -> Option<Times> {
        Some(Times { samples: 9, p50_us, p95_us: p50_us, p99_us: p50_us, per_second })
    }

    #[test]
    fn a_ratio_says_what_it_is_beside() {
        let bare = Row::timed("bare axum", times(100.0, 1000.0));
        let mut own = Row::timed("fixed answer", times(150.0, 800.0)).at(64, "connections");
        own.beside(&bare, "bare axum");
        let ratio = own.ratio.as_ref().unwrap();
        assert_eq!((ratio.per_second, ratio.p50, ratio.p50_more_us), (0.8, 1.5, 50.0));
        assert_eq!(own.label(), "fixed answer, 64 connections");
        assert_eq!(
            own.beside_text(),
            "0.80 of the rate and 1.50 times the p50 (+50.0 µs) of bare axum"
        );
        assert!(bare.ratio.is_none() && bare.beside_text().is_empty());
    }

    #[test]
    fn nothing_is_beside_what_was_not_measured() {
        let mut own = Row::timed("fixed answer", times(1.0, 1.0));
        own.beside(&Row::timed("bare axum", None), "bare axum");
        assert!(own.ratio.is_none());
        assert_eq!(own.to_json().get("ratio"), None);
    }

    #[test]
    fn figures_read_by_the_unit_in_their_name() {
        let mut row = Row::timed("build", None);
        row.figure("resident_bytes", 12_300_000.0);
        row.figure("index_ms", 1_500.0);
        row.figure("recall_at_10", 0.9987);
        row.figure("query_tokens", 11.5);
        row.figure("first_byte_us", 20.0);
        assert_eq!(
            row.figures_text(),
            "resident 12.3 MB, index 1.50 s, recall at 10 0.9987, query tokens 11.5, \
             first byte 20.0 µs"
        );
        assert_eq!(row.to_json()["figures"]["index_ms"], 1_500.0);
    }

    #[test]
    fn json_holds_what_there_is_and_no_more() {
        let row = Row { floor: Some(Floor::default()), ..Row::timed("distil", times(2.0, 3.0)) };
        let json = row.to_json();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["name", "times", "floor", "figures"]);
        assert_eq!(json["times"]["p50_us"], 2.0);
        assert_eq!(json["floor"]["operations"], 0.0);
    }
}
