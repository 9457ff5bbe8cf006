//! Who one is to a registry: what `docker login`, `podman login` and `oras login` stored.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::RegistryError;

/// Largest file that is read (bytes).
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Of this user.
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }

    /// The name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// As the header `Authorization` has them.
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }

    /// What is stored for a registry; `None` where nothing is.
    ///
    /// # Errors
    /// A file that cannot be read, or a program of it that fails.
    pub fn stored(registry: &str) -> Result<Option<Self>, RegistryError> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        for path in places(&variable) {
            let Some(file) = File::read(&path, registry)? else { continue };
            if let Some(found) = file.find(&path, registry)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Where files may be, the most particular first.
fn places(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(file) = variable("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let home = variable("HOME");
    let docker =
        variable("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
    let run = variable("XDG_RUNTIME_DIR").map(|run| run.join("containers/auth.json"));
    let config = variable("XDG_CONFIG_HOME").or_else(|| home.map(|home| home.join(".config")));
    let config = config.map(|config| config.join("containers/auth.json"));
    docker.map(|folder| folder.join("config.json")).into_iter().chain(run).chain(config).collect()
}

/// `config.json` of docker; podman's `auth.json` is the same.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What a program that keeps passwords answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

impl File {
    fn read(path: &Path, registry: &str) -> Result<Option<Self>, RegistryError> {
        let failed = |reason: String| unusable(registry, path, &reason);
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
            Ok(found) if found.len() > FILE_BYTES_MAX => {
                return Err(failed(format!("it is larger than {FILE_BYTES_MAX} bytes")));
            }
            Ok(_) => {}
        }
        let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| failed(error.to_string()))
    }

    fn find(&self, path: &Path, registry: &str) -> Result<Option<Credentials>, RegistryError> {
        let keys = spellings(registry);
        if let Some(helper) = keys.iter().find_map(|key| self.cred_helpers.get(key)) {
            return ask(helper, registry, &keys[0]);
        }
        if let Some(entry) = keys.iter().find_map(|key| self.auths.get(key))
            && let Some(found) = entry.credentials(path, registry)?
        {
            return Ok(Some(found));
        }
        match &self.creds_store {
            Some(helper) if keys.iter().any(|key| self.auths.contains_key(key)) => {
                let key = keys.iter().find(|key| self.auths.contains_key(*key));
                ask(helper, registry, key.unwrap_or(&keys[0]))
            }
            _ => Ok(None),
        }
    }
}

impl Entry {
    fn credentials(
        &self,
        path: &Path,
        registry: &str,
    ) -> Result<Option<Credentials>, RegistryError> {
        if self.identitytoken.as_deref().is_some_and(|token| !token.is_empty()) {
            let reason = "it holds an identity token, which is not supported: log in with name and \
                          password, or with an access token as the password";
            return Err(unusable(registry, path, reason));
        }
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            return Ok(Some(Credentials::new(user, password)));
        }
        let Some(auth) = self.auth.as_deref().filter(|auth| !auth.is_empty()) else {
            return Ok(None);
        };
        let damaged = || unusable(registry, path, "its `auth` is not base64 of NAME:PASSWORD");
        let pair = STANDARD.decode(auth.trim()).map_err(|_| damaged())?;
        let pair = String::from_utf8(pair).map_err(|_| damaged())?;
        let (user, password) = pair.split_once(':').ok_or_else(damaged)?;
        Ok(Some(Credentials::new(user, password.trim_end_matches('\0'))))
    }
}

/// How files spell a registry.
fn spellings(registry: &str) -> Vec<String> {
    let mut keys = vec![registry.to_owned(), format!("https://{registry}")];
    keys.push(format!("https://{registry}/v2/"));
    if registry == "docker.io" {
        keys.extend(["https://index.docker.io/v1/".to_owned(), "index.docker.io".to_owned()]);
    }
    keys
}

