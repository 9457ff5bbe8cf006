//! Whether the examples are enough, fit their types both ways, and can be decoded.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyfunc_functions::function::Example;
use hyfunc_functions::json::{arguments_from_json, arguments_to_json};
use hyfunc_functions::types::{RecordType, Type};
use hyfunc_functions::{Cursor, Function, Spelling, Template, oracle};
use serde_json::Value as Json;

use super::finding::{Finding, Findings, Severity};

/// Fewest examples of a function: retrieval and training learn from them.
const EXAMPLES_MIN: usize = 5;

/// Findings about the examples of each function.
pub(super) fn check(functions: &[Function]) -> Vec<Finding> {
    let mut findings = Findings::of("examples");
    for function in functions {
        enough(function, &mut findings);
        for example in &function.examples {
            if let Err(message) = round_trip(function, example) {
                findings.add(
                    Severity::Error,
                    &function.name,
                    format!("the example \"{}\" {message}", example.utterance),
                    "correct its arguments in the WIT and build anew",
                );
            }
            for said in unsaid(&function.parameters, &example.arguments, &example.utterance) {
                findings.add(
                    Severity::Note,
                    &function.name,
                    format!("the example \"{}\" does not hold its value {said}", example.utterance),
                    "values are mostly copied: let the utterance hold it as it is to be written",
                );
            }
        }
    }
    findings.done()
}

fn enough(function: &Function, findings: &mut Findings) {
    let count = function.examples.len();
    let utterances: BTreeSet<String> =
        function.examples.iter().map(|example| example.utterance.trim().to_lowercase()).collect();
    if count == 0 {
        findings.add(
            Severity::Error,
            &function.name,
            "it has no example",
            format!(
                "write {EXAMPLES_MIN} or more: `@example \"what people say\" {{\"name\": value}}`"
            ),
        );
        return;
    }
    if utterances.len() < count {
        findings.add(
            Severity::Warning,
            &function.name,
            "two of its examples have one utterance",
            "say it in other words, or leave one out",
        );
    }
    if utterances.len() < EXAMPLES_MIN {
        findings.add(
            Severity::Warning,
            &function.name,
            format!("it has {} examples", utterances.len()),
            format!(
                "write {EXAMPLES_MIN} or more, as differently as people talk: a question, an order, \
                 a wish between the lines"
            ),
        );
    }
    for field in &function.parameters.fields {
        let is_said = |example: &Example| example.arguments.contains_key(&field.name);
        if !function.examples.iter().any(is_said) {
            findings.add(
                Severity::Warning,
                &function.name,
                format!("no example says `{}`", field.name),
                "add one where a person says it",
            );
        }
    }
}

/// JSON to a value and back, and a value decoded along the template in either spelling.
fn round_trip(function: &Function, example: &Example) -> Result<(), String> {
    let parameters = &function.parameters;
    let arguments = Json::Object(example.arguments.clone());
    let value = arguments_from_json(parameters, &arguments)
        .map_err(|error| format!("does not fit the parameters: {error}"))?;
    let written = arguments_to_json(parameters, &value);
    if arguments_from_json(parameters, &written).as_ref() != Ok(&value) {
        return Err(format!("does not come back as it went: {written}"));
    }
    for spelling in [Spelling::Param, Spelling::Hermes] {
        let cursor = Cursor::call(Arc::new(Template::new(function, spelling)));
        let decoded = oracle::drive(cursor, &arguments, |_, _| {})
            .map_err(|error| format!("cannot be decoded: {error}"))?;
        let decoded = arguments_to_json(parameters, &decoded);
        if decoded != written {
            return Err(format!("is decoded as {decoded}"));
        }
    }
    Ok(())
}

/// Texts among the arguments that the utterance does not hold.
fn unsaid(
    parameters: &RecordType,
    arguments: &serde_json::Map<String, Json>,
    utterance: &str,
) -> Vec<String> {
    let mut texts = Vec::new();
    collect_record(parameters, arguments, &mut texts);
    let heard = words(utterance);
    texts.retain(|text| !heard.contains(&words(text)));
    texts.iter().map(|text| format!("{text:?}")).collect()
}

fn collect_record(
    record: &RecordType,
    values: &serde_json::Map<String, Json>,
    texts: &mut Vec<String>,
) {
    for field in &record.fields {
        if let Some(value) = values.get(&field.name) {
            collect(&field.ty, value, texts);
        }
    }
}

fn collect(ty: &Type, value: &Json, texts: &mut Vec<String>) {
    match (ty, value) {
        (Type::String(_), Json::String(text)) => texts.push(text.clone()),
        (Type::Option(inner), value) => collect(inner, value, texts),
        (Type::List(list), Json::Array(items)) => {
            items.iter().for_each(|item| collect(&list.element, item, texts));
        }
        (Type::Tuple(types), Json::Array(items)) => {
            types.iter().zip(items).for_each(|(ty, item)| collect(ty, item, texts));
        }
        (Type::Record(record), Json::Object(values)) => collect_record(record, values, texts),
        _ => {}
    }
}

/// Letters and digits alone, in lower case, a space between words and at both ends.
fn words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::plugin::check::tests::{assert_one, function};

    fn example(utterance: &str, arguments: Json) -> Example {
        let Json::Object(arguments) = arguments else { panic!("{arguments}") };
        Example { utterance: utterance.to_owned(), arguments }
    }

    #[test]
    fn enough_examples_that_fit_have_nothing_to_find() {
        assert_eq!(check(&[function()]), []);
    }

    #[test]
    fn too_few_and_bad_ones_are_found() {
        let changed = |examples: Vec<Example>| {
            let mut changed = function();
            changed.examples.extend(examples);
            check(&[changed])
        };
        let of = |examples: Vec<Example>| check(&[Function { examples, ..function() }]);
        assert_one(&of(Vec::new()), Severity::Error, "no example");
        let one = vec![example("say hi to Ann", json!({"name": "Ann"}))];
        assert_one(&of(one), Severity::Warning, "has 1 examples");
        let again = function().examples[0].clone();
        assert_one(&changed(vec![again]), Severity::Warning, "one utterance");
        let misfit = vec![example("say hi", json!({"name": 5}))];
        assert_one(&changed(misfit), Severity::Error, "does not fit the parameters");
        let unsaid = vec![example("greet my sister", json!({"name": "Ann"}))];
        assert_one(&changed(unsaid), Severity::Note, "its value \"Ann\"");
    }

    #[test]
    fn a_parameter_that_nobody_says_is_found() {
        let mut silent = function();
        for example in &mut silent.examples {
            example.arguments.clear();
        }
        silent.parameters.fields[0].required = false;
        assert_one(&check(&[silent]), Severity::Warning, "no example says `name`");
    }

    #[test]
    fn words_are_compared_without_marks() {
        let parameters = function().parameters;
        for (utterance, name, is_said) in [
            ("say hello to Ann-Marie!", "Ann Marie", true),
            ("SAY HELLO TO ANN", "ann", true),
            ("say hello to Anna", "ann", false),
            ("", "ann", false),
        ] {
            let Json::Object(arguments) = json!({"name": name}) else { panic!("an object") };
            assert_eq!(unsaid(&parameters, &arguments, utterance).is_empty(), is_said, "{name}");
        }
    }
}
