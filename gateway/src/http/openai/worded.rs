//! What came of asking a chat model, as answers tell of it.

use serde::Serialize;

use crate::clock::micros;
use crate::pipeline::Worded;
use crate::upstream::Tokens;

/// What came of asking the chat model, times in microseconds.
#[derive(Serialize)]
pub struct WordedJson<'a> {
    model: &'a str,
    error: Option<&'static str>,
    cut: bool,
    tokens: Option<UpstreamTokens>,
    timings_us: SpeechTimings,
}

#[derive(Serialize)]
struct UpstreamTokens {
    input: usize,
    cached: usize,
    output: usize,
}

#[derive(Serialize)]
struct SpeechTimings {
    first_byte: Option<u64>,
    total: u64,
}

impl<'a> WordedJson<'a> {
    /// Of one answer.
    pub fn of(worded: &'a Worded) -> Self {
        let timings_us =
            SpeechTimings { first_byte: worded.first_byte.map(micros), total: micros(worded.took) };
        Self {
            model: &worded.model,
            error: worded.error,
            cut: worded.is_cut,
            tokens: worded.tokens.map(UpstreamTokens::of),
            timings_us,
        }
    }
}

impl UpstreamTokens {
    fn of(tokens: Tokens) -> Self {
        Self { input: tokens.input, cached: tokens.cached, output: tokens.output }
    }
}
