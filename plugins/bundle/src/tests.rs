//! What every bundled plugin promises.

use std::collections::BTreeSet;

use hyfunc_functions::component::read_component;
use hyfunc_functions::names::library_name;
use hyfunc_functions::types::{IntType, Type};
use hyfunc_functions::{Function, docs};

use super::{bundled, fixture};

/// Fewest examples of a function: they are what retrieval and training learn from.
const EXAMPLES_MIN: usize = 5;

fn functions() -> Vec<(&'static str, Function)> {
    let mut all = Vec::new();
    for plugin in bundled() {
        let read = read_component(plugin.name, plugin.component).expect(plugin.name);
        assert!(read.refused.is_empty(), "{}: {:?}", plugin.name, read.refused);
        all.extend(read.functions.into_iter().map(|function| (plugin.name, function)));
    }
    all
}

#[test]
fn all_eight_are_there() {
    let names: Vec<&str> = bundled().iter().map(|plugin| plugin.name).collect();
    assert_eq!(names, ["calc", "dates", "geo", "home", "text", "todo", "units", "weather"]);
}

#[test]
fn fixtures_are_there() {
    for name in ["conformance", "hostile", "types"] {
        assert!(fixture(name).is_some_and(|component| component.starts_with(b"\0asm")), "{name}");
    }
    assert!(fixture("dates").is_none());
}

#[test]
fn components_carry_their_docs() {
    for plugin in bundled() {
        let docs = docs::extract(plugin.component).expect(plugin.name);
        assert!(docs.is_some_and(|docs| !docs.functions.is_empty()), "{}", plugin.name);
    }
}

#[test]
fn every_function_is_described_with_examples_and_a_reply() {
    for (plugin, function) in functions() {
        let name = format!("{plugin}: {}", function.name);
        assert!(!function.description.is_empty(), "{name} has no summary");
        assert!(function.reply.is_some(), "{name} has no @reply");
        for field in &function.parameters.fields {
            assert!(!field.doc.is_empty(), "{name}: {} has no @param", field.name);
        }
        let utterances: BTreeSet<&str> =
            function.examples.iter().map(|example| example.utterance.as_str()).collect();
        assert!(utterances.len() >= EXAMPLES_MIN, "{name} has {} examples", utterances.len());
        for field in &function.parameters.fields {
            let said =
                function.examples.iter().any(|example| example.arguments.contains_key(&field.name));
            assert!(said, "{name}: no example says {}", field.name);
        }
    }
}

#[test]
fn names_are_unique_and_say_their_interface() {
    let mut seen = BTreeSet::new();
    for (plugin, function) in functions() {
        let export = function.export.as_ref().expect("plugins export their functions");
        let interface = export.interface.as_deref().map(short);
        assert_eq!(function.name, library_name(interface, &export.function), "{plugin}");
        assert!(seen.insert(function.name.clone()), "{plugin}: {} is there twice", function.name);
    }
}

/// `cities` of `hyfunc:geo/cities@0.1.0`.
fn short(interface: &str) -> &str {
    let name = interface.rsplit('/').next().unwrap_or(interface);
    name.split('@').next().unwrap_or(name)
}

#[test]
fn all_types_are_used() {
    let mut kinds = BTreeSet::new();
    for (_, function) in functions() {
        for field in &function.parameters.fields {
            collect(&field.ty, &mut kinds);
        }
        if let Some(returns) = &function.returns {
            collect(returns, &mut kinds);
        }
    }
    let wanted = [
        "bool", "bytes", "char", "enum", "f32", "f64", "flags", "list", "option", "record",
        "result", "s16", "s32", "s64", "s8", "string", "tuple", "u16", "u32", "u64", "u8",
        "variant",
    ];
    let missing: Vec<&str> = wanted.into_iter().filter(|kind| !kinds.contains(*kind)).collect();
    assert!(missing.is_empty(), "no plugin uses {missing:?}");
}

fn collect(ty: &Type, kinds: &mut BTreeSet<String>) {
    let (kind, parts): (String, Vec<&Type>) = match ty {
        Type::Bool => ("bool".into(), vec![]),
        Type::Int(int) => (width(int), vec![]),
        Type::Float(float) => (if float.single { "f32" } else { "f64" }.into(), vec![]),
        Type::Char => ("char".into(), vec![]),
        Type::String(_) => ("string".into(), vec![]),
        Type::Bytes => ("bytes".into(), vec![]),
        Type::Enum(_) => ("enum".into(), vec![]),
        Type::Flags(_) => ("flags".into(), vec![]),
        Type::List(list) => ("list".into(), vec![&list.element]),
        Type::Tuple(items) => ("tuple".into(), items.iter().collect()),
        Type::Record(record) => {
            ("record".into(), record.fields.iter().map(|field| &field.ty).collect())
        }
        Type::Option(some) => ("option".into(), vec![some]),
        Type::Variant(cases) => {
            ("variant".into(), cases.iter().filter_map(|case| case.payload.as_ref()).collect())
        }
        Type::Result { ok, err } => {
            ("result".into(), [ok, err].into_iter().flatten().map(AsRef::as_ref).collect())
        }
        other => panic!("{other:?} is no type of WIT"),
    };
    kinds.insert(kind);
    for part in parts {
        collect(part, kinds);
    }
}

fn width(int: &IntType) -> String {
    let sign = if int.min < 0 { 's' } else { 'u' };
    let bits = (int.max - int.min + 1).ilog2();
    format!("{sign}{bits}")
}
