//! Lengths and directions on the globe.

use hyfunc_places::City;

/// Mean radius of the earth. Taking it for a sphere is off by 0.5 % at most.
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

const WINDS: [&str; 16] = [
    "north",
    "north-northeast",
    "northeast",
    "east-northeast",
    "east",
    "east-southeast",
    "southeast",
    "south-southeast",
    "south",
    "south-southwest",
    "southwest",
    "west-southwest",
    "west",
    "west-northwest",
    "northwest",
    "north-northwest",
];

/// Length of the great circle between two cities, in kilometres.
pub fn distance_km(origin: &City, destination: &City) -> f64 {
    let (start, end) = (origin.latitude.to_radians(), destination.latitude.to_radians());
    let half_latitude = (end - start) / 2.0;
    let half_longitude = (destination.longitude - origin.longitude).to_radians() / 2.0;
    let haversine =
        half_latitude.sin().powi(2) + start.cos() * end.cos() * half_longitude.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * haversine.clamp(0.0, 1.0).sqrt().asin()
}

/// Direction in which the great circle leaves its origin: degrees clockwise from north, in tenths,
/// 0 to below 360. `None` when there is no way to go.
pub fn bearing_degrees(origin: &City, destination: &City) -> Option<f64> {
    if distance_km(origin, destination) < 0.1 {
        return None;
    }
    let (start, end) = (origin.latitude.to_radians(), destination.latitude.to_radians());
    let turn = (destination.longitude - origin.longitude).to_radians();
    let east = turn.sin() * end.cos();
    let north = start.cos() * end.sin() - start.sin() * end.cos() * turn.cos();
    Some(tenths(east.atan2(north).to_degrees().rem_euclid(360.0)) % 360.0)
}

/// The nearest of the sixteen winds.
pub fn wind(degrees: f64) -> &'static str {
    WINDS[(degrees / 22.5).round() as usize % WINDS.len()]
}

/// Rounded to one digit behind the point.
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn city(name: &str) -> &'static City {
        hyfunc_places::find_city(name).expect(name)
    }

    #[test]
    fn bearings() {
        let cases = [
            ("Munich", "Rome", 175.0, "south"),
            ("Seattle", "Tokyo", 302.0, "west-northwest"),
            ("Madrid", "Barcelona", 75.8, "east-northeast"),
            ("Oslo", "Copenhagen", 167.0, "south-southeast"),
        ];
        for (from, to, degrees, name) in cases {
            let bearing = bearing_degrees(city(from), city(to)).expect("two places");
            assert!((bearing - degrees).abs() < 3.0, "{from} {to} {bearing}");
            assert_eq!(wind(bearing), name, "{from} {to} {bearing}");
        }
        assert_eq!(bearing_degrees(city("Rome"), city("Rome")), None);
    }

    #[test]
    fn winds_at_the_borders() {
        for (degrees, name) in [
            (0.0, "north"),
            (11.2, "north"),
            (11.3, "north-northeast"),
            (348.8, "north"),
            (359.9, "north"),
            (180.0, "south"),
        ] {
            assert_eq!(wind(degrees), name, "{degrees}");
        }
    }

    #[test]
    fn a_distance_is_the_same_both_ways_and_at_most_half_way_round() {
        for from in hyfunc_places::cities() {
            let there = distance_km(from, city("Wellington"));
            assert!((there - distance_km(city("Wellington"), from)).abs() < 1e-6);
            assert!((0.0..=20_016.0).contains(&there), "{} {there}", from.name);
        }
    }
}
