//! The table itself.

use std::sync::OnceLock;

const TABLE: &str = include_str!("cities.txt");

/// A city of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct City {
    /// Its usual English name.
    pub name: &'static str,
    /// Country, by its usual English name.
    pub country: &'static str,
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
    /// Zone of the tz database.
    pub zone: &'static str,
    /// People living in the city proper.
    pub population: u32,
    /// Other names of it, separated by commas.
    pub(crate) other_names: &'static str,
}

impl City {
    /// Every name of it, the usual one first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let others = self.other_names.split(',').filter(|name| !name.is_empty());
        std::iter::once(self.name).chain(others)
    }
}

/// All cities, by name.
pub fn cities() -> &'static [City] {
    static CITIES: OnceLock<Vec<City>> = OnceLock::new();
    CITIES.get_or_init(|| TABLE.lines().filter_map(read_line).collect())
}

/// Comments and lines that are no city give `None`; a test sees to it that there are none of the
/// latter.
fn read_line(line: &'static str) -> Option<City> {
    if line.starts_with('#') {
        return None;
    }
    let mut columns = line.split('|');
    Some(City {
        name: columns.next()?,
        country: columns.next()?,
        latitude: columns.next()?.parse().ok()?,
        longitude: columns.next()?.parse().ok()?,
        zone: columns.next()?,
        population: columns.next()?.parse().ok()?,
        other_names: columns.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_city() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(cities().len(), lines);
        assert!(lines > 400);
        for city in cities() {
            assert!(city.latitude.abs() <= 90.0 && city.longitude.abs() <= 180.0, "{city:?}");
            assert!(city.zone.contains('/'), "{city:?}");
            assert!(city.population > 1_000, "{city:?}");
        }
    }
}
