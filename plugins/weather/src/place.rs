//! The place that is asked about.

use hyfunc_places::find_city;

/// A point on the map and what to call it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// For the answer.
    pub name: String,
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
}

impl Place {
    /// A city by its name, or any place by `latitude, longitude`.
    ///
    /// # Errors
    /// When the name is not known or the coordinates are not on the globe.
    pub fn find(text: &str) -> Result<Self, String> {
        if let Some(place) = coordinates(text)? {
            return Ok(place);
        }
        let city = find_city(text).map_err(|unknown| {
            format!("{unknown} (or give latitude and longitude, such as `46.02, 7.75`)")
        })?;
        Ok(Self { name: city.name.into(), latitude: city.latitude, longitude: city.longitude })
    }
}

/// `None` when the text is no pair of numbers.
fn coordinates(text: &str) -> Result<Option<Place>, String> {
    let Some((latitude, longitude)) = text.split_once(',') else {
        return Ok(None);
    };
    let (Ok(latitude), Ok(longitude)) =
        (latitude.trim().parse::<f64>(), longitude.trim().parse::<f64>())
    else {
        return Ok(None);
    };
    // Written so that NaN is refused too.
    if !(latitude.abs() <= 90.0 && longitude.abs() <= 180.0) {
        return Err(format!(
            "{latitude}, {longitude} is not on the globe: latitudes go from -90 to 90, longitudes from -180 to 180"
        ));
    }
    Ok(Some(Place { name: format!("{latitude}, {longitude}"), latitude, longitude }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let cases = [
            ("nyc", "New York", 40.714),
            ("46.02, 7.75", "46.02, 7.75", 46.02),
            ("-33.9,18.4", "-33.9, 18.4", -33.9),
            ("San José, Costa Rica", "San José", 9.934),
        ];
        for (text, name, latitude) in cases {
            let place = Place::find(text).expect(text);
            assert_eq!((place.name.as_str(), place.latitude), (name, latitude), "{text}");
        }
    }

    #[test]
    fn what_is_no_place_is_explained() {
        for (text, part) in [
            ("91, 0", "not on the globe"),
            ("NaN, 0", "not on the globe"),
            ("0, inf", "not on the globe"),
            ("Lisbno", "did you mean Lisbon"),
            ("", "no city was named"),
        ] {
            let error = Place::find(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
