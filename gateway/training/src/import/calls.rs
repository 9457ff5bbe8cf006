//! Calls as ToolACE writes them: `[f(a=1, b='x'), g()]`, with values of Python or of JSON.

use serde_json::{Map, Value as Json};

/// Deepest nesting of lists and dicts in a value.
const DEPTH_MAX: usize = 64;

/// A call: the function's name, and its arguments.
pub type ParsedCall = (String, Map<String, Json>);

/// Why calls could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallsError {
    /// Something else stands there.
    #[error("expected {expected} at byte {at}, found {found}")]
    Expected {
        /// What should stand there.
        expected: &'static str,
        /// Where, from 0.
        at: usize,
        /// What stands there.
        found: String,
    },
    /// An argument given twice.
    #[error("`{name}` is given twice to one call, at byte {at}")]
    Twice {
        /// Its name.
        name: String,
        /// Where, from 0.
        at: usize,
    },
    /// Nested too deeply.
    #[error("nested deeper than {max} levels at byte {at}", max = DEPTH_MAX)]
    TooDeep {
        /// Where, from 0.
        at: usize,
    },
    /// A name that this form has no way to write.
    #[error("the name `{name}` cannot be written in brackets; rename it")]
    Name {
        /// The name.
        name: String,
    },
}

/// Reads a list of calls. Names may hold spaces, dots and slashes, as ToolACE's do.
///
/// # Errors
/// Where the text is something else; the error names the place.
pub fn parse_calls(text: &str) -> Result<Vec<ParsedCall>, CallsError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.expect('[', "`[`")?;
    let mut calls = Vec::new();
    if !parser.take(']') {
        loop {
            calls.push(parser.call()?);
            if parser.take(']') {
                break;
            }
            parser.expect(',', "`,` or `]`")?;
        }
    }
    parser.skip();
    if parser.at < text.len() {
        return Err(parser.expected("the end"));
    }
    Ok(calls)
}

/// Writes a list of calls that [`parse_calls`] reads back.
///
/// # Errors
/// A name that cannot be told from what stands around it.
pub fn write_calls<'a>(
    calls: impl IntoIterator<Item = (&'a str, &'a Map<String, Json>)>,
) -> Result<String, CallsError> {
    let mut written = Vec::new();
    for (name, arguments) in calls {
        check_name(name)?;
        let mut each = Vec::with_capacity(arguments.len());
        for (name, value) in arguments {
            check_name(name)?;
            each.push(format!("{name}={value}"));
        }
        written.push(format!("{name}({})", each.join(", ")));
    }
    Ok(format!("[{}]", written.join(", ")))
}

/// What ends a name or begins something else.
fn is_mark(char: char) -> bool {
    matches!(char, '(' | ')' | '[' | ']' | '{' | '}' | ',' | '=' | '"' | '\'') || char.is_control()
}

