//! `hyfunc plugin`: what authors do with a plugin, from its first file to its last check.
//!
//! Here are `inspect` and `pack`; the others have files of their own.

mod build;
mod call;
mod check;
mod error;
#[cfg(test)]
mod fake;
mod grants;
mod language;
mod name;
mod new;
mod project;
mod registry;
mod reply;
mod spell;
mod subject;
mod tool;
mod trial;
mod verdict;
mod wit;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use hyfunc_functions::component::{
    ComponentError, ComponentFunctions, DocsSource, Refusal, read_component,
};
use hyfunc_functions::docs::{self, Docs};
use hyfunc_functions::names::{self, Wanted};
use hyfunc_functions::schema::{parameters_schema, result_schema};
use hyfunc_functions::{Cursor, Function, Spelling, Template, notation};
use serde_json::{Value as Json, json};

pub use build::{BuildOptions, build as build_plugin};
pub use call::call as call_plugin;
pub use check::{CheckOptions, check as check_plugin};
pub use error::AuthorError;
pub use language::Language;
pub use new::new as new_plugin;
pub use registry::{
    DistributionError, Policy, generate_key, index as index_plugins, pull as pull_plugin,
    push as push_plugin, sign as sign_plugin, verify as verify_plugin,
};
pub use trial::{TrialOptions, test as test_plugin};
pub use verdict::Verdict;

use super::CommandError;
use spell::{signature, spell};
use subject::Subject;

/// Every function of the bundled plugins, by plugin, under its name in the library.
///
/// # Errors
/// A bundled component that cannot be read: a fault of the build.
pub fn bundled_functions() -> Result<Vec<Arc<Function>>, CommandError> {
    let mut functions = Vec::new();
    for bundled in hyfunc_plugins::bundled() {
        let component = read_component(bundled.name, bundled.component)?;
        functions.extend(component.functions.into_iter().map(|function| (bundled.name, function)));
    }
    let wanted: Vec<_> = functions
        .iter()
        .map(|(plugin, function)| Wanted { plugin, name: &function.name })
        .collect();
    let names = names::resolve(&wanted)?;
    let named = functions
        .into_iter()
        .zip(names)
        .map(|((_, function), name)| Arc::new(Function { name, ..function }));
    Ok(named.collect())
}

/// What a component offers, as text for people or as JSON.
///
/// # Errors
/// No such file or plugin, or not a component.
pub fn inspect(plugin: &str, as_json: bool) -> Result<String, CommandError> {
    let source = Subject::open(Path::new(plugin))?.source;
    let (name, bytes) = (&source.name, source.component.len());
    let component = read_component(name, &source.component)?;
    if as_json {
        let json = to_json(name, bytes, &component);
        return Ok(format!("{json:#}\n"));
    }
    Ok(to_text(name, bytes, &component))
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|source| CommandError::File { path: path.to_owned(), source })
}

/// What is said of a component that the engine of all others does not run.
const ASYNC_LINE: &str = "async: true; it uses the component model's async or imports WASI 0.3, \
    and runs where sandbox.async_components is on\n";

fn docs_name(docs: DocsSource) -> &'static str {
    match docs {
        DocsSource::None => "none: names are all there is; see `hyfunc plugin pack`",
        DocsSource::Section => "hyfunc:docs",
        DocsSource::PackageDocs => "package-docs",
    }
}

