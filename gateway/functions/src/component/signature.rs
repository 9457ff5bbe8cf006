//! A component function's type, as a [`Function`].

use wasmparser::PrimitiveValType;
use wasmparser::component_types::{
    ComponentDefinedType, ComponentFuncTypeId, ComponentValType, RecordType as WitRecord,
    VariantType as WitVariant,
};
use wasmparser::types::TypesRef;

use super::ComponentLimits;
use crate::function::{Export, Function};
use crate::names::to_snake;
use crate::properties;
use crate::types::{
    Case, Field, FloatType, IntType, ListType, RecordType, StringType, Type, VariantCase,
};

/// Reads one signature, within limits of its own.
pub(super) struct Reader<'a> {
    types: TypesRef<'a>,
    nodes_left: usize,
    nodes_max: usize,
    depth_max: usize,
    properties_max: usize,
}

/// What does not fit, and where: innermost part of the path first.
struct Unfit {
    path: Vec<String>,
    reason: String,
}

impl Unfit {
    fn new(reason: impl Into<String>) -> Self {
        Self { path: Vec::new(), reason: reason.into() }
    }

    fn within(mut self, part: impl Into<String>) -> Self {
        self.path.push(part.into());
        self
    }

    fn describe(self, subject: &str) -> String {
        let path: String = self.path.into_iter().rev().collect();
        if path.is_empty() {
            format!("{subject}: {}", self.reason)
        } else {
            format!("{subject}, at `{}`: {}", path.trim_start_matches('.'), self.reason)
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(types: TypesRef<'a>, limits: &ComponentLimits) -> Self {
        Self {
            types,
            nodes_left: limits.type_nodes_max,
            nodes_max: limits.type_nodes_max,
            depth_max: limits.type_depth_max,
            properties_max: limits.properties_max,
        }
    }

    /// The function, without docs; or why it cannot be called.
    pub(super) fn read(
        mut self,
        name: String,
        export: Export,
        id: ComponentFuncTypeId,
    ) -> Result<Function, String> {
        let types = self.types;
        let Some(signature) = types.get(id) else {
            return Err("its type is missing".to_owned());
        };
        let mut parameters = RecordType::default();
        for (name, ty) in &signature.params {
            let ty = self
                .convert(ty, 0)
                .map_err(|unfit| unfit.describe(&format!("parameter `{name}`")))?;
            parameters.fields.push(field(name, ty));
        }
        self.check_properties(&parameters)?;
        let returns = match &signature.result {
            Some(ty) => {
                Some(self.convert_result(ty).map_err(|unfit| unfit.describe("its result"))?)
            }
            None => None,
        };
        Ok(Function {
            name,
            description: String::new(),
            parameters,
            returns,
            examples: Vec::new(),
            reply: None,
            export: Some(export),
        })
    }

    /// The models decide about each of them, for every request that may call the function.
    fn check_properties(&self, parameters: &RecordType) -> Result<(), String> {
        let (properties, properties_max) = (properties::count(parameters), self.properties_max);
        if properties <= properties_max {
            return Ok(());
        }
        Err(format!(
            "its parameters have {properties} properties, fields of records and flags counted, \
             more than the {properties_max} that are read: take fewer, or split the function"
        ))
    }

    /// The one place where a `result` may stand.
    fn convert_result(&mut self, ty: &ComponentValType) -> Result<Type, Unfit> {
        let types = self.types;
        if let ComponentValType::Type(id) = ty
            && let Some(ComponentDefinedType::Result { ok, err }) = types.get(*id)
        {
            let mut side = |ty: &Option<ComponentValType>, name: &str| match ty {
                Some(ty) => {
                    let ty = self.convert(ty, 1).map_err(|unfit| unfit.within(name))?;
                    Ok(Some(Box::new(ty)))
                }
                None => Ok(None),
            };
            return Ok(Type::Result { ok: side(ok, ".ok")?, err: side(err, ".err")? });
        }
        self.convert(ty, 0)
    }

    fn convert(&mut self, ty: &ComponentValType, depth: usize) -> Result<Type, Unfit> {
        self.count(1)?;
        if depth > self.depth_max {
            return Err(Unfit::new(format!("its type nests deeper than {}", self.depth_max)));
        }
        let types = self.types;
        match ty {
            ComponentValType::Primitive(primitive) => convert_primitive(*primitive),
            ComponentValType::Type(id) => match types.get(*id) {
                Some(defined) => self.convert_defined(defined, depth + 1),
                None => Err(Unfit::new("its type is missing")),
            },
        }
    }

    fn convert_defined(&mut self, ty: &ComponentDefinedType, depth: usize) -> Result<Type, Unfit> {
        let refuse = |what: &str| Err(Unfit::new(format!("{what} cannot be written as JSON")));
        match ty {
            ComponentDefinedType::Primitive(primitive) => convert_primitive(*primitive),
            ComponentDefinedType::Record(record) => self.convert_record(record, depth),
            ComponentDefinedType::Variant(variant) => self.convert_variant(variant, depth),
            ComponentDefinedType::List(element) => self.convert_list(element, depth),
            ComponentDefinedType::Tuple(tuple) => {
                let convert = |(index, ty)| {
                    self.convert(ty, depth).map_err(|unfit| unfit.within(format!("[{index}]")))
                };
                tuple
                    .types
                    .iter()
                    .enumerate()
                    .map(convert)
                    .collect::<Result<_, _>>()
                    .map(Type::Tuple)
            }
            ComponentDefinedType::Flags(flags) => {
                self.count(flags.len())?;
                Ok(Type::Flags(flags.iter().map(|name| case(name)).collect()))
            }
            ComponentDefinedType::Enum(cases) => {
                self.count(cases.len())?;
                Ok(Type::Enum(cases.iter().map(|name| case(name)).collect()))
            }
            ComponentDefinedType::Option(some) => {
                self.convert(some, depth).map(|some| Type::Option(Box::new(some)))
            }
            ComponentDefinedType::Result { .. } => Err(Unfit::new(
                "a `result` can stand for a function's whole result only: use a `variant` or an `option`",
            )),
            ComponentDefinedType::Own(_) => refuse("a resource (`own`)"),
            ComponentDefinedType::Borrow(_) => refuse("a resource (`borrow`)"),
            ComponentDefinedType::Future(_) => refuse("a `future`"),
            ComponentDefinedType::Stream(_) => refuse("a `stream`"),
            ComponentDefinedType::Map(..) => {
                Err(Unfit::new("a `map` is not supported: use a `list<tuple<key, value>>`"))
            }
            ComponentDefinedType::FixedLengthList(..) => Err(Unfit::new(
                "a `list` of fixed length is not supported: use a `list` or a `tuple`",
            )),
        }
    }

    fn convert_record(&mut self, record: &WitRecord, depth: usize) -> Result<Type, Unfit> {
        let mut fields = Vec::with_capacity(record.fields.len());
        for (name, ty) in &record.fields {
            let ty = self
                .convert(ty, depth)
                .map_err(|unfit| unfit.within(format!(".{}", to_snake(name))))?;
            fields.push(field(name, ty));
        }
        Ok(Type::Record(RecordType { fields }))
    }

    fn convert_variant(&mut self, variant: &WitVariant, depth: usize) -> Result<Type, Unfit> {
        self.count(variant.cases.len())?;
        let mut cases = Vec::with_capacity(variant.cases.len());
        for (name, case) in &variant.cases {
            let payload = match &case.ty {
                Some(ty) => Some(
                    self.convert(ty, depth).map_err(|unfit| unfit.within(format!(".{name}")))?,
                ),
                None => None,
            };
            cases.push(VariantCase { name: name.to_string(), doc: String::new(), payload });
        }
        Ok(Type::Variant(cases))
    }

    fn convert_list(&mut self, element: &ComponentValType, depth: usize) -> Result<Type, Unfit> {
        if self.is_byte(element) {
            return Ok(Type::Bytes);
        }
        let element = self.convert(element, depth).map_err(|unfit| unfit.within("[]"))?;
        Ok(Type::List(ListType { element: Box::new(element), len_min: 0, len_max: None }))
    }

    /// `u8`, under whatever name.
    fn is_byte(&self, ty: &ComponentValType) -> bool {
        match ty {
            ComponentValType::Primitive(primitive) => *primitive == PrimitiveValType::U8,
            ComponentValType::Type(id) => matches!(
                self.types.get(*id),
                Some(ComponentDefinedType::Primitive(PrimitiveValType::U8))
            ),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), Unfit> {
        match self.nodes_left.checked_sub(nodes) {
            Some(left) => {
                self.nodes_left = left;
                Ok(())
            }
            None => Err(Unfit::new(format!(
                "the signature has more than {} types, fields and cases: simplify it",
                self.nodes_max
            ))),
        }
    }
}

fn convert_primitive(ty: PrimitiveValType) -> Result<Type, Unfit> {
    let int = |min: i128, max: i128| Type::Int(IntType { min, max });
    Ok(match ty {
        PrimitiveValType::Bool => Type::Bool,
        PrimitiveValType::U8 => int(0, u8::MAX.into()),
        PrimitiveValType::S8 => int(i8::MIN.into(), i8::MAX.into()),
        PrimitiveValType::U16 => int(0, u16::MAX.into()),
        PrimitiveValType::S16 => int(i16::MIN.into(), i16::MAX.into()),
        PrimitiveValType::U32 => int(0, u32::MAX.into()),
        PrimitiveValType::S32 => int(i32::MIN.into(), i32::MAX.into()),
        PrimitiveValType::U64 => Type::Int(IntType::U64),
        PrimitiveValType::S64 => Type::Int(IntType::S64),
        PrimitiveValType::F32 => Type::Float(FloatType { single: true, min: None, max: None }),
        PrimitiveValType::F64 => Type::Float(FloatType::default()),
        PrimitiveValType::Char => Type::Char,
        PrimitiveValType::String => Type::String(StringType::default()),
        PrimitiveValType::ErrorContext => {
            return Err(Unfit::new("an `error-context` cannot be written as JSON: use a `string`"));
        }
    })
}

fn field(name: &str, ty: Type) -> Field {
    let required = !matches!(ty, Type::Option(_));
    Field { name: to_snake(name), doc: String::new(), ty, required, default: None }
}

fn case(name: &str) -> Case {
    Case { name: name.to_owned(), doc: String::new() }
}
