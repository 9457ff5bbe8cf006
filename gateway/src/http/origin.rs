//! Whether a request may come from where it says.
//!
//! A gateway without keys that listens on loopback can still be reached by any web page, through
//! the browser of whoever runs it. A page names itself in `Origin`; one that points a name of its
//! own at 127.0.0.1 names itself in `Host`.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use crate::error::RequestError;

/// Lets through what this machine sent. With `local_only` unset, everything.
pub fn check(headers: &HeaderMap, local_only: bool) -> Result<(), RequestError> {
    if !local_only {
        return Ok(());
    }
    for (name, shown) in [(HOST, "host"), (ORIGIN, "origin")] {
        let Some(value) = headers.get(name) else { continue };
        let value = value.to_str().unwrap_or("");
        let authority = value.split_once("://").map_or(value, |(_, authority)| authority);
        if !is_local(authority) {
            return Err(RequestError::Foreign { header: shown, value: value.to_owned() });
        }
    }
    Ok(())
}

/// Whether `host[:port]` is this machine, without asking anyone.
fn is_local(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_by_default() {
        for (host, origin, passes) in [
            ("127.0.0.1:8080", None, true),
            ("localhost:8080", None, true),
            ("LocalHost", None, true),
            ("[::1]:8080", None, true),
            ("127.0.0.1:8080", Some("http://localhost:3000"), true),
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080"), true),
            ("127.0.0.1:8080", Some("https://evil.example"), false),
            ("127.0.0.1:8080", Some("null"), false),
            ("127.0.0.1:8080", Some("http://localhost.evil.example"), false),
            ("127.0.0.1:8080", Some("http://127.0.0.1.evil.example:80"), false),
            ("evil.example:8080", None, false),
            ("10.0.0.1:8080", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(check(&headers, true).is_ok(), passes, "{host} {origin:?}");
            assert!(check(&headers, false).is_ok(), "an operator may open it");
        }
        assert!(check(&HeaderMap::new(), true).is_ok(), "HTTP/1.0 has no Host");
    }
}
