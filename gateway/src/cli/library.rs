//! What publishers and operators type: plugins of a gateway that runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The plugins of a gateway that runs.
#[derive(Debug, Subcommand)]
pub enum LibraryCommand {
    /// Publish a component to a gateway, which compiles it and then serves it without a pause
    #[command(after_help = "Examples:\n  hyfunc plugin publish dist/tides.wasm --to \
                            http://127.0.0.1:8081\n  hyfunc plugin publish dist/tides.wasm --to \
                            http://127.0.0.1:8081 --name tides --over sha256:…\n\n\
                            The address is the gateway's admin.address. What the plugin asks for \
                            comes from tides.grants.toml beside tides.wasm; what is new about it \
                            has to be approved before the revision serves.")]
    Publish(PublishArgs),
    /// Let a revision that waits serve, with what it asks for
    #[command(after_help = "Examples:\n  hyfunc plugin approve tides --gateway \
                            http://127.0.0.1:8081\n\n\
                            Shows what it asks for. With --digest, only that very component is \
                            approved.")]
    Approve(ApproveArgs),
    /// Take a plugin out of a gateway's library; calls at work finish
    #[command(after_help = "Example:\n  hyfunc plugin remove tides --gateway \
                            http://127.0.0.1:8081")]
    Remove(RemoveArgs),
    /// List the plugins of a gateway
    #[command(after_help = "Example:\n  hyfunc plugin list --gateway http://127.0.0.1:8081")]
    List(ListArgs),
}

/// Where the gateway is, and who asks.
#[derive(Clone, Debug, Args)]
pub struct GatewayArgs {
    /// Base URL of its admin listener, admin.address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub gateway: String,
    /// A file that holds the key to send
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Options of `plugin publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The component
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Base URL of the gateway's admin listener, admin.address
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// A file that holds the key to send
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Its name; else that of the file
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The digest that it replaces, or `none`; refused if something else is there
    #[arg(long, value_name = "DIGEST|none")]
    pub over: Option<String>,
    /// Publish a revision that was replaced before
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `plugin approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The component that is approved; else the one that waits
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
    /// Where
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

/// Options of `plugin remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Its name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Only if this is what serves
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<String>,
    /// Where
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

/// Options of `plugin list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Where
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of the process that compiles; the gateway types them.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// Name of the plugin
    #[arg(long)]
    pub name: String,
    /// Where compiled components are kept
    #[arg(long)]
    pub aot_dir: PathBuf,
    /// How memory is laid out in the process that will load it
    #[arg(long)]
    pub allocation: String,
    /// Bytes of one call's memory there
    #[arg(long)]
    pub memory_bytes_max: usize,
    /// Bytes of one call's stack there
    #[arg(long)]
    pub stack_bytes_max: usize,
    /// Bytes of the component
    #[arg(long)]
    pub component_bytes_max: usize,
    /// Milliseconds that it may take
    #[arg(long)]
    pub compile_ms_max: u64,
    /// Bytes of memory that it may take
    #[arg(long)]
    pub compile_memory_bytes_max: u64,
}
