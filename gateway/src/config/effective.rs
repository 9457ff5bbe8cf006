//! A configuration in force, and where each of its values came from.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use toml::Value;

use super::{Config, KEYS};

/// `section.key` → value and source.
pub(super) type Values = BTreeMap<String, (Value, Source)>;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Environment(name) => f.write_str(name),
            Source::Flag => f.write_str("flag"),
        }
    }
}

/// A checked configuration that knows where each value came from.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The values.
    pub config: Config,
    pub(super) values: Values,
}

impl Effective {
    /// Where the value of `section.key` came from.
    pub fn source(&self, key: &str) -> Option<&Source> {
        self.values.get(key).map(|(_, source)| source)
    }

    /// The effective configuration as TOML, with what each key means and its source.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for key in KEYS {
            let Some((value, source)) = self.values.get(key.path) else { continue };
            let (head, name) = key.path.split_once('.').unwrap_or(("", key.path));
            if head != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{gap}[{head}]");
                section = head;
            }
            let _ = writeln!(text, "# {}\n{name} = {value}  # {source}", key.doc);
        }
        text
    }
}
