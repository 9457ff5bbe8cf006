//! Where the service is and what it is asked.

use crate::bindings::exports::hyfunc::weather::weather::Units;
use crate::place::Place;

/// The service's address, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// Whether `https`.
    pub secure: bool,
    /// Host, and the port where one was written.
    pub authority: String,
    /// What every path begins with; empty or `/` and no `/` at its end.
    pub prefix: String,
}

impl Address {
    /// Reads an address such as `https://api.open-meteo.com`.
    ///
    /// # Errors
    /// When it is not `http://` or `https://`, has no host, or holds a name, a query or a blank.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("the configured `base_url` {what}: write it like `https://api.open-meteo.com`")
        };
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("is neither http nor https")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty()
            || rest.contains(['@', '?', '#'])
            || rest.contains(char::is_whitespace)
        {
            return Err(wrong("is not a plain host with an optional port and path"));
        }
        Ok(Self { secure, authority: authority.into(), prefix: path.trim_end_matches('/').into() })
    }

    /// Host and port, for sentences about grants.
    pub fn host_and_port(&self) -> String {
        let named_port =
            self.authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        match (named_port, self.secure) {
            (true, _) => self.authority.clone(),
            (false, true) => format!("{}:443", self.authority),
            (false, false) => format!("{}:80", self.authority),
        }
    }
}

/// Path and query that ask for the weather at this moment.
pub fn current_path(place: &Place, units: Units) -> String {
    let fields =
        "temperature_2m,apparent_temperature,relative_humidity_2m,weather_code,wind_speed_10m";
    format!("{}&current={fields}", path(place, units))
}

/// Path and query that ask for the weather of the coming days.
pub fn forecast_path(place: &Place, days: u8, units: Units) -> String {
    let fields = "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum,precipitation_probability_max";
    format!("{}&daily={fields}&forecast_days={days}&timezone=auto", path(place, units))
}

fn path(place: &Place, units: Units) -> String {
    let units = match units {
        Units::Metric => "",
        Units::Imperial => {
            "&temperature_unit=fahrenheit&wind_speed_unit=mph&precipitation_unit=inch"
        }
    };
    format!("/v1/forecast?latitude={}&longitude={}{units}", place.latitude, place.longitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            (
                "https://api.open-meteo.com",
                true,
                "api.open-meteo.com",
                "",
                "api.open-meteo.com:443",
            ),
            ("http://127.0.0.1:8080/", false, "127.0.0.1:8080", "", "127.0.0.1:8080"),
            (" HTTP://localhost/mock/ ", false, "localhost", "/mock", "localhost:80"),
            ("http://[::1]:9000", false, "[::1]:9000", "", "[::1]:9000"),
            ("https://[::1]", true, "[::1]", "", "[::1]:443"),
        ];
        for (url, secure, authority, prefix, host_and_port) in cases {
            let address = Address::parse(url).expect(url);
            assert_eq!(address.host_and_port(), host_and_port);
            assert_eq!(
                address,
                Address { secure, authority: authority.into(), prefix: prefix.into() }
            );
        }
        for url in [
            "",
            "api.open-meteo.com",
            "ftp://host",
            "https://",
            "https:///path",
            "https://user@host",
            "https://host/?x=1",
            "https://ho st",
        ] {
            assert!(Address::parse(url).expect_err(url).contains("base_url"), "{url}");
        }
    }

    #[test]
    fn paths() {
        let place = Place { name: "x".into(), latitude: -1.5, longitude: 120.0 };
        let current = current_path(&place, Units::Metric);
        assert!(
            current.starts_with("/v1/forecast?latitude=-1.5&longitude=120&current=temperature_2m,"),
            "{current}"
        );
        let forecast = forecast_path(&place, 16, Units::Imperial);
        assert!(
            forecast.contains("&forecast_days=16&")
                && forecast.contains("temperature_unit=fahrenheit"),
            "{forecast}"
        );
    }
}
