//! Countries, by the names that people use.

use crate::city::cities;
use crate::spelling::fold;

/// Other names, folded, and the name in the table.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("america", "United States"),
    ("britain", "United Kingdom"),
    ("burma", "Myanmar"),
    ("cape verde", "Cabo Verde"),
    ("cote divoire", "Ivory Coast"),
    ("czech republic", "Czechia"),
    ("democratic republic of the congo", "DR Congo"),
    ("emirates", "United Arab Emirates"),
    ("england", "United Kingdom"),
    ("great britain", "United Kingdom"),
    ("holland", "Netherlands"),
    ("korea", "South Korea"),
    ("macau", "Macao"),
    ("macedonia", "North Macedonia"),
    ("republic of ireland", "Ireland"),
    ("republic of korea", "South Korea"),
    ("russian federation", "Russia"),
    ("scotland", "United Kingdom"),
    ("turkey", "Türkiye"),
    ("u k", "United Kingdom"),
    ("u s", "United States"),
    ("u s a", "United States"),
    ("uae", "United Arab Emirates"),
    ("uk", "United Kingdom"),
    ("united states of america", "United States"),
    ("us", "United States"),
    ("usa", "United States"),
    ("wales", "United Kingdom"),
];

/// The country's name as the table of cities has it; `None` where it has no city of that country.
pub fn find_country(name: &str) -> Option<&'static str> {
    let folded = fold(name);
    let wanted = folded.strip_prefix("the ").unwrap_or(&folded);
    if let Some((_, country)) = OTHER_NAMES.iter().find(|(other, _)| *other == wanted) {
        return Some(country);
    }
    cities().iter().map(|city| city.country).find(|country| fold(country) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_countries() {
        let cases = [
            ("Brazil", Some("Brazil")),
            ("the UK", Some("United Kingdom")),
            ("U.S.", Some("United States")),
            ("The Netherlands", Some("Netherlands")),
            ("turkiye", Some("Türkiye")),
            ("Côte d'Ivoire", Some("Ivory Coast")),
            ("Atlantis", None),
            ("", None),
        ];
        for (name, country) in cases {
            assert_eq!(find_country(name), country, "{name}");
        }
    }

    #[test]
    fn other_names_lead_to_countries_with_cities() {
        for (other, country) in OTHER_NAMES {
            assert!(cities().iter().any(|city| city.country == *country), "{other}");
        }
    }
}
