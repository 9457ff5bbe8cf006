//! Kitchen measures: what a cup of something weighs.

use crate::bindings::exports::hyfunc::units::units::{Amount, Measure};
use crate::number;

/// Grams in a milliliter, as it is scooped or poured. The last part of a name that is found
/// counts: `brown sugar` stands before `sugar`.
const DENSITIES: &[(&str, f64)] = &[
    ("brown sugar", 0.90),
    ("powdered sugar", 0.51),
    ("icing sugar", 0.51),
    ("sugar", 0.85),
    ("almond flour", 0.41),
    ("flour", 0.53),
    ("cornstarch", 0.54),
    ("peanut butter", 1.08),
    ("buttermilk", 1.03),
    ("butter", 0.96),
    ("margarine", 0.96),
    ("coconut oil", 0.92),
    ("oil", 0.92),
    ("condensed milk", 1.29),
    ("milk powder", 0.51),
    ("milk", 1.03),
    ("cream", 1.01),
    ("yogurt", 1.04),
    ("yoghurt", 1.04),
    ("honey", 1.42),
    ("syrup", 1.37),
    ("molasses", 1.42),
    ("water", 1.0),
    ("broth", 1.0),
    ("salt", 1.22),
    ("baking powder", 0.90),
    ("baking soda", 0.97),
    ("yeast", 0.63),
    ("cocoa", 0.42),
    ("chocolate chips", 0.72),
    ("rice", 0.85),
    ("oat", 0.38),
    ("lentil", 0.81),
    ("quinoa", 0.72),
    ("breadcrumb", 0.46),
    ("parmesan", 0.42),
    ("cheese", 0.47),
    ("almond", 0.61),
    ("walnut", 0.49),
    ("raisin", 0.62),
];

enum Basis {
    /// Milliliters in the measure.
    Volume(f64),
    /// Grams in the measure.
    Weight(f64),
}

fn basis(measure: Measure) -> (Basis, &'static str) {
    match measure {
        Measure::Cup => (Basis::Volume(236.588_236_5), "cups"),
        Measure::Tablespoon => (Basis::Volume(14.786_764_781_25), "tbsp"),
        Measure::Teaspoon => (Basis::Volume(4.928_921_593_75), "tsp"),
        Measure::FluidOunce => (Basis::Volume(29.573_529_562_5), "fl oz"),
        Measure::Milliliter => (Basis::Volume(1.0), "ml"),
        Measure::Gram => (Basis::Weight(1.0), "g"),
        Measure::Ounce => (Basis::Weight(28.349_523_125), "oz"),
    }
}

/// Converts a measure of an ingredient; the answer is rounded to hundredths.
///
/// # Errors
/// When the amount is negative, or the ingredient is unknown where its weight matters.
pub fn convert(
    amount: f64,
    from: Measure,
    ingredient: &str,
    to: Measure,
) -> Result<Amount, String> {
    if !amount.is_finite() || amount < 0.0 {
        return Err(format!("{amount} is no amount of an ingredient; give a number from 0 up"));
    }
    let ((from, _), (to, symbol)) = (basis(from), basis(to));
    let converted = match (from, to) {
        (Basis::Volume(from), Basis::Volume(to)) | (Basis::Weight(from), Basis::Weight(to)) => {
            amount * from / to
        }
        (Basis::Volume(from), Basis::Weight(to)) => amount * from * density(ingredient)? / to,
        (Basis::Weight(from), Basis::Volume(to)) => amount * from / density(ingredient)? / to,
    };
    Ok(number::amount((converted * 100.0).round() / 100.0, symbol))
}

fn density(ingredient: &str) -> Result<f64, String> {
    let name = ingredient.to_lowercase();
    DENSITIES
        .iter()
        .find(|(known, _)| name.contains(known))
        .map(|(_, density)| *density)
        .ok_or_else(|| {
            format!(
                "I do not know what {ingredient} weighs; name a common ingredient such as flour, sugar, butter or rice"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_volumes_and_weights() {
        let cases = [
            (2.0, Measure::Cup, "flour", Measure::Gram, "250.78 g"),
            (100.0, Measure::Gram, "butter", Measure::Tablespoon, "7.04 tbsp"),
            (250.0, Measure::Milliliter, "milk", Measure::Cup, "1.06 cups"),
            (1.0, Measure::Cup, "Brown Sugar", Measure::Ounce, "7.51 oz"),
            (3.0, Measure::Teaspoon, "unicorn dust", Measure::Tablespoon, "1 tbsp"),
            (0.0, Measure::Gram, "rice", Measure::Cup, "0 cups"),
        ];
        for (amount, from, ingredient, to, expected) in cases {
            assert_eq!(
                convert(amount, from, ingredient, to).map(|amount| amount.text).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn refuses_unknown_ingredients_and_negative_amounts() {
        let error = convert(1.0, Measure::Cup, "unicorn dust", Measure::Gram).expect_err("unknown");
        assert!(error.contains("such as flour"), "{error}");
        assert!(convert(-1.0, Measure::Cup, "flour", Measure::Gram).is_err());
        assert!(convert(f64::INFINITY, Measure::Cup, "flour", Measure::Gram).is_err());
    }

    #[test]
    fn longer_names_stand_before_their_parts() {
        for (index, (name, _)) in DENSITIES.iter().enumerate() {
            let first = DENSITIES.iter().position(|(known, _)| name.contains(known));
            assert_eq!(first, Some(index), "{name} is hidden by a shorter name before it");
        }
    }
}
