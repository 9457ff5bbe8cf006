//! Text that others wrote, made safe to show.

/// One line without anything that a terminal or a browser would act on: control characters, and
/// those that turn the direction of text.
pub fn plain(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        c => c,
    };
    text.chars().map(shown).collect()
}

/// The same for HTML and SVG, between tags and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in plain(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most `chars_max` characters; what is cut is said.
pub fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes more)", &text[..end], text.len() - end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_only_text() {
        for (text, terminal, html) in [
            ("", "", ""),
            ("plain ünïcode 日本", "plain ünïcode 日本", "plain ünïcode 日本"),
            ("a\nb\tc\r", "a b c ", "a b c "),
            ("\u{1b}[31mred\u{7}", "\u{fffd}[31mred\u{fffd}", "\u{fffd}[31mred\u{fffd}"),
            (
                "<script>alert('x')</script>",
                "<script>alert('x')</script>",
                "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;",
            ),
            ("\" onload=\"x", "\" onload=\"x", "&quot; onload=&quot;x"),
            ("&lt;", "&lt;", "&amp;lt;"),
            ("abc\u{202e}gpj.exe", "abc\u{fffd}gpj.exe", "abc\u{fffd}gpj.exe"),
        ] {
            assert_eq!(plain(text), terminal, "{text:?}");
            assert_eq!(escape(text), html, "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        for (text, chars_max, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "abc… (1 bytes more)"),
            ("äöü", 2, "äö… (2 bytes more)"),
            ("x", 0, "… (1 bytes more)"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, chars_max), expected, "{text:?}");
        }
    }
}
