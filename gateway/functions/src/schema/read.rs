//! JSON Schema to type: references, combinations, and which kind a schema is of.

use serde_json::{Map, Value as Json};

use super::SchemaError;
use super::budget::Budget;
use super::combine::{merge, nullable, one_of};
use super::dirt::{self, Kind};
use crate::json::{Path, decimal_pattern, name_kind};
use crate::types::{RecordType, Type};

/// Deepest nesting of schemas, and of references and combinations within one of them.
const DEPTH_MAX: usize = 64;

/// Keywords that say something about a value, so that a schema with none of them admits any.
const DOCS: [&str; 9] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "$comment",
    "$schema",
    "$id",
];
/// Keywords that no type has a place for.
const UNREAD: [&str; 16] = [
    "multipleOf",
    "contains",
    "minContains",
    "maxContains",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "not",
    "if",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
    "$recursiveRef",
];
/// Keywords by which alternatives only say what goes together, which no type holds.
const TOGETHER: [&str; 6] = ["required", "not", "if", "then", "else", "dependentRequired"];

/// A constraint that the type does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Where in the schema, such as `$.properties.count`.
    pub path: String,
    /// The keyword, such as `multipleOf`.
    pub keyword: String,
    /// What was made of it.
    pub reason: String,
}

/// Reads one document.
pub(super) struct Reader<'s> {
    root: &'s Json,
    pub(super) path: Path,
    /// References that are being followed, outermost first.
    following: Vec<String>,
    depth: usize,
    /// References and combinations that are being worked in, one inside the other.
    flattening: usize,
    /// How often the lists around this place must hold what stands here.
    pub(super) times: usize,
    pub(super) budget: &'s mut Budget,
    ignored: Vec<Ignored>,
    /// Whether more was ignored than is kept.
    is_cut: bool,
}

impl<'s> Reader<'s> {
    pub(super) fn new(root: &'s Json, budget: &'s mut Budget) -> Self {
        Self {
            root,
            path: Path::default(),
            following: Vec::new(),
            depth: 0,
            flattening: 0,
            times: 1,
            budget,
            ignored: Vec::new(),
            is_cut: false,
        }
    }

    /// What was ignored: all of it, or an error.
    pub(super) fn into_ignored(self) -> Result<Vec<Ignored>, SchemaError> {
        if self.is_cut { Err(Budget::too_long()) } else { Ok(self.ignored) }
    }

    pub(super) fn ignore(&mut self, keyword: &str, reason: impl Into<String>) {
        if self.is_cut {
            return;
        }
        let (path, keyword, reason) = (self.path.to_string(), keyword.to_owned(), reason.into());
        match self.budget.spend_bytes(path.len() + keyword.len() + reason.len()) {
            Ok(()) => self.ignored.push(Ignored { path, keyword, reason }),
            Err(_) => self.is_cut = true,
        }
    }

    /// Pays for parts, as often as they must be written.
    pub(super) fn spend(&mut self, parts: usize) -> Result<(), SchemaError> {
        self.budget.spend_parts(parts.saturating_mul(self.times))
    }

    pub(super) fn nothing(&self, reason: impl Into<String>) -> SchemaError {
        SchemaError::Nothing { path: self.path.to_string(), reason: reason.into() }
    }

    /// Reads what stands at a keyword, and a key or an index below it.
    pub(super) fn child(
        &mut self,
        keyword: &str,
        key: Option<&str>,
        schema: &Json,
    ) -> Result<Type, SchemaError> {
        self.path.push_key(keyword);
        if let Some(key) = key {
            self.path.push_key(key);
        }
        let read = self.schema(schema);
        if key.is_some() {
            self.path.pop();
        }
        self.path.pop();
        read
    }

    pub(super) fn children(
        &mut self,
        keyword: &str,
        schemas: &[Json],
    ) -> Result<Vec<Type>, SchemaError> {
        self.path.push_key(keyword);
        let mut types = Vec::with_capacity(schemas.len());
        for (index, schema) in schemas.iter().enumerate() {
            self.path.push_index(index);
            types.push(self.schema(schema)?);
            self.path.pop();
        }
        self.path.pop();
        Ok(types)
    }

