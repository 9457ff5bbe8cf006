//! Whether calls are right: the benchmark's AST checker for Python, rule by rule.
//!
//! Its oddities are kept, since scores are compared with others': an element of a list is only
//! looked at one level deep; `""` among the answers of a list admits elements of any type; a value
//! of the answers' own type passes whatever the function declares; where the checker raises an
//! exception (an unknown type, a function that is not described), the row is wrong.

use serde_json::{Map, Value as Json};

use super::python::{
    Crash, Kind, comparable, equal, get, holds, is_blank, items, kind, standardized,
};
use super::{Call, Category, Scoring};
use crate::report::FailureKind;

/// Why a row is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The benchmark's own name for it.
    pub error_type: &'static str,
    /// What differs.
    pub message: String,
    /// Which step went wrong.
    pub kind: FailureKind,
}

/// What the checker ends with, other than that a call is right.
#[derive(Debug)]
enum Fault {
    Miss(Miss),
    Crash(Crash),
}

impl From<Crash> for Fault {
    fn from(crash: Crash) -> Self {
        Self::Crash(crash)
    }
}

impl Fault {
    fn new(error_type: &'static str, kind: FailureKind, message: String) -> Self {
        Self::Miss(Miss { error_type, message, kind })
    }

    fn into_miss(self) -> Miss {
        match self {
            Self::Miss(miss) => miss,
            Self::Crash(Crash(reason)) => Miss {
                error_type: "checker_crashed",
                message: format!("the benchmark's checker fails on this row: {reason}"),
                kind: FailureKind::Value,
            },
        }
    }
}

/// Checks the calls of one row. `functions` are the benchmark's own descriptions; `answers` is its
/// `ground_truth`: a list of `{function: {parameter: [accepted values]}}`, where `""` among the
/// values means that the parameter may be absent. Rows that want no call, or any, need neither.
///
/// # Errors
/// Why the row is wrong.
pub fn check(
    category: Category,
    functions: &[Json],
    answers: &[Json],
    calls: &[Call],
) -> Result<(), Miss> {
    let outcome = match category.scoring() {
        Scoring::NoCall if calls.is_empty() => Ok(()),
        Scoring::NoCall => {
            Err(Fault::new("relevance", FailureKind::Call, "a call where none is wanted".into()))
        }
        Scoring::AnyCall if !calls.is_empty() => Ok(()),
        Scoring::AnyCall => {
            Err(Fault::new("relevance", FailureKind::Call, "no call where one is wanted".into()))
        }
        Scoring::Parallel => in_any_order(functions, answers, calls),
        Scoring::Multiple => multiple(functions, answers, calls),
        Scoring::Simple => simple(functions, answers, calls),
    };
    outcome.map_err(Fault::into_miss)
}

fn wrong_count(error_type: &'static str, wanted: usize, calls: &[Call]) -> Fault {
    let kind = if calls.is_empty() { FailureKind::Call } else { FailureKind::Count };
    Fault::new(error_type, kind, format!("{} calls instead of {wanted}", calls.len()))
}

fn simple(functions: &[Json], answers: &[Json], calls: &[Call]) -> Result<(), Fault> {
    let [call] = calls else {
        return Err(wrong_count("simple_function_checker:wrong_count", 1, calls));
    };
    let function = functions.first().ok_or_else(|| Crash("no function".into()))?;
    let answer = answers.first().ok_or_else(|| Crash("no answer".into()))?;
    one(Some(function), call, answer)
}

fn multiple(functions: &[Json], answers: &[Json], calls: &[Call]) -> Result<(), Fault> {
    if calls.len() != answers.len() {
        return Err(wrong_count("multiple_function_checker:wrong_count", answers.len(), calls));
    }
    let (Some(call), Some(answer)) = (calls.first(), answers.first()) else {
        return Err(Crash("no answer".into()).into());
    };
    one(described(functions, wanted_name(answer)?)?, call, answer)
}

