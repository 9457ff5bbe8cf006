//! Which format rows are in, and what every format is read to.

use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::refusals::Reason;
use super::{bfcl, ours, toolace, xlam};
use crate::data::RawRow;

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"id", "query", "functions": […], "calls": […]}`.
    Hyfunc,
    /// xLAM-60k's: `{"id", "query", "tools": "[…]", "answers": "[…]"}`, both JSON in strings.
    Xlam,
    /// ToolACE's: `{"system": "… [functions] …", "conversations": [{"from", "value"}]}`.
    Toolace,
    /// The Berkeley Function-Calling Leaderboard's: `{"id", "question", "function", "ground_truth"}`.
    /// Models are measured on it, so that its rows are never trained on; others in its form are, where
    /// this format is named.
    Bfcl,
}

/// A row as its format has it.
pub(super) struct Written {
    pub(super) raw: RawRow,
    /// Turns of the person that come after those which make the row.
    pub(super) later_turns: usize,
}

/// Why something is no row of its format.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) reason: Reason,
    /// What exactly.
    pub(super) detail: String,
}

impl Fault {
    /// Of a field.
    pub(super) fn field(detail: impl Into<String>) -> Self {
        Self { reason: Reason::Fields, detail: detail.into() }
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Hyfunc, Self::Xlam, Self::Toolace, Self::Bfcl];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hyfunc => "hyfunc",
            Self::Xlam => "xlam",
            Self::Toolace => "toolace",
            Self::Bfcl => "bfcl",
        }
    }

    /// The format of a row, told by its fields.
    pub(super) fn of(row: &Json) -> Option<Self> {
        let has = |keys: &[&str]| keys.iter().all(|key| row.get(key).is_some());
        if has(&["functions", "query"]) || has(&["functions", "calls"]) {
            Some(Self::Hyfunc)
        } else if has(&["tools", "answers"]) || has(&["query", "tools"]) {
            Some(Self::Xlam)
        } else if has(&["conversations"]) {
            Some(Self::Toolace)
        } else if has(&["question", "function"]) || has(&["id", "ground_truth"]) {
            Some(Self::Bfcl)
        } else {
            None
        }
    }

    /// Reads one row. `number` names it where it has no id.
    pub(super) fn read(self, row: &Json, number: usize) -> Result<Written, Fault> {
        let alone = |raw| Written { raw, later_turns: 0 };
        match self {
            Self::Hyfunc => ours::read(row).map(alone),
            Self::Xlam => xlam::read(row, number).map(alone),
            Self::Toolace => toolace::read(row, number),
            Self::Bfcl => bfcl::read(row, number),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{name}` is no format of rows; known are: {names}")
        })
    }
}