    pub(super) fn schema(&mut self, schema: &Json) -> Result<Type, SchemaError> {
        self.spend(1)?;
        if self.depth >= DEPTH_MAX {
            return Err(SchemaError::TooDeep { path: self.path.to_string(), depth_max: DEPTH_MAX });
        }
        self.depth += 1;
        let read = match schema {
            Json::Bool(true) => Ok(Type::Any),
            Json::Bool(false) => Err(self.nothing("it is `false`")),
            Json::Object(object) => self.object(object),
            Json::String(name) => {
                self.object(&Map::from_iter([("type".to_owned(), Json::from(name.as_str()))]))
            }
            other => Err(SchemaError::NotASchema {
                path: self.path.to_string(),
                found: name_kind(other).to_owned(),
            }),
        };
        self.depth -= 1;
        read
    }

    fn object(&mut self, object: &Map<String, Json>) -> Result<Type, SchemaError> {
        let followed = self.following.len();
        let read = match self.flatten(object) {
            Ok(Some(flat)) => self.flat(&flat),
            Ok(None) => Ok(Type::Any),
            Err(error) => Err(error),
        };
        self.following.truncate(followed);
        read
    }

    /// The schema with `$ref` and `allOf` worked in; `None` where it refers back to itself. Marks
    /// what it followed; the caller unmarks that once the schema is read.
    pub(super) fn flatten(
        &mut self,
        object: &Map<String, Json>,
    ) -> Result<Option<Map<String, Json>>, SchemaError> {
        self.spend(1 + listed(object))?;
        self.budget.spend_copy(object)?;
        if self.flattening >= DEPTH_MAX {
            return Err(SchemaError::TooDeep { path: self.path.to_string(), depth_max: DEPTH_MAX });
        }
        self.flattening += 1;
        let flat = self.worked_in(object);
        self.flattening -= 1;
        flat
    }

    fn worked_in(
        &mut self,
        object: &Map<String, Json>,
    ) -> Result<Option<Map<String, Json>>, SchemaError> {
        let mut flat = object.clone();
        if let Some(Json::String(reference)) = flat.shift_remove("$ref") {
            if self.following.contains(&reference) {
                self.ignore("$ref", format!("{reference} is recursive; read as any JSON"));
                return Ok(None);
            }
            let target = self.resolve(&reference)?;
            self.following.push(reference);
            let Some(target) = self.flatten_any(target)? else { return Ok(None) };
            flat = merge(target, &flat);
        }
        if let Some(Json::Array(parts)) = flat.shift_remove("allOf") {
            let own = flat;
            flat = Map::new();
            for part in &parts {
                let Some(part) = self.flatten_any(part)? else { continue };
                flat = merge(flat, &part);
            }
            flat = merge(flat, &own);
        }
        Ok(Some(flat))
    }

    fn flatten_any(&mut self, schema: &Json) -> Result<Option<Map<String, Json>>, SchemaError> {
        match schema {
            Json::Object(object) => self.flatten(object),
            Json::Bool(true) => Ok(Some(Map::new())),
            Json::Bool(false) => Err(self.nothing("it is `false`")),
            other => Err(SchemaError::NotASchema {
                path: self.path.to_string(),
                found: name_kind(other).to_owned(),
            }),
        }
    }

