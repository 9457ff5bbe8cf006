//! The time zone of a place: a city, a zone's name, an abbreviation, an offset.

use jiff::tz::{self, Offset, TimeZone};

/// Places that the tz database calls otherwise: abbreviations are taken as the region that
/// uses them, with its summer time.
const ALIASES: &[(&str, &str)] = &[
    ("utc", "UTC"),
    ("gmt", "UTC"),
    ("z", "UTC"),
    ("est", "America/New_York"),
    ("edt", "America/New_York"),
    ("et", "America/New_York"),
    ("eastern", "America/New_York"),
    ("cst", "America/Chicago"),
    ("cdt", "America/Chicago"),
    ("ct", "America/Chicago"),
    ("central", "America/Chicago"),
    ("mst", "America/Denver"),
    ("mdt", "America/Denver"),
    ("mt", "America/Denver"),
    ("mountain", "America/Denver"),
    ("pst", "America/Los_Angeles"),
    ("pdt", "America/Los_Angeles"),
    ("pt", "America/Los_Angeles"),
    ("pacific", "America/Los_Angeles"),
    ("bst", "Europe/London"),
    ("wet", "Europe/Lisbon"),
    ("cet", "Europe/Berlin"),
    ("cest", "Europe/Berlin"),
    ("eet", "Europe/Athens"),
    ("eest", "Europe/Athens"),
    ("msk", "Europe/Moscow"),
    ("ist", "Asia/Kolkata"),
    ("sgt", "Asia/Singapore"),
    ("hkt", "Asia/Hong_Kong"),
    ("jst", "Asia/Tokyo"),
    ("kst", "Asia/Seoul"),
    ("aest", "Australia/Sydney"),
    ("aedt", "Australia/Sydney"),
    ("nzst", "Pacific/Auckland"),
    ("nyc", "America/New_York"),
    ("boston", "America/New_York"),
    ("washington", "America/New_York"),
    ("miami", "America/New_York"),
    ("atlanta", "America/New_York"),
    ("philadelphia", "America/New_York"),
    ("houston", "America/Chicago"),
    ("dallas", "America/Chicago"),
    ("austin", "America/Chicago"),
    ("san francisco", "America/Los_Angeles"),
    ("seattle", "America/Los_Angeles"),
    ("san diego", "America/Los_Angeles"),
    ("las vegas", "America/Los_Angeles"),
    ("california", "America/Los_Angeles"),
    ("la", "America/Los_Angeles"),
    ("montreal", "America/Toronto"),
    ("rio de janeiro", "America/Sao_Paulo"),
    ("mumbai", "Asia/Kolkata"),
    ("delhi", "Asia/Kolkata"),
    ("new delhi", "Asia/Kolkata"),
    ("bangalore", "Asia/Kolkata"),
    ("bengaluru", "Asia/Kolkata"),
    ("chennai", "Asia/Kolkata"),
    ("india", "Asia/Kolkata"),
    ("beijing", "Asia/Shanghai"),
    ("shenzhen", "Asia/Shanghai"),
    ("china", "Asia/Shanghai"),
    ("osaka", "Asia/Tokyo"),
    ("kyoto", "Asia/Tokyo"),
    ("abu dhabi", "Asia/Dubai"),
    ("tel aviv", "Asia/Jerusalem"),
    ("cape town", "Africa/Johannesburg"),
    ("munich", "Europe/Berlin"),
    ("hamburg", "Europe/Berlin"),
    ("cologne", "Europe/Berlin"),
    ("frankfurt", "Europe/Berlin"),
    ("germany", "Europe/Berlin"),
    ("france", "Europe/Paris"),
    ("italy", "Europe/Rome"),
    ("milan", "Europe/Rome"),
    ("spain", "Europe/Madrid"),
    ("barcelona", "Europe/Madrid"),
    ("geneva", "Europe/Zurich"),
    ("uk", "Europe/London"),
    ("england", "Europe/London"),
    ("manchester", "Europe/London"),
    ("edinburgh", "Europe/London"),
    ("canberra", "Australia/Sydney"),
    ("wellington", "Pacific/Auckland"),
    ("hawaii", "Pacific/Honolulu"),
];

