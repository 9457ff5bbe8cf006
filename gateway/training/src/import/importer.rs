//! Reads files of rows and keeps what can be trained on.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_functions::json::arguments_from_json;
use indicatif::ProgressBar;
use serde_json::Value as Json;

use super::evaluated::Evaluated;
use super::format::Format;
use super::refusals::{Reason, Refusals};
use super::words::{hash, normalized};
use super::{sets, source};
use crate::data::{self, Known, Misfit, Row};
use crate::error::TrainingError;
use crate::mix::QUERY_BYTES_MAX;
use crate::run;

/// Rows that are kept, of all files: at some 2 kB a row, a gigabyte. Those beyond are counted.
pub const ROWS_MAX: usize = 500_000;

/// Bytes of rows that are kept, of all files: rows may be much longer than usual. Those beyond are
/// counted.
pub const KEPT_BYTES_MAX: usize = 2 << 30;

/// Rows after which a file whose format nobody knows is given up.
const UNKNOWN_ROWS_MAX: usize = 100;

/// Bytes of rows with functions not read before, after which those functions that no kept row offers
/// are forgotten: else refused rows would fill the memory.
const FORGET_BYTES: usize = 16 << 20;

/// What is checked beside a row's structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Arguments by their functions' types, the query's length, duplicates.
    #[default]
    All,
    /// Nothing: what can be read is kept.
    Structure,
}

impl Check {
    /// As it is written on the command line and in a run's settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Structure => "structure",
        }
    }
}

/// How rows are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Format of every file; told by each file's content if none.
    pub format: Option<Format>,
    /// What is checked.
    pub check: Check,
    /// Queries that no row may repeat.
    pub evaluated: Evaluated,
    /// Rows that are kept, at most.
    pub rows_max: usize,
    /// Bytes of rows that are kept; the row that goes beyond is the last.
    pub bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        let (format, check, evaluated) = (None, Check::default(), Evaluated::default());
        Self { format, check, evaluated, rows_max: ROWS_MAX, bytes_max: KEPT_BYTES_MAX }
    }
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Rows to train on, in the order of the files.
    pub rows: Vec<Row>,
    /// Rows of each file, refused ones included, by name of the file.
    pub read: BTreeMap<String, usize>,
}

/// Reads files; what cannot be used goes to `refusals`.
///
/// # Errors
/// A file that cannot be read, that is an evaluation set, or of which no row can be used; a list of
/// refusals that cannot be written.
pub fn import(
    files: &[PathBuf],
    options: &Options,
    refusals: &mut Refusals<'_>,
) -> Result<Imported, TrainingError> {
    let mut rows = Vec::new();
    let mut keep = |row: Row| -> Result<(), TrainingError> {
        rows.push(row);
        Ok(())
    };
    let read = each(files, options, refusals, &mut keep)?;
    Ok(Imported { rows, read })
}

/// Reads files, hands every row that can be used on, and keeps none; gives the rows of each file as
/// [`Imported::read`] does.
///
/// # Errors
/// As [`import`], and what `keep` says.
pub fn each(
    files: &[PathBuf],
    options: &Options,
    refusals: &mut Refusals<'_>,
    keep: &mut dyn FnMut(Row) -> Result<(), TrainingError>,
) -> Result<BTreeMap<String, usize>, TrainingError> {
    let mut importer = Importer::new(options, refusals, keep);
    for file in files {
        importer.file(file)?;
    }
    importer.refusals.finish()?;
    Ok(importer.read)
}

struct Importer<'a, 'b> {
    options: &'a Options,
    refusals: &'a mut Refusals<'b>,
    keep: &'a mut dyn FnMut(Row) -> Result<(), TrainingError>,
    known: Known,
    /// Bytes of rows that brought functions since some were forgotten.
    known_bytes: usize,
    /// Hashes of what was said and called.
    seen: HashSet<u64>,
    /// Rows of each file.
    read: BTreeMap<String, usize>,
    /// Rows that are kept, and their bytes.
    kept: usize,
    kept_bytes: usize,
}

/// Why a row is refused, and what exactly.
type Refused = (Reason, String);

impl<'a, 'b> Importer<'a, 'b> {
    fn new(
        options: &'a Options,
        refusals: &'a mut Refusals<'b>,
        keep: &'a mut dyn FnMut(Row) -> Result<(), TrainingError>,
    ) -> Self {
        Self {
            options,
            refusals,
            keep,
            known: Known::new(),
            known_bytes: 0,
            seen: HashSet::new(),
            read: BTreeMap::new(),
            kept: 0,
            kept_bytes: 0,
        }
    }

