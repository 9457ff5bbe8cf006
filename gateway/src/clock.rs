//! What time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970; none where the machine believes in an earlier year.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Whole seconds since 1970.
pub fn now_s() -> u64 {
    now().as_secs()
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    millis(now())
}

/// Whole milliseconds.
pub fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Whole microseconds.
pub fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
