//! Numbers as a person writes them.

use crate::bindings::exports::hyfunc::calc::arithmetic::Number;

/// A number with its spelling: at most ten decimals, no trailing zeros.
pub fn number(value: f64) -> Number {
    let text = if value.abs() >= 1e15 || (value != 0.0 && value.abs() < 1e-9) {
        format!("{value:e}")
    } else {
        let digits = format!("{value:.10}");
        let short = digits.trim_end_matches('0').trim_end_matches('.');
        if short == "-0" { "0".to_owned() } else { short.to_owned() }
    };
    Number { value, text }
}

/// What percentage `part` is of `whole`.
///
/// # Errors
/// When the whole is zero.
pub fn percentage(part: f64, whole: f64) -> Result<Number, String> {
    let percent = part / whole * 100.0;
    if !percent.is_finite() {
        return Err("nothing can be a percentage of zero; give another whole".to_owned());
    }
    // Two decimals are what people ask for; 45 of 60 is 75, not 75.00000000000001.
    Ok(number((percent * 100.0).round() / 100.0))
}

/// Rounded to cents.
pub(crate) fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_without_a_tail() {
        let cases = [
            (391.0, "391"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.3333333333"),
            (-0.0, "0"),
            (-2.5, "-2.5"),
            (1e15, "1e15"),
            (1e-12, "1e-12"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value).text, expected);
        }
    }

    #[test]
    fn shares_in_percent() {
        for (part, whole, expected) in
            [(45.0, 60.0, "75"), (1.0, 3.0, "33.33"), (3.0, 2.0, "150"), (0.0, 5.0, "0")]
        {
            assert_eq!(percentage(part, whole).map(|number| number.text).as_deref(), Ok(expected));
        }
        assert!(percentage(1.0, 0.0).is_err());
        assert!(percentage(0.0, 0.0).is_err());
    }
}
