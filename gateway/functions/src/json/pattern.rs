//! JSON Schema patterns (ECMA-262) for the `regex` crate.

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, so that a hostile one cannot take the memory.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What `.` means in ECMA-262.
const ANY_BUT_LINE_ENDS: &str = r"[^\n\r\u2028\u2029]";

/// Compiles a pattern; `None` where `regex` cannot express it (look-around, back-references) or
/// where it would be too large. Such a pattern is not enforced.
pub fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(&translate(pattern)).size_limit(PATTERN_BYTES_MAX).build().ok()
}

/// Rewrites what the two dialects spell alike and mean differently.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[A-Za-z0-9_]"),
                Some('W') => out.push_str("[^A-Za-z0-9_]"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            '[' | '&' | '~' if in_class => out.extend(['\\', char]),
            '.' if !in_class => out.push_str(ANY_BUT_LINE_ENDS),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn means_what_ecma_means() {
        for (pattern, text, matches) in [
            (r"^\d{3}$", "123", true),
            (r"^\d{3}$", "١٢٣", false),
            (r"^\d{3}$", "123\n", false),
            (r"^[\w-]+$", "a-b_1", true),
            (r"^[\w-]+$", "é", false),
            (r"^[[a]+$", "[a", true),
            (r"^[^/&~]+$", "a&b", false),
            (r"^\/api\/.*$", "/api/x", true),
            (r"^.$", "\r", false),
            ("b", "abc", true),
        ] {
            let regex = compile(pattern).expect("expressible");
            assert_eq!(regex.is_match(text), matches, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn gives_up_on_what_it_cannot_express() {
        for pattern in [r"(?=a)b", r"(a)\1", "(", "((a{500}){500}){500}", r"a\"] {
            assert!(compile(pattern).is_none(), "{pattern}");
        }
    }
}
