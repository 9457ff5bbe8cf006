//! `hyfunc train`: the steps of training.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use hyfunc_training::blend::{self, BlendOptions};
use hyfunc_training::embed::{self, EmbedOptions};
use hyfunc_training::lms::{self, LmsOptions};
use hyfunc_training::prepare::{self, PrepareOptions};
use hyfunc_training::retriever::{self, RetrieverOptions};
use hyfunc_training::run;
use hyfunc_training::schedule::Schedule;
use hyfunc_training::sources::{DRAWN_AGAIN, Data, REFUSED};
use hyfunc_training::tiny::{self, Report, TinyOptions};
use hyfunc_training::words::{self, WordsOptions};

use super::{CommandError, bundled_functions};
use crate::cli::{
    DataArgs, ReadingArgs, ScheduleArgs, TrainBlendArgs, TrainCommand, TrainWordsArgs,
};
use crate::eval::EvalError;

/// Trains on the bundled functions and the given rows; gives what it came to.
///
/// # Errors
/// Data that cannot be read, a folder that cannot be used, or a loss that diverges.
pub fn train(command: TrainCommand) -> Result<String, CommandError> {
    Ok(match command {
        TrainCommand::Tiny(args) => {
            let out = args.out.clone();
            let options = TinyOptions {
                data: data(args.data)?,
                out: args.out,
                steps_large: args.steps_large,
                steps_small: args.steps_small,
                schedule: schedule(args.schedule),
            };
            models_text(&tiny::train(&options)?, &out)
        }
        TrainCommand::Retriever(args) => {
            let options = RetrieverOptions {
                data: data(args.data)?,
                out: args.out,
                steps: args.steps,
                hard_negatives: usize::from(args.hard_negatives),
                schedule: schedule(args.schedule),
            };
            let report = retriever::train(&options)?;
            let models = report.models.display();
            let (seconds, calibration) = (report.seconds, &report.calibration);
            let mut text = format!("{models} after {seconds:.0} s\n\n{calibration}");
            text.push_str(&refused_text(&report.refused, &options.out));
            let _ = writeln!(text, "\nGo on with `hyfunc train lms --retriever {models}`.");
            text
        }
        TrainCommand::Embed(args) => {
            let options =
                EmbedOptions { data: data(args.data)?, retriever: args.retriever, out: args.out };
            let report = embed::embed(&options)?;
            let mut text = format!(
                "{}: {} functions, {} queries; {} texts computed, {} known from before, {:.0} s\n",
                report.path.display(),
                report.functions,
                report.queries,
                report.computed,
                report.known,
                report.seconds,
            );
            text.push_str(&refused_text(&report.refused, &options.out));
            text
        }
        TrainCommand::Lms(args) => {
            let options = LmsOptions {
                data: data(args.data)?,
                retriever: args.retriever,
                embeddings: args.embeddings,
                out: args.out,
                steps: args.steps,
                schedule: schedule(args.schedule),
            };
            models_text(&lms::train(&options)?, &options.out)
        }
        TrainCommand::Words(args) => worded(args)?,
        TrainCommand::Blend(args) => blended(args)?,
        TrainCommand::Rows(args) => {
            let data = Data { rows: args.files, ..reading(args.reading) };
            let (out, to, refused) = (args.out, args.to, args.refused);
            prepare::prepare(&PrepareOptions { data, out, to, refused })?.to_text()
        }
    })
}

fn reading(args: ReadingArgs) -> Data {
    Data {
        format: args.format,
        check: args.check.into(),
        evaluation: args.evaluation,
        ..Data::default()
    }
}

fn worded(args: TrainWordsArgs) -> Result<String, CommandError> {
    let encoder = hyfunc_checkpoint::Encoder::open(&args.encoder).map_err(|source| {
        EvalError::Encoder { path: args.encoder.clone(), source: Box::new(source) }
    })?;
    let options = WordsOptions {
        data: data(args.data)?,
        vocabulary: words::vocabulary(&args.encoder.join("tokenizer.json"))?,
        encoder_sha256: run::file_hash(&args.encoder.join("model.safetensors"))?,
        width: usize::from(args.width),
        out: args.out,
        steps: args.steps,
        schedule: schedule(args.schedule),
    };
    let encode = |texts: &[&str]| encoder.embed(texts).map_err(|error| error.to_string());
    Ok(words::train(&options, &encode)?.to_string())
}

fn blended(args: TrainBlendArgs) -> Result<String, CommandError> {
    let TrainBlendArgs { first, second, share, out } = args;
    let options = BlendOptions { first, second, share, out };
    let blended = blend::blend(&options)?;
    let models = options.out.display();
    Ok(format!(
        "{models}: {} tensors\n  large  SHA-256 {}\n  small  SHA-256 {}\n\nTry them with \
         `hyfunc demo --set models.dir={models}`.\n",
        blended.tensors, blended.large_sha256, blended.small_sha256
    ))
}

pub(super) fn data(args: DataArgs) -> Result<Data, CommandError> {
    Ok(Data {
        library: bundled_functions()?,
        rows: args.rows,
        catalogues: args.catalogue,
        ..reading(args.reading)
    })
}

fn schedule(args: ScheduleArgs) -> Schedule {
    Schedule {
        shards: usize::from(args.shards),
        seed: args.seed,
        rate: args.rate,
        resume: args.resume,
        from: args.from,
        checkpoint_steps: args.checkpoint_steps as usize,
    }
}

fn models_text(report: &Report, out: &Path) -> String {
    let models = report.models.display();
    let mut text = format!("{models} after {:.0} s\n\n{}", report.seconds, report.calibration);
    text.push_str(&refused_text(&report.refused, out));
    let _ = writeln!(text, "\nTry them with `hyfunc demo --set models.dir={models}`.");
    text
}

/// A table of the rows and functions that were refused; empty where none was.
fn refused_text(refused: &BTreeMap<String, usize>, out: &Path) -> String {
    if refused.is_empty() {
        return String::new();
    }
    let list = out.join(REFUSED);
    let mut text = format!("\nWhat was not used, listed in {}:\n", list.display());
    for (reason, rows) in refused {
        let _ = writeln!(text, "  {rows:>9}  {reason}");
    }
    let drawn_again = out.join(DRAWN_AGAIN);
    if drawn_again.exists() {
        let _ = writeln!(text, "What was drawn again stands in {}.", drawn_again.display());
    }
    text
}
