//! The response object, in each of its states.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::items;
use crate::clock::now_s;
use crate::error::RequestError;
use crate::http::error::to_json;
use crate::http::openai::{OutputDetails, OwnJson};
use crate::pipeline::{Answer, Usage};

/// What every state of a response repeats.
#[derive(Clone, Debug)]
pub struct ResponseObject {
    id: String,
    created_s: u64,
    model: String,
    /// What the request set, and the defaults of what it left open.
    repeated: Map<String, Json>,
}

/// A response in one of its states.
#[derive(Serialize)]
pub struct ResponseJson<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    completed_at: Option<u64>,
    status: &'static str,
    error: Json,
    incomplete_details: Option<Incomplete>,
    model: &'a str,
    output: &'a [Json],
    #[serde(flatten)]
    repeated: &'a Map<String, Json>,
    usage: Option<UsageJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hyfunc: Option<OwnJson<'a>>,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

/// Tokens read and written, in the format's names; how they were written, in ours.
#[derive(Serialize)]
struct UsageJson {
    input_tokens: usize,
    input_tokens_details: InputDetails,
    output_tokens: usize,
    output_tokens_details: OutputDetails,
    total_tokens: usize,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: usize,
    cache_write_tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_tokens: Option<usize>,
}

impl ResponseObject {
    /// A new response of a model.
    pub fn new(model: &str, repeated: Map<String, Json>) -> Self {
        let id = format!("resp_{}", uuid::Uuid::new_v4().simple());
        Self { id, created_s: now_s(), model: model.to_owned(), repeated }
    }

    /// As long as it is being written.
    pub fn begun(&self) -> ResponseJson<'_> {
        self.state(items::IN_PROGRESS, &[])
    }

    /// When all that is to be said was said.
    pub fn ended<'a>(
        &'a self,
        answer: &Answer,
        output: &'a [Json],
        own: OwnJson<'a>,
    ) -> ResponseJson<'a> {
        let cut = answer.is_incomplete();
        let status = if cut { "incomplete" } else { items::COMPLETED };
        ResponseJson {
            completed_at: (!cut).then(now_s),
            incomplete_details: cut.then_some(Incomplete { reason: "max_output_tokens" }),
            usage: Some(UsageJson::of(&answer.usage())),
            hyfunc: Some(own),
            ..self.state(status, output)
        }
    }

    /// When something went wrong after it had begun.
    pub fn failed<'a>(&'a self, error: &RequestError, output: &'a [Json]) -> ResponseJson<'a> {
        let mut told = to_json(error)["error"].take();
        let error = json!({"code": told["code"].take(), "message": told["message"].take()});
        ResponseJson { error, ..self.state("failed", output) }
    }

    fn state<'a>(&'a self, status: &'static str, output: &'a [Json]) -> ResponseJson<'a> {
        ResponseJson {
            id: &self.id,
            object: "response",
            created_at: self.created_s,
            completed_at: None,
            status,
            error: Json::Null,
            incomplete_details: None,
            model: &self.model,
            output,
            repeated: &self.repeated,
            usage: None,
            hyfunc: None,
        }
    }
}

impl UsageJson {
    fn of(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input(),
            input_tokens_details: InputDetails {
                cached_tokens: usage.input_cached(),
                cache_write_tokens: 0,
                upstream_tokens: usage.upstream.map(|upstream| upstream.input),
            },
            output_tokens: usage.output(),
            output_tokens_details: OutputDetails::of(usage),
            total_tokens: usage.input() + usage.output(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Step;

    #[test]
    fn every_state_has_the_same_members() {
        let repeated = Map::from_iter([("tool_choice".to_owned(), "auto".into())]);
        let object = ResponseObject::new("m", repeated);
        let error = RequestError::Deadline { step: Step::Dispatch, deadline_ms: 5 };
        let begun = json!(object.begun());
        let failed = json!(object.failed(&error, &[json!({"type": "message"})]));
        let names = |json: &Json| -> Vec<String> {
            json.as_object().expect("an object").keys().cloned().collect()
        };
        assert_eq!(names(&begun), names(&failed));
        for (key, value) in [
            ("status", json!("in_progress")),
            ("output", json!([])),
            ("error", json!(null)),
            ("completed_at", json!(null)),
            ("incomplete_details", json!(null)),
            ("usage", json!(null)),
            ("tool_choice", json!("auto")),
        ] {
            assert_eq!(begun[key], value, "{key}");
        }
        assert_eq!(failed["status"], "failed");
        assert_eq!(failed["error"]["code"], "deadline_exceeded");
        assert!(failed["error"]["message"].as_str().unwrap().contains("`dispatch`"));
        assert_eq!((&failed["id"], &failed["created_at"]), (&begun["id"], &begun["created_at"]));
    }
}
