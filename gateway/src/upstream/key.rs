//! The key for the chat model: from a file or a variable, never from the configuration itself,
//! which is printed.

use axum::http::HeaderValue;

use super::OpenError;
use crate::config::UpstreamConfig;

/// The `authorization` header, if there is a key.
pub fn read(config: &UpstreamConfig) -> Result<Option<HeaderValue>, OpenError> {
    let text = if !config.key_file.is_empty() {
        let path = &config.key_file;
        std::fs::read_to_string(path)
            .map_err(|source| OpenError::KeyFile { path: path.into(), source })?
    } else if !config.key_env.is_empty() {
        let name = &config.key_env;
        std::env::var(name).map_err(|_| OpenError::KeyVariable { name: name.clone() })?
    } else {
        return Ok(None);
    };
    header(&text).map(Some).ok_or(OpenError::KeyShape)
}

fn header(text: &str) -> Option<HeaderValue> {
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_key_is_one_word() {
        for (text, sent) in [
            ("sk-1", Some("Bearer sk-1")),
            (" sk-1\n", Some("Bearer sk-1")),
            ("", None),
            (" \n", None),
            ("two words", None),
            ("a\nb", None),
            ("a\u{7}", None),
        ] {
            let value = header(text);
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), sent, "{text:?}");
            assert!(value.is_none_or(|value| value.is_sensitive()));
        }
    }

    #[test]
    fn a_key_that_is_not_there_says_what_to_do_and_no_key_is_fine() {
        let config = UpstreamConfig::default();
        assert!(read(&config).unwrap().is_none());
        let file = UpstreamConfig { key_file: "/does/not/exist".into(), ..config.clone() };
        assert!(read(&file).unwrap_err().to_string().contains("upstream.key_file"));
        let variable = UpstreamConfig { key_env: "NO_SUCH_KEY_HERE".into(), ..config.clone() };
        let error = read(&variable).unwrap_err().to_string();
        assert!(
            error.contains("NO_SUCH_KEY_HERE") && error.contains("upstream.key_env"),
            "{error}"
        );
        let mut kept = tempfile::NamedTempFile::new().unwrap();
        kept.write_all(b"sk-2\n").unwrap();
        let key_file = kept.path().to_string_lossy().into_owned();
        let value = read(&UpstreamConfig { key_file, ..config }).unwrap().unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer sk-2");
    }
}
