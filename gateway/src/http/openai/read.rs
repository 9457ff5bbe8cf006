//! The body of `POST /v1/chat/completions`.

use serde_json::Value as Json;

use super::messages::{Conversation, read_messages};
use super::tools::{read_choice, read_tools};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::fields::{Fields, wrong};
use crate::pipeline::Request;

/// What the format must remember until the answer.
#[derive(Clone, Debug, Default)]
pub struct ChatForm {
    /// Server-sent events instead of one object.
    pub stream: bool,
    /// Whether a stream ends with a chunk of usage.
    pub include_usage: bool,
}

/// Fields that mean something here.
const READ: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "stream",
    "stream_options",
];

/// Fields that every client library sends and that change nothing here: they steer how free text
/// is sampled, or keep somebody's books.
const IGNORED: &[&str] = &[
    "temperature",
    "top_p",
    "seed",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "verbosity",
];

/// Fields that would change the answer in a way that is not offered, and why.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("n", "there is one answer; leave it out, or send 1"),
    ("logprobs", "the answer is not sampled from one distribution; leave it out"),
    ("top_logprobs", "the answer is not sampled from one distribution; leave it out"),
    ("logit_bias", "the templates decide what may be written; leave it out"),
    ("audio", "only text is written; leave it out"),
    ("modalities", "only [\"text\"] is written"),
    ("response_format", "only {\"type\": \"text\"} is written"),
    ("prediction", "leave it out"),
    ("web_search_options", "publish a plugin that searches instead"),
    ("functions", "it was replaced by `tools`; send those"),
    ("function_call", "it was replaced by `tool_choice`; send that"),
];

/// Reads a body.
pub fn read_chat(json: &Json, limits: &RequestConfig) -> Result<(Request, ChatForm), RequestError> {
    let fields = Fields::of(json, "")?;
    check_names(&fields)?;
    refuse_unsupported(&fields)?;

    let model = fields.text_required("model")?.to_owned();
    let messages = fields.list("messages")?;
    let messages = messages.ok_or_else(|| fields.missing("messages", "an array of messages"))?;
    let Conversation { query, results } = read_messages(messages, limits)?;
    let tools = read_tools(&fields, limits)?;
    let choice = read_choice(&fields)?;
    let parallel = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    let form = read_form(&fields)?;
    let request = Request {
        model: Some(model),
        query,
        tools,
        choice,
        calls_max: if parallel { limits.calls_max } else { 1 },
        results,
    };
    Ok((request, form))
}

fn check_names(fields: &Fields<'_>) -> Result<(), RequestError> {
    let unsupported = UNSUPPORTED.iter().map(|(name, _)| *name);
    let known: Vec<&str> = READ.iter().chain(IGNORED).copied().chain(unsupported).collect();
    fields.only(&known)
}

fn refuse_unsupported(fields: &Fields<'_>) -> Result<(), RequestError> {
    for (name, reason) in UNSUPPORTED {
        if let Some(value) = fields.get(name)
            && !changes_nothing(name, value)
        {
            return Err(RequestError::Unsupported {
                param: (*name).to_owned(),
                reason: (*reason).to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether the value of an unsupported field is what happens anyway.
fn changes_nothing(name: &str, value: &Json) -> bool {
    match name {
        "n" => value.as_u64() == Some(1),
        "logprobs" => value.as_bool() == Some(false),
        "top_logprobs" => value.as_u64() == Some(0),
        "logit_bias" => value.as_object().is_some_and(serde_json::Map::is_empty),
        "modalities" => {
            value.as_array().is_some_and(|modes| modes.iter().all(|mode| mode == "text"))
        }
        "response_format" => value.get("type").is_some_and(|kind| kind == "text"),
        _ => false,
    }
}

fn read_form(fields: &Fields<'_>) -> Result<ChatForm, RequestError> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let Some(options) = fields.get("stream_options") else {
        return Ok(ChatForm { stream, include_usage: false });
    };
    if !stream {
        return Err(RequestError::Field {
            param: "stream_options".into(),
            reason: "send it only with `stream`: true".into(),
        });
    }
    if !options.is_object() {
        return Err(wrong("stream_options", "an object", options));
    }
    let options = Fields::of(options, "stream_options")?;
    options.only(&["include_usage", "include_obfuscation"])?;
    let include_usage = options.boolean("include_usage")?.unwrap_or(false);
    Ok(ChatForm { stream, include_usage })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::pipeline::Choice;

    fn body(extra: Json) -> Json {
        let mut body = json!({
            "model": "m",
            "messages": [{"role": "user", "content": "hello"}],
        });
        let extra = extra.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(extra);
        body
    }

    #[test]
    fn what_clients_send_by_habit_is_accepted() {
        for extra in [
            json!({}),
            json!({"temperature": 0.2, "top_p": 1, "seed": 1, "user": "u", "max_tokens": 5}),
            json!({"n": 1, "logprobs": false, "logit_bias": {}, "modalities": ["text"]}),
            json!({"response_format": {"type": "text"}, "tools": [], "tool_choice": "auto"}),
            json!({"n": null, "functions": null, "stream_options": null}),
        ] {
            assert!(read_chat(&body(extra.clone()), &RequestConfig::default()).is_ok(), "{extra}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused_by_its_name() {
        for (extra, named) in [
            (json!({"n": 2}), "`n`"),
            (json!({"logprobs": true}), "`logprobs`"),
            (json!({"top_logprobs": 3}), "`top_logprobs`"),
            (json!({"logit_bias": {"1": 2}}), "`logit_bias`"),
            (json!({"audio": {"voice": "x"}}), "`audio`"),
            (json!({"modalities": ["text", "audio"]}), "`modalities`"),
            (json!({"response_format": {"type": "json_object"}}), "`response_format`"),
            (json!({"functions": []}), "`tools`"),
            (json!({"function_call": "auto"}), "`tool_choice`"),
            (json!({"messagse": []}), "did you mean `messages`"),
            (json!({"stream": "yes"}), "send true or false, not a string"),
            (json!({"stream_options": {"include_usage": true}}), "`stream`: true"),
            (json!({"model": 3}), "send a string, not a number"),
            (json!({"model": null}), "this is required"),
            (json!({"messages": null}), "`messages`: this is required"),
            (json!({"messages": {}}), "send an array, not an object"),
        ] {
            let error = read_chat(&body(extra.clone()), &RequestConfig::default()).unwrap_err();
            assert!(error.to_string().contains(named), "{extra}: {error}");
        }
    }

    #[test]
    fn one_call_when_parallel_ones_are_not_wanted() {
        let limits = RequestConfig::default();
        let (request, form) =
            read_chat(&body(json!({"parallel_tool_calls": false, "stream": true})), &limits)
                .unwrap();
        assert_eq!(request.calls_max, 1);
        assert!(form.stream && !form.include_usage);
        let (request, _) = read_chat(&body(json!({"tool_choice": "required"})), &limits).unwrap();
        assert_eq!((request.calls_max, request.choice), (limits.calls_max, Choice::Required));
    }
}
