//! Data beyond what memory holds: rows come out of a pipe, and what is read ahead and what is held is
//! counted in bytes of rows.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyfunc_training::TrainingError;
use hyfunc_training::data::Row;
use hyfunc_training::import::{Format, Options, Refusals, each};
use serde_json::json;

/// Rows of one file, with some 64 MB in all.
const ROWS: usize = 1_000;
/// What a pipe, a buffer and the row at hand come to, at most.
const AHEAD_BYTES_MAX: usize = 2 << 20;
/// Functions of rows that nobody keeps, at most, before they are forgotten.
const HELD_BYTES_MAX: usize = 32 << 20;

/// A row that offers a function of its own; all are of the same length.
fn row(number: usize) -> String {
    let description = format!("{number:06} ").repeat(9_000);
    let function = json!({"name": "f", "description": description, "parameters": {}});
    let (id, query) = (format!("row-{number:06}"), format!("do {number:06}"));
    json!({"id": id, "query": query, "functions": [function], "calls": []}).to_string()
}

/// Reads rows that are written while they are read, with what stands before, between and behind them.
fn check(before: &'static str, between: &'static str, behind: &'static str) {
    let row_bytes = row(0).len();
    let (reader, mut pipe) = std::io::pipe().unwrap();
    let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
    let written = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&written);
    let writer = std::thread::spawn(move || {
        for number in 0..ROWS {
            let start = if number == 0 { before } else { between };
            // Counted before anybody can read it.
            counted.fetch_add(row_bytes, Ordering::SeqCst);
            pipe.write_all(format!("{start}{}", row(number)).as_bytes()).unwrap();
        }
        pipe.write_all(behind.as_bytes()).unwrap();
    });

    let (mut handed_bytes, mut functions) = (0, Vec::new());
    let mut keep = |row: Row| -> Result<(), TrainingError> {
        handed_bytes += row_bytes;
        let ahead_bytes = written.load(Ordering::SeqCst) - handed_bytes;
        assert!(ahead_bytes <= AHEAD_BYTES_MAX, "{ahead_bytes} bytes are read ahead of {}", row.id);
        functions.push(Arc::downgrade(&row.functions[0]));
        functions.retain(|function| function.strong_count() > 0);
        let held_bytes = functions.len() * row_bytes;
        assert!(held_bytes <= HELD_BYTES_MAX, "{held_bytes} bytes are held at {}", row.id);
        Ok(())
    };
    let options = Options { format: Some(Format::Hyfunc), ..Options::default() };
    let mut refusals = Refusals::counted();
    let read = each(&[path], &options, &mut refusals, &mut keep).unwrap();
    assert_eq!(read.into_values().collect::<Vec<_>>(), [ROWS]);
    assert_eq!((handed_bytes, refusals.total()), (ROWS * row_bytes, 0));
    writer.join().unwrap();
}

#[test]
fn lines_are_handed_on_while_the_rest_is_not_written_yet() {
    check("", "\n", "\n");
}

#[test]
fn elements_of_an_array_are_handed_on_while_the_rest_is_not_written_yet() {
    check("[", ",", "]");
}
