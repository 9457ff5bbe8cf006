//! The time, here and elsewhere.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::bindings::exports::hyfunc::dates::clock::Moment;
use crate::{place, time_phrase, words};

/// Today in UTC.
pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// The time in a place, in UTC when none is named.
///
/// # Errors
/// When the place is not known.
pub fn now(name: Option<&str>) -> Result<Moment, String> {
    let zone = name.map_or(Ok(TimeZone::UTC), place::zone)?;
    Ok(moment(&Timestamp::now().to_zoned(zone)))
}

/// A time of day on `date` in one place, as it is in another.
///
/// # Errors
/// When the time cannot be read, or a place is not known.
pub fn convert_time(
    time: &str,
    from_place: &str,
    to_place: &str,
    date: Date,
) -> Result<Moment, String> {
    let (from, to) = (place::zone(from_place)?, place::zone(to_place)?);
    let time = match time.trim() {
        "now" => return Ok(moment(&Timestamp::now().to_zoned(to))),
        time => time_phrase::parse(time)?,
    };
    let there = date
        .to_datetime(time)
        .to_zoned(from)
        .map_err(|error| format!("{time} does not exist in {from_place}: {error}"))?;
    Ok(moment(&there.with_time_zone(to)))
}

fn moment(zoned: &Zoned) -> Moment {
    Moment {
        time: format!("{:02}:{:02}", zoned.hour(), zoned.minute()),
        date: zoned.date().to_string(),
        weekday: words::weekday_name(zoned.weekday()).to_owned(),
        zone: place::zone_name(zoned.time_zone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn converts_in_summer_and_winter() {
        let (winter, summer) = (date(2026, 1, 15), date(2026, 7, 15));
        let cases = [
            ("3pm", "London", "San Francisco", winter, "07:00", "2026-01-15"),
            ("3pm", "London", "San Francisco", summer, "07:00", "2026-07-15"),
            ("09:30", "CET", "IST", winter, "14:00", "2026-01-15"),
            ("09:30", "CET", "IST", summer, "13:00", "2026-07-15"),
            ("midnight", "UTC", "Los Angeles", winter, "16:00", "2026-01-14"),
            ("11pm", "Los Angeles", "Sydney", winter, "18:00", "2026-01-16"),
        ];
        for (time, from, to, date, expected, day) in cases {
            let moment = convert_time(time, from, to, date).expect(time);
            assert_eq!(
                (moment.time.as_str(), moment.date.as_str()),
                (expected, day),
                "{time} {from} {to}"
            );
        }
    }

    #[test]
    fn now_is_the_same_instant_everywhere() {
        let here = now(None).expect("UTC is known");
        assert_eq!(here.zone, "UTC");
        assert_eq!(now(Some("Tokyo")).map(|moment| moment.zone).as_deref(), Ok("Asia/Tokyo"));
        assert!(now(Some("Atlantis")).is_err());
    }
}
