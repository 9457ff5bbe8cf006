//! One precedence: defaults < file < environment < flags, each value with its source.

use std::path::PathBuf;

use toml::{Table, Value};

use super::check::check;
use super::effective::Values;
use super::value::{coerce, parse};
use super::{Config, ConfigError, Effective, Source};
use crate::suggest::nearest;

/// Prefix of environment variables; `HYFUNC_SERVER__ADDRESS` is `server.address`.
const PREFIX: &str = "HYFUNC_";
/// The variable that names the file.
const FILE_VARIABLE: &str = "HYFUNC_CONFIG";
/// Variables with the prefix that are not settings: they belong to commands, to the build and to tests.
const RESERVED: &[&str] = &[
    FILE_VARIABLE,
    "HYFUNC_DATA",
    "HYFUNC_CACHE",
    "HYFUNC_BIN",
    "HYFUNC_URL",
    "HYFUNC_BUILD",
    "HYFUNC_TEST",
    "HYFUNC_BLESS",
    "HYFUNC_UPDATE_CASES",
    "HYFUNC_PYTHON",
    "HYFUNC_PARITY_TEMPLATES",
    "HYFUNC_BFCL_SCORER",
    "HYFUNC_BFCL_PREDICTIONS",
    "HYFUNC_KEY_PASSWORD",
    "HYFUNC_REGISTRY_CA",
    "HYFUNC_REGISTRY_PASSWORD",
    "HYFUNC_REGISTRY_USER",
    "HYFUNC_VERIFY_KEY",
];

/// Where the layers come from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// `--config`, before `HYFUNC_CONFIG`.
    pub file: Option<PathBuf>,
    /// Environment variables, all of them.
    pub environment: Vec<(String, String)>,
    /// `section.key` and the value as text, later ones over earlier ones.
    pub flags: Vec<(String, String)>,
}

impl Inputs {
    /// The process's environment under the given file and flags.
    pub fn from_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
            })
            .collect();
        Self { file, environment, flags }
    }
}

/// Reads all layers and checks the result.
pub fn load(inputs: &Inputs) -> Result<Effective, ConfigError> {
    let mut values = defaults();
    let variable = inputs.environment.iter().find(|(name, _)| name == FILE_VARIABLE);
    let file = inputs.file.clone().or_else(|| {
        variable.filter(|(_, value)| !value.is_empty()).map(|(_, value)| PathBuf::from(value))
    });
    if let Some(path) = file {
        read_file(&mut values, path)?;
    }
    read_environment(&mut values, &inputs.environment)?;
    for (name, text) in &inputs.flags {
        let parsed = parse(&values, name, text, "a flag", |key| key.to_owned())?;
        values.insert(name.clone(), (parsed, Source::Flag));
    }
    let config = assemble(&values)?;
    check(&config)?;
    Ok(Effective { config, values })
}

fn defaults() -> Values {
    let table = Table::try_from(Config::default()).expect("the defaults are plain TOML");
    flatten(table).into_iter().map(|(key, value)| (key, (value, Source::Default))).collect()
}

/// `section.key` and its value; a key outside a section keeps its bare name.
pub(super) fn flatten(table: Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (section, value) in table {
        match value {
            Value::Table(keys) => {
                flat.extend(
                    keys.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)),
                );
            }
            value => flat.push((section, value)),
        }
    }
    flat
}

