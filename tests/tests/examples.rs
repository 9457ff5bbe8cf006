//! Every example of every bundled plugin, called on the whole gateway.

mod support;

use std::sync::LazyLock;

use serde_json::{Value as Json, json};
use support::{Gateway, config, misfit, text};

static GATEWAY: LazyLock<Gateway> = LazyLock::new(|| Gateway::start(config()));

/// Plugins whose functions ask a service outside, which need not be there.
const NEEDS_NETWORK: &[&str] = &["weather"];

/// Functions whose examples speak of a task that must be on the list.
const NEEDS_TASK: &[&str] = &["tasks_complete", "tasks_remove"];

fn examples(function: &Json) -> &[Json] {
    function["examples"].as_array().map_or(&[], |examples| examples.as_slice())
}

/// Puts the one task on an empty list that the example speaks of; gives the arguments that name it.
async fn with_task(arguments: &Json) -> Json {
    let (status, cleared) = GATEWAY.call("tasks_clear", &json!({})).await;
    assert_eq!(status, 200, "{cleared}");
    let (status, added) = GATEWAY.call("tasks_add", &json!({"title": arguments["title"]})).await;
    assert_eq!(status, 200, "{added}");
    let title = text(arguments, "title");
    if title.parse::<u32>().is_err() {
        return arguments.clone();
    }
    // `task 3 is done`: by its number, which the list gave.
    let id = added["result"]["id"].as_u64().expect("a task has a number");
    json!({"title": id.to_string()})
}

#[tokio::test]
async fn every_example_runs() {
    let mut failures = Vec::new();
    let mut ran = 0;
    for function in GATEWAY.functions().await {
        let name = text(&function, "name");
        if NEEDS_NETWORK.contains(&text(&function, "plugin")) {
            continue;
        }
        for example in examples(&function) {
            let mut arguments = example["arguments"].clone();
            if let Some(why) = misfit(&function["parameters"], &arguments) {
                failures.push(format!("{name}: the schema refuses the example: {why}"));
            }
            if NEEDS_TASK.contains(&name) {
                arguments = with_task(&arguments).await;
            }
            let (status, answer) = GATEWAY.call(name, &arguments).await;
            ran += 1;
            if status != 200 || answer.get("error").is_some() {
                failures.push(format!("{name}({arguments}): {status} {answer}"));
            } else if let Some(why) = misfit(&function["result"], &answer["result"]) {
                failures.push(format!("{name}({arguments}): the schema refuses {why}"));
            } else if text(&answer, "reply").is_empty() {
                failures.push(format!("{name}({arguments}) says nothing: {answer}"));
            }
        }
    }
    assert!(ran >= 100, "only {ran} examples were found");
    assert!(failures.is_empty(), "{} of {ran} fail:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
async fn without_a_network_the_weather_says_so() {
    let functions = GATEWAY.functions().await;
    let weather: Vec<&Json> = functions
        .iter()
        .filter(|function| NEEDS_NETWORK.contains(&text(function, "plugin")))
        .collect();
    assert!(!weather.is_empty());
    for function in weather {
        let name = text(function, "name");
        let example = examples(function).first().expect("it has examples");
        let (status, answer) = GATEWAY.call(name, &example["arguments"]).await;
        assert_eq!(status, 200, "a tool's error is an answer: {answer}");
        match answer.get("error") {
            // Where there is a network, this is the weather.
            None => assert_eq!(misfit(&function["result"], &answer["result"]), None),
            Some(error) => {
                assert_eq!(error["kind"], "tool_error", "{answer}");
                let message = text(error, "message");
                assert!(message.contains(' '), "a sentence, not a code: {message}");
                assert!(text(&answer, "reply").contains(name), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn every_function_is_documented() {
    let functions = GATEWAY.functions().await;
    assert!(functions.len() >= 30, "only {} functions", functions.len());
    for function in &functions {
        let name = text(function, "name");
        assert!(!text(function, "description").is_empty(), "{name}");
        assert!(examples(function).len() >= 3, "{name} has too few examples");
        let parameters = function["parameters"]["properties"].as_object();
        for (parameter, schema) in parameters.into_iter().flatten() {
            assert!(schema.is_object(), "{name}.{parameter}");
            let doc = schema["description"].as_str().unwrap_or("");
            assert!(!doc.is_empty(), "{name}.{parameter} is not documented");
        }
    }
}
