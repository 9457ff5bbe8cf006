//! Value to JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::{admits, float, integer, wraps_ok, wraps_some};
use crate::types::{Case, FloatType, RecordType, Type, VariantCase};
use crate::value::Value;

pub(super) fn typed(ty: &Type, value: &Value) -> Json {
    match (ty, value) {
        (Type::Int(_), Value::Int(int)) => integer::write(*int),
        (Type::Float(ty), Value::Float(double)) => float::write(ty, *double),
        (Type::Enum(cases), Value::Enum(index)) => case_name(cases, *index),
        (Type::Literals(literals), Value::Literal(index)) => {
            literals.get(*index).cloned().unwrap_or(Json::Null)
        }
        (Type::List(list), Value::List(values)) => {
            values.iter().map(|value| typed(&list.element, value)).collect()
        }
        (Type::Tuple(types), Value::Tuple(values)) => {
            types.iter().zip(values).map(|(ty, value)| typed(ty, value)).collect()
        }
        (Type::Record(fields), Value::Record(_)) => record(fields, value),
        (Type::Option(_), Value::Option(None)) => Json::Null,
        (Type::Option(inner), Value::Option(Some(value))) if wraps_some(inner) => {
            json!({ "some": typed(inner, value) })
        }
        (Type::Option(inner), Value::Option(Some(value))) => typed(inner, value),
        (Type::Variant(cases), Value::Variant(index, payload)) => {
            variant(cases, *index, payload.as_deref())
        }
        (Type::Flags(cases), Value::Flags(set)) => {
            set.iter().map(|index| case_name(cases, *index)).collect()
        }
        (Type::Result { ok, err }, Value::Result(value)) => {
            result(ok.as_deref(), err.as_deref(), value)
        }
        (Type::Map(inner), Value::Map(entries)) => entries
            .iter()
            .map(|(key, value)| (key.clone(), typed(inner, value)))
            .collect::<Map<_, _>>()
            .into(),
        (Type::OneOf(types), value) => one_of(types, value),
        (_, value) => free(value),
    }
}

pub(super) fn record(record: &RecordType, value: &Value) -> Json {
    let Value::Record(values) = value else { return free(value) };
    let mut object = Map::new();
    for (field, value) in record.fields.iter().zip(values) {
        match value {
            // Absent and null mean the same; absent is shorter.
            None | Some(Value::Option(None)) => {}
            Some(value) => {
                object.insert(field.name.clone(), typed(&field.ty, value));
            }
        }
    }
    Json::Object(object)
}

fn case_name(cases: &[Case], index: usize) -> Json {
    cases.get(index).map_or(Json::Null, |case| Json::from(case.name.as_str()))
}

fn payload(ty: Option<&Type>, value: Option<&Value>) -> Json {
    match (ty, value) {
        (Some(ty), Some(value)) => typed(ty, value),
        (None, Some(value)) => free(value),
        (_, None) => Json::Null,
    }
}

fn variant(cases: &[VariantCase], index: usize, value: Option<&Value>) -> Json {
    let Some(case) = cases.get(index) else { return Json::Null };
    let mut object = Map::new();
    object.insert(case.name.clone(), payload(case.payload.as_ref(), value));
    Json::Object(object)
}

fn result(
    ok: Option<&Type>,
    err: Option<&Type>,
    value: &Result<Option<Box<Value>>, Option<Box<Value>>>,
) -> Json {
    match value {
        Ok(value) if wraps_ok(ok) => json!({ "ok": payload(ok, value.as_deref()) }),
        Ok(value) => payload(ok, value.as_deref()),
        Err(value) => json!({ "error": payload(err, value.as_deref()) }),
    }
}

fn one_of(types: &[Type], value: &Value) -> Json {
    if let Value::Variant(index, Some(inner)) = value
        && let Some(ty) = types.get(*index)
        && admits(ty, inner)
    {
        return typed(ty, inner);
    }
    match types.iter().find(|ty| admits(ty, value)) {
        Some(ty) => typed(ty, value),
        None => free(value),
    }
}

/// Without a type: free JSON is written as itself, anything else as near to it as can be.
fn free(value: &Value) -> Json {
    match value {
        Value::Null | Value::Option(None) => Json::Null,
        Value::Bool(bool) => Json::from(*bool),
        Value::Int(int) => integer::write_free(*int),
        Value::Float(double) => float::write(&FloatType::default(), *double),
        Value::Char(char) => Json::from(char.to_string()),
        Value::String(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => Json::from(STANDARD.encode(bytes)),
        Value::Enum(index) | Value::Literal(index) => Json::from(*index),
        Value::List(values) | Value::Tuple(values) => values.iter().map(free).collect(),
        Value::Record(values) => {
            values.iter().map(|value| value.as_ref().map_or(Json::Null, free)).collect()
        }
        Value::Option(Some(value)) => free(value),
        Value::Variant(_, value) => payload(None, value.as_deref()),
        Value::Flags(set) => set.iter().copied().collect(),
        Value::Result(value) => result(None, None, value),
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), free(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
