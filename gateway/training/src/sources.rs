//! What a training command is told about its data, and what it makes of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_functions::Function;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::data::Row;
use crate::error::TrainingError;
use crate::guard::Guard;
use crate::import::{self, Check, Evaluated, Format, Options, Refusals};
use crate::mix::Mix;
use crate::phrases::Phrases;
use crate::practice;
use crate::sample::is_apart;
use crate::{built_in, run};

pub use crate::guard::DRAWN_AGAIN;

/// One imported row in so many is held out.
const HELD_OUT_EVERY: u64 = 40;

/// One practice plugin in so many is never trained on.
const STRANGER_EVERY: u64 = 10;

/// Rows of held-out practice plugins.
const STRANGER_ROWS: usize = 400;

/// Seed of these rows: every run is measured on the same ones, as far as the bundled library is.
const STRANGER_SEED: u64 = 0x57a6;

/// Name of the list of rows that were refused.
pub const REFUSED: &str = "refused.jsonl";

/// Files to train on, and how they are read.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// The library whose functions are called by name: usually the bundled one.
    pub library: Vec<Arc<Function>>,
    /// Files of rows, in any known format.
    pub rows: Vec<PathBuf>,
    /// Format of the rows; told by each file's content if none.
    pub format: Option<Format>,
    /// What of each row is checked.
    pub check: Check,
    /// Files whose queries no row may repeat. Where all is checked, evaluation sets that lie beside
    /// the rows under their usual names join them.
    pub evaluation: Vec<PathBuf>,
    /// Files of functions to synthesize requests for.
    pub catalogues: Vec<PathBuf>,
}

/// What files gave.
pub(crate) struct Files {
    pub(crate) rows: Vec<Row>,
    pub(crate) catalogue: Vec<Arc<Function>>,
    /// Counts by reason.
    pub(crate) refused: BTreeMap<String, usize>,
    evaluated: Evaluated,
}

/// Training rows, held-out rows, and what was refused.
pub(crate) struct Sources {
    pub(crate) mix: Mix,
    /// Keeps what is made up apart from evaluation sets.
    guard: Guard,
    /// SHA-256 of what is part of the program and trained on, by its name.
    pub(crate) built_in: BTreeMap<String, String>,
    pub(crate) held_out: Vec<Row>,
    /// Rows of practice plugins that are not in the mix.
    pub(crate) strangers: Vec<Row>,
    /// Counts by reason.
    refused: BTreeMap<String, usize>,
}

impl Data {
    /// Every evaluation set that is looked up.
    pub fn evaluations(&self) -> Vec<PathBuf> {
        let mut files = self.evaluation.clone();
        if self.check == Check::All {
            let found = import::beside(&self.rows);
            files.extend(found.into_iter().filter(|path| !self.evaluation.contains(path)));
        }
        files
    }

    /// SHA-256 of rows and catalogues, by name of the file.
    pub(crate) fn hashes(&self) -> Result<BTreeMap<String, String>, TrainingError> {
        hashes(self.rows.iter().chain(&self.catalogues))
    }

    /// SHA-256 of the evaluation sets, by name of the file.
    pub(crate) fn evaluation_hashes(&self) -> Result<BTreeMap<String, String>, TrainingError> {
        hashes(&self.evaluations())
    }

    /// Reads rows and catalogues; what cannot be used is listed in `folder`.
    pub(crate) fn import(&self, folder: &Path) -> Result<Files, TrainingError> {
        let path = folder.join(REFUSED);
        let list = BufWriter::new(File::create(&path).map_err(TrainingError::file(&path))?);
        let mut refusals = Refusals::listed(list, &path);
        let evaluated = Evaluated::read(&self.evaluations())?;
        let (format, check) = (self.format, self.check);
        let options = Options { format, check, evaluated, ..Options::default() };
        let rows = import::import(&self.rows, &options, &mut refusals)?.rows;
        let catalogue = import::catalogue(&self.catalogues, &mut refusals)?;
        let refused = refusals.by_text();
        Ok(Files { rows, catalogue, refused, evaluated: options.evaluated })
    }

