//! Everything but the chat.

use serde_json::{Value as Json, json};

use crate::support::{MODEL, Script, start, tool};

#[tokio::test]
async fn models_are_listed_as_openai_does() {
    let gateway = start(Script::default()).await;
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], MODEL);
    assert_eq!(list["data"][0]["object"], "model");
    assert!(list["data"][0]["created"].as_u64().unwrap() > 1_600_000_000);
    assert_eq!(gateway.get("/v1/models/fake").await.json(), list["data"][0]);
    assert_eq!(gateway.get("/v1/models/other").await.error().1, "model_not_found");
}

#[tokio::test]
async fn every_bundled_function_is_listed_with_its_schemas() {
    let gateway = start(Script::default()).await;
    let list = gateway.get("/v1/functions").await.json();
    let functions = list["data"].as_array().unwrap();
    assert!(functions.len() >= 30, "{}", functions.len());
    for function in functions {
        assert!(!function["description"].as_str().unwrap().is_empty(), "{function}");
        assert_eq!(function["parameters"]["type"], "object", "{function}");
        assert_eq!(function["parameters"]["additionalProperties"], false, "{function}");
        assert!(function.get("result").is_some(), "{function}");
        assert!(function["plugin"].is_string(), "{function}");
        assert!(!function["examples"].as_array().unwrap().is_empty(), "{function}");
    }
}