/// Each answer takes the first call that fits it and that no answer before has taken.
fn in_any_order(functions: &[Json], answers: &[Json], calls: &[Call]) -> Result<(), Fault> {
    if calls.len() != answers.len() {
        let error_type = "parallel_function_checker_no_order:wrong_count";
        return Err(wrong_count(error_type, answers.len(), calls));
    }
    let mut open: Vec<&Call> = calls.iter().collect();
    for answer in answers {
        let name = wanted_name(answer)?;
        let function = described(functions, name)?;
        let mut nearest: Option<Miss> = None;
        let mut taken = None;
        for (at, call) in open.iter().enumerate() {
            match one(function, call, answer) {
                Ok(()) => {
                    taken = Some(at);
                    break;
                }
                Err(Fault::Miss(miss)) => {
                    // The one that came furthest says most.
                    if nearest.as_ref().is_none_or(|before| miss.kind > before.kind) {
                        nearest = Some(miss);
                    }
                }
                Err(crash) => return Err(crash),
            }
        }
        let Some(at) = taken else {
            let kind = nearest.as_ref().map_or(FailureKind::Count, |miss| miss.kind);
            let reason = nearest.map_or_else(String::new, |miss| miss.message);
            let message = format!("no call fits the wanted call of `{name}`: {reason}");
            let error_type = "parallel_function_checker_no_order:cannot_find_match";
            return Err(Fault::new(error_type, kind, message));
        };
        open.remove(at);
    }
    Ok(())
}

/// The function that an answer calls: its first key.
fn wanted_name(answer: &Json) -> Result<&str, Crash> {
    let first = answer.as_object().and_then(|object| object.keys().next());
    first.map(String::as_str).ok_or_else(|| Crash(format!("no answer: {answer}")))
}

fn described<'a>(functions: &'a [Json], name: &str) -> Result<Option<&'a Json>, Crash> {
    for function in functions {
        if get(function, "name")?.as_str() == Some(name) {
            return Ok(Some(function));
        }
    }
    Ok(None)
}

/// One call against one answer.
fn one(function: Option<&Json>, call: &Call, answer: &Json) -> Result<(), Fault> {
    let answer = answer.as_object().and_then(|object| object.values().next());
    let answer = answer.ok_or_else(|| Crash("an empty answer".into()))?;
    let function = function.ok_or_else(|| Crash("the function is not described".into()))?;
    let name = get(function, "name")?;
    let parameters = get(function, "parameters")?;
    let properties = get(parameters, "properties")?;
    let required = get(parameters, "required")?;
    if name.as_str() != Some(call.name.as_str()) {
        return Err(Fault::new(
            "simple_function_checker:wrong_func_name",
            FailureKind::Function,
            format!("`{}` is called instead of {name}", call.name),
        ));
    }
    for required in items(required)?.iter() {
        if !holds(&call.arguments, required.as_str().unwrap_or_default())? {
            return Err(Fault::new(
                "simple_function_checker:missing_required",
                FailureKind::Presence,
                format!("the required parameter {required} is missing"),
            ));
        }
    }
    let arguments = call.arguments.as_object();
    let arguments = arguments.ok_or_else(|| Crash("the arguments are no object".into()))?;
    let answer = answer.as_object().ok_or_else(|| Crash("an answer without names".into()))?;
    for (parameter, value) in arguments {
        let declared = properties.as_object().and_then(|all| all.get(parameter));
        let (Some(declared), Some(accepted)) = (declared, answer.get(parameter)) else {
            return Err(Fault::new(
                "simple_function_checker:unexpected_param",
                FailureKind::Presence,
                format!("the parameter `{parameter}` should not be there"),
            ));
        };
        argument(parameter, value, declared, &items(accepted)?)?;
    }
    for (parameter, accepted) in answer {
        if !arguments.contains_key(parameter) && !holds(accepted, "")? {
            return Err(Fault::new(
                "simple_function_checker:missing_optional",
                FailureKind::Presence,
                format!("the parameter `{parameter}` is missing"),
            ));
        }
    }
    Ok(())
}

/// Python's type for one that a function declares.
fn declared_kind(schema: &Json) -> Result<Kind, Crash> {
    let name = get(schema, "type")?.as_str().unwrap_or_default();
    Ok(match name {
        "string" | "any" => Kind::Str,
        "integer" => Kind::Int,
        "float" => Kind::Float,
        "boolean" => Kind::Bool,
        "array" | "tuple" => Kind::List,
        "dict" => Kind::Dict,
        other => return Err(Crash(format!("no type {other:?}"))),
    })
}

