//! Weather codes of the World Meteorological Organization, in words.

/// What a code means, to stand behind "with"; codes that the service does not use are told as
/// they are.
pub fn describe(code: u8) -> String {
    let words = match code {
        0 => "a clear sky",
        1 => "a mostly clear sky",
        2 => "some clouds",
        3 => "an overcast sky",
        45 => "fog",
        48 => "freezing fog",
        51 => "light drizzle",
        53 => "drizzle",
        55 => "heavy drizzle",
        56 | 57 => "freezing drizzle",
        61 => "light rain",
        63 => "rain",
        65 => "heavy rain",
        66 | 67 => "freezing rain",
        71 => "light snow",
        73 => "snow",
        75 => "heavy snow",
        77 => "snow grains",
        80 => "light rain showers",
        81 => "rain showers",
        82 => "violent rain showers",
        85 => "light snow showers",
        86 => "heavy snow showers",
        95 => "a thunderstorm",
        96 | 99 => "a thunderstorm with hail",
        other => return format!("weather of code {other}"),
    };
    words.into()
}
