//! Which functions a component exports, over which types.
//!
//! A plugin is any component that exports plain functions over value types, through interfaces
//! or at world level. What cannot be called with JSON is refused by name, with the reason, and
//! the other functions stay.
//!
//! The types come from `wasmparser`'s validator, which names every record field, case and
//! parameter. `wit-parser`'s decoder on top of it would add type names only; and it refuses a
//! whole component for one export that WIT cannot express, and panics on some bytes.

mod concurrency;
mod nesting;
mod outline;
mod signature;
mod surface;

use wasmparser::component_types::{
    ComponentEntityType, ComponentFuncTypeId, ComponentInstanceTypeId,
};
use wasmparser::names::{ComponentName, ComponentNameKind};
use wasmparser::types::TypesRef;
use wasmparser::{BinaryReaderError, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use crate::docs::{self, DocsError};
use crate::function::{Export, Function};
use crate::names;
use crate::properties::PROPERTIES_MAX;
use nesting::NestingError;
use signature::Reader;

pub use outline::outline;
pub use surface::{Surface, surface};

/// Bounds on a component that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentLimits {
    /// Largest component (bytes).
    pub bytes_max: usize,
    /// Most exported functions.
    pub functions_max: usize,
    /// Most types, fields and cases in one function's signature, every use counted.
    pub type_nodes_max: usize,
    /// Deepest nesting of a value type.
    pub type_depth_max: usize,
    /// Most properties of one function's parameters, as [`crate::properties::count`] counts them.
    pub properties_max: usize,
}

impl Default for ComponentLimits {
    fn default() -> Self {
        Self {
            bytes_max: 32 << 20,
            functions_max: 1_000,
            type_nodes_max: 8_192,
            type_depth_max: 24,
            properties_max: PROPERTIES_MAX,
        }
    }
}

/// What a component exports.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentFunctions {
    /// Functions that can be called, in the component's order. Their names are unique among them.
    pub functions: Vec<Function>,
    /// Functions and other exports that cannot be called.
    pub refused: Vec<Refusal>,
    /// Package of the first exported interface that has one, such as `hyfunc:geo@0.1.0`.
    pub package: Option<String>,
    /// Where descriptions came from.
    pub docs: DocsSource,
    /// Whether it needs a host of the component model's async: it uses it, or imports WASI 0.3.
    pub needs_async: bool,
}

/// An export that cannot be called, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// As [`docs::key`] spells it: `hyfunc:geo/cities@0.1.0#find-city`.
    pub name: String,
    /// In words for the plugin's author.
    pub reason: String,
}

/// Where descriptions of a component's functions came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocsSource {
    /// Nowhere: names are all there is.
    None,
    /// The section `hyfunc:docs`.
    Section,
    /// The section `package-docs` that WIT tools write.
    PackageDocs,
}

/// Why a component is not loaded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ComponentError {
    /// The bytes are something else.
    #[error("plugin `{plugin}`: this is no WebAssembly binary ({found}): {advice}")]
    NotWasm {
        /// The plugin.
        plugin: String,
        /// What the bytes look like.
        found: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A module, without typed exports.
    #[error(
        "plugin `{plugin}`: this is a core module, not a component: build it for wasm32-wasip2, \
         or turn it into a component with `wasm-tools component new`"
    )]
    CoreModule {
        /// The plugin.
        plugin: String,
    },
    /// Larger than is read.
    #[error(
        "plugin `{plugin}`: the component has {bytes} bytes, and at most {bytes_max} are read: \
         build it with `--release` and `strip = true`, or raise the limit on components' bytes"
    )]
    TooLarge {
        /// The plugin.
        plugin: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Types nest so deep that reading them is not safe.
    #[error(
        "plugin `{plugin}`: the component's types nest too deep: no tool builds such a component"
    )]
    TooDeep {
        /// The plugin.
        plugin: String,
    },
    /// More functions than are read.
    #[error(
        "plugin `{plugin}`: it exports {functions} functions, and at most {functions_max} are \
         read: split it into several plugins"
    )]
    TooMany {
        /// The plugin.
        plugin: String,
        /// How many it exports.
        functions: usize,
        /// The limit.
        functions_max: usize,
    },
    /// Damaged, or made by a tool with other ideas of the format.
    #[error("plugin `{plugin}`: the component is not valid: {reason}: build it anew")]
    Invalid {
        /// The plugin.
        plugin: String,
        /// What the validator says.
        reason: String,
    },
    /// Nothing to call.
    #[error("plugin `{plugin}`: the component exports no function: {advice}")]
    NoFunction {
        /// The plugin.
        plugin: String,
        /// What to do.
        advice: &'static str,
    },
    /// Nothing that can be called.
    #[error("plugin `{plugin}`: none of its functions can be called: {}", list(.refused))]
    AllRefused {
        /// The plugin.
        plugin: String,
        /// Every function, with the reason.
        refused: Vec<Refusal>,
    },
    /// The docs section lies, or cannot be read.
    #[error("plugin `{plugin}`: {source}")]
    Docs {
        /// The plugin.
        plugin: String,
        /// What is wrong with it.
        source: DocsError,
    },
}

