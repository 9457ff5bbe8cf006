//! The line of one call, or of one change of the library.

use std::time::Instant;

use serde_json::Value as Json;

use super::Audit;
use crate::clock;

/// What a call comes to when nobody waits for it any more.
const ABANDONED: &str = "abandoned";

/// Something that has begun; its line is written when this is dropped.
pub struct Entry(Option<Open>);

struct Open {
    audit: Audit,
    line: Json,
    began: Instant,
    outcome: Option<String>,
}

impl Entry {
    pub(super) fn new(audit: Audit, line: Json) -> Self {
        Self(Some(Open { audit, line, began: Instant::now(), outcome: None }))
    }

    /// A line that nobody wants.
    pub(super) fn unwritten() -> Self {
        Self(None)
    }

    /// Adds something that was not known at first.
    pub fn tell(&mut self, member: &str, value: impl Into<Json>) {
        if let Some(open) = &mut self.0 {
            open.line[member] = value.into();
        }
    }

    /// Writes what came of it: `ok`, or the kind of its failure.
    pub fn end(mut self, outcome: &str) {
        if let Some(open) = &mut self.0 {
            open.outcome = Some(outcome.to_owned());
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(mut open) = self.0.take() else { return };
        let took_us = clock::micros(open.began.elapsed());
        open.line["outcome"] = open.outcome.take().unwrap_or_else(|| ABANDONED.to_owned()).into();
        open.line["took_us"] = took_us.into();
        open.audit.write(open.line);
    }
}
