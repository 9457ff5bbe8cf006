//! The file of keys: TOML, written whole or not at all, for its owner alone.

use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::KeysError;
use super::key::{Key, Row};
use crate::file::{self, Readers};

/// What people who open it should know.
const HEAD: &str = "# Keys of a hyfunc gateway: their hashes, roles and limits. Made by `hyfunc key \
                    create`;\n# a running gateway reads every change within a second.\n\n";

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    #[serde(default)]
    key: Vec<Row>,
}

/// Every key of the file.
///
/// # Errors
/// No such file, one that cannot be read, or a key that cannot be.
pub fn read(path: &Path) -> Result<Vec<Key>, KeysError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(KeysError::Missing { path: path.to_owned() });
        }
        Err(source) => return Err(KeysError::File { path: path.to_owned(), source }),
    };
    let contents: Contents = toml::from_str(&text).map_err(|error| KeysError::Broken {
        path: path.to_owned(),
        reason: error.message().to_owned(),
    })?;
    let mut keys: Vec<Key> = Vec::with_capacity(contents.key.len());
    for row in contents.key {
        let key = Key::read(row)?;
        let twice = |other: &Key| other.row.id == key.row.id || other.row.name == key.row.name;
        if keys.iter().any(twice) {
            let reason = "its name or id is there twice; remove one of the two".to_owned();
            return Err(KeysError::Key { name: key.row.name, reason });
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Reads the rows, changes them, and writes them, while nobody else does. A file that is not there
/// has no rows.
///
/// # Errors
/// As [`read`]; a folder that cannot be written; or what the change says.
pub fn update<T>(
    path: &Path,
    change: impl FnOnce(&mut Vec<Row>) -> Result<T, KeysError>,
) -> Result<T, KeysError> {
    let failed = |source| KeysError::File { path: path.to_owned(), source };
    // Beside the file and never renamed: a lock on the file itself would go with its old contents.
    let lock = file::options(Readers::Owner).truncate(false).open(file::beside(path, "lock"));
    let lock = lock.map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut rows: Vec<Row> = match read(path) {
        Ok(keys) => keys.into_iter().map(|key| key.row).collect(),
        Err(KeysError::Missing { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let done = change(&mut rows)?;
    write(path, rows).map_err(failed)?;
    Ok(done)
}

/// A file that only its owner reads.
fn write(path: &Path, rows: Vec<Row>) -> std::io::Result<()> {
    let text = toml::to_string(&Contents { key: rows }).map_err(std::io::Error::other)?;
    file::replace(path, format!("{HEAD}{text}").as_bytes(), Readers::Owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Moment, Role, mint};

    fn row(name: &str) -> Row {
        let minted = mint().unwrap();
        Row {
            name: name.into(),
            id: minted.id,
            sha256: minted.hash.to_text(),
            roles: vec![Role::Call, Role::Read],
            scopes: vec!["units_*".into(), "plugin:geo".into()],
            created: Moment::now(),
            expires: Some(Moment::now().after(60)),
            requests_per_minute: std::num::NonZeroU32::new(60),
            concurrent_max: None,
        }
    }

    fn add(path: &Path, row: Row) {
        update(path, |rows| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn what_is_written_reads_back_to_the_same_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let rows = [row("alice"), row("bob")];
        for row in &rows {
            add(&path, row.clone());
        }
        let found: Vec<Row> = read(&path).unwrap().into_iter().map(|key| key.row).collect();
        assert_eq!(found, rows);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "the file and its lock: {left:?}");
    }

    #[test]
    fn a_change_that_is_refused_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        add(&path, row("alice"));
        let before = std::fs::read(&path).unwrap();
        let refused = update(&path, |rows| {
            rows.clear();
            Err::<(), _>(KeysError::NoFile)
        });
        assert!(refused.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn files_that_are_none_are_refused_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        assert!(matches!(read(&path), Err(KeysError::Missing { .. })));
        add(&path, row("alice"));
        let good = std::fs::read_to_string(&path).unwrap();
        for (text, words) in [
            ("not toml".to_owned(), "no file of keys"),
            ("[[keys]]".to_owned(), "unknown field"),
            ("[[key]]\nname = \"a\"".to_owned(), "missing field"),
            (good.replace("\"call\"", "\"king\""), "king"),
            (good.replace("plugin:geo", "plugin:"), "is no scope"),
            (format!("{good}\n{}", &good[good.find("[[").unwrap()..]), "twice"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error} should hold: {words}\n{text}");
        }
        let nowhere = folder.path().join("no/such/folder/keys.toml");
        let error = update(&nowhere, |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("keys.toml") && error.contains("folder"), "{error}");
    }
}
