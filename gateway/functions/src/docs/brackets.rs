//! How deep the brackets of types nest in a WIT text: its parser recurses and bounds no depth.

use super::place::{Place, places};

/// The line (from 1) where the brackets of types nest deeper than that.
pub(super) fn too_deep(source: &str, depth_max: usize) -> Option<usize> {
    let (mut depth, mut line) = (0_usize, 1);
    for (_, place, byte) in places(source) {
        match (place, byte) {
            (_, b'\n') => line += 1,
            (Place::Code, b'<') => depth += 1,
            (Place::Code, b'>') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return Some(line);
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
