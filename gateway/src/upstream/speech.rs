//! One answer of the chat model, as it comes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri};
use futures::StreamExt as _;
use serde_json::{Value as Json, json};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::events::Events;
use super::prompt::messages;
use super::{Asked, Upstream, UpstreamError, Voice};
use crate::telemetry::{self, Metrics, names};

/// Bytes of JSON around words, and how many of it one byte of them may take when it is escaped.
const FRAME_BYTES: usize = 64 * 1024;
const ESCAPED_BYTES: usize = 6;
/// Bytes of a refusal that are looked at.
const REFUSAL_BYTES_MAX: usize = 16 * 1024;
/// Characters of an error's code that go into the log.
const IDENTIFIER_CHARS_MAX: usize = 64;

/// Tokens that the chat model counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read.
    pub input: usize,
    /// Of these, read before.
    pub cached: usize,
    /// Written.
    pub output: usize,
}

/// One answer: what is sent, what came of it so far, and how long both may take.
pub struct Speech {
    upstream: Arc<Upstream>,
    model: String,
    metrics: Metrics,
    span: Span,
    began: Instant,
    begins_until: Instant,
    ends_until: Instant,
    /// Not sent yet.
    request: Option<Request<Body>>,
    body: Option<BodyDataStream>,
    read: Read,
    first_byte: Option<Duration>,
    is_over: bool,
    /// Held as long as the answer comes.
    _place: Option<OwnedSemaphorePermit>,
}

/// What was read so far.
struct Read {
    events: Events,
    /// The whole body of a server that does not stream.
    whole: Option<Vec<u8>>,
    /// Words that nobody has asked for yet.
    ready: VecDeque<String>,
    said_bytes: usize,
    bytes_max: usize,
    finish: Option<String>,
    /// The mark at the end of a stream came.
    is_done: bool,
    is_cut: bool,
    tokens: Option<Tokens>,
    model: Option<String>,
}

