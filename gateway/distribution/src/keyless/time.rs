//! Times, as RFC 3339 writes them in UTC.

/// Seconds since 1970 of `2021-01-12T11:53:27.000Z`; nothing for another form or another zone.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (date, time) = whole.split_once('T')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.is_empty() || !digits(fraction) {
        return None;
    }
    let numbers = |text: &str, by: char, lengths: [usize; 3]| {
        let mut parts = text.split(by);
        let mut found = [0_u64; 3];
        for (number, length) in found.iter_mut().zip(lengths) {
            let part = parts.next().filter(|part| part.len() == length && digits(part))?;
            *number = part.parse().ok()?;
        }
        parts.next().is_none().then_some(found)
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let fits = year >= 1970
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !fits {
        return None;
    }
    // After Howard Hinnant's `days_from_civil`; years begin in March here.
    let (year, month_from_march) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_3339_has_them() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-28T23:59:59Z", Some(951_782_399)),
            ("2000-02-29T00:00:00.000Z", Some(951_782_400)),
            ("2000-03-01T00:00:00.5Z", Some(951_868_800)),
            ("2026-11-22T20:44:43Z", Some(1_795_380_283)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-22T20:44:43+01:00", None),
            ("2026-11-22 20:44:43Z", None),
            ("2026-13-22T20:44:43Z", None),
            ("2026-1-22T20:44:43Z", None),
            ("2026-11-22T20:44:43.Z", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
