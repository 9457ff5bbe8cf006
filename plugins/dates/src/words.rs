//! Words in which dates are said: numbers, months, weekdays, units.

use jiff::civil::Weekday;

/// A count such as `3`, `three`, `a` or `a couple of` said as `couple`.
pub(crate) fn count(word: &str) -> Option<i32> {
    const SMALL: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    if let Ok(number) = word.parse::<i32>() {
        return (number >= 0).then_some(number);
    }
    match word {
        "a" | "an" => Some(1),
        "couple" => Some(2),
        _ => SMALL.iter().position(|small| *small == word).and_then(|n| i32::try_from(n).ok()),
    }
}

/// Month 1 to 12 from its name, or from a prefix of at least three letters.
pub(crate) fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.trim_end_matches('.');
    prefix(&MONTHS, word).and_then(|index| i8::try_from(index + 1).ok())
}

/// Weekday from its name, or from a prefix of at least three letters.
pub(crate) fn weekday(word: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let index = prefix(&DAYS, word.trim_end_matches('.'))?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

fn prefix(names: &[&str], word: &str) -> Option<usize> {
    if word.chars().count() < 3 {
        return None;
    }
    names.iter().position(|name| name.starts_with(word))
}

/// A day of the month such as `3`, `3rd` or `21st`.
pub(crate) fn day_of_month(word: &str) -> Option<i8> {
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ordinal| word.strip_suffix(ordinal))
        .unwrap_or(word);
    let day = digits.parse::<i8>().ok()?;
    (1..=31).contains(&day).then_some(day)
}

/// What an English weekday is called.
pub(crate) fn weekday_name(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
