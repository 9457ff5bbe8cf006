//! The conversation: what is asked, and which results a client brings back.

use hyfunc_cascade::Earlier;
use serde_json::Value as Json;

use super::calls::Awaited;
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::content::Parts;
use crate::http::fields::Fields;
use crate::upstream::{Role, Turn};

/// What a message says.
const CONTENT: Parts =
    Parts { wanted: "a string or an array", texts: &["text"], readable: "`text`" };

/// What of a conversation counts: the last thing that the person said, and what came before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    /// Text of the last message of role `user`.
    pub query: String,
    /// Texts of the messages of role `tool` with which the conversation ends.
    pub results: Vec<String>,
    /// All that was said, in order.
    pub turns: Vec<Turn>,
    /// What was said and done before the query, in order.
    pub earlier: Vec<Earlier>,
    /// The query, and what was said and done since, in order.
    since: Vec<Earlier>,
}

impl Conversation {
    /// The person says something: all that there was is earlier now.
    pub fn asked(&mut self, text: String) {
        self.earlier.append(&mut self.since);
        self.since.push(Earlier::Person(text.clone()));
        self.turns.push(Turn::user(text.clone()));
        self.query = text;
        self.results.clear();
    }

    /// Somebody else says or does something.
    pub fn went_on(&mut self, with: Earlier) {
        self.since.push(with);
    }
}

/// Reads all messages, so that a bad one is refused wherever it stands. Every call has its result
/// before anything else is said.
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
    let mut awaited = Awaited::default();
    for (at, message) in messages.iter().enumerate() {
        let path = format!("messages[{at}]");
        let fields = Fields::of(message, &path)?;
        let role = read_role(&fields)?;
        fields.text("name")?;
        if role != "tool" {
            none_awaited(&awaited, &path)?;
        }
        let text = read_content(&fields, role)?;
        match role {
            "user" => conversation.asked(text),
            "assistant" => {
                conversation.results.clear();
                conversation.went_on(Earlier::Reply(text.clone()));
                conversation.turns.push(Turn { role: Role::Assistant, text });
                read_calls(&fields, &mut awaited, &mut conversation)?;
            }
            "tool" => {
                read_answered(&fields, &mut awaited)?;
                conversation.went_on(Earlier::Result(text.clone()));
                conversation.turns.push(Turn::result(&text));
                conversation.results.push(text);
            }
            // Of the system or its developer: values come from what the person says.
            _ => {
                conversation.went_on(Earlier::System(text.clone()));
                conversation.turns.push(Turn { role: Role::System, text });
            }
        }
    }
    none_awaited(&awaited, "messages")?;
    Ok(conversation)
}

fn read_role<'a>(fields: &Fields<'a>) -> Result<&'a str, RequestError> {
    let role = fields.text_required("role")?;
    match role {
        "system" | "developer" | "user" | "assistant" | "tool" => Ok(role),
        "function" => Err(RequestError::Unsupported {
            param: fields.path("role"),
            reason: "it was replaced by the role `tool`; send that".into(),
        }),
        other => Err(RequestError::Field {
            param: fields.path("role"),
            reason: format!("`{other}` is not one of system, developer, user, assistant, tool"),
        }),
    }
}

