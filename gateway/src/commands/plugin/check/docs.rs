//! Whether everything is said that people, models and clients need.

use hyfunc_functions::Function;
use hyfunc_functions::component::DocsSource;
use hyfunc_functions::types::{Case, RecordType, Type, VariantCase};

use super::finding::{Finding, Findings, Severity};

/// Words of a first sentence that models read for certain.
const SENTENCE_WORDS_MAX: usize = 18;
/// Fewer words than this say little more than the name.
const SUMMARY_WORDS_MIN: usize = 3;

/// Findings about the plugin and its functions.
pub(super) fn check(source: DocsSource, functions: &[Function]) -> Vec<Finding> {
    let mut findings = Findings::of("docs");
    if source != DocsSource::Section {
        findings.add(
            Severity::Error,
            "plugin",
            "the component carries none of the comments of its WIT",
            "build it with `hyfunc plugin build`, or add them with `hyfunc plugin pack`",
        );
        return findings.done();
    }
    for function in functions {
        summary(function, &mut findings);
        parameters(function, &mut findings);
        if function.reply.is_none() {
            findings.add(
                Severity::Warning,
                &function.name,
                "people are shown its bare result",
                "write the sentence that tells it: `@reply \"It is {{ result }}.\"`",
            );
        }
    }
    findings.done()
}

fn summary(function: &Function, findings: &mut Findings) {
    let words = function.description.split_whitespace().count();
    if words == 0 {
        findings.add(
            Severity::Error,
            &function.name,
            "nothing says what it does",
            "write a comment before it in the WIT: what a person gets from it",
        );
        return;
    }
    if words < SUMMARY_WORDS_MIN {
        findings.add(
            Severity::Warning,
            &function.name,
            format!("its summary, \"{}\", says little more than its name", function.description),
            "say what a person gets from it, in the words that people use",
        );
    }
    let first = first_sentence(&function.description).split_whitespace().count();
    if first > SENTENCE_WORDS_MAX {
        findings.add(
            Severity::Warning,
            &function.name,
            format!("the first sentence of its summary has {first} words"),
            format!(
                "say it in {SENTENCE_WORDS_MAX}, which is what models read; more can follow in a \
                 second sentence"
            ),
        );
    }
}

fn first_sentence(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.find(". ").map_or(line, |end| &line[..end])
}

fn parameters(function: &Function, findings: &mut Findings) {
    for field in &function.parameters.fields {
        let name = &field.name;
        if field.doc.is_empty() {
            findings.add(
                Severity::Error,
                &function.name,
                format!("nothing says what its parameter `{name}` is"),
                format!("write `@param {name} …` in the function's comment"),
            );
        }
        if matches!(field.ty, Type::Option(_)) && field.default.is_none() {
            findings.add(
                Severity::Note,
                &function.name,
                format!("nothing says what it means when `{name}` is left out"),
                format!("where one value does: `@default {name} …`"),
            );
        }
        for part in silent(&field.ty, name) {
            findings.add(
                Severity::Warning,
                &function.name,
                format!("nothing says what `{part}` is"),
                "write a comment before it in the WIT",
            );
        }
    }
}

/// Paths of the fields and cases below a parameter that nothing is said about. Cases may go without
/// words as long as all of them do: then their names are meant to speak for themselves.
fn silent(ty: &Type, path: &str) -> Vec<String> {
    match ty {
        Type::Option(inner) => silent(inner, path),
        Type::List(list) => silent(&list.element, path),
        Type::Tuple(types) => types.iter().flat_map(|ty| silent(ty, path)).collect(),
        Type::Record(record) => silent_fields(record, path),
        Type::Enum(cases) | Type::Flags(cases) => silent_cases(cases, path),
        Type::Variant(cases) => silent_variant(cases, path),
        Type::Null
        | Type::Bool
        | Type::Int(_)
        | Type::Float(_)
        | Type::Char
        | Type::String(_)
        | Type::Bytes
        | Type::Literals(_)
        | Type::Result { .. }
        | Type::Map(_)
        | Type::OneOf(_)
        | Type::Any => Vec::new(),
    }
}

fn silent_fields(record: &RecordType, path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for field in &record.fields {
        let path = format!("{path}.{}", field.name);
        parts.extend(silent(&field.ty, &path));
        if field.doc.is_empty() {
            parts.push(path);
        }
    }
    parts
}

fn silent_cases(cases: &[Case], path: &str) -> Vec<String> {
    if cases.iter().all(|case| case.doc.is_empty()) {
        return Vec::new();
    }
    let silent = cases.iter().filter(|case| case.doc.is_empty());
    silent.map(|case| format!("{path}.{}", case.name)).collect()
}

fn silent_variant(cases: &[VariantCase], path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let all = cases.iter().all(|case| case.doc.is_empty());
    for case in cases {
        let path = format!("{path}.{}", case.name);
        parts.extend(case.payload.as_ref().map(|ty| silent(ty, &path)).unwrap_or_default());
        if case.doc.is_empty() && !all {
            parts.push(path);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::plugin::check::tests::{assert_one, field, function};

    fn check_one(function: Function) -> Vec<Finding> {
        check(DocsSource::Section, &[function])
    }

    #[test]
    fn a_documented_function_has_nothing_to_find() {
        assert_eq!(check_one(function()), []);
    }

    #[test]
    fn what_is_not_said_is_found() {
        let long = "word ".repeat(SENTENCE_WORDS_MAX + 1);
        let optional = || Type::Option(Box::new(Type::Bool));
        let case = |doc: &str| Case { name: format!("c{}", doc.len()), doc: doc.to_owned() };
        let half = || Type::Enum(vec![case("said"), case("")]);
        let record = || Type::Record(RecordType { fields: vec![field("city", Type::Char, "")] });
        let changed = |change: &dyn Fn(&mut Function)| {
            let mut function = function();
            change(&mut function);
            check_one(function)
        };
        let with =
            |ty: Type| changed(&move |function| function.parameters.fields[0].ty = ty.clone());
        for (findings, severity, message) in [
            (changed(&|f| f.description.clear()), Severity::Error, "nothing says what it does"),
            (changed(&|f| f.description = "Greets.".into()), Severity::Warning, "little more"),
            (changed(&|f| f.description.clone_from(&long)), Severity::Warning, "has 19 words"),
            (changed(&|f| f.parameters.fields[0].doc.clear()), Severity::Error, "parameter `name`"),
            (changed(&|f| f.reply = None), Severity::Warning, "bare result"),
            (with(optional()), Severity::Note, "left out"),
            (with(record()), Severity::Warning, "`name.city`"),
            (with(half()), Severity::Warning, "`name.c0`"),
        ] {
            assert_one(&findings, severity, message);
        }
    }

    #[test]
    fn a_component_without_comments_is_told_once() {
        for source in [DocsSource::None, DocsSource::PackageDocs] {
            let mut bare = function();
            bare.description.clear();
            let findings = check(source, &[bare.clone(), bare]);
            assert_one(&findings, Severity::Error, "none of the comments");
        }
    }
}
