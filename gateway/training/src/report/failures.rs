//! Where a request goes wrong: the first step that does.

use serde_json::{Map, Value as Json};

/// Where a request went wrong. The order is that of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureKind {
    /// Nothing was decided: too long, too late, or a value that could not be written.
    Refused,
    /// A wanted function is not among the candidates.
    Retrieval,
    /// A call where none is wanted, or none where one is.
    Call,
    /// Too many calls, or too few.
    Count,
    /// Another function.
    Function,
    /// An argument that should not be there, or one that is missing.
    Presence,
    /// The right arguments, and one of them has another value.
    Value,
}

impl FailureKind {
    /// Every kind, in the order of the steps.
    pub const ALL: [Self; 7] = [
        Self::Refused,
        Self::Retrieval,
        Self::Call,
        Self::Count,
        Self::Function,
        Self::Presence,
        Self::Value,
    ];

    /// As in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Retrieval => "retrieval",
            Self::Call => "call/no call",
            Self::Count => "count",
            Self::Function => "function",
            Self::Presence => "presence",
            Self::Value => "value",
        }
    }

    /// In a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Refused => "nothing was decided: too long, too late, or a value not written",
            Self::Retrieval => "a wanted function is not among the candidates",
            Self::Call => "a call where none is wanted, or none where one is",
            Self::Count => "too many calls, or too few",
            Self::Function => "another function is called",
            Self::Presence => "an argument too many, or one that is missing",
            Self::Value => "an argument has another value",
        }
    }
}

/// Rows that went wrong, by where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCounts([usize; FailureKind::ALL.len()]);

impl FailureCounts {
    /// Adds one row.
    pub fn add(&mut self, kind: FailureKind) {
        self.0[kind as usize] += 1;
    }

    /// Rows that went wrong there.
    pub fn get(&self, kind: FailureKind) -> usize {
        self.0[kind as usize]
    }

    /// Rows that went wrong.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Adds those of another group of rows.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    /// Counts in the order of the kinds.
    pub fn to_vec(&self) -> Vec<usize> {
        self.0.to_vec()
    }

    /// `{"refused": 0, …}`.
    pub fn to_json(&self) -> Json {
        let named = FailureKind::ALL.into_iter().zip(self.0);
        let named = named.map(|(kind, count)| (kind.name().to_owned(), Json::from(count)));
        Json::Object(named.collect::<Map<_, _>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_each_under_its_own_name() {
        let mut counts = FailureCounts::default();
        for (at, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{}", kind.name());
            (0..=at).for_each(|_| counts.add(kind));
        }
        let mut twice = counts;
        twice.merge(&counts);
        for (at, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!((counts.get(kind), twice.get(kind)), (at + 1, 2 * (at + 1)));
            assert_eq!(counts.to_json()[kind.name()], Json::from(at + 1));
        }
        assert_eq!(twice.total(), 2 * counts.total());
    }
}