fn check_name(name: &str) -> Result<(), CallsError> {
    match name.is_empty() || name.trim() != name || name.contains(is_mark) {
        true => Err(CallsError::Name { name: name.to_owned() }),
        false => Ok(()),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Byte of the next character.
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn skip(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    /// Takes a character after white space, if it is next.
    fn take(&mut self, wanted: char) -> bool {
        self.skip();
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }

    fn expect(&mut self, wanted: char, expected: &'static str) -> Result<(), CallsError> {
        if self.take(wanted) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn expected(&self, expected: &'static str) -> CallsError {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |char| format!("{char:?}"));
        CallsError::Expected { expected, at: self.at, found }
    }

    fn call(&mut self) -> Result<ParsedCall, CallsError> {
        let function = self.name("a function's name")?;
        self.expect('(', "`(`")?;
        let mut arguments = Map::new();
        if self.take(')') {
            return Ok((function, arguments));
        }
        loop {
            self.skip();
            let at = self.at;
            let name = self.name("an argument's name")?;
            self.expect('=', "`=`")?;
            let value = self.value()?;
            if arguments.contains_key(&name) {
                return Err(CallsError::Twice { name, at });
            }
            arguments.insert(name, value);
            if self.take(')') {
                return Ok((function, arguments));
            }
            self.expect(',', "`,` or `)`")?;
        }
    }

    /// What stands before the next mark, without the white space around it.
    fn name(&mut self, expected: &'static str) -> Result<String, CallsError> {
        self.skip();
        let rest = &self.text[self.at..];
        let name = rest[..rest.find(is_mark).unwrap_or(rest.len())].trim();
        if name.is_empty() {
            return Err(self.expected(expected));
        }
        self.at += name.len();
        Ok(name.to_owned())
    }

    fn value(&mut self) -> Result<Json, CallsError> {
        self.skip();
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.string(quote).map(Json::String),
            Some(open @ ('[' | '(' | '{')) => {
                if self.depth == DEPTH_MAX {
                    return Err(CallsError::TooDeep { at: self.at });
                }
                self.next();
                self.depth += 1;
                let value = match open {
                    '[' => self.list(']'),
                    '(' => self.list(')'),
                    _ => self.dict(),
                };
                self.depth -= 1;
                value
            }
            _ => self.word(),
        }
    }

    fn list(&mut self, close: char) -> Result<Json, CallsError> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.value()?);
            if self.take(close) {
                break;
            }
            self.expect(',', "`,` or the list's end")?;
        }
        Ok(Json::Array(items))
    }

    fn dict(&mut self) -> Result<Json, CallsError> {
        let mut map = Map::new();
        while !self.take('}') {
            self.skip();
            let at = self.at;
            let Some(quote @ ('"' | '\'')) = self.peek() else {
                return Err(self.expected("a key in quotes, or `}`"));
            };
            let name = self.string(quote)?;
            self.expect(':', "`:`")?;
            let value = self.value()?;
            if map.contains_key(&name) {
                return Err(CallsError::Twice { name, at });
            }
            map.insert(name, value);
            if self.take('}') {
                break;
            }
            self.expect(',', "`,` or `}`")?;
        }
        Ok(Json::Object(map))
    }

    /// A number, a truth value or nothing.
    fn word(&mut self) -> Result<Json, CallsError> {
        let rest = &self.text[self.at..];
        let ends = |char: char| char.is_whitespace() || is_mark(char) || char == ':';
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let value = match word {
            "True" | "true" => Json::Bool(true),
            "False" | "false" => Json::Bool(false),
            "None" | "null" => Json::Null,
            _ => number(word).ok_or_else(|| self.expected("a value"))?,
        };
        self.at += word.len();
        Ok(value)
    }

    /// A string with the escapes of Python and of JSON.
    fn string(&mut self, quote: char) -> Result<String, CallsError> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.expected("the string's closing quote")),
                Some(char) if char == quote => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some(char) => text.push(char),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), CallsError> {
        let Some(char) = self.next() else {
            return Err(self.expected("what the backslash escapes"));
        };
        match char {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            '\\' | '/' | '"' | '\'' => text.push(char),
            'x' => text.push(self.scalar(2)?),
            'u' => text.push(self.scalar(4)?),
            // Python keeps a backslash that escapes nothing.
            other => text.extend(['\\', other]),
        }
        Ok(())
    }

    /// A character by its number; two halves of a pair are one.
    fn scalar(&mut self, digits: usize) -> Result<char, CallsError> {
        let mut code = self.hex(digits)?;
        if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex(4)?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.expected("the second half of a surrogate pair"));
            }
            code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        char::from_u32(code).ok_or_else(|| self.expected("a Unicode scalar value"))
    }

    fn hex(&mut self, digits: usize) -> Result<u32, CallsError> {
        let end = self.at + digits;
        let read = self.text.get(self.at..end);
        let read = read.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = read.and_then(|text| u32::from_str_radix(text, 16).ok());
        let code = code.ok_or_else(|| self.expected("hexadecimal digits"))?;
        self.at = end;
        Ok(code)
    }
}

