//! `hyfunc key`: making, listing and revoking keys.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::CommandError;
use crate::cli::CreateKeyArgs;
use crate::config::KeysConfig;
use crate::keys::{Key, KeysError, Moment, Role, Row, file, mint};
use crate::suggest::nearest;

/// A key that was made.
pub struct NewKey {
    /// What its holder sends.
    pub token: String,
    /// What to know of it, for whoever made it.
    pub note: String,
}

/// Makes a key and puts its hash into the file.
///
/// # Errors
/// A file that cannot be used, a name that is taken, or a scope that covers nothing.
pub fn create_key(config: &KeysConfig, args: &CreateKeyArgs) -> Result<NewKey, CommandError> {
    let path = path(config)?;
    let minted = mint()?;
    let mut roles: Vec<Role> = Vec::new();
    for role in &args.role {
        if !roles.contains(role) {
            roles.push(*role);
        }
    }
    let row = Row {
        name: args.name.clone(),
        id: minted.id,
        sha256: minted.hash.to_text(),
        roles,
        scopes: args.scope.clone(),
        created: Moment::now(),
        expires: args.expires,
        requests_per_minute: args.requests_per_minute,
        concurrent_max: args.concurrent_max,
    };
    let key = Key::read(row)?;
    let row = key.row;
    let ends = row.expires.map_or_else(|| "never ends".to_owned(), |end| format!("ends {end}"));
    let note = format!(
        "The key of `{}` ({}) {ends}. It is shown this once: {} keeps only its hash.\n",
        row.name,
        names(&row.roles),
        path.display()
    );
    file::update(path, |rows| {
        if rows.iter().any(|other| other.name == row.name) {
            return Err(KeysError::Taken { name: row.name.clone() });
        }
        rows.push(row);
        Ok(())
    })?;
    Ok(NewKey { token: format!("{}\n", minted.token), note })
}

/// Takes a key back.
///
/// # Errors
/// A file that cannot be used, or no such key.
pub fn revoke_key(config: &KeysConfig, name: &str) -> Result<String, CommandError> {
    let path = path(config)?;
    // Without this, a slip in the name of the file would make an empty one.
    file::read(path)?;
    let revoked = file::update(path, |rows| {
        let at = rows.iter().position(|row| row.name == name || row.id == name);
        let at = at.ok_or_else(|| KeysError::Unknown {
            name: name.to_owned(),
            suggestion: nearest(name, rows.iter().map(|row| row.name.as_str())).map(str::to_owned),
        })?;
        Ok(rows.remove(at))
    })?;
    Ok(format!(
        "The key of `{}` ({}) is revoked; a running gateway refuses it within a second.\n",
        revoked.name, revoked.id
    ))
}

/// Every key, for people or as JSON. Hashes are left out.
///
/// # Errors
/// A file that cannot be used.
pub fn list_keys(config: &KeysConfig, as_json: bool) -> Result<String, CommandError> {
    let rows: Vec<Row> = file::read(path(config)?)?.into_iter().map(|key| key.row).collect();
    let now = Moment::now();
    if as_json {
        let list: Json = rows.iter().map(|row| describe(row, now)).collect();
        return Ok(format!("{list:#}\n"));
    }
    let head = ["NAME", "ID", "ROLES", "SCOPES", "EXPIRES", "A MINUTE", "AT ONCE"];
    let mut lines: Vec<[String; 7]> = vec![head.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| cells(row, now)));
    Ok(table(&lines))
}

fn path(config: &KeysConfig) -> Result<&Path, KeysError> {
    match config.file.as_str() {
        "" => Err(KeysError::NoFile),
        path => Ok(Path::new(path)),
    }
}

fn is_over(row: &Row, now: Moment) -> bool {
    row.expires.is_some_and(|end| end <= now)
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
}

fn describe(row: &Row, now: Moment) -> Json {
    json!({
        "name": row.name,
        "id": row.id,
        "roles": row.roles,
        "scopes": row.scopes,
        "created": row.created.to_string(),
        "expires": row.expires.map(|end| end.to_string()),
        "expired": is_over(row, now),
        "requests_per_minute": row.requests_per_minute,
        "concurrent_max": row.concurrent_max,
    })
}

fn cells(row: &Row, now: Moment) -> [String; 7] {
    let limit = |most: Option<std::num::NonZeroU32>| {
        most.map_or_else(|| "no limit".to_owned(), |most| most.to_string())
    };
    let expires = match row.expires {
        None => "never".to_owned(),
        Some(end) if is_over(row, now) => format!("{end} (over)"),
        Some(end) => end.to_string(),
    };
    [
        row.name.clone(),
        row.id.clone(),
        names(&row.roles),
        row.scopes.join(", "),
        expires,
        limit(row.requests_per_minute),
        limit(row.concurrent_max),
    ]
}

/// Columns as wide as their widest cell.
fn table<const COLUMNS: usize>(lines: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(name: &str) -> CreateKeyArgs {
        CreateKeyArgs {
            name: name.into(),
            role: vec![Role::Call, Role::Publish, Role::Call],
            scope: vec!["units_*".into()],
            expires: None,
            requests_per_minute: None,
            concurrent_max: None,
            file: None,
        }
    }

    fn config(folder: &tempfile::TempDir) -> KeysConfig {
        let file = folder.path().join("keys.toml").to_string_lossy().into_owned();
        KeysConfig { file, ..KeysConfig::default() }
    }

    #[test]
    fn a_key_is_made_listed_and_revoked_and_its_secret_is_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder);
        let made = create_key(&config, &args("alice")).unwrap();
        let secret = made.token.trim().rsplit('_').next().unwrap().to_owned();
        assert_eq!(secret.len(), 64);
        let list = list_keys(&config, false).unwrap();
        let json: Json = serde_json::from_str(&list_keys(&config, true).unwrap()).unwrap();
        assert!(list.contains("alice") && list.contains("call, publish"), "{list}");
        assert_eq!(json[0]["roles"], json!(["call", "publish"]));
        let file = std::fs::read_to_string(&config.file).unwrap();
        for text in [&list, &json.to_string(), &file, &made.note] {
            assert!(!text.contains(&secret), "{text}");
        }

        let error = create_key(&config, &args("alice")).err().unwrap().to_string();
        assert!(error.contains("revoke it first"), "{error}");
        let error = revoke_key(&config, "alise").unwrap_err().to_string();
        assert!(error.contains("did you mean `alice`"), "{error}");
        revoke_key(&config, json[0]["id"].as_str().unwrap()).unwrap();
        assert!(!list_keys(&config, false).unwrap().contains("alice"));
    }

    #[test]
    fn what_cannot_be_done_says_what_can() {
        let nothing = KeysConfig::default();
        for error in [
            create_key(&nothing, &args("a")).err().unwrap(),
            revoke_key(&nothing, "a").unwrap_err(),
            list_keys(&nothing, false).unwrap_err(),
        ] {
            assert!(error.to_string().contains("--file"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let config = config(&folder);
        for error in [revoke_key(&config, "a").unwrap_err(), list_keys(&config, true).unwrap_err()]
        {
            assert!(error.to_string().contains("hyfunc key create"), "{error}");
        }
        assert!(create_key(&config, &args("a b")).is_err());
        assert!(!Path::new(&config.file).exists(), "a key that cannot be leaves no file");
    }
}
