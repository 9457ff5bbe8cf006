//! The door: what a request has to show before anything is done for it.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::error::{AccessError, KeysError};
use super::functions::FunctionLimits;
use super::principal::Principal;
use super::role::Role;
use super::store::Store;
use crate::config::KeysConfig;

/// A request that is not let in.
#[derive(Debug)]
pub struct Denied {
    /// Why.
    pub error: AccessError,
    /// Who sent it, where its key is one of ours: for those who run the gateway, not for the client.
    pub principal: Principal,
}

/// Keys and limits as configured.
#[derive(Clone)]
pub struct Keys {
    /// `None` lets everybody in.
    store: Option<Arc<Store>>,
    functions: Arc<FunctionLimits>,
}

impl Keys {
    /// Reads the file of keys, if one is named.
    ///
    /// # Errors
    /// A file that cannot be used, or a limit that cannot be read.
    pub fn open(config: &KeysConfig) -> Result<Self, KeysError> {
        let store = match config.file.as_str() {
            "" => None,
            path => Some(Arc::new(Store::open(Path::new(path))?)),
        };
        let functions =
            Arc::new(FunctionLimits::parse(&config.calls_per_minute, &config.calls_at_once)?);
        Ok(Self { store, functions })
    }

    /// Who sent a request, if they may do what it takes. `sent` is the header `Authorization`;
    /// where no keys are wanted, nobody looks at it: many clients send one in any case.
    ///
    /// # Errors
    /// No key, a wrong one, one without the role, or one that has no more requests for now.
    pub fn enter(&self, sent: Option<&[u8]>, needed: Role) -> Result<Principal, Denied> {
        let Some(store) = &self.store else { return Ok(Principal::default()) };
        let principal = bearer(sent)
            .and_then(|token| store.authenticate(token))
            .map_err(|error| Denied { error, principal: Principal::nobody() })?;
        let checked = principal
            .check_time()
            .and_then(|()| principal.check(needed))
            .and_then(|()| principal.request());
        match checked {
            Ok(()) => Ok(principal),
            Err(error) => Err(Denied { error, principal }),
        }
    }

    /// Who sent a request to an endpoint that asks nobody for a key.
    pub fn outside(&self) -> Principal {
        if self.store.is_some() { Principal::nobody() } else { Principal::default() }
    }

    /// Counts one call of a function of the library.
    ///
    /// # Errors
    /// It has no more for now.
    pub fn call(&self, function: &str) -> Result<(), AccessError> {
        self.functions.call(function)
    }

    /// Where calls of a function wait for their turn; `None` where as many run as come.
    pub fn places(&self, function: &str) -> Option<Arc<Semaphore>> {
        self.functions.places(function)
    }
}

/// The key in `Bearer KEY`.
fn bearer(sent: Option<&[u8]>) -> Result<&str, AccessError> {
    let sent = sent.ok_or(AccessError::NoKey)?;
    let sent = std::str::from_utf8(sent).map_err(|_| AccessError::NotAKey)?;
    let (scheme, token) = sent.trim().split_once(' ').ok_or(AccessError::NotAKey)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(AccessError::NotAKey);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_and_nothing_else() {
        for (sent, token) in [
            ("Bearer hyf_a_b", Some("hyf_a_b")),
            ("bearer hyf_a_b", Some("hyf_a_b")),
            ("BEARER   hyf_a_b ", Some("hyf_a_b")),
            ("Bearer", None),
            ("Bearer ", None),
            ("", None),
            ("hyf_a_b", None),
            ("Basic aHlmOg==", None),
            ("Bearerhyf_a_b", None),
        ] {
            assert_eq!(bearer(Some(sent.as_bytes())).ok(), token, "{sent}");
        }
        assert!(matches!(bearer(None), Err(AccessError::NoKey)));
        assert!(matches!(bearer(Some(b"Bearer \xff")), Err(AccessError::NotAKey)));
    }

    #[test]
    fn where_keys_are_wanted_nobody_sees_nothing() {
        let nobody = Principal::nobody();
        assert!(!nobody.sees_everything() && !nobody.sees("units_convert", "units"));
        assert!(!nobody.knows_of(None) && nobody.check(Role::Read).is_err());
        assert!(matches!(nobody.forbids("units_convert"), Some(AccessError::Scope { .. })));
    }

    #[test]
    fn without_a_file_everybody_may_do_everything() {
        let keys = Keys::open(&KeysConfig::default()).unwrap();
        assert!(keys.outside().sees_everything());
        for sent in [None, Some(b"Bearer sk-anything".as_slice()), Some(b"nonsense".as_slice())] {
            let principal = keys.enter(sent, Role::Admin).unwrap();
            assert!(principal.sees_everything() && principal.knows_of(Some("a1")));
            assert_eq!(principal.tenant(), "local");
        }
    }
}
