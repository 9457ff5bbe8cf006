//! What authors of plugins type.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::Language;

/// From an idea to a plugin that others can use.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Begin a plugin: a folder that builds and runs as it is
    #[command(after_help = "Examples:\n  hyfunc plugin new tides\n  \
                            hyfunc plugin new tides --lang python --dir plugins")]
    New(NewArgs),
    /// Build a plugin with its language's own tool, and pack the docs of its WIT into it
    #[command(after_help = "Examples:\n  hyfunc plugin build\n  \
                            hyfunc plugin build tides --out tides.wasm\n\n\
                            The files tell the language: Cargo.toml, package.json, app.py or a .c \
                            file. grants.toml is put beside the component.")]
    Build(BuildArgs),
    /// Look a plugin over: docs, names, examples, and whether requests will find it
    #[command(after_help = "Examples:\n  hyfunc plugin check\n  \
                            hyfunc plugin check tides.wasm --json\n\n\
                            Ends with an error if there is any; with --strict, also if there is a \
                            warning.")]
    Check(CheckArgs),
    /// Run one function of a plugin in its sandbox, and tell what was measured
    #[command(after_help = "Example:\n  hyfunc plugin call dist/tides.wasm greet \
                            '{\"name\": \"Maria\"}'\n\n\
                            Grants come from tides.grants.toml beside tides.wasm.")]
    Call(PluginCallArgs),
    /// Put every @example through the models and through the component
    #[command(after_help = "Examples:\n  hyfunc plugin test\n  \
                            hyfunc plugin test tides.wasm --strict\n\n\
                            Ends with an error if an example fails in the component; with --strict, \
                            also if the models call something else for it.")]
    Test(TestArgs),
}

/// Options of `plugin new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Its name: words of small letters and digits, joined by hyphens
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The language that it is written in
    #[arg(long, value_enum, default_value = "rust")]
    pub lang: Language,
    /// Where to make its folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

/// Options of `plugin build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Its folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// The language, where the files leave it open
    #[arg(long, value_enum)]
    pub lang: Option<Language>,
    /// Its world, when the WIT has several
    #[arg(long, value_name = "NAME")]
    pub world: Option<String>,
    /// Where to write the component; else to dist/NAME.wasm in the folder
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Options of `plugin check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// A component's file, the folder of a plugin that is built, or the name of a bundled one
    #[arg(value_name = "FILE|DIR|NAME", default_value = ".")]
    pub plugin: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
}

/// Options of `plugin call`.
#[derive(Debug, Args)]
pub struct PluginCallArgs {
    /// A component's file, the folder of a plugin that is built, or the name of a bundled one
    #[arg(value_name = "FILE|DIR|NAME")]
    pub plugin: PathBuf,
    /// The function, as `hyfunc plugin inspect` lists it, or as the WIT has it
    #[arg(value_name = "FUNCTION")]
    pub function: String,
    /// Its arguments
    #[arg(value_name = "JSON", default_value = "{}")]
    pub arguments: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `plugin test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// A component's file, the folder of a plugin that is built, or the name of a bundled one
    #[arg(value_name = "FILE|DIR|NAME", default_value = ".")]
    pub plugin: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// End with an error if the models get any example wrong
    #[arg(long)]
    pub strict: bool,
}
