//! What is typed to more than one evaluation.

use std::path::PathBuf;

use clap::Args;

/// Which models are measured.
#[derive(Clone, Debug, Default, Args)]
pub struct FolderArgs {
    /// Folder of the models; else those that `models.dir` names, or the embedded ones
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
}

/// How many requests are looked up, and by which models.
#[derive(Clone, Debug, Default, Args)]
pub struct LookupArgs {
    /// So many requests at most, taken at equal distances
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Which models
    #[command(flatten)]
    pub folder: FolderArgs,
}

/// How a report is given.
#[derive(Clone, Debug, Default, Args)]
pub struct ReportArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Write a page with pictures and the worst examples besides
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}
