//! JSON to value.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use regex::Regex;
use serde_json::{Map, Number, Value as Json};

use super::describe::{expected, found};
use super::{JsonError, Path, float, integer, json_equal, pattern, wraps_ok, wraps_some};
use crate::types::{
    Case, Field, FloatType, IntType, ListType, RecordType, StringType, Type, VariantCase,
};
use crate::value::Value;

/// Deepest free JSON that is read.
const FREE_DEPTH_MAX: usize = 128;

/// Padded standard base64. Unused bits of the last character are not looked at, because no
/// pattern of a schema could ask for that.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Reads one JSON value. `'t` is the life of the types.
pub(super) struct Reader<'t> {
    path: Path,
    /// Whether floats may be the spellings of non-finite values.
    results: bool,
    /// Whether a wide integer within ±2^53 has to be a number. Alternatives are first tried so,
    /// lest a string such as a post code be taken for an integer.
    strict: bool,
    patterns: HashMap<&'t str, Option<Regex>>,
}

impl<'t> Reader<'t> {
    pub(super) fn arguments() -> Self {
        Self { path: Path::default(), results: false, strict: false, patterns: HashMap::new() }
    }

    pub(super) fn results() -> Self {
        Self { results: true, ..Self::arguments() }
    }

    pub(super) fn value(&mut self, ty: &'t Type, json: &Json) -> Result<Value, JsonError> {
        match (ty, json) {
            (Type::Null, Json::Null) => Ok(Value::Null),
            (Type::Bool, Json::Bool(bool)) => Ok(Value::Bool(*bool)),
            (Type::Int(int), _) => self.int(int, ty, json),
            (Type::Float(float), _) => self.float(float, ty, json),
            (Type::Char, Json::String(text)) => self.char(text, json),
            (Type::String(string), Json::String(text)) => self.string(string, ty, text, json),
            (Type::Bytes, Json::String(text)) => match BASE64.decode(text) {
                Ok(bytes) => Ok(Value::Bytes(bytes)),
                Err(error) => {
                    Err(self.mismatch(ty, json, &format!("use padded standard base64 ({error})")))
                }
            },
            (Type::Enum(cases), Json::String(text)) => match index_of(cases, text) {
                Some(index) => Ok(Value::Enum(index)),
                None => Err(self.mismatch(ty, json, "use one of these spellings exactly")),
            },
            (Type::Literals(literals), _) => {
                match literals.iter().position(|literal| json_equal(literal, json)) {
                    Some(index) => Ok(Value::Literal(index)),
                    None => Err(self.mismatch(ty, json, "use one of these values exactly")),
                }
            }
            (Type::List(list), Json::Array(items)) => self.list(list, ty, items, json),
            (Type::Tuple(types), Json::Array(items)) => self.tuple(types, ty, items, json),
            (Type::Record(record), _) => self.record(record, json),
            (Type::Option(inner), _) => self.option(inner, ty, json),
            (Type::Variant(cases), Json::Object(object)) => self.variant(cases, ty, object, json),
            (Type::Flags(cases), Json::Array(items)) => self.flags(cases, ty, items, json),
            (Type::Result { ok, err }, _) => self.result(ok.as_deref(), err.as_deref(), ty, json),
            (Type::Map(inner), Json::Object(object)) => self.map(inner, object),
            (Type::OneOf(types), _) => self.one_of(types, ty, json),
            (Type::Any, _) => self.free(json, 0),
            _ => Err(self.mismatch(ty, json, advice_on_kind(ty, json))),
        }
    }

    fn mismatch(&self, ty: &Type, json: &Json, advice: &str) -> JsonError {
        self.mismatch_with(expected(ty), json, advice)
    }

    fn mismatch_with(&self, expected: String, json: &Json, advice: &str) -> JsonError {
        let (path, found) = (self.path.to_string(), found(json));
        JsonError::Mismatch { path, expected, found, advice: advice.to_owned() }
    }