/// One argument against the values that are accepted.
fn argument(
    parameter: &str,
    value: &Json,
    declared: &Json,
    accepted: &[Json],
) -> Result<(), Fault> {
    let expected = declared_kind(declared)?;
    let element = match expected {
        Kind::List => Some(declared_kind(get(declared, "items")?)?),
        _ => None,
    };
    let as_float = match value.as_f64() {
        Some(float) if expected == Kind::Float && kind(value) == Kind::Int => Json::from(float),
        _ => Json::Null,
    };
    let value = if as_float.is_null() { value } else { &as_float };
    let of_other_kind = typed(parameter, value, accepted, expected, element)?;
    if !of_other_kind {
        match (expected, element) {
            (Kind::Dict, _) => return dict(parameter, value, accepted),
            (Kind::List, Some(Kind::Dict)) => return dicts(parameter, value, accepted),
            (Kind::List, _) => return list(parameter, value, accepted),
            (Kind::Str, _) => return string(parameter, value, accepted),
            (Kind::Int | Kind::Float | Kind::Bool | Kind::None, _) => {}
        }
    }
    if accepted.iter().any(|accepted| equal(value, accepted)) {
        return Ok(());
    }
    Err(wrong_value("value_error:others", parameter, value, accepted))
}

fn wrong_value(
    error_type: &'static str,
    parameter: &str,
    value: &Json,
    accepted: &[Json],
) -> Fault {
    let accepted = accepted.iter().map(Json::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("`{parameter}` is {value}; accepted: {accepted}");
    Fault::new(error_type, FailureKind::Value, message)
}

/// Whether a value's type is one that passes; says whether the answers are of another type than
/// declared, and so must be equal to the letter.
fn typed(
    parameter: &str,
    value: &Json,
    accepted: &[Json],
    expected: Kind,
    element: Option<Kind>,
) -> Result<bool, Fault> {
    let answered = accepted.iter().find(|accepted| !is_blank(accepted)).map(kind);
    let mut error_type = "type_error:simple";
    if kind(value) == expected {
        let is_other = answered.is_some_and(|answered| answered != expected);
        let Some(element) = element else { return Ok(is_other) };
        let values = items(value)?;
        let fits = |accepted: &Json| match accepted {
            Json::Array(accepted) => {
                values.iter().all(|value| typed(parameter, value, accepted, element, None).is_ok())
            }
            _ => true,
        };
        if accepted.iter().any(fits) {
            return Ok(is_other);
        }
        if answered == Some(expected) {
            error_type = "type_error:nested";
        }
    } else if answered == Some(kind(value)) {
        return Ok(true);
    }
    let message = format!("`{parameter}` is {value}, which is not of the declared type");
    Err(Fault::new(error_type, FailureKind::Value, message))
}

fn string(parameter: &str, value: &Json, accepted: &[Json]) -> Result<(), Fault> {
    let found = standardized(value.as_str().unwrap_or_default());
    let mut texts = accepted.iter().filter_map(Json::as_str);
    if texts.any(|text| standardized(text) == found) {
        return Ok(());
    }
    Err(wrong_value("value_error:string", parameter, value, accepted))
}

fn list(parameter: &str, value: &Json, accepted: &[Json]) -> Result<(), Fault> {
    let found = items(value)?;
    let mut is_right = false;
    for answer in accepted {
        // Every answer is looked at, as the benchmark does: one that is no list is a crash.
        let answer = items(answer)?;
        let same = |(a, b): (&Json, &Json)| equal(&comparable(a), &comparable(b));
        is_right |= answer.len() == found.len() && found.iter().zip(answer.iter()).all(same);
    }
    if is_right {
        return Ok(());
    }
    Err(wrong_value("value_error:list/tuple", parameter, value, accepted))
}

fn dict(parameter: &str, value: &Json, accepted: &[Json]) -> Result<(), Fault> {
    let mut last = wrong_value("dict_checker:unclear", parameter, value, accepted);
    for answer in accepted.iter().filter(|answer| !is_blank(answer)) {
        let found = value.as_object().ok_or_else(|| Crash(format!("no dict: {value}")))?;
        let answer = answer.as_object().ok_or_else(|| Crash(format!("no dict: {answer}")))?;
        match entries(found, answer)? {
            None => return Ok(()),
            Some(error_type) => last = wrong_value(error_type, parameter, value, accepted),
        }
    }
    Err(last)
}

/// What is wrong with a dict; `None` where nothing is.
fn entries(
    found: &Map<String, Json>,
    answer: &Map<String, Json>,
) -> Result<Option<&'static str>, Crash> {
    let mut wrong = None;
    for (key, value) in found {
        let Some(accepted) = answer.get(key) else {
            wrong = Some("value_error:dict_key");
            break;
        };
        let value = comparable(value);
        if !items(accepted)?.iter().any(|accepted| equal(&value, &comparable(accepted))) {
            wrong = Some("value_error:dict_value");
            break;
        }
    }
    for (key, accepted) in answer {
        if !found.contains_key(key) && !holds(accepted, "")? {
            wrong = Some("value_error:dict_key");
            break;
        }
    }
    Ok(wrong)
}

