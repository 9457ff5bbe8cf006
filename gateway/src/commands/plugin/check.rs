//! `hyfunc plugin check`: what an author should do before others meet the plugin.

mod among;
mod docs;
mod examples;
mod finding;
mod names;

use std::fmt::Write as _;
use std::path::Path;

use hyfunc_functions::Function;
use hyfunc_functions::component::{ComponentFunctions, read_component};
use hyfunc_functions::docs as packed;
use hyfunc_sandbox::Grants;
use hyfunc_training::run::bar;
use serde_json::{Value as Json, json};

use super::grants::describe;
use super::subject::Subject;
use super::{Verdict, spell};
use crate::app;
use crate::commands::CommandError;
use crate::config::{CALIBRATED, Config};
use crate::demo::Paint;
use crate::error::StartError;
use crate::models::Models;
use among::{Among, Rank, Reach};
use finding::{Finding, Findings, Severity, count};

/// How a check is reported, and when it fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// As JSON.
    pub json: bool,
    /// Warnings count as errors.
    pub strict: bool,
}

/// Checks a plugin beside the library that the configuration names.
///
/// # Errors
/// No such plugin, or models that do not load. What is wrong with the plugin is in the report, which
/// is not good if there is any error.
pub async fn check(
    config: &Config,
    plugin: &Path,
    options: CheckOptions,
) -> Result<Verdict, CommandError> {
    let subject = Subject::open(plugin)?;
    let models = app::models(&config.models)?;
    check_with(&*models, config, &subject, options).await
}

/// The same with other models.
async fn check_with(
    models: &dyn Models,
    config: &Config,
    subject: &Subject,
    options: CheckOptions,
) -> Result<Verdict, CommandError> {
    let mut report = Report { plugin: subject.source.name.clone(), ..Report::default() };
    if subject.is_stale {
        let mut findings = Findings::of("docs");
        findings.add(
            Severity::Warning,
            "plugin",
            "its WIT was changed after it was built, and this is about what was built",
            "build it anew with `hyfunc plugin build`",
        );
        report.findings.extend(findings.done());
    }
    match read_component(&subject.source.name, &subject.source.component) {
        Ok(component) => {
            report.findings.extend(refusals(subject, &component));
            report.findings.extend(loads(config, subject)?);
            report.findings.extend(docs::check(component.docs, &component.functions));
            report.findings.extend(names::check(&component.functions));
            report.findings.extend(examples::check(&component.functions));
            report.look_around(models, config, subject, &component.functions).await?;
            report.functions = component.functions;
        }
        Err(error) => {
            let mut findings = Findings::of("sandbox");
            let message = error.to_string();
            let advice = "until then nothing else can be checked";
            findings.add(Severity::Error, "plugin", message, advice);
            report.findings.extend(findings.done());
        }
    }
    Ok(report.finish(options))
}

/// Exports that are not offered. Those that the packed WIT does not name are not the author's.
fn refusals(subject: &Subject, component: &ComponentFunctions) -> Vec<Finding> {
    let said = packed::extract(&subject.source.component).ok().flatten();
    let mut findings = Findings::of("types");
    for refusal in &component.refused {
        let is_own = said.as_ref().is_none_or(|said| said.functions.contains_key(&refusal.name));
        let (severity, advice) = if is_own {
            (Severity::Warning, "change its type in the WIT, or take it out of the world")
        } else {
            (Severity::Note, "nothing needs to be done")
        };
        let message = format!("it is not offered: {}", refusal.reason);
        findings.add(severity, &refusal.name, message, advice);
    }
    findings.done()
}

/// Whether the sandbox takes it, and what it asks for.
fn loads(config: &Config, subject: &Subject) -> Result<Vec<Finding>, StartError> {
    let mut findings = Findings::of("sandbox");
    let sandbox = app::sandbox(&config.sandbox)?;
    let advice = match app::load_plugin(&sandbox, &subject.source) {
        Ok(_) => None,
        Err(error @ StartError::Grants { .. }) => Some((error, "correct its grants.toml")),
        Err(error) => Some((error, "the gateway would refuse it: correct that and build anew")),
    };
    if let Some((error, advice)) = advice {
        findings.add(Severity::Error, "plugin", error.to_string(), advice);
    }
    if let Ok(grants) = Grants::parse(&subject.source.grants)
        && !grants.is_empty()
    {
        findings.add(
            Severity::Note,
            "plugin",
            format!("it asks for {}", describe(&grants)),
            "whoever serves it will read this: ask for no more than it needs",
        );
    }
    Ok(findings.done())
}

