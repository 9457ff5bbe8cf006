//! Units of measure, by name or symbol.

pub mod convert;
pub mod cooking;
pub mod number;
pub mod table;
pub mod temperature;

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated from wit/world.wit")]
mod bindings {
    wit_bindgen::generate!({ world: "plugin", path: "wit" });
}

use bindings::exports::hyfunc::units::units::{Amount, Guest, Measure, Scale};

/// The plugin.
pub struct Plugin;

impl Guest for Plugin {
    fn convert(value: f64, from_unit: String, to_unit: String) -> Result<Amount, String> {
        convert::convert(value, &from_unit, &to_unit)
    }

    fn temperature(degrees: f32, from_scale: Scale, to_scale: Scale) -> Result<Amount, String> {
        temperature::convert(f64::from(degrees), from_scale, to_scale)
    }

    fn cooking(
        amount: f64,
        from_measure: Measure,
        ingredient: String,
        to_measure: Measure,
    ) -> Result<Amount, String> {
        cooking::convert(amount, from_measure, &ingredient, to_measure)
    }
}

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, reason = "generated exports of the component")]
mod export {
    super::bindings::export!(Plugin with_types_in super::bindings);
    use super::Plugin;
}
