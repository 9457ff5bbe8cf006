//! `hyfunc train rows`: rows are read and checked as for training, and written in one format.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::checkpoint;
use crate::data::Row;
use crate::error::TrainingError;
use crate::import::{self, Evaluated, Format, Options, Refusals};
use crate::sources::Data;

/// What `hyfunc train rows` is told.
#[derive(Clone, Debug)]
pub struct PrepareOptions {
    /// Files of rows; the library and catalogues do not matter.
    pub data: Data,
    /// Where the rows that are kept are written; gzipped if the name ends in `.gz`.
    pub out: Option<PathBuf>,
    /// In which format.
    pub to: Format,
    /// Where the rows that are refused are listed.
    pub refused: Option<PathBuf>,
}

/// What the rows came to.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    /// Rows of each file.
    pub read: Vec<(String, usize)>,
    /// Rows that are kept.
    pub kept: usize,
    /// Of these, rows that call nothing.
    pub none: usize,
    /// Calls of all rows.
    pub calls: usize,
    /// Functions of all rows, equal ones counted once.
    pub functions: usize,
    /// Queries of evaluation sets that rows were compared with.
    pub evaluated: usize,
    /// Rows that were refused, by reason, as a table.
    pub refused: String,
}

/// Reads rows, and writes what is kept of them, one after the other: how many there are does not
/// matter.
///
/// # Errors
/// Files that cannot be read or written, an evaluation set among the rows, or a row that the format
/// has no way to write.
pub fn prepare(options: &PrepareOptions) -> Result<Prepared, TrainingError> {
    let data = &options.data;
    let evaluated = Evaluated::read(&data.evaluations())?;
    let mut refusals = match &options.refused {
        None => Refusals::counted(),
        Some(path) => {
            let file = File::create(path).map_err(TrainingError::file(path))?;
            Refusals::listed(BufWriter::new(file), path)
        }
    };
    let (format, check) = (data.format, data.check);
    let (rows_max, bytes_max) = (usize::MAX, usize::MAX);
    let read = Options { format, check, evaluated, rows_max, bytes_max };
    let mut counting = Counting::default();
    let files = match &options.out {
        None => import::each(&data.rows, &read, &mut refusals, &mut |row| {
            counting.add(&row);
            Ok(())
        })?,
        Some(out) => write(out, |file| {
            import::each(&data.rows, &read, &mut refusals, &mut |row| {
                counting.add(&row);
                let failed = |reason: String| TrainingError::Unusable {
                    path: out.display().to_string(),
                    reason,
                };
                let written = import::export_row(&row, options.to);
                let written = written.map_err(|error| failed(error.to_string()))?;
                writeln!(file, "{written}").map_err(TrainingError::file(out))
            })
        })?,
    };
    let Counting { kept, none, calls, functions } = counting;
    Ok(Prepared {
        read: files.into_iter().collect(),
        kept,
        none,
        calls,
        functions: functions.len(),
        evaluated: read.evaluated.len(),
        refused: refusals.to_text(),
    })
}

/// Counts of the rows that are kept.
#[derive(Default)]
struct Counting {
    kept: usize,
    none: usize,
    calls: usize,
    /// Hashes of what tells functions apart.
    functions: HashSet<u64>,
}

impl Counting {
    fn add(&mut self, row: &Row) {
        self.kept += 1;
        self.none += usize::from(row.calls.is_empty());
        self.calls += row.calls.len();
        for function in &row.functions {
            let mut hasher = DefaultHasher::new();
            (&function.name, &function.description).hash(&mut hasher);
            function.parameters.fields.iter().for_each(|field| field.name.hash(&mut hasher));
            self.functions.insert(hasher.finish());
        }
    }
}

/// Lets `rows` write to a file, which is replaced as a whole; gives what `rows` gives.
fn write<T>(
    out: &Path,
    rows: impl FnOnce(&mut dyn Finish) -> Result<T, TrainingError>,
) -> Result<T, TrainingError> {
    let is_gzip = out.extension().is_some_and(|extension| extension == "gz");
    let mut given = None;
    checkpoint::replace(out, |beside| {
        let failed = || TrainingError::file(out);
        let file = BufWriter::new(File::create(beside).map_err(failed())?);
        let mut file: Box<dyn Finish> = match is_gzip {
            true => Box::new(GzEncoder::new(file, Compression::default())),
            false => Box::new(file),
        };
        given = Some(rows(file.as_mut())?);
        file.finish().map_err(failed())
    })?;
    Ok(given.expect("a file that was written was given its rows"))
}

/// A writer whose end may still fail.
trait Finish: std::io::Write {
    fn finish(self: Box<Self>) -> std::io::Result<()>;
}

impl Finish for BufWriter<File> {
    fn finish(mut self: Box<Self>) -> std::io::Result<()> {
        self.flush()
    }
}

impl Finish for GzEncoder<BufWriter<File>> {
    fn finish(self: Box<Self>) -> std::io::Result<()> {
        GzEncoder::finish(*self)?.flush()
    }
}

impl Prepared {
    /// Counts, and what was refused.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (file, rows) in &self.read {
            let _ = writeln!(text, "  {rows:>9}  rows of {}", crate::report::plain(file));
        }
        let _ = writeln!(
            text,
            "  {:>9}  kept: {} call nothing, {} calls of {} functions",
            self.kept, self.none, self.calls, self.functions
        );
        if self.evaluated > 0 {
            let _ = writeln!(text, "  {:>9}  queries of evaluation sets compared", self.evaluated);
        }
        if !self.refused.is_empty() {
            let _ = write!(text, "\nRefused:\n{}", self.refused);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_what_is_not_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let function = json!({"name": "f", "description": "", "parameters": {}});
        let row = |id: &str, query: &str| {
            json!({"id": id, "query": query, "functions": [function],
                   "calls": [{"name": "f", "arguments": {}}]})
        };
        let rows = [row("a", "one"), row("b", "two"), row("c", "ONE!"), row("d", "")];
        let lines: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(path("rows.jsonl"), lines.concat()).unwrap();
        for (out, to) in [
            ("out.jsonl", Format::Hyfunc),
            ("out.jsonl.gz", Format::Xlam),
            ("out2.jsonl.gz", Format::Toolace),
        ] {
            let data = |rows: &str| Data { rows: vec![path(rows)], ..Data::default() };
            let mut options = PrepareOptions {
                data: data("rows.jsonl"),
                out: Some(path(out)),
                to,
                refused: Some(path("refused.jsonl")),
            };
            let prepared = prepare(&options).unwrap();
            assert_eq!((prepared.kept, prepared.calls, prepared.functions), (2, 2, 1));
            let text = prepared.to_text();
            assert!(text.contains("rows of rows.jsonl") && text.contains("empty query"), "{text}");
            let listed = std::fs::read_to_string(path("refused.jsonl")).unwrap();
            assert_eq!(listed.lines().count(), 2, "{listed}");
            options.data = data(out);
            options.out = None;
            let again = prepare(&options).unwrap();
            assert_eq!((again.kept, again.refused.as_str()), (2, ""), "{to}");
        }
        let options = PrepareOptions {
            data: Data { rows: vec![path("rows.jsonl")], ..Data::default() },
            out: Some(path("out.jsonl")),
            to: Format::Bfcl,
            refused: None,
        };
        let error = prepare(&options).unwrap_err().to_string();
        assert!(error.contains("hyfunc, xlam or toolace"), "{error}");
        assert!(path("out.jsonl").exists(), "what was there stands");
    }
}
