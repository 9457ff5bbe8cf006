//! Several schemas or types made one.

use serde_json::{Map, Value as Json};

use crate::json::{admits_null, json_equal};
use crate::types::{Case, Type, VariantCase};

/// Keywords where both sides hold and the larger number is the tighter.
const LOWER_BOUNDS: [&str; 5] =
    ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
/// Keywords where both sides hold and the smaller number is the tighter.
const UPPER_BOUNDS: [&str; 5] =
    ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

/// Both schemas at once: properties and required keys of either, the tighter bounds, and for
/// anything else what `over` says.
pub(super) fn merge(base: &Map<String, Json>, over: &Map<String, Json>) -> Map<String, Json> {
    let mut merged = base.clone();
    for (key, value) in over {
        let combined = match (merged.get(key), value) {
            (Some(Json::Object(old)), Json::Object(new)) if key == "properties" => {
                let mut all = old.clone();
                all.extend(new.clone());
                Json::Object(all)
            }
            (Some(Json::Array(old)), Json::Array(new)) if key == "required" => {
                let more = new.iter().filter(|name| !old.contains(name));
                Json::Array(old.iter().chain(more).cloned().collect())
            }
            (Some(Json::Array(old)), Json::Array(new)) if key == "enum" => {
                let both = |value: &&Json| new.iter().any(|other| json_equal(value, other));
                Json::Array(old.iter().filter(both).cloned().collect())
            }
            (Some(old), new) => tighter(key, old, new),
            (None, new) => new.clone(),
        };
        merged.insert(key.clone(), combined);
    }
    merged
}

fn tighter(key: &str, old: &Json, new: &Json) -> Json {
    let (Some(a), Some(b)) = (old.as_f64(), new.as_f64()) else { return new.clone() };
    let keeps_old =
        (LOWER_BOUNDS.contains(&key) && a > b) || (UPPER_BOUNDS.contains(&key) && a < b);
    if keeps_old { old.clone() } else { new.clone() }
}

/// The type, and null.
pub(super) fn nullable(ty: Type) -> Type {
    if admits_null(&ty) { ty } else { Type::Option(Box::new(ty)) }
}

/// An optional as a type that has to be written: null is one of its values.
pub(super) fn written(ty: Type) -> Type {
    match ty {
        Type::Option(inner) => match *inner {
            Type::OneOf(mut types) => {
                types.push(Type::Null);
                Type::OneOf(types)
            }
            inner => Type::OneOf(vec![inner, Type::Null]),
        },
        ty => ty,
    }
}

/// One type for several alternatives; `None` where there are none. Each comes with its doc.
pub(super) fn one_of(alternatives: Vec<(Type, String)>) -> Option<Type> {
    let mut types: Vec<(Type, String)> = Vec::new();
    let mut has_null = false;
    for (ty, doc) in alternatives {
        let parts = match ty {
            Type::OneOf(parts) => parts,
            Type::Null => {
                has_null = true;
                Vec::new()
            }
            ty => vec![ty],
        };
        for part in parts {
            if !types.iter().any(|(known, _)| *known == part) {
                types.push((part, doc.clone()));
            }
        }
    }
    let ty = match types.len() {
        0 => return has_null.then_some(Type::Null),
        1 => types.remove(0).0,
        _ => several(types),
    };
    Some(if has_null { nullable(ty) } else { ty })
}

fn several(types: Vec<(Type, String)>) -> Type {
    if let Some(cases) = as_enum(&types) {
        return Type::Enum(cases);
    }
    if let Some(cases) = as_variant(&types) {
        return Type::Variant(cases);
    }
    Type::OneOf(types.into_iter().map(|(ty, _)| ty).collect())
}

/// Enums alone are one enum.
fn as_enum(types: &[(Type, String)]) -> Option<Vec<Case>> {
    let mut all: Vec<Case> = Vec::new();
    for (ty, _) in types {
        let Type::Enum(cases) = ty else { return None };
        for case in cases {
            if !all.iter().any(|known| known.name == case.name) {
                all.push(case.clone());
            }
        }
    }
    Some(all)
}

/// Objects with one required key each, all different, are a variant.
fn as_variant(types: &[(Type, String)]) -> Option<Vec<VariantCase>> {
    let mut cases: Vec<VariantCase> = Vec::new();
    for (ty, doc) in types {
        let Type::Record(record) = ty else { return None };
        let [field] = record.fields.as_slice() else { return None };
        if !field.required || cases.iter().any(|case| case.name == field.name) {
            return None;
        }
        let doc = if doc.is_empty() { field.doc.clone() } else { doc.clone() };
        let payload = (field.ty != Type::Null).then(|| field.ty.clone());
        cases.push(VariantCase { name: field.name.clone(), doc, payload });
    }
    Some(cases)
}