fn list(refused: &[Refusal]) -> String {
    let lines: Vec<String> =
        refused.iter().map(|refusal| format!("`{}`: {}", refusal.name, refusal.reason)).collect();
    lines.join("; ")
}

/// Reads a component's functions, within the default limits.
///
/// # Errors
/// See [`ComponentError`]. Foreign bytes never panic.
pub fn read_component(plugin: &str, bytes: &[u8]) -> Result<ComponentFunctions, ComponentError> {
    read_component_within(plugin, bytes, &ComponentLimits::default())
}

/// Reads a component's functions. Function bodies are not validated: whoever compiles them does.
///
/// # Errors
/// See [`ComponentError`]. Foreign bytes never panic.
pub fn read_component_within(
    plugin: &str,
    bytes: &[u8],
    limits: &ComponentLimits,
) -> Result<ComponentFunctions, ComponentError> {
    check_kind(plugin, bytes, limits)?;
    nesting::check(bytes).map_err(|error| match error {
        NestingError::TooDeep => ComponentError::TooDeep { plugin: plugin.to_owned() },
        NestingError::Malformed(error) => invalid(plugin, &error),
    })?;
    let (validated, uses_async) =
        concurrency::validate(bytes).map_err(|error| invalid(plugin, &error))?;
    let needs_async = uses_async || concurrency::imports_wasi_0_3(bytes);
    let Some((types, exports)) = validated else {
        return Err(ComponentError::Invalid {
            plugin: plugin.to_owned(),
            reason: "it ends too early".to_owned(),
        });
    };

    let mut found = Found::default();
    found.read_exports(types.as_ref(), &exports);
    // Those that are refused count, too: a million refusals would be kept otherwise.
    let count = found.functions.len() + found.refused.len();
    if count > limits.functions_max {
        return Err(ComponentError::TooMany {
            plugin: plugin.to_owned(),
            functions: count,
            functions_max: limits.functions_max,
        });
    }
    let package = found.package.take();
    let (mut functions, mut refused) = found.convert(types.as_ref(), limits);
    if functions.is_empty() {
        return Err(nothing_left(plugin, refused, &exports));
    }
    let docs = docs::attach(bytes, &mut functions, &mut refused)
        .map_err(|source| ComponentError::Docs { plugin: plugin.to_owned(), source })?;
    if functions.is_empty() {
        return Err(nothing_left(plugin, refused, &exports));
    }
    Ok(ComponentFunctions { functions, refused, package, docs, needs_async })
}

fn invalid(plugin: &str, error: &BinaryReaderError) -> ComponentError {
    ComponentError::Invalid { plugin: plugin.to_owned(), reason: error.to_string() }
}

fn check_kind(plugin: &str, bytes: &[u8], limits: &ComponentLimits) -> Result<(), ComponentError> {
    let plugin = plugin.to_owned();
    if bytes.len() > limits.bytes_max {
        return Err(ComponentError::TooLarge {
            plugin,
            bytes: bytes.len(),
            bytes_max: limits.bytes_max,
        });
    }
    if Parser::is_component(bytes) {
        return Ok(());
    }
    if Parser::is_core_wasm(bytes) {
        return Err(ComponentError::CoreModule { plugin });
    }
    let (found, advice) = match bytes {
        [] => ("it is empty", "give the component that the build wrote"),
        [b'\0', b'a', b's', b'm', ..] => {
            ("of an unknown version", "build the component with current tools")
        }
        [b'(', ..] => ("WebAssembly text", "assemble it with `wasm-tools parse`"),
        [0x7f, b'E', b'L', b'F', ..] => ("a native program", "build it for wasm32-wasip2"),
        [0x1f, 0x8b, ..] | [b'P', b'K', ..] => ("an archive", "give the component inside it"),
        _ => ("it does not start with `\\0asm`", "give a component, built for wasm32-wasip2"),
    };
    Err(ComponentError::NotWasm { plugin, found, advice })
}

