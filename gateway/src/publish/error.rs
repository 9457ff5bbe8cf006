//! Why nothing was published, approved or removed. What served before still serves.

use hyfunc_cascade::CascadeError;
use hyfunc_functions::names::NameError;
use hyfunc_retrieval::RetrievalError;
use hyfunc_sandbox::{GrantsError, LoadError};

use super::compile::CompileError;
use super::registry::RegistryError;
use crate::error::StartError;
use crate::suggest::hint;

/// Why the library stayed as it was.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A name that no plugin can have.
    #[error(
        "`{name}` is no name for a plugin: use at most {bytes_max} small letters and digits, in \
         words joined by single hyphens, beginning with a letter"
    )]
    Name {
        /// As asked for.
        name: String,
        /// The longest.
        bytes_max: usize,
    },
    /// A name that belongs to the configuration.
    #[error(
        "`{name}` is taken by one of the gateway's own plugins ({by}); publish under another name"
    )]
    Taken {
        /// As asked for.
        name: String,
        /// Whose it is.
        by: &'static str,
    },
    /// Something that is not published cannot be changed here.
    #[error(
        "`{name}` is one of the gateway's own plugins ({by}): it is not published, and nothing can \
         be done to it here"
    )]
    Fixed {
        /// As asked for.
        name: String,
        /// Whose it is.
        by: &'static str,
    },
    /// No such plugin.
    #[error("no plugin is called `{name}`{}; GET /v1/plugins lists all", hint(.suggestion))]
    Unknown {
        /// As asked for.
        name: String,
        /// The nearest known name.
        suggestion: Option<String>,
    },
    /// The component is another one than the publisher said.
    #[error(
        "the component's SHA-256 is {found}, not {expected} as announced: it was changed on its \
         way, or another file was sent; publish it again"
    )]
    Digest {
        /// As announced.
        expected: String,
        /// As received.
        found: String,
    },
    /// Somebody changed it since the publisher looked.
    #[error(
        "`{name}` is at {found}, not at {expected}: somebody else changed it meanwhile; look at \
         it again, then publish over what you see"
    )]
    Changed {
        /// The plugin.
        name: String,
        /// What the publisher saw.
        expected: String,
        /// What there is.
        found: String,
    },
    /// Somebody is changing it right now.
    #[error(
        "`{name}` is being changed by somebody else right now; try again in {retry_after_ms} ms"
    )]
    Busy {
        /// The plugin.
        name: String,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// As many are published at once as is allowed.
    #[error(
        "{publishes_max} plugins are being published already; try again in {retry_after_ms} ms"
    )]
    Overloaded {
        /// The limit.
        publishes_max: usize,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// An earlier revision.
    #[error(
        "{digest} was revision {number} of `{name}` and was replaced since: this would be a \
         downgrade; say `allow_downgrade` if it is meant to be one"
    )]
    Downgrade {
        /// The plugin.
        name: String,
        /// The component.
        digest: String,
        /// The number that it had.
        number: u64,
    },
    /// As many plugins are published as is allowed.
    #[error(
        "{plugins_max} plugins are published, as many as library.plugins_max allows; remove one \
         or raise the limit"
    )]
    TooMany {
        /// The limit.
        plugins_max: usize,
    },
    /// The component is larger than may be published.
    #[error(
        "the component holds {bytes} bytes, over the limit library.component_bytes_max = \
         {bytes_max}; build it with `opt-level = \"s\"` and `strip = true`, or raise the limit"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Other plugins have functions of these names.
    #[error(
        "these functions are in the library already: {}; rename them in the WIT, or publish as a \
         new revision of the plugin that has them", .clashes.join(", ")
    )]
    Clash {
        /// Each with the plugin that has it.
        clashes: Vec<String>,
    },
    /// Nothing in it can be called.
    #[error("the component exports no function that can be called{}", because(.refused))]
    Empty {
        /// Exports that were refused, each with its reason.
        refused: Vec<String>,
    },
    /// The grants cannot be read.
    #[error(transparent)]
    Grants(#[from] GrantsError),
    /// The component did not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The component did not load.
    #[error(transparent)]
    Load(Box<LoadError>),
    /// Compiled components are not kept.
    #[error(
        "published plugins are compiled in a process apart, which needs a folder to leave them in: \
         set sandbox.aot_dir to one that this user alone may write"
    )]
    NoCache,
    /// What was compiled cannot be found where it should be.
    #[error(
        "the compiled component is not where it should be: `{aot_dir}` was changed by somebody \
         else, or library.compiler is another version of this program"
    )]
    NotKept {
        /// The folder of compiled components.
        aot_dir: String,
    },
    /// Nothing waits, or something else.
    #[error(
        "no revision {digest} of `{name}` waits for approval; GET /v1/plugins/{name} says what does"
    )]
    NothingWaits {
        /// The plugin.
        name: String,
        /// As asked for.
        digest: String,
    },
    /// The registry cannot be read or written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The functions cannot be told apart.
    #[error("the functions of the plugins cannot be told apart: {0}")]
    Names(NameError),
    /// The models could not read the functions.
    #[error("the models could not read the functions: {0}")]
    Models(Box<CascadeError>),
    /// The functions cannot be indexed.
    #[error("the library cannot be indexed: {0}")]
    Index(RetrievalError),
    /// Another part failed.
    #[error("the library could not be made ready: {0}")]
    Library(Box<StartError>),
    /// A fault of the gateway.
    #[error("a fault in the gateway ended this; what served before still serves; see its log")]
    Panicked,
}

fn because(refused: &[String]) -> String {
    if refused.is_empty() { String::new() } else { format!(": {}", refused.join("; ")) }
}

impl From<LoadError> for PublishError {
    fn from(error: LoadError) -> Self {
        Self::Load(Box::new(error))
    }
}

impl From<StartError> for PublishError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Names(error) => Self::Names(error),
            StartError::Models(error) => Self::Models(error),
            StartError::Index(error) => Self::Index(error),
            error => Self::Library(Box::new(error)),
        }
    }
}
