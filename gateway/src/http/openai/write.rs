//! What is written: completions, chunks, and the `hyfunc` member.

use std::time::Duration;

use hyfunc_cascade::{Decoded, ModelInfo, Piece, PieceKind, TokenCounts};
use hyfunc_sandbox::CallTimings;
use serde_json::{Map, Value as Json, json};

use crate::clock::{micros, now_s};
use crate::pipeline::{
    CallOutcome, Choice, DecidedCall, Found, Origin, Ran, Request, Usage, Worded, say,
};

/// Digits of the weights' digest that a fingerprint shows.
const FINGERPRINT_DIGITS: usize = 12;

/// The parts of an answer that every chunk repeats.
#[derive(Clone, Debug)]
pub struct Completion {
    id: String,
    created_s: u64,
    model: String,
    fingerprint: String,
}

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

    fn frame(&self, object: &str) -> Map<String, Json> {
        let mut frame = Map::new();
        frame.insert("id".into(), self.id.clone().into());
        frame.insert("object".into(), object.into());
        frame.insert("created".into(), self.created_s.into());
        frame.insert("model".into(), self.model.clone().into());
        frame.insert("system_fingerprint".into(), self.fingerprint.clone().into());
        frame.insert("service_tier".into(), "default".into());
        frame
    }

    /// The whole answer at once.
    pub fn whole(&self, message: Json, finish: &str, usage: Json, own: Json) -> Json {
        let mut frame = self.frame("chat.completion");
        let choice =
            json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish});
        frame.insert("choices".into(), json!([choice]));
        frame.insert("usage".into(), usage);
        frame.insert("hyfunc".into(), own);
        Json::Object(frame)
    }

    /// One chunk of a stream. With `usage`, every chunk but the last says that there is none yet.
    pub fn chunk(&self, delta: Json, finish: Option<&str>, usage: bool) -> Map<String, Json> {
        let mut frame = self.frame("chat.completion.chunk");
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        frame.insert("choices".into(), json!([choice]));
        if usage {
            frame.insert("usage".into(), Json::Null);
        }
        frame
    }

    /// The last chunk, for clients that asked for it.
    pub fn usage_chunk(&self, usage: Json) -> Map<String, Json> {
        let mut frame = self.frame("chat.completion.chunk");
        frame.insert("choices".into(), json!([]));
        frame.insert("usage".into(), usage);
        frame
    }
}

/// A call that the client runs, as it expects it.
pub fn tool_call_json(call: &DecidedCall) -> Json {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": call.arguments_json.to_string()},
    })
}

/// The same name for the same weights: with it, one request has one answer.
pub fn fingerprint(models: &ModelInfo) -> String {
    let digest = models.digest.get(..FINGERPRINT_DIGITS).unwrap_or(&models.digest);
    format!("fp_{digest}")
}

/// Tokens read and written, in OpenAI's names; how they were written, in ours.
pub fn usage_json(usage: &Usage) -> Json {
    let mut json = json!({
        "prompt_tokens": usage.input(),
        "completion_tokens": usage.output(),
        "total_tokens": usage.input() + usage.output(),
        "prompt_tokens_details": {"cached_tokens": usage.input_cached()},
        "completion_tokens_details": output_details(usage),
    });
    if let Some(upstream) = usage.upstream {
        json["prompt_tokens_details"]["upstream_tokens"] = upstream.input.into();
    }
    json
}

/// How tokens were written.
pub fn output_details(usage: &Usage) -> Json {
    let mut json = json!({
        "reasoning_tokens": 0,
        "injected_tokens": usage.counts.injected,
        "chosen_tokens": usage.counts.chosen,
        "sampled_tokens": usage.counts.sampled,
        "copied_tokens": usage.counts.copied,
    });
    if let Some(upstream) = usage.upstream {
        json["upstream_tokens"] = upstream.output.into();
    }
    json
}

/// What came of asking the chat model, times in microseconds.
pub fn worded_json(worded: &Worded) -> Json {
    json!({
        "model": worded.model,
        "error": worded.error,
        "cut": worded.is_cut,
        "tokens": worded.tokens.map(|tokens| {
            json!({"input": tokens.input, "cached": tokens.cached, "output": tokens.output})
        }),
        "timings_us": {
            "first_byte": worded.first_byte.map(micros),
            "total": micros(worded.took),
        },
    })
}

/// Tokens by how they came about.
pub fn tokens_json(counts: &TokenCounts) -> Json {
    json!({
        "prompt": counts.prompt,
        "injected": counts.injected,
        "chosen": counts.chosen,
        "sampled": counts.sampled,
        "copied": counts.copied,
    })
}

/// Candidates, best first: where from, the retriever's score, the probability of a call.
pub fn candidates_json(candidates: &[Found], decoded: &Decoded) -> Json {
    let describe = |(at, found): (usize, &Found)| {
        json!({
            "name": found.name(),
            "origin": match &found.origin {
                Origin::Library(entry) => entry.plugin.name(),
                Origin::Client => "client",
            },
            "score": found.score,
            "p_call": decoded.scores.get(at),
        })
    };
    candidates.iter().enumerate().map(describe).collect()
}

/// The filled template: each stretch of text and how it came about.
pub fn pieces_json(pieces: &[Piece]) -> Json {
    let describe = |piece: &Piece| {
        let kind = match piece.kind {
            PieceKind::Injected => "injected",
            PieceKind::Chosen => "chosen",
            PieceKind::Sampled => "sampled",
            PieceKind::Copied => "copied",
        };
        json!({"kind": kind, "text": piece.text, "subject": piece.subject})
    };
    pieces.iter().map(describe).collect()
}

/// A call that ran here: arguments, result or error, reply, times in microseconds, log lines.
pub fn ran_json(call: &DecidedCall, ran: &Ran) -> Json {
    let mut json = json!({
        "id": call.id,
        "function": call.function.name,
        "arguments": call.arguments_json,
    });
    match &ran.result {
        Ok(result) => json["result"] = result.clone(),
        Err(failure) => {
            json["error"] = json!({
                "kind": failure.kind,
                "message": failure.message,
                "detail": failure.detail,
            });
        }
    }
    json["reply"] = say(call, ran).into();
    json["timings_us"] = sandbox_json(ran.timings.as_ref(), ran.took);
    if !ran.logs.is_empty() {
        json["logs"] = ran.logs.iter().map(|line| Json::from(line.message.clone())).collect();
    }
    json
}

/// Where the time of a call went, in microseconds; without the parts where the sandbox gave up.
pub fn sandbox_json(parts: Option<&CallTimings>, took: Duration) -> Json {
    let mut timings = Map::new();
    if let Some(parts) = parts {
        timings.insert("queue".into(), parts.queue_us.into());
        timings.insert("instantiate".into(), parts.instantiate_us.into());
        timings.insert("run".into(), parts.run_us.into());
    }
    timings.insert("total".into(), micros(took).into());
    Json::Object(timings)
}

/// A decided call and what came of it.
pub fn call_json(call: &DecidedCall, outcome: &CallOutcome) -> Json {
    match outcome {
        CallOutcome::Ran(ran) => ran_json(call, ran),
        CallOutcome::NotRun => json!({
            "id": call.id,
            "function": call.function.name,
            "arguments": call.arguments_json,
        }),
    }
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
