//! Every type of value, there and back through a component.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use hyfunc_functions::{Value, json};
use hyfunc_sandbox::{OutcomeResult, Plugin};
use serde_json::{Value as Json, json as j};
use support::{call_json, context, fixture, function, small};

/// What a function that hands its value back returns, as JSON.
async fn echo(plugin: &Plugin, name: &str, arguments: &Json) -> Json {
    let outcome = call_json(plugin, name, arguments, context()).await.unwrap();
    let OutcomeResult::Value(Some(value)) = outcome.result else { panic!("{outcome:?}") };
    json::to_json(function(plugin, name).returns.as_ref().unwrap(), &value)
}

#[tokio::test]
async fn every_example_comes_back_as_it_went() {
    let plugin = fixture(small(), "types", "");
    assert!(plugin.refused().is_empty(), "{:?}", plugin.refused());
    let mut echoed = 0;
    for function in plugin.functions() {
        let export = function.export.as_ref().unwrap();
        if !export.function.starts_with("echo-") {
            continue;
        }
        for example in &function.examples {
            let arguments = Json::Object(example.arguments.clone());
            let value = echo(&plugin, &export.function, &arguments).await;
            let ty = function.returns.as_ref().unwrap();
            let there = json::from_json(ty, &arguments["value"]).unwrap();
            assert_eq!(json::from_json(ty, &value).unwrap(), there, "{}", export.function);
            echoed += 1;
        }
    }
    assert!(echoed >= 22, "only {echoed} examples");
}

#[tokio::test]
async fn edges_come_back_as_they_went() {
    let plugin = fixture(small(), "types", "");
    for (name, value) in [
        ("echo-u8", j!(255)),
        ("echo-s8", j!(-128)),
        ("echo-u16", j!(65_535)),
        ("echo-s16", j!(-32_768)),
        ("echo-u32", j!(u32::MAX)),
        ("echo-s32", j!(i32::MIN)),
        ("echo-f32", j!(0.5)),
        ("echo-f64", j!(f64::MIN_POSITIVE)),
        ("echo-char", j!("\u{10ffff}")),
        ("echo-text", j!("\u{0}\"\\\n🦀")),
        ("echo-names", j!(["", "a", "ä"])),
        ("echo-bytes", j!("")),
        ("echo-pair", j!([-1, ""])),
        ("echo-shape", j!({ "circle": 1.5 })),
        ("echo-permissions", j!(["read", "write", "delete-forever"])),
    ] {
        assert_eq!(echo(&plugin, name, &j!({ "value": value })).await, value, "{name}");
    }
}

#[tokio::test]
async fn an_absent_option_is_none() {
    let plugin = fixture(small(), "types", "");
    for name in ["echo-maybe", "echo-nested-maybe"] {
        assert_eq!(echo(&plugin, name, &j!({})).await, Json::Null, "{name}");
    }
    let export = function(&plugin, "echo-maybe").export.clone().unwrap();
    let outcome = plugin.call(&export, &Value::Record(vec![None]), context()).await.unwrap();
    assert_eq!(outcome.result, OutcomeResult::Value(Some(Value::Option(None))));
    let export = function(&plugin, "echo-text").export.clone().unwrap();
    let error = plugin.call(&export, &Value::Record(vec![None]), context()).await.unwrap_err();
    assert_eq!(error.to_string(), "argument `value`: expected a string, found nothing");
}

#[tokio::test]
async fn an_option_in_an_option_keeps_its_depth() {
    let plugin = fixture(small(), "types", "");
    let export = function(&plugin, "echo-nested-maybe").export.clone().unwrap();
    for value in [
        Value::Option(None),
        Value::Option(Some(Box::new(Value::Option(None)))),
        Value::Option(Some(Box::new(Value::Option(Some(Box::new(Value::Int(5))))))),
    ] {
        let arguments = Value::Record(vec![Some(value.clone())]);
        let outcome = plugin.call(&export, &arguments, context()).await.unwrap();
        assert_eq!(outcome.result, OutcomeResult::Value(Some(value)));
    }
}

#[tokio::test]
async fn an_error_of_the_tool_is_an_answer() {
    let plugin = fixture(small(), "types", "");
    let result = |value: i32| {
        let plugin = plugin.clone();
        async move {
            let arguments = j!({ "value": value });
            call_json(&plugin, "checked", &arguments, context()).await.unwrap().result
        }
    };
    assert_eq!(result(5).await, OutcomeResult::Value(Some(Value::Int(5))));
    let OutcomeResult::ToolError(Some(Value::String(reason))) = result(-1).await else {
        panic!("a negative number was not refused")
    };
    assert!(!reason.is_empty());
}
