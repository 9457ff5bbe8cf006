//! Lines that could not be used: counted by reason, and listed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::text::plain;

/// Names of one reason's lines that text and pages list; JSON has all.
pub const LISTED_MAX: usize = 20;

/// Lines that were left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused(BTreeMap<String, Vec<String>>);

impl Refused {
    /// Adds one: why, and its id or line number.
    pub fn add(&mut self, reason: impl Into<String>, id: impl Into<String>) {
        self.0.entry(reason.into()).or_default().push(id.into());
    }

    /// Adds those of another file.
    pub fn merge(&mut self, other: Self) {
        for (reason, ids) in other.0 {
            self.0.entry(reason).or_default().extend(ids);
        }
    }

    /// Whether everything could be used.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were left out.
    pub fn total(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Reasons with the ids of their lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(reason, ids)| (reason.as_str(), ids.as_slice()))
    }

    /// One line a reason, the first ids behind it; empty where everything could be used.
    pub fn to_text(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut text = format!("left out: {}\n", self.total());
        for (reason, ids) in self.iter() {
            let _ = writeln!(text, "  {:>6}  {}: {}", ids.len(), plain(reason), listed(ids));
        }
        text
    }

    /// `{reason: {"count", "ids"}}`.
    pub fn to_json(&self) -> Json {
        let each = self
            .iter()
            .map(|(reason, ids)| (reason.to_owned(), json!({"count": ids.len(), "ids": ids})));
        Json::Object(each.collect::<Map<_, _>>())
    }
}

impl From<BTreeMap<String, Vec<String>>> for Refused {
    fn from(reasons: BTreeMap<String, Vec<String>>) -> Self {
        Self(reasons)
    }
}

/// The first ids, and how many there are besides.
pub(super) fn listed(ids: &[String]) -> String {
    let mut text = ids.iter().take(LISTED_MAX).map(|id| plain(id)).collect::<Vec<_>>().join(", ");
    if ids.len() > LISTED_MAX {
        let _ = write!(text, " and {} more", ids.len() - LISTED_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_out_silently() {
        let mut refused = Refused::default();
        assert_eq!((refused.to_text(), refused.to_json()), (String::new(), json!({})));
        (0..LISTED_MAX + 2).for_each(|line| refused.add("not JSON", format!("line {line}")));
        let mut other = Refused::default();
        other.add("an empty query", "a\u{1b}b");
        refused.merge(other);
        assert_eq!(refused.total(), LISTED_MAX + 3);
        let text = refused.to_text();
        assert!(text.starts_with(&format!("left out: {}\n", LISTED_MAX + 3)), "{text}");
        assert!(text.contains("line 19 and 2 more") && !text.contains("line 20"), "{text}");
        assert!(text.contains("a\u{fffd}b"), "{text}");
        let json = refused.to_json();
        assert_eq!(json["not JSON"]["ids"].as_array().map(Vec::len), Some(LISTED_MAX + 2));
    }
}