fn nothing_left(plugin: &str, refused: Vec<Refusal>, exports: &[String]) -> ComponentError {
    let plugin = plugin.to_owned();
    if !refused.is_empty() {
        return ComponentError::AllRefused { plugin, refused };
    }
    let advice = if exports.is_empty() {
        "its world needs an `export`; a program with `main` has none, so build a library \
         (crate-type `cdylib`)"
    } else {
        "it exports types alone, as an encoded WIT package does: give the component that \
         implements the world"
    };
    ComponentError::NoFunction { plugin, advice }
}

/// Types of a whole component, and the names of its exports. `None` when it has no end.
type Validated = Option<(wasmparser::types::Types, Vec<String>)>;

fn validate(bytes: &[u8], features: WasmFeatures) -> Result<Validated, BinaryReaderError> {
    let mut validator = Validator::new_with_features(features);
    let mut exports = Vec::new();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section.clone() {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        if let ValidPayload::End(types) = validator.payload(&payload)? {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Ok(Some((types, exports)));
            }
        }
    }
    Ok(None)
}

/// Exports before their types are read.
#[derive(Default)]
struct Found {
    functions: Vec<(Export, ComponentFuncTypeId)>,
    refused: Vec<Refusal>,
    package: Option<String>,
}

impl Found {
    fn read_exports(&mut self, types: TypesRef<'_>, exports: &[String]) {
        for name in exports {
            let Some(item) = types.component_item_for_export(name) else {
                continue;
            };
            match item.ty {
                ComponentEntityType::Func(id) => self.read_function(None, name, id),
                ComponentEntityType::Instance(id) => self.read_instance(types, name, id),
                // A world that defines types exports none of them by itself; harmless where it does.
                ComponentEntityType::Type { .. } => {}
                ComponentEntityType::Module(_) => self.refuse(name, "it is a core module"),
                ComponentEntityType::Component(_) => self.refuse(name, "it is a component"),
                ComponentEntityType::Value(_) => self.refuse(name, "it is a value"),
            }
        }
    }

    fn read_instance(&mut self, types: TypesRef<'_>, name: &str, id: ComponentInstanceTypeId) {
        if self.package.is_none() {
            self.package = package_of(name);
        }
        let Some(instance) = types.get(id) else {
            return;
        };
        for (function, item) in &instance.exports {
            match item.ty {
                ComponentEntityType::Func(id) => self.read_function(Some(name), function, id),
                ComponentEntityType::Type { .. } => {}
                _ => self.refuse(
                    &docs::key(Some(name), function),
                    "it is no function: interfaces inside interfaces are not read",
                ),
            }
        }
    }

    fn read_function(&mut self, interface: Option<&str>, function: &str, id: ComponentFuncTypeId) {
        let plain = ComponentName::new(function, 0)
            .is_ok_and(|name| matches!(name.kind(), ComponentNameKind::Label(_)));
        if plain {
            let interface = interface.map(str::to_owned);
            self.functions.push((Export { interface, function: function.to_owned() }, id));
        } else {
            self.refuse(
                &docs::key(interface, function),
                "it belongs to a resource, and a call cannot hold on to a resource: \
                 export a plain function over values",
            );
        }
    }

    fn refuse(&mut self, name: &str, reason: &str) {
        self.refused.push(Refusal { name: name.to_owned(), reason: reason.to_owned() });
    }

    fn convert(
        mut self,
        types: TypesRef<'_>,
        limits: &ComponentLimits,
    ) -> (Vec<Function>, Vec<Refusal>) {
        let mut functions: Vec<Function> = Vec::with_capacity(self.functions.len());
        for (export, id) in std::mem::take(&mut self.functions) {
            let key = docs::key(export.interface.as_deref(), &export.function);
            let name = names::library_name(export.interface.as_deref(), &export.function);
            let taken = functions.iter().find(|function| function.name == name);
            let read =
                match (names::check_name(&name), taken.and_then(|taken| taken.export.as_ref())) {
                    (Err(error), _) => Err(error.to_string()),
                    (_, Some(other)) => Err(format!(
                        "its name in the library, `{name}`, is that of `{}`: rename one of them",
                        docs::key(other.interface.as_deref(), &other.function)
                    )),
                    _ => Reader::new(types, limits).read(name, export, id),
                };
            match read {
                Ok(function) => functions.push(function),
                Err(reason) => self.refuse(&key, &reason),
            }
        }
        (functions, self.refused)
    }
}

/// `hyfunc:geo@0.1.0` of `hyfunc:geo/cities@0.1.0`.
fn package_of(interface: &str) -> Option<String> {
    let (path, version) = match interface.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (interface, None),
    };
    let (package, _short) = path.rsplit_once('/')?;
    Some(match version {
        Some(version) => format!("{package}@{version}"),
        None => package.to_owned(),
    })
}
