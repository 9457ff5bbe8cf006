//! The sentence that tells a result: the author's `@reply` template, rendered.
//!
//! Names in scope: `result` (what the function returned, without the `ok` of a result), `args`
//! (the call's arguments), and the result's fields where it is a record. Enums are their names,
//! numbers read as a person writes them (`21`, not `21.0`; `0.3`, not `0.30000000000000004`).

use std::collections::BTreeSet;

use minijinja::value::{Serde, ValueKind};
use minijinja::{Environment, Error as TemplateError, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::{Map, Number, Value as Json};

use crate::bounded::{self, tag};
use crate::json::to_json;
use crate::plain;
use crate::types::Type;
use crate::value::Value;

/// Longest template (bytes).
pub const TEMPLATE_BYTES_MAX: usize = 4_096;

/// Longest `{{ … }}`, `{% … %}` or `{# … #}` of a template (bytes). The template engine recurses over
/// chains such as `- - - -1` without a bound of its own, and every link takes a byte at least.
pub const TAG_BYTES_MAX: usize = 512;

/// Most tags of a template: the template engine recurses over `elif`, too.
pub const TAGS_MAX: usize = 200;

/// Longest sentence (bytes).
pub const REPLY_BYTES_MAX: usize = 16 << 10;

/// Most work of one rendering, in the template engine's steps; some 64 bytes of data each.
pub const REPLY_FUEL: u64 = 50_000;

/// Deepest nesting of blocks and includes while rendering.
const RECURSION_MAX: usize = 50;

/// Significant digits of a number in a sentence.
const DIGITS: usize = 12;

/// Why a result has no sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The template does not parse, or fails on this result.
    #[error("the reply template fails: {reason}: correct the `@reply` of the function")]
    Template {
        /// What the template engine says.
        reason: String,
    },
    /// The template is too long.
    #[error(
        "the reply template has {bytes} bytes, and at most {TEMPLATE_BYTES_MAX} are read: shorten it"
    )]
    TemplateTooLong {
        /// Its length.
        bytes: usize,
    },
    /// One expression or statement is too long.
    #[error(
        "the reply template has a tag of {bytes} bytes, and at most {TAG_BYTES_MAX} are read: split it"
    )]
    TagTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The template has too many expressions and statements.
    #[error("the reply template has {tags} tags, and at most {TAGS_MAX} are read: simplify it")]
    TooManyTags {
        /// How many.
        tags: usize,
    },
    /// The template uses names that are never there.
    #[error("the reply template uses {unknown}, but in scope are {known}")]
    UnknownNames {
        /// What it uses.
        unknown: String,
        /// What it may use.
        known: String,
    },
    /// The template works too long.
    #[error("the reply template takes more than {REPLY_FUEL} steps: simplify its loops")]
    TooMuchWork,
    /// The sentence is too long.
    #[error(
        "the reply has {bytes} bytes, and at most {REPLY_BYTES_MAX} are shown: say less in the template"
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The function returned an error; the error itself is to be shown.
    #[error("the function returned an error, and replies tell results only")]
    ToolError,
}

/// Renders a template over a result.
///
/// `returns` is the function's result type and `value` of it; where that is a
/// `Type::Result`, the payload of its `ok` alone will do, too. `arguments` is the call's, as JSON.
///
/// # Errors
/// See [`ReplyError`]; a template that [`check_reply`] passed may still fail on some results.
pub fn render_reply(
    template: &str,
    returns: &Type,
    value: &Value,
    arguments: &Json,
) -> Result<String, ReplyError> {
    let result = result_json(returns, value)?;
    let mut scope = match &result {
        Json::Object(fields) if is_record(returns) => fields.clone(),
        _ => Map::new(),
    };
    let mut arguments = arguments.clone();
    shorten(&mut arguments);
    scope.insert("result".to_owned(), result);
    scope.insert("args".to_owned(), arguments);

    let environment = environment();
    let template = parse(&environment, template)?;
    let scope = minijinja::Value::from(Serde(&scope));
    let text = bounded::render(&environment, &template, scope).map_err(reason)?;
    if text.len() > REPLY_BYTES_MAX {
        return Err(ReplyError::TooLong { bytes: text.len() });
    }
    // What the function returned is in it, and that is anybody's text.
    Ok(plain::text(&text))
}