    fn int(&self, int: &IntType, ty: &Type, json: &Json) -> Result<Value, JsonError> {
        let read = match json {
            Json::Number(number) => match integer::exact(number) {
                Some(value) => value,
                None => return Err(self.mismatch(ty, json, "write a whole number")),
            },
            Json::String(text) if int.is_wide() => match integer::parse(text) {
                Some(value) if !self.strict || !IntType::is_exact(value) => value,
                Some(_) => return Err(self.mismatch(ty, json, "write it without quotes")),
                None => return Err(self.mismatch(ty, json, "write decimal digits alone")),
            },
            _ => return Err(self.mismatch(ty, json, advice_on_kind(ty, json))),
        };
        if (int.min..=int.max).contains(&read) {
            Ok(Value::Int(read))
        } else {
            Err(self.mismatch(ty, json, "use a number in this range"))
        }
    }

    fn float(&self, float: &FloatType, ty: &Type, json: &Json) -> Result<Value, JsonError> {
        match json {
            Json::Number(number) => match float::read(float, number) {
                Some(double) => Ok(Value::Float(double)),
                None => Err(self.mismatch(ty, json, "use a number in this range")),
            },
            Json::String(text) if self.results => match float::read_non_finite(float, text) {
                Some(double) => Ok(Value::Float(double)),
                None => Err(self.mismatch(ty, json, advice_on_kind(ty, json))),
            },
            Json::String(text) if float::read_non_finite(float, text).is_some() => {
                Err(self.mismatch(ty, json, "arguments must be finite; use a number"))
            }
            _ => Err(self.mismatch(ty, json, advice_on_kind(ty, json))),
        }
    }

