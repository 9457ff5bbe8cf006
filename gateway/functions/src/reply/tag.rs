//! The tags of a template: how many there are, and how long they are.

/// What the tags of a template amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tags {
    /// How many there are.
    pub(super) count: usize,
    /// Bytes of the longest, its marks included. One that is not closed reaches to the end.
    pub(super) bytes_max: usize,
}

/// Reads the tags as the template engine does.
pub(super) fn measure(template: &str) -> Tags {
    if template.contains("endraw") {
        // What is raw may look like the half of a tag, so all is taken for one.
        return Tags { count: 1, bytes_max: template.len() };
    }
    let bytes = template.as_bytes();
    let (mut at, mut tags) = (0, Tags::default());
    while let Some(open) = bytes.get(at..).and_then(find_open) {
        let start = at + open;
        let length = length(&bytes[start..]);
        tags.count += 1;
        tags.bytes_max = tags.bytes_max.max(length);
        at = start + length;
    }
    tags
}

/// The first statement of a template that replies do not have: what defines templates to be called,
/// and what another feature of the program may have turned on in the template engine.
pub(super) fn refused(template: &str) -> Option<&str> {
    const REFUSED: [&str; 7] = ["macro", "call", "import", "from", "include", "extends", "block"];
    let statements = template.split("{%").skip(1).map(|rest| {
        let rest = rest.trim_start_matches(['-', '+']).trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    });
    statements.into_iter().find(|name| REFUSED.contains(name))
}

fn find_open(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// Length of the tag at the start.
fn length(tag: &[u8]) -> usize {
    let close = match tag.get(1) {
        Some(b'#') => {
            let close = tag.windows(2).skip(2).position(|pair| pair == b"#}");
            return close.map_or(tag.len(), |at| at + 4);
        }
        Some(b'%') => b"%}",
        _ => b"}}",
    };
    let (mut at, mut brackets) = (2, 0_isize);
    while let Some(&byte) = tag.get(at) {
        if brackets == 0 && tag[at..].starts_with(close) {
            return at + close.len();
        }
        match byte {
            b'"' | b'\'' => at += quoted(&tag[at..]),
            b'(' | b'[' | b'{' => brackets += 1,
            b')' | b']' | b'}' => brackets -= 1,
            _ => {}
        }
        at += 1;
    }
    tag.len()
}

/// How far behind the opening quote at the start its closing one is.
fn quoted(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            _ if byte == text[0] => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_define_or_call_templates_are_found() {
        for (template, found) in [
            ("{% if a %}{% endif %}", None),
            ("{% macro m() %}{{ m() }}{% endmacro %}", Some("macro")),
            ("{%-macro m()%}", Some("macro")),
            ("{%+\t call m() %}", Some("call")),
            ("{% if a %}{%- include 'x' %}", Some("include")),
            ("{% for macro in a %}{{ macro }}{% endfor %}", None),
            ("a macro {{ include }}", None),
            ("{%", None),
        ] {
            assert_eq!(refused(template), found, "{template}");
        }
    }

    #[test]
    fn tags_end_where_the_engine_ends_them() {
        for (template, count, bytes_max) in [
            ("", 0, 0),
            ("plain { text } %}", 0, 0),
            ("{{a}}", 1, 5),
            ("x{{a}}y{{ bcd }}z", 2, 9),
            ("{% if a %}{% endif %}", 2, 11),
            ("{# it's }} #}{{ a }}", 2, 13),
            ("{##}{#}", 2, 4),
            ("{{ \"}}\" }}", 1, 10),
            ("{{ '\"}}' }}", 1, 11),
            ("{{ \"\\\"}}\" }}", 1, 12),
            ("{{ {\"a\":{\"b\":1}} }}", 1, 19),
            ("{{ ) }}{{ b }}", 1, 14),
            ("{{ a", 1, 4),
            ("{{ \"a", 1, 5),
            ("{{ \"a\\", 1, 6),
            ("{{", 1, 2),
            ("{% raw %}{{ \" {% endraw %}{{ \"}}\" }}", 1, 36),
        ] {
            assert_eq!(measure(template), Tags { count, bytes_max }, "{template}");
        }
    }
}
