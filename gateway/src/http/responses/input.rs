//! `input`: a text, or the items of a conversation.

use hyfunc_cascade::Earlier;
use serde_json::Value as Json;

use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::content::Parts;
use crate::http::fields::{Fields, wrong};
use crate::http::openai::{Awaited, Conversation};
use crate::upstream::{Role, Turn};

/// What a message or a result says.
const TEXT: Parts = Parts {
    wanted: "a string or an array of parts",
    texts: &["input_text", "output_text"],
    readable: "input_text and output_text",
};

/// Prefixes of the ids of items that were written here.
const OWN_IDS: [&str; 3] = ["msg_", "fc_", "mcp_"];

/// Reads `input`, so that a bad item is refused wherever it stands. Every call of the client's
/// functions has its result, and every result its call.
///
/// Members that no one here knows are let pass: clients send back what they were sent.
pub fn read_input(input: &Json, limits: &RequestConfig) -> Result<Conversation, RequestError> {
    let items = match input {
        Json::String(text) => {
            let mut conversation = Conversation::default();
            conversation.asked(text.clone());
            return Ok(conversation);
        }
        Json::Array(items) => items,
        other => return Err(wrong("input", "a string or an array of items", other)),
    };
    if items.len() > limits.messages_max {
        return Err(RequestError::Field {
            param: "input".into(),
            reason: format!("send at most {} items, not {}", limits.messages_max, items.len()),
        });
    }
    let mut reading = Reading::default();
    for (at, item) in items.iter().enumerate() {
        reading.item(&Fields::of(item, &format!("input[{at}]"))?)?;
    }
    reading.end()
}

/// How far the items are read.
#[derive(Default)]
struct Reading<'a> {
    conversation: Conversation,
    awaited: Awaited<'a>,
    /// Whether calls may stand behind a reference.
    refers: bool,
}

impl<'a> Reading<'a> {
    fn item(&mut self, item: &Fields<'a>) -> Result<(), RequestError> {
        match item.text("type")? {
            Some("message") => self.message(item),
            None if item.get("role").is_some() => self.message(item),
            None => Err(item.missing("type", "message, function_call or function_call_output")),
            Some("function_call") => self.call(item),
            Some("function_call_output") => self.result(item),
            Some("mcp_call") => {
                self.gateway_call(item);
                Ok(())
            }
            Some("item_reference") => self.reference(item),
            Some(other) => Err(RequestError::Unsupported {
                param: item.path("type"),
                reason: format!(
                    "`{other}` cannot be read, only message, function_call, function_call_output, \
                     mcp_call and item_reference"
                ),
            }),
        }
    }

    fn message(&mut self, item: &Fields<'a>) -> Result<(), RequestError> {
        let role = item.text_required("role")?;
        let text = TEXT.read_required(item, "content")?;
        match role {
            "user" => self.conversation.asked(text),
            "assistant" => {
                self.conversation.results.clear();
                self.conversation.went_on(Earlier::Reply(text.clone()));
                self.conversation.turns.push(Turn { role: Role::Assistant, text });
            }
            // Of the system or its developer: values come from what the person says.
            "system" | "developer" => {
                self.conversation.went_on(Earlier::System(text.clone()));
                self.conversation.turns.push(Turn { role: Role::System, text });
            }
            other => {
                return Err(RequestError::Field {
                    param: item.path("role"),
                    reason: format!("`{other}` is not one of system, developer, user, assistant"),
                });
            }
        }
        Ok(())
    }

    fn call(&mut self, item: &Fields<'a>) -> Result<(), RequestError> {
        let name = item.text_required("name")?.to_owned();
        let arguments = item.text_required("arguments")?.to_owned();
        self.conversation.went_on(Earlier::Call { name, arguments });
        let id = item.text_required("call_id")?;
        if self.awaited.called(id) {
            return Ok(());
        }
        Err(RequestError::Field {
            param: item.path("call_id"),
            reason: format!("`{id}` is there twice; every call has an id of its own"),
        })
    }

    /// It ran here, and what came of it was said in the message after it.
    fn gateway_call(&mut self, item: &Fields<'a>) {
        let text = |name| item.get(name).and_then(Json::as_str).map(str::to_owned);
        if let (Some(name), Some(arguments)) = (text("name"), text("arguments")) {
            self.conversation.went_on(Earlier::Call { name, arguments });
        }
    }

    fn result(&mut self, item: &Fields<'a>) -> Result<(), RequestError> {
        let id = item.text_required("call_id")?;
        let text = TEXT.read_required(item, "output")?;
        if !self.awaited.answered(id) && !self.refers {
            return Err(RequestError::Field {
                param: item.path("call_id"),
                reason: format!(
                    "no call `{id}` waits for a result; send it once, after the function_call \
                     with its call_id"
                ),
            });
        }
        self.conversation.went_on(Earlier::Result(text.clone()));
        self.conversation.turns.push(Turn::result(&text));
        self.conversation.results.push(text);
        Ok(())
    }

    /// Nothing is stored, so nothing can be looked up. But an item that was written here is a call
    /// or an answer, and neither bears on the next answer: that comes of what the person asks, and
    /// of the results, which are sent as they are.
    fn reference(&mut self, item: &Fields<'a>) -> Result<(), RequestError> {
        let id = item.text_required("id")?;
        if OWN_IDS.iter().any(|prefix| id.starts_with(prefix)) {
            self.refers = true;
            return Ok(());
        }
        Err(RequestError::Unsupported {
            param: item.path("id"),
            reason: format!("nothing is stored, so there is no `{id}`; send the item itself"),
        })
    }

