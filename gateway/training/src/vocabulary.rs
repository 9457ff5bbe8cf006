//! The tokenizer of the tiny models, trained on their texts.

use hyfunc_cascade::text::{SPECIALS, Tokenizer};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::Lowercase;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, PreTokenizerWrapper, Tokenizer as Inner};

use crate::error::TrainingError;

/// Tokens of the vocabulary, bytes and specials included.
pub const VOCAB_SIZE: usize = 8192;

/// Trains lower-cased byte-level BPE with single digits; gives `tokenizer.json`.
pub fn train(texts: Vec<String>) -> Result<Vec<u8>, TrainingError> {
    let failed = |error: tokenizers::Error| TrainingError::Tokenizer(error.to_string());
    let specials: Vec<AddedToken> = SPECIALS.iter().map(|s| AddedToken::from(*s, true)).collect();
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(VOCAB_SIZE)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(specials)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    let mut inner = Inner::new(BPE::default());
    inner.with_normalizer(Some(Lowercase)).map_err(failed)?;
    inner.with_pre_tokenizer(Some(Sequence::new(vec![
        PreTokenizerWrapper::Digits(Digits::new(true)),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, true)),
    ])));
    inner.train(&mut trainer, texts.into_iter()).map_err(failed)?;
    let json = inner.to_string(false).map_err(failed)?.into_bytes();
    Tokenizer::from_bytes(&json).map_err(hyfunc_cascade::CascadeError::from)?;
    Ok(json)
}
