//! `[follow]`: registries from which the library is kept up to date.

use std::collections::BTreeSet;

use hyfunc_distribution::Reference;
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError};

/// The value of `follow.verify` and `follow.policies` that takes only what is signed.
pub const REQUIRE: &str = "require";
/// The value of both that takes what is not signed and says so.
pub const WARN: &str = "warn";
/// The value of both that looks at no signature.
pub const OFF: &str = "off";
const POLICIES: [&str; 3] = [REQUIRE, WARN, OFF];
/// The value of `follow.on_missing` that leaves in the library what the registry has no more.
pub const KEEP: &str = "keep";
/// The value of `follow.on_missing` that takes it out.
pub const REMOVE: &str = "remove";

/// `[follow]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct FollowConfig {
    pub references: Vec<String>,
    pub interval_ms: u64,
    pub look_ms_max: u64,
    pub jitter: f64,
    pub backoff_ms_max: u64,
    pub verify: String,
    pub policies: Vec<String>,
    pub keys: Vec<String>,
    pub trusted_root: String,
    pub identities: Vec<String>,
    pub authority: String,
    pub plain_http: bool,
    pub on_missing: String,
    pub allow_downgrade: bool,
}

impl Default for FollowConfig {
    fn default() -> Self {
        Self {
            references: Vec::new(),
            interval_ms: 60_000,
            look_ms_max: 600_000,
            jitter: 0.1,
            backoff_ms_max: 900_000,
            verify: REQUIRE.into(),
            policies: Vec::new(),
            keys: Vec::new(),
            trusted_root: String::new(),
            identities: Vec::new(),
            authority: String::new(),
            plain_http: false,
            on_missing: KEEP.into(),
            allow_downgrade: false,
        }
    }
}

/// One place that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowSource {
    /// What the component there is called in the library; else the last part of its repository.
    pub name: Option<String>,
    /// A component, or a list of some.
    pub reference: Reference,
}

impl FollowSource {
    /// `NAME=registry/repository:tag`, or the reference alone.
    fn parse(written: &str) -> Result<Self, String> {
        let (name, reference) = match written.split_once('=') {
            Some((name, reference)) => (Some(name.trim().to_owned()), reference.trim()),
            None => (None, written.trim()),
        };
        if name.as_deref() == Some("") {
            return Err(format!("`{written}` has no name before its `=`"));
        }
        let reference = reference.parse::<Reference>().map_err(|error| error.to_string())?;
        Ok(Self { name, reference })
    }
}

/// Whose signatures are taken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowKey {
    /// Beginning of `registry/repository`; empty: everywhere.
    pub place: String,
    /// File of the public key.
    pub file: String,
}

impl FollowKey {
    fn parse(written: &str) -> Self {
        let (place, file) = written.split_once('=').unwrap_or(("", written));
        Self { place: place.trim().trim_end_matches('/').to_owned(), file: file.trim().to_owned() }
    }

    /// Whether the key counts in a repository.
    pub fn is_for(&self, reference: &Reference) -> bool {
        is_in(&self.place, reference)
    }
}

/// Who may have signed without a key of their own, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowSigner {
    /// Beginning of `registry/repository`; empty: everywhere.
    pub place: String,
    /// Who.
    pub identity: String,
    /// Who says that it is they.
    pub issuer: String,
}

impl FollowSigner {
    /// `ghcr.io/me=IDENTITY ISSUER`, or without the place. Identities are addresses of mail or of the
    /// web, which may hold a `=` themselves.
    fn parse(written: &str) -> Option<Self> {
        let is_place = |text: &str| !text.contains('@') && !text.contains("://");
        let (place, signer) = match written.split_once('=') {
            Some((place, signer)) if is_place(place) => (place, signer),
            _ => ("", written),
        };
        let (identity, issuer) = signer.trim().split_once(char::is_whitespace)?;
        let place = place.trim().trim_end_matches('/').to_owned();
        Some(Self { place, identity: identity.to_owned(), issuer: issuer.trim().to_owned() })
    }
}

/// What becomes of what is not signed in one place.
struct FollowPolicy<'a> {
    /// Beginning of `registry/repository`.
    place: &'a str,
    /// One of `POLICIES`.
    policy: &'a str,
}

