//! One key, as the file has it and as requests meet it.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::date::Moment;
use super::error::{AccessError, KeysError};
use super::role::Role;
use super::scope::Scope;
use super::secret::Hash;

/// Longest name of a key.
const NAME_CHARS_MAX: usize = 64;

/// A key in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Who has it; also whose data plugins keep.
    pub name: String,
    /// Its public part.
    pub id: String,
    /// SHA-256 of the whole key, 64 hexadecimal digits.
    pub sha256: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// Which functions it sees: `units_*`, `plugin:geo`.
    #[serde(default = "everything")]
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Moment,
    /// When it ends; never without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// Most requests in a minute; no limit without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Most requests at work at once; no limit without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_max: Option<NonZeroU32>,
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

/// A key that was checked.
#[derive(Clone, Debug)]
pub struct Key {
    /// As the file has it.
    pub row: Row,
    /// What it sees.
    pub scope: Scope,
    hash: Hash,
}

impl Key {
    /// Checks what the file says.
    ///
    /// # Errors
    /// A name, hash, role or scope that cannot be.
    pub fn read(row: Row) -> Result<Self, KeysError> {
        let wrong = |reason: &str| KeysError::Key { name: row.name.clone(), reason: reason.into() };
        check_name(&row.name)?;
        if row.id.is_empty() || !row.id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong("`id` must be hexadecimal digits; make the key again"));
        }
        if row.roles.is_empty() {
            return Err(wrong("`roles` is empty; name some of call, read, publish, admin"));
        }
        let hash = Hash::parse(&row.sha256);
        let hash = hash
            .ok_or_else(|| wrong("`sha256` must be 64 hexadecimal digits; make the key again"))?;
        let scope = Scope::parse(&row.scopes)?;
        Ok(Self { row, scope, hash })
    }

    /// Whether this is what a client sent.
    pub fn is(&self, token: &str) -> bool {
        self.hash.is_of(token)
    }

    /// Whether its time is not over.
    ///
    /// # Errors
    /// It is.
    pub fn check_time(&self, now: Moment) -> Result<(), AccessError> {
        match self.row.expires {
            Some(end) if end <= now => Err(AccessError::Expired { at: end.to_string() }),
            _ => Ok(()),
        }
    }

    /// Whether it may do something.
    pub fn may(&self, needed: Role) -> bool {
        self.row.roles.iter().any(|role| role.includes(needed))
    }
}

/// Names stand in logs, in lists and on command lines.
///
/// # Errors
/// A name that is empty, long, or not plain.
pub fn check_name(name: &str) -> Result<(), KeysError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(plain) {
        let reason =
            format!("a name is 1 to {NAME_CHARS_MAX} letters, digits, `-`, `_`, `.` or `@`");
        return Err(KeysError::Key { name: name.to_owned(), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            name: "alice".into(),
            id: "a1b2".into(),
            sha256: Hash::of("hyf_a1b2_c3").to_text(),
            roles: vec![Role::Call],
            scopes: everything(),
            created: Moment::now(),
            expires: None,
            requests_per_minute: None,
            concurrent_max: None,
        }
    }

    #[test]
    fn rows_that_cannot_be_are_refused_with_a_way_out() {
        assert!(Key::read(row()).unwrap().is("hyf_a1b2_c3"));
        for (row, words) in [
            (Row { name: String::new(), ..row() }, "a name is 1 to 64"),
            (Row { name: "a b".into(), ..row() }, "a name is 1 to 64"),
            (Row { name: "x".repeat(65), ..row() }, "a name is 1 to 64"),
            (Row { id: String::new(), ..row() }, "`id` must be hexadecimal"),
            (Row { id: "xyz".into(), ..row() }, "`id` must be hexadecimal"),
            (Row { sha256: "12".into(), ..row() }, "64 hexadecimal digits"),
            (Row { roles: Vec::new(), ..row() }, "name some of call"),
            (Row { scopes: vec!["a b".into()], ..row() }, "plugin:NAME"),
        ] {
            let error = Key::read(row).unwrap_err().to_string();
            assert!(error.contains(words), "{error} should hold: {words}");
        }
    }

    #[test]
    fn a_key_ends_at_its_moment() {
        let now = Moment::now();
        for (expires, valid) in [
            (None, true),
            (Some(now.after(1)), true),
            (Some(now), false),
            (Some(now.after(-1)), false),
        ] {
            let key = Key::read(Row { expires, ..row() }).unwrap();
            assert_eq!(key.check_time(now).is_ok(), valid, "{expires:?}");
        }
    }
}