/// The calls that the client was to run.
fn read_calls<'a>(
    fields: &Fields<'a>,
    awaited: &mut Awaited<'a>,
    conversation: &mut Conversation,
) -> Result<(), RequestError> {
    for (name, instead) in [("function_call", "send `tool_calls`"), ("audio", "send its text")] {
        if fields.get(name).is_some() {
            return Err(RequestError::Unsupported {
                param: fields.path(name),
                reason: instead.into(),
            });
        }
    }
    fields.text("refusal")?;
    let calls = fields.list("tool_calls")?.unwrap_or(&[]);
    for (at, call) in calls.iter().enumerate() {
        let call = Fields::of(call, &format!("{}[{at}]", fields.path("tool_calls")))?;
        let kind = call.text_required("type")?;
        if kind != "function" {
            return Err(RequestError::Unsupported {
                param: call.path("type"),
                reason: format!("`{kind}` cannot be read, only `function`"),
            });
        }
        let function = call.get("function").ok_or_else(|| call.missing("function", "an object"))?;
        let function = Fields::of(function, &call.path("function"))?;
        let name = function.text_required("name")?.to_owned();
        let arguments = function.text_required("arguments")?.to_owned();
        conversation.went_on(Earlier::Call { name, arguments });
        let id = call.text_required("id")?;
        if !awaited.called(id) {
            return Err(RequestError::Field {
                param: call.path("id"),
                reason: format!("`{id}` is there twice; every call has an id of its own"),
            });
        }
    }
    Ok(())
}

fn read_answered(fields: &Fields<'_>, awaited: &mut Awaited<'_>) -> Result<(), RequestError> {
    let id = fields.text_required("tool_call_id")?;
    if awaited.answered(id) {
        return Ok(());
    }
    Err(RequestError::Field {
        param: fields.path("tool_call_id"),
        reason: format!(
            "no call `{id}` waits for a result; send it once, after the assistant's message whose \
             `tool_calls` hold it"
        ),
    })
}

fn none_awaited(awaited: &Awaited<'_>, param: &str) -> Result<(), RequestError> {
    let Some(id) = awaited.first() else { return Ok(()) };
    Err(RequestError::Field {
        param: param.to_owned(),
        reason: format!(
            "the call `{id}` has no result; send a message of role `tool` for it first"
        ),
    })
}

