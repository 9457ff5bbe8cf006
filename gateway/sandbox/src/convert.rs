//! Values of the library to values of wasmtime and back, directed by the exported type.

use hyfunc_functions::Value;
use wasmtime::component::Val;
use wasmtime::component::types::{ComponentFunc, Type};

/// What a value counts as in the size of a result, beside the bytes of its text.
const VALUE_BYTES: usize = 8;

/// A WIT type, with the names by which wasmtime knows its parts. Read once, at load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Bool,
    U8,
    S8,
    U16,
    S16,
    U32,
    S32,
    U64,
    S64,
    F32,
    F64,
    Char,
    String,
    Bytes,
    List(Box<Shape>),
    Tuple(Vec<Shape>),
    Record(Vec<(String, Shape)>),
    Option(Box<Shape>),
    Variant(Vec<(String, Option<Shape>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Result { ok: Option<Box<Shape>>, err: Option<Box<Shape>> },
}

/// What an exported function takes and returns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signature {
    pub(crate) parameters: Vec<(String, Shape)>,
    pub(crate) returns: Option<Shape>,
}

/// A value that is not of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Innermost part first.
    path: Vec<String>,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// A result is larger than its limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// What is left of the size of a result.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_left: usize,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_left: bytes_max }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(TooLarge)?;
        Ok(())
    }
}

impl Mismatch {
    fn new(expected: impl Into<String>, found: &Value) -> Self {
        Self { path: Vec::new(), expected: expected.into(), found: describe(found) }
    }

    fn within(mut self, part: impl Into<String>) -> Self {
        self.path.push(part.into());
        self
    }

    /// Such as `address.city` or `tags[2]`.
    pub(crate) fn path(&self) -> String {
        let parts: String = self.path.iter().rev().map(String::as_str).collect();
        parts.trim_start_matches('.').to_owned()
    }
}

impl Signature {
    /// # Errors
    /// The reason why the function cannot be called.
    pub(crate) fn read(function: &ComponentFunc) -> Result<Self, String> {
        let parameters = function
            .params()
            .map(|(name, ty)| Ok((name.to_owned(), Shape::read(&ty)?)))
            .collect::<Result<_, String>>()?;
        let returns = function.results().next().map(|ty| Shape::read(&ty)).transpose()?;
        Ok(Self { parameters, returns })
    }

    /// The arguments of a call, in the order of the parameters.
    pub(crate) fn lower(&self, arguments: &Value) -> Result<Vec<Val>, Mismatch> {
        let expected = || format!("a record of {} parameters", self.parameters.len());
        let Value::Record(values) = arguments else {
            return Err(Mismatch::new(expected(), arguments));
        };
        if values.len() != self.parameters.len() {
            return Err(Mismatch::new(expected(), arguments));
        }
        self.parameters
            .iter()
            .zip(values)
            .map(|((name, shape), value)| {
                shape.lower_field(value.as_ref()).map_err(|error| error.within(format!(".{name}")))
            })
            .collect()
    }
}

