//! `keys.calls_per_minute`: how often functions may be called, by patterns of their names.

use std::num::NonZeroU32;

/// A limit that is written in no form that is read.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no limit: write it as FUNCTION=CALLS_A_MINUTE, as weather_*=60")]
pub struct LimitError {
    /// As written.
    pub text: String,
}

/// Reads `weather_*=60`: sixty calls a minute of each function that the pattern covers.
///
/// # Errors
/// A limit that is not written so.
pub fn calls_per_minute(limits: &[String]) -> Result<Vec<(String, NonZeroU32)>, LimitError> {
    let read = |text: &String| {
        let (pattern, per_minute) = text.split_once('=')?;
        let pattern = pattern.trim();
        let per_minute = per_minute.trim().parse::<NonZeroU32>().ok()?;
        (!pattern.is_empty()).then(|| (pattern.to_owned(), per_minute))
    };
    let rules =
        limits.iter().map(|text| read(text).ok_or_else(|| LimitError { text: text.clone() }));
    rules.collect()
}
