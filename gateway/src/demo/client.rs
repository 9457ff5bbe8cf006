//! A client as anybody would write one: a chat completion over HTTP, and the answer's JSON.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::DemoError;
use crate::eval::Call;

/// Time beyond the gateway's own deadline until the client gives up, in milliseconds.
const PATIENCE_MS: u64 = 2_000;

/// The header in which an answer names its request.
const REQUEST_ID: &str = "x-request-id";

/// A chat completion, as far as the demo shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Answer {
    /// One choice.
    pub choices: Vec<Choice>,
    /// How the answer came about.
    pub hyfunc: Own,
}

/// A choice of a chat completion.
#[derive(Clone, Debug, Deserialize)]
pub struct Choice {
    /// What is said.
    pub message: Message,
}

/// What is said.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    /// The sentences of all calls.
    pub content: Option<String>,
}

/// How an answer came about.
#[derive(Clone, Debug, Deserialize)]
pub struct Own {
    /// Functions it could have called, best first.
    pub candidates: Vec<Candidate>,
    /// What it called.
    pub calls: Vec<RanCall>,
    /// Microseconds by step.
    pub timings_us: BTreeMap<String, u64>,
}

/// A function that could have been called.
#[derive(Clone, Debug, Deserialize)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// The plugin that has it.
    pub origin: String,
    /// The retriever's score.
    pub score: f32,
    /// Probability of a call, 0 to 1.
    pub p_call: Option<f32>,
}

/// A call that ran.
#[derive(Clone, Debug, Deserialize)]
pub struct RanCall {
    /// The function's name.
    pub function: String,
    /// As decided.
    pub arguments: Json,
    /// The filled template, in order.
    pub pieces: Vec<Piece>,
    /// What went wrong, if anything did.
    #[serde(default)]
    pub error: Option<Json>,
}

/// What the gateway remembers of a request, as far as the demo shows it.
#[derive(Debug, Deserialize)]
struct Remembered {
    /// Microseconds by step.
    timings_us: BTreeMap<String, u64>,
}

/// A stretch of a filled template.
#[derive(Clone, Debug, Deserialize)]
pub struct Piece {
    /// How it came about.
    pub kind: PieceKind,
    /// The text.
    pub text: String,
}

/// How a stretch of a filled template came about.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum PieceKind {
    /// Fixed text.
    Injected,
    /// One of several fixed spellings.
    Chosen,
    /// Written token by token.
    Sampled,
    /// A span of the request.
    Copied,
}

impl Answer {
    /// What was called, in the form in which right answers are written.
    pub fn calls(&self) -> Vec<Call> {
        let ran = self.hyfunc.calls.iter();
        ran.map(|call| Call { name: call.function.clone(), arguments: call.arguments.clone() })
            .collect()
    }

    /// What is said.
    pub fn content(&self) -> &str {
        let first = self.choices.first();
        first.and_then(|choice| choice.message.content.as_deref()).unwrap_or_default()
    }
}

/// Sends requests to one gateway.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    model: String,
}

impl Client {
    pub fn new(address: SocketAddr, model: String, deadline_ms: u64) -> Result<Self, DemoError> {
        let http = reqwest::Client::builder()
            // A proxy of the environment has no business on loopback.
            .no_proxy()
            .timeout(Duration::from_millis(deadline_ms.saturating_add(PATIENCE_MS)))
            .build()?;
        Ok(Self { http, base: format!("http://{address}"), model })
    }

    /// One request, and the time from sending it to the answer's last byte. The answer's times are
    /// those of every step.
    pub async fn ask(&self, query: &str) -> Result<(Answer, Duration), DemoError> {
        let body = json!({
            "model": self.model,
            "messages": [{"role": "user", "content": query}],
        });
        let began = Instant::now();
        let url = format!("{}/v1/chat/completions", self.base);
        let response = self.http.post(url).json(&body).send().await?;
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        let id = id.unwrap_or_default().to_owned();
        let text = text(query, response).await?;
        let took = began.elapsed();
        let mut answer: Answer = parse(query, &text)?;
        answer.hyfunc.timings_us = self.timings(query, &id).await?;
        Ok((answer, took))
    }

    /// Times of all steps: an answer is written before its last step is over, so that it cannot
    /// hold these itself.
    async fn timings(&self, query: &str, id: &str) -> Result<BTreeMap<String, u64>, DemoError> {
        let url = format!("{}/v1/recent/{id}", self.base);
        let text = text(query, self.http.get(url).send().await?).await?;
        let remembered: Remembered = parse(query, &text)?;
        Ok(remembered.timings_us)
    }
}

/// What a request comes to, unless it is refused.
async fn text(query: &str, response: reqwest::Response) -> Result<String, DemoError> {
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        let status = status.as_u16();
        return Err(DemoError::Refused { query: query.to_owned(), status, body: text });
    }
    Ok(text)
}

fn parse<T: DeserializeOwned>(query: &str, text: &str) -> Result<T, DemoError> {
    serde_json::from_str(text)
        .map_err(|source| DemoError::Format { query: query.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_and_without_calls() {
        let none = json!({
            "id": "chatcmpl-1",
            "choices": [{"message": {"role": "assistant", "content": null}}],
            "hyfunc": {"candidates": [], "calls": [], "timings_us": {"accept": 3}},
        });
        let none: Answer = serde_json::from_value(none).unwrap();
        assert_eq!((none.content(), none.calls().len()), ("", 0));
        assert_eq!(none.hyfunc.timings_us["accept"], 3);
        let one = json!({
            "choices": [{"message": {"content": "Done."}}],
            "hyfunc": {
                "candidates": [{"name": "f", "origin": "p", "score": 0.5, "p_call": null}],
                "calls": [{
                    "id": "call_1", "function": "f", "arguments": {"n": 1}, "result": null,
                    "pieces": [{"kind": "copied", "text": "1", "subject": "n"}],
                }],
                "timings_us": {},
            },
        });
        let one: Answer = serde_json::from_value(one).unwrap();
        assert_eq!(one.content(), "Done.");
        assert_eq!(one.calls(), [Call { name: "f".into(), arguments: json!({"n": 1}) }]);
        assert_eq!(one.hyfunc.calls[0].pieces[0].kind, PieceKind::Copied);
    }
}
