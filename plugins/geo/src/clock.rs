//! What the clocks of a zone show against UTC.

use jiff::Timestamp;
use jiff::tz::{Dst, TimeZone};

/// A zone at one moment.
#[derive(Debug, PartialEq)]
pub struct Reading {
    /// Such as `UTC+05:30`.
    pub offset: String,
    /// Whether daylight saving time is on.
    pub daylight_saving: bool,
}

/// Reads the clock of a zone of the tz database.
///
/// # Errors
/// When the database has no such zone.
pub fn read(zone: &str, at: Timestamp) -> Result<Reading, jiff::Error> {
    let zone = TimeZone::get(zone)?;
    let info = zone.to_offset_info(at);
    let minutes = info.offset().seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    Ok(Reading {
        offset: format!("UTC{sign}{hours:02}:{rest:02}"),
        daylight_saving: info.dst() == Dst::Yes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        let cases = [
            ("America/Denver", "2026-01-15T12:00:00Z", "UTC-07:00", false),
            ("America/Denver", "2026-07-15T12:00:00Z", "UTC-06:00", true),
            ("Asia/Kolkata", "2026-07-15T12:00:00Z", "UTC+05:30", false),
            ("Europe/Paris", "2026-03-29T00:59:59Z", "UTC+01:00", false),
            ("Europe/Paris", "2026-03-29T01:00:00Z", "UTC+02:00", true),
            ("Atlantic/Reykjavik", "2026-07-15T12:00:00Z", "UTC+00:00", false),
        ];
        for (zone, at, offset, daylight_saving) in cases {
            let at = at.parse().expect("a timestamp");
            assert_eq!(
                read(zone, at).expect(zone),
                Reading { offset: offset.into(), daylight_saving },
                "{zone} {at}"
            );
        }
        assert!(read("Mars/Olympus", Timestamp::UNIX_EPOCH).is_err());
    }
}
