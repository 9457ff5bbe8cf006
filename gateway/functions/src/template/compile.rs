//! Types compiled into nodes: what is fixed about each is spelled once, at load.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Alternative, ChoiceKind, SlotType, Spelling, TemplateLimits, spell};
use crate::json;
use crate::types::{Case, FloatType, IntType, ListType, RecordType, StringType, Type, VariantCase};
use crate::value::Value;

/// Index of a node in its tree.
pub(super) type NodeId = usize;

/// All nodes of one template. A free JSON value is one node that leads back to itself, so what is
/// here is finite; how deep it may be walked is up to `limits.depth_max`.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) spelling: Spelling,
    pub(super) limits: TemplateLimits,
    nodes: Vec<Node>,
    root: NodeId,
    /// The node of free JSON values, once one was met.
    free: Option<NodeId>,
}

#[derive(Debug)]
pub(super) enum Node {
    Null,
    /// `Bool`, `Enum`, `Literals`.
    Pick {
        kind: ChoiceKind,
        alternatives: Vec<Alternative>,
    },
    Slot(SlotType),
    Flags(Vec<Flag>),
    List {
        element: NodeId,
        len_min: usize,
        len_max: usize,
    },
    Tuple(Vec<NodeId>),
    Record(Vec<FieldNode>),
    /// Where `wrapped`, JSON has `{"some": value}`.
    Option {
        inner: NodeId,
        wrapped: bool,
    },
    Case {
        tag: Tag,
        cases: Vec<CaseNode>,
    },
    Map {
        value: NodeId,
        keys_max: usize,
    },
}

/// What a decided case becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// `Value::Variant`, of a variant or a `OneOf`.
    Variant,
    /// `Value::Result`.
    Result,
    /// The payload itself: a free JSON value.
    Free,
}

#[derive(Debug)]
pub(super) struct Flag {
    pub(super) name: String,
    /// With quotes and escapes, without separator.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct FieldNode {
    pub(super) name: String,
    pub(super) doc: Arc<str>,
    /// Escaped for a `PATH` or a JSON string.
    pub(super) spelled: String,
    pub(super) presence: Presence,
    /// Of an option, what is inside.
    pub(super) node: NodeId,
}

/// When a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    /// `None` in the record where absent.
    Optional,
    /// `Value::Option` in the record; where `wrapped`, JSON has `{"some": value}`.
    Option {
        wrapped: bool,
    },
}

#[derive(Debug)]
pub(super) struct CaseNode {
    pub(super) label: String,
    pub(super) doc: Arc<str>,
    /// Everything that comes before the payload.
    pub(super) open: String,
    /// Everything that comes after it.
    pub(super) close: &'static str,
    pub(super) payload: Payload,
    /// Whether its payload may hold the same node again.
    pub(super) nests: bool,
}

#[derive(Debug)]
pub(super) enum Payload {
    None,
    /// Written as part of `open`.
    Null,
    Node(NodeId),
}

impl Tree {
    pub(super) fn new(parameters: &RecordType, spelling: Spelling, limits: TemplateLimits) -> Self {
        let mut tree = Self { spelling, limits, nodes: Vec::new(), root: 0, free: None };
        tree.root = tree.record(parameters);
        tree
    }