    pub(super) fn resolve(&self, reference: &str) -> Result<&'s Json, SchemaError> {
        let failure = || SchemaError::Reference {
            path: self.path.to_string(),
            reference: reference.to_owned(),
        };
        let pointer = reference.strip_prefix('#').ok_or_else(failure)?;
        let pointer = percent_decoded(pointer).ok_or_else(failure)?;
        self.root.pointer(&pointer).ok_or_else(failure)
    }

    /// Lists the keywords that no type has a place for.
    fn list_unread(&mut self, schema: &Map<String, Json>) {
        for keyword in UNREAD {
            if schema.get(keyword).is_some_and(|value| !is_idle(keyword, value)) {
                self.ignore(keyword, "not enforced");
            }
        }
    }

    fn flat(&mut self, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        self.list_unread(schema);
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Json::Array(alternatives)) = schema.get(keyword) {
                if alternatives.is_empty() || alternatives.iter().all(says_together) {
                    self.ignore(keyword, "which keys go together is not enforced");
                } else {
                    return self.alternatives(schema, keyword, alternatives);
                }
            }
        }
        let says_nullable = schema.get("nullable").is_some_and(|value| *value == Json::Bool(true));
        let ty = match self.enumerated(schema)? {
            Some(ty) => ty,
            None => self.of_declared_type(schema)?,
        };
        Ok(if says_nullable { nullable(ty) } else { ty })
    }

    fn alternatives(
        &mut self,
        schema: &Map<String, Json>,
        keyword: &str,
        alternatives: &[Json],
    ) -> Result<Type, SchemaError> {
        let mut base = schema.clone();
        base.shift_remove(keyword);
        base.retain(|key, _| {
            !DOCS.contains(&key.as_str()) && key != "$defs" && key != "definitions"
        });
        self.path.push_key(keyword);
        let mut types = Vec::new();
        let mut refused = None;
        for (index, alternative) in alternatives.iter().enumerate() {
            self.path.push_index(index);
            let depth = self.path.len();
            self.budget.spend_copy(&base)?;
            let merged = match alternative {
                Json::Object(own) if !base.is_empty() => Json::Object(merge(base.clone(), own)),
                other => other.clone(),
            };
            match self.schema(&merged) {
                Ok(ty) => types.push((ty, self.doc(alternative))),
                Err(error @ SchemaError::Nothing { .. }) => {
                    self.path.truncate(depth);
                    self.ignore(keyword, "an alternative that nothing fits");
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
            self.path.pop();
        }
        self.path.pop();
        one_of(types)
            .ok_or_else(|| refused.unwrap_or_else(|| self.nothing("it has no alternatives")))
    }

    fn of_declared_type(&mut self, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        match schema.get("type") {
            None => self.of_kind(implied_kind(schema), schema),
            Some(Json::String(name)) => self.of_name(name, schema),
            Some(Json::Array(names)) => {
                if let Some(wide) = self.wide_integer(names, schema)? {
                    return Ok(wide);
                }
                let mut types = Vec::new();
                let mut rest = schema.clone();
                rest.shift_remove("type");
                for name in names {
                    self.spend(1)?;
                    self.budget.spend_copy(&rest)?;
                    let mut single = rest.clone();
                    single.insert("type".to_owned(), name.clone());
                    types.push((self.of_declared_type(&single)?, String::new()));
                }
                Ok(one_of(types).unwrap_or(Type::Any))
            }
            Some(Json::Object(nested)) => self.schema(&Json::Object(nested.clone())),
            Some(Json::Null) => Ok(Type::Null),
            Some(other) => {
                self.ignore("type", format!("{other} is no name of a type; read as any JSON"));
                Ok(Type::Any)
            }
        }
    }

    fn of_name(&mut self, name: &str, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        if let Some((kind, format)) = dirt::kind(name) {
            let mut schema = schema.clone();
            if let Some(format) = format
                && !schema.contains_key("format")
            {
                schema.insert("format".to_owned(), Json::from(format));
            }
            return self.of_kind(kind, &schema);
        }
        if let Some(Json::Object(meant)) = dirt::spelled_out(name) {
            let mut rest = schema.clone();
            rest.shift_remove("type");
            return self.schema(&Json::Object(merge(rest, &meant)));
        }
        self.ignore("type", format!("`{name}` is no known type; read as any JSON"));
        Ok(Type::Any)
    }

    fn of_kind(&mut self, kind: Kind, schema: &Map<String, Json>) -> Result<Type, SchemaError> {
        match kind {
            Kind::Null => Ok(Type::Null),
            Kind::Bool => Ok(Type::Bool),
            Kind::Int => self.integer(schema).map(Type::Int),
            Kind::Float => self.number(schema).map(Type::Float),
            Kind::String => self.string(schema),
            Kind::Array => self.array(schema),
            Kind::Object => self.keyed(schema),
            Kind::Any => Ok(Type::Any),
        }
    }

    /// What [`super::to_schema`] writes for integers beyond ±2^53: a number or a decimal string.
    fn wide_integer(
        &mut self,
        names: &[Json],
        schema: &Map<String, Json>,
    ) -> Result<Option<Type>, SchemaError> {
        let both = ["integer", "string"].iter().all(|name| names.contains(&Json::from(*name)));
        let Some(Json::String(pattern)) = schema.get("pattern") else { return Ok(None) };
        if !both
            || names
                .iter()
                .any(|name| !matches!(name.as_str(), Some("integer" | "string" | "null")))
        {
            return Ok(None);
        }
        let int = self.integer(schema)?;
        if decimal_pattern(&int) != *pattern {
            return Ok(None);
        }
        let is_nullable = names.contains(&Json::from("null"));
        Ok(Some(if is_nullable { nullable(Type::Int(int)) } else { Type::Int(int) }))
    }

    /// What the author says about a schema, or about what it refers to.
    pub(super) fn doc(&self, schema: &Json) -> String {
        let own = ["description", "title"].iter().find_map(|key| {
            schema.get(key).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty())
        });
        let referred = || {
            let reference = schema.get("$ref")?.as_str()?;
            self.resolve(reference).ok()?.get("description")?.as_str()
        };
        own.or_else(referred).unwrap_or_default().to_owned()
    }

    /// Reads the parameters of a function.
    pub(super) fn parameters(&mut self, schema: &Json) -> Result<RecordType, SchemaError> {
        let object = match schema {
            Json::Null | Json::Bool(true) => return Ok(RecordType::default()),
            Json::Object(object) => object,
            other => return Err(SchemaError::NotAnObject { found: name_kind(other).to_owned() }),
        };
        let Some(mut flat) = self.flatten(object)? else { return Ok(RecordType::default()) };
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Json::Array(alternatives)) = flat.shift_remove(keyword) {
                self.ignore(keyword, "which keys go together is not enforced");
                flat = self.union(flat, &alternatives)?;
            }
        }
        if is_bare_properties(&flat) {
            flat = Map::from_iter([("properties".to_owned(), Json::Object(flat))]);
        }
        self.list_unread(&flat);
        match flat.get("type").and_then(Json::as_str).map(dirt::kind) {
            None | Some(Some((Kind::Object | Kind::Any, _))) => self.record(&flat),
            Some(Some((Kind::Null, _))) => Ok(RecordType::default()),
            Some(_) => {
                let found = flat.get("type").map(ToString::to_string).unwrap_or_default();
                Err(SchemaError::NotAnObject { found: format!("type {found}") })
            }
        }
    }

    /// Parameters of any of the alternatives; required where every one requires it.
    fn union(
        &mut self,
        base: Map<String, Json>,
        alternatives: &[Json],
    ) -> Result<Map<String, Json>, SchemaError> {
        let mut all = base.clone();
        let mut shared: Option<Vec<Json>> = None;
        for alternative in alternatives {
            let Some(flat) = self.flatten_any(alternative)? else { continue };
            let required =
                flat.get("required").and_then(Json::as_array).cloned().unwrap_or_default();
            shared = Some(match shared {
                None => required,
                Some(shared) => shared.into_iter().filter(|name| required.contains(name)).collect(),
            });
            all = merge(all, &flat);
        }
        let own = base.get("required").and_then(Json::as_array).cloned().unwrap_or_default();
        let required = own.into_iter().chain(shared.unwrap_or_default()).collect();
        all.insert("required".to_owned(), Json::Array(required));
        Ok(all)
    }
}

