//! Whether a value is of a type.

use crate::types::{IntType, RecordType, Type};
use crate::value::Value;

/// Whether a value is of the type: shapes, ranges, lengths and indices, not patterns.
/// Floats may be anything, as in results.
pub fn admits(ty: &Type, value: &Value) -> bool {
    match (ty, value) {
        (Type::Null, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Char, Value::Char(_))
        | (Type::Bytes, Value::Bytes(_)) => true,
        (Type::Int(IntType { min, max }), Value::Int(int)) => (min..=max).contains(&int),
        (Type::Float(float), Value::Float(double)) => {
            float.min.is_none_or(|min| *double >= min) && float.max.is_none_or(|max| *double <= max)
        }
        (Type::String(string), Value::String(text)) => {
            let chars = text.chars().count() as u64;
            chars >= u64::from(string.chars_min)
                && string.chars_max.is_none_or(|max| chars <= u64::from(max))
        }
        (Type::Enum(cases), Value::Enum(index)) => *index < cases.len(),
        (Type::Literals(literals), Value::Literal(index)) => *index < literals.len(),
        (Type::List(list), Value::List(values)) => {
            values.len() as u64 >= u64::from(list.len_min)
                && list.len_max.is_none_or(|max| values.len() as u64 <= u64::from(max))
                && values.iter().all(|value| admits(&list.element, value))
        }
        (Type::Tuple(types), Value::Tuple(values)) => {
            types.len() == values.len()
                && types.iter().zip(values).all(|(ty, value)| admits(ty, value))
        }
        (Type::Record(record), Value::Record(values)) => admits_fields(record, values),
        (Type::Option(inner), Value::Option(value)) => {
            value.as_deref().is_none_or(|value| admits(inner, value))
        }
        (Type::Variant(cases), Value::Variant(index, payload)) => cases
            .get(*index)
            .is_some_and(|case| admits_payload(case.payload.as_ref(), payload.as_deref())),
        (Type::Flags(cases), Value::Flags(set)) => {
            set.windows(2).all(|pair| pair[0] < pair[1])
                && set.last().is_none_or(|last| *last < cases.len())
        }
        (Type::Result { ok, err }, Value::Result(result)) => match result {
            Ok(payload) => admits_payload(ok.as_deref(), payload.as_deref()),
            Err(payload) => admits_payload(err.as_deref(), payload.as_deref()),
        },
        (Type::Map(inner), Value::Map(entries)) => {
            entries.iter().all(|(_, value)| admits(inner, value))
        }
        (Type::OneOf(types), Value::Variant(index, Some(value))) => {
            types.get(*index).is_some_and(|ty| admits(ty, value))
        }
        (Type::Any, value) => is_free(value),
        _ => false,
    }
}

fn admits_fields(record: &RecordType, values: &[Option<Value>]) -> bool {
    record.fields.len() == values.len()
        && record.fields.iter().zip(values).all(|(field, value)| match value {
            Some(value) => admits(&field.ty, value),
            None => !field.required && !matches!(field.ty, Type::Option(_)),
        })
}

fn admits_payload(ty: Option<&Type>, value: Option<&Value>) -> bool {
    match (ty, value) {
        (Some(ty), Some(value)) => admits(ty, value),
        (None, None) => true,
        _ => false,
    }
}

fn is_free(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => true,
        Value::List(values) => values.iter().all(is_free),
        Value::Map(entries) => entries.iter().all(|(_, value)| is_free(value)),
        _ => false,
    }
}
