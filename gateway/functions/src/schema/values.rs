//! JSON Schema to type: enumerations, numbers and strings.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::SchemaError;
use super::combine::nullable;
use super::dirt::{self, Kind};
use super::read::Reader;
use crate::json::canonical;
use crate::types::{Case, FloatType, IntType, StringType, Type};

impl Reader<'_> {
    /// Reads `const` and `enum`; `None` where the schema has neither of use.
    pub(super) fn enumerated(
        &mut self,
        schema: &Map<String, Json>,
    ) -> Result<Option<Type>, SchemaError> {
        if let Some(value) = schema.get("const") {
            return Ok(Some(literals(
                vec![value.clone()],
                &[self.doc(&Json::Object(schema.clone()))],
            )));
        }
        let values = match schema.get("enum") {
            None => return Ok(None),
            Some(Json::Array(values)) if !values.is_empty() => values,
            Some(_) => {
                self.ignore("enum", "it lists nothing");
                return Ok(None);
            }
        };
        let kinds = declared_kinds(schema);
        if kinds == [Kind::Array] && !values.iter().any(Json::is_array) {
            return self.enumerated_elements(schema, values).map(Some);
        }
        let docs: Vec<String> = schema
            .get("enumDescriptions")
            .and_then(Json::as_array)
            .map(|docs| {
                docs.iter().map(|doc| doc.as_str().unwrap_or_default().to_owned()).collect()
            })
            .unwrap_or_default();
        let fitting = self.fitting(values, &kinds);
        // Where not one value fits the declared type, the type is what its author got wrong.
        let kept = if fitting.is_empty() { values.clone() } else { fitting };
        let docs = if kept.len() == docs.len() { docs } else { Vec::new() };
        Ok(Some(literals(kept, &docs)))
    }

    /// An enumeration beside `"type": "array"` lists the elements.
    fn enumerated_elements(
        &mut self,
        schema: &Map<String, Json>,
        values: &[Json],
    ) -> Result<Type, SchemaError> {
        let mut schema = schema.clone();
        schema.shift_remove("enum");
        let mut items = schema.get("items").and_then(Json::as_object).cloned().unwrap_or_default();
        if !items.contains_key("enum") {
            items.insert("enum".to_owned(), Json::from(values));
        }
        schema.insert("items".to_owned(), Json::Object(items));
        self.schema(&Json::Object(schema))
    }

    /// The values that are of a declared kind, or mean one that is.
    fn fitting(&mut self, values: &[Json], kinds: &[Kind]) -> Vec<Json> {
        let mut fitting = Vec::new();
        for value in values {
            let held = kinds.iter().any(|kind| kind.holds(value));
            if kinds.is_empty() || held {
                fitting.push(value.clone());
            } else if let Some(meant) = kinds.iter().find_map(|kind| kind.coerce(value)) {
                fitting.push(meant);
            } else {
                self.ignore("enum", format!("{value} is not of the declared type"));
            }
        }
        fitting
    }

    pub(super) fn integer(&mut self, schema: &Map<String, Json>) -> Result<IntType, SchemaError> {
        let format = schema.get("format").and_then(Json::as_str).and_then(integer_format);
        let base = format.unwrap_or(IntType::S64);
        let low = self.bound(schema, "minimum", "exclusiveMinimum");
        let high = self.bound(schema, "maximum", "exclusiveMaximum");
        let min = match low {
            Some((bound, exclusive)) => bound.up(exclusive).max(IntType::S64.min),
            None => base.min,
        };
        let max = match high {
            Some((bound, exclusive)) => bound.down(exclusive).min(IntType::U64.max),
            None if min > base.max => IntType::U64.max,
            None => base.max,
        };
        if min > max {
            return Err(self.nothing(format!("no integer lies from {min} to {max}")));
        }
        Ok(IntType { min, max })
    }

    pub(super) fn number(&mut self, schema: &Map<String, Json>) -> Result<FloatType, SchemaError> {
        let low = self.bound(schema, "minimum", "exclusiveMinimum");
        let high = self.bound(schema, "maximum", "exclusiveMaximum");
        let min = low.map(|(bound, open)| if open { bound.double.next_up() } else { bound.double });
        let max =
            high.map(|(bound, open)| if open { bound.double.next_down() } else { bound.double });
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err(self.nothing(format!("no number lies from {min} to {max}")));
        }
        // What lies beyond the last double is infinite, and no JSON number is.
        if min == Some(f64::INFINITY) || max == Some(f64::NEG_INFINITY) {
            return Err(self.nothing("no number lies beyond its bound"));
        }
        Ok(FloatType { single: false, min, max })
    }

    /// The tightest bound and whether it is exclusive. `exclusiveMinimum: true` beside `minimum`
    /// is how draft 4 and OpenAPI 3.0 write it.
    fn bound(
        &mut self,
        schema: &Map<String, Json>,
        inclusive: &str,
        exclusive: &str,
    ) -> Option<(Bound, bool)> {
        let including = self.bound_at(schema, inclusive);
        match schema.get(exclusive) {
            Some(Json::Bool(exclusive)) => including.map(|bound| (bound, *exclusive)),
            _ => match (including, self.bound_at(schema, exclusive)) {
                (Some(a), Some(b)) => {
                    let is_low = inclusive == "minimum";
                    let including_is_tighter =
                        if is_low { a.double > b.double } else { a.double < b.double };
                    Some(if including_is_tighter { (a, false) } else { (b, true) })
                }
                (Some(a), None) => Some((a, false)),
                (None, Some(b)) => Some((b, true)),
                (None, None) => None,
            },
        }
    }

    fn bound_at(&mut self, schema: &Map<String, Json>, keyword: &str) -> Option<Bound> {
        let value = schema.get(keyword).filter(|value| !value.is_null())?;
        let bound = Kind::Float.coerce(value).as_ref().and_then(Bound::new);
        if bound.is_none() {
            self.ignore(keyword, format!("{value} is no number"));
        }
        bound
    }

    pub(super) fn string(&mut self, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        let text = |key: &str| {
            schema
                .get(key)
                .and_then(Json::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let format = text("format");
        let is_base64 = text("contentEncoding").is_some_and(|encoding| encoding == "base64");
        if is_base64 || format.as_deref() == Some("byte") {
            return Ok(Type::Bytes);
        }
        let pattern = text("pattern");
        if let Some(source) = &pattern
            && !self.budget.can_check(source)?
        {
            self.ignore("pattern", format!("`{source}` cannot be checked here"));
        }
        let chars_min = self.count(schema, "minLength").unwrap_or(0);
        let chars_max = self.count(schema, "maxLength");
        if chars_max.is_some_and(|max| max < chars_min) {
            return Err(self.nothing("minLength is above maxLength"));
        }
        if (chars_min, chars_max) == (1, Some(1)) && format.is_none() && pattern.is_none() {
            return Ok(Type::Char);
        }
        Ok(Type::String(StringType { format, pattern, chars_min, chars_max }))
    }

    /// A length or a number of elements.
    pub(super) fn count(&mut self, schema: &Map<String, Json>, keyword: &str) -> Option<u32> {
        let value = schema.get(keyword).filter(|value| !value.is_null())?;
        let number = Kind::Int.coerce(value).and_then(|value| value.as_f64());
        match number {
            // Counts beyond 32 bits mean no limit in practice, and `as` saturates.
            Some(count) if count >= 0.0 => Some(count as u32),
            _ => {
                self.ignore(keyword, format!("{value} is no count"));
                None
            }
        }
    }
}

/// A bound, kept exact where it is an integer.
#[derive(Clone, Copy)]
struct Bound {
    integer: Option<i128>,
    double: f64,
}

impl Bound {
    fn new(json: &Json) -> Option<Self> {
        let integer = json.as_i64().map(i128::from).or_else(|| json.as_u64().map(i128::from));
        Some(Self { integer, double: json.as_f64()? })
    }

    /// Smallest integer above.
    fn up(self, exclusive: bool) -> i128 {
        match self.integer {
            Some(integer) => integer + i128::from(exclusive),
            // `as` saturates at the ends of i128.
            None if self.double.fract() == 0.0 => {
                (self.double as i128).saturating_add(i128::from(exclusive))
            }
            None => self.double.ceil() as i128,
        }
    }

    /// Largest integer below.
    fn down(self, exclusive: bool) -> i128 {
        match self.integer {
            Some(integer) => integer - i128::from(exclusive),
            None if self.double.fract() == 0.0 => {
                (self.double as i128).saturating_sub(i128::from(exclusive))
            }
            None => self.double.floor() as i128,
        }
    }
}

fn integer_format(format: &str) -> Option<IntType> {
    let signed =
        |bits: u32| IntType { min: -(1_i128 << (bits - 1)), max: (1_i128 << (bits - 1)) - 1 };
    let unsigned = |bits: u32| IntType { min: 0, max: (1_i128 << bits) - 1 };
    Some(match format {
        "int8" => signed(8),
        "int16" => signed(16),
        "int32" => signed(32),
        "int64" => signed(64),
        "uint8" => unsigned(8),
        "uint16" => unsigned(16),
        "uint32" => unsigned(32),
        "uint64" | "uint" => unsigned(64),
        _ => return None,
    })
}

/// Kinds that `type` names; empty where it names none.
fn declared_kinds(schema: &Map<String, Json>) -> Vec<Kind> {
    let names: Vec<&str> = match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let mut kinds: Vec<Kind> =
        names.into_iter().filter_map(|name| dirt::kind(name).map(|(kind, _)| kind)).collect();
    if !kinds.is_empty() && schema.get("nullable") == Some(&Json::Bool(true)) {
        kinds.push(Kind::Null);
    }
    kinds
}

/// The type of exactly these values, which are one at least. `docs` goes with `values`, or is empty.
fn literals(values: Vec<Json>, docs: &[String]) -> Type {
    let mut unique: Vec<(Json, String)> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    for (index, value) in values.into_iter().enumerate() {
        if known.insert(canonical(&value)) {
            unique.push((value, docs.get(index).cloned().unwrap_or_default()));
        }
    }
    let has_null = unique.iter().any(|(value, _)| value.is_null());
    let present: Vec<&(Json, String)> =
        unique.iter().filter(|(value, _)| !value.is_null()).collect();
    if present.is_empty() {
        return Type::Null;
    }
    let cases: Option<Vec<Case>> = present
        .iter()
        .map(|(value, doc)| Some(Case { name: value.as_str()?.to_owned(), doc: doc.clone() }))
        .collect();
    let is_bool = present.len() == 2 && present.iter().all(|(value, _)| value.is_boolean());
    match cases {
        Some(cases) if has_null => nullable(Type::Enum(cases)),
        Some(cases) => Type::Enum(cases),
        None if is_bool && has_null => nullable(Type::Bool),
        None if is_bool => Type::Bool,
        None => Type::Literals(unique.into_iter().map(|(value, _)| value).collect()),
    }
}
