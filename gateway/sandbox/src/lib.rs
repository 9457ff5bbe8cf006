//! One fresh WebAssembly sandbox for every call.
//!
//! A [`Sandbox`] loads components into [`Plugin`]s. [`Plugin::call`] runs one exported function
//! in a store and an instance of its own, under the limits of [`SandboxConfig`] and within the
//! plugin's [`Grants`], which by default are empty: no network, no files, no environment, no
//! arguments, no stored data.

mod aot;
mod apart;
mod bare;
mod call;
mod compile;
mod config;
mod convert;
mod credentials;
mod directory;
mod engine;
mod error;
mod gate;
mod grants;
mod host;
mod lane;
mod limits;
mod plugin;
mod resolver;
mod sandbox;
mod ticker;
mod watch;

pub use apart::precompile;
pub use bare::{BareCall, BareError};
pub use call::{Attempt, CallContext, CallTimings, Outcome, OutcomeResult};
pub use config::SandboxConfig;
pub use credentials::{Credential, CredentialError};
pub use engine::Allocation;
pub use error::{CallError, GrantsError, LoadError, PrecompileError, SandboxError};
pub use grants::{ConfigGrants, Grants, HostGrant, HttpGrants, KeyValueGrants};
pub use host::log::{LogLevel, LogLine};
pub use plugin::Plugin;
pub use resolver::{Resolved, Resolver, SystemResolver};
pub use sandbox::Sandbox;

pub use hyfunc_functions::component::Refusal;
