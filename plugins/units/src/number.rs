//! Numbers as a person writes them.

use crate::bindings::exports::hyfunc::units::units::Amount;

/// An amount with its text: six significant digits, no trailing zeros.
pub fn amount(value: f64, symbol: &str) -> Amount {
    Amount { value, symbol: symbol.to_owned(), text: format!("{} {symbol}", text(value)) }
}

/// Six significant digits, more where the whole part has more.
fn text(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e15).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    let whole_digits = if magnitude < 1.0 {
        magnitude.max(1e-6).log10().floor()
    } else {
        magnitude.log10().floor() + 1.0
    };
    // Between -6 and 15: the bounds above hold here.
    let decimals = (6.0 - whole_digits).max(0.0) as usize;
    let digits = format!("{value:.decimals$}");
    let short = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        &digits
    };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn writes_six_digits_and_no_tail() {
        let cases = [
            (42.0, "42"),
            (42.164_812, "42.1648"),
            (0.0, "0"),
            (-0.0, "0"),
            (1234567.0, "1234567"),
            (0.000_123_456, "0.000123456"),
            (-17.5, "-17.5"),
            (1e20, "1.00000e20"),
            (2e-9, "2.00000e-9"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected);
        }
    }
}