impl<'a> FollowPolicy<'a> {
    /// `ghcr.io/me=warn`.
    fn parse(written: &'a str) -> Option<Self> {
        let (place, policy) = written.split_once('=')?;
        let (place, policy) = (place.trim().trim_end_matches('/'), policy.trim());
        (!place.is_empty() && POLICIES.contains(&policy)).then_some(Self { place, policy })
    }
}

/// Whether a repository lies in a place, which is its whole name or whole parts of it.
fn is_in(place: &str, reference: &Reference) -> bool {
    let name = reference.name();
    let rest = name.strip_prefix(place);
    place.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl FollowConfig {
    /// What is followed. The configuration was checked: what cannot be read is not in it.
    pub fn sources(&self) -> Vec<FollowSource> {
        self.references.iter().filter_map(|written| FollowSource::parse(written).ok()).collect()
    }

    /// Whose signatures count in a repository.
    pub fn keys_for(&self, reference: &Reference) -> Vec<FollowKey> {
        let keys = self.keys.iter().map(|written| FollowKey::parse(written));
        keys.filter(|key| key.is_for(reference)).collect()
    }

    /// What becomes of what is not signed in a repository: the longest place that holds it says so,
    /// or else `follow.verify`.
    pub fn policy_for(&self, reference: &Reference) -> &str {
        let policies = self.policies.iter().filter_map(|written| FollowPolicy::parse(written));
        let here = policies.filter(|policy| is_in(policy.place, reference));
        let nearest = here.max_by_key(|policy| policy.place.len());
        nearest.map_or(self.verify.as_str(), |nearest| nearest.policy)
    }

    /// Who may have signed what lies in a repository without a key of their own.
    pub fn signers_for(&self, reference: &Reference) -> Vec<FollowSigner> {
        let signers = self.identities.iter().filter_map(|written| FollowSigner::parse(written));
        signers.filter(|signer| is_in(&signer.place, reference)).collect()
    }
}

/// Checks what can be known without asking a registry.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let follow = &config.follow;
    let bad = |key: &'static str, reason: String| Err(ConfigError::Value { key, reason });
    for (key, value) in [
        ("follow.interval_ms", follow.interval_ms),
        ("follow.look_ms_max", follow.look_ms_max),
        ("follow.backoff_ms_max", follow.backoff_ms_max),
    ] {
        if value == 0 {
            return bad(key, "must be at least 1".into());
        }
    }
    if !(0.0..=1.0).contains(&follow.jitter) {
        return bad("follow.jitter", "must be between 0 and 1".into());
    }
    if !POLICIES.contains(&follow.verify.as_str()) {
        return bad("follow.verify", "must be require, warn or off".into());
    }
    if ![KEEP, REMOVE].contains(&follow.on_missing.as_str()) {
        return bad("follow.on_missing", "must be keep or remove".into());
    }
    if follow.keys.iter().any(|written| FollowKey::parse(written).file.is_empty()) {
        let reason = "write each as FILE, or as ghcr.io/me=FILE for what lies there alone";
        return bad("follow.keys", reason.into());
    }
    if follow.identities.iter().any(|written| FollowSigner::parse(written).is_none()) {
        let reason = "write each as who signs and who says so, as in \
                      `me@example.com https://accounts.google.com`, or with ghcr.io/me= before it \
                      for what lies there alone";
        return bad("follow.identities", reason.into());
    }
    if follow.trusted_root.is_empty() != follow.identities.is_empty() {
        let reason = "follow.trusted_root and follow.identities go together: the one says which \
                      certificates are real, the other whose; set the other one too";
        return bad("follow.trusted_root", reason.into());
    }
    check_policies(follow)?;
    check_references(config)
}

fn check_policies(follow: &FollowConfig) -> Result<(), ConfigError> {
    let bad = |reason: String| Err(ConfigError::Value { key: "follow.policies", reason });
    let mut places = BTreeSet::new();
    for written in &follow.policies {
        let Some(FollowPolicy { place, .. }) = FollowPolicy::parse(written) else {
            let reason = "write each as a place and require, warn or off, as in ghcr.io/me=warn";
            return bad(format!("`{written}`: {reason}"));
        };
        if !places.insert(place) {
            return bad(format!("{place} is there twice; leave one"));
        }
    }
    Ok(())
}

