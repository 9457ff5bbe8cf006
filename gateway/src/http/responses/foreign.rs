//! Whatever a client sends to `/v1/responses` is read, or refused with an error of the table.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

use super::read::read_response;
use crate::config::RequestConfig;
use crate::http::foreign::{
    any_json, changed, changes, check_bytes, check_refusal, check_request, tools,
};

fn response() -> Json {
    json!({
        "model": "m",
        "instructions": "s",
        "input": [
            {"role": "developer", "content": "d"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "21"},
            {"type": "mcp_call", "id": "mcp_1", "name": "g", "arguments": "{}", "output": "3"},
            {"type": "item_reference", "id": "msg_1"},
            {"role": "user", "content": "and now?"},
        ],
        "tools": tools(false),
        "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]},
        "max_tool_calls": 3,
        "stream": true,
        "stream_options": {"include_obfuscation": false},
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": null},
        "include": ["reasoning.encrypted_content"],
        "metadata": {"a": "b"},
        "store": false,
    })
}

fn check(body: &Json) {
    let limits = RequestConfig::default();
    match read_response(body, &limits) {
        Ok((request, form)) => {
            check_request(&request, &limits);
            let repeated = form.repeated.get("tools").and_then(Json::as_array).map(Vec::len);
            assert_eq!(repeated, Some(request.tools.len()), "every tool is repeated");
        }
        Err(error) => check_refusal(&error),
    }
}

#[test]
fn the_request_that_is_changed_is_valid() {
    let (request, form) = read_response(&response(), &RequestConfig::default()).unwrap();
    assert_eq!((request.query.as_str(), request.calls_max, form.stream), ("and now?", 3, true));
    check(&response());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_read_or_refused(body in any_json()) {
        check(&body);
    }

    #[test]
    fn changed_requests_are_read_or_refused(changes in changes()) {
        check(&changed(response(), &changes));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..64), place in any::<Index>()) {
        let mut body = response().to_string().into_bytes();
        let at = place.index(body.len());
        body.splice(at..at, bytes);
        check_bytes(&body, check);
    }
}
