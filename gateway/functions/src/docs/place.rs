//! What each byte of a WIT text belongs to: code, a text, or a comment.

/// Where in the text a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Code,
    Text,
    LineComment,
    /// Such comments nest.
    BlockComment(usize),
}

/// Every byte with its offset and the place before it; the second byte of a mark of two, such as
/// `//`, is left out.
pub(super) fn places(source: &str) -> impl Iterator<Item = (usize, Place, u8)> {
    use Place::{BlockComment, Code, LineComment, Text};
    let mut bytes = source.bytes().enumerate().peekable();
    let mut place = Code;
    std::iter::from_fn(move || {
        let (at, byte) = bytes.next()?;
        let before = place;
        let next = bytes.peek().map(|(_, next)| *next);
        let (now, is_pair) = match (before, byte, next) {
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
        place = now;
        if is_pair {
            bytes.next();
        }
        Some((at, before, byte))
    })
}
