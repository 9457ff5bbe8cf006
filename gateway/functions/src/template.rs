//! What may be decided about a call: fixed text, choices and slots, and nothing else.
//!
//! A [`Template`] is built from a function's parameters and never from an answer. A [`Cursor`]
//! walks it: at every [`Step`] it either hands out text to inject ([`Step::Fixed`]), asks for one
//! of some fixed spellings ([`Step::Choice`]) or for one free value ([`Step::Slot`]). Whoever
//! answers, random weights included, ends with a value of the parameters' type.
//! A [`PlanCursor`] decodes a whole reply: whether to call, which candidate, how often.
//!
//! # The spellings
//!
//! [`Spelling::Hermes`] is JSON as Python's `json.dumps` writes it, inside `<tool_call>`.
//! [`Spelling::Llama`] is the same without a fence, [`Spelling::Bracket`] has Python's calls and
//! literals. These three are what stock models were trained to write.
//!
//! [`Spelling::Param`] fences every value between special tokens, so that injected text never
//! meets sampled text inside a token:
//!
//! ```text
//! reply   := call* "<end>"                    "<end>" alone: no call
//! call    := "<call>" NAME group* "</call>"
//! group   := "<param>" PATH "=" value "</param>"
//! value   := TEXT                             scalars, enums, literals
//!          | group*                           record: its fields, absent ones left out
//!          | ("<item>" value)*                list, tuple, flags that are set
//!          | ("<item>" KEY "<param>=" value "</param>")*      object with free keys
//!          | CASE | CASE ":" value            variant, alternative, kind of a free value
//!          | "null" | "<param>=" value "</param>"             option outside a record
//! ```
//!
//! `PATH` is the field's name; a required record needs no group of its own, its fields join the
//! enclosing record's as `address.city`. Inside an `<item>`, lists, tuples, flags and objects
//! with free keys stand in a group without a path, so that each `<item>` belongs to the innermost
//! open group. In `PATH`, `CASE` and `TEXT`, whatever would read as a special or as structure is
//! escaped with a backslash ([`spell`]).

mod compile;
mod cursor;
mod frame;
mod mask;
mod plan;
pub(crate) mod replay;
mod slot;
pub mod spell;
mod step;

use crate::function::Function;
use crate::types::RecordType;

pub use cursor::Cursor;
pub use plan::{PlanCursor, PlanOptions};
pub use slot::{Slot, SlotError, SlotType};
pub use step::{Alternative, Answer, Choice, ChoiceKind, CursorError, Step, Steps};

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `<call>f<param>city=Paris</param></call>`: for models trained with these specials.
    Param,
    /// `<tool_call>\n{"name": "f", "arguments": {"city": "Paris"}}\n</tool_call>`: for stock models
    /// such as Qwen, Hammer and xLAM.
    Hermes,
    /// `{"name": "f", "parameters": {"city": "Paris"}}`, further ones after `; `: for Llama 3.
    Llama,
    /// `[f(city="Paris"), g(on=True)]`: for ToolACE.
    Bracket,
}

/// Bounds of what the types themselves leave unbounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateLimits {
    /// Most elements of a list, unless its type forces more.
    pub list_len_max: u32,
    /// Deepest array or object inside a free JSON value.
    pub depth_max: u32,
    /// Most keys of an object with free keys.
    pub keys_max: u32,
    /// Most calls of a plan.
    pub calls_max: u32,
}

impl Default for TemplateLimits {
    fn default() -> Self {
        Self { list_len_max: 32, depth_max: 8, keys_max: 32, calls_max: 8 }
    }
}

/// Everything that may be decided about a call of one function, in one spelling. Immutable.
#[derive(Debug)]
pub struct Template {
    function_name: String,
    parameters: RecordType,
    spelling: Spelling,
    limits: TemplateLimits,
    tree: compile::Tree,
}

impl Template {
    /// A template with the default limits.
    pub fn new(function: &Function, spelling: Spelling) -> Self {
        Self::with_limits(function, spelling, TemplateLimits::default())
    }

    /// A template with limits of one's own.
    pub fn with_limits(function: &Function, spelling: Spelling, limits: TemplateLimits) -> Self {
        Self {
            function_name: function.name.clone(),
            parameters: function.parameters.clone(),
            spelling,
            limits,
            tree: compile::Tree::new(&function.parameters, spelling, limits),
        }
    }

    /// Name of the function.
    pub fn function_name(&self) -> &str {
        &self.function_name
    }

    /// What the function takes, in the order in which it is decoded.
    pub fn parameters(&self) -> &RecordType {
        &self.parameters
    }

    /// How calls are written.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// Bounds of lists, objects and free values.
    pub fn limits(&self) -> TemplateLimits {
        self.limits
    }
}