    fn file(&mut self, path: &Path) -> Result<(), TrainingError> {
        if self.options.format == Some(Format::Bfcl) && self.options.evaluated.is_empty() {
            return Err(TrainingError::Unusable {
                path: path.display().to_string(),
                reason:
                    "rows in the benchmark's form are trained on only beside the benchmark, which \
                         none of them may repeat: name it with --evaluation"
                        .into(),
            });
        }
        let label = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::metadata(path).map_err(TrainingError::file(path))?.len();
        let bar = run::bytes_bar("read", bytes);
        let found = self.rows(path, &label, &bar);
        bar.finish_and_clear();
        let (kept, read) = found?;
        *self.read.entry(label).or_default() += read;
        if kept == 0 && self.full().is_none() {
            return Err(self.unusable(path, read));
        }
        Ok(())
    }

    /// How many rows of a file are kept, and how many there are.
    fn rows(
        &mut self,
        path: &Path,
        label: &str,
        bar: &ProgressBar,
    ) -> Result<(usize, usize), TrainingError> {
        let mut format = self.options.format;
        let (mut kept, mut read) = (0, 0);
        for line in source::open(path, bar)? {
            let line = line?;
            read += 1;
            let bytes = line.text.as_ref().map_or(0, String::len);
            let parsed = line.text.map_err(str::to_owned).and_then(|text| {
                serde_json::from_str::<Json>(&text).map_err(|error| error.to_string())
            });
            let row = match parsed {
                Ok(row) => row,
                Err(detail) => {
                    self.refusals.add(label, line.number, None, Reason::NotJson, &detail)?;
                    continue;
                }
            };
            let id = id(&row);
            if let Some(set) = sets::set_of(&row, self.options.format == Some(Format::Bfcl)) {
                let name = id.unwrap_or_else(|| line.number.to_string());
                return Err(evaluation(path, format!("row `{name}`"), set));
            }
            format = format.or_else(|| Format::of(&row));
            let taken = match format {
                Some(format) => self.take(&row, format, (line.number, bytes), label)?,
                None if read >= UNKNOWN_ROWS_MAX => break,
                None => Err((Reason::Fields, "of no format that is known".to_owned())),
            };
            match taken {
                Ok(()) => kept += 1,
                Err((reason, detail)) => {
                    self.refusals.add(label, line.number, id.as_deref(), reason, &detail)?;
                }
            }
        }
        Ok((kept, read))
    }

    /// Keeps a row of so many bytes, or says why not. Later turns of a conversation are refused at
    /// once.
    fn take(
        &mut self,
        row: &Json,
        format: Format,
        (number, bytes): (usize, usize),
        label: &str,
    ) -> Result<Result<(), Refused>, TrainingError> {
        if let Some(detail) = self.full() {
            return Ok(Err((Reason::BeyondMax, detail)));
        }
        let written = match format.read(row, number) {
            Ok(written) => written,
            Err(fault) => return Ok(Err((fault.reason, fault.detail))),
        };
        for turn in 0..written.later_turns {
            let id = format!("{}#{}", written.raw.id, turn + 2);
            self.refusals.add(label, number, Some(&id), Reason::LaterTurn, "")?;
        }
        let known_before = self.known.len();
        let built = data::built(written.raw, &mut self.known).map_err(|(misfit, detail)| {
            let reason = match misfit {
                Misfit::Schema => Reason::Schema,
                Misfit::Function => Reason::UnknownFunction,
                Misfit::Query => Reason::EmptyQuery,
            };
            (reason, detail)
        });
        let has_new = self.known.len() > known_before;
        let taken = match built.and_then(|row| self.check(&row).map(|()| row)) {
            Ok(row) => {
                self.kept += 1;
                // Functions that were read before take no room again.
                self.kept_bytes += if has_new { bytes } else { said_bytes(&row) };
                (self.keep)(row)?;
                Ok(())
            }
            Err(refused) => Err(refused),
        };
        if has_new {
            self.forget(bytes);
        }
        Ok(taken)
    }

    /// Why no further row is kept, if so.
    fn full(&self) -> Option<String> {
        let (rows_max, bytes_max) = (self.options.rows_max, self.options.bytes_max);
        if self.kept >= rows_max {
            return Some(format!("{rows_max} are kept"));
        }
        (self.kept_bytes >= bytes_max).then(|| format!("{bytes_max} bytes are kept"))
    }

    /// Forgets functions that no kept row offers, once rows of many bytes brought some.
    fn forget(&mut self, bytes: usize) {
        self.known_bytes += bytes;
        if self.known_bytes >= FORGET_BYTES {
            self.known.retain(|_, function| Arc::strong_count(function) > 1);
            self.known_bytes = 0;
        }
    }

    fn check(&mut self, row: &Row) -> Result<(), Refused> {
        if let Some(leak) = self.options.evaluated.leak(&row.query) {
            return Err(match leak.share {
                None => (Reason::Evaluated, leak.name),
                Some(share) => {
                    let percent = 100.0 * share;
                    (Reason::NearlyEvaluated, format!("{percent:.0} % of {}", leak.name))
                }
            });
        }
        if self.options.check == Check::Structure {
            return Ok(());
        }
        if row.query.len() > QUERY_BYTES_MAX {
            let bytes = row.query.len();
            return Err((Reason::TooLong, format!("{bytes} bytes of {QUERY_BYTES_MAX}")));
        }
        for (called, arguments) in &row.calls {
            let function = &row.functions[*called];
            arguments_from_json(&function.parameters, &Json::Object(arguments.clone()))
                .map_err(|error| (Reason::OffSchema, format!("`{}`: {error}", function.name)))?;
        }
        match self.seen.insert(said(row)) {
            true => Ok(()),
            false => Err((Reason::Duplicate, String::new())),
        }
    }

