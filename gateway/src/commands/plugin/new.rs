//! `hyfunc plugin new`: a folder that builds, checks and runs as it is.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{AuthorError, Language, name};
use crate::commands::CommandError;

/// A file of a template. In paths and texts the template's own name stands for the plugin's.
struct File {
    path: &'static str,
    text: &'static str,
}

/// In every language.
const COMMON: &[File] = &[
    File { path: "wit/world.wit", text: include_str!("../../../templates/common/wit/world.wit") },
    File { path: "grants.toml", text: include_str!("../../../templates/common/grants.toml") },
];

const RUST: &[File] = &[
    File { path: "Cargo.toml", text: include_str!("../../../templates/rust/Cargo.toml") },
    File { path: "src/lib.rs", text: include_str!("../../../templates/rust/src/lib.rs") },
    File { path: "README.md", text: include_str!("../../../templates/rust/README.md") },
    File { path: ".gitignore", text: include_str!("../../../templates/rust/gitignore") },
];

const PYTHON: &[File] = &[
    File { path: "app.py", text: include_str!("../../../templates/python/app.py") },
    File {
        path: "requirements.txt",
        text: include_str!("../../../templates/python/requirements.txt"),
    },
    File { path: "README.md", text: include_str!("../../../templates/python/README.md") },
    File { path: ".gitignore", text: include_str!("../../../templates/python/gitignore") },
];

const JS: &[File] = &[
    File { path: "app.js", text: include_str!("../../../templates/js/app.js") },
    File { path: "package.json", text: include_str!("../../../templates/js/package.json") },
    File { path: "README.md", text: include_str!("../../../templates/js/README.md") },
    File { path: ".gitignore", text: include_str!("../../../templates/js/gitignore") },
];

const C: &[File] = &[
    File { path: "greetings.c", text: include_str!("../../../templates/c/greetings.c") },
    File { path: "README.md", text: include_str!("../../../templates/c/README.md") },
    File { path: ".gitignore", text: include_str!("../../../templates/c/gitignore") },
];

/// What stands in the templates for the plugin's name: in words, as an identifier, in capitals.
const PLACEHOLDERS: [&str; 3] = ["template-name", "template_name", "TEMPLATE_NAME"];

fn files(language: Language) -> impl Iterator<Item = &'static File> {
    let own = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::Js => JS,
        Language::C => C,
    };
    own.iter().chain(COMMON)
}

fn fill(text: &str, name: &str) -> String {
    let snake = name.replace('-', "_");
    let spellings = [name.to_owned(), snake.clone(), snake.to_uppercase()];
    PLACEHOLDERS
        .iter()
        .zip(spellings)
        .fold(text.to_owned(), |text, (placeholder, spelling)| text.replace(placeholder, &spelling))
}

/// Makes the folder of a new plugin; says what is in it and what to do next.
///
/// # Errors
/// A name that cannot be, a folder that exists, or a file that cannot be written; nothing is left
/// behind then.
pub fn new(name: &str, language: Language, parent: &Path) -> Result<String, CommandError> {
    name::check(name)?;
    let parent = if parent == Path::new(".") { Path::new("") } else { parent };
    let folder = parent.join(name);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| CommandError::File { path, source }
    };
    // Fails where anything is: it neither merges with a folder nor writes over one.
    fs::create_dir(&folder).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => {
            CommandError::from(AuthorError::Exists { path: folder.clone() })
        }
        _ => failed(&folder)(source),
    })?;
    for file in files(language) {
        if let Err((path, source)) = write(&folder, file, name) {
            // It was made by this very call, so nothing of anybody's is lost.
            let _ = fs::remove_dir_all(&folder);
            return Err(failed(&path)(source));
        }
    }
    Ok(next_steps(&folder, language))
}

fn write(folder: &Path, file: &File, name: &str) -> Result<(), (PathBuf, io::Error)> {
    let path = folder.join(fill(file.path, name));
    let parent = path.parent().unwrap_or(folder);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, fill(file.text, name)));
    written.map_err(|source| (path, source))
}

fn next_steps(folder: &Path, language: Language) -> String {
    let mut text = format!("{}, a plugin in {}:\n", folder.display(), language.name());
    for file in files(language) {
        let _ = writeln!(text, "  {}", file.path);
    }
    // Where the tools of a language belong to the folder, they come first.
    let tools = match language {
        Language::Python => {
            "  python3 -m venv .venv\n  .venv/bin/pip install -r requirements.txt\n"
        }
        Language::Js => "  npm install\n",
        Language::Rust | Language::C => "",
    };
    let _ = write!(
        text,
        "\nSay in wit/world.wit what it offers; README.md lists the tools. Then\n  \
         cd {}\n{tools}  hyfunc plugin build\n  hyfunc plugin check\n  hyfunc plugin test\n",
        folder.display()
    );
    text
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::docs::docs_from_wit;

    use super::*;

    #[test]
    fn a_template_is_whole_in_every_language() {
        let parent = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let name = format!("tide-tables-{}", language.name());
            let said = new(&name, language, parent.path()).unwrap();
            let folder = parent.path().join(&name);
            assert_eq!(Language::of(&folder).unwrap(), language);
            for file in files(language) {
                assert!(said.contains(file.path), "{said}");
                let text = fs::read_to_string(folder.join(file.path)).unwrap();
                for placeholder in PLACEHOLDERS {
                    assert!(!text.contains(placeholder), "{}: {placeholder}", file.path);
                }
            }
            let wit = fs::read_to_string(folder.join("wit/world.wit")).unwrap();
            let docs = docs_from_wit(&[("world.wit".to_owned(), wit)], None).unwrap();
            let key = format!("local:{name}/greetings@0.1.0#greet");
            assert!(docs.functions[&key].examples.len() >= 5, "{docs:?}");
            let readme = fs::read_to_string(folder.join("README.md")).unwrap();
            for command in ["plugin build", "plugin check", "plugin test", "plugin call", "serve"] {
                assert!(readme.contains(&format!("hyfunc {command}")), "{command}");
            }
        }
    }

    #[test]
    fn what_exists_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("file"), "mine").unwrap();
        fs::create_dir(parent.path().join("empty")).unwrap();
        for name in ["file", "empty"] {
            let error = new(name, Language::Rust, parent.path()).unwrap_err().to_string();
            assert!(error.contains("exists already"), "{error}");
        }
        assert_eq!(fs::read(parent.path().join("file")).unwrap(), b"mine");
        assert_eq!(fs::read_dir(parent.path().join("empty")).unwrap().count(), 0);
        assert!(matches!(
            new("tides", Language::C, &parent.path().join("nowhere")),
            Err(CommandError::File { .. })
        ));
        let refused = new("Tides", Language::C, parent.path());
        assert!(matches!(refused, Err(CommandError::Author(AuthorError::Name { .. }))));
        assert!(!parent.path().join("Tides").exists());
    }
}
