//! The body of `POST /v1/chat/completions`.

use serde_json::Value as Json;

use super::messages::{Conversation, read_messages};
use super::settings::{self, Absence, EFFORTS, RETENTIONS, Shape, VERBOSITIES};
use super::tools::{Chosen, Style, Tools, read_choice, read_tools};
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::fields::Fields;
use crate::pipeline::Request;

/// What the format must remember until the answer.
#[derive(Clone, Debug, Default)]
pub struct ChatForm {
    /// Server-sent events instead of one object.
    pub stream: bool,
    /// Whether a stream ends with a chunk of usage.
    pub include_usage: bool,
    /// Whether a stream tells how each call's template is filled, while it is.
    pub include_pieces: bool,
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
    "max_tokens",
    "max_completion_tokens",
];

/// Fields that the models here do not heed, and how they must look. A chat model gets what is
/// meant for it.
const UNHEEDED: &[(&str, Shape)] = &[
    ("temperature", Shape::Number { from: 0.0, to: 2.0 }),
    ("top_p", Shape::Number { from: 0.0, to: 1.0 }),
    ("presence_penalty", Shape::Number { from: -2.0, to: 2.0 }),
    ("frequency_penalty", Shape::Number { from: -2.0, to: 2.0 }),
    ("seed", Shape::Integer),
    ("user", Shape::Text),
    ("safety_identifier", Shape::Text),
    ("metadata", Shape::Metadata),
    ("prompt_cache_key", Shape::Text),
    ("prompt_cache_retention", Shape::Word(RETENTIONS)),
    ("reasoning_effort", Shape::Word(EFFORTS)),
    ("verbosity", Shape::Word(VERBOSITIES)),
];

/// Fields that would change the answer in a way that is not offered, and why.
const UNSUPPORTED: &[Absence] = &[
    ("n", "there is one answer; leave it out, or send 1"),
    ("logprobs", "the answer is not sampled from one distribution; leave it out"),
    ("top_logprobs", "the answer is not sampled from one distribution; leave it out"),
    ("logit_bias", "the templates decide what may be written; leave it out"),
    ("audio", "only text is written; leave it out"),
    ("modalities", "only [\"text\"] is written"),
    ("response_format", "only {\"type\": \"text\"} is written"),
    ("prediction", "answers are not drafted; leave it out"),
    ("stop", "no text is sampled that could be stopped; leave it out"),
    ("store", "nothing is stored; leave it out, or send false"),
    ("service_tier", "there is one tier; leave it out, or send auto or default"),
    ("moderation", "nothing is moderated; leave it out"),
    ("prompt_cache_options", "functions are cached by themselves; leave it out"),
    ("web_search_options", "publish a plugin that searches instead"),
    ("functions", "it was replaced by `tools`; send those"),
    ("function_call", "it was replaced by `tool_choice`; send that"),
];

/// Reads a body.
pub fn read_chat(json: &Json, limits: &RequestConfig) -> Result<(Request, ChatForm), RequestError> {
    let fields = Fields::of(json, "")?;
    settings::check_names(&fields, READ, UNHEEDED, UNSUPPORTED)?;
    settings::refuse(&fields, UNSUPPORTED, asks_nothing)?;
    settings::check(&fields, UNHEEDED)?;

    let model = fields.text_required("model")?.to_owned();
    let messages = fields.list("messages")?;
    let messages = messages.ok_or_else(|| fields.missing("messages", "an array of messages"))?;
    let Conversation { query, results, turns, earlier, .. } = read_messages(messages, limits)?;
    let Tools { functions: tools, unheld } = read_tools(&fields, limits, Style::Nested)?;
    let Chosen { choice, allowed } = read_choice(&fields, Style::Nested)?;
    let parallel = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    let form = read_form(&fields)?;
    let request = Request {
        model: Some(model),
        query,
        tools,
        unheld,
        choice,
        allowed,
        calls_max: if parallel { limits.calls_max } else { 1 },
        tokens_max: read_tokens_max(&fields)?,
        results,
        turns,
        earlier,
        user: settings::user(&fields)?,
        metadata: settings::metadata(&fields),
        spoken: settings::spoken(&fields),
    };
    Ok((request, form))
}

