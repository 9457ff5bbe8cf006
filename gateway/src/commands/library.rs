//! `hyfunc plugin publish`, `approve`, `remove`, `list`: a gateway's library over HTTP.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyfunc_distribution::Reference;
use indicatif::ProgressBar;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::CommandError;
use crate::app;
use crate::cli::{ApproveArgs, GatewayArgs, ListArgs, PublishArgs, RemoveArgs};
use crate::error::StartError;

/// Longest wait for a connection, in milliseconds.
const CONNECT_MS_MAX: u64 = 5_000;
/// Longest wait for an answer, in milliseconds: a gateway bounds what it does by itself.
const ANSWER_MS_MAX: u64 = 600_000;
/// Milliseconds between two pictures of a spinner.
const SPIN_MS: u64 = 100;

/// Why a gateway did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The address cannot be used.
    #[error(
        "`{url}` is no base URL of a gateway: write it as http://127.0.0.1:8081; a gateway behind \
         TLS is reached through a tunnel on this host"
    )]
    Url {
        /// As typed.
        url: String,
    },
    /// The address is that of a registry.
    #[error(
        "`{to}` is a place in a registry, and `publish` sends to a gateway: use \
         `hyfunc plugin push {file} {reference}`, or name the gateway as http://127.0.0.1:8081"
    )]
    Registry {
        /// As typed.
        to: String,
        /// The component, as typed.
        file: String,
        /// The place, as `push` takes it.
        reference: String,
    },
    /// The key cannot be sent.
    #[error("the key in {path} cannot be sent: {reason}")]
    Key {
        /// Its file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody answers.
    #[error("no gateway answers at {url} ({reason}); is admin.address set, and is it this one?")]
    Silent {
        /// As typed.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// It says no.
    #[error("the gateway refused with status {status}: {message}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// Its reason.
        message: String,
    },
    /// It answers something else.
    #[error("nothing is published at {url} ({reason}); is it the gateway's admin.address?")]
    Strange {
        /// As typed.
        url: String,
        /// What came back.
        reason: String,
    },
}

/// Publishes a component.
///
/// # Errors
/// A file that cannot be read, or a gateway that does not answer or refuses.
pub async fn publish_plugin(args: &PublishArgs) -> Result<String, CommandError> {
    if let Some(reference) = in_registry(&args.to) {
        let (to, reference) = (args.to.clone(), reference.to_owned());
        let file = args.file.display().to_string();
        return Err(GatewayError::Registry { to, file, reference }.into());
    }
    let source = app::plugin_file(&args.file).map_err(as_typed)?;
    let name = args.name.clone().unwrap_or_else(|| source.name.clone());
    let gateway = Gateway::new(&args.to, args.key_file.as_deref())?;
    let component = source.component.into_owned();
    let digest = hex::encode(Sha256::digest(&component));
    let mut request = gateway
        .request(Method::PUT, &format!("/v1/plugins/{name}"))
        .header("x-hyfunc-digest", format!("sha256:{digest}"))
        .header("x-hyfunc-grants", STANDARD.encode(source.grants.as_bytes()));
    request = match args.over.as_deref() {
        None => request,
        Some("none") => request.header("if-none-match", "*"),
        Some(digest) => request.header("if-match", tag(digest)),
    };
    if args.allow_downgrade {
        request = request.header("x-hyfunc-allow-downgrade", "true");
    }
    let bar = ProgressBar::new_spinner().with_message(format!("publishing {name}"));
    bar.enable_steady_tick(Duration::from_millis(SPIN_MS));
    let answer = gateway.send(request.body(component)).await;
    bar.finish_and_clear();
    let answer = answer?;
    if args.json {
        return Ok(format!("{:#}\n", answer.json));
    }
    let mut text = String::new();
    let _ = match answer.status {
        StatusCode::ACCEPTED => writeln!(
            text,
            "{name} waits for approval: it wants {}\n  hyfunc plugin approve {name} --gateway {}",
            words(&answer.json["waiting"]["wishes"]),
            args.to
        ),
        StatusCode::CREATED => writeln!(text, "{name} serves"),
        _ => writeln!(text, "{name} serves in its newest revision"),
    };
    text.push_str(&describe(&answer.json));
    Ok(text)
}

/// The reference, where somebody typed one for the address of a gateway.
fn in_registry(to: &str) -> Option<&str> {
    let reference = to.strip_prefix("oci://");
    reference.or_else(|| to.parse::<Reference>().is_ok().then_some(to))
}

