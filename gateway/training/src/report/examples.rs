//! The worst examples: what to read first.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::text::{cut, plain};

/// Examples that are kept under one heading.
pub const EXAMPLES_PER_HEADING_MAX: usize = 12;

/// Characters of one line of an example that are kept.
const LINE_CHARS_MAX: usize = 1_000;

/// A row that went wrong.
#[derive(Clone, Debug)]
pub struct Example {
    /// Of the row.
    pub id: String,
    /// Group of rows that it belongs to.
    pub group: String,
    /// What was asked.
    pub query: String,
    /// What to read about it: a label and its text, in order.
    pub lines: Vec<(&'static str, String)>,
    /// How bad it is: how sure the models were, or how far off.
    pub weight: f32,
}

/// Some of the rows that went wrong, the worst ones, by heading.
#[derive(Clone, Debug, Default)]
pub struct Examples(Vec<Heading>);

#[derive(Clone, Debug)]
struct Heading {
    name: String,
    total: usize,
    /// Worst first.
    kept: Vec<Example>,
}

impl Examples {
    /// Adds a row. It is kept if it is among the worst under its heading.
    pub fn add(&mut self, heading: &str, mut example: Example) {
        example.query = cut(&example.query, LINE_CHARS_MAX);
        example.lines.iter_mut().for_each(|(_, text)| *text = cut(text, LINE_CHARS_MAX));
        let at = self.0.iter().position(|known| known.name == heading).unwrap_or_else(|| {
            self.0.push(Heading { name: heading.to_owned(), total: 0, kept: Vec::new() });
            self.0.len() - 1
        });
        let heading = &mut self.0[at];
        heading.total += 1;
        // Those that are as bad stay in the order of the file.
        let place = heading.kept.partition_point(|kept| kept.weight >= example.weight);
        heading.kept.insert(place, example);
        heading.kept.truncate(EXAMPLES_PER_HEADING_MAX);
    }

    /// Headings, how many rows each is of, and the worst of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, usize, &[Example])> {
        self.0.iter().map(|heading| (heading.name.as_str(), heading.total, heading.kept.as_slice()))
    }

    /// Whether nothing went wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For terminals.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (heading, total, kept) in self.iter() {
            let _ =
                writeln!(text, "\n{}: {} of {total}, the worst first", plain(heading), kept.len());
            for example in kept {
                let (id, group) = (plain(&example.id), plain(&example.group));
                let _ = writeln!(text, "\n{id} ({group}): {}", plain(&example.query));
                for (label, line) in &example.lines {
                    let _ = writeln!(text, "  {label:<11} {}", plain(line));
                }
            }
        }
        text
    }

    /// `{heading: {"total", "worst": [{"id", "group", "query", …}]}}`.
    pub fn to_json(&self) -> Json {
        let each = self.iter().map(|(heading, total, kept)| {
            let worst: Vec<Json> = kept.iter().map(example_json).collect();
            (heading.to_owned(), json!({"total": total, "worst": worst}))
        });
        Json::Object(each.collect::<Map<_, _>>())
    }
}

fn example_json(example: &Example) -> Json {
    let mut object = Map::new();
    for (key, text) in [("id", &example.id), ("group", &example.group), ("query", &example.query)] {
        object.insert(key.to_owned(), Json::from(text.as_str()));
    }
    for (label, line) in &example.lines {
        object.insert((*label).to_owned(), Json::from(line.as_str()));
    }
    Json::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(id: usize, weight: f32) -> Example {
        Example {
            id: format!("row{id:02}"),
            group: "g".into(),
            query: "q\u{7}".repeat(LINE_CHARS_MAX),
            lines: vec![("wanted", "f {}".into())],
            weight,
        }
    }

    #[test]
    fn the_worst_are_kept_and_all_are_counted() {
        let mut examples = Examples::default();
        assert!(examples.is_empty());
        let count = EXAMPLES_PER_HEADING_MAX + 5;
        (0..count).for_each(|id| examples.add("value", example(id, id as f32 % 4.0)));
        examples.add("count", example(99, f32::NAN));
        let headings: Vec<_> =
            examples.iter().map(|(name, total, kept)| (name, total, kept.len())).collect();
        assert_eq!(headings, [("value", count, EXAMPLES_PER_HEADING_MAX), ("count", 1, 1)]);
        let kept = examples.iter().next().unwrap().2;
        assert_eq!((kept[0].id.as_str(), kept[1].id.as_str()), ("row03", "row07"));
        assert!(kept.iter().all(|kept| kept.query.chars().count() < LINE_CHARS_MAX + 40));
        assert!(!examples.to_text().contains('\u{7}'));
        assert_eq!(examples.to_json()["value"]["worst"][0]["wanted"], json!("f {}"));
    }
}
