//! Docs from WIT sources, through a component, onto its functions.

#![allow(clippy::unwrap_used)]

mod component_support;

use component_support::build;
use hyfunc_functions::component::{ComponentError, DocsSource, read_component};
use hyfunc_functions::docs::{self, Docs, DocsError, docs_from_wit, extract, inject};
use hyfunc_functions::types::Type;
use serde_json::json;

const WIT: &str = r#"
package hyfunc:weather@0.1.0;

/// The weather.
interface forecast {
    /// A unit of temperature.
    enum unit {
        /// degrees Celsius
        celsius,
        fahrenheit,
    }

    /// Where it is asked about.
    record place {
        /// the city's name
        city: string,
        country: option<string>,
    }

    /// Parts of a report.
    flags parts {
        /// speed of the wind
        wind,
        rain,
    }

    record report {
        /// how warm it is
        temperature: f32,
        unit: unit,
    }

    variant failure {
        /// nobody knows the city
        unknown-city(string),
        offline,
    }

    /// Tells the weather
    /// of a place.
    ///
    /// @param place where
    /// @param days-ahead how many days from now
    /// @default days-ahead 0
    /// @example "how warm is it in Paris?" {"place": {"city": "Paris"}, "unit": "celsius"}
    /// @example "weather in Rome tomorrow, in Fahrenheit"
    ///   {"place": {"city": "Rome"}, "unit": "fahrenheit", "days_ahead": 1}
    /// @reply "It is {{ temperature }}° in {{ args.place.city }}."
    tell: func(place: place, unit: unit, days-ahead: option<u8>, parts: list<parts>) -> result<report, failure>;
}

world weather {
    export forecast;
    /// Says hello.
    export hello: func(name: string) -> string;
}
"#;

fn sources(wit: &str) -> Vec<(String, String)> {
    vec![("world.wit".to_owned(), wit.to_owned())]
}

/// The example's `parts` is missing, as above; with it, all is well.
fn good() -> String {
    WIT.replace("\"unit\": \"celsius\"}", "\"unit\": \"celsius\", \"parts\": []}")
        .replace("\"days_ahead\": 1}", "\"days_ahead\": 1, \"parts\": [[\"wind\"]]}")
}

fn pack(wit: &str) -> Vec<u8> {
    inject(&build(wit), &docs_from_wit(&sources(wit), None).unwrap()).unwrap()
}

#[test]
fn comments_arrive_at_the_functions() {
    let wit = good();
    let read = read_component("weather", &pack(&wit)).unwrap();
    assert_eq!(read.docs, DocsSource::Section);
    let tell = read.functions.iter().find(|function| function.name == "forecast_tell").unwrap();
    assert_eq!(tell.description, "Tells the weather of a place.");
    assert_eq!(tell.reply.as_deref(), Some("It is {{ temperature }}° in {{ args.place.city }}."));
    assert_eq!(tell.examples.len(), 2);
    assert_eq!(tell.examples[1].utterance, "weather in Rome tomorrow, in Fahrenheit");
    assert_eq!(tell.examples[1].arguments["days_ahead"], json!(1));

    let [place, unit, days, parts] = tell.parameters.fields.as_slice() else { panic!("four") };
    assert_eq!((place.doc.as_str(), unit.doc.as_str()), ("where", "A unit of temperature."));
    assert_eq!((days.doc.as_str(), &days.default), ("how many days from now", &Some(json!(0))));
    assert_eq!(parts.doc, "Parts of a report.");
    let Type::Record(place) = &place.ty else { panic!("record") };
    assert_eq!(
        (place.fields[0].doc.as_str(), place.fields[1].doc.as_str()),
        ("the city's name", "")
    );
    let Type::Enum(units) = &unit.ty else { panic!("enum") };
    assert_eq!((units[0].doc.as_str(), units[1].doc.as_str()), ("degrees Celsius", ""));
    let Type::List(list) = &parts.ty else { panic!("list") };
    let Type::Flags(flags) = &*list.element else { panic!("flags") };
    assert_eq!(flags[0].doc, "speed of the wind");
    let Some(Type::Result { ok: Some(ok), err: Some(err) }) = &tell.returns else {
        panic!("result")
    };
    let Type::Record(report) = &**ok else { panic!("record") };
    assert_eq!(
        (report.fields[0].doc.as_str(), report.fields[1].doc.as_str()),
        ("how warm it is", "A unit of temperature.")
    );
    let Type::Variant(failures) = &**err else { panic!("variant") };
    assert_eq!(failures[0].doc, "nobody knows the city");

    let hello = read.functions.iter().find(|function| function.name == "hello").unwrap();
    assert_eq!(hello.description, "Says hello.");
}

#[test]
fn packing_twice_changes_nothing() {
    let wit = good();
    let packed = pack(&wit);
    let docs = extract(&packed).unwrap().unwrap();
    assert_eq!(docs, docs_from_wit(&sources(&wit), None).unwrap());
    assert_eq!(inject(&packed, &docs).unwrap(), packed);
}

#[test]
fn examples_are_checked_at_packing_and_at_loading() {
    let docs = docs_from_wit(&sources(WIT), None).unwrap();
    let component = build(WIT);
    let read = read_component("weather", &component).unwrap();
    let error = docs::check(&docs, &read.functions, &read.refused).unwrap_err();
    assert!(
        matches!(&error, DocsError::Example { utterance, .. } if utterance == "how warm is it in Paris?")
    );
    assert!(error.to_string().contains("parts"), "{error}");

    let loaded = read_component("weather", &inject(&component, &docs).unwrap()).unwrap_err();
    assert!(matches!(loaded, ComponentError::Docs { source: DocsError::Example { .. }, .. }));
}

