//! `strftime_now`: a moment in UTC, by the directives of `strftime` that dates are written with.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_A_DAY: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

struct Moment {
    year: i64,
    /// From 1 on.
    month: usize,
    day: i64,
    /// From Monday on.
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
}

/// Writes a moment.
pub(super) fn format(now: SystemTime, format: &str) -> Result<String, String> {
    let moment = Moment::new(now);
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
            continue;
        }
        let directive = chars.next().unwrap_or('%');
        let Some(written) = moment.write(directive) else {
            return Err(format!("strftime_now does not know `%{directive}`"));
        };
        text.push_str(&written);
    }
    Ok(text)
}

impl Moment {
    fn new(now: SystemTime) -> Self {
        let seconds = match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).unwrap_or_default(),
            // A clock that was never set.
            Err(_) => 0,
        };
        let (days, second) = (seconds / SECONDS_A_DAY, seconds % SECONDS_A_DAY);
        let (year, month, day) = date(days);
        Self {
            year,
            month,
            day,
            // The first of January 1970 was a Thursday.
            weekday: ((days + 3) % 7) as usize,
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }

    fn write(&self, directive: char) -> Option<String> {
        let (month, day) = (MONTHS[self.month - 1], DAYS[self.weekday]);
        let hour_of_half = (self.hour + 11) % 12 + 1;
        Some(match directive {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year % 100),
            'm' => format!("{:02}", self.month),
            'd' => format!("{:02}", self.day),
            'B' => month.to_owned(),
            'b' => month[..3].to_owned(),
            'A' => day.to_owned(),
            'a' => day[..3].to_owned(),
            'H' => format!("{:02}", self.hour),
            'I' => format!("{hour_of_half:02}"),
            'M' => format!("{:02}", self.minute),
            'S' => format!("{:02}", self.second),
            'p' => (if self.hour < 12 { "AM" } else { "PM" }).to_owned(),
            'Z' => "UTC".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

/// Year, month and day, so many days after 1970 began. Years that begin in March have their leap day
/// at the end, and 400 of them have 146,097 days.
fn date(days: i64) -> (i64, usize, i64) {
    /// Days from the first of March of the year 0 to 1970.
    const BEFORE: i64 = 719_468;
    let days = days + BEFORE;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month as usize, day_of_month)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (seconds, expected) in [
            (0, "Thursday 01 January 1970 12:00:00 AM"),
            (951_782_399, "Monday 28 February 2000 11:59:59 PM"),
            (951_782_400, "Tuesday 29 February 2000 12:00:00 AM"),
            (1_735_689_599, "Tuesday 31 December 2024 11:59:59 PM"),
            (4_107_542_400, "Monday 01 March 2100 12:00:00 AM"),
        ] {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(format(now, "%A %d %B %Y %I:%M:%S %p").unwrap(), expected);
        }
        assert_eq!(format(UNIX_EPOCH, "100%%").unwrap(), "100%");
        assert!(format(UNIX_EPOCH, "%Q").unwrap_err().contains("%Q"));
    }
}
