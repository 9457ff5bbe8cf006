//! The filter `tojson`, as `json.dumps` of Python writes.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::python::{check_bytes, check_depth, number};

/// Spaces a level.
const INDENT_MAX: usize = 16;

/// Settings of `json.dumps`.
pub(super) struct Style {
    /// Spaces a level; all in one line if there are none to set.
    pub(super) indent: Option<usize>,
    /// Whether all else is escaped.
    pub(super) is_ascii: bool,
    /// Whether keys are sorted.
    pub(super) is_sorted: bool,
    /// Between items, and between a key and its value.
    pub(super) separators: Option<Vec<String>>,
}

struct Writer<'a> {
    style: &'a Style,
    between: &'a str,
    after_key: &'a str,
    text: String,
}

/// Writes a value.
pub(super) fn write(value: &Value, style: &Style) -> Result<String, Error> {
    let (between, after_key) = match style.separators.as_deref() {
        Some([between, after_key]) => (between.as_str(), after_key.as_str()),
        Some(_) => return Err(refused("tojson: separators are two texts")),
        // Python leaves no space at the end of a line.
        None if style.indent.is_some() => (",", ": "),
        None => (", ", ": "),
    };
    if let Some(indent) = style.indent.filter(|indent| *indent > INDENT_MAX) {
        return Err(refused(&format!("tojson: an indent of {indent}, {INDENT_MAX} is the most")));
    }
    let mut writer = Writer { style, between, after_key, text: String::new() };
    writer.value(value, 0)?;
    Ok(writer.text)
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        check_depth(depth)?;
        check_bytes(self.text.len())?;
        match value.kind() {
            ValueKind::None => self.text.push_str("null"),
            ValueKind::Bool => {
                self.text.push_str(if value.is_true() { "true" } else { "false" });
            }
            ValueKind::Number => {
                let number = number(value)?;
                self.text.push_str(match number.as_str() {
                    "nan" => "NaN",
                    "inf" => "Infinity",
                    "-inf" => "-Infinity",
                    number => number,
                });
            }
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Map => self.map(value, depth)?,
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            kind => return Err(refused(&format!("tojson: {kind} is no JSON"))),
        }
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.style.is_sorted {
            keys.sort();
        }
        if keys.is_empty() {
            self.text.push_str("{}");
            return Ok(());
        }
        self.text.push('{');
        for (index, key) in keys.iter().enumerate() {
            self.lead(index, depth + 1);
            match key.as_str() {
                Some(key) => self.string(key),
                None => self.string(&key.to_string()),
            }
            self.text.push_str(self.after_key);
            self.value(&value.get_item(key)?, depth + 1)?;
        }
        self.line(depth);
        self.text.push('}');
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let start = self.text.len();
        self.text.push('[');
        let mut is_empty = true;
        for (index, item) in value.try_iter()?.enumerate() {
            is_empty = false;
            self.lead(index, depth + 1);
            self.value(&item, depth + 1)?;
        }
        if is_empty {
            self.text.truncate(start);
            self.text.push_str("[]");
            return Ok(());
        }
        self.line(depth);
        self.text.push(']');
        Ok(())
    }

    /// Before an item.
    fn lead(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.text.push_str(self.between);
        }
        self.line(depth);
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.style.indent {
            self.text.push('\n');
            self.text.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn string(&mut self, inner: &str) {
        self.text.push('"');
        for char in inner.chars() {
            match char {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                char if char < ' ' || (self.style.is_ascii && (char > '~')) => {
                    let mut units = [0; 2];
                    for unit in char.encode_utf16(&mut units) {
                        self.text.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                char => self.text.push(char),
            }
        }
        self.text.push('"');
    }
}

fn refused(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.to_owned())
}
