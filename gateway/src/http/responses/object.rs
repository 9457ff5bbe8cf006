//! The response object, in each of its states.

use serde_json::{Map, Value as Json, json};

use super::items;
use crate::clock::now_s;
use crate::error::RequestError;
use crate::http::error::to_json;
use crate::http::openai::output_details;
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

/// What tells one state from another.
#[derive(Default)]
struct State {
    completed_s: Option<u64>,
    incomplete: Json,
    error: Json,
    output: Vec<Json>,
    usage: Json,
}

impl ResponseObject {
    /// A new response of a model.
    pub fn new(model: &str, repeated: Map<String, Json>) -> Self {
        let id = format!("resp_{}", uuid::Uuid::new_v4().simple());
        Self { id, created_s: now_s(), model: model.to_owned(), repeated }
    }

    /// As long as it is being written.
    pub fn begun(&self) -> Json {
        Json::Object(self.state(items::IN_PROGRESS, State::default()))
    }

    /// When all that is to be said was said.
    pub fn ended(&self, answer: &Answer, output: Vec<Json>, own: Json) -> Json {
        let cut = answer.is_incomplete();
        let incomplete = if cut { json!({"reason": "max_output_tokens"}) } else { Json::Null };
        let state = State {
            completed_s: (!cut).then(now_s),
            incomplete,
            output,
            usage: usage_json(&answer.usage()),
            ..State::default()
        };
        let status = if cut { "incomplete" } else { items::COMPLETED };
        let mut object = self.state(status, state);
        object.insert("hyfunc".into(), own);
        Json::Object(object)
    }

    /// When something went wrong after it had begun.
    pub fn failed(&self, error: &RequestError, output: Vec<Json>) -> Json {
        let mut told = to_json(error)["error"].take();
        let error = json!({"code": told["code"].take(), "message": told["message"].take()});
        let state = State { error, output, ..State::default() };
        Json::Object(self.state("failed", state))
    }

    fn state(&self, status: &str, state: State) -> Map<String, Json> {
        let mut object = Map::new();
        object.insert("id".into(), self.id.clone().into());
        object.insert("object".into(), "response".into());
        object.insert("created_at".into(), self.created_s.into());
        object.insert("completed_at".into(), state.completed_s.into());
        object.insert("status".into(), status.into());
        object.insert("error".into(), state.error);
        object.insert("incomplete_details".into(), state.incomplete);
        object.insert("model".into(), self.model.clone().into());
        object.insert("output".into(), state.output.into());
        object.extend(self.repeated.clone());
        object.insert("usage".into(), state.usage);
        object
    }
}

/// Tokens read and written, in the format's names; how they were written, in ours.
fn usage_json(usage: &Usage) -> Json {
    let mut json = json!({
        "input_tokens": usage.input(),
        "input_tokens_details": {"cached_tokens": usage.input_cached(), "cache_write_tokens": 0},
        "output_tokens": usage.output(),
        "output_tokens_details": output_details(usage),
        "total_tokens": usage.input() + usage.output(),
    });
    if let Some(upstream) = usage.upstream {
        json["input_tokens_details"]["upstream_tokens"] = upstream.input.into();
    }
    json
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
        let begun = object.begun();
        let failed = object.failed(&error, vec![json!({"type": "message"})]);
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
