//! The tags of a template: how many there are, how long they are, what they may not hold.

/// Ends a part in which nothing is a tag. What is raw may look like the half of a tag, so with it
/// all of a template is taken for one.
const END_OF_RAW: &str = "endraw";

/// What the tags of a template amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// How many there are.
    pub count: usize,
    /// Bytes of the longest, its marks included. One that is not closed reaches to the end.
    pub bytes_max: usize,
}

/// Reads the tags as the template engine does.
pub fn measure(template: &str) -> Tags {
    if template.contains(END_OF_RAW) {
        return Tags { count: 1, bytes_max: template.len() };
    }
    let mut tags = Tags::default();
    for tag in each(template.as_bytes()) {
        tags.count += 1;
        tags.bytes_max = tags.bytes_max.max(tag.len());
    }
    tags
}

/// Whether a list that is written out stands beside a `*`. The template engine computes what is
/// constant while it reads a template, and a list repeated there costs no fuel.
pub fn repeats_a_list(template: &str) -> bool {
    if template.contains(END_OF_RAW) {
        return template.contains('*');
    }
    each(template.as_bytes()).filter(|tag| !tag.starts_with(b"{#")).any(repeats)
}

fn each(template: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let tag = &rest[find_open(rest)?..];
        let (tag, after) = tag.split_at(length(tag));
        rest = after;
        Some(tag)
    })
}

/// Brackets that are open.
struct Group {
    /// Whether they hold what is called with, or where in something to look.
    is_place: bool,
    /// Whether they are a list, or hold one.
    is_list: bool,
    /// Whether a `*` stands before them.
    is_repeated: bool,
}

fn repeats(tag: &[u8]) -> bool {
    let mut open: Vec<Group> = Vec::new();
    // The last byte that is no blank, and whether it closed a list.
    let (mut before, mut closed_list) = (b' ', false);
    let mut at = 2;
    while let Some(&byte) = tag.get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let list_before = std::mem::take(&mut closed_list);
        match byte {
            b'"' | b'\'' => at += quoted(&tag[at..]),
            b'(' | b'[' | b'{' => open.push(Group {
                is_place: is_place(tag, at),
                is_list: byte != b'(',
                is_repeated: before == b'*',
            }),
            b',' => {
                if let Some(group) = open.last_mut() {
                    group.is_list = true;
                }
            }
            b')' | b']' | b'}' => {
                let group = open.pop();
                let is_list = group.as_ref().is_some_and(|of| of.is_list && !of.is_place);
                if is_list && group.is_some_and(|of| of.is_repeated) {
                    return true;
                }
                if let (true, Some(around)) = (is_list, open.last_mut()) {
                    around.is_list = true;
                }
                closed_list = is_list;
            }
            b'*' if list_before => return true,
            _ => {}
        }
        before = byte;
        at += 1;
    }
    false
}

/// Whether what a bracket opens belongs to what stands right before it: `f(…)`, `a[…]`.
fn is_place(tag: &[u8], bracket: usize) -> bool {
    /// Words behind which an expression begins.
    const BEGINNINGS: [&[u8]; 9] =
        [b"and", b"or", b"not", b"in", b"is", b"if", b"elif", b"else", b"do"];
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    let start = tag[..bracket].iter().rposition(|byte| !is_of_word(byte)).map_or(0, |at| at + 1);
    match &tag[start..bracket] {
        [] => matches!(tag[..bracket].last(), Some(b')' | b']' | b'}' | b'"' | b'\'')),
        word => !BEGINNINGS.contains(&word),
    }
}

/// The first statement of a template that replies do not have: what defines templates to be called,
/// and what another feature of the program may have turned on in the template engine.
pub(crate) fn refused(template: &str) -> Option<&str> {
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
    fn lists_that_are_repeated_are_found() {
        for (template, found) in [
            ("{{ [1] * 9 }}", true),
            ("{{ 9*[1] }}", true),
            ("{{ (1, 2)*9 }}", true),
            ("{{ 9 * ( (1,) ) }}", true),
            ("{{ ([1] or 0) * 9 }}", true),
            ("{{ ((\"a\", [\")\"])) ** 9 }}", true),
            ("{% if true and [1]*9 %}{% endif %}", true),
            ("{%if[1]*9%}{%endif%}", true),
            ("{% for a in [1] * 9 %}{% endfor %}", true),
            ("{{ {\"a\": [1] * 9} }}", true),
            ("{{ f([1] * 9) }}", true),
            ("{% raw %}'{% endraw %}{{ [1] * 9 }}", true),
            ("{% raw %}{% endraw %}{{ [1] }}", false),
            ("{{ a * 9 }}{{ (a + b) * 9 }}{{ 'x' * 9 }}", false),
            ("{{ a[0] * 9 }}{{ f(1, 2) * 9 }}{{ 9 * f(1, 2) }}", false),
            ("{{ [1, 2] }}{{ 2 * 3 }}{{ [2 * 3] }}", false),
            ("{{ [1]|length * 2 }}", false),
            ("{{ '[1] * 9' }}{# [1] * 9 #} [1] * 9", false),
            ("{{ f(*[1]) }}", true),
        ] {
            assert_eq!(repeats_a_list(template), found, "{template}");
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
