//! The hostile plugins of `tests/hostile` at the root: each a folder with its source, what it tries
//! and what must come of it.
#![allow(dead_code, reason = "the test and the bench each use a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hyfunc_functions::component::ComponentError;
use hyfunc_functions::{Function, Type, json};
use hyfunc_sandbox::{
    CallContext, CallError, Grants, LoadError, Outcome, Plugin, Sandbox, SandboxConfig,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// How long a call has that must end at its deadline, in milliseconds.
const DEADLINE_MS: u64 = 200;
/// How long any other call has: far more than it takes, on any machine.
const PATIENCE_MS: u64 = 60_000;

/// How long a component may compile, in milliseconds, where the case does not say.
const COMPILE_MS: u64 = 600_000;

/// One hostile plugin, as its `case.toml` tells it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Name of its folder, and of its plugin.
    #[serde(skip)]
    pub name: String,
    /// What it does, in words.
    pub tries: String,
    /// What comes of it, in words.
    pub must: String,
    /// Its source, from its folder on.
    #[serde(default = "source_default")]
    pub source: String,
    /// Text of its `grants.toml`; `{port}` is that of the server beside it.
    #[serde(default)]
    pub grants: String,
    /// How many run its calls at the same time.
    #[serde(default = "at_once_default")]
    pub at_once: usize,
    /// Connections to the server that one call may have open.
    pub connections_max: Option<usize>,
    /// Another limit than the one that all share.
    pub compile_ms_max: Option<u64>,
    /// The same: longer for requests that must be answered, however busy the machine is.
    pub http_ms_max: Option<u64>,
    /// What stands for `%name%` in the source.
    #[serde(default)]
    pub fill: BTreeMap<String, Fill>,
    /// Why it must not load.
    pub load: Option<Refused>,
    /// Functions that must be refused, while others load.
    #[serde(default)]
    pub refused: Vec<String>,
    /// A bundled plugin in the same library.
    pub beside: Option<String>,
    /// What its functions must be called in that library.
    #[serde(default)]
    pub library: Vec<String>,
    /// Calls, one after another.
    #[serde(default)]
    pub call: Vec<Call>,
}

/// Text that is too long or too dull to be written out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    /// `%n` in it is the number of the repetition, from 0 on.
    pub text: String,
    /// How often.
    pub times: usize,
}

/// The error of loading.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// As [`load_error`] names it.
    pub error: String,
    /// A part of its message.
    pub says: String,
}

/// A call and what must come of it: the named error, or else a clean end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// In the spelling of WIT.
    pub function: String,
    /// As JSON; `{port}` is that of the server.
    #[serde(default = "arguments_default")]
    pub arguments: Json,
    /// Under which name the plugin is loaded, when not that of its folder.
    pub plugin: Option<String>,
    /// For whom the call is made, when not for `anna`.
    pub tenant: Option<String>,
    /// As [`CallError::kind`] names it.
    pub error: Option<String>,
    /// A part of the error's message.
    #[serde(default)]
    pub says: String,
    /// The value that is returned, as JSON.
    pub result: Option<Json>,
    /// A part of the error with which its reply fails.
    pub reply_error: Option<String>,
    /// Most that is kept of its log (bytes).
    pub logs_bytes_max: Option<usize>,
    /// A part of one of its log lines.
    pub logs_say: Option<String>,
    /// Whether its log lines are held to be free of what terminals act on.
    #[serde(default)]
    pub logs_plain: bool,
}

fn source_default() -> String {
    "plugin.wat".to_owned()
}

fn at_once_default() -> usize {
    2
}

fn arguments_default() -> Json {
    Json::Object(Map::new())
}

fn folder() -> PathBuf {
    PathBuf::from(".").join("../../tests/hostile")
}

/// Every case by name, those last that go on compiling after they were refused.
pub fn cases() -> Vec<Case> {
    let entries = fs::read_dir(folder()).expect("the corpus lies in tests/hostile");
    let mut cases: Vec<Case> = entries
        .map(|entry| entry.expect("the corpus can be listed").path())
        .filter_map(|path| {
            let text = fs::read_to_string(path.join("case.toml")).ok()?;
            let name = path.file_name()?.to_str()?.to_owned();
            let case: Case =
                toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Some(Case { name, ..case })
        })
        .collect();
    cases.sort_by_key(|case| (case.compile_ms_max.is_some(), case.name.clone()));
    cases
}

