//! How names, texts and numbers are written in either spelling.
//!
//! Escapes of Param, innermost first:
//! - in `PATH` and `CASE`, a backslash stands before each `\`, `.`, `=` and `:` of a name;
//! - in everything, a special inside text (`</param>`) gets a backslash after its `<` (`<\/param>`),
//!   one more if it has some already. Text without specials stays as it is, backslashes included.

use serde_json::Value as Json;

use super::Spelling;

/// The special tokens of [`Spelling::Param`]: all that a tokenizer must know of it.
pub const SPECIALS: [&str; 6] = ["<call>", "</call>", "<param>", "</param>", "<item>", "<end>"];

pub(super) const GROUP_OPEN: &str = "<param>";
pub(super) const GROUP_CLOSE: &str = "</param>";
pub(super) const ITEM: &str = "<item>";

/// What opens a call, up to the function's name.
pub(super) fn call_open(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param => "<call>",
        Spelling::Hermes => "<tool_call>\n{\"name\": \"",
        Spelling::Llama => "{\"name\": \"",
        Spelling::Bracket => "[",
    }
}

/// The same after an earlier call.
pub(super) fn call_next(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param => "<call>",
        Spelling::Hermes => "\n<tool_call>\n{\"name\": \"",
        Spelling::Llama => "; {\"name\": \"",
        Spelling::Bracket => ", ",
    }
}

/// The function's name.
pub(super) fn call_name(name: &str, spelling: Spelling) -> String {
    match spelling {
        Spelling::Param => escape_text(name),
        Spelling::Hermes | Spelling::Llama => escape_json(name),
        Spelling::Bracket => name.to_owned(),
    }
}

/// Between the function's name and its arguments.
pub(super) fn call_name_end(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param | Spelling::Bracket => "",
        Spelling::Hermes => "\", \"arguments\": ",
        Spelling::Llama => "\", \"parameters\": ",
    }
}

/// What closes a call, after its arguments.
pub(super) fn call_close(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param => "</call>",
        Spelling::Hermes => "}\n</tool_call>",
        Spelling::Llama => "}",
        Spelling::Bracket => "",
    }
}

/// What closes a call that stands outside a plan.
pub(super) fn call_alone_close(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param | Spelling::Hermes | Spelling::Llama => call_close(spelling),
        Spelling::Bracket => plan_end(spelling),
    }
}

/// No call. Only Param has a mark for it: elsewhere the model's turn ends or goes on in prose.
pub(super) fn plan_none(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param => "<end>",
        Spelling::Hermes | Spelling::Llama | Spelling::Bracket => "",
    }
}

/// No further call. Hermes and Llama have no mark for it, as [`plan_none`] says.
pub(super) fn plan_end(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param => "<end>",
        Spelling::Hermes | Spelling::Llama => "",
        Spelling::Bracket => "]",
    }
}

/// Nothing, as a value.
pub(super) fn null(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Param | Spelling::Hermes | Spelling::Llama => "null",
        Spelling::Bracket => "None",
    }
}

/// What opens and closes a call's arguments.
pub(super) fn arguments(spelling: Spelling) -> [&'static str; 2] {
    match spelling {
        Spelling::Param => ["", ""],
        Spelling::Hermes | Spelling::Llama => ["{", "}"],
        Spelling::Bracket => ["(", ")"],
    }
}

/// A name as it stands in a `PATH` or `CASE` of Param.
pub fn escape_name(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for scalar in name.chars() {
        if matches!(scalar, '\\' | '.' | '=' | ':') {
            escaped.push('\\');
        }
        escaped.push(scalar);
    }
    escape_text(&escaped)
}

/// A text as it stands in Param: no special is left in it.
pub fn escape_text(text: &str) -> String {
    rewrite(text, |backslashes| backslashes + 1)
}

/// The inverse of [`escape_text`]. Text that holds an unescaped special keeps it.
pub fn unescape_text(text: &str) -> String {
    rewrite(text, |backslashes: usize| backslashes.saturating_sub(1))
}

/// Changes how many backslashes stand after the `<` of every special, escaped or not.
fn rewrite(text: &str, count: impl Fn(usize) -> usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, after) = rest.split_at(start + 1);
        out.push_str(before);
        let tail = after.trim_start_matches('\\');
        let backslashes = after.len() - tail.len();
        let special = SPECIALS.iter().any(|special| tail.starts_with(&special[1..]));
        let kept = if special { count(backslashes) } else { backslashes };
        out.extend(std::iter::repeat_n('\\', kept));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The inside of a JSON string.
pub fn escape_json(text: &str) -> String {
    let quoted = Json::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The inverse of [`escape_json`]; `None` when the text is not the inside of a JSON string.
pub fn unescape_json(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{text}\"")).ok()
}

/// JSON with the separators of Python's `json.dumps`, not reduced to ASCII: what stock models saw.
pub fn python_json(json: &Json) -> String {
    python(json, ToString::to_string)
}

/// A literal of Python: JSON but for `True`, `False` and `None`.
pub fn python_literal(json: &Json) -> String {
    python(json, |scalar| match scalar {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    })
}

/// Arrays and objects as Python writes them, and scalars as said.
fn python(json: &Json, scalar: fn(&Json) -> String) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match json {
        Json::Array(items) => {
            format!("[{}]", join(items.iter().map(|item| python(item, scalar)).collect()))
        }
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| {
                format!("\"{}\": {}", escape_json(key), python(value, scalar))
            };
            format!("{{{}}}", join(entries.iter().map(entry).collect()))
        }
        other => scalar(other),
    }
}

/// A finite number, shortest text that reads back as the same `f64` (`f32` where `single`).
/// A whole number is `5` in Param, as people write it, and `5.0` in the others, as Python does.
pub(super) fn number(number: f64, single: bool, spelling: Spelling) -> String {
    const WHOLE_MAX: f64 = 1e15;
    if spelling == Spelling::Param && number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        return format!("{number:.0}");
    }
    if single { format!("{:?}", number as f32) } else { format!("{number:?}") }
}
