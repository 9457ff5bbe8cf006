//! Methods of Python's texts, dicts and lists that templates call, none of which changes anything.

use minijinja::value::{Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind};

use super::python;

/// Calls a method.
pub(super) fn call(value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => text(value.as_str().unwrap_or_default(), method, arguments),
        ValueKind::Map => map(value, method, arguments),
        ValueKind::Seq => list(value, method, arguments),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn text(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match method {
        "strip" | "lstrip" | "rstrip" => strip(text, method, arguments),
        "split" | "rsplit" | "splitlines" => split(text, method, arguments),
        "startswith" | "endswith" | "find" | "rfind" | "count" | "removeprefix"
        | "removesuffix" | "replace" | "join" => search(text, method, arguments),
        "upper" | "lower" | "title" | "capitalize" | "isdigit" | "isalpha" | "isalnum"
        | "isspace" | "isupper" | "islower" => {
            let () = from_args(arguments)?;
            Ok(letters(text, method))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn strip(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (chars,): (Option<&str>,) = from_args(arguments)?;
    let is_cut = |char: char| match chars {
        Some(chars) => chars.contains(char),
        None => char.is_whitespace(),
    };
    Ok(Value::from(match method {
        "lstrip" => text.trim_start_matches(is_cut),
        "rstrip" => text.trim_end_matches(is_cut),
        _ => text.trim_matches(is_cut),
    }))
}

fn split(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    if method == "splitlines" {
        let () = from_args(arguments)?;
        return Ok(text.lines().map(Value::from).collect());
    }
    let (separator, cuts): (Option<&str>, Option<i64>) = from_args(arguments)?;
    // Fewer than none is no limit.
    let parts_max = match cuts.map(usize::try_from) {
        Some(Ok(cuts)) => cuts.saturating_add(1),
        Some(Err(_)) | None => usize::MAX,
    };
    match (separator, method) {
        (Some(""), _) => Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        (Some(separator), "split") => {
            Ok(text.splitn(parts_max, separator).map(Value::from).collect())
        }
        (Some(separator), _) => {
            let mut parts: Vec<&str> = text.rsplitn(parts_max, separator).collect();
            parts.reverse();
            Ok(parts.into_iter().map(Value::from).collect())
        }
        (None, _) if parts_max == usize::MAX => {
            Ok(text.split_whitespace().map(Value::from).collect())
        }
        (None, _) => {
            let told = format!("{method} at white space with a limit is not known here");
            Err(Error::new(ErrorKind::InvalidOperation, told))
        }
    }
}

fn search(text: &str, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let at = |bytes: Option<usize>| bytes.map_or(-1, |bytes| text[..bytes].chars().count() as i64);
    Ok(match method {
        "startswith" | "endswith" => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            let is_there = |wanted: &str| match method {
                "startswith" => text.starts_with(wanted),
                _ => text.ends_with(wanted),
            };
            match wanted.as_str() {
                Some(wanted) => Value::from(is_there(wanted)),
                None => {
                    let any = wanted.try_iter()?.any(|one| one.as_str().is_some_and(is_there));
                    Value::from(any)
                }
            }
        }
        "replace" => {
            let (old, new, count): (&str, &str, Option<usize>) = from_args(arguments)?;
            let count = count.unwrap_or(usize::MAX);
            let found = text.matches(old).take(count).count();
            python::check_bytes(text.len().saturating_add(found.saturating_mul(new.len())))?;
            Value::from(text.replacen(old, new, count))
        }
        "join" => {
            let (parts,): (&Value,) = from_args(arguments)?;
            let mut joined = String::new();
            for (index, part) in parts.try_iter()?.enumerate() {
                if index > 0 {
                    joined.push_str(text);
                }
                joined.push_str(&python::text(&part)?);
                python::check_bytes(joined.len())?;
            }
            Value::from(joined)
        }
        _ => {
            let (part,): (&str,) = from_args(arguments)?;
            match method {
                "find" => Value::from(at(text.find(part))),
                "rfind" => Value::from(at(text.rfind(part))),
                "removeprefix" => Value::from(text.strip_prefix(part).unwrap_or(text)),
                "removesuffix" => Value::from(text.strip_suffix(part).unwrap_or(text)),
                _ => Value::from(text.matches(part).count()),
            }
        }
    })
}

fn letters(text: &str, method: &str) -> Value {
    let all = |is: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(is));
    match method {
        "upper" => Value::from(text.to_uppercase()),
        "lower" => Value::from(text.to_lowercase()),
        "title" => Value::from(title(text, |before| !before.is_alphabetic())),
        "capitalize" => Value::from(title(text, |before| before == START)),
        "isdigit" => all(|char| char.is_numeric()),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isupper" => Value::from(text.to_uppercase() == text && text.to_lowercase() != text),
        _ => Value::from(text.to_lowercase() == text && text.to_uppercase() != text),
    }
}

/// Stands before the first letter.
const START: char = '\0';

/// Large letters where a word begins, small ones elsewhere.
fn title(text: &str, begins: impl Fn(char) -> bool) -> String {
    let mut before = START;
    let mut titled = String::with_capacity(text.len());
    for char in text.chars() {
        if begins(before) {
            titled.extend(char.to_uppercase());
        } else {
            titled.extend(char.to_lowercase());
        }
        before = char;
    }
    titled
}

fn map(value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    match method {
        "get" => {
            let (key, other): (&Value, Option<Value>) = from_args(arguments)?;
            let found = value.get_item(key)?;
            match found.is_undefined() {
                true => Ok(other.unwrap_or_else(|| Value::from(()))),
                false => Ok(found),
            }
        }
        "keys" => {
            let () = from_args(arguments)?;
            Ok(value.try_iter()?.collect())
        }
        "values" => {
            let () = from_args(arguments)?;
            let values: Result<Vec<Value>, Error> =
                value.try_iter()?.map(|key| value.get_item(&key)).collect();
            Ok(Value::from(values?))
        }
        "items" => {
            let () = from_args(arguments)?;
            let pair = |key: Value| Ok(Value::from(vec![key.clone(), value.get_item(&key)?]));
            let pairs: Result<Vec<Value>, Error> = value.try_iter()?.map(pair).collect();
            Ok(Value::from(pairs?))
        }
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

fn list(value: &Value, method: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (wanted,): (&Value,) = match method {
        "count" | "index" => from_args(arguments)?,
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    let mut items = value.try_iter()?;
    if method == "count" {
        return Ok(Value::from(items.filter(|item| item == wanted).count()));
    }
    let at = items.position(|item| item == *wanted);
    at.map(Value::from)
        .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "it is not in the list"))
}
