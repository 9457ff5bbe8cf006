//! How much there is to decide about a call, counted before anything is decided.

use crate::types::{RecordType, Type};

/// Properties that a function may have by default. The functions of the public data sets have at
/// most some dozens.
pub const PROPERTIES_MAX: usize = 256;

/// Properties of a record: each field, at any depth. What must be decided like one is counted like
/// one: elements of tuples, elements that a list must have, each flag, payloads of cases.
pub fn count(record: &RecordType) -> usize {
    record.fields.iter().map(|field| within(&field.ty).saturating_add(1)).fold(0, sum)
}

/// What a value of the type has inside.
fn within(ty: &Type) -> usize {
    match ty {
        Type::Record(record) => count(record),
        Type::Option(inner) | Type::Map(inner) => within(inner),
        Type::List(list) => {
            let forced = list.len_min as usize;
            within(&list.element).saturating_mul(forced.max(1)).saturating_add(forced)
        }
        Type::Tuple(types) => types.iter().map(|ty| within(ty).saturating_add(1)).fold(0, sum),
        Type::OneOf(types) => types.iter().map(within).fold(0, sum),
        Type::Variant(cases) => {
            cases.iter().filter_map(|case| case.payload.as_ref()).map(within).fold(0, sum)
        }
        Type::Result { ok, err } => {
            [ok, err].into_iter().flatten().map(|ty| within(ty)).fold(0, sum)
        }
        Type::Flags(cases) => cases.len(),
        Type::Null
        | Type::Bool
        | Type::Int(_)
        | Type::Float(_)
        | Type::Char
        | Type::String(_)
        | Type::Bytes
        | Type::Enum(_)
        | Type::Literals(_)
        | Type::Any => 0,
    }
}

fn sum(one: usize, other: usize) -> usize {
    one.saturating_add(other)
}

#[cfg(test)]
mod tests {
    use super::count;
    use crate::schema::function_from_schema;
    use serde_json::{Value as Json, json};

    fn counted(parameters: &Json) -> usize {
        count(&function_from_schema("f", "", parameters).expect("readable").parameters)
    }

    #[test]
    fn whatever_is_decided_by_itself_is_counted() {
        let text = json!({"type": "string"});
        let pair = json!({"type": "object", "properties": {"x": text, "y": text}});
        let list =
            |element: &Json, min: u32| json!({"type": "array", "items": element, "minItems": min});
        let flags = json!({
            "type": "array", "uniqueItems": true, "items": {"enum": ["mon", "tue", "wed"]},
        });
        let many: serde_json::Map<String, Json> =
            (0..1_000).map(|at| (format!("p{at}"), text.clone())).collect();
        for (property, expected) in [
            (text.clone(), 1),
            (json!({}), 1),
            (json!({"enum": ["a", "b", "c"]}), 1),
            (pair.clone(), 3),
            (json!({"type": "object", "properties": {"a": pair, "b": text}}), 5),
            (json!({"type": "object", "additionalProperties": pair}), 3),
            (json!({"type": "array", "prefixItems": [text, pair]}), 5),
            (list(&text, 0), 1),
            (list(&pair, 0), 3),
            (list(&text, 4), 5),
            (list(&pair, 2), 7),
            (flags, 4),
            (json!({"anyOf": [pair, {"type": "integer"}]}), 3),
            (json!({"type": "object", "properties": many}), 1_001),
        ] {
            let parameters = json!({"type": "object", "properties": {"p": property}});
            assert_eq!(counted(&parameters), expected, "{property}");
        }
        assert_eq!(counted(&json!({})), 0);
    }
}
