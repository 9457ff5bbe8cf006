//! What a row is a case of.

/// How calls of a category are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// One call of the only function.
    Simple,
    /// One call of one of the functions.
    Multiple,
    /// Several calls, in any order.
    Parallel,
    /// No call at all.
    NoCall,
    /// Any call.
    AnyCall,
}

/// A category of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is the benchmark's own name for it")]
pub enum Category {
    SimplePython,
    Multiple,
    Parallel,
    ParallelMultiple,
    Irrelevance,
    LiveSimple,
    LiveMultiple,
    LiveParallel,
    LiveParallelMultiple,
    LiveIrrelevance,
    LiveRelevance,
}

impl Category {
    /// Every one, in the order of the leaderboard.
    pub const ALL: [Self; 11] = [
        Self::SimplePython,
        Self::Multiple,
        Self::Parallel,
        Self::ParallelMultiple,
        Self::Irrelevance,
        Self::LiveSimple,
        Self::LiveMultiple,
        Self::LiveParallel,
        Self::LiveParallelMultiple,
        Self::LiveIrrelevance,
        Self::LiveRelevance,
    ];

    /// As in ids and names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::SimplePython => "simple_python",
            Self::Multiple => "multiple",
            Self::Parallel => "parallel",
            Self::ParallelMultiple => "parallel_multiple",
            Self::Irrelevance => "irrelevance",
            Self::LiveSimple => "live_simple",
            Self::LiveMultiple => "live_multiple",
            Self::LiveParallel => "live_parallel",
            Self::LiveParallelMultiple => "live_parallel_multiple",
            Self::LiveIrrelevance => "live_irrelevance",
            Self::LiveRelevance => "live_relevance",
        }
    }

    /// The category of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }

    /// The category of a row: its id up to the last `_`, as in `live_simple_0-0-0`.
    ///
    /// # Errors
    /// Why rows of that id are not scored here.
    pub fn of_id(id: &str) -> Result<Self, &'static str> {
        let name = id.rsplit_once('_').map_or(id, |(name, _)| name);
        match Self::of_name(name) {
            Some(category) => Ok(category),
            None if name == "simple_java" || name == "simple_javascript" => {
                Err("a Java or JavaScript row wants source text, not values")
            }
            None => Err("not of a single-turn Python category"),
        }
    }

    /// How its calls are scored.
    pub fn scoring(self) -> Scoring {
        match self {
            Self::SimplePython | Self::LiveSimple => Scoring::Simple,
            Self::Multiple | Self::LiveMultiple => Scoring::Multiple,
            Self::Parallel
            | Self::ParallelMultiple
            | Self::LiveParallel
            | Self::LiveParallelMultiple => Scoring::Parallel,
            Self::Irrelevance | Self::LiveIrrelevance => Scoring::NoCall,
            Self::LiveRelevance => Scoring::AnyCall,
        }
    }

    /// Whether its rows have answers to compare calls with.
    pub fn has_answers(self) -> bool {
        !matches!(self.scoring(), Scoring::NoCall | Scoring::AnyCall)
    }

    /// Whether its rows come from users, not from the benchmark's authors.
    pub fn is_live(self) -> bool {
        self.name().starts_with("live_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_the_category_and_others_the_reason() {
        for (id, name) in [
            ("simple_python_0", "simple_python"),
            ("multiple_12", "multiple"),
            ("parallel_multiple_21", "parallel_multiple"),
            ("live_simple_106-63-0", "live_simple"),
            ("live_parallel_multiple_2-2-0", "live_parallel_multiple"),
            ("live_relevance_3-3-0", "live_relevance"),
            ("irrelevance_7", "irrelevance"),
        ] {
            assert_eq!(Category::of_id(id).map(Category::name), Ok(name), "{id}");
        }
        for (id, part) in [
            ("simple_java_3", "source text"),
            ("simple_javascript_3", "source text"),
            ("multi_turn_base_0", "single-turn"),
            ("", "single-turn"),
        ] {
            assert!(Category::of_id(id).is_err_and(|reason| reason.contains(part)), "{id}");
        }
        for category in Category::ALL {
            assert_eq!(Category::of_name(category.name()), Some(category));
        }
    }
}
