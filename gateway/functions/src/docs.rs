//! What a plugin's author says about its functions, carried in the component itself.
//!
//! A component built for wasm32-wasip2 keeps the names of its WIT and none of the comments. So
//! packing reads the comments from the WIT sources ([`docs_from_wit`]), checks them against the
//! component ([`check`]) and writes them to a custom section ([`inject`]), which loading reads.

mod apply;
mod blank;
mod bounds;
mod brackets;
mod comment;
mod package;
mod place;
mod section;
mod source;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

pub use apply::{apply, check};
pub use bounds::{EXAMPLES_MAX, TEXT_BYTES_MAX};
pub use source::docs_from_wit;
pub(crate) use source::resolve_world;

use crate::component::{DocsSource, Refusal};
use crate::function::Function;

/// Name of the custom section.
pub const SECTION_NAME: &str = "hyfunc:docs";

/// Version of the section's format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Largest section that is read or written (bytes).
pub const DOCS_BYTES_MAX: usize = 1 << 20;

/// Everything said about a component's functions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Docs {
    /// [`VERSION`].
    pub version: u32,
    /// By [`key`].
    #[serde(default)]
    pub functions: BTreeMap<String, FunctionDocs>,
}

impl Default for Docs {
    fn default() -> Self {
        Self { version: VERSION, functions: BTreeMap::new() }
    }
}

/// What is said about one function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionDocs {
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// By parameter, in snake case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, ParamDocs>,
    /// About the parts of the result.
    #[serde(default, skip_serializing_if = "TypeDocs::is_empty")]
    pub returns: TypeDocs,
    /// Utterances and the arguments that they mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<ExampleDocs>,
    /// Template of the sentence that tells the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// What is said about one parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParamDocs {
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// What leaving it out means; `null` can be said, too.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "said")]
    pub default: Option<Json>,
    /// About the parts of its type.
    #[serde(default, skip_serializing_if = "TypeDocs::is_empty")]
    pub of: TypeDocs,
}

/// What is said about the parts of a type. Options and lists are looked through: these are the
/// docs of what they hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeDocs {
    /// Of a record, by field in snake case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, PartDocs>,
    /// Of an enum, a variant or flags, by case as WIT spells it; of a result, `ok` and `err`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cases: BTreeMap<String, PartDocs>,
    /// Of a tuple, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<TypeDocs>,
}

impl TypeDocs {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.cases.is_empty() && self.items.is_empty()
    }
}

/// What is said about a field or a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartDocs {
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// About the parts of what it holds.
    #[serde(default, skip_serializing_if = "TypeDocs::is_empty")]
    pub of: TypeDocs,
}

impl PartDocs {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.doc.is_empty() && self.of.is_empty()
    }
}

/// An utterance and the arguments that it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleDocs {
    /// What a person says.
    pub utterance: String,
    /// Arguments by parameter, in snake case.
    #[serde(default)]
    pub arguments: Map<String, Json>,
}

/// Tells a default of `null` from none.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// Why docs are not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DocsError {
    /// The component's sections do not add up.
    #[error("the component's sections are damaged at byte {offset}: build it anew")]
    Damaged {
        /// Where (bytes).
        offset: usize,
    },
    /// A component with two answers.
    #[error("the component has more than one section `hyfunc:docs`: pack it anew")]
    Repeated,
    /// The section is no docs.
    #[error("the section `hyfunc:docs` cannot be read: {reason}: pack the component anew")]
    Unreadable {
        /// What the reader says.
        reason: String,
    },
    /// The section is from another version of the format.
    #[error(
        "the section `hyfunc:docs` has version {found}, and this hyfunc reads version {VERSION}: \
         pack the component with this hyfunc"
    )]
    Version {
        /// The section's version.
        found: u64,
    },
    /// More docs than are read.
    #[error("the docs have {bytes} bytes, and at most {DOCS_BYTES_MAX} are read: say less")]
    TooLarge {
        /// Their size.
        bytes: usize,
    },
    /// One text is too long.
    #[error(
        "docs of `{function}`: the {what} has {bytes} bytes, and at most {TEXT_BYTES_MAX} are \
         read: say less"
    )]
    TextTooLong {
        /// [`key`] of the function.
        function: String,
        /// Such as `summary`.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// More examples than are read.
    #[error(
        "docs of `{function}`: there are {examples} examples, and at most {EXAMPLES_MAX} are \
         read: keep those that differ most"
    )]
    TooManyExamples {
        /// [`key`] of the function.
        function: String,
        /// How many there are.
        examples: usize,
    },
    /// A character that terminals act on, or that nobody sees.
    #[error(
        "docs of `{function}`: the {what} holds the character U+{code:04X}, which is not shown as \
         itself: write plain text"
    )]
    Character {
        /// [`key`] of the function.
        function: String,
        /// Such as `summary`.
        what: &'static str,
        /// Its number in Unicode.
        code: u32,
    },
    /// A comment breaks the grammar.
    #[error("docs of `{function}`: {reason}")]
    Comment {
        /// [`key`] of the function.
        function: String,
        /// What is wrong, and what to write.
        reason: String,
    },
    /// The WIT sources cannot be read.
    #[error("the WIT cannot be read: {reason}")]
    Wit {
        /// What the parser says, with the place.
        reason: String,
    },
    /// Docs of a function that the component does not export.
    #[error("docs of `{function}`: the component exports no such function; it exports {exported}")]
    UnknownFunction {
        /// [`key`] in the docs.
        function: String,
        /// Those that it exports.
        exported: String,
    },
    /// Docs of a parameter, field or case that does not exist.
    #[error("docs of `{function}`: there is no {what} `{name}`; there is {known}")]
    UnknownPart {
        /// [`key`] of the function.
        function: String,
        /// Such as `parameter`, or `field of parameter address`.
        what: String,
        /// Its name in the docs.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// A default of a parameter that cannot be left out.
    #[error(
        "docs of `{function}`: `@default {parameter}` is of a parameter that must be given: \
         make it an `option` in the WIT, or leave out the default"
    )]
    RequiredDefault {
        /// [`key`] of the function.
        function: String,
        /// The parameter.
        parameter: String,
    },
    /// A default that is no value of the parameter.
    #[error("docs of `{function}`: `@default {parameter}` does not fit its type: {reason}")]
    Default {
        /// [`key`] of the function.
        function: String,
        /// The parameter.
        parameter: String,
        /// Why.
        reason: String,
    },
    /// An example that cannot be called.
    #[error(
        "docs of `{function}`: the arguments of `@example \"{utterance}\"` do not fit: {reason}"
    )]
    Example {
        /// [`key`] of the function.
        function: String,
        /// The example's utterance.
        utterance: String,
        /// Why.
        reason: String,
    },
    /// A reply that cannot be rendered.
    #[error("docs of `{function}`: `@reply`: {reason}")]
    Reply {
        /// [`key`] of the function.
        function: String,
        /// Why.
        reason: String,
    },
}