fn check_references(config: &Config) -> Result<(), ConfigError> {
    let follow = &config.follow;
    let bad = |key: &'static str, reason: String| Err(ConfigError::Value { key, reason });
    let (mut names, mut places) = (BTreeSet::new(), BTreeSet::new());
    for written in &follow.references {
        let source = match FollowSource::parse(written) {
            Ok(source) => source,
            Err(reason) => return bad("follow.references", reason),
        };
        let reference = source.reference.to_string();
        if !places.insert(reference.clone()) {
            return bad("follow.references", format!("{reference} is there twice"));
        }
        if let Some(name) = source.name
            && !names.insert(name.clone())
        {
            return bad("follow.references", format!("two places are called `{name}`"));
        }
        let is_trusted = !follow.keys_for(&source.reference).is_empty()
            || !follow.signers_for(&source.reference).is_empty();
        if follow.policy_for(&source.reference) != OFF && !is_trusted {
            let reason = format!(
                "whose signature is to be trusted for {reference}? Name the author's public key in \
                 follow.keys, or who signs in follow.identities; \"off\" in follow.verify, or for \
                 this place in follow.policies, takes plugins unseen"
            );
            return bad("follow.references", reason);
        }
    }
    if !follow.references.is_empty() && config.library.dir.is_empty() {
        let reason = "needs library.dir, a folder in which what comes from there is kept";
        return bad("follow.references", reason.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut FollowConfig)) -> Result<(), String> {
        let mut config = Config::default();
        config.library.dir = "x".into();
        config.follow.references = vec!["tides=ghcr.io/me/tides:stable".into()];
        config.follow.keys = vec!["me.pub".into()];
        change(&mut config.follow);
        check(&config).map_err(|error| error.to_string())
    }

    #[test]
    fn by_default_nothing_is_followed_and_signatures_are_required() {
        let follow = FollowConfig::default();
        assert!(check(&Config::default()).is_ok());
        assert!(follow.sources().is_empty());
        assert_eq!((follow.verify.as_str(), follow.on_missing.as_str()), (REQUIRE, KEEP));
        assert!(!follow.allow_downgrade);
        assert_eq!(with(|_| ()), Ok(()));
    }

    /// What is set, and words that the error must hold.
    #[test]
    fn what_cannot_be_is_refused_with_a_way_out() {
        type Change = fn(&mut FollowConfig);
        let rows: [(Change, &str); 22] = [
            (|follow| follow.references = vec!["tides:1".into()], "names no registry"),
            (|follow| follow.references = vec!["=ghcr.io/me/x:1".into()], "no name before"),
            (|follow| follow.references.push("ghcr.io/me/tides:stable".into()), "there twice"),
            (|follow| follow.references.push("tides=ghcr.io/me/x:1".into()), "are called `tides`"),
            (|follow| follow.keys.clear(), "whose signature"),
            (|follow| follow.keys = vec!["ghcr.io/you=you.pub".into()], "whose signature"),
            (|follow| follow.keys = vec!["ghcr.io/me=".into()], "as FILE"),
            (|follow| follow.verify = "on".into(), "require, warn or off"),
            (|follow| follow.policies = vec!["warn".into()], "ghcr.io/me=warn"),
            (|follow| follow.policies = vec!["=off".into()], "ghcr.io/me=warn"),
            (|follow| follow.policies = vec!["ghcr.io/me=of".into()], "require, warn or off"),
            (|follow| follow.policies = vec!["ghcr.io/me=OFF".into()], "require, warn or off"),
            (|follow| follow.policies = vec!["a.b/c=off".into(), "a.b/c/=warn".into()], "twice"),
            (
                |follow| {
                    follow.verify = OFF.into();
                    follow.policies = vec!["ghcr.io/me=require".into()];
                    follow.keys.clear();
                },
                "for this place in follow.policies",
            ),
            (|follow| follow.on_missing = "drop".into(), "keep or remove"),
            (|follow| follow.interval_ms = 0, "at least 1"),
            (|follow| follow.look_ms_max = 0, "at least 1"),
            (|follow| follow.backoff_ms_max = 0, "at least 1"),
            (|follow| follow.jitter = 1.5, "between 0 and 1"),
            (|follow| follow.jitter = f64::NAN, "between 0 and 1"),
            (|follow| follow.identities = vec!["me@example.com".into()], "who says so"),
            (|follow| follow.trusted_root = "root.json".into(), "go together"),
        ];
        for (change, words) in rows {
            let error = with(change).unwrap_err();
            assert!(error.contains(words), "{error} should hold: {words}");
        }
        let mut config = Config::default();
        config.follow.references = vec!["ghcr.io/me/tides:stable".into()];
        config.follow.verify = OFF.into();
        assert!(check(&config).unwrap_err().to_string().contains("needs library.dir"));
    }

    #[test]
    fn what_lets_signatures_pass_is_said_by_name() {
        let off = |follow: &mut FollowConfig| {
            follow.keys.clear();
            follow.verify = OFF.into();
        };
        assert_eq!(with(off), Ok(()));
        let warn = |follow: &mut FollowConfig| {
            follow.keys.clear();
            follow.verify = WARN.into();
        };
        assert!(with(warn).is_err(), "there is nothing to hold it against");
    }

    #[test]
    fn the_longest_place_says_what_becomes_of_what_is_not_signed() {
        let policies = ["localhost:5000=off", "ghcr.io/me=warn", "ghcr.io/me/bank/ = require"];
        let policies = policies.map(str::to_owned);
        // In whichever order they are written.
        for policies in [policies.to_vec(), policies.iter().rev().cloned().collect()] {
            let follow = FollowConfig { policies, ..FollowConfig::default() };
            for (reference, policy) in [
                ("localhost:5000/dates:1", OFF),
                ("localhost:5001/dates:1", REQUIRE),
                ("ghcr.io/me/tides:1", WARN),
                ("ghcr.io/me:1", WARN),
                ("ghcr.io/mean/tides:1", REQUIRE),
                ("ghcr.io/me/bank:1", REQUIRE),
                ("ghcr.io/me/bank/account:1", REQUIRE),
                ("ghcr.io/me/banker:1", WARN),
                ("ghcr.io/you/tides:1", REQUIRE),
            ] {
                let reference = reference.parse().unwrap();
                assert_eq!(follow.policy_for(&reference), policy, "{reference}");
            }
        }
        let unseen = |follow: &mut FollowConfig| {
            follow.keys.clear();
            follow.policies = vec!["ghcr.io/me=off".into()];
        };
        assert_eq!(with(unseen), Ok(()), "where nobody looks, no key is needed");
    }

    #[test]
    fn a_key_counts_in_its_place_alone() {
        let reference: Reference = "ghcr.io/me/tides:1".parse().unwrap();
        for (written, counts) in [
            ("me.pub", true),
            ("ghcr.io/me=me.pub", true),
            ("ghcr.io/me/=me.pub", true),
            ("ghcr.io/me/tides=me.pub", true),
            ("ghcr.io/m=me.pub", false),
            ("ghcr.io/me/tide=me.pub", false),
            ("ghcr.io/you=me.pub", false),
        ] {
            let key = FollowKey::parse(written);
            assert_eq!(key.file, "me.pub");
            assert_eq!(key.is_for(&reference), counts, "{written}");
        }
    }

    #[test]
    fn names_are_read() {
        let follow = FollowConfig {
            references: vec!["a=ghcr.io/me/x:1".into(), "ghcr.io/me/y@sha256:0".into()],
            ..FollowConfig::default()
        };
        let sources = follow.sources();
        assert_eq!(sources.len(), 1, "a digest of one digit is none");
        assert_eq!(sources[0].name.as_deref(), Some("a"));
    }

    #[test]
    fn an_identity_counts_in_its_place_alone() {
        let reference: Reference = "localhost:5000/me/tides:1".parse().unwrap();
        for (written, identity, counts) in [
            ("me@example.com  https://issuer.example", "me@example.com", true),
            ("localhost:5000/me=me@example.com https://issuer.example", "me@example.com", true),
            ("localhost:5000/you=me@example.com https://issuer.example", "me@example.com", false),
            ("https://a.example/?b=c https://issuer.example", "https://a.example/?b=c", true),
            ("a=b@example.com https://issuer.example", "b@example.com", false),
        ] {
            let signer = FollowSigner::parse(written).unwrap();
            assert_eq!(
                (signer.identity.as_str(), signer.issuer.as_str()),
                (identity, "https://issuer.example")
            );
            let follow =
                FollowConfig { identities: vec![written.into()], ..FollowConfig::default() };
            assert_eq!(!follow.signers_for(&reference).is_empty(), counts, "{written}");
        }
        assert_eq!(FollowSigner::parse("ghcr.io/me=me@example.com"), None, "nobody says so");
    }
}
