//! `hyfunc plugin call`: one function of a plugin at hand, and what the sandbox saw of it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use hyfunc_functions::{Export, Function};
use hyfunc_sandbox::{Attempt, CallError, OutcomeResult, Plugin};
use serde_json::{Value as Json, json};

use super::Verdict;
use super::grants::describe;
use super::reply::reply;
use super::subject::Subject;
use crate::app;
use crate::clock;
use crate::commands::CommandError;
use crate::commands::call::{answer, context, read_arguments};
use crate::config::Config;
use crate::eval::ms;
use crate::suggest::nearest;

/// Calls a function of a component's file, a built folder or a bundled plugin, under the grants
/// beside it. A call that the sandbox ended is reported like any other, and is no good.
///
/// # Errors
/// No such plugin or function, or arguments that do not fit. An error that the function itself gives
/// is a result.
pub async fn call(
    config: &Config,
    plugin: &Path,
    function: &str,
    arguments: &str,
    as_json: bool,
) -> Result<Verdict, CommandError> {
    let subject = Subject::open(plugin)?;
    let began = Instant::now();
    let plugin = app::load_plugin(&app::sandbox(&config.sandbox)?, &subject.source)?;
    let load_us = clock::micros(began.elapsed());
    let (function, export) = find(&plugin, function)?;
    let value = read_arguments(config, function, arguments)?;
    let arguments = hyfunc_functions::json::arguments_to_json(&function.parameters, &value);
    let attempt = plugin.attempt(export, &value, context(config)).await;
    let is_good = attempt.result.is_ok();
    let called = Called { plugin: &plugin, function, arguments, load_us, attempt };
    let text = if as_json { format!("{:#}\n", called.to_json()) } else { called.to_text() };
    Ok(Verdict { text, is_good })
}

/// By its name in the library, or by its name in the WIT where only one has it.
fn find<'a>(plugin: &'a Plugin, name: &str) -> Result<(&'a Function, &'a Export), CommandError> {
    let all: Vec<(&Function, &Export)> = plugin
        .functions()
        .iter()
        .filter_map(|function| Some((function.as_ref(), function.export.as_ref()?)))
        .collect();
    if let Some(found) = all.iter().find(|(function, _)| function.name == name) {
        return Ok(*found);
    }
    let kebab = name.replace('_', "-");
    let mut short = all.iter().filter(|(_, export)| export.function == kebab);
    if let (Some(found), None) = (short.next(), short.next()) {
        return Ok(*found);
    }
    let names = all.iter().map(|(function, _)| function.name.as_str());
    let names = names.chain(all.iter().map(|(_, export)| export.function.as_str()));
    Err(CommandError::NoFunction {
        name: name.to_owned(),
        suggestion: nearest(name, names).map(str::to_owned),
    })
}

/// A call that came to its end.
struct Called<'a> {
    plugin: &'a Plugin,
    function: &'a Function,
    arguments: Json,
    load_us: u64,
    attempt: Attempt,
}