    fn end(self) -> Result<Conversation, RequestError> {
        match self.awaited.first() {
            None => Ok(self.conversation),
            Some(id) => Err(RequestError::Field {
                param: "input".into(),
                reason: format!(
                    "the call `{id}` has no result; send a function_call_output with its call_id"
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(text: &str) -> Json {
        json!({"type": "message", "role": "user", "content": text})
    }

    fn call(id: &str) -> Json {
        json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
    }

    fn result(id: &str, output: &str) -> Json {
        json!({"type": "function_call_output", "call_id": id, "output": output})
    }

    fn read(input: &Json) -> Result<Conversation, RequestError> {
        read_input(input, &RequestConfig::default())
    }

    #[test]
    fn the_last_thing_said_and_the_results_after_it_count() {
        let said = json!({"type": "message", "id": "msg_1", "role": "assistant",
            "status": "completed", "content": [{"type": "output_text", "text": "b",
            "annotations": []}]});
        let ran = json!({"type": "mcp_call", "id": "mcp_1", "server_label": "hyfunc", "name": "f",
            "arguments": "{}", "output": "3", "status": "completed"});
        let system = json!({"role": "developer", "content": "s"});
        let parts = json!({"role": "user", "content": [
            {"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]});
        let in_parts = json!({"type": "function_call_output", "call_id": "1", "output": [
            {"type": "input_text", "text": "21"}, {"type": "input_text", "text": "°C"}]});
        let refers = |id: &str| json!({"type": "item_reference", "id": id});
        for (input, query, results) in [
            (json!("a"), "a", vec![]),
            (json!([]), "", vec![]),
            (json!([user("a")]), "a", vec![]),
            (json!([{"role": "user", "content": "a"}]), "a", vec![]),
            (json!([system, user("a"), said, user("c")]), "c", vec![]),
            (json!([parts]), "a\nb", vec![]),
            (json!([user("a"), call("1"), result("1", "x")]), "a", vec!["x"]),
            (
                json!([user("a"), call("1"), call("2"), result("2", "y"), result("1", "x")]),
                "a",
                vec!["y", "x"],
            ),
            (json!([user("a"), ran, call("1"), said, result("1", "x")]), "a", vec!["x"]),
            (json!([user("a"), call("1"), in_parts]), "a", vec!["21\n°C"]),
            (json!([user("a"), call("1"), result("1", "x"), said, user("b")]), "b", vec![]),
            (json!([user("a"), refers("fc_1"), result("1", "x")]), "a", vec!["x"]),
            (json!([user("a"), refers("msg_1"), refers("mcp_1"), user("b")]), "b", vec![]),
        ] {
            let conversation = read(&input).unwrap();
            assert_eq!(
                (conversation.query.as_str(), conversation.results),
                (query, results.into_iter().map(str::to_owned).collect()),
                "{input}"
            );
        }
    }

    #[test]
    fn bad_items_are_refused_with_their_place() {
        let content = |part: Json| json!([{"role": "user", "content": [part]}]);
        for (input, words) in [
            (json!(3), "`input`: send a string or an array of items, not a number"),
            (json!({}), "`input`: send a string or an array of items, not an object"),
            (json!(["hi"]), "`input[0]`: send an object, not a string"),
            (json!([{}]), "`input[0].type`: this is required"),
            (json!([{"type": 3}]), "`input[0].type`: send a string"),
            (json!([{"type": "image_generation_call"}]), "`input[0].type` is not supported here"),
            (json!([{"type": "message", "content": "x"}]), "`input[0].role`: this is required"),
            (json!([{"role": 3, "content": "x"}]), "`input[0].role`: send a string"),
            (json!([{"role": "tool", "content": "x"}]), "`tool` is not one of"),
            (json!([{"role": "user"}]), "`input[0].content`: this is required"),
            (json!([{"role": "user", "content": 3}]), "`input[0].content`: send a string or an"),
            (content(json!("x")), "`input[0].content[0]`: send an object"),
            (content(json!({"text": "x"})), "`input[0].content[0].type`: this is required"),
            (
                content(json!({"type": "input_text"})),
                "`input[0].content[0].text`: this is required",
            ),
            (
                content(json!({"type": "input_image", "image_url": "x"})),
                "`input[0].content[0].type` is not supported here: `input_image`",
            ),
            (content(json!({"type": "text", "text": "x"})), "only input_text and output_text"),
            (json!([{"type": "function_call"}]), "`input[0].name`: this is required"),
            (
                json!([{"type": "function_call", "name": "f", "arguments": {}}]),
                "`input[0].arguments`: send a string, not an object",
            ),
            (
                json!([{"type": "function_call", "name": "f", "arguments": "{}"}]),
                "`input[0].call_id`: this is required",
            ),
            (json!([call("a"), call("a")]), "`input[1].call_id`: `a` is there twice"),
            (json!([user("x"), call("a")]), "`input`: the call `a` has no result"),
            (json!([user("x"), result("a", "1")]), "`input[1].call_id`: no call `a` waits"),
            (
                json!([user("x"), call("a"), result("a", "1"), result("a", "1")]),
                "`input[3].call_id`: no call `a` waits",
            ),
            (
                json!([call("a"), {"type": "function_call_output", "call_id": "a"}]),
                "`input[1].output`: this is required",
            ),
            (json!([{"type": "item_reference"}]), "`input[0].id`: this is required"),
            (json!([{"type": "item_reference", "id": "rs_1"}]), "nothing is stored"),
        ] {
            let error = read(&input).unwrap_err().to_string();
            assert!(error.contains(words), "{input}: {error} should hold {words}");
        }
        let many = Json::Array(vec![user("x"); 3]);
        let limits = RequestConfig { messages_max: 2, ..RequestConfig::default() };
        assert!(read_input(&many, &limits).unwrap_err().to_string().contains("at most 2 items"));
    }
}
