//! Calls of a conversation, and whether each of them got its result.

use std::collections::BTreeSet;

/// Calls that wait for their results, by their ids.
#[derive(Debug, Default)]
pub struct Awaited<'a>(BTreeSet<&'a str>);

impl<'a> Awaited<'a> {
    /// Takes a call. Says whether no other one of that id waits.
    pub fn called(&mut self, id: &'a str) -> bool {
        self.0.insert(id)
    }

    /// Takes a result. Says whether a call of that id waited for it.
    pub fn answered(&mut self, id: &str) -> bool {
        self.0.remove(id)
    }

    /// A call that still waits.
    pub fn first(&self) -> Option<&'a str> {
        self.0.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_answered_once() {
        let mut awaited = Awaited::default();
        assert_eq!(awaited.first(), None);
        assert!(!awaited.answered("a"), "nobody called");
        assert!(awaited.called("a") && awaited.called("b"));
        assert!(!awaited.called("a"), "twice");
        assert!(awaited.answered("a") && !awaited.answered("a"));
        assert_eq!(awaited.first(), Some("b"));
        assert!(awaited.answered("b"));
        assert!(awaited.called("a"), "an id may come back in a later turn");
    }
}