impl Case {
    /// Its component, in WebAssembly's binary format.
    pub fn component(&self) -> Vec<u8> {
        let path = folder().join(&self.name).join(&self.source);
        let mut text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for (name, fill) in &self.fill {
            let hole = format!("%{name}%");
            assert!(text.contains(&hole), "{}: the source has no {hole}", self.name);
            text = text.replace(&hole, &fill.written_out());
        }
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Its grants.
    pub fn grants(&self, port: u16) -> Grants {
        let text = self.grants.replace("{port}", &port.to_string());
        Grants::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The sandbox that it is loaded into: the one of all, unless it needs another limit.
    pub fn sandbox(&self, shared: &Sandbox) -> Sandbox {
        if self.compile_ms_max.or(self.http_ms_max).is_none() {
            return shared.clone();
        }
        let limits = config();
        let compile_ms_max = self.compile_ms_max.unwrap_or(limits.compile_ms_max);
        let http_ms_max = self.http_ms_max.unwrap_or(limits.http_ms_max);
        Sandbox::new(SandboxConfig { compile_ms_max, http_ms_max, ..limits })
            .expect("the limits work")
    }
}

impl Fill {
    fn written_out(&self) -> String {
        (0..self.times).map(|number| self.text.replace("%n", &number.to_string())).collect()
    }
}

impl Call {
    /// The name under which its plugin is loaded.
    pub fn plugin<'a>(&'a self, case: &'a Case) -> &'a str {
        self.plugin.as_deref().unwrap_or(&case.name)
    }

    /// Makes it.
    pub async fn run(&self, plugin: &Plugin, port: u16) -> Result<Outcome, CallError> {
        let function = self.of(plugin);
        let arguments = self.arguments(port);
        let values = json::arguments_from_json(&function.parameters, &arguments)
            .unwrap_or_else(|error| panic!("{} {arguments}: {error}", plugin.name()));
        let is_short = self.error.as_deref() == Some("deadline");
        let ms = if is_short { DEADLINE_MS } else { PATIENCE_MS };
        let tenant = self.tenant.as_deref().unwrap_or("anna");
        let export = function.export.as_ref().expect("functions of plugins are exported");
        plugin.call(export, &values, context(tenant, ms)).await
    }

    /// Its function.
    pub fn of<'a>(&self, plugin: &'a Plugin) -> &'a Function {
        let exported = |function: &&std::sync::Arc<Function>| {
            function.export.as_ref().is_some_and(|export| export.function == self.function)
        };
        let found = plugin.functions().iter().find(exported);
        found.unwrap_or_else(|| panic!("{} has no function {}", plugin.name(), self.function))
    }

    /// Its arguments.
    pub fn arguments(&self, port: u16) -> Json {
        let text = self.arguments.to_string().replace("{port}", &port.to_string());
        serde_json::from_str(&text).expect("a number in a text leaves JSON what it was")
    }
}

/// Limits that are the defaults, lower where that makes the corpus quicker, and longer for what must
/// come to its end.
pub fn config() -> SandboxConfig {
    SandboxConfig {
        deadline_ms_max: PATIENCE_MS,
        compile_ms_max: COMPILE_MS,
        memory_bytes_max: 64 << 20,
        hostcall_bytes_max: 8 << 20,
        keyvalue_bytes_max: 64 << 10,
        http_ms_max: 1_000,
        instances_max: 24,
        ..SandboxConfig::default()
    }
}

/// What a call is given.
pub fn context(tenant: &str, ms: u64) -> CallContext {
    CallContext {
        request_id: "request-1".to_owned(),
        deadline: Instant::now() + Duration::from_millis(ms),
        traceparent: None,
        tenant: tenant.to_owned(),
    }
}

/// A short name of the reason why a component was not loaded.
pub fn load_error(error: &LoadError) -> &'static str {
    match error {
        LoadError::TooLarge { .. } => "too_large",
        LoadError::Compile { .. } => "compile",
        LoadError::CompileTime { .. } => "compile_time",
        LoadError::MissingImport { .. } => "missing_import",
        LoadError::Component(error) => match error {
            ComponentError::CoreModule { .. } => "core_module",
            ComponentError::TooDeep { .. } => "too_deep",
            ComponentError::TooMany { .. } => "too_many",
            ComponentError::Invalid { .. } => "invalid",
            ComponentError::AllRefused { .. } => "all_refused",
            ComponentError::Docs { .. } => "docs",
            _ => "component",
        },
        _ => "other",
    }
}

/// What a function returns when it returns no error.
pub fn told(function: &Function) -> Option<&Type> {
    match function.returns.as_ref()? {
        Type::Result { ok, .. } => ok.as_deref(),
        other => Some(other),
    }
}
