//! The nearest and the largest cities.

use hyfunc_places::{City, cities};

use crate::globe::{distance_km, tenths};

/// The cities closest to one, nearest first, with their distance in kilometres.
pub fn nearest(center: &City, count: usize) -> Vec<(&'static City, f64)> {
    let others = cities().iter().filter(|city| *city != center);
    let mut ranked: Vec<_> = others.map(|city| (city, tenths(distance_km(center, city)))).collect();
    ranked.sort_by(|left, right| left.1.total_cmp(&right.1));
    ranked.truncate(count);
    ranked
}

/// The cities with most inhabitants, of one country or of all, largest first.
pub fn largest(country: Option<&str>, count: usize) -> Vec<&'static City> {
    let mut ranked: Vec<_> =
        cities().iter().filter(|city| country.is_none_or(|name| city.country == name)).collect();
    ranked.sort_by_key(|city| std::cmp::Reverse(city.population));
    ranked.truncate(count);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        let vienna = hyfunc_places::find_city("Vienna").expect("known");
        let near = nearest(vienna, 3);
        assert_eq!(near[0].0.name, "Bratislava");
        assert!(near.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert_eq!(nearest(vienna, 10_000).len(), cities().len() - 1);
    }

    #[test]
    fn largest_of_a_country() {
        let cases = [
            (Some("Japan"), "Tokyo"),
            (Some("Brazil"), "São Paulo"),
            (Some("Luxembourg"), "Luxembourg"),
        ];
        for (country, first) in cases {
            assert_eq!(largest(country, 1)[0].name, first);
        }
        assert!(largest(Some("Atlantis"), 5).is_empty());
        assert_eq!(largest(None, 20).len(), 20);
    }
}