fn read_file(values: &mut Values, path: PathBuf) -> Result<(), ConfigError> {
    let text = std::fs::read_to_string(&path)
        .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Toml {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    let from = path.display().to_string();
    for (key, value) in flatten(table) {
        let default = known(values, &key, &key, &from, |key| key.to_owned())?;
        let value = coerce(&key, value, default, &from)?;
        values.insert(key, (value, Source::File(path.clone())));
    }
    Ok(())
}

fn read_environment(
    values: &mut Values,
    environment: &[(String, String)],
) -> Result<(), ConfigError> {
    let spell = |key: &str| format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
    let mut ours: Vec<_> = environment
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .filter(|(name, _)| !RESERVED.iter().any(|reserved| name.starts_with(reserved)))
        .collect();
    ours.sort();
    for (name, text) in ours {
        let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        known(values, &key, name, "the environment", spell)?;
        let value = parse(values, &key, text, "the environment", spell)?;
        values.insert(key, (value, Source::Environment(name.clone())));
    }
    Ok(())
}

/// The present value of a known key, or an error that suggests one in the layer's own spelling.
pub(super) fn known<'a>(
    values: &'a Values,
    key: &str,
    written: &str,
    from: &str,
    spell: impl Fn(&str) -> String,
) -> Result<&'a Value, ConfigError> {
    values.get(key).map(|(value, _)| value).ok_or_else(|| ConfigError::Unknown {
        name: written.to_owned(),
        from: from.to_owned(),
        suggestion: nearest(key, values.keys().map(String::as_str)).map(spell),
    })
}

