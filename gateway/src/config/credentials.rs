//! `sandbox.credentials`: what the host adds to requests of plugins.

use super::{ConfigError, SandboxLimits};

/// A header of the requests of one plugin to one place, and where its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialSource {
    /// The plugin whose requests get it.
    pub plugin: String,
    /// Scheme, host and port of where they go.
    pub origin: String,
    /// The header.
    pub header: String,
    /// The file that holds its value.
    pub file: String,
}

impl CredentialSource {
    fn parse(written: &str) -> Option<Self> {
        let mut words = written.split_whitespace().map(str::to_owned);
        let (plugin, origin, header) = (words.next()?, words.next()?, words.next()?);
        // A path may hold blanks.
        let mut file = written.trim_start();
        for _ in 0..3 {
            file = file.split_once(char::is_whitespace)?.1.trim_start();
        }
        let file = file.trim_end().to_owned();
        (!file.is_empty()).then_some(Self { plugin, origin, header, file })
    }
}

impl SandboxLimits {
    /// What is added. The configuration was checked: what cannot be read is not in it.
    pub fn credential_sources(&self) -> Vec<CredentialSource> {
        self.credentials.iter().filter_map(|written| CredentialSource::parse(written)).collect()
    }
}

/// Checks what can be known without opening a file.
pub(super) fn check(sandbox: &SandboxLimits) -> Result<(), ConfigError> {
    if sandbox.credentials.iter().all(|written| CredentialSource::parse(written).is_some()) {
        return Ok(());
    }
    let reason = "write each as the plugin, where it goes, the header, and the file that has the \
                  header's value: weather https://api.example.com authorization FILE";
    Err(ConfigError::Value { key: "sandbox.credentials", reason: reason.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_four_words_and_the_last_may_have_blanks() {
        let sandbox = |written: &str| SandboxLimits {
            credentials: vec![written.to_owned()],
            ..SandboxLimits::default()
        };
        let good = sandbox(" weather  https://api.example.com authorization /etc/my keys/weather ");
        assert!(check(&good).is_ok());
        let expected = CredentialSource {
            plugin: "weather".into(),
            origin: "https://api.example.com".into(),
            header: "authorization".into(),
            file: "/etc/my keys/weather".into(),
        };
        assert_eq!(good.credential_sources(), [expected]);
        for written in ["", "weather", "weather https://a.example authorization", "a b c "] {
            let error = check(&sandbox(written)).unwrap_err().to_string();
            assert!(error.contains("weather https://api.example.com"), "{written}: {error}");
        }
    }
}
