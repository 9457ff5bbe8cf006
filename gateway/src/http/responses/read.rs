//! The body of `POST /v1/responses`: what is read, what is refused by name, what is repeated.

use hyfunc_cascade::Earlier;
use serde_json::{Map, Value as Json, json};

use super::input::read_input;
use crate::config::RequestConfig;
use crate::error::RequestError;
use crate::http::fields::Fields;
use crate::http::openai::settings::{self, Absence, EFFORTS, RETENTIONS, Shape, VERBOSITIES};
use crate::http::openai::{Chosen, Conversation, Style, Tools, read_choice, read_tools};
use crate::pipeline::Request;
use crate::upstream::{Role, Turn};

/// What the format must remember until the answer.
#[derive(Clone, Debug, Default)]
pub struct ResponseForm {
    /// Server-sent events instead of one object.
    pub stream: bool,
    /// Members of the response that repeat the request.
    pub repeated: Map<String, Json>,
}

/// Fields that mean something here.
const READ: &[&str] = &[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tool_calls",
    "max_output_tokens",
    "stream",
    "stream_options",
    "text",
    "reasoning",
    "include",
];

/// Fields that the models here do not heed, and how they must look. A chat model gets what is
/// meant for it.
const UNHEEDED: &[(&str, Shape)] = &[
    ("temperature", Shape::Number { from: 0.0, to: 2.0 }),
    ("top_p", Shape::Number { from: 0.0, to: 1.0 }),
    ("presence_penalty", Shape::Number { from: -2.0, to: 2.0 }),
    ("frequency_penalty", Shape::Number { from: -2.0, to: 2.0 }),
    ("user", Shape::Text),
    ("safety_identifier", Shape::Text),
    ("metadata", Shape::Metadata),
    ("prompt_cache_key", Shape::Text),
    ("prompt_cache_retention", Shape::Word(RETENTIONS)),
];

/// Fields that would change the answer in a way that is not offered, and why.
const UNSUPPORTED: &[Absence] = &[
    ("previous_response_id", "nothing is stored; send the whole conversation as `input`"),
    ("conversation", "nothing is stored; send the whole conversation as `input`"),
    ("prompt", "no prompts are stored; send their text as `input`"),
    ("store", "nothing is stored; leave it out, or send false"),
    ("background", "answers come at once; leave it out, or send false"),
    ("background_options", "answers come at once; leave it out"),
    ("truncation", "nothing is left out of a conversation; send disabled"),
    ("context_management", "conversations are not compacted; leave it out"),
    ("top_logprobs", "the answer is not sampled from one distribution; leave it out"),
    ("service_tier", "there is one tier; leave it out, or send auto or default"),
    ("moderation", "nothing is moderated; leave it out"),
    ("prompt_cache_options", "functions are cached by themselves; leave it out"),
    ("image", "only text is read; leave it out"),
    ("access_programs", "there are none; leave it out"),
];

/// What may be asked for in `include`: parts of items that are never there.
const INCLUDED: [&str; 6] = [
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
];

/// Reads a body.
pub fn read_response(
    json: &Json,
    limits: &RequestConfig,
) -> Result<(Request, ResponseForm), RequestError> {
    let fields = Fields::of(json, "")?;
    settings::check_names(&fields, READ, UNHEEDED, UNSUPPORTED)?;
    settings::refuse(&fields, UNSUPPORTED, asks_nothing)?;
    settings::check(&fields, UNHEEDED)?;
    let mut spoken = settings::spoken(&fields);
    spoken.extend(read_verbosity(&fields)?.map(|words| ("verbosity".to_owned(), words)));
    spoken.extend(read_effort(&fields)?.map(|effort| ("reasoning_effort".to_owned(), effort)));
    check_include(&fields)?;

    let model = fields.text_required("model")?.to_owned();
    let instructions = fields.text("instructions")?;
    let input = fields.get("input");
    let input = input.ok_or_else(|| fields.missing("input", "a string or an array of items"))?;
    let Conversation { query, results, mut turns, mut earlier, .. } = read_input(input, limits)?;
    if let Some(text) = instructions {
        earlier.insert(0, Earlier::System(text.to_owned()));
        turns.insert(0, Turn { role: Role::System, text: text.to_owned() });
    }
    let Tools { functions: tools, unheld } = read_tools(&fields, limits, Style::Flat)?;
    let Chosen { choice, allowed } = read_choice(&fields, Style::Flat)?;
    let parallel = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
    let calls_max = if parallel { limits.calls_max } else { 1 };
    let calls_max = fields.count("max_tool_calls")?.map_or(calls_max, |max| calls_max.min(max));
    let stream = fields.boolean("stream")?.unwrap_or(false);
    settings::stream_options(&fields, stream, &["include_obfuscation"])?;
    let request = Request {
        model: Some(model),
        query,
        tools,
        unheld,
        choice,
        allowed,
        calls_max,
        tokens_max: fields.count("max_output_tokens")?,
        results,
        turns,
        earlier,
        user: settings::user(&fields)?,
        metadata: settings::metadata(&fields),
        spoken,
    };
    Ok((request, ResponseForm { stream, repeated: repeat(&fields) }))
}

