//! Requests with their right answers.

use std::path::Path;

use hyfunc_cascade::Earlier;
use serde::Deserialize;

use super::{Call, EvalError};

/// A request and what should come of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gold {
    /// Unique in its file.
    pub id: String,
    /// What it is a case of: a row of the table.
    pub kind: String,
    /// What was said before, in order; often nothing.
    #[serde(default)]
    pub earlier: Vec<Said>,
    /// Whose function it is about, in a file over several plugins: a row of a second table.
    #[serde(default)]
    pub plugin: Option<String>,
    /// What the person says.
    pub query: String,
    /// The right calls; none where no function fits.
    pub calls: Vec<Call>,
    /// Other calls that are as good, each a whole answer.
    #[serde(default)]
    pub accept: Vec<Vec<Call>>,
}

/// Something that was said earlier in a conversation, as chats have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// By whom.
    pub role: Speaker,
    /// In these words.
    pub content: String,
}

/// Who says something.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// Whoever made the frontend.
    System,
    /// The person.
    User,
    /// The one who answers.
    Assistant,
}

impl Gold {
    /// What was said before, as the gateway takes it.
    pub(super) fn conversation(&self) -> Vec<Earlier> {
        let earlier = self.earlier.iter().map(|said| {
            let text = said.content.clone();
            match said.role {
                Speaker::System => Earlier::System(text),
                Speaker::User => Earlier::Person(text),
                Speaker::Assistant => Earlier::Reply(text),
            }
        });
        earlier.collect()
    }

    /// Every answer that is right, the first one first.
    pub fn answers(&self) -> impl Iterator<Item = &Vec<Call>> {
        std::iter::once(&self.calls).chain(&self.accept)
    }
}

/// Reads JSON lines; empty ones are skipped.
///
/// # Errors
/// A file that cannot be read, a line that is no request, or no line at all.
pub(super) fn read(path: &Path) -> Result<Vec<Gold>, EvalError> {
    let path_buf = || path.to_owned();
    let text = std::fs::read_to_string(path)
        .map_err(|source| EvalError::File { path: path_buf(), source })?;
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = serde_json::from_str(line).map_err(|source| EvalError::Line {
            path: path_buf(),
            line: at + 1,
            source,
        })?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(EvalError::Empty { path: path_buf() });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_or_refused_with_the_line() {
        let good = r#"{"id": "1", "kind": "one", "query": "q", "calls": [{"name": "f"}],
                      "accept": [[], [{"name": "g", "arguments": {"a": 1}}]]}"#
            .replace('\n', " ");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requests.jsonl");
        for (text, outcome) in [
            (format!("{good}\n\n{good}\n"), Ok(2)),
            (format!("{good}\n{{\n"), Err("line 2")),
            (good.replace("\"kind\"", "\"sort\""), Err("line 1")),
            (
                good.replace("\"query\"", "\"earlier\": [{\"role\": \"robot\"}], \"query\""),
                Err("robot"),
            ),
            ("\n".to_owned(), Err("no request")),
        ] {
            std::fs::write(&path, text).unwrap();
            match (read(&path), outcome) {
                (Ok(rows), Ok(count)) => {
                    assert_eq!(rows.len(), count);
                    assert_eq!(rows[0].answers().count(), 3);
                }
                (Err(error), Err(said)) => assert!(error.to_string().contains(said), "{error}"),
                (found, _) => panic!("{outcome:?}, not {found:?}"),
            }
        }
        let talk = good.replace(
            "\"query\"",
            r#""earlier": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"}], "query""#,
        );
        std::fs::write(&path, talk.replace('\n', " ")).unwrap();
        let earlier = read(&path).unwrap()[0].conversation();
        let expected =
            [Earlier::System("s".into()), Earlier::Person("u".into()), Earlier::Reply("a".into())];
        assert_eq!(earlier, expected);
        assert!(matches!(read(&folder.path().join("none")), Err(EvalError::File { .. })));
    }
}
