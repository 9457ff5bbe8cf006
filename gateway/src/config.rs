//! Every limit, default and unit, parsed and checked once.
//!
//! One precedence: defaults < file < environment < flags. Nothing else in the gateway reads a
//! file of settings, the environment or a constant that an operator may want to change.

mod calls;
mod check;
mod credentials;
mod device;
mod effective;
mod error;
mod follow;
mod idempotency;
mod keys;
mod layers;
mod library;
mod live;
mod models;
mod origins;
mod reload;
mod upstream;
mod value;

use hyfunc_functions::properties::PROPERTIES_MAX;
use serde::{Deserialize, Serialize};

pub use calls::{LimitError, function_limits};
pub use credentials::CredentialSource;
pub use device::Device;
pub use effective::{Effective, Source};
pub use error::ConfigError;
pub use follow::{
    FollowConfig, FollowKey, FollowSigner, FollowSource, KEEP, OFF, REMOVE, REQUIRE, WARN,
};
pub use idempotency::IdempotencyConfig;
pub use keys::{KEYS, Key};
pub use layers::{Inputs, load};
pub use library::{AdminConfig, LibraryConfig};
pub use live::Live;
pub use models::{CPU, Q4_K, Q8_0, Reading, STOCK, TINY};
pub use reload::{LIVE, Reload, reload};
pub use upstream::UpstreamConfig;

/// The whole configuration. [`KEYS`] says what each one means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerConfig,
    /// One request.
    pub request: RequestConfig,
    /// The cascade.
    pub models: ModelsConfig,
    /// Finding functions.
    pub retrieval: RetrievalConfig,
    /// Running calls.
    pub sandbox: SandboxLimits,
    /// What is loaded.
    pub plugins: PluginsConfig,
    /// Logs, traces and metrics.
    pub telemetry: TelemetryConfig,
    /// The list of the last requests.
    pub recent: RecentConfig,
    /// Answers that are given again.
    pub idempotency: IdempotencyConfig,
    /// The Model Context Protocol.
    pub mcp: McpConfig,
    /// Who may do what, and how often.
    pub keys: KeysConfig,
    /// Who called what.
    pub audit: AuditConfig,
    /// Plugins that are published while it runs.
    pub library: LibraryConfig,
    /// The listener for those who change the library.
    pub admin: AdminConfig,
    /// Registries from which the library is kept up to date.
    pub follow: FollowConfig,
    /// The chat model for what no function answers.
    pub upstream: UpstreamConfig,
}

impl Config {
    /// Whether only this machine may ask: there are no keys, and nobody said that something before
    /// the gateway checks who calls.
    pub fn is_local_only(&self) -> bool {
        !self.server.allow_public && self.keys.file.is_empty()
    }

    /// The same for a gateway that nobody but this process asks: no keys, no TLS, no audit log, and
    /// no registry that it follows.
    pub fn for_own_use(mut self) -> Self {
        self.server.tls_certificate.clear();
        self.server.tls_key.clear();
        self.keys = KeysConfig::default();
        self.audit = AuditConfig::default();
        self.follow = FollowConfig::default();
        self
    }
}

/// `[server]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct ServerConfig {
    pub address: String,
    pub allow_public: bool,
    pub connections_max: usize,
    pub head_read_ms_max: u64,
    pub concurrent_max: usize,
    pub queue_max: usize,
    pub retry_after_ms: u64,
    pub shutdown_ms_max: u64,
    pub tls_certificate: String,
    pub tls_key: String,
    pub write_stall_ms_max: u64,
    pub leave_ms: u64,
    pub cors_origins: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:8080".into(),
            allow_public: false,
            connections_max: 1024,
            head_read_ms_max: 10_000,
            concurrent_max: 64,
            queue_max: 256,
            retry_after_ms: 1_000,
            shutdown_ms_max: 10_000,
            tls_certificate: String::new(),
            tls_key: String::new(),
            write_stall_ms_max: 20_000,
            leave_ms: 0,
            cors_origins: Vec::new(),
        }
    }
}

/// `[request]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct RequestConfig {
    pub body_bytes_max: usize,
    pub json_depth_max: usize,
    pub deadline_ms: u64,
    pub messages_max: usize,
    pub query_bytes_max: usize,
    pub tools_max: usize,
    pub tool_properties_max: usize,
    pub properties_max: usize,
    pub calls_max: usize,
    pub reply_bytes_max: usize,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            json_depth_max: 64,
            deadline_ms: 30_000,
            messages_max: 512,
            query_bytes_max: 16 * 1024,
            tools_max: 128,
            tool_properties_max: PROPERTIES_MAX,
            properties_max: 8 * PROPERTIES_MAX,
            calls_max: 8,
            reply_bytes_max: 256 * 1024,
        }
    }
}

