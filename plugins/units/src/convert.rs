//! From one unit to another of the same kind.

use crate::bindings::exports::hyfunc::units::units::Amount;
use crate::{number, table};

/// Converts a number between units given by name.
///
/// # Errors
/// When a unit is not known, both measure different things, or the number is not finite.
pub fn convert(value: f64, from_unit: &str, to_unit: &str) -> Result<Amount, String> {
    let (from, to) = (find(from_unit)?, find(to_unit)?);
    if from.kind != to.kind {
        return Err(format!(
            "{from_unit} measures {}, {to_unit} measures {}; name two units of the same kind",
            from.kind.name(),
            to.kind.name()
        ));
    }
    let converted = value * from.size / to.size;
    if !converted.is_finite() {
        return Err(format!("{value} {from_unit} is too large to convert; use a smaller number"));
    }
    Ok(number::amount(converted, to.symbol))
}

fn find(name: &str) -> Result<&'static table::Unit, String> {
    table::find(name).ok_or_else(|| match name.trim().to_lowercase().trim_start_matches('°') {
        "c" | "f" | "k" | "celsius" | "fahrenheit" | "kelvin" => {
            format!("{name} is a scale of temperature; ask the temperature function")
        }
        _ => format!(
            "I do not know the unit \"{name}\"; write its name or symbol, such as kilometers or km"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_every_kind() {
        let cases = [
            (26.2, "miles", "kilometers", "42.1648 km"),
            (180.0, "lbs", "kg", "81.6466 kg"),
            (6.0, "feet", "centimeters", "182.88 cm"),
            (55.0, "mph", "km/h", "88.5139 km/h"),
            (75.0, "square meters", "square feet", "807.293 ft²"),
            (12.0, "gallon", "liters", "45.4249 l"),
            (4096.0, "MB", "GB", "4.096 GB"),
            (90.0, "minutes", "hours", "1.5 h"),
            (500.0, "calories", "kJ", "2092 kJ"),
            (0.0, "kg", "g", "0 g"),
            (-3.0, "m", "cm", "-300 cm"),
        ];
        for (value, from, to, expected) in cases {
            assert_eq!(convert(value, from, to).map(|amount| amount.text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn there_and_back_is_the_same() {
        for (from, to) in
            [("mi", "nm"), ("lb", "ct"), ("gal", "tsp"), ("TiB", "bit"), ("kn", "ft/s")]
        {
            let there = convert(1.25, from, to).expect(from).value;
            let back = convert(there, to, from).expect(to).value;
            assert!((back - 1.25).abs() < 1e-12, "{from} {to}: {back}");
        }
    }

    #[test]
    fn refuses_and_says_why() {
        let cases = [
            ("parsnips", "kg", "write its name or symbol"),
            ("kg", "meters", "two units of the same kind"),
            ("°C", "°F", "ask the temperature function"),
        ];
        for (from, to, reason) in cases {
            let error = convert(1.0, from, to).expect_err(from);
            assert!(error.contains(reason), "{error}");
        }
        assert!(convert(f64::MAX, "ly", "nm").is_err());
        assert!(convert(f64::NAN, "m", "cm").is_err());
    }
}
