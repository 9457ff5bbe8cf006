//! Scales of temperature.

use crate::bindings::exports::hyfunc::units::units::{Amount, Scale};
use crate::number;

/// Converts a temperature; the answer is rounded to hundredths of a degree.
///
/// # Errors
/// When it is below absolute zero, or no number.
pub fn convert(degrees: f64, from: Scale, to: Scale) -> Result<Amount, String> {
    let kelvin = match from {
        Scale::Celsius => degrees + 273.15,
        Scale::Fahrenheit => (degrees + 459.67) / 1.8,
        Scale::Kelvin => degrees,
    };
    // Parameters are single precision: absolute zero itself may come in slightly below.
    if !kelvin.is_finite() || kelvin < -1e-3 {
        return Err(format!(
            "{degrees} is below absolute zero (-273.15 °C); give a warmer temperature"
        ));
    }
    let (converted, symbol) = match to {
        Scale::Celsius => (kelvin - 273.15, "°C"),
        Scale::Fahrenheit => (kelvin * 1.8 - 459.67, "°F"),
        Scale::Kelvin => (kelvin.max(0.0), "K"),
    };
    Ok(number::amount((converted * 100.0).round() / 100.0, symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_between_all_scales() {
        let cases = [
            (72.0, Scale::Fahrenheit, Scale::Celsius, "22.22 °C"),
            (350.0, Scale::Fahrenheit, Scale::Celsius, "176.67 °C"),
            (-40.0, Scale::Celsius, Scale::Fahrenheit, "-40 °F"),
            (300.0, Scale::Kelvin, Scale::Celsius, "26.85 °C"),
            (37.0, Scale::Celsius, Scale::Kelvin, "310.15 K"),
            (20.0, Scale::Celsius, Scale::Celsius, "20 °C"),
            (f64::from(-273.15_f32), Scale::Celsius, Scale::Kelvin, "0 K"),
        ];
        for (degrees, from, to, expected) in cases {
            assert_eq!(
                convert(degrees, from, to).map(|amount| amount.text).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn refuses_what_cannot_be() {
        for (degrees, scale) in
            [(-300.0, Scale::Celsius), (-1.0, Scale::Kelvin), (f64::NAN, Scale::Kelvin)]
        {
            assert!(convert(degrees, scale, Scale::Fahrenheit).is_err());
        }
    }
}