    fn char(&self, text: &str, json: &Json) -> Result<Value, JsonError> {
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => Ok(Value::Char(char)),
            _ => Err(self.mismatch(&Type::Char, json, "write exactly one Unicode scalar value")),
        }
    }

    fn string(
        &mut self,
        string: &'t StringType,
        ty: &Type,
        text: &str,
        json: &Json,
    ) -> Result<Value, JsonError> {
        let chars = text.chars().count() as u64;
        if chars < u64::from(string.chars_min) {
            return Err(self.mismatch(ty, json, "write a longer one"));
        }
        if string.chars_max.is_some_and(|max| chars > u64::from(max)) {
            return Err(self.mismatch(ty, json, "write a shorter one"));
        }
        if let Some(source) = &string.pattern {
            let regex = self.patterns.entry(source).or_insert_with(|| pattern::compile(source));
            if regex.as_ref().is_some_and(|regex| !regex.is_match(text)) {
                return Err(self.mismatch(ty, json, "write one that matches"));
            }
        }
        Ok(Value::String(text.to_owned()))
    }

    /// Reads what stands at an index.
    fn element(&mut self, index: usize, ty: &'t Type, json: &Json) -> Result<Value, JsonError> {
        self.path.push_index(index);
        let read = self.value(ty, json);
        self.path.pop();
        read
    }

    /// Reads what stands at a key.
    fn entry(&mut self, key: &str, ty: &'t Type, json: &Json) -> Result<Value, JsonError> {
        self.path.push_key(key);
        let read = self.value(ty, json);
        self.path.pop();
        read
    }

    fn list(
        &mut self,
        list: &'t ListType,
        ty: &Type,
        items: &[Json],
        json: &Json,
    ) -> Result<Value, JsonError> {
        let len = items.len() as u64;
        if len < u64::from(list.len_min) {
            return Err(self.mismatch(ty, json, "add elements"));
        }
        if list.len_max.is_some_and(|max| len > u64::from(max)) {
            return Err(self.mismatch(ty, json, "remove elements"));
        }
        let read =
            items.iter().enumerate().map(|(index, item)| self.element(index, &list.element, item));
        Ok(Value::List(read.collect::<Result<_, _>>()?))
    }

    fn tuple(
        &mut self,
        types: &'t [Type],
        ty: &Type,
        items: &[Json],
        json: &Json,
    ) -> Result<Value, JsonError> {
        if items.len() != types.len() {
            return Err(self.mismatch(ty, json, "write exactly that many"));
        }
        let pairs = types.iter().zip(items).enumerate();
        let read = pairs.map(|(index, (ty, item))| self.element(index, ty, item));
        Ok(Value::Tuple(read.collect::<Result<_, _>>()?))
    }

    pub(super) fn record(
        &mut self,
        record: &'t RecordType,
        json: &Json,
    ) -> Result<Value, JsonError> {
        let Json::Object(object) = json else {
            let keys = known_keys(record.fields.iter().map(|field| field.name.as_str()));
            return Err(self.mismatch_with(
                "an object".to_owned(),
                json,
                &format!("write an object with the keys {keys}"),
            ));
        };
        if let Some(key) = object.keys().find(|key| record.field(key).is_none()) {
            let known = known_keys(record.fields.iter().map(|field| field.name.as_str()));
            return Err(JsonError::Unknown { path: self.path.key(key), known });
        }
        let fields = record.fields.iter().map(|field| self.field(field, object));
        Ok(Value::Record(fields.collect::<Result<_, _>>()?))
    }

    fn field(
        &mut self,
        field: &'t Field,
        object: &Map<String, Json>,
    ) -> Result<Option<Value>, JsonError> {
        match (object.get(&field.name), &field.ty) {
            (Some(json), ty) => self.entry(&field.name, ty, json).map(Some),
            (None, Type::Option(_)) => Ok(Some(Value::Option(None))),
            (None, _) if !field.required => Ok(None),
            (None, ty) => {
                Err(JsonError::Missing { path: self.path.key(&field.name), expected: expected(ty) })
            }
        }
    }

    fn option(&mut self, inner: &'t Type, ty: &Type, json: &Json) -> Result<Value, JsonError> {
        if json.is_null() {
            return Ok(Value::Option(None));
        }
        let read = if wraps_some(inner) {
            match only_key(json) {
                Some(("some", payload)) => self.entry("some", inner, payload)?,
                _ => return Err(self.mismatch(ty, json, "write null or {\"some\": value}")),
            }
        } else {
            self.value(inner, json)?
        };
        Ok(Value::Option(Some(Box::new(read))))
    }

    fn variant(
        &mut self,
        cases: &'t [VariantCase],
        ty: &Type,
        object: &Map<String, Json>,
        json: &Json,
    ) -> Result<Value, JsonError> {
        let mut entries = object.iter();
        let (Some((name, payload)), None) = (entries.next(), entries.next()) else {
            return Err(self.mismatch(ty, json, "write exactly one key, the case"));
        };
        let Some(index) = cases.iter().position(|case| case.name == *name) else {
            let known = known_keys(cases.iter().map(|case| case.name.as_str()));
            return Err(JsonError::Unknown { path: self.path.key(name), known });
        };
        let payload = self.payload(name, cases[index].payload.as_ref(), payload)?;
        Ok(Value::Variant(index, payload))
    }

    /// Reads the payload at a key; `null` where the type has none.
    fn payload(
        &mut self,
        key: &str,
        ty: Option<&'t Type>,
        json: &Json,
    ) -> Result<Option<Box<Value>>, JsonError> {
        match ty {
            Some(ty) => self.entry(key, ty, json).map(|value| Some(Box::new(value))),
            None => self.entry(key, &Type::Null, json).map(|_| None),
        }
    }

    fn flags(
        &self,
        cases: &[Case],
        ty: &Type,
        items: &[Json],
        json: &Json,
    ) -> Result<Value, JsonError> {
        let mut set = BTreeSet::new();
        for item in items {
            let Some(index) = item.as_str().and_then(|text| index_of(cases, text)) else {
                let advice = format!("remove {}", found(item));
                return Err(self.mismatch(ty, json, &advice));
            };
            if !set.insert(index) {
                return Err(self.mismatch(ty, json, &format!("write {item} once")));
            }
        }
        Ok(Value::Flags(set.into_iter().collect()))
    }

    fn result(
        &mut self,
        ok: Option<&'t Type>,
        err: Option<&'t Type>,
        ty: &Type,
        json: &Json,
    ) -> Result<Value, JsonError> {
        match only_key(json) {
            Some(("error", payload)) => {
                Ok(Value::Result(Err(self.payload("error", err, payload)?)))
            }
            Some(("ok", payload)) if wraps_ok(ok) => {
                Ok(Value::Result(Ok(self.payload("ok", ok, payload)?)))
            }
            _ if wraps_ok(ok) => {
                Err(self.mismatch(ty, json, "write {\"ok\": value} or {\"error\": value}"))
            }
            _ => {
                let value = self.value(ok.unwrap_or(&Type::Null), json)?;
                Ok(Value::Result(Ok(ok.map(|_| Box::new(value)))))
            }
        }
    }

    fn map(&mut self, inner: &'t Type, object: &Map<String, Json>) -> Result<Value, JsonError> {
        let read =
            object.iter().map(|(key, json)| Ok((key.clone(), self.entry(key, inner, json)?)));
        Ok(Value::Map(read.collect::<Result<_, JsonError>>()?))
    }

    fn one_of(&mut self, types: &'t [Type], ty: &Type, json: &Json) -> Result<Value, JsonError> {
        let was_strict = self.strict;
        self.strict = true;
        let mut read = self.first_of(types, json);
        self.strict = was_strict;
        if read.is_err() && !was_strict {
            read = self.first_of(types, json);
        }
        // The error of an alternative that got further than this place says more than
        // a list of all the alternatives.
        read.map_err(|error| match error {
            Some(error) if error.path().len() > self.path.to_string().len() => error,
            _ => self.mismatch(ty, json, "write one of these"),
        })
    }

    /// The first alternative that admits the JSON, else the error that lies deepest.
    fn first_of(&mut self, types: &'t [Type], json: &Json) -> Result<Value, Option<JsonError>> {
        let mut deepest: Option<JsonError> = None;
        for (index, ty) in types.iter().enumerate() {
            match self.value(ty, json) {
                Ok(value) => return Ok(Value::Variant(index, Some(Box::new(value)))),
                Err(error) => {
                    let depth = deepest.as_ref().map_or(0, |deepest| deepest.path().len());
                    if error.path().len() > depth {
                        deepest = Some(error);
                    }
                }
            }
        }
        Err(deepest)
    }

    fn free(&mut self, json: &Json, depth: usize) -> Result<Value, JsonError> {
        if depth > FREE_DEPTH_MAX {
            return Err(JsonError::TooDeep {
                path: self.path.to_string(),
                depth_max: FREE_DEPTH_MAX,
            });
        }
        Ok(match json {
            Json::Null => Value::Null,
            Json::Bool(bool) => Value::Bool(*bool),
            Json::Number(number) => free_number(number),
            Json::String(text) => Value::String(text.clone()),
            Json::Array(items) => Value::List(
                items.iter().map(|item| self.free(item, depth + 1)).collect::<Result<_, _>>()?,
            ),
            Json::Object(object) => Value::Map(
                object
                    .iter()
                    .map(|(key, json)| Ok((key.clone(), self.free(json, depth + 1)?)))
                    .collect::<Result<_, JsonError>>()?,
            ),
        })
    }
}

