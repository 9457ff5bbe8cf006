//! What is typed to train models.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use hyfunc_training::import::{Check, Format};
use hyfunc_training::schedule::CHECKPOINT_STEPS;

/// What to train.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
    /// Train the tiny models that are embedded: retriever and lms in one run
    #[command(after_help = "Examples:\n  hyfunc train tiny --rows train.jsonl.gz\n  \
                            hyfunc train tiny --rows train.jsonl.gz --resume\n  \
                            hyfunc train tiny --rows more.jsonl.gz --from tiny.hyfunc-run/models \
                            --steps-large 0")]
    Tiny(TrainTinyArgs),
    /// Train the large model alone: what it makes of a request finds the functions
    #[command(after_help = "Examples:\n  hyfunc train retriever --rows train.jsonl.gz\n  \
                            hyfunc train retriever --rows train.jsonl.gz --catalogue tools.jsonl \
                            --hard-negatives 3\n  \
                            hyfunc train retriever --rows train.jsonl.gz --resume\n\n\
                            It is calibrated on held-out rows: the score below which nothing is a \
                            candidate, and the probability of a call. Next: hyfunc train lms")]
    Retriever(TrainRetrieverArgs),
    /// Write what a large model makes of the functions and queries of rows, once
    #[command(
        after_help = "Examples:\n  hyfunc train embed --retriever retriever.hyfunc-run/models \
                            --rows train.jsonl.gz\n  \
                            hyfunc train embed --retriever models --rows a.jsonl --out vectors\n\n\
                            The file is named by the model. What it holds is not computed again, \
                            so that more rows, or a start after a kill, only add to it."
    )]
    Embed(TrainEmbedArgs),
    /// Train the small model and its projector beside a large model that stays as it is
    #[command(
        after_help = "Examples:\n  hyfunc train lms --retriever retriever.hyfunc-run/models \
                            --rows train.jsonl.gz\n  \
                            hyfunc train lms --retriever retriever.hyfunc-run/models \
                            --embeddings embeddings --rows train.jsonl.gz\n  \
                            hyfunc train lms --retriever retriever.hyfunc-run/models \
                            --rows train.jsonl.gz --resume --rate 0.5"
    )]
    Lms(TrainLmsArgs),
    /// Train the table of words that finds functions which no training has seen
    #[command(
        after_help = "Examples:\n  hyfunc train words --encoder all-MiniLM-L6-v2 --rows train.jsonl.gz\n  \
                            hyfunc train words --encoder all-MiniLM-L6-v2 --rows train.jsonl.gz \
                            --resume\n\n\
                            The encoder, of BERT's kind, is asked for every piece of a word once; \
                            serving needs the table alone. Next: hyfunc train tiny --from DIR, with \
                            the table in DIR"
    )]
    Words(TrainWordsArgs),
    /// Write the models between two others, of which the second was trained on from the first
    #[command(
        after_help = "Examples:\n  hyfunc train blend before after.hyfunc-run/models --out between\n  \
                            hyfunc train blend before after --share 0.25 --out nearer\n\n\
                            What was trained on gains where the new rows are and loses elsewhere; \
                            between the two lie models that keep most of both. Thresholds are the \
                            first's. Judge them by `hyfunc eval`, on rows that chose nothing."
    )]
    Blend(TrainBlendArgs),
    /// Read and check rows as for training, without training; write them in one format
    #[command(after_help = "Examples:\n  hyfunc train rows xlam_function_calling_60k.json\n  \
                            hyfunc train rows toolace.json --evaluation bfcl_eval.jsonl.gz \
                            --refused refused.jsonl\n  \
                            hyfunc train rows data.json --format toolace --out rows.jsonl.gz")]
    Rows(TrainRowsArgs),
}

/// Which files are trained on, and how they are read.
#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    /// Rows of queries with calls: JSON lines or an array, gzipped or not; one or several
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub rows: Vec<PathBuf>,
    /// Functions to make up requests for, one JSON object a line; one or several
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub catalogue: Vec<PathBuf>,
    /// How rows are read
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// How rows are read.
#[derive(Clone, Debug, Args)]
pub struct ReadingArgs {
    /// Format of the rows: hyfunc, xlam or toolace, else told by each file's content; bfcl for rows in
    /// the benchmark's form that are not of it, beside the benchmark itself (--evaluation)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// What every row is checked for; a row that fails is listed in refused.jsonl
    #[arg(long, value_enum, default_value_t)]
    pub check: CheckArg,
    /// Evaluation sets of any format: rows that repeat one of their queries are refused
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub evaluation: Vec<PathBuf>,
}

/// What every row is checked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckArg {
    /// Arguments by their types, length, duplicates, and evaluation sets that lie beside
    #[default]
    All,
    /// That it can be read, and --evaluation: as versions before this option did
    Structure,
}

impl From<CheckArg> for Check {
    fn from(arg: CheckArg) -> Self {
        match arg {
            CheckArg::All => Self::All,
            CheckArg::Structure => Self::Structure,
        }
    }
}

