//! What a plugin may do beyond computing. By default: nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use crate::error::GrantsError;

/// What an operator approved for one plugin, as `grants.toml` spells it.
///
/// ```toml
/// digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
///
/// [http]
/// hosts = [{ host = "api.open-meteo.com", methods = ["GET"] }]
///
/// [keyvalue]
/// store = true
///
/// [config]
/// keys = { units = "metric" }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grants {
    /// The component that they are for, as `sha256:` and small hexadecimal digits; without it,
    /// whichever has the name.
    #[serde(default)]
    pub digest: Option<String>,
    /// Outgoing HTTP.
    #[serde(default)]
    pub http: HttpGrants,
    /// The key-value store.
    #[serde(default)]
    pub keyvalue: KeyValueGrants,
    /// Configuration values.
    #[serde(default)]
    pub config: ConfigGrants,
}

/// Where a plugin may send HTTP requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGrants {
    /// Every host that may be reached; no other is.
    #[serde(default)]
    pub hosts: Vec<HostGrant>,
}

/// One host that a plugin may reach.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostGrant {
    /// Name or address, exactly: no wildcards, no port, no brackets around IPv6.
    pub host: String,
    /// The port.
    #[serde(default = "HostGrant::port_default")]
    pub port: u16,
    /// Methods that may be used; `GET` and `HEAD` when left out.
    #[serde(default = "HostGrant::methods_default")]
    pub methods: Vec<String>,
    /// Whether the host may resolve to a private, loopback, link-local or otherwise special
    /// address.
    #[serde(default)]
    pub allow_private: bool,
    /// Whether `http://` may be used; otherwise only `https://`.
    #[serde(default)]
    pub allow_plain: bool,
}

impl HostGrant {
    fn port_default() -> u16 {
        443
    }

    fn methods_default() -> Vec<String> {
        vec!["GET".to_owned(), "HEAD".to_owned()]
    }
}

/// In words: `https://api.example.com:443 (GET, HEAD)`.
impl fmt::Display for HostGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, methods, allow_private, allow_plain } = self;
        let scheme = if *allow_plain { "http" } else { "https" };
        let private = if *allow_private { ", private addresses too" } else { "" };
        write!(formatter, "{scheme}://{host}:{port} ({}{private})", methods.join(", "))
    }
}

/// Whether a plugin may keep data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyValueGrants {
    /// Whether `wasi:keyvalue` works. What is kept is the plugin's own, for each tenant apart.
    #[serde(default)]
    pub store: bool,
}

/// What a plugin reads through `wasi:config/store`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigGrants {
    /// Values by key. Nothing else is to be seen.
    #[serde(default)]
    pub keys: BTreeMap<String, String>,
}

impl Grants {
    /// Reads a `grants.toml`.
    ///
    /// # Errors
    /// If it is not TOML, has a key that grants do not have, or names a host wrongly.
    pub fn parse(text: &str) -> Result<Self, GrantsError> {
        let mut grants: Self = toml::from_str(text)?;
        grants.digest = grants.digest.as_deref().map(normal_digest).transpose()?;
        for entry in &mut grants.http.hosts {
            entry.host = normal_host(&entry.host);
            check_host(entry)?;
            for method in &mut entry.methods {
                method.make_ascii_uppercase();
            }
        }
        Ok(grants)
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        let Self { digest: _, http, keyvalue, config } = self;
        http.hosts.is_empty() && !keyvalue.store && config.keys.is_empty()
    }

    /// Holds them to a component, by the hexadecimal digits of its SHA-256.
    ///
    /// # Errors
    /// They name another component.
    pub fn check_component(&self, digits: &str) -> Result<(), GrantsError> {
        let found = format!("{SHA256}{digits}");
        match &self.digest {
            Some(wanted) if *wanted != found => {
                Err(GrantsError::Component { wanted: wanted.clone(), found })
            }
            _ => Ok(()),
        }
    }
}

/// What a digest begins with.
const SHA256: &str = "sha256:";

/// A digest as it is compared: its digits small.
fn normal_digest(written: &str) -> Result<String, GrantsError> {
    let digits = written.strip_prefix(SHA256).unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(written.to_ascii_lowercase());
    }
    Err(GrantsError::Digest { written: written.to_owned() })
}

