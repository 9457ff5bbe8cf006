//! Which checkpoint, and which state of it.

use std::fmt;
use std::str::FromStr;

/// The branch that is taken unless another is named.
const REVISION: &str = "main";
/// Characters of a name.
const CHARS_MAX: usize = 256;

/// `owner/name@revision`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `owner/name`, or the name alone.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl Name {
    /// The name of a folder for it.
    pub fn folder(&self) -> String {
        self.repository.replace('/', "--")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.repository, self.revision)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| {
            Err(format!("{reason}; write it as Qwen/Qwen3-0.6B or Qwen/Qwen3-0.6B@main"))
        };
        let (repository, revision) = text.split_once('@').unwrap_or((text, REVISION));
        if text.len() > CHARS_MAX {
            return wrong("it is too long");
        }
        let parts: Vec<&str> = repository.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_word(part)) {
            return wrong("a checkpoint is OWNER/NAME, of letters, digits, `-`, `_` and `.`");
        }
        if !revision.split('/').all(is_word) {
            return wrong("a revision is a branch, a tag or a commit");
        }
        Ok(Self { repository: repository.to_owned(), revision: revision.to_owned() })
    }
}

/// Never a path that leads elsewhere.
fn is_word(text: &str) -> bool {
    let is_known = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(is_known) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_never_lead_elsewhere() {
        for (text, repository, revision) in [
            ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", "main"),
            ("gpt2@refs/pr/1", "gpt2", "refs/pr/1"),
            ("a/b@0f1e", "a/b", "0f1e"),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!((name.repository.as_str(), name.revision.as_str()), (repository, revision));
        }
        assert_eq!("a/b".parse::<Name>().unwrap().folder(), "a--b");
        for text in
            ["", "/", "a/", "a/b/c", "../b", "a/..", "a b", "a/b@", "a/b@../x", "a/b?x", "a%2Fb"]
        {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }
}
