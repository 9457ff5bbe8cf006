//! The grammar of a function's doc comment.
//!
//! ```text
//! Finds a city by its name.
//!
//! @param name   the city's name, in any language
//! @default limit 5
//! @example "where is Paris?" {"name": "Paris"}
//! @reply "{{ name }} is in {{ country }}."
//! ```
//!
//! A tag starts its line and ends at the next tag or at an empty line.

use serde_json::Value as Json;

use super::ExampleDocs;
use crate::names::to_snake;

/// Most tags of one comment; each is compared with those before it.
const TAGS_MAX: usize = 1_000;

/// A comment, taken apart. Parameters are in snake case.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Comment {
    pub(super) summary: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) defaults: Vec<(String, Json)>,
    pub(super) examples: Vec<ExampleDocs>,
    pub(super) reply: Option<String>,
}

/// Takes a comment apart; the error says what is wrong, and what to write.
pub(super) fn parse(text: &str) -> Result<Comment, String> {
    let (paragraphs, tags) = split(text);
    if tags.len() > TAGS_MAX {
        return Err(format!("it has {} tags, and at most {TAGS_MAX} are read", tags.len()));
    }
    let mut comment = Comment { summary: paragraphs.join("\n"), ..Comment::default() };
    for tag in tags {
        comment.add(&tag)?;
    }
    Ok(comment)
}

/// The text with every paragraph on one line: for comments without tags.
pub(super) fn plain(text: &str) -> String {
    let (mut paragraphs, tags) = split(text);
    paragraphs.extend(tags);
    paragraphs.join("\n")
}

/// Paragraphs and tags, each on one line.
fn split(text: &str) -> (Vec<String>, Vec<String>) {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut tags: Vec<String> = Vec::new();
    let (mut in_tag, mut in_paragraph) = (false, false);
    for line in text.lines().map(str::trim) {
        let block = if line.is_empty() {
            (in_tag, in_paragraph) = (false, false);
            continue;
        } else if line.starts_with('@') {
            (in_tag, in_paragraph) = (true, false);
            tags.push(line.to_owned());
            continue;
        } else if in_tag {
            tags.last_mut()
        } else if in_paragraph {
            paragraphs.last_mut()
        } else {
            in_paragraph = true;
            paragraphs.push(line.to_owned());
            continue;
        };
        if let Some(block) = block {
            block.push(' ');
            block.push_str(line);
        }
    }
    (paragraphs, tags)
}

/// The first word and the rest.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

impl Comment {
    fn add(&mut self, tag: &str) -> Result<(), String> {
        let (kind, rest) = word(tag);
        match kind {
            "@param" => self.add_param(rest),
            "@default" => self.add_default(rest),
            "@example" => self.add_example(rest),
            "@reply" => self.add_reply(rest),
            _ => Err(format!("`{kind}` is no tag: use @param, @default, @example or @reply")),
        }
    }

    fn add_param(&mut self, rest: &str) -> Result<(), String> {
        let (name, text) = word(rest);
        if name.is_empty() || text.is_empty() {
            return Err(format!("`@param {rest}` says nothing: write `@param name text`"));
        }
        let name = to_snake(name);
        if self.params.iter().any(|(other, _)| *other == name) {
            return Err(format!("there are two `@param {name}`: make them one"));
        }
        self.params.push((name, text.to_owned()));
        Ok(())
    }

    fn add_default(&mut self, rest: &str) -> Result<(), String> {
        let (name, value) = word(rest);
        let value = serde_json::from_str(value).map_err(|error| {
            format!("`@default {rest}` has no JSON value ({error}): write such as `@default name \"text\"`")
        })?;
        let name = to_snake(name);
        if self.defaults.iter().any(|(other, _)| *other == name) {
            return Err(format!("there are two `@default {name}`: leave one out"));
        }
        self.defaults.push((name, value));
        Ok(())
    }

