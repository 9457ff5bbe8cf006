//! The languages that plugins are started and built in.

use std::ffi::OsStr;
use std::path::Path;

use super::AuthorError;

/// A language with a template and a way to build it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// cargo, for wasm32-wasip2
    Rust,
    /// componentize-py
    Python,
    /// jco
    Js,
    /// clang, with bindings from wit-bindgen
    C,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::Js, Self::C];

    /// As in `--lang`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Js => "js",
            Self::C => "c",
        }
    }

    /// The language of a folder, by its files.
    pub(super) fn of(folder: &Path) -> Result<Self, AuthorError> {
        let found: Vec<Self> =
            Self::ALL.into_iter().filter(|language| language.is_marked(folder)).collect();
        match found.as_slice() {
            [language] => Ok(*language),
            [] => Err(AuthorError::NoLanguage { path: folder.to_owned() }),
            several => {
                let names: Vec<&str> = several.iter().map(|language| language.name()).collect();
                let found = names.join(" and ");
                Err(AuthorError::Languages { path: folder.to_owned(), found })
            }
        }
    }

    fn is_marked(self, folder: &Path) -> bool {
        match self {
            Self::Rust => folder.join("Cargo.toml").is_file(),
            Self::Python => folder.join("app.py").is_file(),
            Self::Js => folder.join("package.json").is_file(),
            Self::C => files_with(folder, "c").next().is_some(),
        }
    }
}

/// Names of the files of a folder with an extension, in order; none where it cannot be read.
pub(super) fn files_with(folder: &Path, extension: &str) -> impl Iterator<Item = String> + use<> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.extension() == Some(OsStr::new(extension)))
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_its_language() {
        for (files, language) in [
            (&["Cargo.toml"][..], Ok(Language::Rust)),
            (&["app.py", "requirements.txt"], Ok(Language::Python)),
            (&["package.json", "app.js"], Ok(Language::Js)),
            (&["greetings.c", "helper.h"], Ok(Language::C)),
            (&["README.md"], Err("no Cargo.toml (Rust)")),
            (&[], Err("hyfunc plugin new")),
            (&["Cargo.toml", "native.c"], Err("rust and c: say which with --lang")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            for file in files {
                std::fs::write(folder.path().join(file), "").unwrap();
            }
            match (Language::of(folder.path()), language) {
                (found, Ok(language)) => assert_eq!(found.unwrap(), language, "{files:?}"),
                (Err(error), Err(said)) => assert!(error.to_string().contains(said), "{error}"),
                (Ok(found), Err(_)) => panic!("{files:?} is {found:?}"),
            }
        }
    }
}
