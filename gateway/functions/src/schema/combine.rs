//! Several schemas or types made one.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use crate::json::{admits_null, canonical};
use crate::types::{Case, Type, VariantCase};

/// Keywords where both sides hold and the larger number is the tighter.
const LOWER_BOUNDS: [&str; 5] =
    ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
/// Keywords where both sides hold and the smaller number is the tighter.
const UPPER_BOUNDS: [&str; 5] =
    ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

/// Both schemas at once: properties and required keys of either, the tighter bounds, and for
/// anything else what `over` says.
pub(super) fn merge(mut base: Map<String, Json>, over: &Map<String, Json>) -> Map<String, Json> {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Json::Object(old)), Json::Object(new)) if key == "properties" => {
                old.extend(new.clone());
            }
            (Some(Json::Array(old)), Json::Array(new)) if key == "required" => {
                let known: HashSet<String> = old.iter().map(canonical).collect();
                old.extend(new.iter().filter(|name| !known.contains(&canonical(name))).cloned());
            }
            (Some(Json::Array(old)), Json::Array(new)) if key == "enum" => {
                let both: HashSet<String> = new.iter().map(canonical).collect();
                old.retain(|value| both.contains(&canonical(value)));
            }
            (Some(old), new) => *old = tighter(key, old, new),
            (None, new) => {
                base.insert(key.clone(), new.clone());
            }
        }
    }
    base
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
    // Types have no hash; how they are spelled has.
    let mut known: HashSet<String> = HashSet::new();
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
            if known.insert(format!("{part:?}")) {
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
    let mut known: HashSet<&str> = HashSet::new();
    for (ty, _) in types {
        let Type::Enum(cases) = ty else { return None };
        for case in cases {
            if known.insert(&case.name) {
                all.push(case.clone());
            }
        }
    }
    Some(all)
}

/// Objects with one required key each, all different, are a variant.
fn as_variant(types: &[(Type, String)]) -> Option<Vec<VariantCase>> {
    let mut cases: Vec<VariantCase> = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    for (ty, doc) in types {
        let Type::Record(record) = ty else { return None };
        let [field] = record.fields.as_slice() else { return None };
        if !field.required || !known.insert(&field.name) {
            return None;
        }
        let doc = if doc.is_empty() { field.doc.clone() } else { doc.clone() };
        let payload = (field.ty != Type::Null).then(|| field.ty.clone());
        cases.push(VariantCase { name: field.name.clone(), doc, payload });
    }
    Some(cases)
}
