//! Credentials that the host adds to requests of plugins, which never see them.

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::Scheme;

use crate::grants::normal_host;
use crate::host::http::Destination;

/// Headers that say how a request is sent, and not who sends it.
const RESERVED: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header of the requests of one plugin to one place.
#[derive(Clone, Debug)]
pub struct Credential {
    plugin: String,
    host: String,
    port: u16,
    tls: bool,
    header: HeaderName,
    /// Shown to nobody, not even by `Debug`.
    value: HeaderValue,
}

/// Why a credential cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not an origin.
    #[error(
        "`{origin}` is no place: write it as https://api.example.com, with its port if it has one"
    )]
    Origin {
        /// As written.
        origin: String,
    },
    /// Not a header that may be added.
    #[error("`{header}` is no header for credentials: name one such as authorization or x-api-key")]
    Header {
        /// As written.
        header: String,
    },
    /// Not the value of a header.
    #[error("what is to be sent must be one line of ASCII, such as `Bearer …`, and not empty")]
    Value,
}

impl Credential {
    /// For a plugin's requests to an origin, `https://api.example.com`: a header and its whole value.
    ///
    /// # Errors
    /// An origin, a header or a value that is none.
    pub fn new(
        plugin: &str,
        origin: &str,
        header: &str,
        value: &str,
    ) -> Result<Self, CredentialError> {
        let (tls, host, port) =
            place(origin).ok_or_else(|| CredentialError::Origin { origin: origin.to_owned() })?;
        let name = HeaderName::from_bytes(header.to_ascii_lowercase().as_bytes()).ok();
        let name = name.filter(|name| !RESERVED.contains(&name.as_str()));
        let header = name.ok_or_else(|| CredentialError::Header { header: header.to_owned() })?;
        let value = value.trim();
        let mut value = HeaderValue::from_str(value).map_err(|_| CredentialError::Value)?;
        if value.is_empty() {
            return Err(CredentialError::Value);
        }
        value.set_sensitive(true);
        Ok(Self { plugin: plugin.to_owned(), host, port, tls, header, value })
    }

    /// Whether it is for requests of a plugin.
    pub(crate) fn is_of(&self, plugin: &str) -> bool {
        self.plugin == plugin
    }

    /// Adds it to a request that goes to its place; whatever the guest wrote there gives way.
    pub(crate) fn add(&self, destination: &Destination, headers: &mut HeaderMap) {
        let Destination { host, port, tls, .. } = destination;
        if (&self.host, &self.port, &self.tls) == (host, port, tls) {
            headers.insert(self.header.clone(), self.value.clone());
        }
    }
}

/// Whether it is encrypted, the host as grants have it, and the port.
fn place(origin: &str) -> Option<(bool, String, u16)> {
    let uri: Uri = origin.parse().ok()?;
    let tls = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        _ => return None,
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let is_origin = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    let host = normal_host(authority.host());
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    (is_origin && !host.is_empty()).then_some((tls, host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(tls: bool, host: &str, port: u16) -> Destination {
        Destination { host: host.into(), port, tls, allow_private: false }
    }

    #[test]
    fn a_credential_goes_to_its_place_alone() {
        let credential =
            Credential::new("weather", "https://API.example.com", "Authorization", "Bearer s\n");
        let credential = credential.unwrap();
        assert!(credential.is_of("weather") && !credential.is_of("weather-2"));
        for (tls, host, port, is_sent) in [
            (true, "api.example.com", 443, true),
            (false, "api.example.com", 443, false),
            (false, "api.example.com", 80, false),
            (true, "api.example.com", 8443, false),
            (true, "example.com", 443, false),
            (true, "api.example.com.evil.example", 443, false),
        ] {
            // Whatever the guest claims to be gives way where the host knows better.
            let mut headers = HeaderMap::new();
            headers.append("authorization", HeaderValue::from_static("a guess"));
            headers.append("authorization", HeaderValue::from_static("another"));
            credential.add(&destination(tls, host, port), &mut headers);
            let sent: Vec<_> = headers.get_all("authorization").iter().collect();
            assert_eq!(sent == ["Bearer s"], is_sent, "{tls} {host} {port}: {sent:?}");
        }
        assert!(!format!("{credential:?}").contains("Bearer"), "{credential:?}");
    }

    #[test]
    fn what_is_no_credential_is_refused_by_name() {
        for (origin, header, value, says) in [
            ("api.example.com", "authorization", "x", "is no place"),
            ("ftp://api.example.com", "authorization", "x", "is no place"),
            ("https://", "authorization", "x", "is no place"),
            ("https://me@api.example.com", "authorization", "x", "is no place"),
            ("https://api.example.com/v1", "authorization", "x", "is no place"),
            ("https://api.example.com", "", "x", "is no header"),
            ("https://api.example.com", "a b", "x", "is no header"),
            ("https://api.example.com", "Host", "x", "is no header"),
            ("https://api.example.com", "transfer-encoding", "x", "is no header"),
            ("https://api.example.com", "authorization", " \n", "one line"),
            ("https://api.example.com", "authorization", "a\nb", "one line"),
            ("https://api.example.com", "authorization", "a\u{7f}b", "one line"),
        ] {
            let error = Credential::new("weather", origin, header, value).unwrap_err().to_string();
            assert!(error.contains(says), "{origin} {header} {value:?}: {error}");
        }
    }
}
