use std::borrow::Cow;

use hyfunc_functions::docs::{Docs, docs_from_wit, inject};
use hyfunc_functions::function::Example;
use hyfunc_functions::types::{Field, StringType, Type};

use super::*;
use crate::app::PluginSource;
use crate::commands::plugin::fake::Fake;

pub(crate) fn field(name: &str, ty: Type, doc: &str) -> Field {
    let required = !matches!(ty, Type::Option(_));
    Field { name: name.to_owned(), doc: doc.to_owned(), ty, required, default: None }
}

/// A function with which nothing is wrong.
pub(crate) fn function() -> Function {
    let mut function = hyfunc_functions::schema::function_from_schema(
        "greetings_greet",
        "Greet a person by name.",
        &json!({}),
    )
    .unwrap();
    let name = field("name", Type::String(StringType::default()), "Name of the person.");
    function.parameters.fields.push(name);
    function.reply = Some("{{ result }}".to_owned());
    let names = ["Ann", "Bob", "Eve", "Tom", "Zoe"];
    function.examples = names
        .iter()
        .map(|name| {
            let Json::Object(arguments) = json!({"name": name}) else { panic!("an object") };
            Example { utterance: format!("say hello to {name}"), arguments }
        })
        .collect();
    function
}

/// That there is exactly one finding, and which.
#[track_caller]
pub(super) fn assert_one(findings: &[Finding], severity: Severity, message: &str) {
    let [finding] = findings else { panic!("not one finding: {findings:#?}") };
    assert_eq!(finding.severity, severity, "{finding:?}");
    assert!(finding.message.contains(message), "`{message}` is not in {finding:?}");
    assert!(!finding.advice.is_empty(), "{finding:?}");
}

fn config() -> Config {
    let mut config = Config::default();
    config.sandbox.aot_dir = String::new();
    config
}

fn subject(name: &str, component: Vec<u8>, grants: &str) -> Subject {
    let source = PluginSource {
        name: name.to_owned(),
        component: Cow::Owned(component),
        grants: Cow::Owned(grants.to_owned()),
    };
    Subject { source, is_stale: false }
}

async fn checked(subject: &Subject) -> (Json, bool) {
    let options = CheckOptions { json: true, strict: false };
    let verdict = check_with(&Fake::default(), &config(), subject, options).await.unwrap();
    (serde_json::from_str(&verdict.text).unwrap(), verdict.is_good)
}

fn messages(json: &Json, severity: &str) -> Vec<String> {
    let findings = json["findings"].as_array().unwrap().iter();
    let of = findings.filter(|finding| finding["severity"] == severity);
    of.map(|finding| format!("{}: {}", finding["place"], finding["message"])).collect()
}

#[tokio::test]
async fn bundled_plugins_have_no_error_and_every_example_a_place() {
    for name in ["text", "home"] {
        let subject = Subject::open(Path::new(name)).unwrap();
        let (json, is_good) = checked(&subject).await;
        assert!(is_good, "{name}: {:#?}", messages(&json, "error"));
        assert_eq!(json["errors"], 0);
        let examples = json["retrieval"]["examples"].as_array().unwrap();
        assert!(examples.len() >= 30, "{name}: {}", examples.len());
        assert!(examples.iter().all(|example| example["rank"].as_u64() >= Some(1)), "{name}");
        let asks = messages(&json, "note").join("\n").contains("its key-value store");
        assert_eq!(asks, name == "home", "{name}");
    }
}

#[tokio::test]
async fn a_component_without_docs_is_an_error() {
    let bare = {
        let packed = hyfunc_plugins::bundled()[0].component;
        // Docs of nothing at all stand for none: the names of the WIT are what is left.
        inject(packed, &Docs::default()).unwrap()
    };
    let (json, is_good) = checked(&subject("bare", bare, "")).await;
    assert!(!is_good);
    let errors = messages(&json, "error").join("\n");
    assert!(errors.contains("nothing says what it does"), "{errors}");
    assert!(errors.contains("has no example"), "{errors}");
}

#[tokio::test]
async fn what_the_gateway_would_refuse_is_an_error() {
    let text = bundled("text");
    let foreign = {
        // Of another world: its docs are of functions that the component does not export.
        let wit = "package a:b; interface i { /// Adds.\nadd: func(); } world w { export i; }";
        let docs = docs_from_wit(&[("world.wit".to_owned(), wit.to_owned())], None).unwrap();
        inject(text, &docs).unwrap()
    };
    for (component, grants, message) in [
        (b"no component".to_vec(), "", "no WebAssembly binary"),
        (b"\0asm\x01\0\0\0".to_vec(), "", "core module"),
        (foreign, "", "exports no such function"),
        (text.to_vec(), "[files]\nread = [\"/\"]", "grants.toml"),
    ] {
        let (json, is_good) = checked(&subject("mine", component, grants)).await;
        let errors = messages(&json, "error");
        assert!(!is_good && errors.iter().any(|error| error.contains(message)), "{errors:?}");
    }
}

#[tokio::test]
async fn a_plugin_like_one_of_the_library_is_warned_of_it() {
    let (json, is_good) = checked(&subject("mine", bundled("text").to_vec(), "")).await;
    assert!(is_good, "a warning is no error: {:?}", messages(&json, "error"));
    let warnings = messages(&json, "warning").join("\n");
    assert!(warnings.contains("yours becomes `mine_text_count_words`"), "{warnings}");
    assert!(warnings.contains("reads nearly like `text_count_words`"), "{warnings}");
    let subject = subject("mine", bundled("text").to_vec(), "");
    let strict = CheckOptions { json: false, strict: true };
    let verdict = check_with(&Fake::default(), &config(), &subject, strict).await.unwrap();
    assert!(!verdict.is_good, "with --strict it is");
    for part in ["mine: ", " warnings, ", "text_count_words: it reads", "Place at which"] {
        assert!(verdict.text.contains(part), "`{part}` is not in {}", verdict.text);
    }
}

#[tokio::test]
async fn a_stale_component_is_told() {
    let stale = Subject { is_stale: true, ..subject("stale", bundled("units").to_vec(), "") };
    let (json, _) = checked(&stale).await;
    let warnings = messages(&json, "warning").join("\n");
    assert!(warnings.contains("changed after it was built"), "{warnings}");
}

fn bundled(name: &str) -> &'static [u8] {
    let mut plugins = hyfunc_plugins::bundled().iter();
    plugins.find(|plugin| plugin.name == name).unwrap().component
}
