//! Type to JSON Schema 2020-12.

use serde_json::{Map, Value as Json, json};

use crate::json::{BASE64_PATTERN, NON_FINITE, SINGLE_MAX, decimal_pattern, wraps_ok, wraps_some};
use crate::types::{
    Case, Field, FloatType, IntType, ListType, RecordType, StringType, Type, VariantCase,
};

/// Which values a schema is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Floats are finite.
    Arguments,
    /// Floats may be the spellings of non-finite values.
    Results,
}

impl Direction {
    pub(super) fn schema(self, ty: &Type) -> Json {
        match ty {
            Type::Null => json!({ "type": "null" }),
            Type::Bool => json!({ "type": "boolean" }),
            Type::Int(int) => integer(int),
            Type::Float(float) => self.float(float),
            Type::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
            Type::String(ty) => string(ty),
            Type::Bytes => json!({
                "type": "string", "contentEncoding": "base64", "pattern": BASE64_PATTERN
            }),
            Type::Enum(cases) => {
                with_doc(json!({ "type": "string", "enum": names(cases) }), &case_docs(cases))
            }
            Type::Literals(literals) => json!({ "enum": literals }),
            Type::List(ty) => self.list(ty),
            Type::Tuple(types) if types.is_empty() => json!({ "type": "array", "maxItems": 0 }),
            Type::Tuple(types) => json!({
                "type": "array",
                "prefixItems": self.schemas(types),
                "items": false,
                "minItems": types.len(),
            }),
            Type::Record(record) => self.record(record),
            Type::Option(inner) => self.option(inner),
            Type::Variant(cases) => {
                json!({ "oneOf": cases.iter().map(|case| self.case(case)).collect::<Vec<_>>() })
            }
            Type::Flags(cases) => with_doc(
                json!({
                    "type": "array",
                    "uniqueItems": true,
                    "items": { "type": "string", "enum": names(cases) },
                }),
                &case_docs(cases),
            ),
            Type::Result { ok, err } => self.result(ok.as_deref(), err.as_deref()),
            Type::Map(inner) => {
                json!({ "type": "object", "additionalProperties": self.schema(inner) })
            }
            Type::OneOf(types) => json!({ "anyOf": self.schemas(types) }),
            Type::Any => json!({}),
        }
    }

    fn schemas(self, types: &[Type]) -> Vec<Json> {
        types.iter().map(|ty| self.schema(ty)).collect()
    }

    fn float(self, float: &FloatType) -> Json {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), json!("number"));
        let single = float.single.then_some(SINGLE_MAX);
        if let Some(min) = float.min.or(single.map(|max| -max)) {
            schema.insert("minimum".to_owned(), json!(min));
        }
        if let Some(max) = float.max.or(single) {
            schema.insert("maximum".to_owned(), json!(max));
        }
        let bounded = float.min.is_some() || float.max.is_some();
        if self == Self::Results && !bounded {
            json!({ "anyOf": [schema, { "type": "string", "enum": NON_FINITE }] })
        } else {
            Json::Object(schema)
        }
    }

    fn list(self, list: &ListType) -> Json {
        let mut schema = json!({ "type": "array", "items": self.schema(&list.element) });
        if list.len_min > 0 {
            schema["minItems"] = json!(list.len_min);
        }
        if let Some(max) = list.len_max {
            schema["maxItems"] = json!(max);
        }
        schema
    }

    pub(super) fn record(self, record: &RecordType) -> Json {
        let properties: Map<String, Json> =
            record.fields.iter().map(|field| (field.name.clone(), self.field(field))).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        let is_required = |field: &&Field| field.required && !matches!(field.ty, Type::Option(_));
        let required: Vec<&str> =
            record.fields.iter().filter(is_required).map(|field| field.name.as_str()).collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema["additionalProperties"] = json!(false);
        schema
    }

    fn field(self, field: &Field) -> Json {
        let mut schema = with_doc(self.schema(&field.ty), &field.doc);
        if let Some(default) = &field.default {
            schema["default"] = default.clone();
        }
        schema
    }

    fn option(self, inner: &Type) -> Json {
        if wraps_some(inner) {
            return json!({ "anyOf": [{ "type": "null" }, self.only_key("some", self.schema(inner))] });
        }
        let mut schema = self.schema(inner);
        // Only keywords that look at one kind of value may stay beside a second type.
        let combined = ["enum", "anyOf", "oneOf"].iter().any(|key| schema.get(key).is_some());
        match schema.get_mut("type") {
            Some(Json::String(kind)) if !combined => {
                schema["type"] = json!([kind.clone(), "null"]);
                schema
            }
            Some(Json::Array(kinds)) if !combined => {
                kinds.push(json!("null"));
                schema
            }
            _ => json!({ "anyOf": [schema, { "type": "null" }] }),
        }
    }

    fn case(self, case: &VariantCase) -> Json {
        let payload = case.payload.as_ref().unwrap_or(&Type::Null);
        with_doc(self.only_key(&case.name, self.schema(payload)), &case.doc)
    }

    fn only_key(self, key: &str, schema: Json) -> Json {
        json!({
            "type": "object",
            "properties": { key: schema },
            "required": [key],
            "additionalProperties": false,
        })
    }

    fn result(self, ok: Option<&Type>, err: Option<&Type>) -> Json {
        let value = self.schema(ok.unwrap_or(&Type::Null));
        let value = if wraps_ok(ok) { self.only_key("ok", value) } else { value };
        let error = self.only_key("error", self.schema(err.unwrap_or(&Type::Null)));
        json!({ "anyOf": [value, error] })
    }
}

fn integer(int: &IntType) -> Json {
    let mut schema = json!({ "type": "integer" });
    if int.is_wide() {
        schema["type"] = json!(["integer", "string"]);
    }
    for (key, bound) in [("minimum", int.min), ("maximum", int.max)] {
        match (i64::try_from(bound), u64::try_from(bound)) {
            (Ok(signed), _) => schema[key] = json!(signed),
            (_, Ok(unsigned)) => schema[key] = json!(unsigned),
            // JSON text has no exact number for it; the reader holds the bound.
            _ => schema[key] = json!(bound as f64),
        }
    }
    if int.is_wide() {
        schema["pattern"] = json!(decimal_pattern(int));
    }
    schema
}

fn string(string: &StringType) -> Json {
    let mut schema = json!({ "type": "string" });
    if let Some(format) = &string.format {
        schema["format"] = json!(format);
    }
    if let Some(pattern) = &string.pattern {
        schema["pattern"] = json!(pattern);
    }
    if string.chars_min > 0 {
        schema["minLength"] = json!(string.chars_min);
    }
    if let Some(max) = string.chars_max {
        schema["maxLength"] = json!(max);
    }
    schema
}

fn names(cases: &[Case]) -> Vec<&str> {
    cases.iter().map(|case| case.name.as_str()).collect()
}

/// One line a documented case; empty where none is.
fn case_docs(cases: &[Case]) -> String {
    let documented = cases.iter().filter(|case| !case.doc.is_empty());
    let lines: Vec<String> =
        documented.map(|case| format!("`{}`: {}", case.name, case.doc)).collect();
    lines.join("\n")
}

/// Puts a description in front of the one that the schema has.
fn with_doc(mut schema: Json, doc: &str) -> Json {
    if doc.is_empty() {
        return schema;
    }
    let whole = match schema.get("description").and_then(Json::as_str) {
        Some(own) => format!("{doc}\n{own}"),
        None => doc.to_owned(),
    };
    schema["description"] = Json::from(whole);
    schema
}
