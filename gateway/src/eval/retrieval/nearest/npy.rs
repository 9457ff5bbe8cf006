//! Matrices as numpy reads them.

use std::fs::File;
use std::io::{BufWriter, Result, Write as _};
use std::path::Path;

/// Before the header: the format's name, and its version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// Data begins at a multiple of so many bytes.
const ALIGNED_BYTES: usize = 64;

/// Writes rows of one width: `[rows, width]`, f32, little-endian.
pub(super) fn write(path: &Path, rows: &[&[f32]], width: usize) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&header(rows.len(), width))?;
    for number in rows.iter().copied().flatten() {
        file.write_all(&number.to_le_bytes())?;
    }
    file.flush()
}

fn header(rows: usize, width: usize) -> Vec<u8> {
    let mut text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    // Two bytes for the header's length, and the line's end.
    let bytes = MAGIC.len() + 2 + text.len() + 1;
    text.push_str(&" ".repeat(bytes.next_multiple_of(ALIGNED_BYTES) - bytes));
    text.push('\n');
    let mut header = MAGIC.to_vec();
    // Two numbers and some words: far below what fits.
    header.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_an_aligned_header_and_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.npy");
        write(&path, &[&[1.0, 2.0, 3.0], &[-1.5, 0.0, 0.25]], 3).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % ALIGNED_BYTES, 0);
        let text = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert_eq!(text.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        assert!(text.ends_with('\n'));
        let numbers: Vec<f32> = bytes[10 + length..]
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        assert_eq!(numbers, [1.0, 2.0, 3.0, -1.5, 0.0, 0.25]);
    }

    #[test]
    fn no_row_is_a_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.npy");
        write(&path, &[], 7).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() % ALIGNED_BYTES, 0);
        assert!(write(&folder.path().join("no/such.npy"), &[], 7).is_err());
    }
}
