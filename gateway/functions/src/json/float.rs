//! Floating-point numbers in JSON.

use serde_json::{Number, Value as Json};

use crate::types::FloatType;

/// Spellings of the values that JSON has no number for.
pub(crate) const NON_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Largest decimal that is written for an `f32`: shortest digits of `f32::MAX`.
pub(crate) const SINGLE_MAX: f64 = 3.402_823_5e38;

/// Writes a float. Singles get the shortest digits that round back to them.
pub(super) fn write(float: &FloatType, value: f64) -> Json {
    if value.is_nan() {
        return Json::from("NaN");
    }
    let double = if float.single { widen_shortest(value as f32) } else { value };
    match Number::from_f64(double) {
        Some(number) => Json::Number(number),
        None if value > 0.0 => Json::from("Infinity"),
        None => Json::from("-Infinity"),
    }
}

/// The `f64` whose shortest digits are those of `single`.
fn widen_shortest(single: f32) -> f64 {
    single.to_string().parse().unwrap_or(f64::from(single))
}

/// Reads a number; `None` where it is out of bounds. Singles are rounded.
pub(super) fn read(float: &FloatType, number: &Number) -> Option<f64> {
    let double = number.as_f64().filter(|double| double.is_finite())?;
    let low = float.min.unwrap_or(f64::NEG_INFINITY);
    let high = float.max.unwrap_or(f64::INFINITY);
    if double < low || double > high || (float.single && double.abs() > SINGLE_MAX) {
        return None;
    }
    Some(if float.single { f64::from(double as f32) } else { double })
}

/// Reads the spelling of a value that is not finite. A type with bounds has none.
pub(super) fn read_non_finite(float: &FloatType, text: &str) -> Option<f64> {
    if float.min.is_some() || float.max.is_some() {
        return None;
    }
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
