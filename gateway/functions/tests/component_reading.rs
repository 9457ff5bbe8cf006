//! Components read back: a folder's WIT file and what is to be read from it a case.

#![allow(clippy::unwrap_used)]

mod component_support;

use std::fmt::Write as _;
use std::path::Path;

use component_support::build;
use hyfunc_functions::component::{
    ComponentError, ComponentFunctions, ComponentLimits, DocsSource, read_component,
    read_component_within,
};
use hyfunc_functions::types::{Case, Type};
use proptest::prelude::*;

/// A signature on one line, in the words of the JSON that it takes.
fn spell(ty: &Type) -> String {
    let names =
        |cases: &[Case]| cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>().join("|");
    let side = |ty: &Option<Box<Type>>| ty.as_ref().map_or("_".to_owned(), |ty| spell(ty));
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::Int(int) => format!("int {}..{}", int.min, int.max),
        Type::Float(float) => if float.single { "single" } else { "double" }.to_owned(),
        Type::Char => "char".to_owned(),
        Type::String(_) => "string".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Enum(cases) => format!("enum({})", names(cases)),
        Type::Flags(cases) => format!("flags({})", names(cases)),
        Type::List(list) => format!("list({})", spell(&list.element)),
        Type::Tuple(types) => {
            format!("tuple({})", types.iter().map(spell).collect::<Vec<_>>().join(", "))
        }
        Type::Option(some) => format!("option({})", spell(some)),
        Type::Result { ok, err } => format!("result({}, {})", side(ok), side(err)),
        Type::Record(record) => {
            let fields = record.fields.iter().map(|field| {
                assert_eq!(field.required, !matches!(field.ty, Type::Option(_)));
                format!("{}: {}", field.name, spell(&field.ty))
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Type::Variant(cases) => {
            let cases = cases.iter().map(|case| match &case.payload {
                Some(ty) => format!("{}({})", case.name, spell(ty)),
                None => case.name.clone(),
            });
            format!("variant({})", cases.collect::<Vec<_>>().join("|"))
        }
        other => panic!("WIT has no {other:?}"),
    }
}

fn describe(read: &ComponentFunctions) -> String {
    let mut text = String::new();
    writeln!(text, "package {}", read.package.as_deref().unwrap_or("none")).expect("into a string");
    for function in &read.functions {
        let parameters = spell(&Type::Record(function.parameters.clone()));
        let returns = function.returns.as_ref().map_or("nothing".to_owned(), spell);
        writeln!(text, "{} {parameters} -> {returns}", function.name).expect("into a string");
    }
    for refusal in &read.refused {
        writeln!(text, "refused {}: {}", refusal.name, refusal.reason).expect("into a string");
    }
    text
}

/// Set to write what is read over what was expected, to be looked at in the diff.
const UPDATE: &str = "HYFUNC_UPDATE_CASES";

#[test]
fn every_case_reads_as_expected() {
    let folder = Path::new(".").join("tests/component_cases");
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of cases") {
        let wit = entry.expect("an entry").path();
        if wit.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        cases += 1;
        let text = std::fs::read_to_string(&wit).expect("the case's WIT");
        let read = read_component("case", &build(&text)).expect("it reads");
        let (found, expected) = (describe(&read), wit.with_extension("txt"));
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&expected, &found).expect("the expectation is written");
        }
        let expected = std::fs::read_to_string(expected).expect("the case's expectation");
        assert_eq!(found, expected, "{}", wit.display());
    }
    assert!(cases >= 4, "found {cases} cases in {}", folder.display());
}

#[test]
fn a_read_function_knows_where_it_is_exported() {
    let component = build(
        "package hyfunc:geo@0.1.0; interface cities { find-city: func(name: string) -> bool; } \
         world geo { export cities; export ping: func(); }",
    );
    let read = read_component("geo", &component).unwrap();
    let exports: Vec<_> =
        read.functions.iter().map(|function| function.export.clone().unwrap()).collect();
    let cities = exports.iter().find(|export| export.function == "find-city").unwrap();
    assert_eq!(cities.interface.as_deref(), Some("hyfunc:geo/cities@0.1.0"));
    let ping = exports.iter().find(|export| export.function == "ping").unwrap();
    assert_eq!(ping.interface, None);
    assert_eq!(read.docs, DocsSource::None);
}

#[test]
fn an_async_function_is_a_function_like_any_other() {
    let read = |kind: &str| {
        let wit = format!("package a:b; world w {{ export f: {kind}(name: string) -> u8; }}");
        read_component("toy", &build(&wit)).unwrap()
    };
    let (plain, later) = (read("func"), read("async func"));
    assert!(!plain.needs_async);
    assert!(later.needs_async);
    assert_eq!(later.functions, plain.functions);
    assert!(later.refused.is_empty());
}

