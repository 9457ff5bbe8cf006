//! Commands that need no server: each gives the text to print.

mod ablation;
mod bench;
mod call;
mod compile;
mod eval;
mod key;
mod library;
mod models;
mod plugin;
mod train;

pub use ablation::eval_ablation;
pub use bench::bench;
pub use call::call;
pub use compile::compile;
pub use eval::{eval_bfcl, eval_index, eval_requests, eval_retrieval, eval_rows};
pub use key::{NewKey, create_key, list_keys, revoke_key};
pub use library::{GatewayError, approve_plugin, list_plugins, publish_plugin, remove_plugin};
pub use models::{list_models, pull_model, stock_model, verify_models};
pub use plugin::{
    AuthorError, BuildOptions, CheckOptions, DistributionError, Language, Policy, TrialOptions,
    Verdict, build_plugin, bundled_functions, call_plugin, check_plugin, generate_key,
    index_plugins, inspect, new_plugin, pack, pull_plugin, push_plugin, sign_plugin, test_plugin,
    verify_plugin,
};
pub use train::train;

use std::path::PathBuf;

use hyfunc_checkpoint::hub::HubError;
use hyfunc_functions::component::ComponentError;
use hyfunc_functions::docs::DocsError;
use hyfunc_functions::json::JsonError;
use hyfunc_functions::names::NameError;
use hyfunc_sandbox::CallError;
use hyfunc_training::TrainingError;

use crate::bench::BenchError;
use crate::error::StartError;
use crate::eval::EvalError;
use crate::keys::KeysError;

/// Why a command gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A file or folder cannot be read or written.
    #[error("cannot use {path}: {source}{}", advice(.source), path = .path.display())]
    File {
        /// As typed.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither a file nor a bundled plugin.
    #[error("`{name}` is neither a file nor a bundled plugin; bundled are: {bundled}")]
    NoPlugin {
        /// As typed.
        name: String,
        /// Their names.
        bundled: String,
    },
    /// Not a component that can be read.
    #[error(transparent)]
    Component(Box<ComponentError>),
    /// The docs of the WIT cannot be read, or do not fit the component.
    #[error(transparent)]
    Docs(Box<DocsError>),
    /// A folder without WIT.
    #[error(
        "{path} holds no .wit file: write the plugin's world there, in a file such as world.wit, or \
         name the folder that has it",
        path = .path.display()
    )]
    NoWit {
        /// As typed.
        path: PathBuf,
    },
    /// No such function.
    #[error("no function is called `{name}`{}; `hyfunc plugin inspect NAME` lists those of a plugin", crate::suggest::hint(.suggestion))]
    NoFunction {
        /// As typed.
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// The arguments do not fit.
    #[error("the arguments of `{function}`: {source}")]
    Arguments {
        /// Its name.
        function: String,
        /// Path, expectation and finding.
        source: JsonError,
    },
    /// The sandbox ended the call.
    #[error("`{function}` failed: {source}")]
    Call {
        /// Its name.
        function: String,
        /// What the sandbox said.
        source: CallError,
    },
    /// A plugin cannot be begun or built.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A plugin was not pushed, pulled, signed or verified.
    #[error(transparent)]
    Distribution(Box<DistributionError>),
    /// A checkpoint was not fetched, or does not stand as it was.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// Two functions of one name that prefixes do not tell apart.
    #[error(transparent)]
    Names(#[from] NameError),
    /// Training stopped, or rows cannot be judged.
    #[error(transparent)]
    Training(Box<TrainingError>),
    /// Requests cannot be judged.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Nothing could be measured.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Keys cannot be read, made or revoked.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A gateway did not do what it was asked.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A part did not start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// What to do about a file that cannot be read or written; nothing where the system says enough.
fn advice(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind;

    match source.kind() {
        ErrorKind::NotFound => "; check the path, and that its folder is there",
        ErrorKind::AlreadyExists => "; something else has that name: choose another",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "; choose a place that you may write to, or ask its owner"
        }
        kind if crate::file::is_full(kind) => "; free some space and try again",
        ErrorKind::IsADirectory => "; name a file, not a folder",
        ErrorKind::NotADirectory => "; one part of the path is a file, not a folder",
        ErrorKind::InvalidData => "; save the file as UTF-8 text",
        _ => "",
    }
}

// The large ones are boxed, so that every `Result` of a command stays small.
impl From<ComponentError> for CommandError {
    fn from(error: ComponentError) -> Self {
        Self::Component(Box::new(error))
    }
}

impl From<DocsError> for CommandError {
    fn from(error: DocsError) -> Self {
        Self::Docs(Box::new(error))
    }
}

impl From<DistributionError> for CommandError {
    fn from(error: DistributionError) -> Self {
        Self::Distribution(Box::new(error))
    }
}

impl From<TrainingError> for CommandError {
    fn from(error: TrainingError) -> Self {
        Self::Training(Box::new(error))
    }
}
