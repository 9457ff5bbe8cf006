//! Functions of very many properties, at every endpoint that takes functions.

use serde_json::{Map, Value as Json, json};

use crate::support::{MODEL, Script, start, start_with};

/// A schema of optional properties.
fn schema(properties: usize) -> Json {
    let properties: Map<String, Json> =
        (0..properties).map(|at| (format!("lamp_{at}"), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": properties})
}

/// A request of some functions, each of so many properties, for every endpoint that takes them.
fn requests(functions: usize, properties: usize) -> [(&'static str, Json); 3] {
    let schema = schema(properties);
    let inner = |at: usize| json!({"name": format!("f{at}"), "parameters": schema});
    let nested = |at: usize| json!({"type": "function", "function": inner(at)});
    let flat = |at: usize| {
        let mut flat = inner(at);
        flat["type"] = "function".into();
        flat
    };
    let nested: Vec<Json> = (0..functions).map(nested).collect();
    let flat: Vec<Json> = (0..functions).map(flat).collect();
    let messages = json!([{"role": "user", "content": "x"}]);
    [
        ("/v1/chat/completions", json!({"model": MODEL, "messages": messages, "tools": nested})),
        ("/v1/responses", json!({"model": MODEL, "input": "x", "tools": flat})),
        ("/v1/route", json!({"query": "x", "tools": nested})),
    ]
}

#[tokio::test]
async fn as_many_as_are_taken_and_one_more() {
    let gateway = start(Script::default()).await;
    let one = "`f0` has";
    for (functions, properties, words) in [
        (1, 256, None),
        (8, 256, None),
        (128, 16, None),
        (1, 257, Some([one, "257 properties", "256 of request.tool_properties_max"])),
        (1, 1_000, Some([one, "1000 properties", "256 of request.tool_properties_max"])),
        (1, 10_000, Some([one, "10000 properties", "leave some out"])),
        (9, 250, Some(["with `f8`", "2250 properties", "2048 of request.properties_max"])),
    ] {
        for (path, body) in requests(functions, properties) {
            let answer = gateway.send(gateway.post(path).json(&body)).await;
            let Some(words) = words else {
                assert_eq!(answer.status, 200, "{path}: {functions} of {properties}");
                continue;
            };
            let (status, code, message) = answer.error();
            assert_eq!((status, code.as_str()), (400, "invalid_value"), "{path}: {message}");
            for words in words {
                assert!(message.contains(words) && message.len() < 400, "{path}: {message}");
            }
            let (place, json) = (format!("tools[{}]", functions - 1), answer.json());
            let param = json["error"]["param"].as_str().unwrap();
            assert!(param.starts_with(&place), "{path}: {param}");
        }
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn an_operator_may_take_more_or_fewer() {
    let gateway = start_with(Script::default(), |config| {
        config.request.tool_properties_max = 1_000;
        config.request.properties_max = 1_500;
    })
    .await;
    for (functions, properties, words) in [
        (1, 1_000, None),
        (1, 1_001, Some("1000 of request.tool_properties_max")),
        (2, 1_000, Some("1500 of request.properties_max")),
    ] {
        for (path, body) in requests(functions, properties) {
            let answer = gateway.send(gateway.post(path).json(&body)).await;
            match words {
                None => assert_eq!(answer.status, 200, "{path}: {}", answer.text),
                Some(words) => {
                    let (_, _, message) = answer.error();
                    assert!(message.contains(words), "{path}: {message}");
                }
            }
        }
    }
}
