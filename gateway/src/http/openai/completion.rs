//! What is written: completions at once, and in chunks.

use hyfunc_cascade::ModelInfo;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, to_string, to_writer};

use super::draft::DraftJson;
use super::own::OwnJson;
use super::usage::UsageJson;
use crate::clock::now_s;
use crate::pipeline::{Choice, DecidedCall, Request};

/// Digits of the weights' digest that a fingerprint shows.
const FINGERPRINT_DIGITS: usize = 12;

/// Most answers fit into so many bytes; longer ones grow their buffer.
const WRITTEN_BYTES: usize = 4096;

/// Why writing cannot fail.
const IS_PLAIN: &str = "an answer is plain JSON, and memory takes it";

/// The parts of an answer that every chunk repeats.
#[derive(Clone, Debug)]
pub struct Completion {
    id: String,
    created_s: u64,
    model: String,
    fingerprint: String,
}

/// An answer, or a chunk of one.
#[derive(Serialize)]
struct CompletionJson<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: &'a str,
    service_tier: &'static str,
    choices: &'a [ChoiceJson<'a>],
    /// `Some(None)` says that there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<UsageJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hyfunc: Option<OwnJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hyfunc_draft: Option<DraftJson<'a>>,
}

/// The one choice: whole, or what a chunk adds to it.
#[derive(Serialize)]
struct ChoiceJson<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Json>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

/// What is said and what is to be called.
#[derive(Serialize)]
pub struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: (),
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCallJson<'a>>,
}

/// A call that the client runs, as it expects it.
#[derive(Serialize)]
struct ToolCallJson<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: ToolFunctionJson<'a>,
}

#[derive(Serialize)]
struct ToolFunctionJson<'a> {
    name: &'a str,
    arguments: TextJson<'a>,
}

/// JSON as a text in JSON.
struct TextJson<'a>(&'a Json);

impl Completion {
    /// A new answer of a model, whose weights the fingerprint names.
    pub fn new(model: &str, fingerprint: &str) -> Self {
        Self {
            id: format!("chatcmpl-{}", uuid::Uuid::new_v4().simple()),
            created_s: now_s(),
            model: model.to_owned(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    /// Name of the model.
    pub fn model(&self) -> &str {
        &self.model
    }

    fn frame<'a>(
        &'a self,
        object: &'static str,
        choices: &'a [ChoiceJson<'a>],
    ) -> CompletionJson<'a> {
        CompletionJson {
            id: &self.id,
            object,
            created: self.created_s,
            model: &self.model,
            system_fingerprint: &self.fingerprint,
            service_tier: "default",
            choices,
            usage: None,
            hyfunc: None,
            hyfunc_draft: None,
        }
    }

    /// The text of the whole answer at once.
    pub fn whole(
        &self,
        message: Message<'_>,
        finish: &'static str,
        usage: UsageJson,
        own: OwnJson<'_>,
    ) -> Vec<u8> {
        let choices = [ChoiceJson { message: Some(message), ..ChoiceJson::empty(Some(finish)) }];
        let mut json = self.frame("chat.completion", &choices);
        json.usage = Some(Some(usage));
        json.hyfunc = Some(own);
        let mut written = Vec::with_capacity(WRITTEN_BYTES);
        to_writer(&mut written, &json).expect(IS_PLAIN);
        written
    }

    /// The text of one chunk of a stream. With `usage`, every chunk but the last says that there is
    /// none yet.
    pub fn chunk(
        &self,
        delta: Json,
        finish: Option<&'static str>,
        usage: bool,
        own: Option<OwnJson<'_>>,
    ) -> String {
        let choices = [ChoiceJson { delta: Some(delta), ..ChoiceJson::empty(finish) }];
        let mut json = self.frame("chat.completion.chunk", &choices);
        json.usage = usage.then_some(None);
        json.hyfunc = own;
        to_string(&json).expect(IS_PLAIN)
    }

    /// The text of a chunk that adds nothing to the answer, and tells how a call is being written.
    pub fn draft_chunk(&self, usage: bool, draft: DraftJson<'_>) -> String {
        let delta = Some(Json::Object(Map::new()));
        let choices = [ChoiceJson { delta, ..ChoiceJson::empty(None) }];
        let mut json = self.frame("chat.completion.chunk", &choices);
        json.usage = usage.then_some(None);
        json.hyfunc_draft = Some(draft);
        to_string(&json).expect(IS_PLAIN)
    }

    /// The text of the last chunk, for clients that asked for it.
    pub fn usage_chunk(&self, usage: UsageJson) -> String {
        let mut json = self.frame("chat.completion.chunk", &[]);
        json.usage = Some(Some(usage));
        to_string(&json).expect(IS_PLAIN)
    }
}

impl ChoiceJson<'_> {
    fn empty(finish_reason: Option<&'static str>) -> Self {
        Self { index: 0, message: None, delta: None, logprobs: (), finish_reason }
    }
}

impl<'a> Message<'a> {
    /// The assistant's. An empty text is none.
    pub fn new(content: &'a str, tool_calls: impl Iterator<Item = &'a DecidedCall>) -> Self {
        Self {
            role: "assistant",
            content: (!content.is_empty()).then_some(content),
            refusal: (),
            tool_calls: tool_calls.map(ToolCallJson::of).collect(),
        }
    }
}

impl<'a> ToolCallJson<'a> {
    fn of(call: &'a DecidedCall) -> Self {
        let arguments = TextJson(&call.arguments_json);
        let function = ToolFunctionJson { name: &call.function.name, arguments };
        Self { id: &call.id, kind: "function", function }
    }
}

impl Serialize for TextJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// The same name for the same weights: with it, one request has one answer.
pub fn fingerprint(models: &ModelInfo) -> String {
    let digest = models.digest.get(..FINGERPRINT_DIGITS).unwrap_or(&models.digest);
    format!("fp_{digest}")
}

/// What is said when nothing was called.
pub fn nothing_said(request: &Request) -> String {
    if !request.results.is_empty() {
        return request.results.join("\n");
    }
    match request.choice {
        Choice::None => "No function was called, because tool_choice is none.".into(),
        Choice::Auto | Choice::Required | Choice::Named(_) => {
            "No function fits this request. GET /v1/functions lists what there is.".into()
        }
    }
}
