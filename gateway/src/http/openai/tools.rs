//! The client's own functions, and which of them must be called.

use std::collections::HashSet;

use hyfunc_functions::Function;
use hyfunc_functions::names::check_name;
use hyfunc_functions::schema::function_from_schema;
use serde_json::{Value as Json, json};

use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::fields::{Fields, wrong};
use crate::pipeline::Choice;

/// Reads `tools`.
pub fn read_tools(
    fields: &Fields<'_>,
    limits: &RequestConfig,
) -> Result<Vec<Function>, RequestError> {
    let tools = fields.list("tools")?.unwrap_or(&[]);
    if tools.len() > limits.tools_max {
        return Err(RequestError::Field {
            param: fields.path("tools"),
            reason: format!("send at most {}, not {}", limits.tools_max, tools.len()),
        });
    }
    let mut names = HashSet::new();
    let mut functions = Vec::with_capacity(tools.len());
    for (at, tool) in tools.iter().enumerate() {
        let path = format!("{}[{at}]", fields.path("tools"));
        let function = read_tool(tool, &path)?;
        if !names.insert(function.name.clone()) {
            return Err(RequestError::Field {
                param: format!("{path}.function.name"),
                reason: format!("`{}` is there twice; rename one", function.name),
            });
        }
        functions.push(function);
    }
    Ok(functions)
}

fn read_tool(tool: &Json, path: &str) -> Result<Function, RequestError> {
    let tool = Fields::of(tool, path)?;
    let kind = tool.text_required("type")?;
    if kind != "function" {
        return Err(RequestError::Unsupported {
            param: tool.path("type"),
            reason: format!("`{kind}` cannot be called, only `function`"),
        });
    }
    let function = tool.get("function").ok_or_else(|| tool.missing("function", "an object"))?;
    let function = Fields::of(function, &tool.path("function"))?;
    let name = function.text_required("name")?;
    check_name(name).map_err(|error| RequestError::Field {
        param: function.path("name"),
        reason: error.to_string(),
    })?;
    let description = function.text("description")?.unwrap_or("");
    let none = json!({});
    let parameters = function.get("parameters").unwrap_or(&none);
    function_from_schema(name, description, parameters)
        .map_err(|source| RequestError::Tool { param: function.path("parameters"), source })
}

/// Reads `tool_choice`.
pub fn read_choice(fields: &Fields<'_>) -> Result<Choice, RequestError> {
    let param = fields.path("tool_choice");
    match fields.get("tool_choice") {
        None => Ok(Choice::Auto),
        Some(Json::String(word)) => match word.as_str() {
            "auto" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            "required" => Ok(Choice::Required),
            other => Err(RequestError::Field {
                param,
                reason: format!("`{other}` is not one of auto, none, required, or an object"),
            }),
        },
        Some(object @ Json::Object(_)) => {
            let choice = Fields::of(object, &param)?;
            let kind = choice.text_required("type")?;
            if kind != "function" {
                return Err(RequestError::Unsupported {
                    param: choice.path("type"),
                    reason: format!("`{kind}` is not offered, only `function`"),
                });
            }
            let function =
                choice.get("function").ok_or_else(|| choice.missing("function", "an object"))?;
            let function = Fields::of(function, &choice.path("function"))?;
            Ok(Choice::Named(function.text_required("name")?.to_owned()))
        }
        Some(other) => Err(wrong(&param, "a string or an object", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        for (json, choice) in [
            (json!({}), Ok(Choice::Auto)),
            (json!({"tool_choice": null}), Ok(Choice::Auto)),
            (json!({"tool_choice": "none"}), Ok(Choice::None)),
            (json!({"tool_choice": "required"}), Ok(Choice::Required)),
            (
                json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
                Ok(Choice::Named("f".into())),
            ),
            (json!({"tool_choice": "any"}), Err("not one of auto")),
            (json!({"tool_choice": 1}), Err("a string or an object")),
            (json!({"tool_choice": {"type": "custom"}}), Err("only `function`")),
            (json!({"tool_choice": {"type": "function"}}), Err("this is required")),
        ] {
            let read = read_choice(&Fields::of(&json, "").unwrap());
            match choice {
                Ok(choice) => assert_eq!(read.unwrap(), choice, "{json}"),
                Err(words) => assert!(read.unwrap_err().to_string().contains(words), "{json}"),
            }
        }
    }

    #[test]
    fn tools_are_read_or_refused_with_their_place() {
        let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
        for (tools, words) in [
            (json!([]), None),
            (json!([tool("a"), tool("b")]), None),
            (json!([tool("a"), tool("a")]), Some("tools[1].function.name")),
            (json!([tool("a b")]), Some("tools[0].function.name")),
            (json!([{"type": "web_search"}]), Some("`web_search` cannot be called")),
            (json!([{"type": "function"}]), Some("tools[0].function")),
            (
                json!([{"type": "function", "function": {"name": "a", "parameters": "x"}}]),
                Some("tools[0].function.parameters"),
            ),
            (json!([tool("a"), tool("b"), tool("c")]), Some("send at most 2")),
        ] {
            let body = json!({"tools": tools});
            let limits = RequestConfig { tools_max: 2, ..RequestConfig::default() };
            let read = read_tools(&Fields::of(&body, "").unwrap(), &limits);
            match words {
                None => assert!(read.is_ok(), "{tools}"),
                Some(words) => {
                    let error = read.unwrap_err().to_string();
                    assert!(error.contains(words), "{error}");
                }
            }
        }
    }
}