/// Only an assistant may have said nothing.
fn read_content(fields: &Fields<'_>, role: &str) -> Result<String, RequestError> {
    if role == "assistant" {
        return Ok(CONTENT.read(fields, "content")?.unwrap_or_default());
    }
    CONTENT.read_required(fields, "content")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn called(ids: &[&str]) -> Json {
        let function = json!({"name": "f", "arguments": "{}"});
        let call = |id: &&str| json!({"id": id, "type": "function", "function": function});
        let calls: Vec<Json> = ids.iter().map(call).collect();
        json!({"role": "assistant", "content": null, "tool_calls": calls})
    }

    fn result(id: &str, content: &str) -> Json {
        json!({"role": "tool", "tool_call_id": id, "content": content})
    }

    #[test]
    fn the_last_thing_said_counts() {
        let user = |text: &str| json!({"role": "user", "content": text});
        let called = called(&["1"]);
        let result = result("1", "21 °C");
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
    fn what_was_said_and_done_before_the_last_turn_is_kept_in_order() {
        let user = |text: &str| json!({"role": "user", "content": text});
        let person = |text: &str| Earlier::Person(text.into());
        let call = || Earlier::Call { name: "f".into(), arguments: "{}".into() };
        let system = json!({"role": "system", "content": "[f(x=1)]"});
        let (called, result) = (called(&["1"]), result("1", "21 °C"));
        for (messages, expected) in [
            (json!([user("a")]), vec![]),
            (json!([system, user("a")]), vec![Earlier::System("[f(x=1)]".into())]),
            (
                json!([user("a"), {"role": "assistant", "content": "b"}, user("c")]),
                vec![person("a"), Earlier::Reply("b".into())],
            ),
            (json!([user("a"), user("b")]), vec![person("a")]),
            // What comes after the last turn is its result, not what it follows.
            (json!([user("a"), called, result]), vec![]),
            (
                json!([user("a"), called, result, user("b")]),
                vec![
                    person("a"),
                    Earlier::Reply(String::new()),
                    call(),
                    Earlier::Result("21 °C".into()),
                ],
            ),
        ] {
            let list = messages.as_array().expect("an array");
            let read = read_messages(list, &RequestConfig::default()).unwrap();
            assert_eq!(read.earlier, expected, "{messages}");
        }
    }

    #[test]
    fn every_call_has_its_result_and_every_result_its_call() {
        let user = || json!({"role": "user", "content": "x"});
        for (messages, words) in [
            (json!([user(), called(&["a", "b"]), result("b", "2"), result("a", "1")]), None),
            (
                json!([
                    user(),
                    called(&["a"]),
                    result("a", "1"),
                    user(),
                    called(&["a"]),
                    result("a", "2")
                ]),
                None,
            ),
            (json!([user(), called(&[])]), None),
            (json!([user(), called(&["a"])]), Some("`messages`: the call `a` has no result")),
            (
                json!([user(), called(&["a", "b"]), result("a", "1")]),
                Some("`messages`: the call `b` has no result"),
            ),
            (
                json!([user(), called(&["a"]), user()]),
                Some("`messages[2]`: the call `a` has no result"),
            ),
            (
                json!([user(), called(&["a", "a"])]),
                Some("`messages[1].tool_calls[1].id`: `a` is there twice"),
            ),
            (
                json!([user(), result("a", "1")]),
                Some("`messages[1].tool_call_id`: no call `a` waits"),
            ),
            (
                json!([user(), called(&["a"]), result("a", "1"), result("a", "1")]),
                Some("`messages[3].tool_call_id`: no call `a` waits"),
            ),
        ] {
            let list = messages.as_array().expect("an array");
            let read = read_messages(list, &RequestConfig::default());
            match words {
                None => assert!(read.is_ok(), "{messages}: {read:?}"),
                Some(words) => {
                    let error = read.unwrap_err().to_string();
                    assert!(error.contains(words), "{messages}: {error}");
                }
            }
        }
    }

    #[test]
    fn bad_messages_are_refused_with_their_place() {
        for (message, named) in [
            (json!("hi"), "`messages[0]`: send an object"),
            (json!({"content": "hi"}), "`messages[0].role`: this is required"),
            (json!({"role": "robot", "content": "hi"}), "`robot` is not one of"),
            (json!({"role": "function", "content": "hi"}), "role `tool`"),
            (json!({"role": "user"}), "`messages[0].content`: this is required"),
            (json!({"role": "system", "content": null}), "`messages[0].content`: this is required"),
            (json!({"role": "user", "content": "hi", "name": 3}), "`messages[0].name`: send a"),
            (json!({"role": "tool", "content": "hi"}), "`messages[0].tool_call_id`: this is"),
            (json!({"role": "tool", "tool_call_id": 1, "content": "hi"}), "tool_call_id`: send a"),
            (json!({"role": "assistant", "refusal": []}), "`messages[0].refusal`: send a string"),
            (
                json!({"role": "assistant", "function_call": {}}),
                "`messages[0].function_call` is not",
            ),
            (json!({"role": "assistant", "audio": {"id": "a"}}), "`messages[0].audio` is not"),
            (json!({"role": "assistant", "tool_calls": {}}), "tool_calls`: send an array"),
            (json!({"role": "assistant", "tool_calls": [3]}), "tool_calls[0]`: send an object"),
            (json!({"role": "assistant", "tool_calls": [{}]}), "tool_calls[0].type`: this is"),
            (
                json!({"role": "assistant", "tool_calls": [{"type": "custom"}]}),
                "tool_calls[0].type` is not supported here: `custom`",
            ),
            (
                json!({"role": "assistant", "tool_calls": [{"type": "function", "id": "a"}]}),
                "tool_calls[0].function`: this is required",
            ),
            (
                json!({"role": "assistant", "tool_calls": [{"type": "function", "id": "a",
                    "function": {"name": "f", "arguments": {}}}]}),
                "tool_calls[0].function.arguments`: send a string, not an object",
            ),
            (
                json!({"role": "assistant", "tool_calls": [{"type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]}),
                "tool_calls[0].id`: this is required",
            ),
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
