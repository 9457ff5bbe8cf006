//! Dates, weekdays and time zones, for dates and places written as people write them.

pub mod calendar;
pub mod clock;
pub mod date_phrase;
pub mod place;
pub mod time_phrase;
mod words;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated from wit/world.wit")]
mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "wit" });
}

use bindings::exports::hyfunc::dates::calendar::{Day, Guest as Calendar, Span, Unit};
use bindings::exports::hyfunc::dates::clock::{Guest as Clock, Moment};

/// The plugin.
pub struct Plugin;

impl Calendar for Plugin {
    fn days_between(start: String, end: String) -> Result<Span, String> {
        calendar::days_between(&start, &end, clock::today())
    }

    fn days_until(date: String) -> Result<Day, String> {
        calendar::day(&date, clock::today())
    }

    fn add_time(date: String, amount: i32, unit: Unit) -> Result<Day, String> {
        calendar::add_time(&date, amount, unit, clock::today())
    }

    fn weekday(date: String) -> Result<Day, String> {
        calendar::day(&date, clock::today())
    }
}

impl Clock for Plugin {
    fn now(place: Option<String>) -> Result<Moment, String> {
        clock::now(place.as_deref())
    }

    fn convert_time(time: String, from_place: String, to_place: String) -> Result<Moment, String> {
        clock::convert_time(&time, &from_place, &to_place, clock::today())
    }
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated exports of the component")]
mod export {
    super::bindings::export!(Plugin with_types_in super::bindings);
    use super::Plugin;
}
