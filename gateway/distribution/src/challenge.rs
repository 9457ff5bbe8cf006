//! What a registry wants before it answers: the header `WWW-Authenticate`.

/// Longest header that is read (bytes).
const HEADER_BYTES_MAX: usize = 8 << 10;

/// How to say who one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// With a token that another server gives.
    Bearer {
        /// Address of that server.
        realm: String,
        /// For whom the token is.
        service: Option<String>,
        /// What the token allows, as `repository:me/tides:pull`.
        scope: Option<String>,
        /// Why a token that was sent does not do.
        error: Option<String>,
    },
    /// With name and password.
    Basic,
}

impl Challenge {
    /// The first challenge that can be met; tokens before passwords.
    pub(crate) fn read<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut basic = None;
        for header in headers.into_iter().filter(|header| header.len() <= HEADER_BYTES_MAX) {
            for (scheme, parameters) in challenges(header) {
                let get = |wanted: &str| {
                    let found = parameters.iter().find(|(name, _)| name == wanted);
                    found.map(|(_, value)| value.clone())
                };
                if scheme == "bearer"
                    && let Some(realm) = get("realm")
                {
                    let (service, scope, error) = (get("service"), get("scope"), get("error"));
                    return Some(Self::Bearer { realm, service, scope, error });
                }
                if scheme == "basic" {
                    basic = Some(Self::Basic);
                }
            }
        }
        basic
    }
}

type Parameters = Vec<(String, String)>;

/// Schemes with their parameters; names in small letters. What cannot be read ends the list.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (word, after) = token(rest);
        if word.is_empty() {
            break;
        }
        let word = word.to_ascii_lowercase();
        let spaced = after.trim_start();
        match (spaced.strip_prefix('='), found.last_mut()) {
            // `name=value` belongs to the scheme before it.
            (Some(value), Some((_, parameters))) => {
                let Some((value, after)) = value_of(value.trim_start()) else { break };
                parameters.push((word, value));
                rest = after;
            }
            (Some(_), None) => break,
            (None, _) => {
                found.push((word, Vec::new()));
                rest = after;
            }
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    found
}

/// The characters of a token at the front, and what follows.
fn token(text: &str) -> (&str, &str) {
    let is_token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    text.split_at(text.find(|char: char| !is_token(char)).unwrap_or(text.len()))
}

/// A token or a quoted string at the front, and what follows; `None` where the quote has no end.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = token(text);
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
            error: None,
        })
    }

    #[test]
    fn challenges_of_registries_are_read() {
        let docker = "Bearer realm=\"https://auth.docker.io/token\",\
                      service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"";
        let token = "https://auth.docker.io/token";
        for (header, expected) in [
            (docker, bearer(token, Some("registry.docker.io"), Some("repository:a/b:pull,push"))),
            ("bearer REALM = \"https://x/t\"", bearer("https://x/t", None, None)),
            ("Basic realm=\"x\", Bearer realm=\"https://x/\"", bearer("https://x/", None, None)),
            ("Basic realm=\"registry \\\"one\\\", two\"", Some(Challenge::Basic)),
            ("Basic", Some(Challenge::Basic)),
            ("Negotiate abc, Basic realm=x", Some(Challenge::Basic)),
            ("Bearer realm=\"https://x", None),
            ("Bearer service=\"x\"", None),
            ("=x Basic", None),
            ("", None),
        ] {
            assert_eq!(Challenge::read([header]), expected, "{header}");
        }
        let both = ["Basic realm=\"x\"", "Bearer realm=\"https://x/\",error=\"invalid_token\""];
        let Some(Challenge::Bearer { error, .. }) = Challenge::read(both) else { panic!() };
        assert_eq!(error.as_deref(), Some("invalid_token"));
        assert_eq!(Challenge::read([format!("Basic {}", "x,".repeat(5_000)).as_str()]), None);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(header in "\\PC{0,200}") {
            let _ = Challenge::read([header.as_str()]);
        }

        #[test]
        fn what_is_quoted_is_read_back(value in "[ -~]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = Challenge::read([format!("Bearer realm=\"{quoted}\"").as_str()]);
            prop_assert_eq!(read, bearer(&value, None, None));
        }
    }
}
