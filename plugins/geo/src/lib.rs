//! Distances, directions, neighbours and time zones of well-known cities.

#![warn(missing_docs)]

mod clock;
mod globe;
mod ranking;

#[allow(missing_docs, unsafe_code, reason = "generated from the WIT")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "geo" });
    use super::Geo;
    export!(Geo);
}

use bindings::exports::hyfunc::geo::cities::{
    City, Guest, Heading, Leg, LengthUnit, Neighbour, Zone,
};
use hyfunc_places as places;

/// How many cities are listed when nobody says.
const COUNT_DEFAULT: u8 = 5;
/// Most cities that are listed.
const COUNT_MAX: u8 = 20;

struct Geo;

impl Guest for Geo {
    fn distance(from: String, to: String, unit: Option<LengthUnit>) -> Result<Leg, String> {
        let (origin, destination) = (find(&from)?, find(&to)?);
        let unit = unit.unwrap_or(LengthUnit::Kilometers);
        let length = globe::distance_km(origin, destination) / kilometers_in(unit);
        Ok(Leg {
            origin: origin.name.into(),
            destination: destination.name.into(),
            length: globe::tenths(length),
            unit,
        })
    }

    fn direction(from: String, to: String) -> Result<Heading, String> {
        let (origin, destination) = (find(&from)?, find(&to)?);
        let degrees = globe::bearing_degrees(origin, destination).ok_or_else(|| {
            format!("{} and {} are the same place: name two cities", origin.name, destination.name)
        })?;
        Ok(Heading {
            origin: origin.name.into(),
            destination: destination.name.into(),
            degrees: degrees as f32,
            wind: globe::wind(degrees).into(),
        })
    }

    fn find_city(name: String) -> Result<City, String> {
        find(&name).map(describe)
    }

    fn nearest(city: String, count: Option<u8>) -> Result<Vec<Neighbour>, String> {
        let near = ranking::nearest(find(&city)?, checked_count(count)?);
        Ok(near
            .into_iter()
            .map(|(city, kilometers)| Neighbour {
                name: city.name.into(),
                country: city.country.into(),
                kilometers,
            })
            .collect())
    }

    fn largest(country: Option<String>, count: Option<u8>) -> Result<Vec<City>, String> {
        let count = checked_count(count)?;
        let country = country.map(|name| {
            places::find_country(&name).ok_or_else(|| format!("no city of the country `{}` is known here: write its usual English name, such as `Brazil`, or leave it out for the whole world", name.trim().chars().take(80).collect::<String>()))
        });
        Ok(ranking::largest(country.transpose()?, count).into_iter().map(describe).collect())
    }

    fn time_zone(city: String) -> Result<Zone, String> {
        let city = find(&city)?;
        let reading = clock::read(city.zone, jiff::Timestamp::now())
            .map_err(|error| format!("the clock of {} cannot be read: {error}", city.name))?;
        Ok(Zone {
            city: city.name.into(),
            name: city.zone.into(),
            offset: reading.offset,
            offset_minutes: reading.offset_minutes,
            daylight_saving: reading.daylight_saving,
        })
    }
}

fn find(name: &str) -> Result<&'static places::City, String> {
    places::find_city(name).map_err(|unknown| unknown.to_string())
}

fn checked_count(count: Option<u8>) -> Result<usize, String> {
    match count.unwrap_or(COUNT_DEFAULT) {
        count @ 1..=COUNT_MAX => Ok(count.into()),
        count => Err(format!("{count} cities cannot be listed: ask for 1 to {COUNT_MAX}")),
    }
}

fn kilometers_in(unit: LengthUnit) -> f64 {
    match unit {
        LengthUnit::Kilometers => 1.0,
        LengthUnit::Miles => 1.609_344,
        LengthUnit::NauticalMiles => 1.852,
    }
}

fn describe(city: &'static places::City) -> City {
    City {
        name: city.name.into(),
        country: city.country.into(),
        latitude: city.latitude,
        longitude: city.longitude,
        time_zone: city.zone.into(),
        population: city.population,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let cases = [
            ("Paris", "Berlin", None, 878.0, 5.0),
            ("New York", "London", Some(LengthUnit::Miles), 3461.0, 10.0),
            ("lisbon", "casablanca", Some(LengthUnit::NauticalMiles), 319.0, 8.0),
            ("Quito", "quito", None, 0.0, 0.0),
        ];
        for (from, to, unit, expected, tolerance) in cases {
            let leg = Geo::distance(from.into(), to.into(), unit).expect(from);
            assert!((leg.length - expected).abs() <= tolerance, "{from} {to} {}", leg.length);
        }
        let error = Geo::distance("Paris".into(), "Lisbno".into(), None).expect_err("no such city");
        assert!(error.contains("did you mean Lisbon, Portugal?"), "{error}");
    }

    #[test]
    fn counts_are_checked() {
        assert_eq!(Geo::nearest("Vienna".into(), None).expect("known").len(), 5);
        assert_eq!(Geo::nearest("Vienna".into(), Some(20)).expect("known").len(), 20);
        for count in [0, 21, 255] {
            let error = Geo::nearest("Vienna".into(), Some(count)).expect_err("out of bounds");
            assert!(error.contains("1 to 20"), "{error}");
        }
    }

    #[test]
    fn the_same_place_has_no_direction() {
        let error = Geo::direction("Rome".into(), "roma".into()).expect_err("one place");
        assert!(error.contains("name two cities"), "{error}");
    }

    #[test]
    fn countries_are_checked() {
        let largest = Geo::largest(Some("the UK".into()), Some(1)).expect("known");
        assert_eq!(largest[0].name, "London");
        let error = Geo::largest(Some("Atlantis".into()), None).expect_err("no such country");
        assert!(error.contains("Atlantis") && error.contains("leave it out"), "{error}");
    }

    #[test]
    fn every_city_has_a_clock() {
        for city in places::cities() {
            clock::read(city.zone, jiff::Timestamp::UNIX_EPOCH).expect(city.zone);
        }
    }
}
