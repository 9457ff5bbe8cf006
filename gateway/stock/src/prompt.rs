//! What the model reads before it answers: its own chat template around functions and query.

use std::sync::Arc;

use hyfunc_cascade::Earlier;
use hyfunc_functions::schema::parameters_schema;
use hyfunc_functions::template::spell;
use hyfunc_functions::{Function, Spelling};
use serde_json::{Map, Value as Json, json};

use crate::causal::Chat;
use crate::earlier::{self, Piece};
use crate::error::StockError;
use crate::vocabulary::Vocabulary;

/// What ToolACE was trained with; its functions follow.
const BRACKET_SYSTEM: &str = "You are an expert in composing functions. You are given a question \
and a set of possible functions. Based on the question, you will need to make one or more \
function/tool calls to achieve the purpose.\nIf none of the function can be used, point it out. If \
the given question lacks the parameters required by the function, also point it out.\nYou should \
only return the function call in tools call sections.\n\nIf you decide to invoke any of the \
function(s), you MUST put it in the format of [func_name1(params_name1=params_value1, \
params_name2=params_value2...), func_name2(params)]\nYou SHOULD NOT include any other text in the \
response.\nHere is a list of functions in JSON format that you can invoke.\n";

/// Stands, with a number behind it, for what was said while the template is rendered.
const QUERY_MARK: &str = "hyfunc7query7here";

/// A prompt in two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Everything before the conversation: the same for the same functions in the same order.
    pub prefix: Vec<u32>,
    /// The conversation, the query last, and what opens the answer.
    pub rest: Vec<u32>,
}

impl Prompt {
    /// How many tokens it has.
    pub fn tokens(&self) -> usize {
        self.prefix.len() + self.rest.len()
    }
}

/// What a prompt is made of.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// How calls are written.
    pub spelling: Spelling,
    /// What stands behind the template's own opening of an answer.
    pub reply_prefix: &'a str,
    /// Tokens of a query.
    pub query_tokens_max: usize,
    /// The words.
    pub query: &'a str,
    /// What was said and done before, the oldest first.
    pub earlier: &'a [Earlier],
    /// Tokens of that; the oldest is left out first.
    pub earlier_tokens_max: usize,
    /// What may be called, in order.
    pub functions: &'a [Arc<Function>],
}

/// The tokens of a prompt. Nothing that a user or a function's author wrote becomes a special token.
///
/// # Errors
/// A template that fails or leaves functions out, a query that is too long.
pub fn prompt(
    chat: &dyn Chat,
    vocabulary: &Vocabulary,
    asked: &Asked<'_>,
) -> Result<Prompt, StockError> {
    let described: Vec<Json> =
        asked.functions.iter().map(|function| describe(function, vocabulary)).collect();
    let mut mark = QUERY_MARK.to_owned();
    while Json::from(described.clone()).to_string().contains(&mark) {
        mark.push('x');
    }
    let query = vocabulary.encode(asked.query.trim())?;
    let (tokens, tokens_max) = (query.len(), asked.query_tokens_max);
    if tokens > tokens_max {
        return Err(StockError::QueryTooLong { tokens, tokens_max });
    }
    let mut said = earlier::pieces(asked.earlier, vocabulary, asked.earlier_tokens_max)?;
    said.push(Piece { role: "user", tokens: query });
    let marks: Vec<String> = (0..said.len()).map(|at| format!("{mark}{at}x")).collect();
    let conversation = messages(&said, &marks);
    let (messages, tools) = match asked.spelling {
        Spelling::Bracket => {
            let functions = spell::python_json(&Json::from(described));
            let system = BRACKET_SYSTEM.to_owned() + &functions;
            let system = json!({"role": "system", "content": system});
            (std::iter::once(system).chain(conversation).collect::<Json>(), None)
        }
        Spelling::Param | Spelling::Hermes | Spelling::Llama => {
            let tool = |function: Json| json!({"type": "function", "function": function});
            let tools: Vec<Json> = described.into_iter().map(tool).collect();
            (Json::from(conversation), Some(Json::from(tools)))
        }
    };
    let rendered = chat
        .render(&messages, tools.as_ref(), true)
        .map_err(|reason| StockError::Chat { reason })?;
    let frames = frames(&rendered, &marks).filter(|of| !of.iter().any(|one| one.contains(&mark)));
    let Some((before, after)) = frames.as_deref().and_then(<[&str]>::split_first) else {
        let reason = "it does not show every message exactly once".to_owned();
        return Err(StockError::Chat { reason });
    };
    for function in asked.functions {
        if !before.contains(&spell::escape_json(&vocabulary.defused(&function.name))) {
            return Err(StockError::Unshown { function: function.name.clone() });
        }
    }
    let mut rest = Vec::new();
    for (piece, frame) in said.into_iter().zip(after) {
        rest.extend(piece.tokens);
        rest.extend(vocabulary.encode_frame(frame)?);
    }
    let opening = after.last().copied().unwrap_or_default();
    if !opening.trim_end().ends_with(asked.reply_prefix.trim()) {
        rest.extend(vocabulary.encode_frame(asked.reply_prefix)?);
    }
    Ok(Prompt { prefix: vocabulary.encode_frame(before)?, rest })
}

/// Messages whose contents are the marks of what is said; what one says in a row is one message.
fn messages(said: &[Piece], marks: &[String]) -> Vec<Json> {
    let mut messages: Vec<(&str, String)> = Vec::new();
    for (piece, mark) in said.iter().zip(marks) {
        match messages.last_mut() {
            Some((role, content)) if *role == piece.role => {
                content.push_str("\n\n");
                content.push_str(mark);
            }
            _ => messages.push((piece.role, mark.clone())),
        }
    }
    let message = |(role, content): (&str, String)| json!({"role": role, "content": content});
    messages.into_iter().map(message).collect()
}

/// What the template wrote before, between and after the marks; `None` if one is missing.
fn frames<'a>(rendered: &'a str, marks: &[String]) -> Option<Vec<&'a str>> {
    let mut frames = Vec::with_capacity(marks.len() + 1);
    let mut rest = rendered;
    for mark in marks {
        let (frame, after) = rest.split_once(mark.as_str())?;
        frames.push(frame);
        rest = after;
    }
    frames.push(rest);
    Some(frames)
}

/// A function as OpenAI's API has it.
fn describe(function: &Function, vocabulary: &Vocabulary) -> Json {
    let json = json!({
        "name": function.name,
        "description": function.description,
        "parameters": parameters_schema(&function.parameters),
    });
    defused(&json, vocabulary)
}

/// JSON in whose texts no special token stands.
fn defused(json: &Json, vocabulary: &Vocabulary) -> Json {
    match json {
        Json::String(text) => Json::String(vocabulary.defused(text)),
        Json::Array(items) => items.iter().map(|item| defused(item, vocabulary)).collect(),
        Json::Object(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (vocabulary.defused(key), defused(value, vocabulary)))
                .collect::<Map<String, Json>>(),
        ),
        Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
    }
}
