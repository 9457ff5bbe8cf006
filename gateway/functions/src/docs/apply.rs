//! Docs put onto the functions that they are about; everything that they claim is checked.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value as Json;

use super::{Docs, DocsError, FunctionDocs, ParamDocs, PartDocs, TypeDocs, bounds, key};
use crate::component::Refusal;
use crate::function::{Example, Function};
use crate::json::{arguments_from_json, from_json};
use crate::reply;
use crate::types::{Case, RecordType, Type, VariantCase};

/// Checks docs against the functions that a component exports, as packing does.
///
/// # Errors
/// The first claim that is not so; see [`apply`].
pub fn check(docs: &Docs, functions: &[Function], refused: &[Refusal]) -> Result<(), DocsError> {
    apply(docs, &mut functions.to_vec(), refused)
}

/// Puts docs onto functions. Docs of refused functions are left aside.
///
/// # Errors
/// Text beyond its bounds; a function, parameter, field or case that is not there; a default or an example that does not
/// fit its type; a reply that does not parse or uses a name that will not be there. The functions
/// may have got a part of the docs by then.
pub fn apply(
    docs: &Docs,
    functions: &mut [Function],
    refused: &[Refusal],
) -> Result<(), DocsError> {
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, function) in functions.iter().enumerate() {
        places.entry(key_of(function)).or_insert(place);
    }
    let refused: HashSet<&str> = refused.iter().map(|refusal| refusal.name.as_str()).collect();
    for (name, said) in &docs.functions {
        bounds::check(name, said)?;
        match places.get(name) {
            Some(place) => apply_function(name, said, &mut functions[*place])?,
            None if refused.contains(name.as_str()) => {}
            None => {
                return Err(DocsError::UnknownFunction {
                    function: name.clone(),
                    exported: list(functions.iter().map(key_of)),
                });
            }
        }
    }
    Ok(())
}

/// How docs name a function.
pub(super) fn key_of(function: &Function) -> String {
    match &function.export {
        Some(export) => key(export.interface.as_deref(), &export.function),
        None => function.name.clone(),
    }
}