/// The zone of a place.
///
/// # Errors
/// A sentence that says what else to write.
pub fn zone(place: &str) -> Result<TimeZone, String> {
    let name = fold(place);
    let name = name.strip_suffix(" time").unwrap_or(&name).trim();
    find(name).ok_or_else(|| {
        format!(
            "I know no time zone for \"{place}\"; name a larger city in the same zone, a zone such as Europe/Berlin, or an offset such as UTC+2"
        )
    })
}

/// The name of a zone, or its offset where it has none.
pub fn zone_name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => zone
            .to_fixed_offset()
            .map_or_else(|_| "UTC".to_owned(), |offset| format!("UTC{offset}")),
    }
}

fn find(name: &str) -> Option<TimeZone> {
    if let Some((_, zone)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return TimeZone::get(zone).ok();
    }
    if let Some(offset) =
        name.strip_prefix("utc").or_else(|| name.strip_prefix("gmt")).and_then(offset)
    {
        return Some(TimeZone::fixed(offset));
    }
    if name.contains('/') {
        return TimeZone::get(&name.replace(' ', "_")).ok();
    }
    // Berlin is the last part of Europe/Berlin, and of nothing else that matters.
    let city = tz::db()
        .available()
        .find(|zone| zone.as_str().rsplit_once('/').is_some_and(|(_, city)| fold(city) == name))
        .map(|zone| zone.as_str().to_owned());
    TimeZone::get(&city?).ok()
}

/// `+2`, `-03:30`, `+ 5`.
fn offset(text: &str) -> Option<Offset> {
    let text = text.replace(' ', "");
    let (sign, clock) = match text.strip_prefix('+') {
        Some(clock) => (1, clock),
        None => (-1, text.strip_prefix(['-', '−'])?),
    };
    let (hours, minutes) = clock.split_once(':').unwrap_or((clock, "0"));
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60)).ok()
}

/// Small letters without the accents that cities carry, words divided by single spaces.
fn fold(text: &str) -> String {
    let plain = text
        .to_lowercase()
        .chars()
        .map(|letter| match letter {
            'á' | 'à' | 'ã' | 'â' | 'ä' | 'å' => 'a',
            'é' | 'è' | 'ê' => 'e',
            'í' | 'ì' => 'i',
            'ó' | 'ò' | 'õ' | 'ô' | 'ö' | 'ø' => 'o',
            'ú' | 'ù' | 'ü' => 'u',
            'ç' => 'c',
            '_' | ',' | '.' => ' ',
            other => other,
        })
        .collect::<String>();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_places() {
        let cases = [
            ("Tokyo", "Asia/Tokyo"),
            ("new york", "America/New_York"),
            ("São Paulo", "America/Sao_Paulo"),
            ("Zürich", "Europe/Zurich"),
            ("PST", "America/Los_Angeles"),
            ("Pacific time", "America/Los_Angeles"),
            ("europe/berlin", "Europe/Berlin"),
            ("America/New York", "America/New_York"),
            ("Buenos Aires", "America/Argentina/Buenos_Aires"),
            ("UTC+2", "UTC+02"),
            ("GMT -3:30", "UTC-03:30"),
            ("utc", "UTC"),
        ];
        for (place, expected) in cases {
            assert_eq!(
                zone(place).map(|zone| zone_name(&zone)).as_deref(),
                Ok(expected),
                "{place}"
            );
        }
    }

    #[test]
    fn every_alias_names_a_zone() {
        for (alias, _) in ALIASES {
            assert!(zone(alias).is_ok(), "{alias}");
        }
    }

    #[test]
    fn says_what_to_write_for_an_unknown_place() {
        for place in ["", "Atlantis", "UTC+99", "Europe/Nowhere"] {
            let error = zone(place).expect_err(place);
            assert!(error.contains("such as Europe/Berlin"), "{error}");
        }
    }
}
