//! What a key may do at all.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A role of a key; a key may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask and run functions, over every format; includes `read`
    Call,
    /// List models, functions and the key's own last requests
    Read,
    /// Publish and remove plugins; includes `read`
    Publish,
    /// Everything, and what all keys asked
    Admin,
}

impl Role {
    /// As in the file of keys and in errors.
    pub fn name(self) -> &'static str {
        match self {
            Role::Call => "call",
            Role::Read => "read",
            Role::Publish => "publish",
            Role::Admin => "admin",
        }
    }

    /// Whether whoever has this role may do what another one is needed for.
    pub fn includes(self, needed: Self) -> bool {
        self == Role::Admin || self == needed || needed == Role::Read
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_and_only_one_does_everything() {
        for (has, may) in [
            (Role::Call, "call read"),
            (Role::Read, "read"),
            (Role::Publish, "read publish"),
            (Role::Admin, "call read publish admin"),
        ] {
            let all = [Role::Call, Role::Read, Role::Publish, Role::Admin];
            let found: Vec<_> = all.into_iter().filter(|needed| has.includes(*needed)).collect();
            let found: Vec<_> = found.into_iter().map(Role::name).collect();
            assert_eq!(found.join(" "), may, "{has}");
        }
    }
}
