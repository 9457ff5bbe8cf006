//! `hyfunc plugin build`: the language's ordinary tool, then the docs of the WIT packed into what it
//! made.

mod c;
mod js;
mod python;
mod rust;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hyfunc_functions::component::ComponentFunctions;
use hyfunc_functions::docs;

use super::project::Project;
use super::spell::signature;
use super::{AuthorError, Language, refused_lines, with_docs};
use crate::commands::CommandError;
use crate::file::{self, Readers};

/// What to build, and how.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions<'a> {
    /// The language, where the files leave it open.
    pub language: Option<Language>,
    /// The world, where the WIT has several.
    pub world: Option<&'a str>,
    /// Where to write the component; else `dist/NAME.wasm` in the folder.
    pub out: Option<&'a Path>,
}

/// Builds the plugin of a folder; says what came of it. What the tools write is shown as they write
/// it. What was built before stays where it is until there is something better.
///
/// # Errors
/// WIT or grants that cannot be read, a tool that is missing or fails, or a component that is not
/// one of the WIT's world.
pub fn build(folder: &Path, options: &BuildOptions<'_>) -> Result<String, CommandError> {
    let project = Project::open(folder)?;
    let language = project.language(options.language)?;
    // First what costs nothing: a slip in the WIT should not wait for a compiler.
    let docs = docs::docs_from_wit(&project.wit()?, options.world)?;
    let grants = project.grants()?;
    if docs.functions.is_empty() {
        return Err(AuthorError::NoExport { path: folder.join("wit") }.into());
    }
    let out = options.out.map_or_else(|| project.component(), Path::to_owned);
    check_place(&out)?;
    let name = stem(&out);
    let place = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let place = place.unwrap_or(Path::new("."));
    fs::create_dir_all(place).map_err(failed(place))?;

    // Tools run in the plugin's folder, so this must not depend on where that is.
    let raw = place.canonicalize().map_err(failed(place))?.join(format!(".{name}.unpacked.wasm"));
    let built = match language {
        Language::Rust => rust::build(&project.folder),
        Language::Python => python::build(&project.folder, options.world, &raw),
        Language::Js => js::build(&project.folder, options.world, &raw),
        Language::C => c::build(&project.folder, options.world, &raw),
    };
    // A tool that gave up may have left half a file.
    let built = built.inspect_err(|_| drop(fs::remove_file(&raw)))?;
    let bytes = fs::read(&built).map_err(failed(&built));
    if built == raw {
        drop(fs::remove_file(&raw));
    }
    let (packed, component) = with_docs(&name, &bytes?, &docs)?;
    replace(&out, &packed)?;
    put_grants(&out, grants.as_deref())?;
    Ok(report(&out, packed.len(), &component))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> CommandError {
    let path = path.to_owned();
    move |source| CommandError::File { path, source }
}

/// A folder, a device or a pipe is not written over: a rename would take its place.
fn check_place(path: &Path) -> Result<(), AuthorError> {
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(AuthorError::NoFile { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Whoever reads the file finds all of the old bytes or all of the new ones, also when the disk is
/// full.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    check_place(path)?;
    file::replace(path, bytes, Readers::Any).map_err(failed(path))
}

/// Beside the component, under its name, where the gateway looks for them. A component without
/// grants must not take over those of an earlier one.
fn put_grants(component: &Path, grants: Option<&str>) -> Result<(), CommandError> {
    let path = component.with_extension("grants.toml");
    match grants {
        Some(text) => replace(&path, text.as_bytes()),
        None => match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path)(error)),
            _ => Ok(()),
        },
    }
}

fn report(out: &Path, bytes: usize, component: &ComponentFunctions) -> String {
    let out = out.display();
    let count = component.functions.len();
    let plural = if count == 1 { "" } else { "s" };
    let mut text = format!("\n{out}: {bytes} bytes, {count} function{plural}\n");
    for function in &component.functions {
        let _ = writeln!(text, "  {}", signature(function));
    }
    text.push_str(&refused_lines(&component.refused));
    let _ = writeln!(
        text,
        "\nLook it over with `hyfunc plugin check {out}`, serve it with `hyfunc serve --plugin {out}`."
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_lie_beside_the_component_or_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("tides.wasm");
        let grants = folder.path().join("tides.grants.toml");
        put_grants(&component, None).unwrap();
        put_grants(&component, Some("[keyvalue]\nstore = true")).unwrap();
        assert!(fs::read_to_string(&grants).unwrap().contains("store = true"));
        put_grants(&component, None).unwrap();
        assert!(!grants.exists(), "a plugin without grants kept those of an earlier build");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_there_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("file"), folder.path().join("other"));
        replace(&file, b"first").unwrap();
        replace(&file, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        fs::create_dir(&other).unwrap();
        for place in [other.as_path(), Path::new("/dev/null"), &folder.path().join("no/file")] {
            let error = replace(place, b"third").unwrap_err().to_string();
            assert!(error.contains("name a file") || error.contains("check the path"), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "half a file was left");
    }

    #[test]
    fn bad_wit_and_bad_grants_end_it_before_any_tool_runs() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("tides");
        fs::create_dir_all(folder.join("wit")).unwrap();
        // No tool could build this.
        fs::write(folder.join("Cargo.toml"), "not a manifest").unwrap();
        let said = || build(&folder, &BuildOptions::default()).unwrap_err().to_string();
        assert!(said().contains("no .wit file"), "{}", said());
        let wit = |text: &str| fs::write(folder.join("wit/world.wit"), text).unwrap();
        wit("package a:b;\nworld w {\n  export\n}\n");
        assert!(said().contains("world.wit:4"), "{}", said());
        wit(
            "package a:b; interface i { /// Adds.\n/// @answer \"x\"\nadd: func(); } world w { export i; }",
        );
        assert!(said().contains("`@answer` is no tag"), "{}", said());
        wit("package a:b; world v {} world w {}");
        assert!(said().contains("explicitly chosen"), "{}", said());
        wit("package a:b; world w {}");
        assert!(said().contains("exports no function"), "{}", said());
        wit("package a:b; interface i { add: func(); } world w { export i; }");
        fs::write(folder.join("grants.toml"), "[files]").unwrap();
        assert!(said().contains("grants.toml"), "{}", said());
        assert!(!folder.join("dist").exists());
    }
}
