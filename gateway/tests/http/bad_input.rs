//! What must be refused, with a status, a code, and words that say what to do.

use serde_json::{Value as Json, json};

use crate::support::{MODEL, NEVER_MS, Script, ask, ask_with, start, start_hasty, tool};

#[tokio::test]
async fn bodies_that_are_not_a_request() {
    let gateway = start(Script::default()).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let just_too_deep = format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64));
    let in_utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cut = &ask("hello").to_string()[..20];
    for (body, status, code) in [
        (b"".to_vec(), 400, "invalid_json"),
        (b"hello".to_vec(), 400, "invalid_json"),
        (cut.as_bytes().to_vec(), 400, "invalid_json"),
        (b"{\"model\": NaN}".to_vec(), 400, "invalid_json"),
        (b"{} {}".to_vec(), 400, "invalid_json"),
        (b"[]".to_vec(), 400, "invalid_value"),
        (b"null".to_vec(), 400, "invalid_value"),
        (b"{\"model\": \"\xff\"}".to_vec(), 400, "invalid_utf8"),
        (b"{\"model\": \"\xc3\x28\"}".to_vec(), 400, "invalid_utf8"),
        ([&b"\xff\xfe"[..], &in_utf16].concat(), 400, "invalid_utf8"),
        (b"{\"model\": 1, \"model\": 2}".to_vec(), 400, "duplicate_key"),
        (deep.clone().into_bytes(), 400, "json_too_deep"),
        (just_too_deep.into_bytes(), 400, "json_too_deep"),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = gateway.send(gateway.post("/v1/chat/completions").body(body)).await;
        let (found, found_code, message) = answer.error();
        assert_eq!((found, found_code.as_str()), (status, code), "{shown}: {message}");
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn requests_that_cannot_be_answered() {
    let gateway = start(Script::default()).await;
    let messages = |messages: Json| json!({"model": MODEL, "messages": messages});
    let other = json!({"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]});
    for (asked, status, code, words) in [
        (other, 404, "model_not_found", "this gateway serves `fake`"),
        (json!({"messages": []}), 400, "invalid_value", "`model`"),
        (messages(json!([])), 400, "empty_conversation", "role `user`"),
        (messages(json!([{"role": "system", "content": "x"}])), 400, "empty_conversation", "user"),
        (messages(json!([{"role": "user", "content": " \n"}])), 400, "empty_conversation", "text"),
        (messages(json!([{"role": "user", "content": 3}])), 400, "invalid_value", "a string"),
        (messages(json!("hello")), 400, "invalid_value", "`messages`"),
        (ask_with("x", json!({"n": 2})), 400, "unsupported_parameter", "`n`"),
        (ask_with("x", json!({"logprobs": true})), 400, "unsupported_parameter", "`logprobs`"),
        (ask_with("x", json!({"audio": {}})), 400, "unsupported_parameter", "`audio`"),
        (ask_with("x", json!({"temprature": 1})), 400, "unknown_parameter", "`temperature`"),
        (ask_with("x", json!({"stream": 1})), 400, "invalid_value", "true or false"),
        (ask_with("x", json!({"tools": [{}]})), 400, "invalid_value", "`tools[0].type`"),
        (
            ask_with("x", json!({"tools": [tool("a"), tool("a")]})),
            400,
            "invalid_value",
            "there twice",
        ),
        (
            ask_with(
                "x",
                json!({"tools": [{"type": "function", "function": {"name": "a",
                "parameters": {"type": "object", "properties": {"b": {"$ref": "http://c"}}}}}]}),
            ),
            400,
            "invalid_function_parameters",
            "$ref",
        ),
        (
            ask_with("x", json!({"tool_choice": {"type": "function", "function": {"name": "no"}}})),
            400,
            "invalid_value",
            "`no` is neither",
        ),
        (
            ask_with(
                "x",
                json!({"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto",
                "tools": [{"type": "function", "function": {"name": "no"}}]}}}),
            ),
            400,
            "invalid_value",
            "`no` is neither",
        ),
        (ask_with("x", json!({"seed": "7"})), 400, "invalid_value", "`seed`"),
        (ask_with("x", json!({"max_completion_tokens": 0})), 400, "invalid_value", "at least 1"),
        (ask_with("x", json!({"metadata": {"a": 1}})), 400, "invalid_value", "`metadata.a`"),
        (ask_with("x", json!({"stop": ["x"]})), 400, "unsupported_parameter", "`stop`"),
        (ask_with("x", json!({"store": true})), 400, "unsupported_parameter", "`store`"),
        (
            messages(json!([{"role": "user", "content": "x"},
                {"role": "tool", "tool_call_id": "c", "content": "y"}])),
            400,
            "invalid_value",
            "no call `c` waits",
        ),
        (
            ask_with(
                "x",
                json!({"tools": [{"type": "function", "function": {"name": "a", "strict": true,
                "parameters": {"type": "object", "properties": {"b": {"type": "number",
                "multipleOf": 3}}}}}]}),
            ),
            400,
            "unsupported_parameter",
            "`multipleOf`",
        ),
    ] {
        let answer = gateway.chat(&asked).await;
        let (found, found_code, message) = answer.error();
        assert_eq!((found, found_code.as_str()), (status, code), "{asked}: {message}");
        assert!(message.contains(words), "{message} should hold: {words}");
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn large_messages_and_large_bodies() {
    let gateway = start(Script::default()).await;
    for (bytes, status, code) in [
        (16 * 1024, 200, ""),
        (16 * 1024 + 1, 400, "context_length_exceeded"),
        (1_000_000, 400, "context_length_exceeded"),
        (1024 * 1024, 413, "body_too_large"),
        (20 * 1024 * 1024, 413, "body_too_large"),
    ] {
        let body = ask(&"x".repeat(bytes)).to_string();
        let sent = gateway.post("/v1/chat/completions").body(body).send().await;
        // A client that still writes when it is refused may see the connection close.
        let Ok(response) = sent else {
            assert_eq!(status, 413);
            continue;
        };
        assert_eq!(response.status().as_u16(), status, "{bytes} bytes");
        let json: Json = response.json().await.unwrap();
        assert_eq!(json["error"]["code"].as_str().unwrap_or(""), code, "{bytes} bytes");
    }
    gateway.assert_alive().await;
}

#[tokio::test]
async fn arguments_of_a_direct_call() {
    let gateway = start(Script::default()).await;
    for (name, arguments, status, code, words) in [
        ("units_convert", "not json", 400, "invalid_json", "not JSON"),
        ("units_convert", "[]", 400, "invalid_type", "`$`"),
        ("units_convert", "{\"value\": 1}", 400, "missing_parameter", "from_unit"),
        (
            "units_convert",
            "{\"value\": \"x\", \"from_unit\": \"m\", \"to_unit\": \"km\"}",
            400,
            "invalid_type",
            "$.value",
        ),
        (
            "units_convert",
            "{\"value\": 1, \"from_unit\": \"m\", \"to_unit\": \"km\", \"extra\": 1}",
            400,
            "unknown_parameter",
            "extra",
        ),
        (
            "units_convert",
            "{\"value\": 1, \"from_unit\": \"m\", \"to_unit\": \"km\", \"value\": 2}",
            400,
            "duplicate_key",
            "twice",
        ),
        ("units_konvert", "{}", 404, "function_not_found", "did you mean `units_convert`"),
        ("attacks_trap", "{}", 502, "trap", "attacks_trap"),
        ("attacks_sleep", "{\"ms\": -1}", 400, "invalid_type", "$.ms"),
    ] {
        let path = format!("/v1/functions/{name}");
        let answer = gateway.send(gateway.post(&path).body(arguments)).await;
        let (found, found_code, message) = answer.error();
        assert_eq!((found, found_code.as_str()), (status, code), "{name} {arguments}: {message}");
        assert!(message.contains(words), "{message} should hold: {words}");
    }
    gateway.assert_alive().await;

    let gateway = start_hasty(Script::default()).await;
    let asleep = gateway.post("/v1/functions/attacks_sleep").json(&json!({"ms": NEVER_MS}));
    let (status, code, message) = gateway.send(asleep).await.error();
    assert_eq!((status, code.as_str()), (504, "deadline"), "{message}");
    assert!(message.contains("attacks_sleep"), "{message}");
}

#[tokio::test]
async fn schemas_that_lead_to_themselves_go_on_for_ever_or_say_what_nobody_holds() {
    let gateway = start(Script::default()).await;
    let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}});
    let mut circle = node.clone();
    circle["$defs"] = json!({"node": node});
    let many: serde_json::Map<String, Json> =
        (0..10_000).map(|number| (format!("p{number}"), json!({"type": "string"}))).collect();
    let one = |schema: Json| json!({"type": "object", "properties": {"a": schema}});
    let rule = |keyword: &str, value: Json| {
        let mut parameters = one(json!({"type": "string"}));
        parameters[keyword] = value;
        parameters
    };
    let unheld = "unsupported_parameter";
    let unread = "invalid_function_parameters";
    for (parameters, loose, strict) in [
        (circle, None, Some((unheld, "`$ref` at"))),
        (json!({"$ref": "#"}), None, Some((unheld, "`$ref` at"))),
        (one(json!({"type": "object", "properties": many})), Some((unread, "20000 parts")), None),
        (
            json!({"type": "object", "properties": many}),
            Some(("invalid_value", "`f` has 10000 properties")),
            None,
        ),
        (
            one(json!({"$ref": "http://a.example/b"})),
            Some((unread, "within the same schema")),
            None,
        ),
        (one(json!({"not": {"type": "string"}})), None, Some((unheld, "`not` at"))),
        (one(json!({"type": "array", "contains": {}})), None, Some((unheld, "`contains` at"))),
        (one(json!({"type": "string", "pattern": "(?=a)b"})), None, Some((unheld, "`pattern` at"))),
        (one(json!({"$dynamicRef": "#a"})), None, Some((unheld, "`$dynamicRef` at"))),
        (rule("maxProperties", json!(1)), None, Some((unheld, "`maxProperties` at `$`"))),
        (rule("dependentRequired", json!({"a": []})), None, Some((unheld, "`dependentRequired`"))),
        (rule("unevaluatedProperties", json!(false)), None, None),
    ] {
        // What cannot be read at all is refused either way, what is not held only where it must be.
        for (is_strict, wanted) in [(false, loose), (true, strict.or(loose))] {
            let function = json!({"name": "f", "parameters": parameters, "strict": is_strict});
            let tools = json!([{"type": "function", "function": function}]);
            let answer = gateway.chat(&ask_with("x", json!({"tools": tools}))).await;
            let Some((code, words)) = wanted else {
                assert_eq!(answer.status, 200, "{is_strict}: {}", answer.text);
                // What is not held to is named then, at the place that `strict` would name.
                let unheld = &answer.json()["hyfunc"]["unheld"];
                let rules = unheld.as_array().map_or(&[][..], Vec::as_slice);
                let named = |rule: &Json| {
                    let [path, keyword] =
                        ["path", "keyword"].map(|key| rule[key].as_str().unwrap());
                    assert_eq!(rule["function"], "f");
                    format!("`{keyword}` at `{path}`")
                };
                let kept = strict.filter(|_| !is_strict).map(|(_, words)| words);
                match kept {
                    None => assert!(unheld.is_null(), "{unheld}"),
                    Some(words) => {
                        assert!(rules.iter().any(|rule| named(rule).contains(words)), "{unheld}");
                    }
                }
                continue;
            };
            let (status, found, message) = answer.error();
            assert_eq!((status, found.as_str()), (400, code), "{is_strict}: {message}");
            assert!(message.contains(words) && message.len() < 600, "{message}");
        }
    }
    gateway.assert_alive().await;
}
