//! JSON Schema to type: arrays and objects.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::SchemaError;
use super::budget::bytes;
use super::combine::{one_of, written};
use super::read::Reader;
use crate::json::{from_json, to_json};
use crate::types::{Field, ListType, RecordType, Type};

/// Options of a list without repetition that is read as flags, each of which is asked about by
/// itself; of more options it is a list of one after another.
const FLAGS_MAX: usize = 64;

impl Reader<'_> {
    pub(super) fn array(&mut self, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        let len_min = self.count(schema, "minItems").unwrap_or(0);
        let len_max = self.count(schema, "maxItems");
        if len_max.is_some_and(|max| max < len_min) {
            return Err(self.nothing("minItems is above maxItems"));
        }
        self.spend(len_min as usize)?;
        let around = self.times;
        self.times = around.saturating_mul((len_min as usize).max(1));
        let read = self.elements(schema, len_min, len_max);
        self.times = around;
        read
    }

    fn elements(
        &mut self,
        schema: &Map<String, Json>,
        len_min: u32,
        len_max: Option<u32>,
    ) -> Result<Type, SchemaError> {
        // Up to draft 7, `items` with an array is what `prefixItems` is now.
        for keyword in ["prefixItems", "items"] {
            if let Some(Json::Array(schemas)) = schema.get(keyword)
                && !schemas.is_empty()
            {
                return self.tuple(keyword, schemas, len_min, len_max);
            }
        }
        let (element, len_max) = match schema.get("items") {
            Some(Json::Bool(false)) => (Type::Any, Some(0)),
            None | Some(Json::Null | Json::Array(_)) => (Type::Any, len_max),
            Some(items) => (self.child("items", None, items)?, len_max),
        };
        if len_max.is_some_and(|max| max < len_min) {
            return Err(self.nothing("elements are asked for and none fits"));
        }
        let is_unique = schema.get("uniqueItems") == Some(&Json::Bool(true));
        match element {
            Type::Enum(cases)
                if is_unique && len_min == 0 && len_max.is_none() && cases.len() <= FLAGS_MAX =>
            {
                Ok(Type::Flags(cases))
            }
            element => {
                if is_unique {
                    self.ignore("uniqueItems", "not enforced");
                }
                Ok(Type::List(ListType { element: Box::new(element), len_min, len_max }))
            }
        }
    }

    /// All the elements that are spelled out have to be written, and none beyond.
    fn tuple(
        &mut self,
        keyword: &str,
        schemas: &[Json],
        len_min: u32,
        len_max: Option<u32>,
    ) -> Result<Type, SchemaError> {
        if len_min as usize > schemas.len() {
            self.ignore(keyword, "elements beyond are asked for; read as a list of any JSON");
            return Ok(Type::List(ListType { element: Box::new(Type::Any), len_min, len_max }));
        }
        let len = len_max.map_or(schemas.len(), |max| schemas.len().min(max as usize));
        self.children(keyword, &schemas[..len]).map(Type::Tuple)
    }

    /// An object: a record where its keys are named, else a map.
    pub(super) fn keyed(&mut self, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        let is_closed = schema.get("additionalProperties") == Some(&Json::Bool(false));
        let has_properties =
            schema.get("properties").and_then(Json::as_object).is_some_and(|map| !map.is_empty());
        let by_pattern =
            schema.get("patternProperties").and_then(Json::as_object).filter(|map| !map.is_empty());
        if has_properties || (is_closed && by_pattern.is_none()) {
            return self.record(schema).map(Type::Record);
        }
        let value = match (by_pattern, schema.get("additionalProperties")) {
            (Some(patterns), _) => {
                self.ignore("patternProperties", "keys are free, values are of any of these");
                let schemas: Vec<Json> = patterns.values().cloned().collect();
                let types = self.children("patternProperties", &schemas)?;
                one_of(types.into_iter().map(|ty| (ty, String::new())).collect())
                    .unwrap_or(Type::Any)
            }
            (None, Some(values @ (Json::Object(_) | Json::String(_)))) => {
                self.child("additionalProperties", None, values)?
            }
            (None, _) => Type::Any,
        };
        Ok(Type::Map(Box::new(value)))
    }

    pub(super) fn record(&mut self, schema: &Map<String, Json>) -> Result<RecordType, SchemaError> {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&none);
        if schema
            .get("additionalProperties")
            .is_some_and(|further| !matches!(further, Json::Bool(false) | Json::Null))
        {
            self.ignore("additionalProperties", "keys beyond the named ones are not written");
        }
        let required: HashSet<&str> = schema
            .get("required")
            .and_then(Json::as_array)
            .map(|names| names.iter().filter_map(Json::as_str).collect())
            .unwrap_or_default();
        let names = schema.get("required").and_then(Json::as_array).into_iter().flatten();
        for name in names.filter_map(Json::as_str).filter(|name| !properties.contains_key(*name)) {
            self.ignore("required", format!("`{name}` is not among the properties"));
        }
        let mut fields = Vec::with_capacity(properties.len());
        for (name, property) in properties {
            let is_required = required.contains(name.as_str())
                || property.get("required") == Some(&Json::Bool(true));
            fields.extend(self.field(name, property, is_required)?);
        }
        Ok(RecordType { fields })
    }

    /// A property; `None` where it may not be written at all.
    fn field(
        &mut self,
        name: &str,
        property: &Json,
        required: bool,
    ) -> Result<Option<Field>, SchemaError> {
        let depth = self.path.len();
        let parts_before = self.budget.parts();
        let mut ty = match self.child("properties", Some(name), property) {
            Ok(ty) => ty,
            Err(SchemaError::Nothing { .. }) if !required => {
                self.path.truncate(depth);
                self.ignore("properties", format!("nothing fits `{name}`; left out"));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if required {
            ty = written(ty);
        }
        let mut doc = self.doc(property);
        if let Some(default) = property.get("default") {
            // Each part may look at the whole of it.
            let parts = parts_before - self.budget.parts();
            self.budget.spend_bytes(bytes(default).saturating_mul(parts))?;
        }
        let default = property.get("default").and_then(|default| {
            let fitting = fitting_default(&ty, default);
            if fitting.is_none() && !default.is_null() {
                let separator = if doc.is_empty() { "" } else { " " };
                doc.push_str(&format!("{separator}(default: {})", spelled(default)));
            }
            fitting
        });
        Ok(Some(Field { name: name.to_owned(), doc, ty, required, default }))
    }
}

/// The default as the type has it; `None` where it is of another type.
fn fitting_default(ty: &Type, default: &Json) -> Option<Json> {
    if let Ok(value) = from_json(ty, default) {
        // `"10"` is an integer, too; as a default it is written as a number.
        return Some(if default.is_string() { to_json(ty, &value) } else { default.clone() });
    }
    let text = default.as_str()?.trim();
    let lower = text.to_ascii_lowercase();
    let meant: Json = serde_json::from_str(text).or_else(|_| serde_json::from_str(&lower)).ok()?;
    (!meant.is_null() && from_json(ty, &meant).is_ok()).then_some(meant)
}

fn spelled(default: &Json) -> String {
    default.as_str().map_or_else(|| default.to_string(), str::to_owned)
}
