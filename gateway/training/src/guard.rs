//! Requests that are made up while training, of phrases, practice plugins and catalogues: they must
//! not be those that models are measured on either.
//!
//! Files are held against evaluation sets when they are read; what is made up is held against them
//! when it is drawn, drawn again if it repeats one, and listed.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hyfunc_cascade::conversation::{OUTCOME, TURN_END, last};
use serde_json::json;

use crate::data::Row;
use crate::error::TrainingError;
use crate::import::{Evaluated, Leak, normalized};

/// Name of the list of made-up requests that were drawn again.
pub const DRAWN_AGAIN: &str = "drawn-again.jsonl";

/// As counts have it.
const REASON: &str = "made up, repeats a query of an evaluation set, drawn again";

/// Draws in a row that may repeat an evaluation set.
const DRAWS_MAX: usize = 200;

/// Words of a last turn that is compared by itself: shorter ones (`and in Rome?`, `thanks`) say little
/// without what was said before.
const LAST_WORDS_MIN: usize = 4;

/// Holds made-up requests against evaluation sets.
#[derive(Debug)]
pub(crate) struct Guard {
    evaluated: Evaluated,
    list: PathBuf,
    found: Mutex<Found>,
}

/// What was drawn again.
#[derive(Debug, Default)]
struct Found {
    draws: usize,
    /// Names of the queries that were repeated: each is listed once.
    listed: HashSet<String>,
}

impl Guard {
    /// Lists what is drawn again in `folder`.
    pub(crate) fn new(evaluated: Evaluated, folder: &Path) -> Self {
        Self { evaluated, list: folder.join(DRAWN_AGAIN), found: Mutex::default() }
    }

    /// Draws until a row repeats no query of an evaluation set.
    ///
    /// # Errors
    /// Nothing but such rows, or a list that cannot be written.
    pub(crate) fn draw(&self, mut sample: impl FnMut() -> Row) -> Result<Row, TrainingError> {
        let mut repeated = String::new();
        for _ in 0..DRAWS_MAX {
            let row = sample();
            match self.leak(&row.query) {
                None => return Ok(row),
                Some(leak) => {
                    self.note(&row.query, &leak)?;
                    repeated = leak.name;
                }
            }
        }
        Err(TrainingError::Unusable {
            path: repeated,
            reason: format!(
                "{DRAWS_MAX} requests in a row that were made up repeat queries of evaluation sets, \
                 see {}; do these sets hold what is trained on?",
                self.list.display()
            ),
        })
    }

    /// Requests that were drawn again, by reason; nothing where none was.
    pub(crate) fn counted(&self) -> Option<(String, usize)> {
        let found = self.found.lock().expect("whoever noted something did not panic");
        (found.draws > 0).then(|| (REASON.to_owned(), found.draws))
    }

    fn leak(&self, query: &str) -> Option<Leak> {
        if self.evaluated.is_empty() {
            return None;
        }
        if !query.contains(TURN_END) {
            return self.evaluated.leak(query);
        }
        let turns = query.split(TURN_END);
        let said = turns.map(|turn| turn.split(OUTCOME).next().unwrap_or_default());
        let all = said.collect::<Vec<_>>().join(" ");
        let last = last(query);
        let is_telling = normalized(last).split(' ').count() >= LAST_WORDS_MIN;
        let alone = || is_telling.then(|| self.evaluated.leak(last)).flatten();
        self.evaluated.leak(&all).or_else(alone)
    }

    fn note(&self, query: &str, leak: &Leak) -> Result<(), TrainingError> {
        let mut found = self.found.lock().expect("whoever noted something did not panic");
        found.draws += 1;
        if !found.listed.insert(leak.name.clone()) {
            return Ok(());
        }
        let line = json!({"query": query, "repeats": leak.name, "share": leak.share});
        let file = OpenOptions::new().create(true).append(true).open(&self.list);
        file.and_then(|mut file| writeln!(file, "{line}")).map_err(TrainingError::file(&self.list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(folder: &Path) -> Guard {
        let mut evaluated = Evaluated::default();
        evaluated.add("e1 of held.jsonl", "Turn on the lights!");
        evaluated.add("e2 of held.jsonl", "how warm is it in Oslo? and in Rome?");
        evaluated.add("e3 of held.jsonl", "thanks");
        Guard::new(evaluated, folder)
    }

    fn row(query: &str) -> Row {
        let (id, query) = (String::new(), query.to_owned());
        Row { id, query, functions: Vec::new(), calls: Vec::new(), is_unmet: false }
    }

    #[test]
    fn what_repeats_an_evaluation_set_is_drawn_again_and_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        let guard = guard(folder.path());
        assert_eq!(guard.counted(), None);
        let mut queries = ["turn on the LIGHTS", "turn on the lights", "open the door"].into_iter();
        let drawn = guard.draw(|| row(queries.next().unwrap())).unwrap();
        assert_eq!(drawn.query, "open the door");
        assert_eq!(guard.counted().map(|(_, draws)| draws), Some(2));
        let list = std::fs::read_to_string(folder.path().join(DRAWN_AGAIN)).unwrap();
        assert_eq!(list.lines().count(), 1, "{list}");
        assert!(list.contains("e1 of held.jsonl") && list.contains("turn on the LIGHTS"), "{list}");
    }

    #[test]
    fn a_follow_up_is_compared_with_what_was_said_before() {
        let folder = tempfile::tempdir().unwrap();
        let guard = guard(folder.path());
        let turns = |turns: &[&str]| turns.join(&format!(" {TURN_END} "));
        let warm = format!("how warm is it in Oslo {OUTCOME} 3 degrees");
        for (query, expected) in [
            (turns(&[warm.as_str(), "and in Rome"]), Some("e2")),
            (turns(&["what time is it", "and in Rome"]), None),
            (turns(&["what time is it", "turn on the lights"]), Some("e1")),
            (turns(&["what time is it", "thanks"]), None),
            ("thanks".to_owned(), Some("e3")),
        ] {
            let name = guard.leak(&query).map(|leak| leak.name[..2].to_owned());
            assert_eq!(name.as_deref(), expected, "{query:?}");
        }
    }

    #[test]
    fn nothing_but_evaluated_requests_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let guard = guard(folder.path());
        let error = guard.draw(|| row("turn on the lights")).unwrap_err().to_string();
        assert!(error.contains("e1 of held.jsonl") && error.contains(DRAWN_AGAIN), "{error}");
        let none = Guard::new(Evaluated::default(), folder.path());
        assert!(none.draw(|| row("turn on the lights")).is_ok());
    }

    /// The same draws as without a guard, where nothing is repeated: runs of before go on alike.
    #[test]
    fn nothing_is_drawn_twice_without_need() {
        let folder = tempfile::tempdir().unwrap();
        let guard = guard(folder.path());
        let mut draws = 0;
        for _ in 0..5 {
            let drawn = guard.draw(|| {
                draws += 1;
                row("open the door")
            });
            assert_eq!(drawn.unwrap().query, "open the door");
        }
        assert_eq!((draws, guard.counted()), (5, None));
        assert!(!folder.path().join(DRAWN_AGAIN).exists());
    }
}
