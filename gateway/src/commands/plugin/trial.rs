//! `hyfunc plugin test`: every example, through the models and through the component.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use hyfunc_functions::function::Example;
use hyfunc_functions::json::arguments_from_json;
use hyfunc_sandbox::OutcomeResult;
use hyfunc_training::run::bar;
use serde_json::{Value as Json, json};

use super::Verdict;
use super::reply::reply;
use super::subject::{Subject, trial};
use crate::app::{self, App};
use crate::commands::CommandError;
use crate::commands::call::{answer, invoke};
use crate::config::Config;
use crate::demo::Paint;
use crate::eval::{Call, Gold, Judged, ask, ms, written};
use crate::library::Entry;
use crate::models::Models;

/// How a test is reported, and when it fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrialOptions {
    /// As JSON.
    pub json: bool,
    /// An example that the models get wrong counts as a failure, too.
    pub strict: bool,
}

/// Tests a plugin beside the library that the configuration names.
///
/// # Errors
/// No such plugin, or a gateway that does not start with it. Examples that fail are in the report,
/// which is not good then.
pub async fn test(
    config: Config,
    plugin: &Path,
    options: TrialOptions,
) -> Result<Verdict, CommandError> {
    let models = app::models(&config.models)?;
    test_with(models, config, plugin, options).await
}

/// The same with other models.
async fn test_with(
    models: Arc<dyn Models>,
    config: Config,
    plugin: &Path,
    options: TrialOptions,
) -> Result<Verdict, CommandError> {
    let config = trial(config);
    let subject = Subject::open(plugin)?;
    let plugins = subject.load_among(&config).await?;
    let app = App::assemble(config, models, &plugins).await?;
    let library = app.pipeline().shelf.snapshot();
    let is_own = |entry: &&Arc<Entry>| entry.plugin.name() == subject.source.name;
    let own: Vec<&Arc<Entry>> = library.entries().iter().filter(is_own).collect();
    let examples = own.iter().map(|entry| entry.function().examples.len()).sum();

    let bar = bar("examples", examples, 0);
    let mut report = Report { plugin: subject.source.name.clone(), ..Report::default() };
    for entry in own {
        let mut rows = Vec::new();
        for (example, number) in entry.function().examples.iter().zip(1..) {
            let gold = gold(entry, example, number);
            let routed = ask(app.pipeline(), gold).await;
            let ran = run(&app.pipeline().config, entry, example).await;
            rows.push(Row { routed, ran });
            bar.inc(1);
        }
        report.functions.push((entry.function().name.clone(), rows));
    }
    bar.finish_and_clear();
    report.is_stale = subject.is_stale;
    Ok(report.finish(options))
}

/// The example as a request with a known answer.
fn gold(entry: &Entry, example: &Example, number: usize) -> Gold {
    let name = entry.function().name.clone();
    let arguments = Json::Object(example.arguments.clone());
    Gold {
        id: format!("{name}-{number}"),
        kind: name.clone(),
        earlier: Vec::new(),
        plugin: None,
        query: example.utterance.clone(),
        calls: vec![Call { name, arguments }],
        accept: Vec::new(),
    }
}

/// What the component makes of the example's arguments: what a person would read, or why nothing.
async fn run(config: &Config, entry: &Entry, example: &Example) -> Result<String, String> {
    let function = entry.function();
    let arguments = Json::Object(example.arguments.clone());
    let value =
        arguments_from_json(&function.parameters, &arguments).map_err(|error| error.to_string())?;
    let outcome = invoke(config, &entry.plugin, function, &entry.export, &value).await;
    let outcome = outcome.map_err(|error| error.to_string())?;
    let answer = answer(function, &outcome.result);
    match &outcome.result {
        OutcomeResult::ToolError(_) => Err(format!("it gave the error {}", answer["error"])),
        result @ OutcomeResult::Value(_) => match reply(function, result, &arguments) {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Ok(answer["result"].to_string()),
            Err(error) => Err(error.to_string()),
        },
    }
}

/// One example.
struct Row {
    routed: Judged,
    ran: Result<String, String>,
}