#[test]
fn mistakes_in_tags_are_found() {
    for (from, to, part) in [
        ("@param place where", "@param plaice where", "no parameter `plaice`"),
        ("@default days-ahead 0", "@default unit \"celsius\"", "must be given"),
        ("@default days-ahead 0", "@default days-ahead 300", "does not fit"),
        ("{{ temperature }}", "{{ temprature }}", "uses `temprature`"),
    ] {
        let wit = good().replace(from, to);
        let docs = docs_from_wit(&sources(&wit), None).unwrap();
        let read = read_component("weather", &build(&wit)).unwrap();
        let error = docs::check(&docs, &read.functions, &read.refused).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("forecast@0.1.0#tell"), "{to}: {error}");
    }
    let error = docs_from_wit(&sources(&WIT.replace("@reply", "@answer")), None).unwrap_err();
    assert!(error.to_string().contains("`@answer` is no tag"), "{error}");
}

#[test]
fn a_damaged_section_is_an_error_and_none_is_not() {
    let component = build(WIT);
    assert_eq!(read_component("weather", &component).unwrap().docs, DocsSource::None);
    let mut damaged = inject(&component, &Docs::default()).unwrap();
    let end = damaged.len() - 1;
    damaged[end] = b'!';
    let error = read_component("weather", &damaged).unwrap_err();
    assert!(
        matches!(error, ComponentError::Docs { source: DocsError::Unreadable { .. }, .. }),
        "{error}"
    );
}

#[test]
fn docs_of_refused_functions_are_left_aside() {
    let wit = "package a:b; interface i { \n/// Pours.\npour: func(s: stream<u8>);\n/// Adds.\nadd: func(); } \
               world w { export i; }";
    let read = read_component("toy", &pack(wit)).unwrap();
    assert_eq!(read.functions[0].description, "Adds.");
    assert_eq!(read.refused.len(), 1);
}

#[test]
fn packages_in_deps_are_found() {
    let files = [
        ("wit/world.wit", "package a:b; world w { import c:d/shared; include e:f/base; }"),
        (
            "wit/more.wit",
            "package a:b; interface mine { use c:d/shared.{place}; /// Finds.\nfind: func(p: place); }",
        ),
        (
            "wit/deps/cd/one.wit",
            "package c:d; interface shared { record place { /// its name\nname: string } }",
        ),
        (
            "wit/deps/ef.wit",
            "package e:f; interface served { /// Serves.\nserve: func(); } world base { export served; }",
        ),
    ];
    let mut sources: Vec<_> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let docs = docs_from_wit(&sources, None).unwrap();
    assert_eq!(docs.functions.keys().collect::<Vec<_>>(), ["e:f/served#serve"]);

    sources[0].1 = "package a:b; world w { export mine; }".to_owned();
    let docs = docs_from_wit(&sources, Some("w")).unwrap();
    let find = &docs.functions["a:b/mine#find"];
    assert_eq!(find.summary, "Finds.");
    assert_eq!(find.params["p"].of.fields["name"].doc, "its name");
}

#[test]
fn wit_whose_types_nest_without_end_is_refused() {
    let function = |ty: &str| format!("package a:b; world w {{\n  export f: func(x: {ty});\n}}");
    let nested = |depth: usize| "list<".repeat(depth) + "u8" + &">".repeat(depth);
    assert!(docs_from_wit(&sources(&function(&nested(90))), None).is_ok());
    for depth in [101, 1_000, 200_000] {
        let error = docs_from_wit(&sources(&function(&nested(depth))), None).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("world.wit:2: types nest deeper than 100"), "{error}");
    }
    let chain = |depth: usize| {
        let types: String =
            (1..=depth).map(|index| format!("type t{index} = list<t{}>;", index - 1)).collect();
        format!(
            "package a:b; interface i {{ type t0 = u8; {types} f: func(x: t{depth}); }} \
             world w {{ export i; }}"
        )
    };
    assert!(docs_from_wit(&sources(&chain(40)), None).is_ok());
    let error = docs_from_wit(&sources(&chain(300)), None).unwrap_err().to_string();
    assert!(error.contains("nest deeper than 100"), "{error}");
}

#[test]
fn wit_that_cannot_be_read_says_where() {
    let error = |files: &[(&str, &str)], world: Option<&str>| {
        let sources: Vec<_> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        docs_from_wit(&sources, world).unwrap_err().to_string()
    };
    assert!(error(&[], None).contains("give the package's own files"));
    assert!(error(&[("deps/a/a.wit", "package a:a;")], None).contains("own files"));
    assert!(error(&[("w.wit", "package a:b; world w { export")], None).contains("w.wit:1"));
    assert!(error(&[("w.wit", "package a:b; world w { export c:d/e; }")], None).contains("c:d"));
    assert!(error(&[("w.wit", "package a:b; interface i {}")], None).contains("no worlds"));
    let two = [("w.wit", "package a:b; world v {} world w {}")];
    assert!(error(&two, None).contains("explicitly chosen"));
    assert!(error(&two, Some("x")).contains("`x` not found"));
}
