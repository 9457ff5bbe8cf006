//! Who a request is from.

use std::fmt;
use std::sync::Arc;

use super::date::Moment;
use super::error::AccessError;
use super::key::Key;
use super::limits::{Limits, Share};
use super::role::Role;

/// Who a request is from. The default is whoever reaches a gateway that wants no keys: they may do
/// everything.
#[derive(Clone, Default)]
pub struct Principal(Who);

#[derive(Clone, Default)]
enum Who {
    /// No keys are wanted.
    #[default]
    Anybody,
    /// Keys are wanted, and none was asked for here.
    Nobody,
    /// The holder of a key.
    Holder(Holder),
}

/// A key and what is left of its limits.
#[derive(Clone)]
pub(super) struct Holder {
    pub key: Arc<Key>,
    pub limits: Arc<Limits>,
}

impl Principal {
    pub(super) fn of(holder: Holder) -> Self {
        Self(Who::Holder(holder))
    }

    /// Somebody of whom nothing is known, where keys are wanted.
    pub(super) fn nobody() -> Self {
        Self(Who::Nobody)
    }

    fn key(&self) -> Option<&Key> {
        match &self.0 {
            Who::Holder(holder) => Some(holder.key.as_ref()),
            Who::Anybody | Who::Nobody => None,
        }
    }

    fn limits(&self) -> Option<&Limits> {
        match &self.0 {
            Who::Holder(holder) => Some(holder.limits.as_ref()),
            Who::Anybody | Who::Nobody => None,
        }
    }

    /// What holds of the key; everything does where no keys are wanted, nothing without one.
    fn holds(&self, of_key: impl FnOnce(&Key) -> bool) -> bool {
        match &self.0 {
            Who::Anybody => true,
            Who::Nobody => false,
            Who::Holder(holder) => of_key(&holder.key),
        }
    }

    /// Public part of its key.
    pub fn id(&self) -> Option<&str> {
        self.key().map(|key| key.row.id.as_str())
    }

    /// Name of its key.
    pub fn name(&self) -> Option<&str> {
        self.key().map(|key| key.row.name.as_str())
    }

    /// Whose data plugins see.
    pub fn tenant(&self) -> String {
        self.name().map_or_else(|| "local".to_owned(), |name| format!("key:{name}"))
    }

    /// Whether its time is over.
    ///
    /// # Errors
    /// It is.
    pub fn check_time(&self) -> Result<(), AccessError> {
        self.key().map_or(Ok(()), |key| key.check_time(Moment::now()))
    }

    /// Whether it may do something.
    ///
    /// # Errors
    /// Its key lacks the role.
    pub fn check(&self, needed: Role) -> Result<(), AccessError> {
        let may = self.holds(|key| key.may(needed));
        if may { Ok(()) } else { Err(AccessError::Role { role: needed }) }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// Its key has no more for now.
    pub fn request(&self) -> Result<(), AccessError> {
        self.limits().map_or(Ok(()), Limits::request)
    }

    /// Takes a place among the requests of its key that are at work.
    ///
    /// # Errors
    /// All are taken.
    pub fn enter(&self, retry_after_ms: u64) -> Result<Share, AccessError> {
        self.limits().map_or(Ok(None), |limits| limits.enter(retry_after_ms))
    }

    /// Whether it sees every function there is.
    pub fn sees_everything(&self) -> bool {
        self.holds(|key| key.scope.is_everything())
    }

    /// Whether it sees a function of a plugin.
    pub fn sees(&self, function: &str, plugin: &str) -> bool {
        self.holds(|key| key.scope.allows(function, plugin))
    }

    /// Why a function that it does not see, or that is not there, cannot be called; `None` where
    /// nothing of the key forbids the name.
    pub fn forbids(&self, function: &str) -> Option<AccessError> {
        let names = self.holds(|key| key.scope.names(function));
        (!names).then(|| AccessError::Scope { function: function.to_owned() })
    }

    /// Whether it may know of what somebody asked; `owner` is the public part of their key.
    pub fn knows_of(&self, owner: Option<&str>) -> bool {
        self.holds(|key| key.may(Role::Admin) || owner == Some(key.row.id.as_str()))
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Who::Anybody => "anybody",
            Who::Nobody => "nobody",
            Who::Holder(holder) => &holder.key.row.name,
        })
    }
}
