//! Dates as people write them: `2026-03-01`, `March 1st`, `next friday`, `in 3 weeks`.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use crate::words;

/// A date that was read, and whether its year was said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DatePhrase {
    /// The year is known.
    Full(Date),
    /// A month and a day of some year.
    Yearless {
        /// 1 to 12.
        month: i8,
        /// 1 to 31.
        day: i8,
    },
}

impl DatePhrase {
    /// The date in this year, when the year was not said. A 29 February moves to the next leap year.
    pub fn in_year(self, year: i16) -> Result<Date, String> {
        match self {
            Self::Full(date) => Ok(date),
            Self::Yearless { month, day } => (year..=year.saturating_add(8))
                .find_map(|year| Date::new(year, month, day).ok())
                .ok_or_else(|| format!("month {month} has no day {day}; give a day that exists")),
        }
    }

    /// The date itself, or its next occurrence from `today` on when the year was not said.
    pub fn coming(self, today: Date) -> Result<Date, String> {
        let date = self.in_year(today.year())?;
        match self {
            Self::Yearless { .. } if date < today => self.in_year(today.year().saturating_add(1)),
            _ => Ok(date),
        }
    }
}

/// Reads a date. Weekdays and spans of time are counted from `today`.
///
/// Numbers between slashes are month, day, year, unless only day, month, year makes a date;
/// numbers between dots are day, month, year.
///
/// # Errors
/// A sentence that says which spellings are understood.
pub fn parse(text: &str, today: Date) -> Result<DatePhrase, String> {
    let phrase = normalize(text);
    let words: Vec<&str> = phrase.split_whitespace().collect();
    let full = numeric(&phrase)
        .or_else(|| relative_day(&words, today))
        .or_else(|| weekday_phrase(&words, today))
        .or_else(|| distance(&words, today));
    if let Some(date) = full {
        return Ok(DatePhrase::Full(date));
    }
    holiday(&words).or_else(|| month_day(&words)).ok_or_else(|| {
        format!(
            "\"{text}\" is not a date that I can read; write it like 2026-03-01, March 1 2026, tomorrow, next friday or in 3 weeks"
        )
    })
}

