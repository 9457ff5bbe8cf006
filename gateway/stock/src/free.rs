//! A reply without templates: what the model says by itself, token after token, until it ends its turn.
//! Nobody is served so; it is what templates are measured against.

use hyfunc_cascade::TokenCounts;

use crate::causal::Causal;
use crate::decode::{Decoder, StockRequest};
use crate::error::StockError;
use crate::line::Patience;

/// What the model said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The text, added tokens included.
    pub text: String,
    /// Tokens read and written.
    pub counts: TokenCounts,
    /// Whether it ended its turn, and did not just run out of tokens.
    pub is_ended: bool,
}

impl<M: Causal> Decoder<M> {
    /// Lets the model reply greedily, up to a token of `ends` or `tokens_max` tokens. The request's
    /// `choice` and `calls_max` do not matter.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn reply_freely(
        &self,
        request: &StockRequest,
        ends: &[u32],
        tokens_max: usize,
    ) -> Result<Said, StockError> {
        let patience = Patience { deadline: request.deadline, is_cancelled: &|| false };
        patience.check()?;
        let prompt = self.prompt(request, &request.functions)?;
        let prompt_tokens = prompt.prefix.len() + prompt.rest.len();
        let (mut line, _) = self.read(prompt, patience)?;
        let vocabulary = self.vocabulary();
        let mut said = Said::default();
        let mut bytes = Vec::new();
        said.counts.prompt = prompt_tokens;
        while said.counts.sampled < tokens_max {
            let logits = line.logits(None)?;
            let best = (0..logits.len()).max_by(|&a, &b| {
                // The first of equals, whatever the order of evaluation.
                logits[a].total_cmp(&logits[b]).then_with(|| b.cmp(&a))
            });
            let Some(best) = best.and_then(|best| u32::try_from(best).ok()) else { break };
            if ends.contains(&best) {
                said.is_ended = true;
                break;
            }
            match vocabulary.added_text(best) {
                Some(text) => bytes.extend_from_slice(text.as_bytes()),
                None => bytes.extend_from_slice(vocabulary.bytes(best)),
            }
            said.counts.sampled += 1;
            line.read(&[best], 1)?;
        }
        said.text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(said)
    }
}