/// Checks that a template parses and that the names it uses will be in scope.
///
/// # Errors
/// See [`ReplyError`].
pub fn check_reply(template: &str, returns: Option<&Type>) -> Result<(), ReplyError> {
    let environment = environment();
    let template = parse(&environment, template)?;
    let mut known: BTreeSet<&str> = BTreeSet::from(["args", "result"]);
    if let Some(Type::Record(record)) = returns.map(told) {
        known.extend(record.fields.iter().map(|field| field.name.as_str()));
    }
    let global = |name: &str| environment.globals().any(|(global, _)| global == name);
    let used: BTreeSet<String> = template.undeclared_variables(false).into_iter().collect();
    let unknown: Vec<String> = used
        .iter()
        .filter(|name| !known.contains(name.as_str()) && !global(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Err(ReplyError::UnknownNames { unknown: unknown.join(", "), known: known.join(", ") })
}

/// What a reply tells of a type: the payload of `ok`, and what an option holds.
fn told(returns: &Type) -> &Type {
    match returns {
        Type::Result { ok: Some(ok), .. } => told(ok),
        Type::Result { ok: None, .. } => &Type::Null,
        Type::Option(some) => told(some),
        other => other,
    }
}

fn is_record(returns: &Type) -> bool {
    matches!(told(returns), Type::Record(_))
}

fn result_json(returns: &Type, value: &Value) -> Result<Json, ReplyError> {
    let (ty, value) = match (returns, value) {
        (Type::Result { .. }, Value::Result(Err(_))) => return Err(ReplyError::ToolError),
        (Type::Result { ok: Some(ok), .. }, Value::Result(Ok(Some(value)))) => (&**ok, &**value),
        (Type::Result { .. }, Value::Result(Ok(None))) => return Ok(Json::Null),
        (Type::Result { ok: Some(ok), .. }, value) => (&**ok, value),
        (Type::Result { ok: None, .. }, _) => return Ok(Json::Null),
        (ty, value) => (ty, value),
    };
    let mut json = to_json(ty, value);
    shorten(&mut json);
    Ok(json)
}

/// Numbers as a person writes them, throughout.
fn shorten(json: &mut Json) {
    match json {
        Json::Number(number) if number.is_f64() => {
            if let Some(short) = number.as_f64().and_then(short_number) {
                *number = short;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(shorten),
        Json::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

fn short_number(number: f64) -> Option<Number> {
    /// Whole numbers up to here are written out.
    const WHOLE_MAX: f64 = 1e15;
    let rounded: f64 = format!("{number:.*e}", DIGITS - 1).parse().ok()?;
    if rounded.fract() == 0.0 && rounded.abs() < WHOLE_MAX {
        // Exact: it is whole and far inside i64.
        return Some(Number::from(rounded as i64));
    }
    Number::from_f64(rounded)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(REPLY_FUEL));
    environment.set_recursion_limit(RECURSION_MAX);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_name| minijinja::AutoEscape::None);
    environment.set_formatter(write_value);
    bounded::guard(&mut environment);
    // What changes is for programs.
    environment.remove_global("namespace");
    environment
}

/// Absent values are nothing; numbers that the template computed are shortened, too.
fn write_value(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &minijinja::Value,
) -> Result<(), TemplateError> {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(()),
        ValueKind::Number if !value.is_integer() => {
            let short = f64::try_from(value.clone()).ok().and_then(short_number);
            match short {
                Some(number) => write!(out, "{number}").map_err(TemplateError::from),
                None => minijinja::escape_formatter(out, state, value),
            }
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn parse<'env, 'source>(
    environment: &'env Environment<'source>,
    template: &'source str,
) -> Result<minijinja::Template<'env, 'source>, ReplyError> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(ReplyError::TemplateTooLong { bytes: template.len() });
    }
    let tags = tag::measure(template);
    if tags.bytes_max > TAG_BYTES_MAX {
        return Err(ReplyError::TagTooLong { bytes: tags.bytes_max });
    }
    if tags.count > TAGS_MAX {
        return Err(ReplyError::TooManyTags { tags: tags.count });
    }
    if let Some(statement) = tag::refused(template) {
        let reason = format!("`{statement}` is no statement of replies, which have no macros");
        return Err(ReplyError::Template { reason });
    }
    bounded::check_text(template).map_err(reason)?;
    environment.template_from_str(template).map_err(reason)
}

fn reason(error: TemplateError) -> ReplyError {
    match error.kind() {
        ErrorKind::OutOfFuel => ReplyError::TooMuchWork,
        _ => ReplyError::Template { reason: error.to_string() },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::{Case, Field, FloatType, IntType, RecordType, StringType, VariantCase};

    fn field(name: &str, ty: Type) -> Field {
        let required = !matches!(ty, Type::Option(_));
        Field { name: name.to_owned(), doc: String::new(), ty, required, default: None }
    }

    fn weather() -> Type {
        let case = |name: &str| Case { name: name.to_owned(), doc: String::new() };
        Type::Record(RecordType {
            fields: vec![
                field("temperature", Type::Float(FloatType { single: true, min: None, max: None })),
                field("sky", Type::Enum(vec![case("clear-sky"), case("rain")])),
                field("city", Type::String(StringType::default())),
                field("wind", Type::Option(Box::new(Type::Float(FloatType::default())))),
            ],
        })
    }

    fn weather_value(temperature: f32) -> Value {
        Value::Record(vec![
            Some(Value::Float(f64::from(temperature))),
            Some(Value::Enum(0)),
            Some(Value::String("<Paris>".to_owned())),
            Some(Value::Option(None)),
        ])
    }

    #[test]
    fn fields_result_and_arguments_are_in_scope() {
        let arguments = json!({"city": "paris", "days": 2.0});
        let returns =
            Type::Result { ok: Some(Box::new(weather())), err: Some(Box::new(Type::Char)) };
        let whole = Value::Result(Ok(Some(Box::new(weather_value(21.3)))));
        for (template, expected) in [
            ("It is {{ temperature }}° in {{ city }}.", "It is 21.3° in <Paris>."),
            ("{{ sky }}", "clear-sky"),
            ("{{ result.sky }} {{ args.city }} {{ args.days }}", "clear-sky paris 2"),
            ("[{{ wind }}{{ result.wind }}{{ args.nothing.at.all }}]", "[]"),
            ("{% if wind %}windy{% else %}calm{% endif %}", "calm"),
            ("{{ temperature / 3 }}", "7.1"),
            ("{{ 0.1 + 0.2 }} {{ 4 / 2 }} {{ 1 / 3 }}", "0.3 2 0.333333333333"),
            ("plain", "plain"),
        ] {
            assert_eq!(check_reply(template, Some(&returns)), Ok(()), "{template}");
            let text = render_reply(template, &returns, &whole, &arguments).unwrap();
            assert_eq!(text, expected, "{template}");
            let payload =
                render_reply(template, &returns, &weather_value(21.3), &arguments).unwrap();
            assert_eq!(payload, expected, "{template}");
        }
    }

    #[test]
    fn results_of_every_kind() {
        let int = Type::Int(IntType::S64);
        let variant = Type::Variant(vec![VariantCase {
            name: "sum".to_owned(),
            doc: String::new(),
            payload: Some(int.clone()),
        }]);
        let list = Type::List(crate::types::ListType {
            element: Box::new(Type::Float(FloatType::default())),
            len_min: 0,
            len_max: None,
        });
        for (ty, value, template, expected) in [
            (Type::Float(FloatType::default()), Value::Float(21.0), "{{ result }}", "21"),
            (
                Type::Float(FloatType::default()),
                Value::Float(-1.5e300),
                "{{ result }}",
                "-1.5e+300",
            ),
            (
                Type::Float(FloatType::default()),
                Value::Float(1_234_567.25),
                "{{ result }}",
                "1234567.25",
            ),
            (Type::Float(FloatType::default()), Value::Float(f64::NAN), "{{ result }}", "NaN"),
            (int.clone(), Value::Int(7), "{{ result }}", "7"),
            (variant, Value::Variant(0, Some(Box::new(Value::Int(3)))), "{{ result.sum }}", "3"),
            (
                list,
                Value::List(vec![Value::Float(1.0), Value::Float(0.5)]),
                "{{ result | join(\", \") }} ({{ result | length }})",
                "1, 0.5 (2)",
            ),
            (Type::Option(Box::new(int)), Value::Option(None), "{{ result or \"none\" }}", "none"),
            (Type::Null, Value::Null, "Done.", "Done."),
            (
                Type::Result { ok: None, err: None },
                Value::Result(Ok(None)),
                "Done{{ result }}.",
                "Done.",
            ),
        ] {
            let text = render_reply(template, &ty, &value, &json!({})).unwrap();
            assert_eq!(text, expected, "{ty:?}");
        }
    }

    #[test]
    fn an_error_has_no_reply() {
        let returns = Type::Result { ok: None, err: Some(Box::new(Type::Char)) };
        let value = Value::Result(Err(Some(Box::new(Value::Char('x')))));
        assert_eq!(render_reply("a", &returns, &value, &json!({})), Err(ReplyError::ToolError));
    }

    #[test]
    fn hostile_templates_end() {
        let null = |template: &str| render_reply(template, &Type::Null, &Value::Null, &json!({}));
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert_eq!(null(loops), Err(ReplyError::TooMuchWork));
        assert_eq!(null("{{ \"x\" * 90000000 }}"), Err(ReplyError::TooMuchWork));
        assert_eq!(null("{{ \"x\" * 16385 }}"), Err(ReplyError::TooLong { bytes: 16_385 }));
        assert_eq!(null("{{ \"x\" * 16384 }}").map(|text| text.len()), Ok(REPLY_BYTES_MAX));
        let long = " ".repeat(TEMPLATE_BYTES_MAX + 1);
        assert!(matches!(null(&long), Err(ReplyError::TemplateTooLong { bytes: 4_097 })));
        assert!(matches!(null("{% include \"/etc/passwd\" %}"), Err(ReplyError::Template { .. })));
        for changes in
            ["{% set n = namespace() %}{% set n.a = n %}{{ n }}", "{{ [1] * 99999999 ~ '' }}"]
        {
            assert!(matches!(null(changes), Err(ReplyError::Template { .. })), "{changes}");
        }
        // Each twice as large as the one before it.
        let doubled = |n: usize| format!("{{%set v{n}=[v{},v{}]%}}", n - 1, n - 1);
        let doubled = "{%set v0=[1]%}".to_owned() + &(1..60).map(doubled).collect::<String>();
        for told in ["{{ v59 }}", "{{ v59 ~ '' }}", "{{ v59|join }}", "{{ v59 == v58 }}"] {
            let told = doubled.clone() + told;
            assert!(matches!(null(&told), Err(ReplyError::Template { .. })), "{told}");
        }
        assert_eq!(null("{{ ((((1)))) }}").as_deref(), Ok("1"));
        let nested = format!("{{{{ {}1{} }}}}", "(".repeat(200), ")".repeat(200));
        assert!(matches!(null(&nested), Err(ReplyError::Template { .. })));
        for (chain, end) in [
            ("-", "1"),
            ("not ", "1"),
            ("a.", "a"),
            ("1+", "1"),
            ("1 if ", "1"),
            ("1~", "1"),
            ("a|string|", "string"),
            ("\"}}\"~", "1"),
            ("{\"a\":{}}~", "1"),
            ("(", "1"),
        ] {
            let room = TEMPLATE_BYTES_MAX - end.len() - 4;
            let long = format!("{{{{{}{end}}}}}", chain.repeat(room / chain.len()));
            assert!(matches!(null(&long), Err(ReplyError::TagTooLong { .. })), "{chain}");
            let longest =
                format!("{{{{{}{end}}}}}", chain.repeat((TAG_BYTES_MAX - 16) / chain.len()));
            // An error or not: it ends, and the stack holds.
            assert!(!matches!(null(&longest), Err(ReplyError::TagTooLong { .. })), "{chain}");
            let _ = check_reply(&longest, None);
        }
        let blocks =
            |count: usize| "{%if a%}".to_owned() + &"{%elif a%}".repeat(count) + "{%endif%}";
        assert_eq!(null(&blocks(TAGS_MAX - 2)).as_deref(), Ok(""));
        assert_eq!(null(&blocks(400)), Err(ReplyError::TooManyTags { tags: 402 }));
    }

    #[test]
    fn templates_that_lie_are_found() {
        let weather = weather();
        assert!(
            matches!(check_reply("{{ temprature }}", Some(&weather)), Err(ReplyError::UnknownNames { unknown, .. }) if unknown == "`temprature`")
        );
        assert!(matches!(check_reply("{{ city }}", None), Err(ReplyError::UnknownNames { .. })));
        assert!(matches!(check_reply("{{ result", None), Err(ReplyError::Template { .. })));
        assert!(matches!(check_reply("{{ debug() }}", None), Err(ReplyError::UnknownNames { .. })));
        let uses = "{% for r in range(2) %}{{ r }}{% endfor %}{{ args.a }}{% set x = 1 %}{{ x }}";
        assert_eq!(check_reply(uses, None), Ok(()));
    }
}
