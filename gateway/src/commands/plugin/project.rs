//! A plugin's folder: sources, WIT, grants, and where its component comes to be.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hyfunc_sandbox::Grants;

use super::{AuthorError, Language, wit};
use crate::commands::CommandError;

/// Folder of what is built, below the plugin's own.
const BUILT: &str = "dist";

/// A plugin's folder.
#[derive(Clone, Debug)]
pub(super) struct Project {
    /// As typed, for messages.
    typed: PathBuf,
    /// Absolute, since tools run in it.
    pub(super) folder: PathBuf,
    /// Name of the folder, and of the plugin.
    pub(super) name: String,
}

impl Project {
    /// Opens a folder, whatever is in it.
    pub(super) fn open(typed: &Path) -> Result<Self, AuthorError> {
        let no_folder = || AuthorError::NoFolder { path: typed.to_owned() };
        let folder = typed.canonicalize().map_err(|_| no_folder())?;
        let name = folder.file_name().map(OsStr::to_string_lossy).ok_or_else(no_folder)?;
        if !folder.is_dir() {
            return Err(no_folder());
        }
        Ok(Self { typed: typed.to_owned(), name: name.into_owned(), folder })
    }

    /// The language that was named, or that of its files.
    pub(super) fn language(&self, named: Option<Language>) -> Result<Language, AuthorError> {
        named.map_or_else(|| Language::of(&self.folder), Ok)
    }

    /// Where its component is unless somebody says otherwise, as typed.
    pub(super) fn component(&self) -> PathBuf {
        let typed = if self.typed == Path::new(".") { Path::new("") } else { &self.typed };
        typed.join(BUILT).join(format!("{}.wasm", self.name))
    }

    /// Its component, once it is built.
    pub(super) fn built(&self) -> Result<PathBuf, AuthorError> {
        let component = self.component();
        if component.is_file() {
            return Ok(component);
        }
        Err(AuthorError::NotBuilt { folder: self.typed.clone(), component })
    }

    /// Paths below `wit/` and texts of its WIT files.
    pub(super) fn wit(&self) -> Result<Vec<(String, String)>, CommandError> {
        let typed = self.typed.join("wit");
        if !typed.is_dir() {
            return Err(CommandError::NoWit { path: typed });
        }
        wit::sources(&typed)
    }

    /// Text of its `grants.toml`, checked; `None` without one.
    pub(super) fn grants(&self) -> Result<Option<String>, CommandError> {
        let path = self.folder.join("grants.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CommandError::File { path, source }),
        };
        Grants::parse(&text)
            .map_err(|source| AuthorError::Grants { path, source: Box::new(source) })?;
        Ok(Some(text))
    }

    /// Whether its WIT was changed after the component was written.
    pub(super) fn is_newer_than(&self, component: &Path) -> bool {
        let changed =
            |path: &Path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let files = wit::files(&self.folder.join("wit")).unwrap_or_default();
        let newest: Option<SystemTime> = files.iter().filter_map(|path| changed(path)).max();
        newest.zip(changed(component)).is_some_and(|(newest, built)| newest > built)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_folder_is_known_by_its_name_and_its_wit_by_its_age() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("tides");
        std::fs::create_dir_all(folder.join("wit")).unwrap();
        let project = Project::open(&folder).unwrap();
        assert_eq!(project.name, "tides");
        assert!(matches!(project.built(), Err(AuthorError::NotBuilt { .. })));
        assert!(matches!(project.wit(), Err(CommandError::NoWit { .. })));
        assert!(matches!(project.language(None), Err(AuthorError::NoLanguage { .. })));
        assert_eq!(project.language(Some(Language::C)).unwrap(), Language::C);

        std::fs::write(folder.join("wit/world.wit"), "package a:b; world w {}").unwrap();
        std::fs::create_dir(folder.join("dist")).unwrap();
        let component = project.component();
        let file = std::fs::File::create(&component).unwrap();
        assert_eq!(project.built().unwrap(), component);
        for (age, is_newer) in [(3_600, true), (0, false)] {
            let built = SystemTime::now() + Duration::from_secs(1_800) - Duration::from_secs(age);
            file.set_modified(built).unwrap();
            assert_eq!(project.is_newer_than(&component), is_newer);
        }
    }

    #[test]
    fn grants_are_checked_and_need_not_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::open(folder.path()).unwrap();
        assert_eq!(project.grants().unwrap(), None);
        for (text, is_good) in [("", true), ("[keyvalue]\nstore = true", true), ("[files]", false)]
        {
            std::fs::write(folder.path().join("grants.toml"), text).unwrap();
            match project.grants() {
                Ok(found) => assert!(is_good && found.as_deref() == Some(text), "{text}"),
                Err(error) => assert!(!is_good && error.to_string().contains("grants.toml")),
            }
        }
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [file.as_path(), &folder.path().join("nothing"), Path::new("/")] {
            assert!(matches!(Project::open(path), Err(AuthorError::NoFolder { .. })), "{path:?}");
        }
    }
}