impl Shape {
    fn read(ty: &Type) -> Result<Self, String> {
        let boxed = |ty: Type| Self::read(&ty).map(Box::new);
        Ok(match ty {
            Type::Bool => Self::Bool,
            Type::U8 => Self::U8,
            Type::S8 => Self::S8,
            Type::U16 => Self::U16,
            Type::S16 => Self::S16,
            Type::U32 => Self::U32,
            Type::S32 => Self::S32,
            Type::U64 => Self::U64,
            Type::S64 => Self::S64,
            Type::Float32 => Self::F32,
            Type::Float64 => Self::F64,
            Type::Char => Self::Char,
            Type::String => Self::String,
            Type::List(list) => match list.ty() {
                Type::U8 => Self::Bytes,
                element => Self::List(boxed(element)?),
            },
            Type::Tuple(tuple) => {
                Self::Tuple(tuple.types().map(|ty| Self::read(&ty)).collect::<Result<_, _>>()?)
            }
            Type::Record(record) => Self::Record(
                record
                    .fields()
                    .map(|field| Ok((field.name.to_owned(), Self::read(&field.ty)?)))
                    .collect::<Result<_, String>>()?,
            ),
            Type::Option(option) => Self::Option(boxed(option.ty())?),
            Type::Variant(variant) => Self::Variant(
                variant
                    .cases()
                    .map(|case| {
                        let payload = case.ty.map(|ty| Self::read(&ty)).transpose()?;
                        Ok((case.name.to_owned(), payload))
                    })
                    .collect::<Result<_, String>>()?,
            ),
            Type::Enum(cases) => Self::Enum(cases.names().map(str::to_owned).collect()),
            Type::Flags(flags) => Self::Flags(flags.names().map(str::to_owned).collect()),
            Type::Result(result) => Self::Result {
                ok: result.ok().map(boxed).transpose()?,
                err: result.err().map(boxed).transpose()?,
            },
            other => return Err(format!("its type holds {other:?}, which is not a value")),
        })
    }

    /// An absent field is an absent option.
    fn lower_field(&self, value: Option<&Value>) -> Result<Val, Mismatch> {
        match (self, value) {
            (_, Some(value)) => self.lower(value),
            (Self::Option(_), None) => Ok(Val::Option(None)),
            (_, None) => Err(Mismatch {
                path: Vec::new(),
                expected: self.describe(),
                found: "nothing".to_owned(),
            }),
        }
    }

    /// A value as wasmtime takes it.
    pub(crate) fn lower(&self, value: &Value) -> Result<Val, Mismatch> {
        let mismatch = || Mismatch::new(self.describe(), value);
        Ok(match (self, value) {
            (Self::Bool, Value::Bool(value)) => Val::Bool(*value),
            (_, Value::Int(value)) => self.lower_int(*value).ok_or_else(mismatch)?,
            (Self::F32, Value::Float(value)) => Val::Float32(*value as f32),
            (Self::F64, Value::Float(value)) => Val::Float64(*value),
            (Self::Char, Value::Char(value)) => Val::Char(*value),
            (Self::String, Value::String(value)) => Val::String(value.clone()),
            (Self::Bytes, Value::Bytes(value)) => {
                Val::List(value.iter().map(|byte| Val::U8(*byte)).collect())
            }
            (Self::List(element), Value::List(values)) => {
                Val::List(lower_indexed(values.iter().map(|value| (element.as_ref(), value)))?)
            }
            (Self::Tuple(shapes), Value::Tuple(values)) if shapes.len() == values.len() => {
                Val::Tuple(lower_indexed(shapes.iter().zip(values))?)
            }
            (Self::Record(fields), Value::Record(values)) if fields.len() == values.len() => {
                let pairs = fields.iter().zip(values).map(|((name, shape), value)| {
                    let value = shape.lower_field(value.as_ref());
                    Ok((name.clone(), value.map_err(|error| error.within(format!(".{name}")))?))
                });
                Val::Record(pairs.collect::<Result<_, _>>()?)
            }
            (Self::Option(_), Value::Option(None)) => Val::Option(None),
            (Self::Option(shape), Value::Option(Some(value))) => {
                Val::Option(Some(Box::new(shape.lower(value)?)))
            }
            (Self::Variant(cases), Value::Variant(index, payload)) => {
                let (name, shape) = cases.get(*index).ok_or_else(mismatch)?;
                let payload = lower_payload(shape.as_ref(), payload.as_deref());
                let payload = payload.ok_or_else(mismatch)?;
                let payload = payload.map_err(|error| error.within(format!(".{name}")))?;
                Val::Variant(name.clone(), payload)
            }
            (Self::Enum(names), Value::Enum(index)) => {
                Val::Enum(names.get(*index).ok_or_else(mismatch)?.clone())
            }
            (Self::Flags(names), Value::Flags(indices)) => {
                let set = indices.iter().map(|index| names.get(*index).cloned());
                Val::Flags(set.collect::<Option<_>>().ok_or_else(mismatch)?)
            }
            (Self::Result { ok, err }, Value::Result(value)) => {
                let lower = |shape: &Option<Box<Self>>, value: &Option<Box<Value>>| {
                    lower_payload(shape.as_deref(), value.as_deref()).ok_or_else(mismatch)?
                };
                Val::Result(match value {
                    Ok(value) => Ok(lower(ok, value)?),
                    Err(value) => Err(lower(err, value)?),
                })
            }
            _ => return Err(mismatch()),
        })
    }

