//! `grants.toml`, which comes with a stranger's plugin. The reader is taken in as a file, since its
//! crate links wasmtime.
#![no_main]

#[path = "../../gateway/sandbox/src/grants.rs"]
#[allow(dead_code, reason = "the sandbox uses the rest")]
mod grants;
#[path = "../../gateway/sandbox/src/error/grants.rs"]
mod reason;

/// Where the reader looks for its error.
mod error {
    pub use crate::reason::GrantsError;
}

use std::fmt::Write as _;

use grants::Grants;
use libfuzzer_sys::fuzz_target;
use toml::Value;

/// What is granted is spelled out, is granted again from its own spelling, and names whole hosts.
fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let grants = match Grants::parse(text) {
        Ok(grants) => grants,
        Err(error) => return assert!(error.to_string().starts_with("grants.toml: ")),
    };
    if text.trim().is_empty() {
        assert!(grants.is_empty(), "nothing was asked for");
    }
    for grant in &grants.http.hosts {
        assert!(!grant.host.is_empty() && grant.port > 0 && !grant.methods.is_empty());
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"*/@?#[]\\".contains(&byte);
        assert!(grant.host.bytes().all(is_plain), "{:?}", grant.host);
        assert_eq!(grant.host, grant.host.to_ascii_lowercase());
    }
    let spelled = spell(&grants);
    assert_eq!(Grants::parse(&spelled).ok().as_ref(), Some(&grants), "{spelled}");
}

fn spell(grants: &Grants) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let digest = grants.digest.iter().map(|digest| format!("digest = {}\n", quoted(digest)));
    let mut text: String = digest.collect();
    write!(text, "[keyvalue]\nstore = {}\n[config.keys]\n", grants.keyvalue.store)
        .expect("into a string");
    for (key, value) in &grants.config.keys {
        // A key in quotes is spelled as a value is, on one line.
        let key = serde_json::Value::from(key.as_str()).to_string().replace('\u{7f}', "\\u007f");
        writeln!(text, "{key} = {}", quoted(value)).expect("into a string");
    }
    for grant in &grants.http.hosts {
        let methods: Vec<String> = grant.methods.iter().map(|method| quoted(method)).collect();
        writeln!(
            text,
            "[[http.hosts]]\nhost = {}\nport = {}\nmethods = [{}]\nallow_private = {}\n\
             allow_plain = {}",
            quoted(&grant.host),
            grant.port,
            methods.join(", "),
            grant.allow_private,
            grant.allow_plain
        )
        .expect("into a string");
    }
    text
}

fuzz_target!(|data: &[u8]| check(data));
