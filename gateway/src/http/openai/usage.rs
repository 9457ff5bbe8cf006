//! Tokens, as answers tell of them.

use hyfunc_cascade::TokenCounts;
use serde::Serialize;

use crate::pipeline::Usage;

/// Tokens read and written, in OpenAI's names; how they were written, in ours.
#[derive(Serialize)]
pub struct UsageJson {
    prompt_tokens: usize,
    completion_tokens: usize,
    total_tokens: usize,
    prompt_tokens_details: InputDetails,
    completion_tokens_details: OutputDetails,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_tokens: Option<usize>,
}

/// How tokens were written.
#[derive(Serialize)]
pub struct OutputDetails {
    reasoning_tokens: usize,
    injected_tokens: usize,
    chosen_tokens: usize,
    sampled_tokens: usize,
    copied_tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_tokens: Option<usize>,
}

/// Tokens by how they came about.
#[derive(Serialize)]
pub struct TokensJson {
    prompt: usize,
    injected: usize,
    chosen: usize,
    sampled: usize,
    copied: usize,
}

impl UsageJson {
    /// What an answer cost.
    pub fn of(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.input(),
            completion_tokens: usage.output(),
            total_tokens: usage.input() + usage.output(),
            prompt_tokens_details: InputDetails {
                cached_tokens: usage.input_cached(),
                upstream_tokens: usage.upstream.map(|upstream| upstream.input),
            },
            completion_tokens_details: OutputDetails::of(usage),
        }
    }
}

impl OutputDetails {
    /// How the tokens of an answer were written.
    pub fn of(usage: &Usage) -> Self {
        Self {
            reasoning_tokens: 0,
            injected_tokens: usage.counts.injected,
            chosen_tokens: usage.counts.chosen,
            sampled_tokens: usage.counts.sampled,
            copied_tokens: usage.counts.copied,
            upstream_tokens: usage.upstream.map(|upstream| upstream.output),
        }
    }
}

impl TokensJson {
    /// Those of a decision.
    pub fn of(counts: &TokenCounts) -> Self {
        Self {
            prompt: counts.prompt,
            injected: counts.injected,
            chosen: counts.chosen,
            sampled: counts.sampled,
            copied: counts.copied,
        }
    }
}