    fn lower_int(&self, value: i128) -> Option<Val> {
        match self {
            Self::U8 => u8::try_from(value).ok().map(Val::U8),
            Self::S8 => i8::try_from(value).ok().map(Val::S8),
            Self::U16 => u16::try_from(value).ok().map(Val::U16),
            Self::S16 => i16::try_from(value).ok().map(Val::S16),
            Self::U32 => u32::try_from(value).ok().map(Val::U32),
            Self::S32 => i32::try_from(value).ok().map(Val::S32),
            Self::U64 => u64::try_from(value).ok().map(Val::U64),
            Self::S64 => i64::try_from(value).ok().map(Val::S64),
            _ => None,
        }
    }

    /// A value as the library takes it. wasmtime checked its type.
    pub(crate) fn lift(&self, val: Val, budget: &mut Budget) -> Result<Value, TooLarge> {
        budget.spend(VALUE_BYTES)?;
        Ok(match (self, val) {
            (Self::Bytes, Val::List(vals)) => {
                budget.spend(vals.len())?;
                Value::Bytes(vals.into_iter().map(byte).collect())
            }
            (Self::List(element), Val::List(vals)) => Value::List(
                vals.into_iter().map(|val| element.lift(val, budget)).collect::<Result<_, _>>()?,
            ),
            (Self::Tuple(shapes), Val::Tuple(vals)) => Value::Tuple(
                shapes
                    .iter()
                    .zip(vals)
                    .map(|(shape, val)| shape.lift(val, budget))
                    .collect::<Result<_, _>>()?,
            ),
            (Self::Record(fields), Val::Record(vals)) => Value::Record(
                fields
                    .iter()
                    .zip(vals)
                    .map(|((_, shape), (_, val))| shape.lift(val, budget).map(Some))
                    .collect::<Result<_, _>>()?,
            ),
            (Self::Option(shape), Val::Option(val)) => {
                Value::Option(lift_payload(Some(shape), val, budget)?)
            }
            (Self::Variant(cases), Val::Variant(name, payload)) => {
                let index = position(cases.iter().map(|(name, _)| name), &name);
                Value::Variant(index, lift_payload(cases[index].1.as_ref(), payload, budget)?)
            }
            (Self::Enum(names), Val::Enum(name)) => Value::Enum(position(names.iter(), &name)),
            (Self::Flags(names), Val::Flags(set)) => {
                let mut indices: Vec<usize> =
                    set.iter().map(|name| position(names.iter(), name)).collect();
                indices.sort_unstable();
                Value::Flags(indices)
            }
            (Self::Result { ok, err }, Val::Result(val)) => Value::Result(match val {
                Ok(val) => Ok(lift_payload(ok.as_deref(), val, budget)?),
                Err(val) => Err(lift_payload(err.as_deref(), val, budget)?),
            }),
            (_, val) => lift_scalar(val, budget)?,
        })
    }

