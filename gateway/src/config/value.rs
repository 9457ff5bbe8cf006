//! Values of a layer, read as the types of their keys.

use toml::Value;

use super::ConfigError;
use super::effective::Values;
use super::layers::known;

/// A value written as text, read as the key's own type.
pub(super) fn parse(
    values: &Values,
    key: &str,
    text: &str,
    from: &str,
    spell: impl Fn(&str) -> String,
) -> Result<Value, ConfigError> {
    let present = known(values, key, key, from, spell)?;
    let text = text.trim();
    let value = match present {
        Value::String(_) => Some(Value::String(text.to_owned())),
        Value::Integer(_) => text.replace('_', "").parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        Value::Datetime(_) | Value::Table(_) => None,
    };
    match value {
        Some(value) => coerce(key, value, present, from),
        None => Err(ConfigError::Kind {
            key: key.to_owned(),
            from: from.to_owned(),
            wanted: kind(present),
            found: format!("`{text}`"),
        }),
    }
}

/// The value, if it is of the key's type.
pub(super) fn coerce(
    key: &str,
    value: Value,
    present: &Value,
    from: &str,
) -> Result<Value, ConfigError> {
    let fits = match (&value, present) {
        (Value::Integer(whole), Value::Float(_)) => return Ok(Value::Float(*whole as f64)),
        (Value::Integer(whole), Value::Integer(_)) => *whole >= 0,
        (Value::Array(items), Value::Array(_)) => items.iter().all(Value::is_str),
        (value, present) => value.same_type(present),
    };
    if fits {
        return Ok(value);
    }
    Err(ConfigError::Kind {
        key: key.to_owned(),
        from: from.to_owned(),
        wanted: kind(present),
        found: format!("`{value}`"),
    })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number, zero or more",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list of texts",
        Value::Datetime(_) => "a date",
        Value::Table(_) => "a section",
    }
}