/// How steps are taken.
#[derive(Clone, Debug, Args)]
pub struct ScheduleArgs {
    /// Parts of a step that run beside each other, a core each; part of what the run comes to
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
    /// Seed of everything random
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Factor of the learning rate; a run may go on with another
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = rate)]
    pub rate: f64,
    /// Go on from the last checkpoint in the folder
    #[arg(long)]
    pub resume: bool,
    /// Begin with the tokenizer and the weights of these models instead of drawn ones
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Steps between checkpoints: so many a kill costs at most
    #[arg(long, value_name = "STEPS", default_value_t = CHECKPOINT_STEPS as u32,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_steps: u32,
}

/// A factor that a learning rate may have.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 100.0 => Ok(rate),
        _ => Err("give a number above 0 and at most 100, such as 0.5".to_owned()),
    }
}

/// Options of `train tiny`.
#[derive(Debug, Args)]
pub struct TrainTinyArgs {
    /// What to train on
    #[command(flatten)]
    pub data: DataArgs,
    /// Folder of the run; the models come to `models` in it
    #[arg(long, value_name = "DIR", default_value = "tiny.hyfunc-run")]
    pub out: PathBuf,
    /// Steps of the large model
    #[arg(long, default_value_t = 700)]
    pub steps_large: usize,
    /// Steps of the small model
    #[arg(long, default_value_t = 6_000)]
    pub steps_small: usize,
    /// How steps are taken
    #[command(flatten)]
    pub schedule: ScheduleArgs,
}

/// Options of `train retriever`.
#[derive(Debug, Args)]
pub struct TrainRetrieverArgs {
    /// What to train on
    #[command(flatten)]
    pub data: DataArgs,
    /// Folder of the run; the model comes to `models` in it
    #[arg(long, value_name = "DIR", default_value = "retriever.hyfunc-run")]
    pub out: PathBuf,
    /// Steps
    #[arg(long, default_value_t = 700)]
    pub steps: usize,
    /// Functions of each row that are not called and join a batch: the first, then those whose
    /// parameters clash with a called one's
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=16))]
    pub hard_negatives: u16,
    /// How steps are taken
    #[command(flatten)]
    pub schedule: ScheduleArgs,
}

/// Options of `train embed`.
#[derive(Debug, Args)]
pub struct TrainEmbedArgs {
    /// What to train on
    #[command(flatten)]
    pub data: DataArgs,
    /// Folder of the large model and its tokenizer
    #[arg(long, value_name = "DIR")]
    pub retriever: PathBuf,
    /// Folder of the file of embeddings
    #[arg(long, value_name = "DIR", default_value = "embeddings")]
    pub out: PathBuf,
}

/// Options of `train words`.
#[derive(Debug, Args)]
pub struct TrainWordsArgs {
    /// What to train on
    #[command(flatten)]
    pub data: DataArgs,
    /// Folder of the sentence encoder: config.json, tokenizer.json, safetensors
    #[arg(long, value_name = "DIR")]
    pub encoder: PathBuf,
    /// Numbers of a word's vector
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub width: u16,
    /// Folder of the run; the table comes to `models` in it
    #[arg(long, value_name = "DIR", default_value = "words.hyfunc-run")]
    pub out: PathBuf,
    /// Steps
    #[arg(long, default_value_t = 80)]
    pub steps: usize,
    /// How steps are taken
    #[command(flatten)]
    pub schedule: ScheduleArgs,
}

/// Options of `train lms`.
#[derive(Debug, Args)]
pub struct TrainLmsArgs {
    /// What to train on
    #[command(flatten)]
    pub data: DataArgs,
    /// Folder of the large model and its tokenizer
    #[arg(long, value_name = "DIR")]
    pub retriever: PathBuf,
    /// What `hyfunc train embed` wrote: its folder, or the file
    #[arg(long, value_name = "PATH")]
    pub embeddings: Option<PathBuf>,
    /// Folder of the run; the models come to `models` in it
    #[arg(long, value_name = "DIR", default_value = "lms.hyfunc-run")]
    pub out: PathBuf,
    /// Steps
    #[arg(long, default_value_t = 6_000)]
    pub steps: usize,
    /// How steps are taken
    #[command(flatten)]
    pub schedule: ScheduleArgs,
}

/// Options of `train rows`.
#[derive(Debug, Args)]
pub struct TrainRowsArgs {
    /// Rows: JSON lines or an array, gzipped or not
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// How rows are read
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Where to write the rows that are kept, one a line; gzipped if it ends in .gz
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// In which format: hyfunc, xlam or toolace
    #[arg(long, value_name = "FORMAT", default_value = "hyfunc")]
    pub to: Format,
    /// Where to list the rows that are refused
    #[arg(long, value_name = "FILE")]
    pub refused: Option<PathBuf>,
}

/// Options of `train blend`.
#[derive(Debug, Args)]
pub struct TrainBlendArgs {
    /// Folder of the models that it began with; their thresholds are kept
    #[arg(value_name = "FIRST")]
    pub first: PathBuf,
    /// Folder of the models that were trained on from them
    #[arg(value_name = "SECOND")]
    pub second: PathBuf,
    /// How far to go from the first (0) to the second (1)
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub share: f64,
    /// Folder to write
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
