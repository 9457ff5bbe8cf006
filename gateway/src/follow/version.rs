//! Versions, as authors number them: semver.org, with one to three numbers.

use std::str::FromStr;

/// `1.2.3-rc.1`; later ones are greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    numbers: [u64; 3],
    release: Release,
}

/// What is not released yet comes before the release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Release {
    Before(Vec<Part>),
    Final,
}

/// Numbers come before words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(u64),
    Word(String),
}

/// Text that is no version: `latest`, `stable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let text = text.strip_prefix('v').unwrap_or(text);
        // What was built how says nothing of what is later.
        let text = text.split('+').next().unwrap_or(text);
        let (dotted, before) = match text.split_once('-') {
            Some((dotted, before)) => (dotted, Some(before)),
            None => (text, None),
        };
        let mut numbers = [0; 3];
        for (at, part) in dotted.split('.').enumerate() {
            *numbers.get_mut(at).ok_or(NoVersion)? = number(part).ok_or(NoVersion)?;
        }
        let release = match before {
            None => Release::Final,
            Some(before) => Release::Before(before.split('.').map(part).collect()),
        };
        Ok(Self { numbers, release })
    }
}

fn part(text: &str) -> Part {
    number(text).map_or_else(|| Part::Word(text.to_owned()), Part::Number)
}

/// `+1` is none.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_versions_are_greater() {
        let ordered = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1",
            "1.0.1",
            "v1.2",
            "1.10.0",
            "2.0.0-0",
            "2.0.0+5",
        ];
        let read = |text: &str| text.parse::<Version>().unwrap();
        for pair in ordered.windows(2) {
            assert!(read(pair[0]) < read(pair[1]), "{pair:?}");
        }
        assert_eq!(read("1.2"), read("v1.2.0+build"));
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "latest", "stable", "1.2.3.4", "1..2", "1.x", "+1", "-1", "2026-11-22x.1."]
        {
            let is_date = text.starts_with("2026");
            assert_eq!(text.parse::<Version>().is_ok(), is_date, "{text}");
        }
        assert!("99999999999999999999999".parse::<Version>().is_err());
    }
}
