//! `keys.calls_per_minute` and `keys.calls_at_once`: limits of functions, by patterns of their names.

use std::num::NonZeroU32;

/// A limit that is written in no form that is read.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no limit: write it as FUNCTION=NUMBER, as weather_*=60")]
pub struct LimitError {
    /// As written.
    pub text: String,
}

/// Reads `weather_*=60`: sixty for each function that the pattern covers.
///
/// # Errors
/// A limit that is not written so.
pub fn function_limits(limits: &[String]) -> Result<Vec<(String, NonZeroU32)>, LimitError> {
    let read = |text: &String| {
        let (pattern, most) = text.split_once('=')?;
        let pattern = pattern.trim();
        let most = most.trim().parse::<NonZeroU32>().ok()?;
        (!pattern.is_empty()).then(|| (pattern.to_owned(), most))
    };
    let rules =
        limits.iter().map(|text| read(text).ok_or_else(|| LimitError { text: text.clone() }));
    rules.collect()
}