/// Asks `docker-credential-NAME`.
fn ask(helper: &str, registry: &str, key: &str) -> Result<Option<Credentials>, RegistryError> {
    let program = format!("docker-credential-{helper}");
    let failed = |reason: String| RegistryError::Credentials {
        registry: registry.to_owned(),
        reason: format!("`{program} get` {reason}; log in anew"),
    };
    if helper.contains(['/', '\\']) {
        return Err(failed("is no program's name".to_owned()));
    }
    let child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.map_err(|error| failed(format!("does not start: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        // It may answer without having read; what counts is the answer.
        let _ = input.write_all(key.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(format!("failed: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("not found") {
            return Ok(None);
        }
        return Err(failed(format!("failed: {}", crate::error::said(&said))));
    }
    let kept: Kept = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("does not answer with JSON".to_owned()))?;
    if kept.username == "<token>" {
        return Err(failed("gives an identity token, which is not supported".to_owned()));
    }
    Ok(Some(Credentials::new(&kept.username, &kept.secret)))
}

fn unusable(registry: &str, path: &Path, reason: &str) -> RegistryError {
    let reason = format!("{}: {reason}", path.display());
    RegistryError::Credentials { registry: registry.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, registry: &str) -> Result<Option<Credentials>, RegistryError> {
        let file: File = serde_json::from_str(text).unwrap();
        file.find(Path::new("config.json"), registry)
    }

    #[test]
    fn what_docker_stores_is_found() {
        // "maria:s3:cret" in base64.
        let text = r#"{"auths": {
            "ghcr.io": {"auth": "bWFyaWE6czM6Y3JldA=="},
            "https://index.docker.io/v1/": {"username": "maria", "password": "x"},
            "empty.example": {},
            "wrong.example": {"auth": "bWFyaWE="},
            "token.example": {"auth": "bWFyaWE6", "identitytoken": "abc"}
        }, "credsStore": null, "HttpHeaders": {}}"#;
        let maria = Credentials::new("maria", "s3:cret");
        assert_eq!(find(text, "ghcr.io").unwrap(), Some(maria.clone()));
        assert_eq!(maria.basic(), "Basic bWFyaWE6czM6Y3JldA==");
        let docker = find(text, "docker.io").unwrap();
        assert_eq!(docker, Some(Credentials::new("maria", "x")));
        assert_eq!(find(text, "empty.example").unwrap(), None);
        assert_eq!(find(text, "ghcr.io.evil.example").unwrap(), None);
        assert_eq!(find("{}", "ghcr.io").unwrap(), None);
        for registry in ["wrong.example", "token.example"] {
            let error = find(text, registry).unwrap_err().to_string();
            assert!(error.contains(registry), "{error}");
        }
        assert!(!format!("{maria:?}").contains("cret"));
    }

    #[test]
    fn a_program_that_is_missing_is_said() {
        let text = r#"{"credHelpers": {"ghcr.io": "that-is-not-installed"}}"#;
        let error = find(text, "ghcr.io").unwrap_err().to_string();
        assert!(error.contains("docker-credential-that-is-not-installed"), "{error}");
        assert_eq!(find(text, "other.example").unwrap(), None);
        let climbing = r#"{"credHelpers": {"ghcr.io": "x/../../sh"}}"#;
        assert!(find(climbing, "ghcr.io").is_err());
    }

    #[test]
    fn files_are_looked_for_where_tools_put_them() {
        let set = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| PathBuf::from(value))
            }
        };
        let paths = places(&set(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r")]));
        let expected = ["/h/.docker/config.json", "/r/containers/auth.json"];
        assert_eq!(paths[..2], expected.map(PathBuf::from));
        let paths = places(&set(&[("HOME", "/h"), ("DOCKER_CONFIG", "/d")]));
        assert_eq!(paths[0], PathBuf::from("/d/config.json"));
        let paths = places(&set(&[("REGISTRY_AUTH_FILE", "/f"), ("HOME", "/h")]));
        assert_eq!(paths, [PathBuf::from("/f")]);
        assert!(places(&|_: &str| None).is_empty());
    }
}
