//! Rows of a file as texts: JSON lines or the elements of one JSON array, gzipped or not.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Result as IoResult};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

use crate::error::TrainingError;
use crate::lines::{LINE_BYTES_MAX, Line, Lines};

/// With what a gzipped file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// With what some editors begin UTF-8.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Opens a file for its rows, each numbered: by its line, or by its place in the array. The bar
/// moves by the bytes that are read.
///
/// # Errors
/// A file that cannot be opened or read.
pub(super) fn open(
    path: &Path,
    bar: &ProgressBar,
) -> Result<Box<dyn Iterator<Item = Result<Line, TrainingError>>>, TrainingError> {
    let failed = || TrainingError::file(path);
    let file = File::open(path).map_err(failed())?;
    let mut packed = BufReader::new(bar.wrap_read(file));
    let is_gzip = packed.fill_buf().map_err(failed())?.starts_with(&GZIP);
    let mut reader: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::new(MultiGzDecoder::new(packed))),
        false => Box::new(packed),
    };
    let start = reader.fill_buf().map_err(failed())?;
    let marked = start.starts_with(&BYTE_ORDER_MARK);
    let text = if marked { &start[BYTE_ORDER_MARK.len()..] } else { start };
    let is_array = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if marked {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    Ok(match is_array {
        true => Box::new(Elements::of(reader, path)),
        false => Box::new(Lines::of(reader, path)),
    })
}

/// The elements of one JSON array, each as its text, of bounded length.
struct Elements {
    reader: Box<dyn BufRead>,
    path: PathBuf,
    bytes_max: usize,
    number: usize,
    is_open: bool,
    is_done: bool,
}

impl Elements {
    fn of(reader: Box<dyn BufRead>, path: &Path) -> Self {
        let path = path.to_owned();
        let (is_open, is_done) = (false, false);
        Self { reader, path, bytes_max: LINE_BYTES_MAX, number: 0, is_open, is_done }
    }

    /// The next byte, which stays.
    fn peek(&mut self) -> IoResult<u8> {
        let next = self.reader.fill_buf()?.first().copied();
        next.ok_or_else(|| {
            Error::new(ErrorKind::UnexpectedEof, "the file ends before its array does")
        })
    }

    /// Skips what stands between elements; false where the array ends.
    fn advance(&mut self) -> IoResult<bool> {
        loop {
            match self.peek()? {
                b'[' if !self.is_open => self.is_open = true,
                b']' => return Ok(false),
                b',' => {}
                byte if byte.is_ascii_whitespace() => {}
                _ => return Ok(true),
            }
            self.reader.consume(1);
        }
    }

    fn read(&mut self) -> IoResult<Option<Line>> {
        if !self.advance()? {
            return Ok(None);
        }
        self.number += 1;
        let (mut bytes, mut depth) = (Vec::new(), 0_usize);
        let (mut is_text, mut is_escaped, mut is_long) = (false, false, false);
        loop {
            let byte = self.peek()?;
            if !is_text && depth == 0 && matches!(byte, b',' | b']') {
                break;
            }
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_text => is_escaped = true,
                b'"' => is_text = !is_text,
                b'[' | b'{' if !is_text => depth += 1,
                b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.reader.consume(1);
            is_long |= bytes.len() >= self.bytes_max;
            if !is_long {
                bytes.push(byte);
            }
        }
        let text = match (is_long, String::from_utf8(bytes)) {
            (true, _) => Err("an element longer than 16 MiB"),
            (false, Ok(text)) => Ok(text),
            (false, Err(_)) => Err("an element that is not UTF-8"),
        };
        Ok(Some(Line { number: self.number, text }))
    }
}

impl Iterator for Elements {
    type Item = Result<Line, TrainingError>;

    /// The next element. After an error of the file there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let read = self.read().map_err(TrainingError::file(&self.path)).transpose();
        self.is_done = !matches!(read, Some(Ok(_)));
        read
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn elements(text: &str, bytes_max: usize) -> Vec<Result<String, String>> {
        let mut elements =
            Elements::of(Box::new(Cursor::new(text.as_bytes().to_vec())), Path::new("rows.json"));
        elements.bytes_max = bytes_max;
        let each = elements.map(|line| match line {
            Ok(line) => line.text.map(|text| text.trim().to_owned()).map_err(str::to_owned),
            Err(error) => Err(error.to_string()),
        });
        each.collect()
    }

    #[test]
    fn elements_of_an_array_come_one_at_a_time() {
        let ok = |text: &str| Ok(text.to_owned());
        let long = || Err("an element longer than 16 MiB".to_owned());
        for (text, expected) in [
            ("[]", vec![]),
            (" [ ] ", vec![]),
            ("[1]", vec![ok("1")]),
            ("[ 1 ,\n\"a,]\" ]", vec![ok("1"), ok("\"a,]\"")]),
            (r#"["\"]", 2]"#, vec![ok(r#""\"]""#), ok("2")]),
            ("[{\"a\":[1]},[2]]", vec![ok("{\"a\":[1]}"), ok("[2]")]),
            ("[12345678901, 2]", vec![long(), ok("2")]),
        ] {
            assert_eq!(elements(text, 10), expected, "{text}");
        }
    }

    #[test]
    fn an_array_that_is_cut_off_is_an_error_once() {
        for text in ["[", "[1,", "[{\"a\": \"", "[1"] {
            let read = elements(text, 100);
            let errors = read.iter().filter(|element| element.is_err()).count();
            assert_eq!(errors, 1, "{text}: {read:?}");
            assert!(read.last().is_some_and(|last| last.is_err()), "{text}");
        }
    }

    #[test]
    fn how_a_file_is_packed_is_told_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let zip = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        for (name, bytes) in [
            ("lines", b"{\"a\":1}\n\n{\"a\":2}\n".to_vec()),
            ("array", b" [{\"a\":1},\n {\"a\":2}]".to_vec()),
            ("marked", b"\xef\xbb\xbf{\"a\":1}\n{\"a\":2}".to_vec()),
            ("marked array", b"\xef\xbb\xbf[{\"a\":1},{\"a\":2}]".to_vec()),
        ] {
            for bytes in [zip(&bytes), bytes] {
                let path = folder.path().join("rows");
                std::fs::write(&path, bytes).unwrap();
                let rows: Vec<String> = open(&path, &ProgressBar::hidden())
                    .unwrap()
                    .map(|line| line.unwrap().text.unwrap().trim().to_owned())
                    .collect();
                assert_eq!(rows, ["{\"a\":1}", "{\"a\":2}"], "{name}");
            }
        }
        assert!(open(&folder.path().join("none"), &ProgressBar::hidden()).is_err());
    }
}