impl Called<'_> {
    fn to_text(&self) -> String {
        let Attempt { result, timings, memory_bytes_peak, logs } = &self.attempt;
        let mut text = format!("{} {}\n", self.function.name, self.arguments);
        let mut line = |label: &str, content: String| {
            let _ = writeln!(text, "  {label:<8} {content}");
        };
        if let Ok(result) = result {
            let answer = answer(self.function, result);
            match result {
                OutcomeResult::Value(_) => line("result", answer["result"].to_string()),
                OutcomeResult::ToolError(_) => line("error", answer["error"].to_string()),
            }
            match reply(self.function, result, &self.arguments) {
                Ok(Some(reply)) => line("reply", reply),
                Ok(None) => {}
                Err(error) => line("reply", format!("fails: {error}")),
            }
        }
        line(
            "time",
            format!(
                "load {}, wait {}, instantiate {}, run {}",
                ms(self.load_us),
                ms(timings.queue_us),
                ms(timings.instantiate_us),
                ms(timings.run_us)
            ),
        );
        line("memory", format!("{} KiB at most", memory_bytes_peak >> 10));
        line("grants", describe(self.plugin.grants()));
        for entry in logs {
            let content = format!("{} {}: {}", entry.level.name(), entry.context, entry.message);
            line("log", content);
        }
        if let Err(error) = result {
            line("failed", failure(error));
        }
        text
    }

    /// The members of [`answer`] or why there are none, and what was measured.
    fn to_json(&self) -> Json {
        let Attempt { result, timings, memory_bytes_peak, logs } = &self.attempt;
        let mut json = match result {
            Ok(result) => answer(self.function, result),
            Err(error) => json!({"failure": {"kind": error.kind(), "message": error.to_string()}}),
        };
        json["function"] = json!(self.function.name);
        json["arguments"] = self.arguments.clone();
        match result.as_ref().map(|result| reply(self.function, result, &self.arguments)) {
            Ok(Ok(reply)) => json["reply"] = json!(reply),
            Ok(Err(error)) => json["reply_error"] = json!(error.to_string()),
            Err(_) => {}
        }
        json["timings_us"] = json!({
            "load": self.load_us,
            "queue": timings.queue_us,
            "instantiate": timings.instantiate_us,
            "run": timings.run_us,
        });
        json["memory_bytes_peak"] = json!(memory_bytes_peak);
        json["grants"] = json!(describe(self.plugin.grants()));
        json["logs"] = logs
            .iter()
            .map(|entry| {
                json!({
                    "level": entry.level.name(),
                    "context": entry.context,
                    "message": entry.message,
                })
            })
            .collect();
        json
    }
}

