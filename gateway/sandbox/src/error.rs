//! What can go wrong when a sandbox is built, a plugin loaded, or a function called.

mod grants;

use hyfunc_functions::component::ComponentError;

pub use grants::GrantsError;

/// Why a sandbox could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A limit that no sandbox can be built with.
    #[error("sandbox limit `{field}` must be {expected}")]
    Config {
        /// Name of the field of the configuration.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// wasmtime refuses this machine or configuration.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// A directory that only this process may write could not be made ready.
    #[error("cannot use `{path}` for {purpose}: {message}")]
    Directory {
        /// The directory as configured.
        path: String,
        /// What it is for.
        purpose: &'static str,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// The thread that interrupts running guests could not be started.
    #[error("cannot start the epoch thread: {0}")]
    Ticker(#[source] std::io::Error),
}

/// Why a component was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is larger than `component_bytes_max`.
    #[error(
        "the component holds {bytes} bytes, over the limit component_bytes_max = {bytes_max}; \
         build it with `opt-level = \"s\"` and `strip = true`, or raise the limit"
    )]
    TooLarge {
        /// Size of the file.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The bytes are not a component that can be compiled.
    #[error("the component does not compile: {message}")]
    Compile {
        /// What the validator or compiler said.
        message: String,
    },
    /// Compiling took longer than `compile_ms_max`.
    #[error(
        "the component was not compiled within compile_ms_max = {ms_max} ms; \
         make it smaller or raise the limit"
    )]
    CompileTime {
        /// The limit.
        ms_max: u64,
    },
    /// The component imports something that this host does not offer.
    #[error(
        "the component imports `{import}`, which this host does not offer ({detail}); build it \
         against WASI 0.2 or 0.3.0 and the interfaces in `wit/`"
    )]
    MissingImport {
        /// Full name of the interface or function.
        import: String,
        /// What the linker said about it.
        detail: String,
    },
    /// The component is one of WASI 0.3, and those are turned off.
    #[error(
        "the component uses the component model's async or imports WASI 0.3, and \
         sandbox.async_components is off; build it for WASI 0.2 without `async func`, or turn it on"
    )]
    AsyncOff,
    /// The functions could not be read from the component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// A function that the signature names is not exported, or has a type that cannot be called.
    #[error("the exported function `{function}` cannot be called: {message}")]
    Export {
        /// Name in WIT's spelling.
        function: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Why a component was not compiled in a process apart.
#[derive(Debug, thiserror::Error)]
pub enum PrecompileError {
    /// The component is at fault.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The engine or the directory cannot be used.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// No directory is named.
    #[error("there is no directory for compiled components; name one in sandbox.aot_dir")]
    NoDirectory,
    /// The compiled component cannot be written.
    #[error("cannot keep the compiled component in `{path}`: {source}")]
    Keep {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a call has no outcome. A function that returns its own error has one: see
/// [`OutcomeResult::ToolError`](crate::OutcomeResult::ToolError).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The plugin exports no such function, or it was refused at load.
    #[error("plugin `{plugin}` has no function `{function}`")]
    UnknownFunction {
        /// Name of the plugin.
        plugin: String,
        /// Name in WIT's spelling.
        function: String,
    },
    /// The arguments are not of the function's parameters.
    #[error("argument `{path}`: expected {expected}, found {found}")]
    Arguments {
        /// Where, such as `address.city` or `tags[2]`.
        path: String,
        /// What the parameter's type admits.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The guest trapped: it panicked, or did what WebAssembly forbids.
    #[error("the plugin trapped: {message}")]
    Trap {
        /// The trap, and the last line that the guest wrote to standard error.
        message: String,
    },
    /// The time ran out.
    #[error("the call was ended at its deadline, after {ms} ms")]
    Deadline {
        /// How long the call had.
        ms: u64,
    },
    /// The guest wanted more memory than it may have.
    #[error("the plugin needs more memory than memory_bytes_max = {bytes_max}")]
    MemoryLimit {
        /// The limit.
        bytes_max: usize,
    },
    /// The guest wanted a larger table than it may have.
    #[error("the plugin needs a larger table than table_elements_max = {elements_max}")]
    TableLimit {
        /// The limit.
        elements_max: usize,
    },
    /// The guest ran out of stack.
    #[error("the plugin ran out of stack, of which it has stack_bytes_max = {bytes_max}")]
    StackOverflow {
        /// The limit.
        bytes_max: usize,
    },
    /// The result is larger than may be handed on.
    #[error("the result is larger than result_bytes_max = {bytes_max}")]
    ResultTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A host call carried more than it may.
    #[error("a host call of the plugin carries more than hostcall_bytes_max = {bytes_max}")]
    HostCallTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The guest held too many handles.
    #[error("the plugin holds more handles than handles_max = {handles_max}")]
    HandleLimit {
        /// The limit.
        handles_max: usize,
    },
    /// Too many calls wait already.
    #[error("too many calls of plugin `{plugin}` are waiting; try again in {retry_after_ms} ms")]
    Overloaded {
        /// Name of the plugin.
        plugin: String,
        /// When to try again.
        retry_after_ms: u64,
    },
}

impl CallError {
    /// A short, stable name for spans and metrics (`error.type`).
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownFunction { .. } => "unknown_function",
            Self::Arguments { .. } => "arguments",
            Self::Trap { .. } => "trap",
            Self::Deadline { .. } => "deadline",
            Self::MemoryLimit { .. } => "memory_limit",
            Self::TableLimit { .. } => "table_limit",
            Self::StackOverflow { .. } => "stack_overflow",
            Self::ResultTooLarge { .. } => "result_too_large",
            Self::HostCallTooLarge { .. } => "host_call_too_large",
            Self::HandleLimit { .. } => "handle_limit",
            Self::Overloaded { .. } => "overloaded",
        }
    }
}
