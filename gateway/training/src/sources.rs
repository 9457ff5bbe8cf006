//! What a training command is told about its data, and what it makes of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_functions::Function;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::data::{self, Row};
use crate::error::TrainingError;
use crate::import::{self, Check, Evaluated, Format, Options, Refusals};
use crate::mix::Mix;
use crate::phrases::Phrases;
use crate::practice;
use crate::run;
use crate::sample::is_apart;

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

/// Training rows, held-out rows, and what was refused.
pub(crate) struct Sources {
    pub(crate) mix: Mix,
    pub(crate) held_out: Vec<Row>,
    /// Rows of practice plugins that are not in the mix.
    pub(crate) strangers: Vec<Row>,
    /// Counts by reason.
    pub(crate) refused: BTreeMap<String, usize>,
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

    /// Reads the rows; those that cannot be used are listed in `folder`.
    pub(crate) fn import(
        &self,
        folder: &Path,
    ) -> Result<(Vec<Row>, BTreeMap<String, usize>), TrainingError> {
        let path = folder.join(REFUSED);
        let list = BufWriter::new(File::create(&path).map_err(TrainingError::file(&path))?);
        let mut refusals = Refusals::listed(list, &path);
        let evaluated = Evaluated::read(&self.evaluations())?;
        let (format, check) = (self.format, self.check);
        let options = Options { format, check, evaluated, ..Options::default() };
        let rows = import::import(&self.rows, &options, &mut refusals)?.rows;
        Ok((rows, refusals.by_text()))
    }

    /// Reads everything.
    pub(crate) fn read(&self, folder: &Path) -> Result<Sources, TrainingError> {
        let (rows, refused) = self.import(folder)?;
        let (held_out, rows) =
            rows.into_iter().partition(|row: &Row| is_apart(&row.id, HELD_OUT_EVERY));
        let (unseen, practice): (Vec<_>, Vec<_>) = practice::plugins()?
            .into_iter()
            .partition(|plugin| is_apart(plugin.name, STRANGER_EVERY));
        let mut catalogue = Vec::new();
        for path in &self.catalogues {
            catalogue.extend(data::catalogue(path)?);
        }
        let mix = Mix::new(self.library.clone(), Phrases::bundled()?, rows, catalogue);
        let mix = mix.practising(practice);
        let mut rng = ChaCha8Rng::seed_from_u64(STRANGER_SEED);
        let strangers = mix.strangers(&unseen, STRANGER_ROWS, &mut rng);
        Ok(Sources { mix, held_out, strangers, refused })
    }
}

fn hashes<'a>(
    files: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<BTreeMap<String, String>, TrainingError> {
    let mut hashes = BTreeMap::new();
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        hashes.insert(name, run::file_hash(path)?);
    }
    Ok(hashes)
}
