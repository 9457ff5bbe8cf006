//! How deep the brackets of types nest in a WIT text: its parser recurses and bounds no depth.

/// Where in the text a reader stands.
#[derive(Clone, Copy)]
enum Place {
    Code,
    Text,
    LineComment,
    /// Such comments nest.
    BlockComment(usize),
}

/// The line (from 1) where the brackets of types nest deeper than that.
pub(super) fn too_deep(source: &str, depth_max: usize) -> Option<usize> {
    use Place::{BlockComment, Code, LineComment, Text};
    let mut bytes = source.bytes().peekable();
    let (mut place, mut depth, mut line) = (Code, 0_usize, 1);
    while let Some(byte) = bytes.next() {
        let (now, is_pair) = match (place, byte, bytes.peek()) {
            (Code, b'/', Some(b'/')) => (LineComment, true),
            (Code, b'/', Some(b'*')) => (BlockComment(1), true),
            (Code, b'-', Some(b'>')) => (Code, true),
            (Code, b'"', _) => (Text, false),
            (Text, b'\\', Some(_)) => (Text, true),
            (Text, b'"', _) | (LineComment, b'\n', _) => (Code, false),
            (BlockComment(level), b'/', Some(b'*')) => (BlockComment(level + 1), true),
            (BlockComment(1), b'*', Some(b'/')) => (Code, true),
            (BlockComment(level), b'*', Some(b'/')) => (BlockComment(level - 1), true),
            (other, ..) => (other, false),
        };
        line += usize::from(byte == b'\n');
        match (place, byte) {
            (Code, b'<') => depth += 1,
            (Code, b'>') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return Some(line);
        }
        place = now;
        if is_pair {
            bytes.next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_of_types_count() {
        let nested = |depth: usize| "list<".repeat(depth) + "u8" + &">".repeat(depth);
        for (source, line) in [
            (String::new(), None),
            (nested(3), None),
            (nested(4), Some(1)),
            (format!("\n\n{}", nested(4)), Some(3)),
            (format!("{}\n{}", nested(3), nested(3)), None),
            ("func() -> u8;".repeat(9) + &nested(4), Some(1)),
            ("list<\n".repeat(4), Some(4)),
            ("list</* > */".repeat(4), Some(1)),
            ("list<// >\n".repeat(4), Some(4)),
            ("// <<<<<<\n".to_owned() + &nested(3), None),
            ("/* /* <<<< */ <<<< */".to_owned() + &nested(3), None),
            ("\"\\\"<<<<\"".to_owned() + &nested(3), None),
            ("\"/*\"".to_owned() + &nested(4), Some(1)),
            ("/* ".to_owned() + &nested(4), None),
        ] {
            assert_eq!(too_deep(&source, 3), line, "{source}");
        }
    }
}