fn to_json(name: &str, bytes: usize, component: &ComponentFunctions) -> Json {
    let functions: Vec<Json> = component
        .functions
        .iter()
        .map(|function| {
            json!({
                "name": function.name,
                "signature": signature(function),
                "description": function.description,
                "parameters": parameters_schema(&function.parameters),
                "result": result_schema(function.returns.as_ref()),
                "template": blank(function),
                "reply": function.reply,
                "examples": function.examples.iter().map(|example| json!({
                    "utterance": example.utterance,
                    "arguments": example.arguments.clone(),
                    "template": filled(function, &example.arguments),
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let refused: Vec<Json> = component
        .refused
        .iter()
        .map(|refusal| json!({"name": refusal.name, "reason": refusal.reason}))
        .collect();
    json!({
        "plugin": name,
        "package": component.package,
        "bytes": bytes,
        "docs": docs_name(component.docs),
        "async": component.needs_async,
        "functions": functions,
        "refused": refused,
    })
}

fn to_text(name: &str, bytes: usize, component: &ComponentFunctions) -> String {
    let mut text = String::new();
    let package = component.package.as_deref().unwrap_or("no package");
    let _ =
        writeln!(text, "{name}: {package}, {bytes} bytes, docs from {}", docs_name(component.docs));
    if component.needs_async {
        text.push_str(ASYNC_LINE);
    }
    for function in &component.functions {
        let _ = writeln!(text, "\n{}", signature(function));
        if !function.description.is_empty() {
            let _ = writeln!(text, "  {}", function.description.replace('\n', "\n  "));
        }
        for field in &function.parameters.fields {
            let needed = if field.required { "" } else { ", optional" };
            let _ = writeln!(
                text,
                "    {}: {}{needed}  {}",
                field.name,
                spell(&field.ty),
                field.doc.replace('\n', " ")
            );
        }
        for example in &function.examples {
            let arguments = Json::Object(example.arguments.clone());
            let _ = writeln!(text, "  \"{}\" {arguments}", example.utterance);
        }
        let _ = writeln!(text, "  schema    {}", parameters_schema(&function.parameters));
        let _ = writeln!(text, "  result    {}", result_schema(function.returns.as_ref()));
        let example = function.examples.first();
        let template = example.and_then(|first| filled(function, &first.arguments));
        if let Some(template) = template.or_else(|| blank(function)) {
            let _ = writeln!(text, "  template  {template}");
        }
        if let Some(reply) = &function.reply {
            let _ = writeln!(text, "  reply     {reply}");
        }
    }
    text.push_str(&refused_lines(&component.refused));
    text
}

/// A call as a model writes it: fixed text plain, `⟦chosen⟧`, `⟨written⟩`; `None` for arguments that
/// the template cannot express.
fn filled(function: &Function, arguments: &serde_json::Map<String, Json>) -> Option<String> {
    let template = Arc::new(Template::new(function, Spelling::Param));
    notation::call(Cursor::call(template), &Json::Object(arguments.clone())).ok()
}

/// A call before anything is decided: `⟦one|another⟧`, `⟨a string⟩`.
fn blank(function: &Function) -> Option<String> {
    notation::blank(Cursor::call(Arc::new(Template::new(function, Spelling::Param))))
}

/// A block about the exports that are not offered; empty where all are.
fn refused_lines(refused: &[Refusal]) -> String {
    let mut text = String::new();
    if !refused.is_empty() {
        let _ = writeln!(text, "\nNot offered:");
        for refusal in refused {
            let _ = writeln!(text, "  {}: {}", refusal.name, refusal.reason);
        }
    }
    text
}

/// Writes the docs of WIT sources into a component, after checking that they fit it.
///
/// # Errors
/// Files that cannot be used, WIT that does not parse, docs that do not fit.
pub fn pack(
    component: &Path,
    wit: &Path,
    world: Option<&str>,
    out: &Path,
) -> Result<String, CommandError> {
    let bytes = read(component)?;
    let docs = docs::docs_from_wit(&wit::sources(wit)?, world)?;
    let name = out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (packed, component) = with_docs(&name, &bytes, &docs)?;
    build::replace(out, &packed)?;
    Ok(format!(
        "{}: {} functions, {} bytes; serve it with `hyfunc serve --plugin {}`\n",
        out.display(),
        component.functions.len(),
        packed.len(),
        out.display()
    ))
}

/// A component with these docs in place of any that it has, and what it offers then.
fn with_docs(
    name: &str,
    bytes: &[u8],
    docs: &Docs,
) -> Result<(Vec<u8>, ComponentFunctions), CommandError> {
    // First as it is, which tells best what is wrong with something that is no component.
    match read_component(name, bytes) {
        // Docs of an earlier packing are about to go.
        Ok(_) | Err(ComponentError::Docs { .. } | ComponentError::AllRefused { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let packed = docs::inject(bytes, docs)?;
    // Reading it back applies the docs to the functions, and so checks every example.
    let component = read_component(name, &packed)?;
    Ok((packed, component))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_plugins_are_found_by_name_and_others_are_told_apart() {
        for bundled in hyfunc_plugins::bundled() {
            let text = inspect(bundled.name, false).unwrap();
            assert!(text.starts_with(bundled.name), "{text}");
            let json: Json = serde_json::from_str(&inspect(bundled.name, true).unwrap()).unwrap();
            assert!(!json["functions"].as_array().unwrap().is_empty(), "{}", bundled.name);
        }
        let error = inspect("nothing-of-the-kind", false).unwrap_err().to_string();
        assert!(error.contains(hyfunc_plugins::bundled()[0].name), "{error}");
    }

    #[test]
    fn what_is_not_a_component_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("text.wasm", &b"not wasm"[..]), ("module.wasm", b"\0asm\x01\0\0\0")]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(
                inspect(path.to_str().unwrap(), false),
                Err(CommandError::Component(_))
            ));
        }
    }

    #[test]
    fn what_needs_async_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for (name, import, needs_async) in [
            ("plain", "", false),
            ("before", "(import \"wasi:random/random@0.2.0\" (instance))", false),
            ("after", "(import \"wasi:random/random@0.3.0\" (instance))", true),
            ("function", "(import \"g\" (func async))", true),
        ] {
            let text = format!(
                "(component {import} (core module $m (func (export \"f\") (result i32) \
                 (i32.const 1))) (core instance $i (instantiate $m)) \
                 (func (export \"f\") (result u32) (canon lift (core func $i \"f\"))))"
            );
            let path = folder.path().join(format!("{name}.wasm"));
            std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
            let path = path.to_str().unwrap();
            let json: Json = serde_json::from_str(&inspect(path, true).unwrap()).unwrap();
            assert_eq!(json["async"], needs_async, "{name}: {json}");
            let text = inspect(path, false).unwrap();
            assert_eq!(text.contains("\nasync: true; "), needs_async, "{name}: {text}");
        }
    }

    const PARTLY: &str = "package a:partly;
interface tools {
    /// Greet.
    good: func(name: string, mood: mood, days: list<u16>, note: option<string>) -> string;
    enum mood { glad, sad }
    wrapped: func(outcome: result<u8, string>) -> u8;
    resource blob { read: func() -> list<u8>; }
}
world partly { export tools; }
";

    #[test]
    fn what_is_refused_is_told_with_the_reason_and_the_rest_with_schema_and_template() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partly.wasm");
        let outlined =
            hyfunc_functions::component::outline(&[("a.wit".into(), PARTLY.into())], None);
        std::fs::write(&path, outlined.unwrap()).unwrap();
        let path = path.to_str().unwrap();
        let json: Json = serde_json::from_str(&inspect(path, true).unwrap()).unwrap();
        let text = inspect(path, false).unwrap();

        let (_, not_offered) = text.split_once("\nNot offered:\n").unwrap();
        let refused = json["refused"].as_array().unwrap();
        assert_eq!(refused.len(), not_offered.lines().count(), "{json}\n{text}");
        for (name, part) in [
            ("a:partly/tools#wrapped", "use a `variant` or an `option`"),
            ("a:partly/tools#[method]blob.read", "export a plain function over values"),
        ] {
            let one = refused.iter().find(|one| one["name"] == name).unwrap();
            let reason = one["reason"].as_str().unwrap();
            assert!(reason.contains(part), "{one}");
            assert!(not_offered.contains(&format!("  {name}: {reason}\n")), "{text}");
        }

        let good = &json["functions"][0];
        assert_eq!(json["functions"].as_array().unwrap().len(), 1, "{json}");
        assert_eq!(good["examples"], json!([]));
        let template = good["template"].as_str().unwrap();
        let parts = ["tools_good", "⟨a string⟩", "⟦glad|sad⟧", "⟨an integer from 0 to 65535⟩"];
        for part in parts {
            assert!(template.contains(part), "`{part}` is not in {template}");
        }
        assert!(text.contains(&format!("\n  template  {template}\n")), "{text}");
        let schema = &good["parameters"];
        assert_eq!(schema["properties"]["mood"]["enum"], json!(["glad", "sad"]), "{schema}");
        assert!(text.contains(&format!("\n  schema    {schema}\n")), "{text}");
        let schema = &good["result"];
        assert_eq!(schema["type"], "string", "{schema}");
        assert!(text.contains(&format!("\n  result    {schema}\n")), "{text}");
    }

    #[test]
    fn every_function_has_a_template_without_an_example() {
        let fixture = hyfunc_plugins::fixture("types").unwrap();
        let types = read_component("types", fixture).unwrap().functions;
        let bundled = bundled_functions().unwrap();
        for function in types.iter().chain(bundled.iter().map(AsRef::as_ref)) {
            let template = blank(function);
            assert!(
                template.as_ref().is_some_and(|line| line.contains(&function.name)),
                "{}: {template:?}",
                function.name
            );
        }
    }

    #[test]
    fn packing_twice_gives_the_same_component() {
        let bundled = &hyfunc_plugins::bundled()[0];
        let folder = tempfile::tempdir().unwrap();
        let (component, wit) = (folder.path().join("in.wasm"), folder.path().join("wit"));
        std::fs::write(&component, bundled.component).unwrap();
        std::fs::create_dir(&wit).unwrap();
        let empty = pack(&component, &wit, None, &folder.path().join("out.wasm"));
        assert!(matches!(empty, Err(CommandError::NoWit { .. })));
        std::fs::write(wit.join("world.wit"), bundled.wit).unwrap();
        let out = folder.path().join("out.wasm");
        pack(&component, &wit, None, &out).unwrap();
        let once = std::fs::read(&out).unwrap();
        pack(&out, &wit, None, &out).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), once);
    }
}
