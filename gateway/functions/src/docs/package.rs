//! The section `package-docs` that WIT tools write: comments by interface and function.
//!
//! Foreign, so nothing in it is an error: what fits is taken, the rest is left.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{DOCS_BYTES_MAX, FunctionDocs, ParamDocs, apply, bounds, comment};
use crate::function::Function;
use crate::names::short_interface;

/// Name of the custom section.
pub(super) const SECTION_NAME: &str = "package-docs";

/// Most worlds that are looked into, for each function anew. Components are built from one.
const WORLDS_MAX: usize = 64;

/// Puts what fits onto the functions; whether anything did.
pub(super) fn describe(data: &[u8], functions: &mut [Function]) -> bool {
    // A version byte, then JSON; versions 0 and 1 read alike.
    let Some((0 | 1, text)) = data.split_first() else {
        return false;
    };
    if text.len() > DOCS_BYTES_MAX {
        return false;
    }
    let Ok(root) = serde_json::from_slice::<Json>(text) else {
        return false;
    };
    let mut described = false;
    for function in functions {
        let within = |text: &&str| bounds::is_within(text);
        let Some(text) = find(&root, function).filter(within).map(str::to_owned) else {
            continue;
        };
        take(&text, function);
        described = true;
    }
    described
}

/// The comment of a function.
fn find<'a>(root: &'a Json, function: &Function) -> Option<&'a str> {
    let export = function.export.as_ref()?;
    let worlds = || {
        let worlds = root["worlds"].as_object().into_iter();
        worlds.flat_map(|worlds| worlds.values()).take(WORLDS_MAX)
    };
    let said = match &export.interface {
        Some(interface) => {
            let short = short_interface(interface);
            let own = &root["interfaces"][short]["funcs"][&export.function];
            let inline = worlds().flat_map(|world| {
                ["interface_exports", "interfaces"]
                    .map(|exports| &world[exports][short]["funcs"][&export.function])
            });
            std::iter::once(own).chain(inline).find(|said| !said.is_null())
        }
        None => worlds()
            .flat_map(|world| {
                ["func_exports", "funcs"].map(|exports| &world[exports][&export.function])
            })
            .find(|said| !said.is_null()),
    }?;
    // Version 0 has the text itself.
    said.as_str().or_else(|| said["docs"].as_str())
}

fn take(text: &str, function: &mut Function) {
    let Ok(comment) = comment::parse(text) else {
        function.description = comment::plain(text);
        return;
    };
    function.description.clone_from(&comment.summary);
    let mut params: BTreeMap<String, ParamDocs> = BTreeMap::new();
    for (name, doc) in comment.params {
        params.entry(name).or_default().doc = doc;
    }
    for (name, value) in comment.defaults {
        params.entry(name).or_default().default = Some(value);
    }
    let said = FunctionDocs {
        params,
        examples: comment.examples,
        reply: comment.reply,
        ..FunctionDocs::default()
    };
    let mut whole = function.clone();
    if apply::apply_function("", &said, &mut whole).is_ok() {
        *function = whole;
    }
}
