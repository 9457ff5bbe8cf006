//! Which functions a key sees and may call.

use super::error::KeysError;
use super::glob::matches;

/// What begins a pattern of plugins.
const PLUGIN: &str = "plugin:";

/// Patterns of names of functions (`units_*`) and of plugins (`plugin:geo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    functions: Vec<String>,
    plugins: Vec<String>,
}

impl Scope {
    /// The scope of a list of patterns; an empty one covers nothing.
    ///
    /// # Errors
    /// A pattern that could never cover a name.
    pub fn parse(patterns: &[String]) -> Result<Self, KeysError> {
        let mut scope = Self { functions: Vec::new(), plugins: Vec::new() };
        for pattern in patterns {
            let (list, glob) = match pattern.strip_prefix(PLUGIN) {
                Some(glob) => (&mut scope.plugins, glob),
                None => (&mut scope.functions, pattern.as_str()),
            };
            let plain = |c: char| c.is_alphanumeric() || "_-.*?".contains(c);
            if glob.is_empty() || !glob.chars().all(plain) {
                return Err(KeysError::Scope { pattern: pattern.clone() });
            }
            list.push(glob.to_owned());
        }
        Ok(scope)
    }

    /// Whether it covers every function there is or will be.
    pub fn is_everything(&self) -> bool {
        let all = |patterns: &[String]| patterns.iter().any(|pattern| pattern == "*");
        all(&self.functions) || all(&self.plugins)
    }

    /// Whether it covers a function of a plugin.
    pub fn allows(&self, function: &str, plugin: &str) -> bool {
        self.names(function) || self.plugins.iter().any(|pattern| matches(pattern, plugin))
    }

    /// Whether it covers the name, whichever plugin has it or would have it.
    pub fn names(&self, function: &str) -> bool {
        self.is_everything() || self.functions.iter().any(|pattern| matches(pattern, function))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(patterns: &str) -> Result<Scope, KeysError> {
        let patterns: Vec<_> = patterns.split_whitespace().map(str::to_owned).collect();
        Scope::parse(&patterns)
    }

    #[test]
    fn functions_are_covered_by_their_names_or_by_their_plugins() {
        for (patterns, function, plugin, allows) in [
            ("", "units_convert", "units", false),
            ("*", "units_convert", "units", true),
            ("plugin:*", "units_convert", "units", true),
            ("units_convert", "units_convert", "units", true),
            ("units", "units_convert", "units", false),
            ("plugin:units", "units_convert", "units", true),
            ("plugin:unit", "units_convert", "units", false),
            ("tasks_* plugin:geo", "tasks_add", "tasks", true),
            ("tasks_* plugin:geo", "geo_distance", "geo", true),
            ("tasks_* plugin:geo", "units_convert", "units", false),
        ] {
            assert_eq!(scope(patterns).unwrap().allows(function, plugin), allows, "{patterns}");
        }
    }

    #[test]
    fn patterns_that_cover_nothing_are_refused() {
        for pattern in ["plugin:", "a/b", "a,b", "a:b", "{a}"] {
            let error = scope(pattern).unwrap_err().to_string();
            assert!(error.contains(pattern) && error.contains("plugin:NAME"), "{error}");
        }
    }
}
