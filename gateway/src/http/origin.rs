//! Whether a request may come from where it says.
//!
//! A gateway without keys that listens on loopback can still be reached by any web page, through
//! the browser of whoever runs it. A page names itself in `Origin`; one that points a name of its
//! own at 127.0.0.1 names itself in `Host`. What is said twice is refused wherever it comes from:
//! somebody on the way may have read the other one.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::RequestError;

/// Lets through what this machine sent, and pages of the origins that were named. With `local_only`
/// unset, everything that is clear.
pub fn check(headers: &HeaderMap, local_only: bool, named: &[String]) -> Result<(), RequestError> {
    for (name, shown) in [(HOST, "host"), (ORIGIN, "origin")] {
        let Some(value) = only(headers, &name)? else { continue };
        if !local_only {
            continue;
        }
        let value = value.to_str().unwrap_or("");
        if name == ORIGIN && named.iter().any(|origin| origin == value) {
            continue;
        }
        let authority = value.split_once("://").map_or(value, |(_, authority)| authority);
        if !is_local(authority) {
            return Err(RequestError::Foreign { header: shown, value: value.to_owned() });
        }
    }
    Ok(())
}

/// The value of a header that may be sent once.
fn only<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, RequestError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    match values.next() {
        None => Ok(value),
        Some(_) => Err(RequestError::Field {
            param: name.to_string(),
            reason: "this header was sent twice; send it once".into(),
        }),
    }
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
            assert_eq!(check(&headers, true, &[]).is_ok(), passes, "{host} {origin:?}");
            assert!(check(&headers, false, &[]).is_ok(), "an operator may open it");
        }
        assert!(check(&HeaderMap::new(), true, &[]).is_ok(), "HTTP/1.0 has no Host");
    }

    #[test]
    fn a_page_that_was_named_may_ask_at_this_machine_alone() {
        let named = ["https://app.example".to_owned()];
        for (host, origin, passes) in [
            ("127.0.0.1:8080", "https://app.example", true),
            ("127.0.0.1:8080", "http://app.example", false),
            ("127.0.0.1:8080", "https://app.example:8443", false),
            ("127.0.0.1:8080", "https://app.example.evil.example", false),
            ("127.0.0.1:8080", "null", false),
            // A name that was pointed here is none of this machine's, whoever asks.
            ("app.example:8080", "https://app.example", false),
            ("https://app.example", "https://app.example", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            headers.insert(ORIGIN, origin.parse().unwrap());
            assert_eq!(check(&headers, true, &named).is_ok(), passes, "{host} {origin}");
        }
    }

    #[test]
    fn what_is_sent_twice_is_clear_to_nobody() {
        for name in [HOST, ORIGIN] {
            let mut headers = HeaderMap::new();
            for value in ["http://127.0.0.1:8080", "http://evil.example"] {
                headers.append(&name, value.parse().unwrap());
            }
            for local_only in [true, false] {
                let error = check(&headers, local_only, &[]).unwrap_err().to_string();
                assert!(error.contains(name.as_str()) && error.contains("once"), "{error}");
            }
        }
    }
}