#[tokio::test]
async fn every_example_of_a_listed_function_is_accepted_by_it() {
    let gateway = start(Script::default()).await;
    let list = gateway.get("/v1/functions").await.json();
    // Not the network, and not the fixture whose purpose is to misbehave.
    let calm =
        |function: &&Json| function["plugin"] != "weather" && function["plugin"] != "hostile";
    for function in list["data"].as_array().unwrap().iter().filter(calm) {
        let path = format!("/v1/functions/{}", function["name"].as_str().unwrap());
        let example = &function["examples"][0]["arguments"];
        let answer = gateway.send(gateway.post(&path).json(example)).await;
        assert_eq!(answer.status, 200, "{path} {example}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_function_can_be_called_without_any_model() {
    let gateway = start(Script::default()).await;
    let arguments = json!({"value": 3, "from_unit": "km", "to_unit": "m"});
    let request = gateway.post("/v1/functions/units_convert").json(&arguments);
    let json = gateway.send(request).await.json();
    assert_eq!(json["function"], "units_convert");
    assert!(json["result"].is_object(), "{json}");
    assert!(json["reply"].as_str().unwrap().contains("3000"), "{json}");
    assert!(json["timings_us"]["run"].is_u64(), "{json}");
    assert_eq!(gateway.fake.decoded.load(std::sync::atomic::Ordering::SeqCst), 0);

    // Its own error is an answer.
    let arguments = json!({"value": 3, "from_unit": "km", "to_unit": "kg"});
    let request = gateway.post("/v1/functions/units_convert").json(&arguments);
    let answer = gateway.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["error"]["kind"], "tool_error");

    // No body is no arguments.
    let answer = gateway.send(gateway.post("/v1/functions/tasks_list_items")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn route_decides_and_runs_nothing() {
    let calls = vec![("tasks_add", json!({"title": "never added"}))];
    let gateway = start(Script { calls, ..Script::default() }).await;
    let asked = json!({"query": "remind me", "tools": [tool("open_page")]});
    let json = gateway.send(gateway.post("/v1/route").json(&asked)).await.json();
    assert_eq!(json["object"], "route");
    assert_eq!(json["query"], "remind me");
    assert_eq!(json["p_call"], 0.75);
    assert_eq!(json["calls"][0]["function"], "tasks_add");
    assert_eq!(json["calls"][0]["arguments"]["title"], "never added");
    assert_eq!(
        json["calls"][0]["pieces"][0],
        json!({"kind": "injected", "text": "<call>", "subject": ""})
    );
    let candidates = json["candidates"].as_array().unwrap();
    assert!(candidates.iter().any(|c| c["name"] == "open_page" && c["origin"] == "client"));
    assert!(candidates.iter().any(|c| c["name"] == "tasks_add" && c["origin"] == "todo"));
    let scores: Vec<f64> = candidates.iter().map(|c| c["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "best first: {scores:?}");
    let items = gateway.send(gateway.post("/v1/functions/tasks_list_items")).await;
    assert!(!items.text.contains("never added"), "{}", items.text);

    for (asked, code) in [
        (json!({}), "invalid_value"),
        (json!({"query": ""}), "empty_conversation"),
        (json!({"query": "x", "qurey": 1}), "unknown_parameter"),
        (json!({"query": "x", "model": "y"}), "model_not_found"),
    ] {
        let answer = gateway.send(gateway.post("/v1/route").json(&asked)).await;
        assert_eq!(answer.error().1, code, "{asked}");
    }
}

#[tokio::test]
async fn health_ids_and_wrong_paths() {
    let gateway = start(Script::default()).await;
    assert_eq!(gateway.get("/healthz").await.json(), json!({"status": "ok"}));
    assert_eq!(gateway.get("/readyz").await.json()["status"], "ready");
    let (status, code, _) = gateway.get("/v1/nothing").await.error();
    assert_eq!((status, code.as_str()), (404, "not_found"));
    let (status, code, _) = gateway.get("/v1/chat/completions").await.error();
    assert_eq!((status, code.as_str()), (405, "method_not_allowed"));

    let mine = gateway.client.get(format!("{}/healthz", gateway.base));
    let answer = gateway.send(mine.header("x-request-id", "mine-1")).await;
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    let first = gateway.get("/healthz").await.headers["x-request-id"].clone();
    assert_ne!(first, gateway.get("/healthz").await.headers["x-request-id"]);

    let bad = gateway.client.get(format!("{}/healthz", gateway.base));
    let answer = gateway.send(bad.header("x-hyfunc-deadline-ms", "soon")).await;
    assert_eq!(answer.error().0, 400);

    let (status, code, _) = gateway.get("/v1/models/%ff").await.error();
    assert_eq!((status, code.as_str()), (400, "invalid_value"));
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_by_default() {
    let gateway = start(Script::default()).await;
    let request =
        gateway.post("/v1/functions/tasks_clear").header("origin", "https://evil.example");
    let (status, code, message) = gateway.send(request).await.error();
    assert_eq!((status, code.as_str()), (403, "foreign_origin"), "{message}");
    let request = gateway.post("/v1/functions/tasks_list_items").header("host", "evil.example");
    assert_eq!(gateway.send(request).await.status, 403);
    let request =
        gateway.post("/v1/functions/tasks_list_items").header("origin", "http://localhost:3000");
    assert_eq!(gateway.send(request).await.status, 200);
}

#[tokio::test]
async fn what_a_plugin_is_granted_is_told_but_no_value_of_its_settings() {
    let gateway = start(Script::default()).await;
    let answer = gateway.get("/v1/functions").await;
    let list = answer.json();
    let nothing =
        json!({"http": {"hosts": []}, "keyvalue": {"store": false}, "config": {"keys": []}});
    let weather = json!({
        "http": {"hosts": [{
            "host": "api.open-meteo.com",
            "port": 443,
            "methods": ["GET"],
            "allow_private": false,
            "allow_plain": false,
        }]},
        "keyvalue": {"store": false},
        "config": {"keys": ["base_url"]},
    });
    for (name, grants) in [("units_convert", nothing), ("weather_current", weather)] {
        let functions = list["data"].as_array().unwrap();
        let function = functions.iter().find(|function| function["name"] == name).unwrap();
        assert_eq!(function["grants"], grants, "{name}");
    }
    assert!(!answer.text.contains("https://api.open-meteo.com"), "the setting's value is told");
}
