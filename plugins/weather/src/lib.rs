//! Current weather and forecasts from Open-Meteo.

#![warn(missing_docs)]

mod address;
mod http;
mod place;
mod report;
mod sky;

#[allow(missing_docs, unsafe_code, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "weather-plugin", generate_all, additional_derives: [PartialEq] });
    use super::Weather;
    export!(Weather);
}

use address::Address;
use bindings::exports::hyfunc::weather::weather::{Conditions, Guest, Outlook, Units};
use bindings::wasi::config::store;
use place::Place;

/// Key of the configuration under which the service's address is.
const BASE_URL_KEY: &str = "base_url";
const BASE_URL_DEFAULT: &str = "https://api.open-meteo.com";
const DAYS_DEFAULT: u8 = 3;
/// As far as the service looks ahead.
const DAYS_MAX: u8 = 16;

struct Weather;

impl Guest for Weather {
    fn current(city: String, units: Option<Units>) -> Result<Conditions, String> {
        let place = Place::find(&city)?;
        let units = units.unwrap_or(Units::Metric);
        let body = http::get(&base_address()?, &address::current_path(&place, units))?;
        report::current(&body, place.name, units)
    }

    fn forecast(city: String, days: Option<u8>, units: Option<Units>) -> Result<Outlook, String> {
        let place = Place::find(&city)?;
        let units = units.unwrap_or(Units::Metric);
        let days = checked_days(days)?;
        let body = http::get(&base_address()?, &address::forecast_path(&place, days, units))?;
        report::forecast(&body, place.name, units)
    }
}

fn checked_days(days: Option<u8>) -> Result<u8, String> {
    match days.unwrap_or(DAYS_DEFAULT) {
        days @ 1..=DAYS_MAX => Ok(days),
        days => Err(format!("a forecast of {days} days cannot be had: ask for 1 to {DAYS_MAX}")),
    }
}

fn base_address() -> Result<Address, String> {
    let configured = store::get(BASE_URL_KEY).map_err(|error| match error {
        store::Error::Upstream(reason) | store::Error::Io(reason) => {
            format!("the configuration `{BASE_URL_KEY}` cannot be read: {reason}")
        }
    })?;
    Address::parse(configured.as_deref().unwrap_or(BASE_URL_DEFAULT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_checked() {
        for (days, expected) in [
            (None, Some(3)),
            (Some(1), Some(1)),
            (Some(16), Some(16)),
            (Some(0), None),
            (Some(17), None),
            (Some(255), None),
        ] {
            assert_eq!(checked_days(days).ok(), expected, "{days:?}");
        }
    }
}
