//! What is typed to measure what each part is worth.

use std::path::PathBuf;

use clap::Args;
use hyfunc_training::ablation::Variant;
use hyfunc_training::schedule::CHECKPOINT_STEPS;

use super::DataArgs;

/// What it takes, and which rows there are.
pub(super) const ABLATION_HELP: &str = "\
Examples:
  hyfunc eval ablation --rows train.jsonl.gz --html ablation.html
  hyfunc eval ablation --rows train.jsonl.gz --steps 2000 --resume --out long.hyfunc-run
  hyfunc eval ablation --rows train.jsonl.gz --variants parallel,sequential --steps 1000
  hyfunc eval ablation --set models.preset=stock --set models.checkpoint=PATH --on rows.jsonl

Rows of the table: base, retriever, soft, selective, templates (the paper's, each with those \
before it), the controls no-soft and templates-alone, and the form that ships with its \
parameters beside each other (parallel) or one after another (sequential). Seven of the nine are \
trained, each for --steps steps on the same data from the same seed: about an hour in all on two \
cores with the defaults. The stock preset trains nothing and scores the rows that need none; the \
others are named with the reason. docs/eval.md says what each row is.";

/// Options of `eval ablation`.
#[derive(Debug, Args)]
pub struct EvalAblationArgs {
    /// What to train on
    #[command(flatten)]
    pub data: DataArgs,
    /// Rows to score on (jsonl or jsonl.gz); else those held out of the training data
    #[arg(long, value_name = "FILE")]
    pub on: Option<PathBuf>,
    /// So many of them at most, taken at equal distances
    #[arg(
        long,
        value_name = "N",
        default_value_t = 150,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub limit: u32,
    /// Folder of models whose large model every row shares; else `models.dir`, or the embedded ones
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// Folder of the run; each row that is trained has its own in it
    #[arg(long, value_name = "DIR", default_value = "ablation.hyfunc-run")]
    pub out: PathBuf,
    /// Steps of each row that is trained
    #[arg(
        long,
        value_name = "N",
        default_value_t = 400,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub steps: u32,
    /// Steps between checkpoints: so many a kill costs at most
    #[arg(
        long,
        value_name = "STEPS",
        default_value_t = CHECKPOINT_STEPS as u32,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub checkpoint_steps: u32,
    /// Rows of the table; all when left out
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub variants: Vec<Variant>,
    /// Parts of a step that run beside each other, a core each; part of what a row comes to
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub shards: u16,
    /// Seed of everything random
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Factor of the learning rate
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = super::train::rate)]
    pub rate: f64,
    /// Go on in a folder that holds a run: rows that are trained are scored, the others trained
    #[arg(long)]
    pub resume: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write a page with the picture, the table and examples besides
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}
