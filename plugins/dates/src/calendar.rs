//! Counting days.

use jiff::civil::{Date, Weekday};

use crate::bindings::exports::hyfunc::dates::calendar::{Day, Span, Unit};
use crate::date_phrase::{self, DatePhrase};
use crate::words;

/// The day of a phrase, its weekday and its distance from today.
///
/// # Errors
/// When the phrase is no date.
pub fn day(phrase: &str, today: Date) -> Result<Day, String> {
    let date = date_phrase::parse(phrase, today)?.coming(today)?;
    Ok(describe(date, today))
}

/// The days between two phrases. A year that is said in one of them holds for the other.
///
/// # Errors
/// When a phrase is no date.
pub fn days_between(start: &str, end: &str, today: Date) -> Result<Span, String> {
    let (start, end) =
        both(date_phrase::parse(start, today)?, date_phrase::parse(end, today)?, today)?;
    let days = days_from(start, end);
    Ok(Span {
        start: start.to_string(),
        end: end.to_string(),
        days,
        weeks: days / 7,
        business_days: business_days(start, end),
    })
}

/// The date that lies `amount` units after a phrase, or before it when negative.
///
/// # Errors
/// When the phrase is no date, or the result is beyond the years -9999 to 9999.
pub fn add_time(phrase: &str, amount: i32, unit: Unit, today: Date) -> Result<Day, String> {
    let start = date_phrase::parse(phrase, today)?.coming(today)?;
    let too_far =
        || format!("{amount} is too far from {start}; stay within the years -9999 to 9999");
    let span = match unit {
        Unit::Days => jiff::Span::new().try_days(amount),
        Unit::Weeks => jiff::Span::new().try_weeks(amount),
        Unit::Months => jiff::Span::new().try_months(amount),
        Unit::Years => jiff::Span::new().try_years(amount),
        Unit::BusinessDays => {
            return add_business_days(start, amount)
                .map(|date| describe(date, today))
                .ok_or_else(too_far);
        }
    };
    let date = span.and_then(|span| start.checked_add(span)).map_err(|_| too_far())?;
    Ok(describe(date, today))
}

fn describe(date: Date, today: Date) -> Day {
    Day {
        date: date.to_string(),
        weekday: words::weekday_name(date.weekday()).to_owned(),
        days_from_today: days_from(today, date),
    }
}

fn both(start: DatePhrase, end: DatePhrase, today: Date) -> Result<(Date, Date), String> {
    let year = match (start, end) {
        (DatePhrase::Full(date), _) | (_, DatePhrase::Full(date)) => date.year(),
        _ => today.year(),
    };
    let (first, last) = (start.in_year(year)?, end.in_year(year)?);
    // `20 December to 5 January` runs over the turn of the year.
    match (start, end) {
        (_, DatePhrase::Yearless { .. }) if last < first => {
            Ok((first, end.in_year(year.saturating_add(1))?))
        }
        (DatePhrase::Yearless { .. }, _) if last < first => {
            Ok((start.in_year(year.saturating_sub(1))?, last))
        }
        _ => Ok((first, last)),
    }
}

fn days_from(start: Date, end: Date) -> i32 {
    let hours = start.duration_until(end).as_hours();
    i32::try_from(hours / 24).expect("all dates together span 7.3 million days")
}

fn is_business_day(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Mondays to Fridays after `start` up to and including `end`; negative when `end` is earlier.
fn business_days(start: Date, end: Date) -> i32 {
    if end < start {
        return -business_days(end, start);
    }
    let days = days_from(start, end);
    let rest = days % 7;
    let weekday = i32::from(start.weekday().to_monday_zero_offset());
    let in_rest = (1..=rest).filter(|step| (weekday + step) % 7 < 5).count();
    days / 7 * 5 + i32::try_from(in_rest).expect("at most six")
}

fn add_business_days(start: Date, amount: i32) -> Option<Date> {
    let weeks = jiff::Span::new().try_weeks(amount / 5).ok()?;
    let mut date = start.checked_add(weeks).ok()?;
    for _ in 0..(amount % 5).abs() {
        date = step(date, amount)?;
        while !is_business_day(date) {
            date = step(date, amount)?;
        }
    }
    // A start on a weekend that moved by whole weeks alone is still on one: it counts from
    // the business day before (or after, going back).
    while amount != 0 && !is_business_day(date) {
        date = step(date, amount.saturating_neg())?;
    }
    Some(date)
}

fn step(date: Date, direction: i32) -> Option<Date> {
    if direction < 0 { date.yesterday().ok() } else { date.tomorrow().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// Wednesday.
    const TODAY: Date = date(2026, 3, 11);

    #[test]
    fn counts_days_across_years() {
        let cases = [
            ("March 1", "April 15", 45, 33),
            ("2019-06-03", "2024-02-29", 1732, 1238),
            ("20 December", "5 January", 16, 12),
            ("1 September 2025", "31 August 2026", 364, 260),
            ("tomorrow", "yesterday", -2, -2),
            ("saturday", "sunday", 1, 0),
            ("today", "today", 0, 0),
        ];
        for (start, end, days, business) in cases {
            let span = days_between(start, end, TODAY).expect(start);
            assert_eq!((span.days, span.business_days), (days, business), "{start} to {end}");
        }
    }

    #[test]
    fn business_days_agree_with_counting_one_by_one() {
        for offset in 0..7 {
            let start = TODAY.checked_add(jiff::Span::new().days(offset)).expect("near");
            let mut counted = 0;
            let mut end = start;
            for _ in 0..40 {
                end = end.tomorrow().expect("near");
                counted += i32::from(is_business_day(end));
                assert_eq!(business_days(start, end), counted, "{start} to {end}");
            }
        }
    }

    #[test]
    fn adds_every_unit() {
        let cases = [
            ("March 1 2026", 90, Unit::Days, "2026-05-30"),
            ("tomorrow", 6, Unit::Weeks, "2026-04-23"),
            ("2026-01-31", 1, Unit::Months, "2026-02-28"),
            ("July 4 2026", -5, Unit::Years, "2021-07-04"),
            ("friday", 1, Unit::BusinessDays, "2026-03-16"),
            ("saturday", 5, Unit::BusinessDays, "2026-03-20"),
            ("monday", -1, Unit::BusinessDays, "2026-03-13"),
            ("2026-03-11", 12, Unit::BusinessDays, "2026-03-27"),
        ];
        for (start, amount, unit, expected) in cases {
            let day = add_time(start, amount, unit, TODAY).expect(start);
            assert_eq!(day.date, expected, "{start} {amount} {unit:?}");
        }
    }

    #[test]
    fn refuses_to_leave_the_calendar() {
        for unit in [Unit::Days, Unit::Weeks, Unit::Months, Unit::Years, Unit::BusinessDays] {
            let error = add_time("today", i32::MAX, unit, TODAY).expect_err("too far");
            assert!(error.contains("stay within the years"), "{error}");
            assert!(add_time("today", i32::MIN, unit, TODAY).is_err());
        }
    }

    #[test]
    fn names_the_weekday() {
        let day = day("2026-12-25", TODAY).expect("a date");
        assert_eq!((day.weekday.as_str(), day.days_from_today), ("Friday", 289));
    }
}
