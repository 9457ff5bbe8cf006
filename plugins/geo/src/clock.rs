//! What the clocks of a zone show against UTC.

use jiff::Timestamp;
use jiff::tz::{Dst, TimeZone};

/// A zone at one moment.
#[derive(Debug, PartialEq)]
pub struct Reading {
    /// Such as `UTC+05:30`.
    pub offset: String,
    /// The same in minutes.
    pub offset_minutes: i16,
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
    let minutes =
        i16::try_from(info.offset().seconds() / 60).expect("jiff's offsets stay within 26 hours");
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    Ok(Reading {
        offset: format!("UTC{sign}{hours:02}:{rest:02}"),
        offset_minutes: minutes,
        daylight_saving: info.dst() == Dst::Yes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        let cases = [
            ("America/Denver", "2026-01-15T12:00:00Z", "UTC-07:00", -420, false),
            ("America/Denver", "2026-07-15T12:00:00Z", "UTC-06:00", -360, true),
            ("Asia/Kolkata", "2026-07-15T12:00:00Z", "UTC+05:30", 330, false),
            ("Europe/Paris", "2026-03-29T00:59:59Z", "UTC+01:00", 60, false),
            ("Europe/Paris", "2026-03-29T01:00:00Z", "UTC+02:00", 120, true),
            ("Atlantic/Reykjavik", "2026-07-15T12:00:00Z", "UTC+00:00", 0, false),
        ];
        for (zone, at, offset, offset_minutes, daylight_saving) in cases {
            let at = at.parse().expect("a timestamp");
            assert_eq!(
                read(zone, at).expect(zone),
                Reading { offset: offset.into(), offset_minutes, daylight_saving },
                "{zone} {at}"
            );
        }
        assert!(read("Mars/Olympus", Timestamp::UNIX_EPOCH).is_err());
    }
}
