//! The audit log: who called which function or changed the library, and what came of it; who was
//! not let in.
//!
//! One JSON object a line, written when a call is over, however it ended. It is there for whoever
//! answers for the gateway, apart from the log lines that say how it fares.

mod entry;
mod redact;
mod sink;

use std::sync::Arc;

use serde_json::{Value as Json, json};

pub use entry::Entry;
pub use sink::AuditError;

use crate::config::AuditConfig;
use crate::keys::{Moment, Principal};
use crate::pipeline::{Arrival, DecidedCall};
use redact::Redaction;
use sink::Sink;

/// Where lines go, and what they leave out.
#[derive(Clone)]
pub struct Audit(Option<Arc<Inner>>);

struct Inner {
    sink: Sink,
    redaction: Redaction,
}

impl Audit {
    /// The log as configured.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn open(config: &AuditConfig) -> Result<Self, AuditError> {
        let Some(sink) = Sink::open(&config.to)? else { return Ok(Self(None)) };
        let redaction = Redaction::new(&config.redact, config.arguments_bytes_max);
        Ok(Self(Some(Arc::new(Inner { sink, redaction }))))
    }

    /// A call that begins. Its line is written when it ends, or when nobody waits for it any more.
    pub fn begin(&self, arrival: &Arrival, call: &DecidedCall, plugin: &str) -> Entry {
        let Some(inner) = &self.0 else { return Entry::unwritten() };
        let line = json!({
            "event": "call",
            "request_id": arrival.id,
            "key": arrival.principal.name(),
            "key_id": arrival.principal.id(),
            "user": arrival.user,
            "plugin": plugin,
            "function": call.function.name,
            "call_id": call.id,
            "arguments": inner.redaction.apply(&call.arguments_json),
        });
        Entry::new(self.clone(), line)
    }

    /// A change of the library that begins: `publish`, `approve` or `remove`. Its line is written
    /// as that of a call is.
    pub fn change(&self, arrival: &Arrival, event: &str, plugin: &str) -> Entry {
        if self.0.is_none() {
            return Entry::unwritten();
        }
        let line = json!({
            "event": event,
            "request_id": arrival.id,
            "key": arrival.principal.name(),
            "key_id": arrival.principal.id(),
            "plugin": plugin,
        });
        Entry::new(self.clone(), line)
    }

    /// A request that was not let in; `code` is what its client saw. Its key is told where it is one
    /// of ours.
    pub fn refused(
        &self,
        request_id: &str,
        principal: &Principal,
        method: &str,
        path: &str,
        code: &str,
    ) {
        self.write(json!({
            "event": "refused",
            "request_id": request_id,
            "key": principal.name(),
            "key_id": principal.id(),
            "method": method,
            "path": path,
            "outcome": code,
        }));
    }

    fn write(&self, mut line: Json) {
        if let Some(inner) = &self.0 {
            line["time"] = Moment::now().to_string().into();
            inner.sink.write(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_and_come_after_those_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let config =
            AuditConfig { to: path.to_string_lossy().into_owned(), ..AuditConfig::default() };
        for code in ["invalid_api_key", "role_missing"] {
            let audit = Audit::open(&config).unwrap();
            audit.refused("r\n1", &Principal::default(), "POST", "/v1/route", code);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Json> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["invalid_api_key", "role_missing"]);
        assert_eq!(lines[0]["request_id"], "r\n1");
        assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'), "{text}");
    }

    #[test]
    fn nowhere_is_the_default_and_no_file_is_made() {
        let audit = Audit::open(&AuditConfig::default()).unwrap();
        assert!(audit.0.is_none());
        audit.refused("r", &Principal::default(), "GET", "/", "x");
    }
}