/// `5` stays an integer and `5.0` a float, so that writing gives back the same text.
fn free_number(number: &Number) -> Value {
    match (number.as_i64(), number.as_u64()) {
        (Some(signed), _) => Value::Int(i128::from(signed)),
        (None, Some(unsigned)) => Value::Int(i128::from(unsigned)),
        (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
    }
}

fn index_of(cases: &[Case], text: &str) -> Option<usize> {
    cases.iter().position(|case| case.name == text)
}

/// Key and value of an object that has exactly one.
fn only_key(json: &Json) -> Option<(&str, &Json)> {
    let mut entries = json.as_object()?.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key.as_str(), value))
}

fn known_keys<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "(none: write {})".to_owned() } else { quoted.join(", ") }
}

/// What to do when the kind of JSON is wrong.
fn advice_on_kind(ty: &Type, json: &Json) -> &'static str {
    match (ty, json) {
        (Type::Bool | Type::Int(_) | Type::Float(_) | Type::Null, Json::String(_)) => {
            "write it without quotes"
        }
        (
            Type::String(_) | Type::Char | Type::Enum(_) | Type::Bytes,
            Json::Number(_) | Json::Bool(_),
        ) => "put it in quotes",
        (_, Json::Null) => "leave it out if it is optional, else give a value",
        (Type::List(_) | Type::Tuple(_) | Type::Flags(_), _) => "put it in an array: [value]",
        (Type::Variant(_), Json::String(_)) => {
            "write {\"case\": payload}, with null for no payload"
        }
        _ => "change its type",
    }
}