/// Whether the value of an unsupported field is what happens anyway.
fn asks_nothing(name: &str, value: &Json) -> bool {
    match name {
        "n" => value.as_u64() == Some(1),
        "logprobs" | "store" => value.as_bool() == Some(false),
        "top_logprobs" => value.as_u64() == Some(0),
        "logit_bias" => value.as_object().is_some_and(serde_json::Map::is_empty),
        "modalities" => {
            value.as_array().is_some_and(|modes| modes.iter().all(|mode| mode == "text"))
        }
        "response_format" => value.get("type").is_some_and(|kind| kind == "text"),
        "stop" => value.as_array().is_some_and(Vec::is_empty),
        "service_tier" => value == "auto" || value == "default",
        _ => false,
    }
}

/// The tighter of the limit and its older name.
fn read_tokens_max(fields: &Fields<'_>) -> Result<Option<usize>, RequestError> {
    let now = fields.count("max_completion_tokens")?;
    let before = fields.count("max_tokens")?;
    Ok(now.into_iter().chain(before).min())
}

fn read_form(fields: &Fields<'_>) -> Result<ChatForm, RequestError> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let known = ["include_usage", "include_pieces", "include_obfuscation"];
    let Some(options) = settings::stream_options(fields, stream, &known)? else {
        return Ok(ChatForm { stream, ..ChatForm::default() });
    };
    let include_usage = options.boolean("include_usage")?.unwrap_or(false);
    let include_pieces = options.boolean("include_pieces")?.unwrap_or(false);
    Ok(ChatForm { stream, include_usage, include_pieces })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openapi::tests::agree;
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
            json!({"temperature": 0, "seed": -1, "presence_penalty": -2, "frequency_penalty": 2}),
            json!({"metadata": {"session": "s"}, "safety_identifier": "s", "store": false}),
            json!({"prompt_cache_key": "k", "prompt_cache_retention": "24h", "verbosity": "low"}),
            json!({"reasoning_effort": "none", "service_tier": "auto", "stop": []}),
            json!({"stream": true, "stream_options": {"include_obfuscation": false}}),
            json!({"stream": true, "stream_options": {"include_pieces": true}}),
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
            (json!({"n": 0}), "`n`"),
            (json!({"n": "1"}), "`n`"),
            (json!({"stop": ["\n"]}), "`stop`"),
            (json!({"stop": "\n"}), "`stop`"),
            (json!({"store": true}), "`store`"),
            (json!({"service_tier": "priority"}), "`service_tier`"),
            (json!({"moderation": {"model": "m"}}), "`moderation`"),
            (json!({"prediction": {"type": "content", "content": "x"}}), "`prediction`"),
            (json!({"prompt_cache_options": {"prewarm": true}}), "`prompt_cache_options`"),
            (json!({"web_search_options": {}}), "publish a plugin"),
            (
                json!({"stream": true, "stream_options": {"include_obfuscation": true}}),
                "`stream_options.include_obfuscation` is not supported here",
            ),
            (json!({"temperature": "hot"}), "`temperature`: send a number, not a string"),
            (json!({"temperature": 2.1}), "`temperature`: send a number from 0 to 2"),
            (json!({"top_p": -1}), "`top_p`: send a number from 0 to 1"),
            (json!({"presence_penalty": 3}), "`presence_penalty`: send a number from -2 to 2"),
            (json!({"frequency_penalty": []}), "`frequency_penalty`: send a number"),
            (json!({"seed": 0.5}), "`seed`: send a whole number"),
            (json!({"user": {}}), "`user`: send a string"),
            (json!({"safety_identifier": 1}), "`safety_identifier`: send a string"),
            (json!({"metadata": {"a": 1}}), "`metadata.a`: send a string"),
            (json!({"prompt_cache_key": 1}), "`prompt_cache_key`: send a string"),
            (json!({"prompt_cache_retention": "1h"}), "`prompt_cache_retention`: send one of"),
            (json!({"reasoning_effort": "some"}), "`reasoning_effort`: send one of none"),
            (json!({"verbosity": 1}), "`verbosity`: send a string"),
            (json!({"max_tokens": 0}), "`max_tokens`: send a whole number of at least 1"),
            (json!({"max_completion_tokens": "8"}), "`max_completion_tokens`: send a whole number"),
            (json!({"parallel_tool_calls": 0}), "`parallel_tool_calls`: send true or false"),
            (json!({"tools": "f"}), "`tools`: send an array"),
            (json!({"tool_choice": []}), "`tool_choice`: send a string or an object"),
            (json!({"messagse": []}), "did you mean `messages`"),
            (json!({"stream": "yes"}), "send true or false, not a string"),
            (json!({"stream_options": {"include_usage": true}}), "`stream`: true"),
            (json!({"stream_options": {"include_pieces": true}}), "`stream`: true"),
            (
                json!({"stream": true, "stream_options": {"include_pieces": "all"}}),
                "`stream_options.include_pieces`: send true or false, not a string",
            ),
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
        assert!(form.stream && !form.include_usage && !form.include_pieces);
        assert_eq!((request.tokens_max, request.allowed), (None, None));
        let (request, _) = read_chat(&body(json!({"tool_choice": "required"})), &limits).unwrap();
        assert_eq!((request.calls_max, request.choice), (limits.calls_max, Choice::Required));
    }

    #[test]
    fn settings_for_a_chat_model_are_kept_as_they_came_and_no_others() {
        let spoken = json!({"temperature": 0.5, "top_p": 1, "presence_penalty": -2,
            "frequency_penalty": 0, "seed": 7, "reasoning_effort": "low", "verbosity": "high"});
        let mut sent = spoken.clone();
        sent["user"] = "u".into();
        sent["prompt_cache_key"] = "k".into();
        sent["top_logprobs"] = 0.into();
        let limits = RequestConfig::default();
        let (request, _) = read_chat(&body(sent), &limits).unwrap();
        assert_eq!(Json::Object(request.spoken), spoken);
        let (request, _) = read_chat(&body(json!({"seed": null})), &limits).unwrap();
        assert!(request.spoken.is_empty());
    }

    #[test]
    fn who_it_is_for_and_what_it_is_found_by_are_read() {
        for (sent, user, metadata) in [
            (json!({}), None, vec![]),
            (json!({"user": "u", "safety_identifier": "s"}), Some("u"), vec![]),
            (json!({"user": null, "safety_identifier": "s"}), Some("s"), vec![]),
            (json!({"metadata": null}), None, vec![]),
            (json!({"metadata": {}}), None, vec![]),
            (json!({"metadata": {"a": "b", "c": ""}}), None, vec![("a", "b"), ("c", "")]),
        ] {
            let (request, _) = read_chat(&body(sent), &RequestConfig::default()).unwrap();
            assert_eq!(request.user.as_deref(), user);
            let found = request.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            assert_eq!(found.collect::<Vec<_>>(), metadata);
        }
    }

    #[test]
    fn the_tighter_limit_of_tokens_counts() {
        for (extra, tokens_max) in [
            (json!({}), None),
            (json!({"max_tokens": null, "max_completion_tokens": 9}), Some(9)),
            (json!({"max_tokens": 7}), Some(7)),
            (json!({"max_tokens": 7, "max_completion_tokens": 9}), Some(7)),
        ] {
            let read = read_chat(&body(extra.clone()), &RequestConfig::default());
            assert_eq!(read.unwrap().0.tokens_max, tokens_max, "{extra}");
        }
    }

    #[test]
    fn the_document_has_these_fields_and_admits_what_is_read() {
        let unheeded = UNHEEDED.iter().map(|(name, _)| *name);
        let unsupported = UNSUPPORTED.iter().map(|(name, _)| *name);
        let known = READ.iter().copied().chain(unheeded).chain(unsupported).collect();
        let limits = RequestConfig::default();
        agree("ChatCompletionRequest", known, &body(json!({})), |body| {
            read_chat(body, &limits).is_ok()
        });
    }
}
