//! Passwords: from the environment, or typed without being shown.

use std::io::IsTerminal as _;
use std::path::Path;

use console::Term;

use super::DistributionError;

/// Opens private keys.
const OF_KEY: &str = "HYFUNC_KEY_PASSWORD";
/// The same, as cosign calls it.
const OF_COSIGN: &str = "COSIGN_PASSWORD";
/// Logs in to a registry.
const OF_REGISTRY: &str = "HYFUNC_REGISTRY_PASSWORD";

/// For a key that is about to be made.
pub(super) fn new() -> Result<String, DistributionError> {
    if let Some(password) = from_environment() {
        return Ok(password);
    }
    let what = "a new private key".to_owned();
    let first = typed("Password for the private key", &what, OF_KEY)?;
    if typed("The same again", &what, OF_KEY)? == first {
        Ok(first)
    } else {
        Err(DistributionError::PasswordsDiffer)
    }
}

/// Of a key that is there.
pub(super) fn of_key(path: &Path) -> Result<String, DistributionError> {
    match from_environment() {
        Some(password) => Ok(password),
        None => {
            let what = path.display().to_string();
            typed(&format!("Password of {what}"), &what, OF_KEY)
        }
    }
}

/// Of the user that was named.
pub(super) fn of_registry(registry: &str) -> Result<String, DistributionError> {
    match std::env::var(OF_REGISTRY) {
        Ok(password) => Ok(password),
        Err(_) => typed(&format!("Password for {registry}"), registry, OF_REGISTRY),
    }
}

fn from_environment() -> Option<String> {
    [OF_KEY, OF_COSIGN].into_iter().find_map(|name| std::env::var(name).ok())
}

fn typed(prompt: &str, what: &str, variable: &'static str) -> Result<String, DistributionError> {
    let no_password = || DistributionError::NoPassword { what: what.to_owned(), variable };
    let terminal = Term::stderr();
    if !terminal.is_term() || !std::io::stdin().is_terminal() {
        return Err(no_password());
    }
    eprint!("{prompt}: ");
    terminal.read_secure_line().map_err(|_| no_password())
}
