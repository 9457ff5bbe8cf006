//! Typed values: what slots are filled with and what a sandbox is called with.

/// A value of a [`Type`](crate::types::Type).
///
/// `Any` has no variant of its own: a free JSON value is a `Null`, `Bool`, `Int`, `Float`,
/// `String`, `List` or `Map`. A `OneOf` value is a `Variant`: index of the alternative and its value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON `null` where the type is `Null` or `Any`.
    Null,
    /// Of `Bool`.
    Bool(bool),
    /// Of `Int`.
    Int(i128),
    /// Of `Float`. Not finite in results only.
    Float(f64),
    /// Of `Char`.
    Char(char),
    /// Of `String`.
    String(String),
    /// Of `Bytes`.
    Bytes(Vec<u8>),
    /// Of `Enum`: index of the case.
    Enum(usize),
    /// Of `Literals`: index of the literal.
    Literal(usize),
    /// Of `List`.
    List(Vec<Value>),
    /// Of `Tuple`.
    Tuple(Vec<Value>),
    /// Of `Record`: one entry a field, in the type's order; `None` where the field is absent.
    /// An absent `Type::Option` field is `Some(Value::Option(None))`, never `None`.
    Record(Vec<Option<Value>>),
    /// Of `Option`.
    Option(Option<Box<Value>>),
    /// Of `Variant` and `OneOf`: index of the case and its payload.
    Variant(usize, Option<Box<Value>>),
    /// Of `Flags`: indices that are set, ascending, unique.
    Flags(Vec<usize>),
    /// Of `Result`.
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// Of `Map`: keys are unique, in the order written.
    Map(Vec<(String, Value)>),
}
