//! `hyfunc plugin inspect` and `hyfunc plugin pack`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyfunc_functions::Function;
use hyfunc_functions::component::{ComponentFunctions, DocsSource, read_component};
use hyfunc_functions::docs;
use hyfunc_functions::names::{self, Wanted};
use hyfunc_functions::schema::{parameters_schema, result_schema};
use serde_json::{Value as Json, json};

use super::CommandError;

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
    let (name, bytes) = find(plugin)?;
    let component = read_component(&name, &bytes)?;
    if as_json {
        let json = to_json(&name, bytes.len(), &component);
        return Ok(format!("{json:#}\n"));
    }
    Ok(to_text(&name, bytes.len(), &component))
}

fn find(plugin: &str) -> Result<(String, Cow<'static, [u8]>), CommandError> {
    let path = Path::new(plugin);
    if path.is_file() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        return Ok((name, Cow::Owned(read(path)?)));
    }
    let bundled = hyfunc_plugins::bundled();
    match bundled.iter().find(|bundled| bundled.name == plugin) {
        Some(found) => Ok((found.name.to_owned(), Cow::Borrowed(found.component))),
        None => Err(CommandError::NoPlugin {
            name: plugin.to_owned(),
            bundled: bundled.iter().map(|bundled| bundled.name).collect::<Vec<_>>().join(", "),
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path).map_err(|source| CommandError::File { path: path.to_owned(), source })
}

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
                "description": function.description,
                "parameters": parameters_schema(&function.parameters),
                "result": result_schema(function.returns.as_ref()),
                "reply": function.reply,
                "examples": function.examples.iter().map(|example| json!({
                    "utterance": example.utterance,
                    "arguments": example.arguments.clone(),
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
        "functions": functions,
        "refused": refused,
    })
}

fn to_text(name: &str, bytes: usize, component: &ComponentFunctions) -> String {
    let mut text = String::new();
    let package = component.package.as_deref().unwrap_or("no package");
    let _ =
        writeln!(text, "{name}: {package}, {bytes} bytes, docs from {}", docs_name(component.docs));
    for function in &component.functions {
        let _ = writeln!(text, "\n{}", signature(function));
        if !function.description.is_empty() {
            let _ = writeln!(text, "  {}", function.description.replace('\n', "\n  "));
        }
        for field in &function.parameters.fields {
            let needed = if field.required { "" } else { ", optional" };
            let _ = writeln!(text, "    {}{needed}  {}", field.name, field.doc);
        }
        for example in &function.examples {
            let arguments = Json::Object(example.arguments.clone());
            let _ = writeln!(text, "  \"{}\" {arguments}", example.utterance);
        }
    }
    if !component.refused.is_empty() {
        let _ = writeln!(text, "\nNot offered:");
        for refusal in &component.refused {
            let _ = writeln!(text, "  {}: {}", refusal.name, refusal.reason);
        }
    }
    text
}

fn signature(function: &Function) -> String {
    let names: Vec<String> = function
        .parameters
        .fields
        .iter()
        .map(|field| if field.required { field.name.clone() } else { format!("{}?", field.name) })
        .collect();
    format!("{}({})", function.name, names.join(", "))
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
    let mut sources = Vec::new();
    collect(wit, wit, &mut sources)?;
    if sources.is_empty() {
        return Err(CommandError::NoWit { path: wit.to_owned() });
    }
    let docs = docs::docs_from_wit(&sources, world)?;
    let packed = docs::inject(&bytes, &docs)?;
    let name = out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // Reading it back applies the docs to the functions, and so checks every example.
    let functions = read_component(&name, &packed)?;
    std::fs::write(out, &packed)
        .map_err(|source| CommandError::File { path: out.to_owned(), source })?;
    Ok(format!(
        "{}: {} functions, {} bytes; serve it with `hyfunc serve --plugin {}`\n",
        out.display(),
        functions.functions.len(),
        packed.len(),
        out.display()
    ))
}

/// Every `.wit` file below a folder, by its path from there, in order.
fn collect(
    root: &Path,
    folder: &Path,
    sources: &mut Vec<(String, String)>,
) -> Result<(), CommandError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CommandError::File { path, source }
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(failed(folder))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(failed(folder))?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "wit") {
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            sources.push((name, text));
        }
    }
    Ok(())
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
