//! Whether names are clear by themselves, and told apart from the library's.

use hyfunc_functions::Function;
use hyfunc_functions::names::{Wanted, resolve};

use super::finding::{Finding, Findings, Severity};

/// Longest name that is still read with ease; 64 are allowed.
const NAME_CHARS_MAX: usize = 40;

/// Words that name no deed and no thing.
const EMPTY_WORDS: &str = "api call command data default do exec execute fn func function get \
                           handle handler info interface item main method misc my object op perform \
                           plugin process run set stuff test thing tool util utils value";

/// Findings about the plugin's own names.
pub(super) fn check(functions: &[Function]) -> Vec<Finding> {
    let mut findings = Findings::of("names");
    for function in functions {
        let name = &function.name;
        let chars = name.chars().count();
        if chars > NAME_CHARS_MAX {
            findings.add(
                Severity::Warning,
                name,
                format!("its name has {chars} characters"),
                format!(
                    "shorten the interface's or the function's name to {NAME_CHARS_MAX} in all"
                ),
            );
        }
        if name.split('_').all(is_empty_word) {
            findings.add(
                Severity::Warning,
                name,
                "its name says nothing of what it does",
                "name the interface after a thing and the function after a deed",
            );
        }
        for field in &function.parameters.fields {
            if field.name.chars().count() == 1 && function.parameters.fields.len() > 1 {
                findings.add(
                    Severity::Warning,
                    name,
                    format!("its parameter `{}` has no name to go by", field.name),
                    "name it after what is to be written there",
                );
            }
        }
    }
    findings.done()
}

fn is_empty_word(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
        || EMPTY_WORDS.split_whitespace().any(|other| other == word)
}

/// Findings about names that others have, too. `library` holds plugin and function of every other.
pub(super) fn check_among(
    plugin: &str,
    functions: &[Function],
    library: &[(String, String)],
) -> Vec<Finding> {
    let mut findings = Findings::of("names");
    let own = functions.iter().map(|function| (plugin, function.name.as_str()));
    let others = library.iter().map(|(plugin, name)| (plugin.as_str(), name.as_str()));
    let wanted: Vec<Wanted<'_>> =
        others.chain(own).map(|(plugin, name)| Wanted { plugin, name }).collect();
    let resolved = match resolve(&wanted) {
        Ok(names) => names,
        Err(error) => {
            findings.add(
                Severity::Error,
                "plugin",
                format!("beside the library it could not be loaded: {error}"),
                "rename the function in the WIT, or give the plugin's file another name",
            );
            return findings.done();
        }
    };
    for (function, name) in functions.iter().zip(&resolved[library.len()..]) {
        if *name != function.name {
            findings.add(
                Severity::Warning,
                &function.name,
                format!("another plugin has a function of this name; yours becomes `{name}`"),
                "give the interface a name of its own",
            );
            continue;
        }
        let alike = library.iter().find(|(_, other)| normal(other) == normal(name));
        if let Some((of, other)) = alike {
            findings.add(
                Severity::Warning,
                &function.name,
                format!("its name differs from `{other}` of the plugin `{of}` in marks alone"),
                "give the interface or the function a name of its own",
            );
        }
    }
    findings.done()
}

/// Without case and marks.
fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use hyfunc_functions::Type;

    use super::*;
    use crate::commands::plugin::check::tests::{assert_one, field, function};

    fn named(name: &str) -> Vec<Function> {
        vec![Function { name: name.to_owned(), ..function() }]
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert_eq!(check(&named("greetings_greet")), []);
        assert_eq!(check(&named("get_weather")), []);
        for (name, message) in [
            ("api_get", "says nothing"),
            ("run", "says nothing"),
            ("util_process_2", "says nothing"),
            ("the_interface_of_greetings_greet_somebody", "41 characters"),
        ] {
            assert_one(&check(&named(name)), Severity::Warning, message);
        }
        let mut two = named("points_distance");
        two[0].parameters.fields =
            vec![field("x", Type::Char, "x"), field("other", Type::Char, "y")];
        assert_one(&check(&two), Severity::Warning, "`x`");
        two[0].parameters.fields.pop();
        assert_eq!(check(&two), [], "one parameter alone is clear enough");
    }

    #[test]
    fn names_that_others_have_are_found() {
        let library =
            [("text".to_owned(), "text_change_case".to_owned()), ("geo".into(), "find".into())];
        let among = |name: &str| check_among("mine", &named(name), &library);
        assert_eq!(among("greetings_greet"), []);
        assert_one(
            &among("text_change_case"),
            Severity::Warning,
            "becomes `mine_text_change_case`",
        );
        assert_one(&among("text_changeCase"), Severity::Warning, "`text_change_case`");
        let taken = [("geo".to_owned(), "find".to_owned()), ("x".into(), "mine_find".into())];
        let error = check_among("mine", &named("find"), &taken);
        assert_one(&error, Severity::Error, "could not be loaded");
    }
}
