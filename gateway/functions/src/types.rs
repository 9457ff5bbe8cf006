//! The one type system that WIT signatures and JSON Schemas are both read into.

use serde_json::Value as Json;

/// A type of a parameter, of a result, or of a part of either.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// JSON `null` alone.
    Null,
    /// `bool`.
    Bool,
    /// `u8`…`s64`, or a JSON Schema `integer`.
    Int(IntType),
    /// `f32`, `f64`, or a JSON Schema `number`.
    Float(FloatType),
    /// One Unicode scalar value.
    Char,
    /// `string`.
    String(StringType),
    /// `list<u8>`: base64 in JSON.
    Bytes,
    /// WIT `enum`, or a JSON Schema `enum` of strings alone.
    Enum(Vec<Case>),
    /// A JSON Schema `enum` or `const` that holds something other than strings.
    Literals(Vec<Json>),
    /// `list<T>`, or a JSON Schema `array` with one item type.
    List(ListType),
    /// `tuple<…>`, or a JSON Schema `array` with `prefixItems`.
    Tuple(Vec<Type>),
    /// `record`, or a JSON Schema `object` with `properties`.
    Record(RecordType),
    /// `option<T>`.
    Option(Box<Type>),
    /// `variant`: `{"case": payload}` in JSON.
    Variant(Vec<VariantCase>),
    /// `flags`: an array of unique enum strings in JSON.
    Flags(Vec<Case>),
    /// `result<T, E>`: in results only.
    Result {
        /// Payload of `ok`.
        ok: Option<Box<Type>>,
        /// Payload of `err`.
        err: Option<Box<Type>>,
    },
    /// A JSON Schema `object` with free keys, every value of one type.
    Map(Box<Type>),
    /// JSON Schema `anyOf`, `oneOf`, or a list of types.
    OneOf(Vec<Type>),
    /// Any JSON value (`{}` or `true` as a schema).
    Any,
}

/// Bounds of an integer, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntType {
    /// Smallest value.
    pub min: i128,
    /// Largest value.
    pub max: i128,
}

impl IntType {
    /// What JSON Schema's bare `integer` is read as.
    pub const S64: Self = Self { min: i64::MIN as i128, max: i64::MAX as i128 };
    /// WIT `u64`.
    pub const U64: Self = Self { min: 0, max: u64::MAX as i128 };

    /// Largest magnitude which every JSON reader keeps exact (2^53).
    pub const EXACT_MAX: i128 = 1 << 53;

    /// Whether every JSON reader keeps the integer exact.
    pub fn is_exact(value: i128) -> bool {
        (-Self::EXACT_MAX..=Self::EXACT_MAX).contains(&value)
    }

    /// Whether some values of this type are beyond ±2^53, and so may travel as JSON strings.
    pub fn is_wide(&self) -> bool {
        self.min < -Self::EXACT_MAX || self.max > Self::EXACT_MAX
    }
}

/// A floating-point number.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct FloatType {
    /// Whether it is an `f32`: values are rounded to it.
    pub single: bool,
    /// Smallest value, inclusive.
    pub min: Option<f64>,
    /// Largest value, inclusive.
    pub max: Option<f64>,
}

/// A string and what it must look like.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StringType {
    /// JSON Schema `format`, such as `date` or `email`.
    pub format: Option<String>,
    /// JSON Schema `pattern` (unanchored, as the standard has it).
    pub pattern: Option<String>,
    /// Fewest characters (Unicode scalar values).
    pub chars_min: u32,
    /// Most characters (Unicode scalar values).
    pub chars_max: Option<u32>,
}

/// A list of one element type.
#[derive(Clone, Debug, PartialEq)]
pub struct ListType {
    /// Type of every element.
    pub element: Box<Type>,
    /// Fewest elements.
    pub len_min: u32,
    /// Most elements.
    pub len_max: Option<u32>,
}

/// One spelling of an enum or of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// As written in JSON.
    pub name: String,
    /// What it means; empty when nobody said.
    pub doc: String,
}

/// One case of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantCase {
    /// As written in JSON.
    pub name: String,
    /// What it means; empty when nobody said.
    pub doc: String,
    /// What it carries.
    pub payload: Option<Type>,
}

/// Named fields in a fixed order. Parameters of a function are one of these.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RecordType {
    /// In the order in which they are written.
    pub fields: Vec<Field>,
}

/// A field of a record, or a parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// As written in JSON (WIT's kebab-case becomes snake_case).
    pub name: String,
    /// What it means; empty when nobody said.
    pub doc: String,
    /// WIT `option<T>` is `Type::Option`; an optional JSON property keeps its own type.
    pub ty: Type,
    /// Whether it must be written. Never true of a `Type::Option`.
    pub required: bool,
    /// What an absent one means, as the author said.
    pub default: Option<Json>,
}

impl RecordType {
    /// The field of that name and its index.
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, field)| field.name == name)
    }
}
