//! Which step went wrong, from the calls that were wanted and those that came.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{FailureKind, NamedCall};
use crate::eval::same_arguments;

/// Where the calls that came first part from those wanted; `None` where they are the same, in any
/// order. Arguments are compared by meaning, as [`same_arguments`] does.
pub fn classify(
    wanted: &[NamedCall<'_>],
    found: &[NamedCall<'_>],
    is_candidate: impl Fn(&str) -> bool,
) -> Option<FailureKind> {
    let mut left = found.to_vec();
    let mut missed = Vec::new();
    for call in wanted {
        match left.iter().position(|came| came.0 == call.0 && same_arguments(call.1, came.1)) {
            Some(at) => {
                left.remove(at);
            }
            None => missed.push(*call),
        }
    }
    if missed.is_empty() && left.is_empty() {
        return None;
    }
    if wanted.iter().any(|(name, _)| !is_candidate(name)) {
        return Some(FailureKind::Retrieval);
    }
    if wanted.is_empty() != found.is_empty() {
        return Some(FailureKind::Call);
    }
    if wanted.len() != found.len() {
        return Some(FailureKind::Count);
    }
    Some(of_arguments(&missed, left))
}

/// Of as many calls on both sides, none of which is the same.
fn of_arguments(missed: &[NamedCall<'_>], mut left: Vec<NamedCall<'_>>) -> FailureKind {
    let mut kind = FailureKind::Value;
    for (name, wanted) in missed {
        let keys = present(wanted);
        let alike = left.iter().position(|(came, found)| came == name && present(found) == keys);
        let Some(at) = alike.or_else(|| left.iter().position(|(came, _)| came == name)) else {
            return FailureKind::Function;
        };
        left.remove(at);
        if alike.is_none() {
            kind = FailureKind::Presence;
        }
    }
    kind
}

/// Arguments that are there: null is absent.
fn present(arguments: &Json) -> BTreeSet<&str> {
    let object = arguments.as_object().into_iter().flatten();
    object.filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(calls: &Json) -> Vec<NamedCall<'_>> {
        let calls = calls.as_array().unwrap().iter();
        calls.map(|call| (call[0].as_str().unwrap(), &call[1])).collect()
    }

    #[test]
    fn the_first_step_that_differs_is_named() {
        use FailureKind::{Call, Count, Function, Presence, Retrieval, Value};
        for (wanted, found, kind) in [
            (json!([]), json!([]), None),
            (json!([]), json!([["f", {}]]), Some(Call)),
            (json!([["f", {}]]), json!([]), Some(Call)),
            (json!([["hidden", {}]]), json!([]), Some(Retrieval)),
            (json!([["hidden", {}]]), json!([["hidden", {}]]), None),
            (json!([["f", {}], ["f", {"a": 1}]]), json!([["f", {}]]), Some(Count)),
            (json!([["f", {}]]), json!([["f", {}], ["g", {}]]), Some(Count)),
            (json!([["f", {}]]), json!([["g", {}]]), Some(Function)),
            (json!([["f", {}], ["g", {}]]), json!([["g", {}], ["f", {}]]), None),
            (json!([["f", {}], ["g", {}]]), json!([["f", {}], ["f", {}]]), Some(Function)),
            (json!([["f", {"a": 1}]]), json!([["f", {"a": 1, "b": null}]]), None),
            (json!([["f", {"a": 1}]]), json!([["f", {"a": 1, "b": 2}]]), Some(Presence)),
            (json!([["f", {"a": 1}]]), json!([["f", {}]]), Some(Presence)),
            (json!([["f", {"a": 1}]]), json!([["f", {"a": 2}]]), Some(Value)),
            (json!([["f", {"a": "Ann"}]]), json!([["f", {"a": "ann."}]]), None),
            (
                json!([["f", {"a": 1}], ["f", {"b": 1}]]),
                json!([["f", {"b": 2}], ["f", {"a": 2}]]),
                Some(Value),
            ),
            (
                json!([["f", {"a": 1}], ["g", {"b": 1}]]),
                json!([["g", {"b": 2}], ["f", {}]]),
                Some(Presence),
            ),
        ] {
            let found_kind = classify(&named(&wanted), &named(&found), |name| name != "hidden");
            assert_eq!(found_kind, kind, "{wanted} {found}");
        }
    }
}
