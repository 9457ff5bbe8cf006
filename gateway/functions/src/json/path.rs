//! Where in a JSON value a reader stands.

use std::borrow::Cow;
use std::fmt;

/// Characters of a key that are shown: errors must not grow with what they are about.
const KEY_CHARS_MAX: usize = 64;

/// Steps from the root, shown as `$.address.city[2]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    pub(crate) fn push_key(&mut self, key: &str) {
        self.steps.push(Step::Key(key.to_owned()));
    }

    pub(crate) fn push_index(&mut self, index: usize) {
        self.steps.push(Step::Index(index));
    }

    pub(crate) fn pop(&mut self) {
        self.steps.pop();
    }

    /// Goes back up to a length that this path had before.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.steps.truncate(len);
    }

    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The path of a key of what stands here.
    pub(crate) fn key(&self, key: &str) -> String {
        let mut longer = self.clone();
        longer.push_key(key);
        longer.to_string()
    }
}

/// Whether a key can follow a dot without quotes.
fn is_plain(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

/// The key, or its beginning.
fn excerpt(key: &str) -> Cow<'_, str> {
    match key.char_indices().nth(KEY_CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &key[..end])),
        None => Cow::Borrowed(key),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("$")?;
        for step in &self.steps {
            match step {
                Step::Key(key) => match excerpt(key) {
                    Cow::Borrowed(key) if is_plain(key) => write!(out, ".{key}")?,
                    key => write!(out, "[{key:?}]")?,
                },
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_short_whatever_the_keys() {
        let at_limit = "k".repeat(KEY_CHARS_MAX);
        for (key, shown) in [
            ("city".to_owned(), "$.city".to_owned()),
            ("a b".to_owned(), "$[\"a b\"]".to_owned()),
            (at_limit.clone(), format!("$.{at_limit}")),
            ("ä".repeat(KEY_CHARS_MAX + 1), format!("$[\"{}…\"]", "ä".repeat(KEY_CHARS_MAX))),
            ("k".repeat(1 << 20), format!("$[\"{at_limit}…\"]")),
        ] {
            assert_eq!(Path::default().key(&key), shown);
        }
    }
}
