//! Lines of a data file, gzipped or not, one at a time and of bounded length.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::TrainingError;

/// Bytes of one line; a longer one is refused, not read.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// A line that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: usize,
    /// Its text without the line's end, or why it cannot be used.
    pub text: Result<String, &'static str>,
}

impl Line {
    /// `line 7`, for lists of what was left out.
    pub fn name(&self) -> String {
        format!("line {}", self.number)
    }
}

/// Reads a file line by line; empty lines are skipped. A path that ends in `.gz` is unzipped.
pub struct Lines {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    bytes_max: usize,
    number: usize,
    is_done: bool,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("path", &self.path).field("number", &self.number).finish()
    }
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// A file that cannot be opened.
    pub fn open(path: &Path) -> Result<Self, TrainingError> {
        let file = File::open(path).map_err(TrainingError::file(path))?;
        let gzipped = path.extension().is_some_and(|extension| extension == "gz");
        let reader: Box<dyn BufRead> = if gzipped {
            Box::new(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Box::new(BufReader::new(file))
        };
        Ok(Self::of(reader, path))
    }

    /// The lines of what `reader` gives, unzipped already; `path` is named in errors.
    pub fn of(reader: Box<dyn BufRead>, path: &Path) -> Self {
        let path = path.to_owned();
        Self { reader, path, bytes_max: LINE_BYTES_MAX, number: 0, is_done: false }
    }

    fn read(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            // One more than allowed, and the line's end.
            let room = self.bytes_max as u64 + 2;
            if self.reader.by_ref().take(room).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let has_end = bytes.last() == Some(&b'\n');
            if has_end {
                bytes.pop();
            }
            if bytes.len() > self.bytes_max {
                if !has_end {
                    self.reader.skip_until(b'\n')?;
                }
                let text = Err("a line longer than 16 MiB");
                return Ok(Some(Line { number: self.number, text }));
            }
            let text = match String::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => Ok(text),
                Err(_) => Err("a line that is not UTF-8"),
            };
            return Ok(Some(Line { number: self.number, text }));
        }
    }
}

impl Iterator for Lines {
    type Item = Result<Line, TrainingError>;

    /// The next line. After an error of the file there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        match self.read() {
            Ok(Some(line)) => Some(Ok(line)),
            Ok(None) => {
                self.is_done = true;
                None
            }
            Err(source) => {
                self.is_done = true;
                Some(Err(TrainingError::file(&self.path)(source)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(
        name: &str,
        bytes: &[u8],
        bytes_max: usize,
    ) -> Vec<(usize, Result<String, &'static str>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut lines = Lines::open(&path).unwrap();
        lines.bytes_max = bytes_max;
        lines.map(|line| line.unwrap()).map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn lines_are_numbered_bounded_and_never_lost() {
        let text = |number: usize, text: &str| (number, Ok(text.to_owned()));
        let long = (1, Err("a line longer than 16 MiB"));
        for (bytes, expected) in [
            (b"".as_slice(), vec![]),
            (b"\n \n", vec![]),
            (b"abcd", vec![text(1, "abcd")]),
            (b"a\n\nb\n", vec![text(1, "a"), text(3, "b")]),
            (b"abcde\nb", vec![long.clone(), text(2, "b")]),
            (b"abcdefghijk\nb", vec![long.clone(), text(2, "b")]),
            (b"abcdefghijk", vec![long.clone()]),
            (b"\xff\nb", vec![(1, Err("a line that is not UTF-8")), text(2, "b")]),
        ] {
            assert_eq!(read("rows.jsonl", bytes, 4), expected, "{bytes:?}");
            assert_eq!(read("rows.jsonl.gz", &zipped(bytes), 4), expected, "zipped {bytes:?}");
        }
    }

    #[test]
    fn a_broken_file_is_an_error_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Lines::open(&folder.path().join("none")).is_err());
        let path = folder.path().join("half.gz");
        let whole = zipped(&b"a row of some length\n".repeat(1000));
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let outcomes: Vec<bool> = Lines::open(&path).unwrap().map(|line| line.is_ok()).collect();
        assert_eq!(outcomes.iter().filter(|ok| !**ok).count(), 1);
        assert_eq!(outcomes.last(), Some(&false));
    }
}
