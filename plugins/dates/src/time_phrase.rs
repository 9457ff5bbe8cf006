//! Times of day as people write them: `3pm`, `15:30`, `noon`.

use jiff::civil::Time;

/// Reads a time of day.
///
/// # Errors
/// A sentence that says which spellings are understood.
pub fn parse(text: &str) -> Result<Time, String> {
    read(&text.trim().to_lowercase()).ok_or_else(|| {
        format!("\"{text}\" is not a time of day that I can read; write it like 3pm, 3:30 pm, 15:30, noon or midnight")
    })
}

fn read(text: &str) -> Option<Time> {
    match text {
        "noon" | "midday" => return Time::new(12, 0, 0, 0).ok(),
        "midnight" => return Some(Time::midnight()),
        _ => {}
    }
    let text = text.replace(['.', ' '], "");
    let text = text.strip_suffix("o'clock").unwrap_or(&text);
    let (clock, half) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = match clock.split_once([':', 'h']) {
        Some((hour, "")) => (hour, "0"),
        Some((hour, minute)) if minute.len() == 2 => (hour, minute),
        Some(_) => return None,
        None => (clock, "0"),
    };
    let (hour, minute) = (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?);
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let cases = [
            ("3pm", "15:00"),
            ("3:30 PM", "15:30"),
            ("11 a.m.", "11:00"),
            ("12am", "00:00"),
            ("12 pm", "12:00"),
            ("15:45", "15:45"),
            ("9", "09:00"),
            ("7 o'clock", "07:00"),
            ("18h", "18:00"),
            ("noon", "12:00"),
            ("midnight", "00:00"),
        ];
        for (text, expected) in cases {
            let time = parse(text).expect(text);
            assert_eq!(format!("{:02}:{:02}", time.hour(), time.minute()), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "25:00", "13pm", "0am", "12:60", "3:5", "later", "-3"] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("write it like"), "{text}: {error}");
        }
    }
}
