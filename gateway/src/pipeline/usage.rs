//! Tokens of one answer: read for it, read before, and written.

use hyfunc_cascade::{Decoded, TokenCounts};

use super::{Answer, Found, Origin};
use crate::upstream::Tokens;

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read for this request: the query beside every candidate, and the client's own functions.
    pub read: usize,
    /// Read at load: the library's functions beside which the query was read.
    pub cached: usize,
    /// The same query tokens, and what was written, by how it came about.
    pub counts: TokenCounts,
    /// What a chat model counted besides.
    pub upstream: Option<Tokens>,
}

impl Usage {
    /// Adds up what the candidates and the decoding cost.
    pub fn of(candidates: &[Found], counts: TokenCounts) -> Self {
        let mut usage = Self { read: counts.prompt, cached: 0, counts, upstream: None };
        if counts.prompt == 0 {
            // Nothing was to be called: no function was read.
            return usage;
        }
        for found in candidates {
            let tokens = found.prepared.block_tokens();
            match found.origin {
                Origin::Library(_) => usage.cached += tokens,
                Origin::Client => usage.read += tokens,
            }
        }
        usage
    }

    /// All that stood before the models.
    pub fn input(&self) -> usize {
        self.read + self.cached + self.upstream.unwrap_or_default().input
    }

    /// Of these, those that were read before.
    pub fn input_cached(&self) -> usize {
        self.cached + self.upstream.unwrap_or_default().cached
    }

    /// All that was written.
    pub fn output(&self) -> usize {
        written(&self.counts) + self.upstream.unwrap_or_default().output
    }
}

/// Tokens that calls took, however they came about.
pub fn written(counts: &TokenCounts) -> usize {
    counts.injected + counts.chosen + counts.sampled + counts.copied
}

/// The decision without its calls, where they took more tokens than the client allows: half a call
/// is of no use, and what is not answered must not be run.
pub(super) fn within(mut decoded: Decoded, tokens_max: Option<usize>) -> Decoded {
    if exceeds(&decoded.counts, tokens_max) {
        decoded.calls.clear();
    }
    decoded
}

fn exceeds(counts: &TokenCounts, tokens_max: Option<usize>) -> bool {
    tokens_max.is_some_and(|tokens_max| written(counts) > tokens_max)
}

impl Answer {
    /// What it cost.
    pub fn usage(&self) -> Usage {
        let upstream = self.worded.as_ref().and_then(|worded| worded.tokens);
        Usage { upstream, ..Usage::of(&self.candidates, self.decoded.counts) }
    }

    /// Whether its calls took more tokens than the client allows, so that none is left.
    pub fn is_cut(&self) -> bool {
        exceeds(&self.decoded.counts, self.request.tokens_max)
    }
}

#[cfg(test)]
mod tests {
    use hyfunc_cascade::DecodedCall;
    use hyfunc_functions::Value;

    use super::*;

    const COUNTS: TokenCounts =
        TokenCounts { prompt: 7, injected: 5, chosen: 2, sampled: 1, copied: 3 };

    #[test]
    fn the_limit_itself_is_within_and_one_less_is_not() {
        let call =
            DecodedCall { candidate: 0, arguments: Value::Null, score: 1.0, pieces: Vec::new() };
        for (tokens_max, calls) in [(None, 1), (Some(12), 1), (Some(11), 1), (Some(10), 0)] {
            let decoded = Decoded { calls: vec![call.clone()], scores: Vec::new(), counts: COUNTS };
            assert_eq!(within(decoded, tokens_max).calls.len(), calls, "{tokens_max:?}");
        }
    }

    #[test]
    fn nothing_read_costs_nothing() {
        assert_eq!(Usage::of(&[], TokenCounts::default()), Usage::default());
        let usage = Usage::of(&[], COUNTS);
        assert_eq!((usage.input(), usage.output()), (7, 11));
        let upstream = Some(Tokens { input: 100, cached: 30, output: 20 });
        let usage = Usage { upstream, cached: 5, ..usage };
        assert_eq!((usage.input(), usage.input_cached(), usage.output()), (112, 35, 31));
    }
}