/// Whether the value of an unsupported field is what happens anyway.
fn asks_nothing(name: &str, value: &Json) -> bool {
    match name {
        "store" | "background" => value.as_bool() == Some(false),
        "truncation" => value == "disabled",
        "context_management" => value.as_array().is_some_and(Vec::is_empty),
        "top_logprobs" => value.as_u64() == Some(0),
        "service_tier" => value == "auto" || value == "default",
        _ => false,
    }
}

/// How much to say, from `text`, the rest of which asks for what happens anyway.
fn read_verbosity(fields: &Fields<'_>) -> Result<Option<Json>, RequestError> {
    let Some(text) = fields.get("text") else { return Ok(None) };
    let text = Fields::of(text, "text")?;
    text.only(&["format", "verbosity"])?;
    settings::check(&text, &[("verbosity", Shape::Word(VERBOSITIES))])?;
    let verbosity = text.get("verbosity").cloned();
    let Some(format) = text.get("format") else { return Ok(verbosity) };
    let format = Fields::of(format, "text.format")?;
    match format.text_required("type")? {
        "text" => format.only(&["type"]).map(|()| verbosity),
        other => Err(RequestError::Unsupported {
            param: format.path("type"),
            reason: format!("`{other}` is not written, only `text`"),
        }),
    }
}

/// How hard a chat model should think: nothing else here reasons, and nothing sums it up.
fn read_effort(fields: &Fields<'_>) -> Result<Option<Json>, RequestError> {
    let Some(reasoning) = fields.get("reasoning") else { return Ok(None) };
    let reasoning = Fields::of(reasoning, "reasoning")?;
    reasoning.only(&["effort", "summary", "generate_summary"])?;
    let summaries = Shape::Word(&["auto", "concise", "detailed"]);
    let shapes =
        [("effort", Shape::Word(EFFORTS)), ("summary", summaries), ("generate_summary", summaries)];
    settings::check(&reasoning, &shapes)?;
    Ok(reasoning.get("effort").cloned())
}

fn check_include(fields: &Fields<'_>) -> Result<(), RequestError> {
    let included = fields.list("include")?.unwrap_or(&[]);
    match included.iter().position(|part| !INCLUDED.iter().any(|known| part == known)) {
        None => Ok(()),
        Some(at) => Err(RequestError::Unsupported {
            param: format!("{}[{at}]", fields.path("include")),
            reason: "there is nothing of that name to include; leave it out".into(),
        }),
    }
}