/// `[models]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct ModelsConfig {
    pub preset: String,
    pub dir: String,
    pub checkpoint: String,
    pub weights: String,
    pub encoder: String,
    pub spelling: String,
    pub earlier: String,
    pub device: String,
    pub cache_bytes_max: usize,
    pub prefix_bytes_max: usize,
    pub threads: usize,
    pub queue_jobs_max: usize,
    pub query_tokens_max: usize,
    pub value_tokens_max: usize,
    pub batch_tokens_max: usize,
    pub live_bytes_max: usize,
    pub call_threshold: f64,
    pub blocks_bytes_max: usize,
    pub prepared_dir: String,
    pub prepared_bytes_max: u64,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            preset: TINY.into(),
            dir: String::new(),
            checkpoint: String::new(),
            weights: AUTO.into(),
            encoder: String::new(),
            spelling: AUTO.into(),
            earlier: AUTO.into(),
            device: CPU.into(),
            cache_bytes_max: 4 << 30,
            prefix_bytes_max: 512 << 20,
            threads: 0,
            queue_jobs_max: 256,
            query_tokens_max: 384,
            value_tokens_max: 48,
            batch_tokens_max: 256,
            live_bytes_max: 512 << 20,
            call_threshold: CALIBRATED,
            blocks_bytes_max: 512 << 20,
            prepared_dir: AUTO.into(),
            prepared_bytes_max: 4 << 30,
        }
    }
}

/// The value of a threshold that leaves it to the models' own calibration.
pub const CALIBRATED: f64 = -1.0;

/// The value of a folder that leaves it to the user's cache folder.
pub const AUTO: &str = "auto";

/// Where this user's caches are; `None` where the system does not say.
pub fn cache_dir() -> Option<std::path::PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = set("XDG_CACHE_HOME").map(std::path::PathBuf::from);
    let base = base.or_else(|| Some(std::path::PathBuf::from(set("HOME")?).join(".cache")));
    Some(base?.join("hyfunc"))
}

/// `[retrieval]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct RetrievalConfig {
    pub candidates_max: usize,
    pub threshold: f64,
}

impl Default for RetrievalConfig {
    fn default() -> Self {
        Self { candidates_max: 8, threshold: CALIBRATED }
    }
}

/// `[sandbox]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct SandboxLimits {
    pub deadline_ms_max: u64,
    pub memory_bytes_max: usize,
    pub table_elements_max: usize,
    pub component_bytes_max: usize,
    pub compile_ms_max: u64,
    pub hostcall_bytes_max: usize,
    pub handles_max: usize,
    pub result_bytes_max: usize,
    pub log_bytes_max: usize,
    pub calls_per_plugin_max: usize,
    pub calls_waiting_max: usize,
    pub instances_max: usize,
    pub stack_bytes_max: usize,
    pub keyvalue_bytes_max: usize,
    pub http_body_bytes_max: usize,
    pub http_ms_max: u64,
    pub keyvalue_dir: String,
    pub aot_dir: String,
    pub credentials: Vec<String>,
    pub async_components: bool,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            deadline_ms_max: 10_000,
            memory_bytes_max: 64 << 20,
            table_elements_max: 20_000,
            component_bytes_max: 32 << 20,
            compile_ms_max: 60_000,
            hostcall_bytes_max: 64 << 20,
            handles_max: 1_000,
            result_bytes_max: 1 << 20,
            log_bytes_max: 64 << 10,
            calls_per_plugin_max: 16,
            calls_waiting_max: 256,
            instances_max: 64,
            stack_bytes_max: 512 << 10,
            keyvalue_bytes_max: 1 << 20,
            http_body_bytes_max: 4 << 20,
            http_ms_max: 8_000,
            keyvalue_dir: String::new(),
            aot_dir: AUTO.into(),
            credentials: Vec::new(),
            async_components: true,
        }
    }
}

/// `[plugins]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct PluginsConfig {
    pub bundled: bool,
    pub files: Vec<String>,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self { bundled: true, files: Vec::new() }
    }
}

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct TelemetryConfig {
    pub log: String,
    pub log_json: bool,
    pub otlp_endpoint: String,
    pub otlp_interval_ms: u64,
    pub service_name: String,
    pub sample_ratio: f64,
    pub capture_content: bool,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            // What the MCP library notes of every message would drown the rest.
            log: "info,rmcp=error".into(),
            log_json: false,
            otlp_endpoint: String::new(),
            otlp_interval_ms: 10_000,
            service_name: "hyfunc".into(),
            sample_ratio: 1.0,
            capture_content: false,
        }
    }
}

/// `[recent]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct RecentConfig {
    pub requests_max: usize,
    pub request_bytes_max: usize,
    pub content: String,
}

impl Default for RecentConfig {
    fn default() -> Self {
        Self { requests_max: 256, request_bytes_max: 16 * 1024, content: AUTO.into() }
    }
}

/// `[mcp]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct McpConfig {
    pub page_tools_max: usize,
    pub sessions_max: usize,
    pub session_idle_ms_max: u64,
}

impl Default for McpConfig {
    fn default() -> Self {
        // Many clients read the first page only.
        Self { page_tools_max: 200, sessions_max: 256, session_idle_ms_max: 1_800_000 }
    }
}

/// `[keys]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct KeysConfig {
    pub file: String,
    pub calls_per_minute: Vec<String>,
    pub calls_at_once: Vec<String>,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "KEYS documents every key once, for people and for `hyfunc config`")]
pub struct AuditConfig {
    pub to: String,
    pub arguments_bytes_max: usize,
    pub redact: Vec<String>,
}

impl Default for AuditConfig {
    fn default() -> Self {
        let redact = ["*password*", "*passphrase*", "*secret*", "*token*", "*api_key*", "pin"];
        Self {
            to: String::new(),
            arguments_bytes_max: 4096,
            redact: redact.map(str::to_owned).into(),
        }
    }
}

/// The value of a switch that is on whatever else is set.
pub const ALWAYS: &str = "always";

/// The value of a switch that is off whatever else is set.
pub const NEVER: &str = "never";
