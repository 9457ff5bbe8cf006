//! What is typed to send plugins through registries, and to say whom to trust there.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::commands::Policy;

/// Through registries, and whom to trust there.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Store a plugin in an OCI registry, where `wkg` and `oras` find it as well
    #[command(after_help = PUSH_HELP)]
    Push(PushArgs),
    /// Bring a plugin from an OCI registry, if it is signed by the key that you trust
    #[command(after_help = PULL_HELP)]
    Pull(PullArgs),
    /// Sign a plugin in a registry, as cosign does
    #[command(
        after_help = "Examples:\n  hyfunc plugin sign ghcr.io/me/tides:1.0.0 --key hyfunc.key\n\n\
                            The password is asked for, or taken from HYFUNC_KEY_PASSWORD. \
                            `cosign verify --key hyfunc.pub --insecure-ignore-tlog \
                            ghcr.io/me/tides:1.0.0` checks the same signature."
    )]
    Sign(SignArgs),
    /// Write a list of plugins of one repository, for gateways to follow
    #[command(after_help = INDEX_HELP)]
    Index(IndexArgs),
    /// Say whether a plugin or a list in a registry is signed, by a key or an identity
    #[command(
        after_help = "Examples:\n  hyfunc plugin verify ghcr.io/me/tides:1.0.0 --key hyfunc.pub\n  \
                            hyfunc plugin verify ghcr.io/me/tides:1.0.0 --trusted-root \
                            trusted_root.json --identity me@example.com --issuer \
                            https://accounts.google.com"
    )]
    Verify(VerifyArgs),
    /// Make keys for signatures
    #[command(subcommand)]
    Key(SigningKeyCommand),
}

/// Where names and passwords come from.
const PUSH_HELP: &str = "\
Examples:
  hyfunc plugin push dist/tides.wasm ghcr.io/me/tides:1.0.0 --key hyfunc.key
  hyfunc plugin push tides.wasm localhost:5000/tides:1.0.0

What `docker login`, `podman login` or `oras login` stored says who you are; else \
HYFUNC_REGISTRY_USER and HYFUNC_REGISTRY_PASSWORD do. The grants beside the component go along. A tag \
that has another component already is left alone, unless --replace is given.";

/// What is checked.
const PULL_HELP: &str = "\
Examples:
  hyfunc plugin pull ghcr.io/me/tides:1.0.0 --key me.pub
  hyfunc plugin pull ghcr.io/me/tides@sha256:… --verify off -o tides.wasm
  wkg oci pull ghcr.io/me/tides:1.0.0 -o tides.wasm

The signature is checked before the component is fetched, the digest while it is. `--grants` writes \
what the plugin wishes for beside it: read it first, for `serve` grants what stands there.";

/// What a list is.
const INDEX_HELP: &str = "\
Examples:
  hyfunc plugin index ghcr.io/me/plugins:stable tides=tides-1.2.0 dates=dates-2.0.1 --key hyfunc.key
  hyfunc plugin index ghcr.io/me/plugins:stable tides=sha256:… --replace --key hyfunc.key

The list is an OCI image index: each entry names the manifest of a component, by its digest, in the \
list's own repository. A gateway whose follow.references has ghcr.io/me/plugins:stable holds these \
plugins under these names. A signature of the list covers all of them.";

/// How to reach a registry.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// Certificates (PEM) of an authority to trust besides the public ones
    #[arg(long, value_name = "FILE", env = "HYFUNC_REGISTRY_CA")]
    pub ca: Option<PathBuf>,
    /// Speak plain HTTP with a registry beyond this machine
    #[arg(long)]
    pub plain_http: bool,
    /// Your name there; HYFUNC_REGISTRY_PASSWORD is the password
    #[arg(long, value_name = "NAME", env = "HYFUNC_REGISTRY_USER")]
    pub user: Option<String>,
}

/// How something is stored under a tag.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Sign it with this private key, too
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Replace what has the tag
    #[arg(long)]
    pub replace: bool,
    /// How to reach the registry
    #[command(flatten)]
    pub access: AccessArgs,
}

/// Options of `plugin push`.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// A component's file, the folder of a plugin that is built, or the name of a bundled one
    #[arg(value_name = "FILE|DIR|NAME")]
    pub plugin: PathBuf,
    /// Where to: registry/repository:tag
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// How it is stored
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `plugin pull`.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Where from: registry/repository:tag, or @sha256:… to pin it
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// Where to write it; else to NAME.wasm, of the repository's last part
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Overwrite a file with other content
    #[arg(long)]
    pub force: bool,
    /// Write what the plugin wishes for beside it, as NAME.grants.toml
    #[arg(long)]
    pub grants: bool,
    /// What to do without a good signature
    #[arg(long, value_enum, default_value = "require")]
    pub verify: Policy,
    /// The public key of who must have signed it
    #[arg(long, value_name = "FILE", env = "HYFUNC_VERIFY_KEY")]
    pub key: Option<PathBuf>,
    /// The name under which it was signed, if it was copied since
    #[arg(long, value_name = "REFERENCE")]
    pub signed_as: Option<String>,
    /// How to reach the registry
    #[command(flatten)]
    pub access: AccessArgs,
}

/// Options of `plugin sign`.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// Which: registry/repository:tag, or @sha256:…
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// How to reach the registry
    #[command(flatten)]
    pub access: AccessArgs,
}

/// Options of `plugin index`.
#[derive(Debug, Args)]
pub struct IndexArgs {
    /// Where to: registry/repository:tag
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The plugins, as NAME=TAG or NAME=sha256:…, of components in that repository
    #[arg(value_name = "NAME=TAG", required = true)]
    pub entries: Vec<String>,
    /// How it is stored
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Options of `plugin verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Which: registry/repository:tag, or @sha256:…
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The public key
    #[arg(
        long,
        value_name = "FILE",
        env = "HYFUNC_VERIFY_KEY",
        required_unless_present = "trusted_root"
    )]
    pub key: Option<PathBuf>,
    /// Look for a signature without a key: the trusted_root.json of the sigstore that it is of
    #[arg(long, value_name = "FILE", requires_all = ["identity", "issuer"])]
    pub trusted_root: Option<PathBuf>,
    /// Who must have signed it, without a key; a * at the end stands for any rest
    #[arg(long, value_name = "IDENTITY", requires = "trusted_root")]
    pub identity: Option<String>,
    /// Who says so: the address of the service where they logged in
    #[arg(long, value_name = "URL", requires = "trusted_root")]
    pub issuer: Option<String>,
    /// The name under which it was signed, if it was copied since
    #[arg(long, value_name = "REFERENCE")]
    pub signed_as: Option<String>,
    /// How to reach the registry
    #[command(flatten)]
    pub access: AccessArgs,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum SigningKeyCommand {
    /// Make a pair: one to sign with, one for others to check signatures with
    #[command(after_help = "Example:\n  hyfunc plugin key generate --out hyfunc\n\n\
                            writes hyfunc.key, which is yours alone, and hyfunc.pub, which goes to \
                            everybody. Both are files as cosign has them. The password is asked \
                            for, or taken from HYFUNC_KEY_PASSWORD.")]
    Generate(KeyGenerateArgs),
}

/// Options of `plugin key generate`.
#[derive(Debug, Args)]
pub struct KeyGenerateArgs {
    /// Where to: PREFIX.key and PREFIX.pub
    #[arg(long, value_name = "PREFIX", default_value = "hyfunc")]
    pub out: PathBuf,
}