/// Small letters, without commas and words that carry nothing.
fn normalize(text: &str) -> String {
    let lower = text.trim().to_lowercase().replace([',', '?', '!'], " ").replace('’', "'");
    lower
        .split_whitespace()
        .filter(|word| !matches!(*word, "the" | "on" | "of"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn numeric(phrase: &str) -> Option<Date> {
    let separator = ['-', '/', '.'].into_iter().find(|mark| phrase.matches(*mark).count() == 2)?;
    let mut parts = phrase.split(separator).map(str::trim);
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    let year_first = a.len() == 4;
    let (first, second, third) =
        (a.parse::<i16>().ok()?, b.parse::<i16>().ok()?, c.parse::<i16>().ok()?);
    let make = |year: i16, month: i16, day: i16| {
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    if year_first {
        return make(first, second, third);
    }
    if c.len() != 4 {
        return None;
    }
    let day_first = make(third, second, first);
    match separator {
        '/' => make(third, first, second).or(day_first),
        _ => day_first,
    }
}

fn relative_day(words: &[&str], today: Date) -> Option<Date> {
    let days = match words {
        ["today" | "now"] => 0,
        ["tomorrow"] => 1,
        ["yesterday"] => -1,
        ["day", "after", "tomorrow"] => 2,
        ["day", "before", "yesterday"] => -2,
        _ => return None,
    };
    today.checked_add(days.days()).ok()
}

/// `friday` and `this friday` may be today; `next friday` comes after today, `last friday` before.
fn weekday_phrase(words: &[&str], today: Date) -> Option<Date> {
    let (which, name) = match words {
        [name] => ("this", *name),
        [which @ ("this" | "coming" | "next" | "last"), name] => (*which, *name),
        _ => return None,
    };
    let weekday: Weekday = words::weekday(name)?;
    match which {
        "next" => today.nth_weekday(1, weekday).ok(),
        "last" => today.nth_weekday(-1, weekday).ok(),
        _ if today.weekday() == weekday => Some(today),
        _ => today.nth_weekday(1, weekday).ok(),
    }
}

/// `in 3 weeks`, `3 weeks from now`, `two months ago`, `a week from today`, `next month`.
fn distance(words: &[&str], today: Date) -> Option<Date> {
    let (count, unit) = match words {
        ["in", count, unit]
        | ["in", "a", count @ "couple", unit]
        | [count, unit, "from", "now" | "today"]
        | [count, unit, "later"] => (words::count(count)?, *unit),
        [count, unit, "ago"] | ["a", count @ "couple", unit, "ago"] => {
            (-words::count(count)?, *unit)
        }
        ["next", unit] => (1, *unit),
        ["last", unit] => (-1, *unit),
        ["this", "week" | "month" | "year"] => (0, "day"),
        _ => return None,
    };
    let span = match unit.strip_suffix('s').unwrap_or(unit) {
        "day" => jiff::Span::new().try_days(count),
        "week" => jiff::Span::new().try_weeks(count),
        "month" => jiff::Span::new().try_months(count),
        "year" => jiff::Span::new().try_years(count),
        _ => return None,
    };
    today.checked_add(span.ok()?).ok()
}

/// Holidays that fall on the same day every year, with an optional year behind them.
fn holiday(words: &[&str]) -> Option<DatePhrase> {
    let (name, year) = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() && year(last).is_some() => {
            (rest.join(" "), year(last))
        }
        _ => (words.join(" "), None),
    };
    let (month, day) = match name.trim_end_matches(" day").replace("'s", "s").as_str() {
        "new year" | "new years" => (1, 1),
        "valentine" | "valentines" => (2, 14),
        "st patricks" | "st. patricks" => (3, 17),
        "halloween" => (10, 31),
        "christmas eve" | "xmas eve" => (12, 24),
        "christmas" | "xmas" => (12, 25),
        "boxing" => (12, 26),
        "new years eve" | "new year eve" => (12, 31),
        _ => return None,
    };
    finish(month, day, year)
}

fn month_day(words: &[&str]) -> Option<DatePhrase> {
    let (first, second, year) = match words {
        [first, second] => (*first, *second, None),
        [first, second, last] => (*first, *second, Some(year(last)?)),
        _ => return None,
    };
    let (month, day) = match (words::month(first), words::month(second)) {
        (Some(month), None) => (month, words::day_of_month(second)?),
        (None, Some(month)) => (month, words::day_of_month(first)?),
        _ => return None,
    };
    finish(month, day, year)
}

fn year(word: &str) -> Option<i16> {
    (word.len() == 4).then(|| word.parse().ok()).flatten()
}

fn finish(month: i8, day: i8, year: Option<i16>) -> Option<DatePhrase> {
    match year {
        Some(year) => Date::new(year, month, day).ok().map(DatePhrase::Full),
        // 2024 is a leap year: every day that some year has is in it.
        None => Date::new(2024, month, day).ok().map(|_| DatePhrase::Yearless { month, day }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// Wednesday.
    const TODAY: Date = date(2026, 3, 11);

    const CASES: &[(&str, &str)] = &[
        ("2026-03-01", "2026-03-01"),
        ("2026/3/1", "2026-03-01"),
        ("1.3.2026", "2026-03-01"),
        ("3/1/2026", "2026-03-01"),
        ("25/12/2026", "2026-12-25"),
        ("March 1 2026", "2026-03-01"),
        ("March 1st, 2026", "2026-03-01"),
        ("1 March", "2027-03-01"),
        ("the 1st of April", "2026-04-01"),
        ("Sept 3", "2026-09-03"),
        ("11 march", "2026-03-11"),
        ("Feb 29", "2028-02-29"),
        ("today", "2026-03-11"),
        ("Tomorrow", "2026-03-12"),
        ("day before yesterday", "2026-03-09"),
        ("wednesday", "2026-03-11"),
        ("next wednesday", "2026-03-18"),
        ("last wed", "2026-03-04"),
        ("next friday", "2026-03-13"),
        ("friday", "2026-03-13"),
        ("in 3 weeks", "2026-04-01"),
        ("in a couple weeks", "2026-03-25"),
        ("two months ago", "2026-01-11"),
        ("a week from today", "2026-03-18"),
        ("next month", "2026-04-11"),
        ("Christmas", "2026-12-25"),
        ("New Year's Eve", "2026-12-31"),
        ("new year’s day", "2027-01-01"),
        ("christmas 2030", "2030-12-25"),
    ];

    #[test]
    fn reads_what_people_write() {
        for (text, expected) in CASES {
            let read = parse(text, TODAY).and_then(|phrase| phrase.coming(TODAY));
            assert_eq!(read.map(|date| date.to_string()).as_deref(), Ok(*expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_date_and_says_what_to_write() {
        for text in [
            "",
            "soon",
            "2026-02-30",
            "31 april",
            "13/13/2026",
            "in 99999999 years",
            "next",
            "0 march",
        ] {
            let error = parse(text, TODAY).expect_err(text);
            assert!(error.contains("write it like 2026-03-01"), "{text}: {error}");
        }
    }
}