    /// Reads everything.
    pub(crate) fn read(&self, folder: &Path) -> Result<Sources, TrainingError> {
        let Files { rows, catalogue, refused, evaluated } = self.import(folder)?;
        let (held_out, rows) =
            rows.into_iter().partition(|row: &Row| is_apart(&row.id, HELD_OUT_EVERY));
        let (unseen, practice): (Vec<_>, Vec<_>) = practice::plugins()?
            .into_iter()
            .partition(|plugin| is_apart(plugin.name, STRANGER_EVERY));
        let phrases = Phrases::bundled()?;
        let built_in = built_in::digests(&self.library, &phrases, &practice);
        let mix = Mix::new(self.library.clone(), phrases, rows, catalogue);
        let mix = mix.practising(practice);
        let mut rng = ChaCha8Rng::seed_from_u64(STRANGER_SEED);
        let strangers = mix.strangers(&unseen, STRANGER_ROWS, &mut rng);
        let guard = Guard::new(evaluated, folder);
        Ok(Sources { mix, guard, built_in, held_out, strangers, refused })
    }
}

impl Sources {
    /// Rows of one shard of a step, none of which repeats what models are measured on.
    pub(crate) fn draw(
        &self,
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<Row>, TrainingError> {
        (0..count).map(|_| self.guard.draw(|| self.mix.sample(rng))).collect()
    }

    /// Counts by reason, with what was made up and drawn again.
    pub(crate) fn refused(&self) -> BTreeMap<String, usize> {
        let mut refused = self.refused.clone();
        refused.extend(self.guard.counted());
        refused
    }
}

fn hashes<'a>(
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<BTreeMap<String, String>, TrainingError> {
    let mut hashes = BTreeMap::new();
    for path in files {
        let mut name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hash = run::file_hash(path)?;
        if hashes.get(&name).is_some_and(|other| *other != hash) {
            // Files of several folders may be called alike.
            name = path.display().to_string();
        }
        hashes.insert(name, hash);
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyfunc_cascade::conversation::TURN_END;
    use hyfunc_functions::schema::function_from_schema;
    use serde_json::json;

    use super::*;
    use crate::import::normalized;

    /// Rows of a step.
    const ROWS: usize = 60;

    /// What a step draws, conversations apart, and what was refused.
    fn drawn(folder: &Path, evaluation: Vec<PathBuf>) -> (BTreeSet<String>, usize) {
        let schema = json!({"type": "object", "properties": {"text": {"type": "string"}}});
        let function = function_from_schema("text_reverse", "Turns a text round.", &schema);
        let library = vec![Arc::new(function.unwrap())];
        let data = Data { library, evaluation, ..Data::default() };
        let sources = data.read(folder).unwrap();
        let rows = sources.draw(ROWS, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let single = rows.iter().filter(|row| !row.query.contains(TURN_END));
        let said = single.map(|row| normalized(&row.query)).collect();
        (said, sources.refused().values().sum())
    }

    #[test]
    fn what_is_made_up_of_phrases_and_practice_plugins_repeats_no_evaluation_set() {
        let folder = tempfile::tempdir().unwrap();
        let (said, refused) = drawn(folder.path(), Vec::new());
        assert!(said.len() > ROWS / 3, "{said:?}");
        assert_eq!(refused, 0);

        let held = folder.path().join("held.jsonl");
        let lines: String =
            said.iter().map(|query| format!("{}\n", json!({"query": query}))).collect();
        std::fs::write(&held, lines).unwrap();
        let (others, refused) = drawn(folder.path(), vec![held]);
        assert!(said.is_disjoint(&others), "{:?}", said.intersection(&others));
        assert!(refused >= said.len(), "{refused} of {}", said.len());
        let list = std::fs::read_to_string(folder.path().join(DRAWN_AGAIN)).unwrap();
        assert_eq!(list.lines().count(), said.len(), "each is listed once");
        assert!(list.lines().all(|line| line.contains(" of held.jsonl")), "{list}");
    }

    #[test]
    fn files_that_are_called_alike_have_a_hash_each() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let (one, other) = (file("a/rows.jsonl", "1"), file("b/rows.jsonl", "2"));
        let found = hashes([&one, &other]).unwrap();
        let expected = [
            ("rows.jsonl".to_owned(), run::file_hash(&one).unwrap()),
            (other.display().to_string(), run::file_hash(&other).unwrap()),
        ];
        assert_eq!(found, BTreeMap::from(expected));
        assert_eq!(hashes([&one, &one]).unwrap().len(), 1);
    }
}