fn error(bytes: &[u8]) -> String {
    read_component("toy", bytes).unwrap_err().to_string()
}

#[test]
fn what_is_no_component_says_what_to_do() {
    let empty_world = build("package a:b; world w {}");
    let types_only = build("package a:b; interface i { type t = u8; } world w { export i; }");
    for (bytes, part) in [
        (&b""[..], "it is empty"),
        (b"hello", "does not start with `\\0asm`"),
        (b"(component)", "wasm-tools parse"),
        (b"\x7fELF\x02", "build it for wasm32-wasip2"),
        (b"\x1f\x8b\x08", "an archive"),
        (b"\0asm", "unknown version"),
        (b"\0asm\x01\0\0\0", "wasm-tools component new"),
        (b"\0asm\x0d\0\x01\0", "exports no function"),
        (b"\0asm\x0d\0\x01\0\x07\x05", "not valid"),
        (&empty_world, "needs an `export`"),
        (&types_only, "exports types alone"),
    ] {
        let error = error(bytes);
        assert!(error.contains(part) && error.contains("`toy`"), "{bytes:?}: {error}");
    }
}

#[test]
fn when_every_function_is_refused_the_reasons_are_listed() {
    let component = build(
        "package a:b; interface i { resource r; f: func(x: own<r>); g: func() -> stream<u8>; } \
         world w { export i; }",
    );
    let error = error(&component);
    for part in
        ["none of its functions", "`a:b/i#f`", "parameter `x`", "`own`", "`a:b/i#g`", "`stream`"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn limits_are_named() {
    let wit = "package a:b; world w { export f: func(x: list<list<list<u16>>>); \
               export g: func(a: bool, b: bool, c: bool, d: bool, e: bool); }";
    let component = build(wit);
    let within = |limits| read_component_within("toy", &component, &limits);
    let usual = ComponentLimits::default();

    let bytes_max = component.len() - 1;
    assert!(matches!(within(ComponentLimits { bytes_max, ..usual }),
        Err(ComponentError::TooLarge { bytes, .. }) if bytes == component.len()));
    let bytes_max = component.len();
    assert_eq!(within(ComponentLimits { bytes_max, ..usual }).unwrap().functions.len(), 2);

    let functions_max = 1;
    assert!(matches!(
        within(ComponentLimits { functions_max, ..usual }),
        Err(ComponentError::TooMany { functions: 2, .. })
    ));

    let methods = build(
        "package a:b; interface i { resource r { a: func(); b: func(); } f: func(); } \
         world w { export i; }",
    );
    let methods = |functions_max| {
        read_component_within("toy", &methods, &ComponentLimits { functions_max, ..usual })
    };
    assert!(matches!(methods(2), Err(ComponentError::TooMany { functions: 3, .. })));
    assert_eq!(methods(3).unwrap().refused.len(), 2);

    let reason = |limits| within(limits).unwrap().refused[0].clone();
    let deep = reason(ComponentLimits { type_depth_max: 2, ..usual });
    assert!(deep.name == "f" && deep.reason.contains("deeper than 2"), "{deep:?}");
    let wide = reason(ComponentLimits { type_nodes_max: 4, ..usual });
    assert!(wide.name == "g" && wide.reason.contains("more than 4"), "{wide:?}");
    let many = reason(ComponentLimits { properties_max: 4, ..usual });
    assert!(many.name == "g" && many.reason.contains("have 5 properties"), "{many:?}");
    assert!(many.reason.contains("more than the 4"), "{many:?}");
    let limits = ComponentLimits { properties_max: 5, ..usual };
    assert!(within(limits).unwrap().refused.is_empty());
    assert!(
        within(ComponentLimits { type_nodes_max: 5, type_depth_max: 3, ..usual })
            .unwrap()
            .refused
            .is_empty()
    );
}

#[test]
fn a_name_that_is_too_long_refuses_its_function_alone() {
    let long = "x".repeat(65);
    let component =
        build(&format!("package a:b; world w {{ export {long}: func(); export ok: func(); }}"));
    let read = read_component("toy", &component).unwrap();
    assert_eq!(read.functions.len(), 1);
    assert!(read.refused[0].reason.contains("65 characters"), "{:?}", read.refused);
}

#[test]
fn small_components_of_large_types_stay_small() {
    // Every record holds the last one twice: a dozen records, 4,096 fields.
    let mut wit = "package a:b; interface i { record r0 { a: u8, b: u8 }".to_owned();
    for level in 1..12 {
        write!(wit, " record r{level} {{ a: r{0}, b: r{0} }}", level - 1).expect("into a string");
    }
    wit.push_str(" f: func(x: r11); g: func(); } world w { export i; }");
    let limits = ComponentLimits { type_nodes_max: 1_000, ..ComponentLimits::default() };
    let read = read_component_within("toy", &build(&wit), &limits).unwrap();
    assert_eq!(read.functions.len(), 1);
    assert!(read.refused[0].reason.contains("more than 1000"), "{:?}", read.refused);
}

/// What a call returns is decided by nobody.
#[test]
fn a_function_of_very_many_parameters_is_refused_alone() {
    let fields = |count: usize| {
        let fields: Vec<String> = (0..count).map(|at| format!("a{at}: option<string>")).collect();
        fields.join(", ")
    };
    let component = build(&format!(
        "package a:b; interface i {{ record wide {{ {0} }} record most {{ {1} }} \
         f: func(x: wide); g: func(x: most); h: func() -> wide; }} world w {{ export i; }}",
        fields(300),
        fields(255),
    ));
    let read = read_component("toy", &component).unwrap();
    let mut names: Vec<_> = read.functions.iter().map(|function| function.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["i_g", "i_h"]);
    let [refused] = read.refused.as_slice() else { panic!("{:?}", read.refused) };
    assert_eq!(refused.name, "a:b/i#f");
    for words in ["301 properties", "more than the 256", "split the function"] {
        assert!(refused.reason.contains(words), "{words}: {}", refused.reason);
    }
}

mod hostile {
    use hyfunc_functions::section::append;
    use wasm_encoder::{
        Component, ComponentType, ComponentTypeSection, ComponentValType, InstanceType,
        PrimitiveValType,
    };

    use super::*;

    /// `list<list<…>>`, as deep as said, in type sections of some thousand types.
    fn chain(depth: u32) -> Vec<u8> {
        let mut component = Component::new();
        let mut types = ComponentTypeSection::new();
        types.defined_type().list(PrimitiveValType::U16);
        for index in 0..depth {
            if types.len() > 1_000 {
                component.section(&types);
                types = ComponentTypeSection::new();
            }
            types.defined_type().list(ComponentValType::Type(index));
        }
        component.section(&types);
        component.finish()
    }

    #[test]
    fn chains_of_types() {
        assert!(matches!(
            read_component("toy", &chain(100)),
            Err(ComponentError::NoFunction { .. })
        ));
        for depth in [1_001, 10_000, 200_000] {
            assert!(matches!(
                read_component("toy", &chain(depth)),
                Err(ComponentError::TooDeep { .. })
            ));
        }
    }

    #[test]
    fn nested_component_types() {
        for depth in [201, 1_000] {
            let mut ty = ComponentType::new();
            for _ in 0..depth {
                let mut outer = ComponentType::new();
                outer.ty().component(&ty);
                ty = outer;
            }
            let mut types = ComponentTypeSection::new();
            types.component(&ty);
            let mut component = Component::new();
            component.section(&types);
            let bytes = component.finish();
            assert!(matches!(read_component("toy", &bytes), Err(ComponentError::TooDeep { .. })));
        }
        // Far deeper, by hand: each level is the tag, one declaration, a type.
        let section: Vec<u8> = std::iter::once(1).chain([0x41, 1, 1].repeat(300_000)).collect();
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        append(&mut bytes, 7, &section);
        assert!(matches!(read_component("toy", &bytes), Err(ComponentError::TooDeep { .. })));
    }

    #[test]
    fn chains_of_instance_types() {
        let mut component = Component::new();
        let mut types = ComponentTypeSection::new();
        types.instance(&InstanceType::new());
        for index in 0..5_000 {
            let mut instance = InstanceType::new();
            instance.alias(wasm_encoder::Alias::Outer {
                kind: wasm_encoder::ComponentOuterAliasKind::Type,
                count: 1,
                index,
            });
            instance.export("a", wasm_encoder::ComponentTypeRef::Instance(0));
            types.instance(&instance);
        }
        component.section(&types);
        let bytes = component.finish();
        assert!(matches!(read_component("toy", &bytes), Err(ComponentError::TooDeep { .. })));
    }
}

/// A component with most of what there is, to be damaged.
fn rich() -> Vec<u8> {
    build(include_str!("component_cases/table.wit"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(tail in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(read_component("toy", &tail).is_err());
        let _ = read_component("toy", &[b"\0asm\x0d\0\x01\0", tail.as_slice()].concat());
    }
}

#[test]
fn damaged_components_never_panic() {
    let component = rich();
    let whole = read_component("toy", &component).unwrap();
    for end in 0..component.len() {
        // A component has no length: cut between two sections, it may be whole all the same.
        if let Ok(read) = read_component("toy", &component[..end]) {
            assert_eq!(read, whole, "cut at {end}");
        }
    }
    for position in 0..component.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = component.clone();
            damaged[position] ^= flip;
            let _ = read_component("toy", &damaged);
        }
    }
}