impl Speech {
    pub(super) fn new(voice: &Voice, asked: &Asked<'_>) -> Self {
        let Voice { upstream, config, metrics, captures } = voice;
        let span = span(&config.model, &upstream.endpoint);
        let messages = messages(&config.instructions, asked.task, asked.turns);
        if *captures {
            span.set_attribute(names::INPUT_MESSAGES, messages.to_string());
        }
        let mut body = json!({
            "model": config.model,
            "messages": messages,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if let Some(tokens_max) = asked.tokens_max {
            body["max_completion_tokens"] = tokens_max.into();
        }
        for (name, value) in asked.settings {
            body[name.as_str()] = value.clone();
        }
        let traceparent = telemetry::outgoing(&span, asked.caller);
        let request = request(upstream, body.to_string(), traceparent);
        let began = Instant::now();
        let ends_until = voice.deadline(began, asked.deadline);
        let bytes_max = config.reply_bytes_max.saturating_mul(ESCAPED_BYTES) + FRAME_BYTES;
        Self {
            upstream: Arc::clone(upstream),
            model: config.model.clone(),
            metrics: metrics.clone(),
            span,
            began,
            begins_until: ends_until.min(began + Duration::from_millis(config.first_byte_ms)),
            ends_until,
            request: Some(request),
            body: None,
            read: Read::new(bytes_max, config.reply_bytes_max),
            first_byte: None,
            is_over: false,
            _place: None,
        }
    }

    /// The next words; `None` after the last.
    ///
    /// # Errors
    /// Whatever the chat model does wrong; then there is nothing more.
    pub async fn next(&mut self) -> Result<Option<String>, UpstreamError> {
        loop {
            if let Some(words) = self.read.ready.pop_front() {
                return Ok(Some(words));
            }
            if self.is_over {
                return Ok(None);
            }
            let span = self.span.clone();
            match self.within_time().instrument(span).await {
                Ok(false) => {}
                Ok(true) => self.end(),
                // What is left of a whole answer is its count of tokens.
                Err(_) if self.read.finish.is_some() && self.read.said_bytes > 0 => self.end(),
                Err(error) => {
                    self.is_over = true;
                    self.body = None;
                    telemetry::fail(&self.span, error.code(), error.to_string());
                    return Err(error);
                }
            }
        }
    }

    /// The model's name, as configured.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// From the question to the first byte of the answer.
    pub fn first_byte(&self) -> Option<Duration> {
        self.first_byte
    }

    /// Since the question.
    pub fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// What the chat model counted, if it did.
    pub fn tokens(&self) -> Option<Tokens> {
        self.read.tokens
    }

    /// Whether it had more to say.
    pub fn is_cut(&self) -> bool {
        self.read.is_cut || self.read.finish.as_deref() == Some("length")
    }

    async fn within_time(&mut self) -> Result<bool, UpstreamError> {
        let has_begun = self.first_byte.is_some();
        let until = if has_begun { self.ends_until } else { self.begins_until };
        let given = until.saturating_duration_since(self.began).as_millis();
        match tokio::time::timeout_at(until.into(), self.advance()).await {
            Ok(advanced) => advanced,
            Err(_) if has_begun => Err(UpstreamError::Unended { ms: given }),
            Err(_) => Err(UpstreamError::Unbegun { ms: given }),
        }
    }

    /// One piece further. Says whether that was the end.
    async fn advance(&mut self) -> Result<bool, UpstreamError> {
        let Some(body) = &mut self.body else {
            self.open().await?;
            return Ok(false);
        };
        match body.next().await {
            Some(Ok(bytes)) => {
                if self.first_byte.is_none() {
                    self.first_byte = Some(self.began.elapsed());
                }
                self.read.take(&bytes)?;
                Ok(self.read.is_done || self.read.is_cut)
            }
            Some(Err(error)) => Err(UpstreamError::Cut { reason: error.to_string() }),
            None => self.read.end().map(|()| true),
        }
    }

    async fn open(&mut self) -> Result<(), UpstreamError> {
        let place = Arc::clone(&self.upstream.places).try_acquire_owned();
        self._place = Some(place.map_err(|_| UpstreamError::NoPlace)?);
        let request = self.request.take();
        let request = request.ok_or_else(|| UpstreamError::Cut { reason: "no body".into() })?;
        let sent = self.upstream.client.send(request).await;
        let response = sent.map_err(|error| match error.is_connect() {
            true => UpstreamError::Unreachable { reason: chain(&error) },
            false => UpstreamError::Cut { reason: chain(&error) },
        })?;
        let (head, body) = response.into_parts();
        let body = Body::new(body);
        match head.status.as_u16() {
            200 => {}
            status @ (401 | 403) => return Err(UpstreamError::Key { status }),
            status @ (429 | 503) => return Err(UpstreamError::Busy { status }),
            status => {
                // Longer or broken: then the status has to say it all.
                let said = axum::body::to_bytes(body, REFUSAL_BYTES_MAX).await.unwrap_or_default();
                let said = serde_json::from_slice(&said).unwrap_or(Json::Null);
                return Err(UpstreamError::Status {
                    status,
                    identifiers: identifiers(&said["error"]),
                });
            }
        }
        self.read.whole = match content_type(&head.headers).as_str() {
            "text/event-stream" => None,
            "application/json" => Some(Vec::new()),
            other => {
                let other = cut_chars(other);
                return Err(UpstreamError::Unreadable {
                    reason: format!("its type is `{other}`, not text/event-stream"),
                });
            }
        };
        self.body = Some(body.into_data_stream());
        Ok(())
    }

    fn end(&mut self) {
        self.is_over = true;
        // A connection whose body is not read to its end is closed.
        self.body = None;
        self._place = None;
        let Tokens { input, output, .. } = self.read.tokens.unwrap_or_default();
        let answering = self.read.model.as_ref().unwrap_or(&self.model);
        self.span.set_attribute(names::RESPONSE_MODEL, answering.clone());
        for (name, tokens) in [(names::INPUT_TOKENS, input), (names::OUTPUT_TOKENS, output)] {
            self.span.set_attribute(name, i64::try_from(tokens).unwrap_or(i64::MAX));
        }
        self.metrics.answered(&self.model, self.began.elapsed(), input, output);
    }
}

fn span(model: &str, endpoint: &Uri) -> Span {
    let host = endpoint.host().unwrap_or_default();
    let default = if endpoint.scheme_str() == Some("https") { 443 } else { 80 };
    telemetry::upstream_span(model, host, endpoint.port_u16().unwrap_or(default))
}

/// Made anew: nothing of the client's own head is in it.
fn request(upstream: &Upstream, body: String, traceparent: Option<String>) -> Request<Body> {
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = upstream.endpoint.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
    if let Some(key) = &upstream.key {
        headers.insert(AUTHORIZATION, key.clone());
    }
    if let Some(value) = traceparent.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert("traceparent", value);
    }
    request
}

/// Without parameters, in small letters.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// An error and all that it came of.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// What of an error object is a name and cannot be somebody's words.
fn identifiers(error: &Json) -> Vec<String> {
    let is_plain = |text: &&str| {
        text.len() <= IDENTIFIER_CHARS_MAX
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let named = ["type", "code", "param"].into_iter().filter_map(|name| error[name].as_str());
    named.filter(is_plain).map(str::to_owned).collect()
}

fn cut_chars(text: &str) -> String {
    text.chars().take(IDENTIFIER_CHARS_MAX).collect()
}

impl Read {
    fn new(event_bytes_max: usize, bytes_max: usize) -> Self {
        Self {
            events: Events::new(event_bytes_max),
            whole: None,
            ready: VecDeque::new(),
            said_bytes: 0,
            bytes_max,
            finish: None,
            is_done: false,
            is_cut: false,
            tokens: None,
            model: None,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), UpstreamError> {
        if let Some(whole) = &mut self.whole {
            whole.extend_from_slice(bytes);
            let bytes_max = self.bytes_max.saturating_mul(ESCAPED_BYTES) + FRAME_BYTES;
            let fits = whole.len() <= bytes_max;
            return if fits { Ok(()) } else { Err(UpstreamError::TooLarge { bytes_max }) };
        }
        self.events.push(bytes);
        while let Some(data) = self.events.next()? {
            self.event(&data)?;
            if self.is_done || self.is_cut {
                break;
            }
        }
        Ok(())
    }

    /// The connection has no more.
    fn end(&mut self) -> Result<(), UpstreamError> {
        if let Some(whole) = self.whole.take() {
            let json = parse(&whole)?;
            self.note(&json)?;
            self.choice(&json["choices"][0], "message");
            self.is_done = true;
        } else if let Some(data) = self.events.last() {
            self.event(&data)?;
        }
        if !self.is_done && self.finish.is_none() {
            return Err(UpstreamError::Cut { reason: "the stream ended before its end".into() });
        }
        if self.said_bytes == 0 { Err(UpstreamError::Silent) } else { Ok(()) }
    }

    fn event(&mut self, data: &str) -> Result<(), UpstreamError> {
        if data.trim() == "[DONE]" {
            self.is_done = true;
            return if self.said_bytes == 0 { Err(UpstreamError::Silent) } else { Ok(()) };
        }
        let json = parse(data.as_bytes())?;
        self.note(&json)?;
        self.choice(&json["choices"][0], "delta");
        Ok(())
    }

    /// What is beside the words.
    fn note(&mut self, json: &Json) -> Result<(), UpstreamError> {
        if !json["error"].is_null() {
            return Err(UpstreamError::Failed { identifiers: identifiers(&json["error"]) });
        }
        if let Some(model) = json["model"].as_str() {
            self.model = Some(cut_chars(model));
        }
        let usage = &json["usage"];
        if usage.is_object() {
            self.tokens = Some(Tokens {
                input: count(&usage["prompt_tokens"]),
                cached: count(&usage["prompt_tokens_details"]["cached_tokens"]),
                output: count(&usage["completion_tokens"]),
            });
        }
        Ok(())
    }

    /// Words of the first choice; calls that it makes up are nobody's.
    fn choice(&mut self, choice: &Json, part: &str) {
        for words in [&choice[part]["content"], &choice[part]["refusal"]] {
            if let Some(words) = words.as_str().filter(|words| !words.is_empty()) {
                self.say(words);
            }
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(cut_chars(finish));
        }
    }

    fn say(&mut self, words: &str) {
        if self.is_cut {
            return;
        }
        let mut end = words.len().min(self.bytes_max - self.said_bytes);
        self.is_cut = end < words.len();
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        self.said_bytes += end;
        let mark = if self.is_cut { "… (cut)" } else { "" };
        self.ready.push_back(format!("{}{mark}", &words[..end]));
    }
}

fn parse(bytes: &[u8]) -> Result<Json, UpstreamError> {
    match serde_json::from_slice(bytes) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(_) => Err(UpstreamError::Unreadable { reason: "it is no object".into() }),
        Err(error) => Err(UpstreamError::Unreadable { reason: error.to_string() }),
    }
}

/// A count that sums cannot overflow.
fn count(json: &Json) -> usize {
    json.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &str, bytes_max: usize) -> (Result<(), UpstreamError>, String, Read) {
        let mut read = Read::new(1_000, bytes_max);
        let mut result = read.take(stream.as_bytes());
        if result.is_ok() && !read.is_done && !read.is_cut {
            result = read.end();
        }
        let said = read.ready.iter().map(String::as_str).collect();
        (result, said, read)
    }

    fn words(text: &str) -> String {
        format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]}))
    }

    const END: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    #[test]
    fn whole_answers() {
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\
                     \"prompt_tokens_details\":{\"cached_tokens\":3}}}\n\n";
        let stream = format!("{}{}{END}{usage}data: [DONE]\n\n", words("a"), words("b"));
        let (result, said, read) = read(&stream, 10);
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(said, "ab");
        assert_eq!(read.tokens, Some(Tokens { input: 5, cached: 3, output: 2 }));
    }

    #[test]
    fn a_stream_has_an_end_or_broke_off() {
        for (stream, code) in [
            (format!("{}data: [DONE]\n\n", words("a")), None),
            (format!("{}data: [DONE]\n", words("a")), None),
            (format!("{}{END}", words("a")), None),
            (words("a"), Some("upstream_cut")),
            (String::new(), Some("upstream_cut")),
            ("data: [DONE]\n\n".into(), Some("upstream_silent")),
            (END.into(), Some("upstream_silent")),
            ("data: {\n\n".into(), Some("upstream_unreadable")),
            ("data: 3\n\n".into(), Some("upstream_unreadable")),
            ("data: {\"error\":{\"code\":\"x\"}}\n\n".into(), Some("upstream_failed")),
            (format!("data: {}", "x".repeat(1_001)), Some("upstream_unreadable")),
        ] {
            let (result, _, _) = read(&stream, 10);
            assert_eq!(
                result.as_ref().err().map(UpstreamError::code),
                code,
                "{stream}: {result:?}"
            );
        }
    }

    #[test]
    fn long_answers_are_cut_between_characters() {
        for (bytes_max, said, is_cut) in
            [(4, "aéb", false), (3, "aé… (cut)", true), (2, "a… (cut)", true)]
        {
            let (result, found, read) = read(&format!("{}{END}", words("aéb")), bytes_max);
            assert!(result.is_ok());
            assert_eq!((found.as_str(), read.is_cut), (said, is_cut), "{bytes_max}");
        }
    }

    #[test]
    fn counts_that_cannot_be_count_nothing() {
        for (json, counted) in
            [(json!(7), 7), (json!(-1), 0), (json!("7"), 0), (json!(null), 0), (json!(u64::MAX), 0)]
        {
            assert_eq!(count(&json), counted, "{json}");
        }
    }

    #[test]
    fn only_names_of_an_error_go_into_the_log() {
        let error = json!({"type": "invalid_request_error", "code": "what he asked", "param": 3,
            "message": "what he asked"});
        assert_eq!(identifiers(&error), ["invalid_request_error"]);
        assert!(identifiers(&Json::Null).is_empty());
    }
}
