//! Logits as evidence between texts: how much speaks for each alternative, and which token would
//! leave the matter open.

use std::collections::BTreeMap;

use crate::leaves::Leaf;
use crate::vocabulary::Vocabulary;

/// What the next token says about the alternatives.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Probability of tokens that only one alternative goes with, by alternative, over that of all
    /// tokens that any goes with.
    pub decided: BTreeMap<usize, f32>,
    /// The likeliest token that several alternatives go with and that ends within their text.
    pub open: Option<(u32, f32)>,
    /// Probability of tokens that several go with and that reach beyond the text of one: such are
    /// values of two types that begin alike.
    pub tied: f32,
}

/// Tokens that may come next, and what each of them goes with.
#[derive(Debug)]
pub struct Fits {
    /// In the order of ids, so that the same logits always add up to the same sums.
    fits: BTreeMap<u32, Fit>,
}

/// What a token goes with.
#[derive(Debug)]
struct Fit {
    alternative: usize,
    several: bool,
    within: bool,
}

impl Fits {
    /// Tokens that spell `forced` and then go on as one of the leaves.
    pub fn new(vocabulary: &Vocabulary, forced: &str, leaves: &[Leaf]) -> Self {
        let mut fits: BTreeMap<u32, Fit> = BTreeMap::new();
        for leaf in leaves {
            let text = [forced, leaf.text.as_str()].concat();
            each_token(vocabulary, text.as_bytes(), leaf, |id, within| {
                let fit = fits.entry(id).or_insert(Fit {
                    alternative: leaf.alternative,
                    several: false,
                    within: true,
                });
                fit.several |= fit.alternative != leaf.alternative;
                // Cut within a character, the rest could not be held as text.
                fit.within &= within && text.is_char_boundary(vocabulary.bytes(id).len());
            });
        }
        Self { fits }
    }

    /// The tokens, ascending: only their logits are needed.
    pub fn ids(&self) -> Vec<u32> {
        self.fits.keys().copied().collect()
    }

    /// Weighs the next token by the logits of [`Fits::ids`].
    pub fn weigh(&self, logits: &[f32]) -> Verdict {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if max == f32::NEG_INFINITY {
            return Verdict::default();
        }
        let sum: f32 = logits.iter().map(|logit| (logit - max).exp()).sum();
        let mut verdict = Verdict::default();
        for ((id, fit), logit) in self.fits.iter().zip(logits) {
            let probability = (logit - max).exp() / sum;
            if !fit.several {
                *verdict.decided.entry(fit.alternative).or_default() += probability;
            } else if !fit.within {
                verdict.tied += probability;
            } else if verdict.open.is_none_or(|best| (probability, best.0) > (best.1, *id)) {
                verdict.open = Some((*id, probability));
            }
        }
        verdict
    }
}

/// Every token that spells a text from its start, and whether it ends within it.
fn each_token(vocabulary: &Vocabulary, text: &[u8], leaf: &Leaf, mut see: impl FnMut(u32, bool)) {
    for length in 1..=text.len().min(vocabulary.bytes_max()) {
        for id in vocabulary.exactly(&text[..length]) {
            see(*id, true);
        }
    }
    for id in vocabulary.extending(text) {
        let next = vocabulary.bytes(*id).get(text.len());
        if next.is_some_and(|byte| leaf.admits(*byte)) {
            see(*id, false);
        }
    }
}

/// Probability that the next token spells a text, as far as it goes.
pub fn probability_of(vocabulary: &Vocabulary, logits: &[f32], text: &str) -> f32 {
    let bytes = text.as_bytes();
    let mut ids: Vec<u32> = vocabulary.extending(bytes).to_vec();
    for length in 1..=bytes.len().min(vocabulary.bytes_max()) {
        ids.extend_from_slice(vocabulary.exactly(&bytes[..length]));
    }
    let (max, sum) = scale(logits);
    let share = |id: &u32| logits.get(*id as usize).map_or(0.0, |logit| (logit - max).exp() / sum);
    ids.iter().map(share).sum::<f32>().min(1.0)
}

/// Probability of one token among all.
pub fn softmax_at(logits: &[f32], id: u32) -> f32 {
    let (max, sum) = scale(logits);
    logits.get(id as usize).map_or(0.0, |logit| (logit - max).exp() / sum)
}

/// The largest logit, and the sum of all exponents relative to it.
fn scale(logits: &[f32]) -> (f32, f32) {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    (max, logits.iter().map(|logit| (logit - max).exp()).sum::<f32>().max(f32::MIN_POSITIVE))
}
