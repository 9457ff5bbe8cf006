//! A file of keys, and the keys themselves.

use hyfunc::cli::CreateKeyArgs;
use hyfunc::commands::create_key;
use hyfunc::config::KeysConfig;
use hyfunc::keys::Role;

/// A file of keys.
pub struct Ring {
    pub folder: tempfile::TempDir,
}

impl Ring {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn config(&self) -> KeysConfig {
        let file = self.folder.path().join("keys.toml").to_string_lossy().into_owned();
        KeysConfig { file, ..KeysConfig::default() }
    }

    /// Makes a key that may call everything, but for the change.
    pub fn key(&self, name: &str, change: impl FnOnce(&mut CreateKeyArgs)) -> String {
        let mut args = CreateKeyArgs {
            name: name.to_owned(),
            role: vec![Role::Call],
            scope: vec!["*".to_owned()],
            expires: None,
            requests_per_minute: None,
            concurrent_max: None,
            file: None,
        };
        change(&mut args);
        create_key(&self.config(), &args).unwrap().token.trim().to_owned()
    }
}

pub fn with_role(role: Role) -> impl FnOnce(&mut CreateKeyArgs) {
    move |args| args.role = vec![role]
}

/// A key that differs in its last character.
pub fn wrong(key: &str) -> String {
    let mut wrong = key.to_owned();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    wrong
}
