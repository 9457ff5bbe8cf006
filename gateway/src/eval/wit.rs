//! Plugins of which there is nothing but WIT.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use hyfunc_functions::component::outline;

use super::EvalError;
use crate::app::PluginSource;

/// A plugin for each `.wit` file of a folder, under the file's name: a component with its types and
/// its docs, which is loaded like any other and never run.
///
/// # Errors
/// A folder that cannot be read or that holds no such file; WIT that no component comes from.
pub(super) fn plugins(folder: &Path) -> Result<Vec<PluginSource>, EvalError> {
    let paths = files(folder).map_err(|source| unread(folder, source))?;
    if paths.is_empty() {
        return Err(EvalError::NoWit { path: folder.to_owned() });
    }
    paths.iter().map(|path| plugin(path)).collect()
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn plugin(path: &Path) -> Result<PluginSource, EvalError> {
    let text = std::fs::read_to_string(path).map_err(|source| unread(path, source))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let component = outline(&[(format!("{name}.wit"), text)], None)
        .map_err(|source| EvalError::Wit { path: path.to_owned(), source: Box::new(source) })?;
    Ok(PluginSource { name, component: Cow::Owned(component), grants: Cow::Borrowed("") })
}

fn unread(path: &Path, source: std::io::Error) -> EvalError {
    EvalError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::component::read_component;

    use super::*;

    const WIT: &str = "package a:b; interface harbor { /// How high the water stands.\n\
                       water-level: func(harbor: string) -> f64; } world w { export harbor; }";

    #[test]
    fn every_file_is_a_plugin_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        let error = plugins(folder.path()).unwrap_err().to_string();
        assert!(error.contains("no .wit file"), "{error}");
        write("tides.wit", WIT).unwrap();
        write("boats.wit", WIT).unwrap();
        write("notes.txt", "no WIT").unwrap();
        let found = plugins(folder.path()).unwrap();
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["boats", "tides"]);
        let read = read_component("tides", &found[1].component).unwrap();
        assert_eq!(read.functions[0].name, "harbor_water_level");
        assert_eq!(read.functions[0].description, "How high the water stands.");
        write("worse.wit", "package a:b; world").unwrap();
        let error = plugins(folder.path()).unwrap_err().to_string();
        assert!(error.contains("worse.wit") && error.contains("cannot be read"), "{error}");
        let error = plugins(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
    }

    /// The plugins that are measured in the project itself can be loaded, and every request for them
    /// wants a function that is there.
    #[test]
    fn the_unseen_plugins_are_whole() {
        let folder = Path::new("../tests/heldout/unseen");
        let mut functions = Vec::new();
        for plugin in plugins(&folder.join("plugins")).unwrap() {
            let read = read_component(&plugin.name, &plugin.component).unwrap();
            assert!(read.refused.is_empty(), "{}: {:?}", plugin.name, read.refused);
            functions.extend(read.functions.into_iter().map(|one| (plugin.name.clone(), one)));
        }
        for row in crate::eval::gold::read(&folder.join("requests.jsonl")).unwrap() {
            for call in row.answers().flatten() {
                let (plugin, function) = functions
                    .iter()
                    .find(|(_, one)| one.name == call.name)
                    .unwrap_or_else(|| panic!("{}: no {}", row.id, call.name));
                assert_eq!(Some(plugin), row.plugin.as_ref(), "{}", row.id);
                let read = hyfunc_functions::json::arguments_from_json(
                    &function.parameters,
                    &call.arguments,
                );
                assert!(read.is_ok(), "{}: {read:?}", row.id);
                let is_repeated = function.examples.iter().any(|one| one.utterance == row.query);
                assert!(!is_repeated, "{} repeats an example", row.id);
            }
        }
    }
}