/// How docs and refusals name a function: `hyfunc:geo/cities@0.1.0#find-city`, or `find-city` at
/// world level.
pub fn key(interface: Option<&str>, function: &str) -> String {
    match interface {
        Some(interface) => format!("{interface}#{function}"),
        None => function.to_owned(),
    }
}

/// The component with these docs, in place of any that it has.
///
/// # Errors
/// Bytes that are no component, or docs that are too large.
pub fn inject(component: &[u8], docs: &Docs) -> Result<Vec<u8>, DocsError> {
    let data = serde_json::to_vec(docs)
        .map_err(|error| DocsError::Unreadable { reason: error.to_string() })?;
    if data.len() > DOCS_BYTES_MAX {
        return Err(DocsError::TooLarge { bytes: data.len() });
    }
    section::replace(component, SECTION_NAME, &data)
}

/// The docs that a component carries, unchecked; `None` when it carries none.
///
/// # Errors
/// Bytes that are no component, and a section that is no docs of this version.
pub fn extract(component: &[u8]) -> Result<Option<Docs>, DocsError> {
    let sections = section::custom(component, SECTION_NAME)?;
    let data = match sections.as_slice() {
        [] => return Ok(None),
        [data] => *data,
        _ => return Err(DocsError::Repeated),
    };
    if data.len() > DOCS_BYTES_MAX {
        return Err(DocsError::TooLarge { bytes: data.len() });
    }
    parse(data).map(Some)
}

fn parse(data: &[u8]) -> Result<Docs, DocsError> {
    /// Read first: another version may have other fields.
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let unreadable = |error: serde_json::Error| DocsError::Unreadable { reason: error.to_string() };
    let Versioned { version } = serde_json::from_slice(data).map_err(unreadable)?;
    if version != u64::from(VERSION) {
        return Err(DocsError::Version { found: version });
    }
    serde_json::from_slice(data).map_err(unreadable)
}

/// Why an export that the packed WIT does not name is not offered.
const UNNAMED: &str = "the WIT does not name it: the tool that built the component added it for its \
                       own use";

/// Puts whatever docs a component carries onto its functions. Docs that were packed list every
/// function of the world, so an export that they do not list is no function of the author's.
pub(crate) fn attach(
    component: &[u8],
    functions: &mut Vec<Function>,
    refused: &mut Vec<Refusal>,
) -> Result<DocsSource, DocsError> {
    if let Some(docs) = extract(component)? {
        apply(&docs, functions, refused)?;
        if !docs.functions.is_empty() {
            functions.retain(|function| {
                let name = apply::key_of(function);
                let is_listed = docs.functions.contains_key(&name);
                if !is_listed {
                    refused.push(Refusal { name, reason: UNNAMED.to_owned() });
                }
                is_listed
            });
        }
        return Ok(DocsSource::Section);
    }
    let sections = section::custom(component, package::SECTION_NAME)?;
    let described = sections.first().is_some_and(|data| package::describe(data, functions));
    Ok(if described { DocsSource::PackageDocs } else { DocsSource::None })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
