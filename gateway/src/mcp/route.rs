//! The tool that takes plain words: the whole pipeline, its calls run here, and the chat model
//! where a chat would ask it.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use hyfunc_functions::json::{arguments_from_json, arguments_to_json};
use hyfunc_functions::schema::parameters_schema;
use hyfunc_functions::types::{Field, RecordType, StringType, Type};
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool};
use serde_json::{Value as Json, json};

use super::{call, tool};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::pipeline::{
    Answer, Arrival, CallOutcome, DecidedCall, Held, Pipeline, Ran, Request, Wire, cut, say,
};

/// The one parameter.
const REQUEST: &str = "request";

const DESCRIPTION: &str = "Takes a request in plain words, as a person would say it, decides \
    which functions of the library answer it, fills in their arguments, runs them, each in a \
    sandbox, and gives their results. One request may ask for several things at once.";

/// What is said where nothing was called and no chat model answers.
const NOTHING: &str = "No function fits this request; tools/list lists what there is.";

/// What the tool takes; read and checked like the parameters of any function.
static PARAMETERS: LazyLock<RecordType> = LazyLock::new(|| RecordType {
    fields: vec![Field {
        name: REQUEST.into(),
        doc: "What is wanted, for example: how many miles are 3 km?".into(),
        ty: Type::String(StringType::default()),
        required: true,
        default: None,
    }],
});

/// The tool under a name.
pub fn describe(name: &str) -> Tool {
    let input = tool::object(parameters_schema(&PARAMETERS));
    Tool::new(name.to_owned(), DESCRIPTION, input)
        .with_title(tool::title(name))
        .with_raw_output_schema(Arc::new(tool::object(output_schema())))
}

fn output_schema() -> Json {
    json!({
        "type": "object",
        "properties": {
            "reply": {"type": "string", "description": "The answer in words"},
            "calls": {
                "type": "array",
                "description": "What was called, in order",
                "items": {
                    "type": "object",
                    "properties": {
                        "tool": {"type": "string"},
                        "arguments": {"type": "object"},
                        "result": {"description": "Absent when the call failed"},
                        "error": {
                            "type": "object",
                            "properties": {
                                "kind": {"type": "string"},
                                "message": {"type": "string"},
                            },
                            "required": ["kind", "message"],
                            "additionalProperties": false,
                        },
                    },
                    "required": ["tool", "arguments"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["reply", "calls"],
        "additionalProperties": false,
    })
}

/// Answers a request in plain words.
///
/// # Errors
/// Arguments that do not fit, and as [`Pipeline::run`]. A call that failed is part of the answer.
pub async fn run(
    pipeline: &Pipeline,
    name: &str,
    arguments: JsonObject,
    arrival: Arrival,
) -> Result<CallToolResult, RequestError> {
    let reply_bytes_max = pipeline.config.request.reply_bytes_max;
    let wire = PlainWords { query: read(name, arguments)?, reply_bytes_max };
    pipeline.run(&wire, arrival, async { Ok(Bytes::new()) }).await
}

fn read(name: &str, arguments: JsonObject) -> Result<String, RequestError> {
    let value = arguments_from_json(&PARAMETERS, &Json::Object(arguments))
        .map_err(|source| RequestError::Arguments { function: name.to_owned(), source })?;
    let read = arguments_to_json(&PARAMETERS, &value);
    match read[REQUEST].as_str().map(str::trim) {
        Some(query) if !query.is_empty() => Ok(query.to_owned()),
        _ => Err(RequestError::Field {
            param: REQUEST.into(),
            reason: "it is empty; say in plain words what is wanted".into(),
        }),
    }
}

/// A request without a format: its text is there already.
struct PlainWords {
    query: String,
    reply_bytes_max: usize,
}

impl Wire for PlainWords {
    type Form = ();
    type Reply = CallToolResult;
    const RUNS: bool = true;

    fn accept(&self, _body: &[u8], limits: &RequestConfig) -> Result<(Request, ()), RequestError> {
        let request = Request {
            query: self.query.clone(),
            calls_max: limits.calls_max,
            ..Request::default()
        };
        Ok((request, ()))
    }

    fn waits((): &()) -> bool {
        true
    }

    async fn respond(&self, (): (), mut answer: Answer) -> Result<CallToolResult, RequestError> {
        let mut said = Vec::new();
        // Where the chat model puts results into words, they wait for it.
        let mut held = answer.is_phrased().then(Vec::new);
        let mut calls = Vec::new();
        for call in answer.outcomes.calls.clone() {
            let Some(outcome) = answer.outcomes.next().await else { break };
            // Every candidate is of the library: no client sent functions of its own.
            let CallOutcome::Ran(ran) = outcome? else { continue };
            let line = say(&call, &ran);
            match &mut held {
                Some(held) => held.push(Held::new(&call, &ran, cut(line, self.reply_bytes_max))),
                None => said.push(line),
            }
            calls.push(describe_call(&call, &ran));
        }
        let mut reply = said.join("\n");
        let mut words = answer.words(held.unwrap_or_default(), NOTHING.into());
        while let Some(piece) = words.next().await {
            reply.push_str(&piece);
        }
        answer.hear(words);
        let reply = cut(reply, self.reply_bytes_max);
        let all_failed = !calls.is_empty() && calls.iter().all(|call| call.get("error").is_some());
        let structured = json!({"reply": reply, "calls": calls});
        let content = vec![ContentBlock::text(reply), ContentBlock::text(structured.to_string())];
        let mut result = CallToolResult::success(content);
        result.is_error = Some(all_failed);
        result.structured_content = Some(structured);
        Ok(result)
    }
}

fn describe_call(call: &DecidedCall, ran: &Ran) -> Json {
    let name = &call.function.name;
    let mut json = json!({"tool": name, "arguments": call.arguments_json});
    match &ran.result {
        Ok(result) => json["result"] = result.clone(),
        Err(failure) => {
            let message = call::reason(name, failure);
            json["error"] = json!({"kind": failure.kind, "message": message});
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_refused_with_a_way_out() {
        for (arguments, words) in [
            (json!({}), REQUEST),
            (json!({"request": null}), REQUEST),
            (json!({"request": 3}), REQUEST),
            (json!({"request": ["a"]}), REQUEST),
            (json!({"request": ""}), "say in plain words"),
            (json!({"request": " \n"}), "say in plain words"),
            (json!({"request": "a", "tool": "b"}), "tool"),
        ] {
            let error = read("route", tool::object(arguments.clone())).unwrap_err().to_string();
            assert!(error.contains(words), "{arguments}: {error}");
        }
        assert_eq!(read("route", tool::object(json!({"request": " a "}))).unwrap(), "a");
    }

    #[test]
    fn the_tool_is_described_like_any_other() {
        let tool = describe("route");
        assert_eq!(tool.name, "route");
        assert_eq!(tool.title.as_deref(), Some("Route"));
        assert_eq!(tool.input_schema["required"], json!([REQUEST]));
        assert_eq!(tool.output_schema.unwrap()["required"], json!(["reply", "calls"]));
    }
}
