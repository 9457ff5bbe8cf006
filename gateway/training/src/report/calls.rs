//! Calls by name, compared and on one line.

use serde_json::Value as Json;

/// A call: the function's name and its arguments.
pub type NamedCall<'a> = (&'a str, &'a Json);

/// Whether both call the same functions, each as often, in any order.
pub fn same_functions(wanted: &[NamedCall<'_>], found: &[NamedCall<'_>]) -> bool {
    names(wanted) == names(found)
}

/// In alphabetical order.
fn names<'a>(calls: &[NamedCall<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = calls.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names
}

/// Calls on one line: `f {"n":1}; g {}`.
pub fn written(calls: &[NamedCall<'_>]) -> String {
    if calls.is_empty() {
        return "no call".into();
    }
    calls.iter().map(|(name, json)| format!("{name} {json}")).collect::<Vec<_>>().join("; ")
}