/// A file that somebody typed, and no configuration names.
fn as_typed(error: StartError) -> CommandError {
    match error {
        StartError::PluginFile { path, source } => CommandError::File { path, source },
        error => error.into(),
    }
}

/// Approves the revision that waits.
///
/// # Errors
/// Nothing waits, or a gateway that does not answer or refuses.
pub async fn approve_plugin(args: &ApproveArgs) -> Result<String, CommandError> {
    let gateway = Gateway::of(&args.gateway)?;
    let path = format!("/v1/plugins/{}", args.name);
    let seen = gateway.send(gateway.request(Method::GET, &path)).await?.json;
    let waiting = &seen["waiting"];
    let digest = args.digest.clone().or_else(|| waiting["digest"].as_str().map(str::to_owned));
    let Some(digest) = digest else {
        let message = format!("no revision of `{}` waits for approval", args.name);
        return Err(GatewayError::Refused { status: 409, message }.into());
    };
    let request = gateway.request(Method::POST, &format!("{path}/approve"));
    let answer = gateway.send(request.header("if-match", tag(&digest))).await?;
    let wishes = words(&waiting["wishes"]);
    Ok(format!("{} may do: {wishes}\n{}", args.name, describe(&answer.json)))
}

/// Takes a plugin out of the library.
///
/// # Errors
/// A gateway that does not answer or refuses.
pub async fn remove_plugin(args: &RemoveArgs) -> Result<String, CommandError> {
    let gateway = Gateway::of(&args.gateway)?;
    let mut request = gateway.request(Method::DELETE, &format!("/v1/plugins/{}", args.name));
    if let Some(digest) = &args.digest {
        request = request.header("if-match", tag(digest));
    }
    gateway.send(request).await?;
    Ok(format!("{} is removed; calls at work finish\n", args.name))
}

/// The plugins of a gateway.
///
/// # Errors
/// A gateway that does not answer or refuses.
pub async fn list_plugins(args: &ListArgs) -> Result<String, CommandError> {
    let gateway = Gateway::of(&args.gateway)?;
    let answer = gateway.send(gateway.request(Method::GET, "/v1/plugins")).await?;
    if args.json {
        return Ok(format!("{:#}\n", answer.json));
    }
    let plugins = answer.json["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    if plugins.is_empty() {
        return Ok("no plugins\n".into());
    }
    Ok(plugins.iter().map(describe).collect())
}

/// A plugin in a few lines.
fn describe(plugin: &Json) -> String {
    let text = |json: &Json| json.as_str().unwrap_or("?").to_owned();
    let mut lines = format!("{} ({})\n", text(&plugin["name"]), text(&plugin["origin"]));
    let serving = &plugin["serving"];
    if !serving.is_null() {
        let number = serving["revision"]["number"].as_u64();
        let number = number.map_or(String::new(), |number| format!("revision {number}, "));
        let _ = writeln!(lines, "  serves   {number}{}", text(&serving["digest"]));
        let _ = writeln!(lines, "           {}", words(&serving["functions"]));
        lines.push_str(&followed(&serving["revision"]));
    }
    let waiting = &plugin["waiting"];
    if !waiting.is_null() {
        let number = waiting["revision"]["number"].as_u64().unwrap_or_default();
        let _ = writeln!(lines, "  waits    revision {number}, {}", text(&waiting["digest"]));
        let _ = writeln!(lines, "           wants {}", words(&waiting["wishes"]));
        lines.push_str(&followed(&waiting["revision"]));
    }
    lines
}

/// Where a revision came from by itself; nothing where somebody published it.
fn followed(revision: &Json) -> String {
    let followed = &revision["followed"];
    let Some(reference) = followed["reference"].as_str() else { return String::new() };
    let version = followed["version"].as_str();
    let version = version.map_or(String::new(), |version| format!(", version {version}"));
    format!("           from {reference}{version}\n")
}

fn words(list: &Json) -> String {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let items: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
    if items.is_empty() { "nothing".into() } else { items.join(", ") }
}

fn tag(digest: &str) -> String {
    let digits = digest.trim_matches('"');
    format!("\"{digits}\"")
}

struct Answer {
    status: StatusCode,
    json: Json,
}

/// A gateway's admin listener.
struct Gateway {
    url: String,
    client: Client,
    key: Option<String>,
}

impl Gateway {
    fn of(args: &GatewayArgs) -> Result<Self, GatewayError> {
        Self::new(&args.gateway, args.key_file.as_deref())
    }