impl Row {
    fn to_json(&self) -> Json {
        let Judged { gold, calls, candidates, refused, functions, whole, took_us, .. } =
            &self.routed;
        json!({
            "utterance": gold.query,
            "arguments": gold.calls[0].arguments,
            "right_function": functions,
            "right_arguments": whole,
            "called": calls,
            "candidates": candidates,
            "refused": refused,
            "routed_us": took_us,
            "ran": self.ran.is_ok(),
            "reply": self.ran.as_ref().ok(),
            "failure": self.ran.as_ref().err(),
        })
    }
}

/// All examples.
#[derive(Default)]
struct Report {
    plugin: String,
    is_stale: bool,
    /// By function, in the component's order.
    functions: Vec<(String, Vec<Row>)>,
}

/// How many examples there are, and how many are right in which way.
/// What to make of requests that the models get wrong.
const MISSED: &str = "\
What the models miss is no fault of the component, which can be called all the same: by name with
POST /v1/functions/NAME, and as a tool over MCP. What helps to be found: the words that people say, in
the name and the first sentence, and values that stand in the request as they are to be written.
";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    examples: usize,
    functions: usize,
    whole: usize,
    ran: usize,
}

impl Report {
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for row in self.functions.iter().flat_map(|(_, rows)| rows) {
            counts.examples += 1;
            counts.functions += usize::from(row.routed.functions);
            counts.whole += usize::from(row.routed.whole);
            counts.ran += usize::from(row.ran.is_ok());
        }
        counts
    }

    /// No example at all is no success: nothing was tested.
    fn finish(self, options: TrialOptions) -> Verdict {
        let Counts { examples, whole, ran, .. } = self.counts();
        let is_good = examples > 0 && ran == examples && (!options.strict || whole == examples);
        let text = if options.json {
            format!("{:#}\n", self.to_json())
        } else {
            self.to_text(Paint::for_stdout(false))
        };
        Verdict { text, is_good }
    }

    fn to_text(&self, paint: Paint) -> String {
        let mut text = String::new();
        if self.is_stale {
            text.push_str("the WIT was changed after this was built: `hyfunc plugin build`\n\n");
        }
        let mark = |is_good: bool| paint.verdict(is_good, if is_good { "✓" } else { "✗" });
        let _ = writeln!(text, "function  arguments  component");
        for (function, rows) in &self.functions {
            let _ = writeln!(text, "{}", paint.heading(function));
            if rows.is_empty() {
                let _ = writeln!(text, "  it has no example: write some as `@example` in the WIT");
            }
            for Row { routed, ran } in rows {
                let marks = [routed.functions, routed.whole, ran.is_ok()].map(mark);
                let _ = writeln!(
                    text,
                    "   {}          {}          {}      \"{}\"",
                    marks[0], marks[1], marks[2], routed.gold.query
                );
                let (Ok(said) | Err(said)) = ran;
                let _ = writeln!(text, "                                {}", paint.faint(said));
                if !routed.whole {
                    let found = routed.refused.clone().unwrap_or_else(|| written(&routed.calls));
                    let found = format!("wanted {}, found {found}", written(&routed.gold.calls));
                    let _ =
                        writeln!(text, "                                {}", paint.faint(&found));
                }
            }
        }
        let Counts { examples, functions, whole, ran } = self.counts();
        let _ = writeln!(
            text,
            "\n{}: {} of {examples} examples run; of {examples} requests, {functions} call the \
             right function, {whole} with the right arguments ({} a request)",
            self.plugin,
            ran,
            ms(self.median_us())
        );
        if whole < examples {
            text.push_str(MISSED);
        }
        text
    }

    fn median_us(&self) -> u64 {
        let rows = self.functions.iter().flat_map(|(_, rows)| rows);
        let mut took: Vec<u64> = rows.map(|row| row.routed.took_us).collect();
        took.sort_unstable();
        took.get(took.len() / 2).copied().unwrap_or_default()
    }

    fn to_json(&self) -> Json {
        let Counts { examples, functions, whole, ran } = self.counts();
        let by_function = self.functions.iter().map(|(name, rows)| {
            json!({"function": name, "examples": rows.iter().map(Row::to_json).collect::<Vec<_>>()})
        });
        json!({
            "plugin": self.plugin,
            "examples": examples,
            "right_functions": functions,
            "right_arguments": whole,
            "ran": ran,
            "functions": by_function.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::plugin::fake::Fake;

    fn config() -> Config {
        let mut config = Config::default();
        config.sandbox.aot_dir = String::new();
        // The machine may stand still for seconds.
        config.sandbox.deadline_ms_max = 600_000;
        config.request.deadline_ms = 600_000;
        config.retrieval.candidates_max = 100;
        config
    }

    async fn tested(fake: Fake, plugin: &Path, options: TrialOptions) -> Verdict {
        test_with(Arc::new(fake), config(), plugin, options).await.unwrap()
    }

    fn json_of(verdict: &Verdict) -> Json {
        serde_json::from_str(&verdict.text).unwrap()
    }

    const JSON: TrialOptions = TrialOptions { json: true, strict: false };

    #[tokio::test]
    async fn models_that_are_wrong_are_told_and_fail_only_when_strict() {
        let verdict = tested(Fake::default(), Path::new("text"), JSON).await;
        let json = json_of(&verdict);
        assert!(verdict.is_good, "every example runs: {json:#}");
        assert_eq!(json["ran"], json["examples"]);
        assert!(json["examples"].as_u64() >= Some(30));
        assert_eq!((&json["right_functions"], &json["right_arguments"]), (&json!(0), &json!(0)));
        let strict = TrialOptions { json: false, strict: true };
        let verdict = tested(Fake::default(), Path::new("text"), strict).await;
        assert!(!verdict.is_good);
        for part in ["text_count_words", "✗", "found no call", "examples run; of "] {
            assert!(verdict.text.contains(part), "`{part}` is not in {}", verdict.text);
        }
    }

    #[tokio::test]
    async fn right_functions_and_right_arguments_are_told_apart() {
        let bundled = hyfunc_plugins::bundled().iter().find(|bundled| bundled.name == "text");
        let component =
            hyfunc_functions::component::read_component("text", bundled.unwrap().component);
        let function = component.unwrap().functions.swap_remove(0);
        assert_eq!(function.name, "text_count_words");
        let query = |at: usize| -> &'static str {
            Box::leak(function.examples[at].utterance.clone().into_boxed_str())
        };
        let right = Json::Object(function.examples[0].arguments.clone());
        let calls = vec![
            (query(0), "text_count_words", right),
            (query(1), "text_count_words", json!({"text": "something else"})),
        ];
        let verdict = tested(Fake { calls }, Path::new("text"), JSON).await;
        let json = json_of(&verdict);
        assert_eq!((&json["right_functions"], &json["right_arguments"]), (&json!(2), &json!(1)));
        let [first, second, ..] = json["functions"][0]["examples"].as_array().unwrap().as_slice()
        else {
            panic!("{json:#}")
        };
        assert_eq!(first["right_arguments"], true);
        assert_eq!(
            (&second["right_function"], &second["right_arguments"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(second["called"][0]["arguments"]["text"], "something else");
        assert!(first["reply"].as_str().unwrap().contains("words"), "{first}");
    }

    #[tokio::test]
    async fn a_component_that_fails_its_examples_is_not_good() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("hostile.wasm");
        std::fs::write(&component, hyfunc_plugins::fixture("hostile").unwrap()).unwrap();
        // More time only where the machine stood still for the less.
        let mut failures = String::new();
        for deadline_ms in [500, 10_000] {
            let mut config = config();
            config.sandbox.deadline_ms_max = deadline_ms;
            let verdict = test_with(Arc::new(Fake::default()), config, &component, JSON).await;
            let verdict = verdict.unwrap();
            assert!(!verdict.is_good);
            failures = failures_in(&json_of(&verdict));
            if failures.contains("gave the error") {
                break;
            }
        }
        assert!(failures.contains("deadline"), "{failures}");
        assert!(failures.contains("gave the error"), "{failures}");
    }

    /// Why examples failed, a line each.
    fn failures_in(json: &Json) -> String {
        let functions = json["functions"].as_array().unwrap().iter();
        let examples = functions.flat_map(|one| one["examples"].as_array().unwrap());
        let failures: Vec<&str> =
            examples.filter_map(|example| example["failure"].as_str()).collect();
        failures.join("\n")
    }
}