    fn add_example(&mut self, rest: &str) -> Result<(), String> {
        let usage = |found: String| {
            format!(
                "`@example {rest}`: {found}: write `@example \"utterance\" {{\"name\": value}}`"
            )
        };
        let values: Result<Vec<Json>, _> =
            serde_json::Deserializer::from_str(rest).into_iter().collect();
        let values = values.map_err(|error| usage(format!("this is not JSON ({error})")))?;
        let mut values = values.into_iter();
        let (utterance, arguments) = match (values.next(), values.next(), values.next()) {
            (Some(Json::String(utterance)), Some(Json::Object(arguments)), None) => {
                (utterance, arguments)
            }
            (Some(Json::String(utterance)), None, None) => (utterance, serde_json::Map::new()),
            _ => return Err(usage("it wants a string, then an object".to_owned())),
        };
        if utterance.trim().is_empty() {
            return Err(usage("the utterance is empty".to_owned()));
        }
        self.examples.push(ExampleDocs { utterance, arguments });
        Ok(())
    }

    fn add_reply(&mut self, rest: &str) -> Result<(), String> {
        let template: String = serde_json::from_str(rest).map_err(|error| {
            format!("`@reply {rest}` has no quoted template ({error}): write `@reply \"It is {{{{ result }}}}.\"`")
        })?;
        if self.reply.replace(template).is_some() {
            return Err("there are two `@reply`: leave one out".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_tag() {
        let text = "Finds a city\nby its name.\n\nSecond paragraph.\n\n\
            @param name the name,\n  in any language\n@param max-count how many\n\
            @default max-count 5\n@example \"where is \\\"Paris\\\"?\" {\"name\": \"Paris\",\n \"max_count\": 1}\n\
            @example \"list\"\n@reply \"{{ name }} is at {{ latitude }}°.\"\n\nLast words.";
        let comment = parse(text).unwrap();
        assert_eq!(comment.summary, "Finds a city by its name.\nSecond paragraph.\nLast words.");
        assert_eq!(
            comment.params,
            [
                ("name".to_owned(), "the name, in any language".to_owned()),
                ("max_count".to_owned(), "how many".to_owned())
            ]
        );
        assert_eq!(comment.defaults, [("max_count".to_owned(), json!(5))]);
        assert_eq!(comment.examples.len(), 2);
        assert_eq!(comment.examples[0].utterance, "where is \"Paris\"?");
        assert_eq!(
            Json::Object(comment.examples[0].arguments.clone()),
            json!({"name": "Paris", "max_count": 1})
        );
        assert!(comment.examples[1].arguments.is_empty());
        assert_eq!(comment.reply.as_deref(), Some("{{ name }} is at {{ latitude }}°."));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("@param", "says nothing"),
            ("@param name", "says nothing"),
            ("@param a x\n@param a y", "two `@param a`"),
            ("@default a", "no JSON value"),
            ("@default a five", "no JSON value"),
            ("@default a 1\n@default a 2", "two `@default a`"),
            ("@example where is Paris", "not JSON"),
            ("@example {\"a\": 1}", "wants a string"),
            ("@example \"a\" [1]", "wants a string"),
            ("@example \"a\" {} {}", "wants a string"),
            ("@example \" \"", "utterance is empty"),
            ("@reply It is {{ result }}", "no quoted template"),
            ("@reply \"a\"\n@reply \"b\"", "two `@reply`"),
            ("@exmaple \"a\" {}", "`@exmaple` is no tag"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn tags_are_counted() {
        let tags = |count: usize| -> String {
            (0..count).map(|index| format!("@param a{index} x\n")).collect()
        };
        assert_eq!(parse(&tags(TAGS_MAX)).map(|comment| comment.params.len()), Ok(TAGS_MAX));
        assert!(parse(&tags(TAGS_MAX + 1)).unwrap_err().contains("at most 1000"));
    }

    #[test]
    fn an_at_sign_inside_a_line_is_text() {
        let comment = parse("Mails to a@b.example or @home.").unwrap();
        assert_eq!(comment.summary, "Mails to a@b.example or @home.");
        assert_eq!(parse("").unwrap(), Comment::default());
    }
}
