//! What is typed to fetch checkpoints, and to look at those that are there.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hyfunc_checkpoint::hub::Name;

/// Examples of `models`.
pub const HELP: &str = "\
Examples:
  hyfunc models
  hyfunc models --set models.dir=my-models
  hyfunc models pull Qwen/Qwen3-0.6B
  hyfunc models list";

/// Options of `models`: without a command, it says which models would serve.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// What to do
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
}

/// What to do with checkpoints.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Fetch a checkpoint from the hub: resumed where it broke, held against its hashes
    #[command(after_help = "Examples:\n  hyfunc models pull Qwen/Qwen3-0.6B\n  \
                            hyfunc models pull MadeAgents/Hammer2.1-1.5b@main --out hammer\n  \
                            hyfunc models pull Qwen/Qwen3-0.6B-GGUF --file Qwen3-0.6B-Q8_0.gguf\n  \
                            HF_ENDPOINT=https://mirror.example hyfunc models pull Qwen/Qwen3-0.6B\n\n\
                            HF_ENDPOINT names a mirror, HF_TOKEN opens what is private or gated. \
                            Only what is needed is fetched: configs, tokenizer, and safetensors or \
                            one GGUF. A pull that broke goes on where it was.")]
    Pull(PullModelArgs),
    /// List the checkpoints that were fetched
    #[command(
        after_help = "Examples:\n  hyfunc models list\n  hyfunc models list --dir /srv/models --json"
    )]
    List(ListModelsArgs),
    /// Read checkpoints again and hold them against the hashes of their pull
    #[command(after_help = "Examples:\n  hyfunc models verify\n  hyfunc models verify hammer")]
    Verify(VerifyModelsArgs),
}

/// Options of `models pull`.
#[derive(Debug, Args)]
pub struct PullModelArgs {
    /// Which checkpoint, and which branch, tag or commit of it [default: main]
    #[arg(value_name = "OWNER/NAME[@REVISION]")]
    pub name: Name,
    /// Fetch this file as weights; may be repeated [default: safetensors, or the only GGUF]
    #[arg(long, value_name = "FILE")]
    pub file: Vec<String>,
    /// Folder to fetch into [default: OWNER--NAME in the folder of checkpoints]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Options of `models list`.
#[derive(Debug, Args)]
pub struct ListModelsArgs {
    /// Folder of checkpoints [default: hyfunc/models in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `models verify`.
#[derive(Debug, Args)]
pub struct VerifyModelsArgs {
    /// Folder of a checkpoint [default: all in the folder of checkpoints]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
