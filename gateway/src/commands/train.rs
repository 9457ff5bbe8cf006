//! `hyfunc train tiny`.

use std::fmt::Write as _;

use hyfunc_training::tiny::{self, Report, TinyOptions};

use super::{CommandError, bundled_functions};
use crate::cli::TrainTinyArgs;

/// Variable from which candle alone takes the threads of a multiplication.
const THREADS: &str = "RAYON_NUM_THREADS";

/// Runs this command again in a process where tensor operations stay on one thread: a training step's
/// shards run beside each other instead, which keeps the cores busier. `None` in that process.
///
/// # Errors
/// The process cannot be started.
pub fn single_threaded() -> Result<Option<std::process::ExitStatus>, CommandError> {
    if std::env::var_os(THREADS).is_some() {
        return Ok(None);
    }
    let program = std::env::current_exe().map_err(CommandError::Process)?;
    let mut again = std::process::Command::new(program);
    again.args(std::env::args_os().skip(1)).env(THREADS, "1");
    // Tensors come and go every step: glibc would give their pages back each time.
    again.env("MALLOC_MMAP_THRESHOLD_", "1073741824").env("MALLOC_TRIM_THRESHOLD_", "4294967296");
    Ok(Some(again.status().map_err(CommandError::Process)?))
}

/// Trains the tiny models on the bundled functions and the given rows; gives what it came to.
///
/// # Errors
/// Data that cannot be read, a folder that cannot be used, or a loss that diverges.
pub fn train_tiny(args: TrainTinyArgs) -> Result<String, CommandError> {
    let options = TinyOptions {
        library: bundled_functions()?,
        rows: args.rows,
        catalogues: args.catalogue,
        out: args.out,
        steps_large: args.steps_large,
        steps_small: args.steps_small,
        shards: usize::from(args.shards),
        seed: args.seed,
        resume: args.resume,
    };
    Ok(to_text(&tiny::train(&options)?))
}

fn to_text(report: &Report) -> String {
    let models = report.models.display();
    let mut text = format!("{models} after {:.0} s\n\n{}", report.seconds, report.calibration);
    if !report.refused.is_empty() {
        let _ = writeln!(text, "\nRows that were not used:");
        for (reason, rows) in &report.refused {
            let _ = writeln!(text, "  {rows:>7}  {reason}");
        }
    }
    let _ = writeln!(text, "\nTry them with `hyfunc demo --set models.dir={models}`.");
    text
}
