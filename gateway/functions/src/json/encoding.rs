//! Rules that keep the encoding of options and results unambiguous.

use serde_json::{Number, Value as Json};

use crate::types::Type;

/// Whether JSON `null` is a value of the type.
pub fn admits_null(ty: &Type) -> bool {
    match ty {
        Type::Null | Type::Any | Type::Option(_) => true,
        Type::Literals(literals) => literals.contains(&Json::Null),
        Type::OneOf(types) => types.iter().any(admits_null),
        Type::Result { ok, .. } => match ok {
            Some(ok) => !wraps_ok(Some(ok)) && admits_null(ok),
            None => true,
        },
        _ => false,
    }
}

/// Whether `Option` of this type writes its value as `{"some": value}`.
pub(crate) fn wraps_some(inner: &Type) -> bool {
    admits_null(inner)
}

/// Whether `Result` with this payload of `ok` writes it as `{"ok": value}`.
pub(crate) fn wraps_ok(ok: Option<&Type>) -> bool {
    ok.is_some_and(admits_error_object)
}

/// Whether an object with the key `error` can be a value of the type.
fn admits_error_object(ty: &Type) -> bool {
    match ty {
        Type::Record(record) => record.field("error").is_some(),
        Type::Variant(cases) => cases.iter().any(|case| case.name == "error"),
        Type::Literals(literals) => literals.iter().any(|literal| literal.get("error").is_some()),
        Type::Option(inner) => !wraps_some(inner) && admits_error_object(inner),
        Type::OneOf(types) => types.iter().any(admits_error_object),
        Type::Map(_) | Type::Any | Type::Result { .. } => true,
        _ => false,
    }
}

/// Equality as JSON Schema has it: numbers by value, objects without order.
pub fn json_equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => numbers_equal(a, b),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| json_equal(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| json_equal(a, b)))
        }
        _ => a == b,
    }
}

/// A text that two values share exactly where they are [`json_equal`]: for sets of them.
pub(crate) fn canonical(json: &Json) -> String {
    match json {
        Json::Number(number) => match super::integer::exact(number) {
            Some(integer) => integer.to_string(),
            None => format!("{:?}", number.as_f64()),
        },
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Json::Object(object) => {
            let mut entries: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{}:{}", Json::from(key.as_str()), canonical(value)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        Json::Null | Json::Bool(_) | Json::String(_) => json.to_string(),
    }
}

fn numbers_equal(a: &Number, b: &Number) -> bool {
    match (super::integer::exact(a), super::integer::exact(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_and_only_they_share_a_text() {
        let values = [
            json!(null),
            json!(true),
            json!(1),
            json!(1.0),
            json!(0),
            json!(-0.0),
            json!(0.5),
            json!(1e40),
            json!(u64::MAX),
            json!("1"),
            json!("null"),
            json!("a\",\"b"),
            json!([]),
            json!([1, 2]),
            json!([2, 1]),
            json!(["a", "b"]),
            json!({}),
            json!({"a": 1, "b": 2}),
            json!({"b": 2.0, "a": 1}),
            json!({"a": {"b": 2}}),
        ];
        for a in &values {
            for b in &values {
                assert_eq!(canonical(a) == canonical(b), json_equal(a, b), "{a} and {b}");
            }
        }
    }
}
