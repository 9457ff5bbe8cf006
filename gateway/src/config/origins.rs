//! `server.cors_origins`: pages of other sites that may ask.

use super::ConfigError;

/// Checks that each is one origin, as browsers write it: anything else would never be sent.
///
/// # Errors
/// A star, a path, capital letters, or no scheme.
pub(super) fn check(origins: &[String]) -> Result<(), ConfigError> {
    let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) else { return Ok(()) };
    let reason = match wrong.as_str() {
        "*" => "`*` would let every web page ask; name each origin, as https://app.example".into(),
        _ => format!(
            "`{wrong}` is no origin; write scheme, host and, where it is not the usual one, port, \
             in small letters and nothing after them, as https://app.example"
        ),
    };
    Err(ConfigError::Value { key: "server.cors_origins", reason })
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
    ["http", "https"].contains(&scheme)
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.ends_with(':')
        && !authority.ends_with(usual)
        && authority.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for (text, is_one) in [
            ("https://app.example", true),
            ("http://app.example:8080", true),
            ("https://app.example:80", true),
            ("http://[::1]:3000", true),
            ("https://app.example/", false),
            ("https://app.example:443", false),
            ("http://app.example:80", false),
            ("https://App.example", false),
            ("https://*.example", false),
            ("https://", false),
            ("https://:80", false),
            ("https://app.example:", false),
            ("app.example", false),
            ("file:///page", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            let checked = check(&[text.to_owned()]).map_err(|error| error.to_string());
            assert_eq!(checked.is_ok(), is_one, "{text}: {checked:?}");
            let error = checked.err().unwrap_or_default();
            assert!(is_one || error.contains("https://app.example"), "{text}: {error}");
        }
        assert!(check(&[]).is_ok());
    }
}