/// Entries of the keywords that list values or names.
fn listed(schema: &Map<String, Json>) -> usize {
    let len = |keyword| schema.get(keyword).and_then(Json::as_array).map_or(0, Vec::len);
    ["enum", "type", "required"].into_iter().map(len).sum()
}

/// Whether an alternative only says which keys go together.
fn says_together(alternative: &Json) -> bool {
    alternative.as_object().is_some_and(|object| {
        !object.is_empty()
            && object
                .keys()
                .all(|key| TOGETHER.contains(&key.as_str()) || DOCS.contains(&key.as_str()))
            && object.keys().any(|key| TOGETHER.contains(&key.as_str()))
    })
}

/// Whether a keyword that is not read changes nothing here.
fn is_idle(keyword: &str, value: &Json) -> bool {
    match keyword {
        "unevaluatedProperties" | "unevaluatedItems" => value.is_boolean(),
        "multipleOf" => value.as_f64() == Some(1.0),
        "minProperties" | "minContains" => value.as_u64() == Some(0),
        _ => false,
    }
}

/// Parameters that are written as `{"city": {"type": "string"}}` alone.
fn is_bare_properties(schema: &Map<String, Json>) -> bool {
    let is_property = |value: &Json| {
        value.is_object()
            && ["type", "description", "enum"].iter().any(|key| value.get(key).is_some())
    };
    !schema.is_empty() && schema.values().all(is_property)
}

/// The kind that a schema without `type` speaks of.
fn implied_kind(schema: &Map<String, Json>) -> Kind {
    let has = |keys: &[&str]| keys.iter().any(|key| schema.contains_key(*key));
    if has(&["properties", "additionalProperties", "patternProperties"]) {
        Kind::Object
    } else if has(&["items", "prefixItems", "minItems", "maxItems"]) {
        Kind::Array
    } else if has(&["pattern", "minLength", "maxLength", "contentEncoding"]) {
        Kind::String
    } else if has(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]) {
        Kind::Float
    } else {
        Kind::Any
    }
}

/// Undoes the `%` escapes of a URI fragment.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let hex = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}