pub(super) fn assemble(values: &Values) -> Result<Config, ConfigError> {
    let mut table = Table::new();
    for (path, (value, _)) in values {
        let (section, key) = path.split_once('.').unwrap_or(("", path));
        if let Value::Table(keys) =
            table.entry(section).or_insert_with(|| Value::Table(Table::new()))
        {
            keys.insert(key.to_owned(), value.clone());
        }
    }
    table.try_into().map_err(|error: toml::de::Error| ConfigError::Kind {
        key: "configuration".into(),
        from: "all layers".into(),
        wanted: "within its type's range",
        found: error.message().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::config::KEYS;

    fn inputs(file: Option<&str>, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Inputs {
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let file = file.map(|text| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.into_temp_path().keep().unwrap()
        });
        Inputs { file, environment: own(environment), flags: own(flags) }
    }

    #[test]
    fn every_key_is_documented_and_every_document_has_a_key() {
        let values = defaults();
        let documented: Vec<_> = KEYS.iter().map(|key| key.path).collect();
        for key in values.keys() {
            assert!(documented.contains(&key.as_str()), "{key} has no document in KEYS");
        }
        assert_eq!(values.len(), documented.len());
    }

    #[test]
    fn the_defaults_pass_their_own_check() {
        let effective = load(&Inputs::default()).unwrap();
        assert_eq!(effective.config, Config::default());
        assert_eq!(effective.source("server.address"), Some(&Source::Default));
        let candidates_max = effective.config.retrieval.candidates_max;
        assert_eq!(candidates_max, hyfunc_training::calibrate::CANDIDATES, "calibrated for others");
    }

    #[test]
    fn each_layer_wins_over_the_one_before() {
        let file = "[server]\naddress = \"127.0.0.1:1\"\nqueue_max = 1\nconcurrent_max = 1\n";
        let effective = load(&inputs(
            Some(file),
            &[("HYFUNC_SERVER__QUEUE_MAX", "2"), ("HYFUNC_SERVER__CONCURRENT_MAX", "2")],
            &[("server.concurrent_max", "3")],
        ))
        .unwrap();
        assert_eq!(effective.config.server.address, "127.0.0.1:1");
        assert_eq!(effective.config.server.queue_max, 2);
        assert_eq!(effective.config.server.concurrent_max, 3);
        assert!(matches!(effective.source("server.address"), Some(Source::File(_))));
        assert_eq!(
            effective.source("server.queue_max"),
            Some(&Source::Environment("HYFUNC_SERVER__QUEUE_MAX".into()))
        );
        assert_eq!(effective.source("server.concurrent_max"), Some(&Source::Flag));
        let printed = effective.to_toml();
        for line in [
            "queue_max = 2  # HYFUNC_SERVER__QUEUE_MAX\n",
            "concurrent_max = 3  # flag\n",
            "candidates_max = 8  # default\n",
        ] {
            assert!(printed.contains(line), "{line} in {printed}");
        }
    }

    #[test]
    fn the_file_of_the_flag_wins_over_the_variable() {
        let mut with_flag = inputs(Some("[server]\nqueue_max = 7\n"), &[], &[]);
        with_flag.environment.push((FILE_VARIABLE.into(), "/does/not/exist.toml".into()));
        assert_eq!(load(&with_flag).unwrap().config.server.queue_max, 7);
        with_flag.file = None;
        let error = load(&with_flag).unwrap_err().to_string();
        assert!(error.contains("/does/not/exist.toml"), "{error}");
    }

    #[test]
    fn what_is_printed_reads_back_to_the_same() {
        let first = load(&inputs(None, &[], &[("plugins.files", "a.wasm, b.wasm")])).unwrap();
        let second = load(&inputs(Some(&first.to_toml()), &[], &[])).unwrap();
        assert_eq!(first.config, second.config);
        assert_eq!(first.config.plugins.files, ["a.wasm", "b.wasm"]);
    }

    /// A layer, a name, a value, and words that the error must hold.
    #[test]
    fn bad_settings_are_refused_with_a_way_out() {
        for (file, environment, flags, wanted) in [
            ("[server]\nadress = \"x\"", None, None, "did you mean `server.address`"),
            ("[servr]\naddress = \"x\"", None, None, "did you mean `server.address`"),
            ("queue = 1", None, None, "unknown setting `queue`"),
            ("[server\n", None, None, "is not TOML"),
            ("[server]\nqueue_max = \"many\"", None, None, "must be a whole number"),
            ("[server]\nqueue_max = -1", None, None, "zero or more"),
            (
                "",
                Some(("HYFUNC_SERVER_ADDRESS", "x")),
                None,
                "did you mean `HYFUNC_SERVER__ADDRESS`",
            ),
            ("", Some(("HYFUNC_SERVER__QUEUE_MAX", "x")), None, "must be a whole number"),
            ("", None, Some(("server.adress", "x")), "did you mean `server.address`"),
            ("", None, Some(("server.address", "localhost")), "write it as 127.0.0.1:8080"),
            ("", None, Some(("server.address", "0.0.0.0:80")), "server.allow_public = true"),
            ("", None, Some(("server.concurrent_max", "0")), "at least 1"),
            ("", None, Some(("request.json_depth_max", "127")), "at most 126"),
            ("", None, Some(("retrieval.threshold", "1.5")), "between 0 and 1"),
            ("", None, Some(("telemetry.otlp_endpoint", "localhost:4318")), "http://"),
            ("", None, Some(("recent.requests_max", "4097")), "at most 4096"),
            ("", None, Some(("recent.content", "true")), "auto, always or never"),
            ("", None, Some(("server.address", "0.0.0.0:80")), "hyfunc key create"),
            ("", None, Some(("server.tls_key", "key.pem")), "server.tls_certificate"),
            ("", None, Some(("server.tls_certificate", "a.pem")), "server.tls_key"),
            ("", None, Some(("server.cors_origins", "*")), "every web page"),
            ("", None, Some(("keys.calls_per_minute", "weather_*")), "weather_*=60"),
        ] {
            let environment: Vec<_> = environment.into_iter().collect();
            let flags: Vec<_> = flags.into_iter().collect();
            let error = load(&inputs(Some(file), &environment, &flags)).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error} should hold: {wanted}");
        }
    }

    #[test]
    fn beyond_loopback_is_for_those_who_ask_by_name() {
        let flags = [("server.address", "0.0.0.0:80"), ("server.allow_public", "true")];
        assert!(load(&inputs(None, &[], &flags)).unwrap().config.server.allow_public);
        assert!(load(&inputs(None, &[], &flags[..1])).is_err(), "the default must refuse");
        let flags = [flags[0], ("keys.file", "keys.toml")];
        assert!(!load(&inputs(None, &[], &flags)).unwrap().config.is_local_only());
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let environment = [("PATH", "/bin"), ("HYFUNC_DATA", "/data"), ("HYFUNCTION", "x")];
        assert!(load(&inputs(None, &environment, &[])).is_ok());
    }
}