/// Why the sandbox ended the call, by its short name and in words.
fn failure(error: &CallError) -> String {
    format!("{}: {error}", error.kind())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn config() -> Config {
        let mut config = Config::default();
        config.sandbox.aot_dir = String::new();
        // The machine may stand still for seconds.
        config.sandbox.deadline_ms_max = 600_000;
        config.request.deadline_ms = 600_000;
        config
    }

    async fn called(plugin: &str, function: &str, arguments: &str) -> Result<Json, CommandError> {
        let verdict = call(&config(), Path::new(plugin), function, arguments, true).await?;
        let json: Json = serde_json::from_str(&verdict.text).unwrap();
        assert_eq!(verdict.is_good, json.get("failure").is_none(), "{json}");
        Ok(json)
    }

    #[tokio::test]
    async fn a_result_comes_with_what_was_measured() {
        for function in ["units_convert", "convert"] {
            let arguments = r#"{"value": 3, "from_unit": "km", "to_unit": "m"}"#;
            let json = called("units", function, arguments).await.unwrap();
            assert_eq!(json["function"], "units_convert");
            assert_eq!(json["result"]["value"], 3_000.0, "{json}");
            assert!(json["reply"].as_str().unwrap().contains("3000"), "{json}");
            assert!(json["memory_bytes_peak"].as_u64() > Some(60_000), "{json}");
            assert!(json["timings_us"]["run"].is_u64(), "{json}");
            assert_eq!(json["grants"], "nothing");
            assert_eq!(json["logs"], json!([]));
        }
        let config = config();
        let text = call(
            &config,
            Path::new("text"),
            "count_letter",
            r#"{"text": "aa", "letter": "a"}"#,
            false,
        );
        let text = text.await.unwrap().text;
        for part in [
            "text_count_letter {",
            "result   2",
            "reply    ",
            "time     load ",
            "KiB at most",
            "grants   nothing",
        ] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }

    #[tokio::test]
    async fn an_error_of_the_function_is_a_result() {
        let arguments = r#"{"value": 3, "from_unit": "km", "to_unit": "no unit"}"#;
        let json = called("units", "convert", arguments).await.unwrap();
        assert!(json["error"].is_string() && json.get("result").is_none(), "{json}");
        assert_eq!(json["reply"], Json::Null);
    }

    #[tokio::test]
    async fn mistakes_are_named() {
        for (plugin, function, arguments, said) in [
            ("nothing", "f", "{}", "bundled are"),
            ("units", "units_convrt", "{}", "did you mean `units_convert`"),
            ("units", "units_convert", "{}", "required but missing"),
            ("units", "units_convert", "{", "not JSON"),
        ] {
            let error = called(plugin, function, arguments).await.unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[tokio::test]
    async fn grants_come_from_the_file_beside_it_and_logs_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("hostile.wasm");
        std::fs::write(&component, hyfunc_plugins::fixture("hostile").unwrap()).unwrap();
        let typed = component.to_str().unwrap();
        let json = called(typed, "log", r#"{"bytes": 200}"#).await.unwrap();
        assert_eq!(json["grants"], "nothing");
        assert_eq!(json["logs"][0]["context"], "stderr");
        let text = call(&config(), &component, "log", r#"{"bytes": 200}"#, false).await;
        let text = text.unwrap().text;
        assert!(text.contains("log      warn stderr: "), "{text}");

        let grants = "[http]\nhosts = [{ host = \"a.b\" }]";
        std::fs::write(folder.path().join("hostile.grants.toml"), grants).unwrap();
        let json = called(typed, "list-env", "{}").await.unwrap();
        assert_eq!(json["grants"], "https://a.b:443 (GET, HEAD)");
        // Bound to a component, they are for that one alone.
        let digits = hex::encode(Sha256::digest(hyfunc_plugins::fixture("hostile").unwrap()));
        for (digits, is_right) in [(digits, true), ("ab".repeat(32), false)] {
            let bound = format!("digest = \"sha256:{digits}\"\n{grants}");
            std::fs::write(folder.path().join("hostile.grants.toml"), bound).unwrap();
            match called(typed, "list-env", "{}").await {
                Ok(json) => assert!(is_right && json["grants"] == "https://a.b:443 (GET, HEAD)"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!is_right && error.contains(&digits), "{error}");
                    assert!(error.contains("then write its digest"), "{error}");
                }
            }
        }
        std::fs::write(folder.path().join("hostile.grants.toml"), "[files]").unwrap();
        let refused = called(typed, "list-env", "{}").await.unwrap_err().to_string();
        assert!(refused.contains("grants"), "{refused}");
    }

    #[tokio::test]
    async fn a_call_that_the_sandbox_ended_is_told_like_one_that_returned() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("hostile.wasm");
        std::fs::write(&component, hyfunc_plugins::fixture("hostile").unwrap()).unwrap();
        let mut hasty = config();
        hasty.sandbox.deadline_ms_max = 500;
        for (config, function, arguments, kind, logged) in [
            // It panics: no machine of 32 bits has a list of that length.
            (&config(), "large", r#"{"bytes": 4294967295}"#, "trap", Some("capacity overflow")),
            (&hasty, "spin", "{}", "deadline", None),
            (&config(), "allocate", r#"{"megabytes": 500}"#, "memory_limit", None),
        ] {
            let verdict = call(config, &component, function, arguments, true).await.unwrap();
            assert!(!verdict.is_good, "{function}");
            let json: Json = serde_json::from_str(&verdict.text).unwrap();
            assert_eq!(json["failure"]["kind"], kind, "{json}");
            assert!(json["failure"]["message"].is_string(), "{json}");
            for absent in ["result", "error", "reply"] {
                assert!(json.get(absent).is_none(), "{json}");
            }
            for measured in ["timings_us", "memory_bytes_peak", "grants", "logs"] {
                assert!(json.get(measured).is_some(), "no {measured} in {json}");
            }

            let verdict = call(config, &component, function, arguments, false).await.unwrap();
            assert!(!verdict.is_good, "{function}");
            let last = verdict.text.lines().last().unwrap();
            assert!(last.starts_with(&format!("  failed   {kind}: ")), "{}", verdict.text);
            for part in ["time     load ", "memory   ", "KiB at most", "grants   nothing"] {
                assert!(verdict.text.contains(part), "`{part}` is not in {}", verdict.text);
            }
            if let Some(logged) = logged {
                assert!(json["logs"].to_string().contains(logged), "{json}");
                let mut lines = verdict.text.lines();
                let is_logged = |line: &str| line.contains("log      ") && line.contains(logged);
                assert!(lines.any(is_logged), "{}", verdict.text);
            }
        }
    }
}
