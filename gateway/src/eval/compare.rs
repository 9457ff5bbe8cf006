//! Whether calls are the right ones.

use hyfunc_training::eval::same_arguments;
use hyfunc_training::report::{self, NamedCall};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A call, as a right answer names it and as the cascade decides it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The function's name in the library.
    pub name: String,
    /// An object; what is left out is absent.
    #[serde(default = "no_arguments")]
    pub arguments: Json,
}

fn no_arguments() -> Json {
    Json::Object(Map::new())
}

/// Whether both call the same functions, each as often, in any order.
pub fn same_functions(gold: &[Call], found: &[Call]) -> bool {
    report::same_functions(&named(gold), &named(found))
}

/// The same calls, as reports have them.
pub(super) fn named(calls: &[Call]) -> Vec<NamedCall<'_>> {
    calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect()
}

/// Calls on one line: `f {"n":1}; g {}`.
pub(crate) fn written(calls: &[Call]) -> String {
    report::written(&named(calls))
}

/// Whether both are the same calls, in any order. Arguments are compared by meaning: numbers by
/// value, strings without case and without marks at the ends of words, null as absent.
pub fn same_calls(gold: &[Call], found: &[Call]) -> bool {
    if gold.len() != found.len() {
        return false;
    }
    let mut open: Vec<&Call> = found.iter().collect();
    gold.iter().all(|gold| {
        let at = open.iter().position(|found| {
            found.name == gold.name && same_arguments(&gold.arguments, &found.arguments)
        });
        at.map(|at| open.swap_remove(at)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls(json: Json) -> Vec<Call> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn calls_are_compared_by_meaning_and_in_any_order() {
        let f = |arguments: Json| json!({"name": "f", "arguments": arguments});
        for (gold, found, functions, whole) in [
            (json!([]), json!([]), true, true),
            (json!([]), json!([{"name": "f"}]), false, false),
            (json!([{"name": "f"}]), json!([]), false, false),
            (json!([{"name": "f"}]), json!([{"name": "g"}]), false, false),
            (
                json!([{"name": "f"}, {"name": "g"}]),
                json!([{"name": "g"}, {"name": "f"}]),
                true,
                true,
            ),
            (
                json!([{"name": "f"}, {"name": "f"}]),
                json!([{"name": "f"}, {"name": "g"}]),
                false,
                false,
            ),
            (json!([f(json!({"n": 1}))]), json!([f(json!({"n": 1.0}))]), true, true),
            (json!([f(json!({"n": 1}))]), json!([f(json!({"n": 2}))]), true, false),
            (
                json!([f(json!({"a": "Ann"}))]),
                json!([f(json!({"a": "ann.", "b": null}))]),
                true,
                true,
            ),
            (json!([f(json!({"a": "x"}))]), json!([f(json!({"a": "x", "b": 1}))]), true, false),
            (
                json!([f(json!({"n": 1})), f(json!({"n": 2}))]),
                json!([f(json!({"n": 2})), f(json!({"n": 1}))]),
                true,
                true,
            ),
            (
                json!([f(json!({"n": 1})), f(json!({"n": 1}))]),
                json!([f(json!({"n": 1})), f(json!({"n": 2}))]),
                true,
                false,
            ),
        ] {
            let (gold, found) = (calls(gold), calls(found));
            assert_eq!(same_functions(&gold, &found), functions, "{gold:?} {found:?}");
            assert_eq!(same_calls(&gold, &found), whole, "{gold:?} {found:?}");
        }
    }
}
