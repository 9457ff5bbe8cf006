//! `text_count_words` as a plugin of hyper-mcp, as its guide has authors write one: by hand, with the
//! schema. What counts is the bundled plugin's own `count.rs`, which run.sh puts beside this file.

use extism_pdk::{plugin_fn, FnResult};
use serde::Deserialize;
use serde_json::json;

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
    arguments: Arguments,
}

#[derive(Deserialize)]
struct Arguments {
    text: String,
}

#[plugin_fn]
pub fn call_tool(input: String) -> FnResult<String> {
    let call: Call = serde_json::from_str(&input)?;
    let length = count::length(&call.request.arguments.text);
    let structured = json!({
        "words": length.words,
        "characters": length.characters,
        "sentences": length.sentences,
    });
    let reply = format!(
        "{} words, {} characters, {} sentences.",
        length.words, length.characters, length.sentences
    );
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
    }]});
    Ok(tools.to_string())
}