/// A number of JSON, or one that Python writes otherwise: `+5`, `.5`, `5.`, `1_000`.
fn number(word: &str) -> Option<Json> {
    let is_numeric = |char: char| char.is_ascii_digit() || "+-._eE".contains(char);
    if !word.contains(|char: char| char.is_ascii_digit()) || !word.chars().all(is_numeric) {
        return None;
    }
    if let Ok(number @ Json::Number(_)) = serde_json::from_str(word) {
        return Some(number);
    }
    let plain = word.replace('_', "");
    let plain = plain.strip_prefix('+').unwrap_or(&plain);
    if let Ok(integer) = plain.parse::<i64>() {
        return Some(Json::from(integer));
    }
    plain.parse::<f64>().ok().filter(|double| double.is_finite()).map(Json::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Json {
        let calls = parse_calls(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        calls.into_iter().map(|(name, arguments)| json!([name, arguments])).collect()
    }

    #[test]
    fn calls_are_read_as_they_were_meant() {
        for (text, expected) in [
            ("[]", json!([])),
            (" [ g ( ) ] ", json!([["g", {}]])),
            ("[f(a=1, b='x'), g()]", json!([["f", {"a": 1, "b": "x"}], ["g", {}]])),
            (
                "[Market Trends API(kind=\"X\", country='us')]",
                json!([["Market Trends API", {"kind": "X", "country": "us"}]]),
            ),
            ("[a.b/c-d(n=-1.5e3)]", json!([["a.b/c-d", {"n": -1500.0}]])),
            (
                "[f(a=True, b=false, c=None, d=null)]",
                json!([["f", {"a": true, "b": false, "c": null, "d": null}]]),
            ),
            (
                "[f(a=+5, b=.5, c=5., d=1_000)]",
                json!([["f", {"a": 5, "b": 0.5, "c": 5.0, "d": 1000}]]),
            ),
            (
                "[f(a=[1, 'two', [3,],], b=(1, 2), c={'k': {\"l\": []}})]",
                json!([["f", {"a": [1, "two", [3]], "b": [1, 2], "c": {"k": {"l": []}}}]]),
            ),
            (
                r#"[f(a='it\'s', b="a\nb", c="\u00e9\ud83d\ude00", d='\x41', e='\d')]"#,
                json!([["f", {"a": "it's", "b": "a\nb", "c": "é😀", "d": "A", "e": "\\d"}]]),
            ),
            ("[f(a='), g(b=[')]", json!([["f", {"a": "), g(b=["}]])),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_with_its_place() {
        for (text, expected) in [
            ("", "expected `[` at byte 0, found the end"),
            ("f()", "expected `[` at byte 0, found 'f'"),
            ("[f]", "expected `(` at byte 2, found ']'"),
            ("[f(]", "expected an argument's name at byte 3"),
            ("[f(1)]", "expected `=` at byte 4"),
            ("[f(a=)]", "expected a value at byte 5"),
            ("[f(a=word)]", "expected a value at byte 5"),
            ("[f(a=NaN)]", "expected a value at byte 5"),
            ("[f(a=1e999)]", "expected a value at byte 5"),
            ("[f(a='x)]", "expected the string's closing quote at byte 9"),
            ("[f(a=1 b=2)]", "expected `,` or `)` at byte 7"),
            ("[f(a=1, a=2)]", "`a` is given twice to one call, at byte 8"),
            ("[f(a={1: 2})]", "expected a key in quotes"),
            ("[f(a='\\ud800')]", "expected a Unicode scalar value"),
            ("[f()] and more", "expected the end at byte 6"),
            ("[f(),]", "expected a function's name at byte 5"),
        ] {
            let error = parse_calls(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let deep = |depth: usize| format!("[f(a={}{})]", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_calls(&deep(DEPTH_MAX)).is_ok());
        assert!(matches!(parse_calls(&deep(DEPTH_MAX + 1)), Err(CallsError::TooDeep { .. })));
        assert!(matches!(parse_calls(&deep(100_000)), Err(CallsError::TooDeep { .. })));
    }

    #[test]
    fn a_name_that_reads_as_something_else_is_not_written() {
        let none = Map::new();
        for name in ["", " f", "f(", "a,b", "a=b", "it's", "line\nfeed"] {
            let written = write_calls([(name, &none)]);
            assert_eq!(written, Err(CallsError::Name { name: name.into() }));
        }
    }

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Json::from),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    fn call() -> impl Strategy<Value = ParsedCall> {
        let name = "[A-Za-z_][A-Za-z0-9_./ -]{0,12}[a-z0-9]";
        let arguments = prop::collection::btree_map(name, value(), 0..4)
            .prop_map(|map| map.into_iter().collect::<Map<_, _>>());
        (name, arguments)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(calls in prop::collection::vec(call(), 0..5)) {
            let each = calls.iter().map(|(name, arguments)| (name.as_str(), arguments));
            let written = write_calls(each).unwrap();
            prop_assert_eq!(parse_calls(&written).unwrap(), calls, "{}", written);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = parse_calls(&text);
        }

        #[test]
        fn nor_does_nearly_right_text(text in r#"\[[fa(){}=,.:'"\\0-9ux\[\] é+_-]{0,60}\]?"#) {
            let _ = parse_calls(&text);
        }
    }
}
