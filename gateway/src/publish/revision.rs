//! What is remembered of a published plugin.

use serde::{Deserialize, Serialize};

use crate::clock::now_ms;

/// Digests of earlier revisions that are remembered, to tell a downgrade from something new.
const PAST_MAX: usize = 256;

/// One component under a name, with what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Counted from 1 under its name.
    pub number: u64,
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub digest: String,
    /// Text of its `grants.toml`; bound to the digest.
    pub grants: String,
    /// When it was published, in milliseconds since 1970.
    pub published_ms: u64,
    /// When somebody approved its grants; absent where nothing new was asked for.
    pub approved_ms: Option<u64>,
    /// Where it was followed from; absent where somebody published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<Followed>,
}

/// Where a revision came from by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// What is followed there: registry, repository and tag or digest.
    pub reference: String,
    /// As its author named it.
    pub version: Option<String>,
}

/// A revision that once served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Its number.
    pub number: u64,
    /// Its digest.
    pub digest: String,
}

/// Everything under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The one that serves; none while the first waits for approval.
    pub serving: Option<Revision>,
    /// A newer one that waits for approval.
    pub waiting: Option<Revision>,
    /// The highest number given.
    pub number_last: u64,
    /// Revisions that served before, oldest first.
    pub past: Vec<Past>,
    /// The last one that served, where the registry that it came from has let go of the plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Revision>,
}

impl Record {
    /// The next revision under this name, not yet part of the record.
    pub fn next(&self, digest: String, grants: String) -> Revision {
        let number = self.number_last + 1;
        let published_ms = now_ms();
        Revision { number, digest, grants, published_ms, approved_ms: None, followed: None }
    }

    /// The record once a revision serves. What waited was older, and waits no more.
    #[must_use]
    pub fn served_by(&self, revision: Revision) -> Self {
        let mut past = self.past.clone();
        let before = self.last().filter(|before| before.digest != revision.digest);
        past.extend(before.map(|Revision { number, digest, .. }| Past {
            number: *number,
            digest: digest.clone(),
        }));
        past.drain(..past.len().saturating_sub(PAST_MAX));
        let number_last = self.number_last.max(revision.number);
        Self { serving: Some(revision), waiting: None, number_last, past, removed: None }
    }

    /// The record once a revision waits for approval, beside the one that serves.
    #[must_use]
    pub fn waited_for_by(&self, revision: Revision) -> Self {
        let number_last = self.number_last.max(revision.number);
        Self { waiting: Some(revision), number_last, ..self.clone() }
    }

    /// The record once a registry has let go of the plugin: nothing serves, nothing waits, and what
    /// served is remembered, to tell a downgrade when the name comes back.
    #[must_use]
    pub fn let_go(&self) -> Self {
        let removed = self.last().cloned();
        Self { serving: None, waiting: None, removed, ..self.clone() }
    }

    /// The one that serves, or that served last.
    pub fn last(&self) -> Option<&Revision> {
        self.serving.as_ref().or(self.removed.as_ref())
    }

    /// The earlier revision of that digest, unless it serves now, or served last.
    pub fn earlier(&self, digest: &str) -> Option<&Past> {
        if self.last().is_some_and(|last| last.digest == digest) {
            return None;
        }
        self.past.iter().rev().find(|past| past.digest == digest)
    }

    /// What a client must name that changes only what it has seen: the digest that serves, or that
    /// of the first revision while it waits.
    pub fn digest(&self) -> Option<&str> {
        let revision = self.serving.as_ref().or(self.waiting.as_ref());
        revision.map(|revision| revision.digest.as_str())
    }

    /// Every component that the record needs.
    pub fn digests(&self) -> impl Iterator<Item = &str> {
        self.serving.iter().chain(&self.waiting).map(|revision| revision.digest.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(digests: &[&str]) -> Record {
        digests.iter().fold(Record::default(), |record, digest| {
            let revision = record.next((*digest).into(), String::new());
            record.served_by(revision)
        })
    }

    #[test]
    fn numbers_go_up_and_what_served_is_remembered() {
        let record = served(&["a", "b", "c"]);
        assert_eq!(record.serving.as_ref().unwrap().number, 3);
        let past: Vec<_> = record.past.iter().map(|past| (past.number, &*past.digest)).collect();
        assert_eq!(past, [(1, "a"), (2, "b")]);
        for (digest, earlier) in [("a", Some(1)), ("b", Some(2)), ("c", None), ("d", None)] {
            assert_eq!(record.earlier(digest).map(|past| past.number), earlier, "{digest}");
        }
    }

    #[test]
    fn what_serves_again_is_no_earlier_revision() {
        assert_eq!(served(&["a", "b", "a"]).earlier("a"), None);
    }

    #[test]
    fn what_waits_leaves_what_serves_and_goes_when_something_newer_serves() {
        let serving = served(&["a"]);
        let record = serving.waited_for_by(serving.next("b".into(), "[keyvalue]".into()));
        assert_eq!(record.serving, serving.serving);
        assert_eq!(record.digest(), Some("a"));
        assert_eq!(record.digests().collect::<Vec<_>>(), ["a", "b"]);
        let newer = record.next("c".into(), String::new());
        assert_eq!(newer.number, 3);
        let record = record.served_by(newer);
        assert_eq!((record.waiting.as_ref(), record.digest()), (None, Some("c")));
    }

    #[test]
    fn the_first_that_waits_is_what_the_name_stands_for() {
        let record = Record::default();
        let record = record.waited_for_by(record.next("a".into(), String::new()));
        assert_eq!(record.digest(), Some("a"));
        assert_eq!(Record::default().digest(), None);
    }

    #[test]
    fn what_served_is_remembered_after_it_was_let_go() {
        let record = served(&["a", "b"]);
        let record = record.waited_for_by(record.next("c".into(), "[keyvalue]".into())).let_go();
        assert_eq!((record.digest(), record.digests().count()), (None, 0), "it needs no component");
        for (digest, earlier) in [("a", Some(1)), ("b", None), ("c", None)] {
            assert_eq!(record.earlier(digest).map(|past| past.number), earlier, "{digest}");
        }
        assert_eq!(record.let_go(), record, "twice is once");
        let back = record.served_by(record.next("d".into(), String::new()));
        assert_eq!((back.serving.as_ref().unwrap().number, &back.removed), (4, &None));
        let past: Vec<_> = back.past.iter().map(|past| &*past.digest).collect();
        assert_eq!(past, ["a", "b"]);
        let text = serde_json::to_string(&served(&["a"])).unwrap();
        assert!(!text.contains("removed"), "{text}");
    }

    #[test]
    fn the_past_is_bounded() {
        let digests: Vec<String> = (0..PAST_MAX + 10).map(|at| at.to_string()).collect();
        let record = served(&digests.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(record.past.len(), PAST_MAX);
        assert_eq!(record.past[0].number, 10);
    }
}
