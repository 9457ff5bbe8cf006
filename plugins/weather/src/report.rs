//! Reading the service's answers.

use serde::Deserialize;

use crate::bindings::exports::hyfunc::weather::weather::{Conditions, Day, Outlook, Units};
use crate::sky;

#[derive(Deserialize)]
struct CurrentAnswer {
    current: Current,
}

#[derive(Deserialize)]
struct Current {
    temperature_2m: f32,
    apparent_temperature: f32,
    relative_humidity_2m: f32,
    weather_code: u8,
    wind_speed_10m: f32,
}

#[derive(Deserialize)]
struct DailyAnswer {
    daily: Daily,
}

/// One value a day in each list; null where the service has none.
#[derive(Deserialize)]
struct Daily {
    time: Vec<String>,
    weather_code: Vec<Option<u8>>,
    temperature_2m_max: Vec<Option<f32>>,
    temperature_2m_min: Vec<Option<f32>>,
    precipitation_sum: Vec<Option<f32>>,
    #[serde(default)]
    precipitation_probability_max: Vec<Option<f32>>,
}

#[derive(Deserialize)]
struct Complaint {
    reason: String,
}

/// The weather of this moment.
///
/// # Errors
/// When the body is not what the service writes.
pub fn current(body: &[u8], place: String, units: Units) -> Result<Conditions, String> {
    let CurrentAnswer { current } = serde_json::from_slice(body).map_err(unreadable)?;
    Ok(Conditions {
        place,
        sky: sky::describe(current.weather_code),
        temperature: current.temperature_2m,
        feels_like: current.apparent_temperature,
        humidity: percent(current.relative_humidity_2m),
        wind: current.wind_speed_10m,
        units,
    })
}

/// The weather of the coming days. Days without temperatures are left out.
///
/// # Errors
/// When the body is not what the service writes, or has no day.
pub fn forecast(body: &[u8], place: String, units: Units) -> Result<Outlook, String> {
    let DailyAnswer { daily } = serde_json::from_slice(body).map_err(unreadable)?;
    let days: Vec<Day> = (0..daily.time.len()).filter_map(|index| day(&daily, index)).collect();
    if days.is_empty() {
        return Err("the service has no forecast for this place: try a city near it".into());
    }
    Ok(Outlook { place, units, days })
}

fn day(daily: &Daily, index: usize) -> Option<Day> {
    let value = |list: &[Option<f32>]| list.get(index).copied().flatten();
    Some(Day {
        date: daily.time.get(index)?.clone(),
        sky: sky::describe(daily.weather_code.get(index).copied().flatten()?),
        low: value(&daily.temperature_2m_min)?,
        high: value(&daily.temperature_2m_max)?,
        rain_chance: value(&daily.precipitation_probability_max).map(percent),
        rain: value(&daily.precipitation_sum).unwrap_or_default(),
    })
}

/// What the service says is wrong, to be put behind a sentence; empty where it says nothing.
pub fn reason(body: &[u8]) -> String {
    match serde_json::from_slice::<Complaint>(body) {
        Ok(complaint) => format!(": {}", complaint.reason.chars().take(200).collect::<String>()),
        Err(_) => String::new(),
    }
}

fn unreadable(error: serde_json::Error) -> String {
    format!("the answer is no weather report ({error}): check `base_url`, or try again")
}

fn percent(value: f32) -> u8 {
    value.round().clamp(0.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_current_report() {
        let body = include_bytes!("../samples/current.json");
        let conditions = current(body, "Bergen".into(), Units::Metric).expect("a report");
        assert_eq!(conditions.sky, "light rain");
        assert_eq!((conditions.temperature, conditions.feels_like), (7.3, 4.1));
        assert_eq!((conditions.humidity, conditions.wind), (91, 18.4));
    }

    #[test]
    fn a_daily_report() {
        let body = include_bytes!("../samples/daily.json");
        let outlook = forecast(body, "Denver".into(), Units::Imperial).expect("a report");
        let days: Vec<_> = outlook
            .days
            .iter()
            .map(|day| {
                (day.date.as_str(), day.sky.as_str(), day.low, day.high, day.rain_chance, day.rain)
            })
            .collect();
        assert_eq!(
            days,
            [
                ("2026-03-01", "a clear sky", 28.4, 51.2, Some(3), 0.0),
                ("2026-03-02", "heavy snow", 19.0, 33.6, None, 0.87),
            ],
            "the third day has no temperatures"
        );
    }

    #[test]
    fn what_is_no_report_is_explained() {
        for body in
            ["", "{}", "<html>", r#"{"current": null}"#, r#"{"current": {"temperature_2m": null}}"#]
        {
            assert!(
                current(body.as_bytes(), String::new(), Units::Metric)
                    .expect_err(body)
                    .contains("base_url"),
                "{body}"
            );
        }
        let empty = r#"{"daily": {"time": [], "weather_code": [], "temperature_2m_max": [], "temperature_2m_min": [], "precipitation_sum": []}}"#;
        assert!(
            forecast(empty.as_bytes(), String::new(), Units::Metric)
                .expect_err("no day")
                .contains("no forecast")
        );
    }

    #[test]
    fn reasons_are_cut() {
        assert_eq!(reason(br#"{"error": true, "reason": "too far"}"#), ": too far");
        assert_eq!(reason(b"oops"), "");
        assert!(
            reason(format!(r#"{{"reason": "{}"}}"#, "x".repeat(10_000)).as_bytes()).len() < 300
        );
    }

    #[test]
    fn percents_are_bounded() {
        for (value, expected) in
            [(0.0, 0), (99.6, 100), (100.4, 100), (-3.0, 0), (f32::NAN, 0), (1e9, 100)]
        {
            assert_eq!(percent(value), expected, "{value}");
        }
    }
}
