//! `text_count_words` and `service_wait` as a plugin of hyper-mcp, as its guide has authors write one:
//! by hand, with the schema. What counts is the bundled plugin's own `count.rs`, which run.sh puts
//! beside this file.

use std::time::Duration;

use extism_pdk::{plugin_fn, FnResult};
use serde::Deserialize;
use serde_json::{json, Value};

#[allow(dead_code)]
mod count;

/// Where `count.rs` looks for its result's type.
mod bindings {
    pub mod exports {
        pub mod hyfunc {
            pub mod text {
                pub mod text {
                    pub struct Length {
                        pub words: u32,
                        pub characters: u32,
                        pub sentences: u32,
                    }
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct Call {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    name: String,
    arguments: Value,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Deserialize)]
struct Wait {
    ms: u32,
}

#[plugin_fn]
pub fn call_tool(input: String) -> FnResult<String> {
    let Call { request } = serde_json::from_str(&input)?;
    let (structured, reply) = match request.name.as_str() {
        "wait" => wait(serde_json::from_value(request.arguments)?),
        _ => count_words(serde_json::from_value(request.arguments)?),
    };
    let result = json!({
        "content": [
            {"type": "text", "text": structured.to_string()},
            {"type": "text", "text": reply},
        ],
        "structuredContent": structured,
        "isError": false,
    });
    Ok(result.to_string())
}

fn wait(Wait { ms }: Wait) -> (Value, String) {
    std::thread::sleep(Duration::from_millis(ms.into()));
    (json!({"result": ms}), format!("Waited {ms} ms."))
}

fn count_words(Text { text }: Text) -> (Value, String) {
    let length = count::length(&text);
    let structured = json!({
        "words": length.words,
        "characters": length.characters,
        "sentences": length.sentences,
    });
    let reply = format!(
        "{} words, {} characters, {} sentences.",
        length.words, length.characters, length.sentences
    );
    (structured, reply)
}

#[plugin_fn]
pub fn list_tools(_input: String) -> FnResult<String> {
    let integer = json!({"type": "integer", "minimum": 0});
    let tools = json!({"tools": [{
        "name": "count_words",
        "description": "Count the words, characters and sentences of a text.",
        "inputSchema": {
            "type": "object",
            "properties": {"text": {"type": "string", "description": "The text to count."}},
            "required": ["text"],
        },
        "outputSchema": {
            "type": "object",
            "properties": {"words": integer, "characters": integer, "sentences": integer},
            "required": ["words", "characters", "sentences"],
        },
    }, {
        "name": "wait",
        "description": "Wait for a while, as for a service that answers late.",
        "inputSchema": {
            "type": "object",
            "properties": {"ms": {"type": "integer", "description": "Milliseconds to wait."}},
            "required": ["ms"],
        },
        "outputSchema": {
            "type": "object",
            "properties": {"result": integer},
            "required": ["result"],
        },
    }]});
    Ok(tools.to_string())
}