    fn unusable(&self, path: &Path, read: usize) -> TrainingError {
        let reason = match read {
            0 => "it is empty; a row is one JSON object a line".to_owned(),
            _ => {
                let names = Format::ALL.map(Format::name).join(", ");
                let table = self.refusals.to_text();
                format!(
                    "none of its {read} rows can be trained on. Formats are {names}; name the \
                     right one with --format if it was told wrong. Refused so far:\n{table}"
                )
            }
        };
        TrainingError::Unusable { path: path.display().to_string(), reason }
    }
}

/// Bytes of what a row says and calls, its functions apart.
fn said_bytes(row: &Row) -> usize {
    let argument = |(name, value): (&String, &Json)| name.len() + value.to_string().len();
    let called = row.calls.iter().flat_map(|(_, arguments)| arguments.iter().map(argument));
    size_of::<Row>() + row.query.len() + called.sum::<usize>()
}

/// The id that a row gives itself.
fn id(row: &Json) -> Option<String> {
    match row.get("id")? {
        Json::Null => None,
        Json::String(id) => Some(id.clone()),
        other => Some(other.to_string()),
    }
}

fn evaluation(path: &Path, row: String, set: &str) -> TrainingError {
    TrainingError::Evaluation { path: path.display().to_string(), row, set: set.to_owned() }
}

/// A number for what a row says and calls, whatever the order of its arguments.
fn said(row: &Row) -> u64 {
    let mut text = normalized(&row.query);
    for (called, arguments) in &row.calls {
        text.push('\n');
        text.push_str(&row.functions[*called].name);
        text.push(' ');
        sorted(&Json::Object(arguments.clone()), &mut text);
    }
    hash(text)
}

/// JSON with the keys of objects in order.
fn sorted(value: &Json, text: &mut String) {
    match value {
        Json::Object(map) => {
            let ordered: BTreeMap<&String, &Json> = map.iter().collect();
            text.push('{');
            for (key, value) in ordered {
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                sorted(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for item in items {
                sorted(item, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A row with a function of its own, a megabyte long.
    fn row(at: usize, query: &str) -> Json {
        let description = format!("{at:09}").repeat(100_000);
        let function = json!({"name": "f", "description": description, "parameters": {}});
        json!({"id": format!("row-{at}"), "query": query, "functions": [function], "calls": []})
    }

    #[test]
    fn functions_of_refused_rows_are_forgotten_and_those_of_kept_ones_are_not() {
        let options = Options::default();
        let (mut refusals, mut rows) = (Refusals::counted(), Vec::new());
        let mut keep = |row: Row| -> Result<(), TrainingError> {
            rows.push(row);
            Ok(())
        };
        let mut importer = Importer::new(&options, &mut refusals, &mut keep);
        let mut take = |at: usize, query: &str| {
            let row = row(at, query);
            let bytes = row.to_string().len();
            let taken = importer.take(&row, Format::Hyfunc, (at + 1, bytes), "rows").unwrap();
            let known: usize = importer.known.keys().map(String::len).sum();
            (taken, known)
        };
        assert_eq!(take(0, "kept").0, Ok(()));
        for at in 1..40 {
            let (taken, known) = take(at, "");
            assert_eq!(taken.unwrap_err().0, Reason::EmptyQuery);
            assert!(known < FORGET_BYTES + (2 << 20), "{known} bytes after {at} rows");
        }
        assert_eq!(take(0, "kept, too").0, Ok(()));
        let [one, other] = rows.as_slice() else { panic!("two rows") };
        assert!(Arc::ptr_eq(&one.functions[0], &other.functions[0]), "known from before");
    }

    #[test]
    fn room_is_for_what_a_row_brings() {
        let options = Options { bytes_max: 2_000_000, ..Options::default() };
        let mut refusals = Refusals::counted();
        let mut keep = |_: Row| -> Result<(), TrainingError> { Ok(()) };
        let mut importer = Importer::new(&options, &mut refusals, &mut keep);
        let mut take = |at: usize, query: &str| {
            let row = row(at, query);
            let bytes = row.to_string().len();
            importer.take(&row, Format::Hyfunc, (1, bytes), "rows").unwrap()
        };
        // The same function again takes no room; two more do.
        for (at, query) in [(0, "a"), (0, "b"), (0, "c"), (1, "d"), (2, "e")] {
            assert_eq!(take(at, query), Ok(()), "{query}");
        }
        let (reason, detail) = take(3, "f").unwrap_err();
        assert_eq!((reason, detail.as_str()), (Reason::BeyondMax, "2000000 bytes are kept"));
    }
}
