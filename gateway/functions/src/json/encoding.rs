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

fn numbers_equal(a: &Number, b: &Number) -> bool {
    match (super::integer::exact(a), super::integer::exact(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}
