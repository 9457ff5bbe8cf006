//! The conversation: what is asked, and which results a client brings back.

use serde_json::Value as Json;

use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::fields::{Fields, wrong};

/// What of a conversation counts: the last thing that the person said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Text of the last message of role `user`.
    pub query: String,
    /// Texts of the messages of role `tool` with which the conversation ends.
    pub results: Vec<String>,
}

/// Reads all messages, so that a bad one is refused wherever it stands.
///
/// Members that no one here knows are let pass: clients send back what they were sent.
pub fn read_messages(
    messages: &[Json],
    limits: &RequestConfig,
) -> Result<Conversation, RequestError> {
    if messages.len() > limits.messages_max {
        return Err(RequestError::Field {
            param: "messages".into(),
            reason: format!("send at most {}, not {}", limits.messages_max, messages.len()),
        });
    }
    let mut conversation = Conversation::default();
    for (at, message) in messages.iter().enumerate() {
        let fields = Fields::of(message, &format!("messages[{at}]"))?;
        let text = read_content(&fields)?;
        match fields.text_required("role")? {
            "user" => conversation = Conversation { query: text, results: Vec::new() },
            "tool" => conversation.results.push(text),
            "assistant" => conversation.results.clear(),
            "system" | "developer" => {}
            "function" => {
                return Err(RequestError::Unsupported {
                    param: fields.path("role"),
                    reason: "it was replaced by the role `tool`; send that".into(),
                });
            }
            other => {
                return Err(RequestError::Field {
                    param: fields.path("role"),
                    reason: format!(
                        "`{other}` is not one of system, developer, user, assistant, tool"
                    ),
                });
            }
        }
    }
    Ok(conversation)
}

/// A string, or an array of text parts, which are joined by line breaks.
fn read_content(fields: &Fields<'_>) -> Result<String, RequestError> {
    let parts = match fields.get("content") {
        None => return Ok(String::new()),
        Some(Json::String(text)) => return Ok(text.clone()),
        Some(Json::Array(parts)) => parts,
        Some(other) => return Err(wrong(&fields.path("content"), "a string or an array", other)),
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        let part = Fields::of(part, &format!("{}[{at}]", fields.path("content")))?;
        match part.text_required("type")? {
            "text" => texts.push(part.text_required("text")?),
            "refusal" => {}
            other => {
                return Err(RequestError::Unsupported {
                    param: part.path("type"),
                    reason: format!("`{other}` cannot be read, only `text`"),
                });
            }
        }
    }
    Ok(texts.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_thing_said_counts() {
        let user = |text: &str| json!({"role": "user", "content": text});
        let called = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]});
        let result = json!({"role": "tool", "tool_call_id": "1", "content": "21 °C"});
        for (messages, query, results) in [
            (json!([]), "", vec![]),
            (json!([user("a")]), "a", vec![]),
            (json!([user("a"), {"role": "assistant", "content": "b"}, user("c")]), "c", vec![]),
            (json!([{"role": "system", "content": "s"}, user("a")]), "a", vec![]),
            (json!([user("a"), called, result]), "a", vec!["21 °C"]),
            (json!([user("a"), called, result, user("b")]), "b", vec![]),
            (
                json!([user("a"), called, result, {"role": "assistant", "content": "x"}]),
                "a",
                vec![],
            ),
            (
                json!([{"role": "user", "content": [
                    {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
                "a\nb",
                vec![],
            ),
        ] {
            let list = messages.as_array().expect("an array");
            let read = read_messages(list, &RequestConfig::default()).unwrap();
            assert_eq!(
                (read.query.as_str(), read.results),
                (query, results.into_iter().map(str::to_owned).collect()),
                "{messages}"
            );
        }
    }

    #[test]
    fn bad_messages_are_refused_with_their_place() {
        for (message, named) in [
            (json!("hi"), "`messages[0]`: send an object"),
            (json!({"content": "hi"}), "`messages[0].role`: this is required"),
            (json!({"role": "robot", "content": "hi"}), "`robot` is not one of"),
            (json!({"role": "function", "content": "hi"}), "role `tool`"),
            (
                json!({"role": "user", "content": 3}),
                "`messages[0].content`: send a string or an array",
            ),
            (
                json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}),
                "`messages[0].content[0].type` is not supported here: `image_url`",
            ),
        ] {
            let error = read_messages(&[message], &RequestConfig::default()).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
        let many = vec![json!({"role": "user", "content": "x"}); 3];
        let limits = RequestConfig { messages_max: 2, ..RequestConfig::default() };
        assert!(read_messages(&many, &limits).is_err());
        assert!(read_messages(&many[..2], &limits).is_ok());
    }
}
