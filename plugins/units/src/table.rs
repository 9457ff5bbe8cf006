//! The units that are known: what each measures, its size in the base unit, its names.

/// What a unit measures. Only units of one kind convert into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In meters.
    Length,
    /// In kilograms.
    Weight,
    /// In liters.
    Volume,
    /// In square meters.
    Area,
    /// In meters a second.
    Speed,
    /// In seconds.
    Time,
    /// In bytes.
    Data,
    /// In joules.
    Energy,
}

impl Kind {
    /// As in "a length".
    pub fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Weight => "weight",
            Self::Volume => "volume",
            Self::Area => "area",
            Self::Speed => "speed",
            Self::Time => "duration",
            Self::Data => "amount of data",
            Self::Energy => "energy",
        }
    }
}

/// A unit.
#[derive(Debug)]
pub struct Unit {
    /// What it measures.
    pub kind: Kind,
    /// Its size in the base unit of its kind.
    pub size: f64,
    /// Its symbol as written in answers; found by its exact case first.
    pub symbol: &'static str,
    /// Its other names in the singular and in small letters, irregular plurals too.
    names: &'static [&'static str],
}

const fn unit(kind: Kind, size: f64, symbol: &'static str, names: &'static [&'static str]) -> Unit {
    Unit { kind, size, symbol, names }
}

const UNITS: &[Unit] = &[
    unit(Kind::Length, 1e-9, "nm", &["nanometer"]),
    unit(Kind::Length, 1e-6, "µm", &["micrometer", "micron", "um"]),
    unit(Kind::Length, 1e-3, "mm", &["millimeter"]),
    unit(Kind::Length, 1e-2, "cm", &["centimeter"]),
    unit(Kind::Length, 1e-1, "dm", &["decimeter"]),
    unit(Kind::Length, 1.0, "m", &["meter"]),
    unit(Kind::Length, 1e3, "km", &["kilometer", "klick"]),
    unit(Kind::Length, 0.0254, "in", &["inch", "inches", "\"", "″"]),
    unit(Kind::Length, 0.3048, "ft", &["foot", "feet", "'", "′"]),
    unit(Kind::Length, 0.9144, "yd", &["yard"]),
    unit(Kind::Length, 1609.344, "mi", &["mile"]),
    unit(Kind::Length, 1852.0, "nmi", &["nautical mile"]),
    unit(Kind::Length, 149_597_870_700.0, "au", &["astronomical unit"]),
    unit(Kind::Length, 9_460_730_472_580_800.0, "ly", &["light year", "lightyear"]),
    unit(Kind::Weight, 1e-6, "mg", &["milligram"]),
    unit(Kind::Weight, 1e-3, "g", &["gram", "gramme", "gr"]),
    unit(Kind::Weight, 1.0, "kg", &["kilogram", "kilo"]),
    unit(Kind::Weight, 1e3, "t", &["ton", "tonne", "metric ton"]),
    unit(Kind::Weight, 0.028_349_523_125, "oz", &["ounce"]),
    unit(Kind::Weight, 0.453_592_37, "lb", &["pound"]),
    unit(Kind::Weight, 6.350_293_18, "st", &["stone"]),
    unit(Kind::Weight, 907.184_74, "short ton", &["us ton"]),
    unit(Kind::Weight, 2e-4, "ct", &["carat"]),
    unit(Kind::Volume, 1e-3, "ml", &["milliliter", "cc"]),
    unit(Kind::Volume, 1e-2, "cl", &["centiliter"]),
    unit(Kind::Volume, 1e-1, "dl", &["deciliter"]),
    unit(Kind::Volume, 1.0, "l", &["liter"]),
    unit(Kind::Volume, 1e3, "m³", &["cubic meter", "m3"]),
    unit(Kind::Volume, 1e-3, "cm³", &["cubic centimeter", "cm3"]),
    unit(Kind::Volume, 28.316_846_592, "ft³", &["cubic foot", "cubic feet", "ft3"]),
    unit(Kind::Volume, 0.004_928_921_593_75, "tsp", &["teaspoon"]),
    unit(Kind::Volume, 0.014_786_764_781_25, "tbsp", &["tablespoon"]),
    unit(Kind::Volume, 0.029_573_529_562_5, "fl oz", &["fluid ounce", "floz"]),
    unit(Kind::Volume, 0.236_588_236_5, "cup", &[]),
    unit(Kind::Volume, 0.473_176_473, "pt", &["pint"]),
    unit(Kind::Volume, 0.946_352_946, "qt", &["quart"]),
    unit(Kind::Volume, 3.785_411_784, "gal", &["gallon", "us gallon"]),
    unit(Kind::Volume, 4.546_09, "imp gal", &["imperial gallon", "uk gallon"]),
    unit(Kind::Volume, 158.987_294_928, "bbl", &["barrel"]),
    unit(Kind::Area, 1e-4, "cm²", &["square centimeter", "cm2", "sq cm"]),
    unit(Kind::Area, 1.0, "m²", &["square meter", "m2", "sq m", "sqm"]),
    unit(Kind::Area, 1e4, "ha", &["hectare"]),
    unit(Kind::Area, 1e6, "km²", &["square kilometer", "km2", "sq km"]),
    unit(Kind::Area, 6.4516e-4, "in²", &["square inch", "square inches", "in2", "sq in"]),
    unit(Kind::Area, 0.092_903_04, "ft²", &["square foot", "square feet", "ft2", "sq ft", "sqft"]),
    unit(Kind::Area, 0.836_127_36, "yd²", &["square yard", "yd2", "sq yd"]),
    unit(Kind::Area, 4_046.856_422_4, "ac", &["acre"]),
    unit(Kind::Area, 2_589_988.110_336, "mi²", &["square mile", "mi2", "sq mi"]),
    unit(Kind::Speed, 1.0, "m/s", &["meter per second", "meters per second", "mps"]),
    unit(
        Kind::Speed,
        1.0 / 3.6,
        "km/h",
        &["kilometer per hour", "kilometers per hour", "kmh", "kph"],
    ),
    unit(Kind::Speed, 0.447_04, "mph", &["mile per hour", "miles per hour", "mi/h"]),
    unit(Kind::Speed, 1852.0 / 3600.0, "kn", &["knot", "kt"]),
    unit(Kind::Speed, 0.3048, "ft/s", &["foot per second", "feet per second", "fps"]),
    unit(Kind::Time, 1e-3, "ms", &["millisecond"]),
    unit(Kind::Time, 1.0, "s", &["second", "sec"]),
    unit(Kind::Time, 60.0, "min", &["minute"]),
    unit(Kind::Time, 3_600.0, "h", &["hour", "hr"]),
    unit(Kind::Time, 86_400.0, "d", &["day"]),
    unit(Kind::Time, 604_800.0, "wk", &["week"]),
    unit(Kind::Time, 2_629_746.0, "mo", &["month"]),
    unit(Kind::Time, 31_556_952.0, "yr", &["year"]),
    unit(Kind::Data, 0.125, "bit", &[]),
    unit(Kind::Data, 1.0, "B", &["byte"]),
    unit(Kind::Data, 1e3, "kB", &["kilobyte"]),
    unit(Kind::Data, 1e6, "MB", &["megabyte", "meg"]),
    unit(Kind::Data, 1e9, "GB", &["gigabyte", "gig"]),
    unit(Kind::Data, 1e12, "TB", &["terabyte"]),
    unit(Kind::Data, 1e15, "PB", &["petabyte"]),
    unit(Kind::Data, 1024.0, "KiB", &["kibibyte"]),
    unit(Kind::Data, 1_048_576.0, "MiB", &["mebibyte"]),
    unit(Kind::Data, 1_073_741_824.0, "GiB", &["gibibyte"]),
    unit(Kind::Data, 1_099_511_627_776.0, "TiB", &["tebibyte"]),
    unit(Kind::Data, 125.0, "kbit", &["kilobit"]),
    unit(Kind::Data, 125_000.0, "Mbit", &["megabit"]),
    unit(Kind::Data, 125_000_000.0, "Gbit", &["gigabit"]),
    unit(Kind::Energy, 1.0, "J", &["joule"]),
    unit(Kind::Energy, 1e3, "kJ", &["kilojoule"]),
    unit(Kind::Energy, 4.184, "cal", &["small calorie"]),
    unit(Kind::Energy, 4_184.0, "kcal", &["kilocalorie", "calorie", "food calorie"]),
    unit(Kind::Energy, 3_600.0, "Wh", &["watt hour", "watt-hour"]),
    unit(Kind::Energy, 3_600_000.0, "kWh", &["kilowatt hour", "kilowatt-hour"]),
];

/// The unit of a name or symbol, singular or plural, in American or British spelling.
pub fn find(name: &str) -> Option<&'static Unit> {
    let exact = name.trim().trim_end_matches('.');
    if let Some(unit) = UNITS.iter().find(|unit| unit.symbol == exact) {
        return Some(unit);
    }
    let lower = exact.to_lowercase().replace("metre", "meter").replace("litre", "liter");
    let words: Vec<&str> = lower.split_whitespace().collect();
    let lower = words.join(" ");
    let named = |name: &str| {
        UNITS.iter().find(|unit| unit.symbol.to_lowercase() == name || unit.names.contains(&name))
    };
    named(&lower).or_else(|| named(lower.strip_suffix('s')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_units_as_people_write_them() {
        let cases = [
            ("km", "km"),
            ("Kilometres", "km"),
            ("lbs", "lb"),
            ("lbs.", "lb"),
            ("feet", "ft"),
            ("Inches", "in"),
            ("square  feet", "ft²"),
            ("gb", "GB"),
            ("MB", "MB"),
            ("MiB", "MiB"),
            ("KMH", "km/h"),
            ("knots", "kn"),
            ("stones", "st"),
            ("calories", "kcal"),
            ("hrs", "h"),
            ("bits", "bit"),
        ];
        for (name, symbol) in cases {
            assert_eq!(find(name).map(|unit| unit.symbol), Some(symbol), "{name}");
        }
        for name in ["", "s s", "parsnip", "dollars"] {
            assert!(find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn no_name_means_two_units() {
        let mut seen = std::collections::HashMap::new();
        for unit in UNITS {
            for name in
                unit.names.iter().map(|name| (*name).to_owned()).chain([unit.symbol.to_lowercase()])
            {
                if let Some(other) = seen.insert(name.clone(), unit.symbol) {
                    panic!("{name} means {other} and {}", unit.symbol);
                }
            }
        }
    }
}
