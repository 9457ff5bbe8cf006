//! Moments as people and files write them.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::clock;

/// A second in time, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment {
    /// Seconds since 1970.
    seconds: i64,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self { seconds: i64::try_from(clock::now_s()).unwrap_or(i64::MAX) }
    }

    /// So many seconds later.
    pub fn after(self, seconds: i64) -> Self {
        Self { seconds: self.seconds.saturating_add(seconds) }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp(self.seconds, 0) {
            Some(date) => f.write_str(&date.to_rfc3339_opts(SecondsFormat::Secs, true)),
            None => write!(f, "{} s", self.seconds),
        }
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let date = DateTime::parse_from_rfc3339(text.trim());
        let date =
            date.map_err(|_| format!("`{text}` is no moment; write 2027-01-31T00:00:00Z"))?;
        Ok(Self { seconds: date.timestamp() })
    }
}

/// When something ends that was typed as `90d`, `12h`, `30m`, a date or a moment.
///
/// # Errors
/// What cannot be read, or is over already.
pub fn expiry(text: &str, now: Moment) -> Result<Moment, String> {
    let wanted = "write 90d, 12h, 30m, 2027-01-31 (its beginning in UTC) or 2027-01-31T18:00:00Z";
    let text = text.trim();
    let span = [('d', 86_400), ('h', 3_600), ('m', 60)].into_iter().find_map(|(unit, seconds)| {
        let count: i64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(seconds)
    });
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let moment = match (span, day()) {
        (Some(seconds), _) => now.after(seconds),
        (None, Some(day)) => Moment { seconds: day.and_utc().timestamp() },
        (None, None) => {
            Moment::try_from(text.to_owned()).map_err(|_| format!("`{text}`: {wanted}"))?
        }
    };
    if moment <= now {
        return Err(format!("`{text}` is over already; {wanted}"));
    }
    if DateTime::<Utc>::from_timestamp(moment.seconds, 0).is_none() {
        return Err(format!("`{text}` is too far away; {wanted}"));
    }
    Ok(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_795_371_000, "2026-11-22T18:10:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Moment { seconds }.to_string(), expected);
        }
    }

    #[test]
    fn an_end_is_a_span_a_day_or_a_moment() {
        let now = moment("2026-12-31T23:00:00Z");
        for (text, end) in [
            ("30m", "2026-12-31T23:30:00Z"),
            ("1h", "2027-01-01T00:00:00Z"),
            ("90d", "2027-03-31T23:00:00Z"),
            (" 2027-01-31 ", "2027-01-31T00:00:00Z"),
            ("2027-01-31T18:00:00+01:00", "2027-01-31T17:00:00Z"),
        ] {
            assert_eq!(expiry(text, now).unwrap().to_string(), end, "{text}");
        }
        for text in [
            "",
            "0d",
            "-1d",
            "d",
            "90",
            "90 days",
            "2027-02-30",
            "2026-12-31",
            "9223372036854775807d",
            "99999999999d",
            "soon",
        ] {
            let error = expiry(text, now).unwrap_err();
            assert!(error.contains("write 90d"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_written_reads_back_to_the_same() {
        let now = Moment::now();
        assert_eq!(moment(&now.to_string()), now);
        assert!(Moment::try_from("tomorrow".to_owned()).is_err());
    }
}