    fn new(url: &str, key_file: Option<&Path>) -> Result<Self, GatewayError> {
        let wrong = || GatewayError::Url { url: url.to_owned() };
        let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
        if parsed.scheme() != "http" || !parsed.has_host() || !matches!(parsed.path(), "/" | "") {
            return Err(wrong());
        }
        let key = key_file.map(read_key).transpose()?;
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_millis(CONNECT_MS_MAX))
            .timeout(Duration::from_millis(ANSWER_MS_MAX))
            .build()
            .map_err(|_| wrong())?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client, key })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, GatewayError> {
        let silent = |error: reqwest::Error| GatewayError::Silent {
            url: self.url.clone(),
            reason: deepest(&error),
        };
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        let text = response.text().await.map_err(silent)?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Answer { status, json: Json::Null });
        }
        let strange = |reason: String| GatewayError::Strange { url: self.url.clone(), reason };
        let json: Json = serde_json::from_str(&text)
            .map_err(|_| strange(format!("status {status}, and no JSON")))?;
        if status.is_success() {
            return Ok(Answer { status, json });
        }
        if json["error"]["code"] == "not_found" {
            return Err(strange("it has no such path".into()));
        }
        let message = json["error"]["message"].as_str();
        let message = message.ok_or_else(|| strange(format!("status {status}")))?.to_owned();
        Err(GatewayError::Refused { status: status.as_u16(), message })
    }
}

fn read_key(path: &Path) -> Result<String, GatewayError> {
    let wrong = |reason: String| GatewayError::Key { path: path.display().to_string(), reason };
    let key = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let key = key.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("it must be one line of ASCII without blanks".into()));
    }
    Ok(key.to_owned())
}

/// What was at the bottom of it: `connection refused` instead of `error sending request`.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_base_urls_of_plain_http_are_taken() {
        for (url, fits) in [
            ("http://127.0.0.1:8081", true),
            ("http://localhost:8081/", true),
            ("https://gateway.example", false),
            ("127.0.0.1:8081", false),
            ("http://127.0.0.1:8081/v1", false),
            ("", false),
        ] {
            assert_eq!(Gateway::new(url, None).is_ok(), fits, "{url}");
        }
    }

    #[test]
    fn references_to_registries_are_told_from_gateways() {
        for (to, reference) in [
            ("oci://ghcr.io/me/tides:1.0.0", Some("ghcr.io/me/tides:1.0.0")),
            ("oci://ghcr.io", Some("ghcr.io")),
            ("ghcr.io/me/tides:1.0.0", Some("ghcr.io/me/tides:1.0.0")),
            ("localhost:5000/tides", Some("localhost:5000/tides")),
            ("http://127.0.0.1:8081", None),
            ("http://127.0.0.1:8081/", None),
            ("https://gateway.example", None),
            ("127.0.0.1:8081", None),
            ("", None),
        ] {
            assert_eq!(in_registry(to), reference, "{to}");
        }
    }

    #[test]
    fn a_key_is_one_line() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key");
        for (content, key) in
            [("abc-1\n", Some("abc-1")), ("", None), ("a b", None), ("a\nb", None), ("ä", None)]
        {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_key(&path).ok().as_deref(), key, "{content:?}");
        }
        assert!(read_key(&root.path().join("none")).is_err());
    }

    #[test]
    fn plugins_are_told_in_lines() {
        let plugin = json!({
            "name": "tides",
            "origin": "published",
            "serving": {
                "digest": "sha256:aa",
                "functions": ["harbor_water_level"],
                "revision": {"number": 2},
            },
            "waiting": {
                "digest": "sha256:bb",
                "wishes": ["its key-value store"],
                "revision": {"number": 3},
            },
        });
        let lines = "tides (published)\n  serves   revision 2, sha256:aa\n           \
                     harbor_water_level\n  waits    revision 3, sha256:bb\n           wants its \
                     key-value store\n";
        assert_eq!(describe(&plugin), lines);
        let followed = json!({"name": "tides", "origin": "published", "serving": {"digest": "sha256:aa",
            "functions": ["f"], "revision": {"number": 1,
            "followed": {"reference": "ghcr.io/me/tides:stable", "version": "1.2.0"}}}});
        let line = "           f\n           from ghcr.io/me/tides:stable, version 1.2.0\n";
        assert!(describe(&followed).contains(line), "{}", describe(&followed));
        let bundled = json!({"name": "units", "origin": "bundled",
            "serving": {"digest": "sha256:cc", "functions": [], "revision": null}});
        assert!(describe(&bundled).contains("  serves   sha256:cc\n           nothing\n"));
    }
}