    pub(super) fn root(&self) -> NodeId {
        self.root
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn compile(&mut self, ty: &Type) -> NodeId {
        let node = match ty {
            Type::Any => return self.free(),
            Type::Record(record) => return self.record(record),
            Type::Null => Node::Null,
            Type::Bool => {
                self.pick(ChoiceKind::Boolean, [Json::from(true), Json::from(false)].iter())
            }
            Type::Int(int) => Node::Slot(SlotType::Int(*int)),
            Type::Float(float) => Node::Slot(SlotType::Float(*float)),
            Type::Char => Node::Slot(SlotType::Char),
            Type::String(string) => Node::Slot(SlotType::String(string.clone())),
            Type::Bytes => Node::Slot(SlotType::Bytes),
            Type::Enum(cases) => Node::Pick {
                kind: ChoiceKind::Enum,
                alternatives: cases.iter().map(|case| self.enum_case(case)).collect(),
            },
            Type::Literals(literals) => self.pick(ChoiceKind::Literal, literals.iter()),
            Type::List(list) => self.list(list),
            Type::Tuple(types) => Node::Tuple(types.iter().map(|ty| self.compile(ty)).collect()),
            Type::Option(inner) => {
                Node::Option { inner: self.compile(inner), wrapped: json::admits_null(inner) }
            }
            Type::Variant(cases) => self.variant(cases),
            Type::Flags(cases) => Node::Flags(cases.iter().map(|case| self.flag(case)).collect()),
            Type::Result { ok, err } => self.result(ok.as_deref(), err.as_deref()),
            Type::Map(value) => {
                Node::Map { value: self.compile(value), keys_max: self.limits.keys_max as usize }
            }
            Type::OneOf(types) => self.one_of(types),
        };
        self.push(node)
    }

    /// Choices between JSON values, written as JSON in both spellings.
    fn pick<'j>(&self, kind: ChoiceKind, literals: impl Iterator<Item = &'j Json>) -> Node {
        let alternative = |literal: &Json| {
            let text = spell::python_json(literal);
            let spelled = match self.spelling {
                Spelling::Param => spell::escape_text(&text),
                Spelling::Hermes | Spelling::Llama => text.clone(),
                Spelling::Bracket => spell::python_literal(literal),
            };
            Alternative::new(text, spelled)
        };
        Node::Pick { kind, alternatives: literals.map(alternative).collect() }
    }

    fn enum_case(&self, case: &Case) -> Alternative {
        Alternative::new(&*case.name, self.quoted(&case.name))
    }

    fn flag(&self, case: &Case) -> Flag {
        Flag { name: case.name.clone(), text: self.quoted(&case.name) }
    }

    /// A string that the template fixes, as a value.
    fn quoted(&self, text: &str) -> String {
        match self.spelling {
            Spelling::Param => spell::escape_text(text),
            Spelling::Hermes | Spelling::Llama | Spelling::Bracket => {
                format!("\"{}\"", spell::escape_json(text))
            }
        }
    }

    fn list(&mut self, list: &ListType) -> Node {
        let len_min = list.len_min as usize;
        let len_max = list.len_max.unwrap_or(u32::MAX).min(self.limits.list_len_max) as usize;
        Node::List { element: self.compile(&list.element), len_min, len_max: len_max.max(len_min) }
    }

    fn record(&mut self, record: &RecordType) -> NodeId {
        let fields = record.fields.iter().map(|field| {
            let (presence, ty) = match &field.ty {
                Type::Option(inner) => {
                    (Presence::Option { wrapped: json::admits_null(inner) }, &**inner)
                }
                ty if field.required => (Presence::Always, ty),
                ty => (Presence::Optional, ty),
            };
            let spelled = match self.spelling {
                Spelling::Param => spell::escape_name(&field.name),
                Spelling::Hermes | Spelling::Llama | Spelling::Bracket => {
                    spell::escape_json(&field.name)
                }
            };
            let doc = Arc::from(field.doc.as_str());
            FieldNode { name: field.name.clone(), doc, spelled, presence, node: self.compile(ty) }
        });
        let fields = fields.collect();
        self.push(Node::Record(fields))
    }

    fn variant(&mut self, cases: &[VariantCase]) -> Node {
        let cases = cases.iter().map(|case| {
            let object = CaseJson::Object(&case.name);
            self.case(&case.name, &case.doc, object, case.payload.as_ref())
        });
        Node::Case { tag: Tag::Variant, cases: cases.collect() }
    }

    fn result(&mut self, ok: Option<&Type>, err: Option<&Type>) -> Node {
        let ok_json = if json::wraps_ok(ok) { CaseJson::Object("ok") } else { CaseJson::Bare };
        let cases = vec![
            self.case("ok", "", ok_json, ok),
            self.case("error", "", CaseJson::Object("error"), err),
        ];
        Node::Case { tag: Tag::Result, cases }
    }