/// All that is to be told.
#[derive(Default)]
struct Report {
    plugin: String,
    functions: Vec<Function>,
    findings: Vec<Finding>,
    ranks: Vec<Rank>,
    /// Functions among which they were looked for.
    among: usize,
}

impl Report {
    /// Compares the plugin's functions with the library's, by name and as the retriever sees them.
    async fn look_around(
        &mut self,
        models: &dyn Models,
        config: &Config,
        subject: &Subject,
        own: &[Function],
    ) -> Result<(), CommandError> {
        let mut library = Vec::new();
        for source in subject.among(config)? {
            if source.name == subject.source.name {
                continue;
            }
            let component = read_component(&source.name, &source.component)?;
            library.extend(component.functions.into_iter().map(|f| (source.name.clone(), f)));
        }
        let others: Vec<(String, String)> = library
            .iter()
            .map(|(plugin, function)| (plugin.clone(), function.name.clone()))
            .collect();
        self.findings.extend(names::check_among(&self.plugin, own, &others));

        let library = library.into_iter().map(|(_, function)| function).collect();
        let among = Among::build(models, library, own).await?;
        self.findings.extend(among.likeness());
        let examples = own.iter().map(|function| function.examples.len()).sum();
        let bar = bar("examples", examples, 0);
        let (ranks, findings) = among.ranks(models, own, reach(models, config), &bar).await?;
        bar.finish_and_clear();
        self.among = among.len();
        self.ranks = ranks;
        self.findings.extend(findings);
        Ok(())
    }

    fn finish(mut self, options: CheckOptions) -> Verdict {
        self.findings.sort_by_key(|finding| finding.severity);
        let is_bad = |finding: &Finding| match finding.severity {
            Severity::Error => true,
            Severity::Warning => options.strict,
            Severity::Note => false,
        };
        let is_good = !self.findings.iter().any(is_bad);
        let text = if options.json {
            format!("{:#}\n", self.to_json())
        } else {
            self.to_text(Paint::for_stdout(false))
        };
        Verdict { text, is_good }
    }

    fn to_text(&self, paint: Paint) -> String {
        let plural = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let counted = |severity: Severity| plural(count(&self.findings, severity), severity.name());
        let mut text = format!(
            "{}: {}, {}, {}, {}\n",
            self.plugin,
            plural(self.functions.len(), "function"),
            counted(Severity::Error),
            counted(Severity::Warning),
            counted(Severity::Note),
        );
        for function in &self.functions {
            let _ = writeln!(text, "  {}", spell::signature(function));
        }
        if !self.findings.is_empty() {
            let _ = write!(text, "\n{}", finding::to_text(&self.findings, paint));
        }
        if !self.ranks.is_empty() {
            let _ = writeln!(
                text,
                "\nPlace at which each example finds its function, among {} functions:",
                self.among
            );
        }
        for function in &self.functions {
            let own = self.ranks.iter().filter(|rank| rank.function == function.name);
            let places: Vec<String> =
                own.map(|rank| rank.rank.map_or("-".into(), |rank| rank.to_string())).collect();
            if !places.is_empty() {
                let _ = writeln!(text, "  {}  {}", function.name, places.join(" "));
            }
        }
        text
    }

    fn to_json(&self) -> Json {
        let counted = |severity: Severity| count(&self.findings, severity);
        json!({
            "plugin": self.plugin,
            "functions": self.functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
            "errors": counted(Severity::Error),
            "warnings": counted(Severity::Warning),
            "notes": counted(Severity::Note),
            "findings": finding::to_json(&self.findings),
            "retrieval": {
                "functions": self.among,
                "examples": self.ranks.iter().map(Rank::to_json).collect::<Vec<_>>(),
            },
        })
    }
}

/// As requests are held to.
fn reach(models: &dyn Models, config: &Config) -> Reach {
    let threshold = config.retrieval.threshold;
    Reach {
        candidates_max: config.retrieval.candidates_max,
        threshold: if threshold == CALIBRATED {
            models.info().retrieval_threshold
        } else {
            threshold as f32
        },
        deadline_ms: config.request.deadline_ms,
    }
}

#[cfg(test)]
pub(super) mod tests;
