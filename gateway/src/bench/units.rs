//! Numbers for people.

/// Microseconds as whatever unit reads best: `0.25 µs`, `12.3 ms`, `4.56 s`.
pub(super) fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        micros if micros < 1e3 => (micros, "µs"),
        micros if micros < 1e6 => (micros / 1e3, "ms"),
        micros => (micros / 1e6, "s"),
    };
    format!("{} {unit}", digits(value))
}

/// Bytes in steps of a thousand.
pub(super) fn bytes(bytes: f64) -> String {
    scaled(bytes, &["B", "kB", "MB", "GB", "TB"])
}

/// A rate or count in steps of a thousand, without a unit: `950`, `12.3 k`, `98.7 G`.
pub(super) fn count(count: f64) -> String {
    scaled(count, &["", "k", "M", "G", "T"])
}

/// Whole numbers with commas: `10,000`.
pub(super) fn whole(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits that mean something, none of them lost before the point.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut unit = 0;
    while value.abs() >= 1e3 && unit + 1 < units.len() {
        value /= 1e3;
        unit += 1;
    }
    // Whole numbers stay whole.
    let text = if unit == 0 && value.fract() == 0.0 { format!("{value}") } else { digits(value) };
    format!("{text} {}", units[unit]).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (written, expected) in [
            (time(0.25), "0.25 µs"),
            (time(0.0), "0.00 µs"),
            (time(999.0), "999 µs"),
            (time(1_234.0), "1.23 ms"),
            (time(36_512.0), "36.5 ms"),
            (time(4_560_000.0), "4.56 s"),
            (bytes(0.0), "0 B"),
            (bytes(999.0), "999 B"),
            (bytes(1_500.0), "1.50 kB"),
            (bytes(322e6), "322 MB"),
            (bytes(-2e6), "-2.00 MB"),
            (bytes(5e16), "50000 TB"),
            (count(42.0), "42"),
            (count(42.26), "42.3"),
            (count(12_345.0), "12.3 k"),
            (count(98.7e9), "98.7 G"),
            (whole(0), "0"),
            (whole(999), "999"),
            (whole(1_000), "1,000"),
            (whole(16_384), "16,384"),
            (whole(1_234_567), "1,234,567"),
        ] {
            assert_eq!(written, expected);
        }
    }
}