    fn one_of(&mut self, types: &[Type]) -> Node {
        let mut labels: Vec<String> = Vec::with_capacity(types.len());
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for ty in types {
            let kind = kind_of(ty);
            let count = counts.entry(kind).or_default();
            *count += 1;
            labels.push(if *count == 1 { kind.to_owned() } else { format!("{kind}{count}") });
        }
        let cases = labels
            .iter()
            .zip(types)
            .map(|(label, ty)| self.case(label, "", CaseJson::Bare, Some(ty)))
            .collect();
        Node::Case { tag: Tag::Variant, cases }
    }

    /// The node of free JSON values: one for the whole tree.
    fn free(&mut self) -> NodeId {
        if let Some(id) = self.free {
            return id;
        }
        let id = self.push(Node::Null);
        self.free = Some(id);
        let unbounded =
            |element| ListType { element: Box::new(element), len_min: 0, len_max: None };
        let kinds = [
            Type::Null,
            Type::Bool,
            Type::Int(IntType { min: IntType::S64.min, max: IntType::U64.max }),
            Type::Float(FloatType::default()),
            Type::String(StringType::default()),
            Type::List(unbounded(Type::Any)),
            Type::Map(Box::new(Type::Any)),
        ];
        let cases = kinds.iter().map(|ty| CaseNode {
            nests: matches!(ty, Type::List(_) | Type::Map(_)),
            ..self.case(kind_of(ty), "", CaseJson::Bare, Some(ty))
        });
        let cases = cases.collect();
        self.nodes[id] = Node::Case { tag: Tag::Free, cases };
        id
    }

    fn case(
        &mut self,
        label: &str,
        doc: &str,
        json: CaseJson<'_>,
        payload: Option<&Type>,
    ) -> CaseNode {
        let (label, doc) = (label.to_owned(), Arc::from(doc));
        let payload = match payload {
            None => Payload::None,
            Some(Type::Null) => Payload::Null,
            Some(ty) => Payload::Node(self.compile(ty)),
        };
        let bare = matches!(payload, Payload::None | Payload::Null);
        let (open, close) = match (self.spelling, json) {
            (Spelling::Param, _) if bare => (spell::escape_name(&label), ""),
            (Spelling::Param, _) => (spell::escape_name(&label) + ":", ""),
            (spelling, CaseJson::Bare) if bare => (spell::null(spelling).to_owned(), ""),
            (_, CaseJson::Bare) => (String::new(), ""),
            (spelling, CaseJson::Object(key)) => {
                let null = if bare { spell::null(spelling) } else { "" };
                (format!("{{\"{}\": {null}", spell::escape_json(key)), "}")
            }
        };
        CaseNode { label, doc, open, close, payload, nests: false }
    }
}

/// How JSON tells a case from its siblings.
#[derive(Clone, Copy)]
enum CaseJson<'a> {
    /// It does not: the payload stands alone.
    Bare,
    /// `{"key": payload}`.
    Object(&'a str),
}

/// What a value of the type is called among alternatives.
fn kind_of(ty: &Type) -> &'static str {
    match ty {
        Type::Null => "null",
        Type::Bool => "boolean",
        Type::Int(_) => "integer",
        Type::Float(_) => "number",
        Type::Char => "character",
        Type::String(_) => "string",
        Type::Bytes => "bytes",
        Type::Enum(_) => "option",
        Type::Literals(_) => "literal",
        Type::List(_) => "array",
        Type::Tuple(_) => "tuple",
        Type::Record(_) | Type::Map(_) => "object",
        Type::Option(_) => "optional",
        Type::Variant(_) => "variant",
        Type::Flags(_) => "flags",
        Type::Result { .. } => "result",
        Type::OneOf(_) => "alternative",
        Type::Any => "any",
    }
}

impl Payload {
    /// The value of a payload that has nothing to decide.
    pub(super) fn fixed(&self) -> Option<Value> {
        match self {
            Self::Null => Some(Value::Null),
            Self::None | Self::Node(_) => None,
        }
    }
}