    fn describe(&self) -> String {
        let range = |min: i128, max: i128| format!("an integer from {min} to {max}");
        match self {
            Self::Bool => "a boolean".to_owned(),
            Self::U8 => range(0, u8::MAX.into()),
            Self::S8 => range(i8::MIN.into(), i8::MAX.into()),
            Self::U16 => range(0, u16::MAX.into()),
            Self::S16 => range(i16::MIN.into(), i16::MAX.into()),
            Self::U32 => range(0, u32::MAX.into()),
            Self::S32 => range(i32::MIN.into(), i32::MAX.into()),
            Self::U64 => range(0, u64::MAX.into()),
            Self::S64 => range(i64::MIN.into(), i64::MAX.into()),
            Self::F32 | Self::F64 => "a number".to_owned(),
            Self::Char => "a character".to_owned(),
            Self::String => "a string".to_owned(),
            Self::Bytes => "bytes".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Tuple(shapes) => format!("a tuple of {}", shapes.len()),
            Self::Record(fields) => format!("a record of {} fields", fields.len()),
            Self::Option(shape) => format!("{} or nothing", shape.describe()),
            Self::Variant(cases) => format!("one of {} cases with its payload", cases.len()),
            Self::Enum(names) => format!("one of {}", names.join(", ")),
            Self::Flags(names) => format!("some of {}", names.join(", ")),
            Self::Result { .. } => "a result".to_owned(),
        }
    }
}

fn lower_indexed<'a>(
    pairs: impl Iterator<Item = (&'a Shape, &'a Value)>,
) -> Result<Vec<Val>, Mismatch> {
    pairs
        .enumerate()
        .map(|(index, (shape, value))| {
            shape.lower(value).map_err(|error| error.within(format!("[{index}]")))
        })
        .collect()
}

/// None where one has a payload and the other has not.
fn lower_payload(
    shape: Option<&Shape>,
    value: Option<&Value>,
) -> Option<Result<Option<Box<Val>>, Mismatch>> {
    match (shape, value) {
        (Some(shape), Some(value)) => Some(shape.lower(value).map(|val| Some(Box::new(val)))),
        (None, None) => Some(Ok(None)),
        _ => None,
    }
}

fn lift_payload(
    shape: Option<&Shape>,
    val: Option<Box<Val>>,
    budget: &mut Budget,
) -> Result<Option<Box<Value>>, TooLarge> {
    match (shape, val) {
        (Some(shape), Some(val)) => Ok(Some(Box::new(shape.lift(*val, budget)?))),
        _ => Ok(None),
    }
}

fn lift_scalar(val: Val, budget: &mut Budget) -> Result<Value, TooLarge> {
    Ok(match val {
        Val::Bool(value) => Value::Bool(value),
        Val::U8(value) => Value::Int(value.into()),
        Val::S8(value) => Value::Int(value.into()),
        Val::U16(value) => Value::Int(value.into()),
        Val::S16(value) => Value::Int(value.into()),
        Val::U32(value) => Value::Int(value.into()),
        Val::S32(value) => Value::Int(value.into()),
        Val::U64(value) => Value::Int(value.into()),
        Val::S64(value) => Value::Int(value.into()),
        Val::Float32(value) => Value::Float(value.into()),
        Val::Float64(value) => Value::Float(value),
        Val::Char(value) => Value::Char(value),
        Val::String(value) => {
            budget.spend(value.len())?;
            Value::String(value)
        }
        other => unreachable!("wasmtime returned {other:?} for a type that has no such value"),
    })
}

fn byte(val: Val) -> u8 {
    match val {
        Val::U8(byte) => byte,
        other => unreachable!("wasmtime returned {other:?} in a list of u8"),
    }
}

fn position<'a>(mut names: impl Iterator<Item = &'a String>, name: &str) -> usize {
    names.position(|other| other == name).expect("wasmtime returns the names of the type")
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Char(value) => format!("'{value}'"),
        Value::String(_) => "a string".to_owned(),
        Value::Bytes(_) => "bytes".to_owned(),
        Value::Enum(index) => format!("case {index}"),
        Value::Literal(index) => format!("literal {index}"),
        Value::List(values) => format!("a list of {}", values.len()),
        Value::Tuple(values) => format!("a tuple of {}", values.len()),
        Value::Record(values) => format!("a record of {} fields", values.len()),
        Value::Option(_) => "an option".to_owned(),
        Value::Variant(index, _) => format!("case {index} of a variant"),
        Value::Flags(indices) => format!("flags {indices:?}"),
        Value::Result(_) => "a result".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}