/// A list of dicts, in the order of the answer's.
fn dicts(parameter: &str, value: &Json, accepted: &[Json]) -> Result<(), Fault> {
    let found = items(value)?;
    let mut last = wrong_value("list_dict_checker:unclear", parameter, value, accepted);
    for answer in accepted {
        let wanted = match answer {
            Json::Object(object) if object.len() != found.len() => None,
            answer => Some(items(answer)?).filter(|wanted| wanted.len() == found.len()),
        };
        let Some(wanted) = wanted else {
            last = wrong_value("value_error:list_dict_count", parameter, value, accepted);
            continue;
        };
        let mut is_right = true;
        for (found, wanted) in found.iter().zip(wanted.iter()) {
            match dict(parameter, found, std::slice::from_ref(wanted)) {
                Ok(()) => {}
                Err(Fault::Miss(miss)) => {
                    (last, is_right) = (Fault::Miss(miss), false);
                    break;
                }
                Err(crash) => return Err(crash),
            }
        }
        if is_right {
            return Ok(());
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One case a line: what the benchmark's own checker says, schema of the parameter, accepted
    /// values, arguments. Everything else is fixed: a function `f` with the optional parameter `x`.
    const CASES: &str = include_str!("cases.txt");

    fn error_type(category: Category, functions: &Json, answers: &Json, calls: &Json) -> String {
        let calls: Vec<Call> = calls
            .as_array()
            .unwrap()
            .iter()
            .map(|call| Call {
                name: call["name"].as_str().unwrap().to_owned(),
                arguments: call["arguments"].clone(),
            })
            .collect();
        let (functions, answers) = (functions.as_array().unwrap(), answers.as_array().unwrap());
        match check(category, functions, answers, &calls) {
            Ok(()) => "right".to_owned(),
            Err(miss) => miss.error_type.to_owned(),
        }
    }

    #[test]
    fn one_argument_is_checked_as_the_benchmark_does() {
        let mut cases = 0;
        for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let [expected, schema, accepted, arguments] = fields[..] else {
                panic!("four fields: {line}")
            };
            let json = |text: &str| -> Json {
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{line}: {error}"))
            };
            let functions = serde_json::json!([{
                "name": "f",
                "parameters": {"properties": {"x": json(schema)}, "required": []},
            }]);
            let answers = serde_json::json!([{"f": {"x": json(accepted)}}]);
            let calls = serde_json::json!([{"name": "f", "arguments": json(arguments)}]);
            let found = error_type(Category::SimplePython, &functions, &answers, &calls);
            assert!(
                found == expected || found.ends_with(&format!(":{expected}")),
                "{line}: {found}"
            );
            cases += 1;
        }
        assert!(cases > 60, "{cases}");
    }

    #[test]
    fn sets_of_calls_are_checked_as_the_benchmark_does() {
        let functions: Json = serde_json::from_str(
            r#"[{"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}},
                {"name": "g", "parameters": {"properties": {}, "required": []}}]"#,
        )
        .unwrap();
        for (category, answers, calls, expected) in [
            (Category::Irrelevance, "[]", "[]", "right"),
            (Category::LiveIrrelevance, "[]", "[f1]", "relevance"),
            (Category::LiveRelevance, "[]", "[]", "relevance"),
            (Category::LiveRelevance, "[]", "[h]", "right"),
            (Category::SimplePython, "[f1]", "[]", "simple_function_checker:wrong_count"),
            (Category::LiveSimple, "[f1]", "[f1, f1]", "simple_function_checker:wrong_count"),
            (Category::LiveSimple, "[f1]", "[g]", "simple_function_checker:wrong_func_name"),
            (Category::LiveSimple, "[f1]", "[fx]", "simple_function_checker:missing_required"),
            (Category::LiveSimple, "[f1]", "[fl]", "simple_function_checker:missing_required"),
            (Category::LiveSimple, "[g]", "[gn]", "simple_function_checker:wrong_func_name"),
            (Category::Multiple, "[g]", "[gn]", "checker_crashed"),
            (Category::Multiple, "[g]", "[g]", "right"),
            (Category::Multiple, "[g]", "[f1]", "simple_function_checker:wrong_func_name"),
            (Category::Multiple, "[h]", "[h]", "checker_crashed"),
            (Category::Multiple, "[g]", "[]", "multiple_function_checker:wrong_count"),
            (Category::Parallel, "[]", "[]", "right"),
            (Category::Parallel, "[f1, f2]", "[f2, f1]", "right"),
            (Category::ParallelMultiple, "[f1, g]", "[g, f1]", "right"),
            (
                Category::Parallel,
                "[f1, f2]",
                "[f1]",
                "parallel_function_checker_no_order:wrong_count",
            ),
            (
                Category::Parallel,
                "[f1, f2]",
                "[f1, f1]",
                "parallel_function_checker_no_order:cannot_find_match",
            ),
            (
                Category::LiveParallel,
                "[f1, f1]",
                "[f1, g]",
                "parallel_function_checker_no_order:cannot_find_match",
            ),
            (Category::LiveParallelMultiple, "[f1, h]", "[f1, h]", "checker_crashed"),
        ] {
            let answer = |name: &str| match name {
                "f1" => r#"{"f": {"x": [1]}}"#,
                "f2" => r#"{"f": {"x": [2]}}"#,
                "g" => r#"{"g": {}}"#,
                "h" => r#"{"h": {}}"#,
                other => panic!("{other}"),
            };
            let call = |name: &str| match name {
                "f1" => r#"{"name": "f", "arguments": {"x": 1}}"#,
                "f2" => r#"{"name": "f", "arguments": {"x": 2}}"#,
                "fx" => r#"{"name": "f", "arguments": {}}"#,
                "fl" => r#"{"name": "f", "arguments": [1]}"#,
                "g" => r#"{"name": "g", "arguments": {}}"#,
                "gn" => r#"{"name": "g", "arguments": null}"#,
                "h" => r#"{"name": "h", "arguments": {}}"#,
                other => panic!("{other}"),
            };
            let list = |names: &str, of: &dyn Fn(&str) -> &'static str| -> Json {
                let names =
                    names.trim_matches(['[', ']']).split(", ").filter(|name| !name.is_empty());
                let texts: Vec<&str> = names.map(of).collect();
                serde_json::from_str(&format!("[{}]", texts.join(", "))).unwrap()
            };
            let found =
                error_type(category, &functions, &list(answers, &answer), &list(calls, &call));
            assert_eq!(found, expected, "{category:?} {answers} {calls}");
        }
    }

    #[test]
    fn the_step_that_went_wrong_is_named() {
        let functions: Json = serde_json::from_str(
            r#"[{"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}, "required": []}}]"#,
        )
        .unwrap();
        let answers = serde_json::json!([{"f": {"x": [1]}}, {"f": {"x": [2]}}]);
        let call = |arguments: &str| Call {
            name: "f".into(),
            arguments: serde_json::from_str(arguments).unwrap(),
        };
        for (calls, kind) in [
            (vec![], FailureKind::Call),
            (vec![call("{}")], FailureKind::Count),
            (vec![call(r#"{"x": 1}"#), call(r#"{"x": 3}"#)], FailureKind::Value),
            (vec![call(r#"{"x": 1}"#), call("{}")], FailureKind::Presence),
            (
                vec![call(r#"{"x": 1}"#), Call { name: "g".into(), ..call("{}") }],
                FailureKind::Function,
            ),
        ] {
            let (functions, answers) = (functions.as_array().unwrap(), answers.as_array().unwrap());
            let miss = check(Category::Parallel, functions, answers, &calls).unwrap_err();
            assert_eq!(miss.kind, kind, "{calls:?}: {miss:?}");
        }
    }
}
