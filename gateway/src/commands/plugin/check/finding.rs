//! What a check found: how bad it is, where it is, what is wrong and what to do.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::demo::Paint;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// It does not work, or is not there at all.
    Error,
    /// It works worse than it could.
    Warning,
    /// Worth a look.
    Note,
}

impl Severity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What it is about, of a few: `docs`, `names`, `examples`, `likeness`, `retrieval`, `sandbox`.
    pub(super) rule: &'static str,
    /// The function, or `plugin`.
    pub(super) place: String,
    /// What is wrong.
    pub(super) message: String,
    /// What to do.
    pub(super) advice: String,
}

/// Findings of one rule.
pub(super) struct Findings {
    rule: &'static str,
    found: Vec<Finding>,
}

impl Findings {
    /// None yet.
    pub(super) fn of(rule: &'static str) -> Self {
        Self { rule, found: Vec::new() }
    }

    /// One more.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        place: &str,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.found.push(Finding {
            severity,
            rule: self.rule,
            place: place.to_owned(),
            message: message.into(),
            advice: advice.into(),
        });
    }

    /// All of them.
    pub(super) fn done(self) -> Vec<Finding> {
        self.found
    }
}

/// How many there are of a severity.
pub(super) fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// Worst first, each in two lines.
pub(super) fn to_text(findings: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    for finding in findings {
        let Finding { severity, place, message, advice, .. } = finding;
        let name = format!("{:<7}", severity.name());
        let name = match severity {
            Severity::Error => paint.verdict(false, &name),
            Severity::Warning => paint.heading(&name),
            Severity::Note => paint.faint(&name),
        };
        let _ = writeln!(text, "{name}  {place}: {message}\n         {}", paint.faint(advice));
    }
    text
}

/// The same for programs.
pub(super) fn to_json(findings: &[Finding]) -> Json {
    let each = findings.iter().map(|finding| {
        let Finding { severity, rule, place, message, advice } = finding;
        json!({
            "severity": severity.name(),
            "rule": rule,
            "place": place,
            "message": message,
            "advice": advice,
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_is_wrong_and_what_to_do() {
        let mut findings = Findings::of("docs");
        findings.add(Severity::Warning, "f", "it says nothing", "say something");
        findings.add(Severity::Error, "plugin", "it is empty", "fill it");
        let findings = findings.done();
        assert_eq!((count(&findings, Severity::Error), count(&findings, Severity::Note)), (1, 0));
        assert_eq!(
            to_text(&findings[..1], Paint::new(false)),
            "warning  f: it says nothing\n         say something\n"
        );
        assert_eq!(
            to_json(&findings)[1],
            json!({
                "severity": "error", "rule": "docs", "place": "plugin",
                "message": "it is empty", "advice": "fill it",
            })
        );
        assert!(Severity::Error < Severity::Note, "the worst comes first");
    }
}