/// A host as it is compared: lower case, without brackets and without the root's dot.
pub(crate) fn normal_host(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn check_host(entry: &HostGrant) -> Result<(), GrantsError> {
    let wrong = |message: &str| {
        Err(GrantsError::Host { host: entry.host.clone(), message: message.into() })
    };
    let host = entry.host.as_str();
    if host.is_empty() {
        return wrong("the name is empty; write the host that the plugin reaches");
    }
    if host.contains('*') {
        return wrong("wildcards are not supported; name every host");
    }
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !is_address && !is_name {
        return wrong("write the bare name or address, without scheme, port or path");
    }
    if !is_address && host.split('.').any(str::is_empty) {
        return wrong("a part between two dots is empty; write the bare name");
    }
    if entry.port == 0 {
        return wrong("port 0 cannot be reached");
    }
    if entry.methods.is_empty() {
        return wrong("no method is named; write for example methods = [\"GET\"]");
    }
    let is_method = |method: &String| {
        !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    };
    if !entry.methods.iter().all(is_method) {
        return wrong("a method is made of letters; write for example methods = [\"GET\"]");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_grants_nothing() {
        let grants = Grants::parse("").unwrap();
        assert_eq!(grants, Grants::default());
        assert!(grants.is_empty());
        assert!(grants.http.hosts.is_empty());
        assert!(!grants.keyvalue.store);
        assert!(grants.config.keys.is_empty());
    }

    #[test]
    fn a_host_alone_is_https_get_and_public() {
        let grants = Grants::parse("[http]\nhosts = [{ host = \"API.Example.com.\" }]").unwrap();
        let expected = HostGrant {
            host: "api.example.com".into(),
            port: 443,
            methods: vec!["GET".into(), "HEAD".into()],
            allow_private: false,
            allow_plain: false,
        };
        assert_eq!(grants.http.hosts, [expected]);
    }

    #[test]
    fn every_kind_of_grant_is_read() {
        let text = "[http]\nhosts = [{ host = \"[::1]\", port = 8080, methods = [\"post\"], \
                    allow_private = true, allow_plain = true }]\n\
                    [keyvalue]\nstore = true\n[config]\nkeys = { units = \"metric\" }";
        let grants = Grants::parse(text).unwrap();
        assert_eq!(grants.http.hosts[0].host, "::1");
        assert_eq!(grants.http.hosts[0].methods, ["POST"]);
        assert!(grants.keyvalue.store);
        assert_eq!(grants.config.keys["units"], "metric");
        assert!(!grants.is_empty());
    }

    #[test]
    fn a_digest_binds_them_to_one_component() {
        let (digits, other) = ("ab".repeat(32), "cd".repeat(32));
        let free = Grants::parse("[keyvalue]\nstore = true").unwrap();
        assert!(free.check_component(&digits).is_ok());
        for written in [digits.clone(), digits.to_uppercase()] {
            let text = format!("digest = \"sha256:{written}\"\n[keyvalue]\nstore = true");
            let bound = Grants::parse(&text).unwrap();
            assert!(bound.keyvalue.store && bound.check_component(&digits).is_ok());
            let error = bound.check_component(&other).unwrap_err().to_string();
            assert!(error.contains(&digits) && error.contains(&other), "{error}");
        }
        let alone = Grants::parse(&format!("digest = \"sha256:{digits}\"")).unwrap();
        assert!(alone.is_empty(), "that grants nothing");
    }

    #[test]
    fn wrong_grants_are_refused() {
        for text in [
            "digest = \"\"",
            "digest = \"sha256:\"",
            "digest = \"sha256:abc\"",
            "digest = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "digest = \"sha256:gg86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "digest = \"md5:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "digest = 7",
            "[keyvalue]\nstore = true\ndigest = \"sha256:\"",
            "[files]\nread = [\"/\"]",
            "[http]\nhosts = [{ host = \"*.example.com\" }]",
            "[http]\nhosts = [{ host = \"https://example.com\" }]",
            "[http]\nhosts = [{ host = \"example.com:443\" }]",
            "[http]\nhosts = [{ host = \"\" }]",
            "[http]\nhosts = [{ host = \".\" }]",
            "[http]\nhosts = [{ host = \"a..\" }]",
            "[http]\nhosts = [{ host = \"a..b\" }]",
            "[http]\nhosts = [{ host = \".a\" }]",
            "[http]\nhosts = [{ host = \"[a\" }]",
            "[http]\nhosts = [{ host = \"a.b\", methods = [\"\"] }]",
            "[http]\nhosts = [{ host = \"a.b\", methods = [\"GET \"] }]",
            "[http]\nhosts = [{ host = \"a.b\", methods = [\"GET\", \"G\\nT\"] }]",
            "[http]\nhosts = [{ host = \"a.b\", port = 0 }]",
            "[http]\nhosts = [{ host = \"a.b\", methods = [] }]",
            "[http]\nhosts = [{ host = \"a.b\", redirects = true }]",
            "[keyvalue]\nstore = \"yes\"",
        ] {
            assert!(Grants::parse(text).is_err(), "{text}");
        }
    }
}
