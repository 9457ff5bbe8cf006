//! `hyfunc train tiny`.

use std::fmt::Write as _;

use hyfunc_training::tiny::{self, Report, TinyOptions};

use super::{CommandError, bundled_functions};
use crate::cli::TrainTinyArgs;

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
        from: args.from.clone(),
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
