//! Finding the city that a person means.

use std::fmt;

use crate::city::{City, cities};
use crate::country::find_country;
use crate::spelling::{edits, fold};

/// Fewer letters than this are not compared for slips of the pen: too many names would be near.
const GUESS_CHARS_MIN: usize = 4;
/// No city's name is longer; what is, is not compared at all.
const NAME_CHARS_MAX: usize = 80;

/// No city of that name is in the table.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownPlace {
    /// What was asked for, cut to a sensible length.
    pub name: String,
    /// A city of the table that may be meant.
    pub guess: Option<City>,
}

impl fmt::Display for UnknownPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return write!(
                out,
                "no city was named: give one such as `Paris` or `San José, Costa Rica`"
            );
        }
        write!(
            out,
            "`{}` is not among the {} cities that are known here",
            self.name,
            cities().len()
        )?;
        match &self.guess {
            Some(city) => write!(out, "; did you mean {}, {}?", city.name, city.country),
            None => write!(out, "; name a large city near it instead"),
        }
    }
}

impl std::error::Error for UnknownPlace {}

/// The city that is meant by `name`: any of its names, in any case, with or without accents, and
/// perhaps its country or its state behind it.
///
/// Where two cities share a name, the spelling decides, then the number of inhabitants.
///
/// # Errors
/// [`UnknownPlace`], with a guess where one is near.
pub fn find_city(name: &str) -> Result<&'static City, UnknownPlace> {
    let shown: String = name.trim().chars().take(NAME_CHARS_MAX).collect();
    let unknown = |guess| UnknownPlace { name: shown.clone(), guess };
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(unknown(None));
    }
    let folded = fold(name);
    let wanted =
        folded.strip_prefix("the city of ").or(folded.strip_prefix("city of ")).unwrap_or(&folded);
    if wanted.is_empty() {
        return Err(unknown(None));
    }
    named(name.trim(), wanted).or_else(|| in_country(name)).ok_or_else(|| unknown(guess(wanted)))
}

fn named(exact: &str, folded: &str) -> Option<&'static City> {
    let spelled = exact.to_lowercase();
    cities().iter().filter(|city| city.names().any(|name| fold(name) == folded)).max_by_key(
        |city| (city.names().any(|name| name.to_lowercase() == spelled), city.population),
    )
}

/// `Paris, France`: what is behind the last comma must be the country, so that `Paris, Texas` is
/// not taken for the one in France.
fn in_country(text: &str) -> Option<&'static City> {
    let (name, country) = text.rsplit_once(',')?;
    let country = find_country(country)?;
    let wanted = fold(name);
    cities()
        .iter()
        .filter(|city| city.country == country && city.names().any(|name| fold(name) == wanted))
        .max_by_key(|city| city.population)
}

/// The nearest name, when it takes at most one edit for each four letters.
fn guess(wanted: &str) -> Option<City> {
    let chars = wanted.chars().count();
    if chars < GUESS_CHARS_MIN {
        return None;
    }
    let distance = |city: &City| {
        city.names().map(|name| edits(&fold(name), wanted)).min().unwrap_or(usize::MAX)
    };
    let nearest = cities().iter().map(|city| (distance(city), city));
    let (distance, city) =
        nearest.min_by_key(|(distance, city)| (*distance, u32::MAX - city.population))?;
    // A name with a place behind it that does not fit: say which city of that name is known.
    let head = wanted.split(' ').next().unwrap_or(wanted);
    (distance <= chars.div_ceil(4)).then_some(*city).or_else(|| named(head, head).copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_people_use() {
        let cases = [
            ("Paris", "Paris", "France"),
            ("  paris ", "Paris", "France"),
            ("Paris, France", "Paris", "France"),
            ("NYC", "New York", "United States"),
            ("the city of London", "London", "United Kingdom"),
            ("München", "Munich", "Germany"),
            ("munchen", "Munich", "Germany"),
            ("Washington, D.C.", "Washington", "United States"),
            ("Portland, Oregon", "Portland", "United States"),
            ("San Jose", "San Jose", "United States"),
            ("San José", "San José", "Costa Rica"),
            ("San Jose, Costa Rica", "San José", "Costa Rica"),
            ("st petersburg", "Saint Petersburg", "Russia"),
            ("Sao Paulo", "São Paulo", "Brazil"),
            ("Birmingham, UK", "Birmingham", "United Kingdom"),
        ];
        for (name, city, country) in cases {
            let found = find_city(name).unwrap_or_else(|unknown| panic!("{unknown}"));
            assert_eq!((found.name, found.country), (city, country), "{name}");
        }
    }

    #[test]
    fn unknown_names() {
        let cases = [
            ("Lisbno", Some("Lisbon")),
            ("Copenhagn", Some("Copenhagen")),
            ("Paris, Texas", Some("Paris")),
            ("Xyzzyville", None),
            ("zz", None),
            ("", None),
            ("?!", None),
        ];
        for (name, guess) in cases {
            let unknown = find_city(name).expect_err(name);
            assert_eq!(unknown.guess.map(|city| city.name), guess, "{name}");
        }
    }

    #[test]
    fn a_hostile_name_is_cut() {
        let unknown = find_city(&"x".repeat(100_000)).expect_err("no such city");
        assert!(unknown.to_string().len() < 300);
    }

    #[test]
    fn every_city_is_found_by_its_name_and_country() {
        for city in cities() {
            let found = find_city(&format!("{}, {}", city.name, city.country)).expect(city.name);
            assert_eq!(found, city);
        }
    }
}