/// Puts one function's docs onto it.
pub(super) fn apply_function(
    name: &str,
    said: &FunctionDocs,
    function: &mut Function,
) -> Result<(), DocsError> {
    let place = Place { function: name };
    if !said.summary.is_empty() {
        function.description.clone_from(&said.summary);
    }
    for (parameter, docs) in &said.params {
        place.parameter(parameter, docs, &mut function.parameters)?;
    }
    match &mut function.returns {
        Some(returns) => place.ty("its result", &said.returns, returns)?,
        None if said.returns.is_empty() => {}
        None => return Err(place.unknown("part of the result", "any", &[])),
    }
    for example in &said.examples {
        let arguments = Json::Object(example.arguments.clone());
        arguments_from_json(&function.parameters, &arguments).map_err(|error| {
            DocsError::Example {
                function: name.to_owned(),
                utterance: example.utterance.clone(),
                reason: error.to_string(),
            }
        })?;
        function.examples.push(Example {
            utterance: example.utterance.clone(),
            arguments: example.arguments.clone(),
        });
    }
    if let Some(template) = &said.reply {
        reply::check_reply(template, function.returns.as_ref()).map_err(|error| {
            DocsError::Reply { function: name.to_owned(), reason: error.to_string() }
        })?;
        function.reply = Some(template.clone());
    }
    Ok(())
}

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{}`", name.as_ref())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The function that docs are about, for messages.
struct Place<'a> {
    function: &'a str,
}

impl Place<'_> {
    fn unknown(&self, what: impl Into<String>, name: &str, known: &[&str]) -> DocsError {
        DocsError::UnknownPart {
            function: self.function.to_owned(),
            what: what.into(),
            name: name.to_owned(),
            known: list(known.iter()),
        }
    }

    fn parameter(
        &self,
        name: &str,
        docs: &ParamDocs,
        parameters: &mut RecordType,
    ) -> Result<(), DocsError> {
        let Some(field) = parameters.fields.iter_mut().find(|field| field.name == name) else {
            let known: Vec<&str> =
                parameters.fields.iter().map(|field| field.name.as_str()).collect();
            return Err(self.unknown("parameter", name, &known));
        };
        if !docs.doc.is_empty() {
            field.doc.clone_from(&docs.doc);
        }
        if let Some(default) = &docs.default {
            if field.required {
                return Err(DocsError::RequiredDefault {
                    function: self.function.to_owned(),
                    parameter: name.to_owned(),
                });
            }
            from_json(&field.ty, default).map_err(|error| DocsError::Default {
                function: self.function.to_owned(),
                parameter: name.to_owned(),
                reason: error.to_string(),
            })?;
            field.default = Some(default.clone());
        }
        self.ty(&format!("parameter `{name}`"), &docs.of, &mut field.ty)
    }

    fn ty(&self, subject: &str, docs: &TypeDocs, ty: &mut Type) -> Result<(), DocsError> {
        if docs.is_empty() {
            return Ok(());
        }
        match ty {
            Type::Option(some) => return self.ty(subject, docs, some),
            Type::List(list) => return self.ty(subject, docs, &mut list.element),
            _ => {}
        }
        if !docs.fields.is_empty() && !matches!(ty, Type::Record(_)) {
            return Err(self.surplus(subject, "field", &docs.fields));
        }
        if !docs.items.is_empty() && !matches!(ty, Type::Tuple(_)) {
            return Err(self.unknown(format!("item of {subject}"), "0", &[]));
        }
        match ty {
            Type::Record(record) => self.record(subject, docs, record),
            Type::Tuple(types) => self.tuple(subject, docs, types),
            Type::Enum(cases) | Type::Flags(cases) => self.cases(subject, docs, cases),
            Type::Variant(cases) => self.variant(subject, docs, cases),
            Type::Result { ok, err } => self.result(subject, docs, ok, err),
            _ if docs.cases.is_empty() => Ok(()),
            _ => Err(self.surplus(subject, "case", &docs.cases)),
        }
    }

    /// Docs of parts that the type cannot have.
    fn surplus(&self, subject: &str, part: &str, parts: &BTreeMap<String, PartDocs>) -> DocsError {
        let name = parts.keys().next().map_or("", String::as_str);
        self.unknown(format!("{part} of {subject}"), name, &[])
    }

    fn record(
        &self,
        subject: &str,
        docs: &TypeDocs,
        record: &mut RecordType,
    ) -> Result<(), DocsError> {
        if !docs.cases.is_empty() {
            return Err(self.surplus(subject, "case", &docs.cases));
        }
        for (name, part) in &docs.fields {
            let Some(field) = record.fields.iter_mut().find(|field| field.name == *name) else {
                let known: Vec<&str> =
                    record.fields.iter().map(|field| field.name.as_str()).collect();
                return Err(self.unknown(format!("field of {subject}"), name, &known));
            };
            if !part.doc.is_empty() {
                field.doc.clone_from(&part.doc);
            }
            self.ty(&format!("field `{name}` of {subject}"), &part.of, &mut field.ty)?;
        }
        Ok(())
    }

    fn tuple(&self, subject: &str, docs: &TypeDocs, types: &mut [Type]) -> Result<(), DocsError> {
        if !docs.cases.is_empty() {
            return Err(self.surplus(subject, "case", &docs.cases));
        }
        if docs.items.len() > types.len() {
            return Err(self.unknown(format!("item of {subject}"), &types.len().to_string(), &[]));
        }
        for (index, (docs, ty)) in docs.items.iter().zip(types).enumerate() {
            self.ty(&format!("item {index} of {subject}"), docs, ty)?;
        }
        Ok(())
    }

    fn cases(&self, subject: &str, docs: &TypeDocs, cases: &mut [Case]) -> Result<(), DocsError> {
        for (name, part) in &docs.cases {
            let Some(case) = cases.iter_mut().find(|case| case.name == *name) else {
                let known: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
                return Err(self.unknown(format!("case of {subject}"), name, &known));
            };
            case.doc.clone_from(&part.doc);
            if !part.of.is_empty() {
                return Err(self.unknown(format!("payload of {subject}"), name, &[]));
            }
        }
        Ok(())
    }

    fn variant(
        &self,
        subject: &str,
        docs: &TypeDocs,
        cases: &mut [VariantCase],
    ) -> Result<(), DocsError> {
        for (name, part) in &docs.cases {
            let Some(case) = cases.iter_mut().find(|case| case.name == *name) else {
                let known: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
                return Err(self.unknown(format!("case of {subject}"), name, &known));
            };
            case.doc.clone_from(&part.doc);
            self.payload(
                &format!("case `{name}` of {subject}"),
                name,
                &part.of,
                case.payload.as_mut(),
            )?;
        }
        Ok(())
    }

    fn result(
        &self,
        subject: &str,
        docs: &TypeDocs,
        ok: &mut Option<Box<Type>>,
        err: &mut Option<Box<Type>>,
    ) -> Result<(), DocsError> {
        for (name, part) in &docs.cases {
            let side = match name.as_str() {
                "ok" => ok.as_deref_mut(),
                "err" => err.as_deref_mut(),
                _ => return Err(self.unknown(format!("case of {subject}"), name, &["ok", "err"])),
            };
            self.payload(&format!("`{name}` of {subject}"), name, &part.of, side)?;
        }
        Ok(())
    }

    fn payload(
        &self,
        subject: &str,
        name: &str,
        docs: &TypeDocs,
        payload: Option<&mut Type>,
    ) -> Result<(), DocsError> {
        match payload {
            Some(ty) => self.ty(subject, docs, ty),
            None if docs.is_empty() => Ok(()),
            None => Err(self.unknown(format!("payload of {subject}"), name, &[])),
        }
    }
}