/// The members of every response that say how it was asked for.
fn repeat(fields: &Fields<'_>) -> Map<String, Json> {
    let or = |name: &str, default: Json| fields.get(name).cloned().unwrap_or(default);
    let repeated = json!({
        "instructions": or("instructions", Json::Null),
        "previous_response_id": null,
        "tools": repeat_tools(fields),
        "tool_choice": repeat_choice(fields),
        "parallel_tool_calls": or("parallel_tool_calls", true.into()),
        "max_output_tokens": or("max_output_tokens", Json::Null),
        "max_tool_calls": or("max_tool_calls", Json::Null),
        "text": repeat_text(fields),
        "reasoning": {"effort": repeat_effort(fields), "summary": null},
        "temperature": or("temperature", 1.into()),
        "top_p": or("top_p", 1.into()),
        "presence_penalty": or("presence_penalty", 0.into()),
        "frequency_penalty": or("frequency_penalty", 0.into()),
        "top_logprobs": 0,
        "truncation": "disabled",
        "store": false,
        "background": false,
        "service_tier": "default",
        "metadata": or("metadata", json!({})),
        "user": or("user", Json::Null),
        "safety_identifier": or("safety_identifier", Json::Null),
        "prompt_cache_key": or("prompt_cache_key", Json::Null),
        "prompt_cache_retention": or("prompt_cache_retention", Json::Null),
    });
    match repeated {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// Every tool with all its members, which were checked before.
fn repeat_tools(fields: &Fields<'_>) -> Json {
    let tools = fields.get("tools").and_then(Json::as_array);
    let whole = |tool: &Json| {
        json!({
            "type": "function",
            "name": tool["name"],
            "description": tool["description"],
            "parameters": tool["parameters"],
            "strict": tool["strict"],
        })
    };
    tools.into_iter().flatten().map(whole).collect()
}

fn repeat_choice(fields: &Fields<'_>) -> Json {
    let mut choice = fields.get("tool_choice").cloned().unwrap_or_else(|| "auto".into());
    if choice["type"] == "allowed_tools" && choice["mode"].is_null() {
        choice["mode"] = "auto".into();
    }
    choice
}

fn repeat_effort(fields: &Fields<'_>) -> Json {
    let effort = fields.get("reasoning").and_then(|reasoning| reasoning.get("effort"));
    effort.cloned().unwrap_or(Json::Null)
}

fn repeat_text(fields: &Fields<'_>) -> Json {
    let mut text = json!({"format": {"type": "text"}});
    let verbosity = fields.get("text").and_then(|text| text.get("verbosity"));
    if let Some(verbosity) = verbosity.filter(|verbosity| !verbosity.is_null()) {
        text["verbosity"] = verbosity.clone();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::tests::agree;
    use crate::pipeline::Choice;

    fn body(extra: Json) -> Json {
        let mut body = json!({"model": "m", "input": "hello"});
        let extra = extra.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(extra);
        body
    }

    fn read(extra: Json) -> Result<(Request, ResponseForm), RequestError> {
        read_response(&body(extra), &RequestConfig::default())
    }

    #[test]
    fn what_clients_send_by_habit_is_accepted() {
        for extra in [
            json!({}),
            json!({"instructions": "You are a pirate.", "store": false, "background": false}),
            json!({"temperature": 0.2, "top_p": 1, "user": "u", "safety_identifier": "s"}),
            json!({"presence_penalty": 0, "frequency_penalty": 0, "service_tier": "auto"}),
            json!({"metadata": {"a": "b"}, "prompt_cache_key": "k", "truncation": "disabled"}),
            json!({"text": {"format": {"type": "text"}, "verbosity": "low"}, "top_logprobs": 0}),
            json!({"reasoning": {"effort": "low", "summary": "auto"}, "include": []}),
            json!({"include": ["reasoning.encrypted_content"], "context_management": []}),
            json!({"stream": true, "stream_options": {"include_obfuscation": false}}),
            json!({"previous_response_id": null, "conversation": null, "prompt": null}),
            json!({"tools": [], "tool_choice": "auto", "max_tool_calls": 1}),
        ] {
            assert!(read(extra.clone()).is_ok(), "{extra}");
        }
    }

    #[test]
    fn what_is_not_offered_is_refused_by_its_name() {
        for (extra, named) in [
            (json!({"previous_response_id": "resp_1"}), "send the whole conversation as `input`"),
            (json!({"conversation": "conv_1"}), "`conversation`"),
            (json!({"prompt": {"id": "p"}}), "`prompt`"),
            (json!({"store": true}), "`store`"),
            (json!({"store": "no"}), "`store`"),
            (json!({"background": true}), "`background`"),
            (json!({"background_options": {}}), "`background_options`"),
            (json!({"truncation": "auto"}), "`truncation`"),
            (json!({"context_management": [{"type": "compaction"}]}), "`context_management`"),
            (json!({"top_logprobs": 3}), "`top_logprobs`"),
            (json!({"service_tier": "flex"}), "`service_tier`"),
            (json!({"moderation": {"model": "m"}}), "`moderation`"),
            (json!({"prompt_cache_options": {}}), "`prompt_cache_options`"),
            (json!({"image": {}}), "`image`"),
            (json!({"access_programs": {}}), "`access_programs`"),
            (json!({"include": ["message.output_text.logprobs"]}), "`include[0]`"),
            (json!({"include": [3]}), "`include[0]`"),
            (json!({"text": {"format": {"type": "json_object"}}}), "`text.format.type`"),
            (json!({"text": {"format": {"type": "json_schema", "name": "n"}}}), "`json_schema`"),
            (json!({"tools": [{"type": "web_search"}]}), "`tools[0].type` is not supported here"),
            (json!({"tool_choice": {"type": "file_search"}}), "`tool_choice.type` is not"),
            (
                json!({"stream": true, "stream_options": {"include_obfuscation": true}}),
                "`stream_options.include_obfuscation` is not supported here",
            ),
            (json!({"messages": []}), "unknown field `messages`"),
            (json!({"inputs": []}), "did you mean `input`"),
            (json!({"max_tokens": 3}), "unknown field `max_tokens`"),
        ] {
            let error = read(extra.clone()).unwrap_err().to_string();
            assert!(error.contains(named), "{extra}: {error} should hold {named}");
        }
    }

    #[test]
    fn every_field_has_its_type() {
        for (extra, named) in [
            (json!({"model": null}), "`model`: this is required"),
            (json!({"model": 3}), "`model`: send a string"),
            (json!({"input": null}), "`input`: this is required"),
            (json!({"input": true}), "`input`: send a string or an array"),
            (json!({"instructions": []}), "`instructions`: send a string"),
            (json!({"tools": {}}), "`tools`: send an array"),
            (json!({"tools": [{"type": "function"}]}), "`tools[0].name`: this is required"),
            (
                json!({"tools": [{"type": "function", "function": {"name": "f"}}]}),
                "unknown field `tools[0].function`",
            ),
            (json!({"tool_choice": 3}), "`tool_choice`: send a string or an object"),
            (json!({"tool_choice": "f"}), "`f` is not one of"),
            (json!({"tool_choice": {"type": "function"}}), "`tool_choice.name`: this is required"),
            (json!({"parallel_tool_calls": 1}), "`parallel_tool_calls`: send true or false"),
            (json!({"max_tool_calls": 0}), "`max_tool_calls`: send a whole number of at least 1"),
            (json!({"max_output_tokens": 0}), "`max_output_tokens`: send a whole number of at"),
            (json!({"max_output_tokens": "9"}), "`max_output_tokens`: send a whole number, not"),
            (json!({"stream": "yes"}), "`stream`: send true or false"),
            (json!({"stream_options": {}}), "only with `stream`"),
            (json!({"text": "plain"}), "`text`: send an object"),
            (json!({"text": {"format": "text"}}), "`text.format`: send an object"),
            (json!({"text": {"format": {}}}), "`text.format.type`: this is required"),
            (json!({"text": {"verbosity": "loud"}}), "`text.verbosity`: send one of"),
            (json!({"text": {"size": 1}}), "unknown field `text.size`"),
            (json!({"reasoning": "low"}), "`reasoning`: send an object"),
            (json!({"reasoning": {"effort": "some"}}), "`reasoning.effort`: send one of"),
            (json!({"reasoning": {"summary": "all"}}), "`reasoning.summary`: send one of"),
            (json!({"include": "all"}), "`include`: send an array"),
            (json!({"temperature": "hot"}), "`temperature`: send a number"),
            (json!({"temperature": 3}), "`temperature`: send a number from 0 to 2"),
            (json!({"top_p": 2}), "`top_p`: send a number from 0 to 1"),
            (json!({"presence_penalty": 3}), "`presence_penalty`: send a number from -2 to 2"),
            (json!({"frequency_penalty": 3}), "`frequency_penalty`: send a number from -2 to 2"),
            (json!({"user": 3}), "`user`: send a string"),
            (json!({"safety_identifier": 3}), "`safety_identifier`: send a string"),
            (json!({"metadata": {"a": []}}), "`metadata.a`: send a string"),
            (json!({"prompt_cache_key": 3}), "`prompt_cache_key`: send a string"),
            (json!({"prompt_cache_retention": "1h"}), "`prompt_cache_retention`: send one of"),
        ] {
            let error = read(extra.clone()).unwrap_err().to_string();
            assert!(error.contains(named), "{extra}: {error} should hold {named}");
        }
        assert!(read_response(&json!([]), &RequestConfig::default()).is_err());
    }

    #[test]
    fn limits_of_calls_and_tokens_reach_the_request() {
        let calls_max = RequestConfig::default().calls_max;
        for (extra, calls, tokens) in [
            (json!({}), calls_max, None),
            (json!({"max_tool_calls": 2, "max_output_tokens": 16}), 2, Some(16)),
            (json!({"max_tool_calls": 9999}), calls_max, None),
            (json!({"parallel_tool_calls": false, "max_tool_calls": 2}), 1, None),
        ] {
            let (request, form) = read(extra.clone()).unwrap();
            assert_eq!((request.calls_max, request.tokens_max), (calls, tokens), "{extra}");
            assert!(!form.stream);
        }
    }

    #[test]
    fn settings_for_a_chat_model_have_the_names_of_chat_completions() {
        let (request, _) = read(json!({
            "temperature": 0.5, "top_p": 1, "user": "u", "text": {"verbosity": "low"},
            "reasoning": {"effort": "high", "summary": "auto"},
        }))
        .unwrap();
        assert_eq!(
            Json::Object(request.spoken),
            json!({"temperature": 0.5, "top_p": 1, "verbosity": "low", "reasoning_effort": "high"})
        );
        let empty = json!({"text": {"verbosity": null}, "reasoning": {"effort": null}});
        assert!(read(empty).unwrap().0.spoken.is_empty());
    }

    #[test]
    fn a_response_repeats_how_it_was_asked_for() {
        let (_, form) = read(json!({})).unwrap();
        for (name, value) in [
            ("instructions", json!(null)),
            ("tools", json!([])),
            ("tool_choice", json!("auto")),
            ("parallel_tool_calls", json!(true)),
            ("text", json!({"format": {"type": "text"}})),
            ("temperature", json!(1)),
            ("store", json!(false)),
            ("metadata", json!({})),
            ("truncation", json!("disabled")),
        ] {
            assert_eq!(form.repeated[name], value, "{name}");
        }

        let choice = json!({"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}]});
        let (request, form) = read(json!({
            "instructions": "x", "temperature": 0.5, "reasoning": {"effort": "low"}, "parallel_tool_calls": false, "user": "u",
            "metadata": {"a": "b"}, "text": {"verbosity": "low"}, "tool_choice": choice,
            "tools": [{"type": "function", "name": "f", "strict": true}],
        }))
        .unwrap();
        assert_eq!((request.choice, request.allowed), (Choice::Auto, Some(vec!["f".into()])));
        for (name, value) in [
            ("instructions", json!("x")),
            (
                "tools",
                json!([{"type": "function", "name": "f", "description": null, "parameters": null,
                    "strict": true}]),
            ),
            (
                "tool_choice",
                json!({"type": "allowed_tools", "tools": [{"type": "function", "name": "f"}],
                    "mode": "auto"}),
            ),
            ("parallel_tool_calls", json!(false)),
            ("text", json!({"format": {"type": "text"}, "verbosity": "low"})),
            ("temperature", json!(0.5)),
            ("reasoning", json!({"effort": "low", "summary": null})),
            ("metadata", json!({"a": "b"})),
            ("user", json!("u")),
        ] {
            assert_eq!(form.repeated[name], value, "{name}");
        }
    }

    #[test]
    fn the_document_has_these_fields_and_admits_what_is_read() {
        let unheeded = UNHEEDED.iter().map(|(name, _)| *name);
        let unsupported = UNSUPPORTED.iter().map(|(name, _)| *name);
        let known = READ.iter().copied().chain(unheeded).chain(unsupported).collect();
        let limits = RequestConfig::default();
        agree("ResponseRequest", known, &body(json!({})), |body| {
            read_response(body, &limits).is_ok()
        });
    }
}
