//! Functions, their types and values, JSON Schema, WIT reading, templates and calls: no I/O, no tensors.

pub mod bounded;
pub mod component;
pub mod docs;
pub mod function;
pub mod json;
pub mod names;
pub mod notation;
pub mod oracle;
pub mod plain;
pub mod properties;
pub mod reply;
pub mod schema;
pub mod section;
pub mod template;
pub mod types;
pub mod value;

pub use function::{Call, Example, Export, Function};
pub use template::{Cursor, PlanCursor, Spelling, Template};
pub use types::Type;
pub use value::Value;
