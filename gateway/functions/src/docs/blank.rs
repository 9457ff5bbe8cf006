//! Comments of nothing, `/**/`, made blanks: before an item the parser takes one for docs that have
//! no end, and panics.

use std::borrow::Cow;

use super::place::{Place, places};

const EMPTY: &str = "/**/";

/// The same text, as long and with the same lines, without comments of nothing.
pub(super) fn without_empty_comments(source: &str) -> Cow<'_, str> {
    if !source.contains(EMPTY) {
        return Cow::Borrowed(source);
    }
    let mut kept = source.to_owned();
    let begins = |at: &usize| source[*at..].starts_with(EMPTY);
    let code = places(source).filter(|(_, place, byte)| *place == Place::Code && *byte == b'/');
    for at in code.map(|(at, ..)| at).filter(begins) {
        kept.replace_range(at..at + EMPTY.len(), "    ");
    }
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_comments_of_nothing_go() {
        for (source, kept) in [
            ("", ""),
            ("/**/", "    "),
            ("a/**//**/ㅏ/**/", "a        ㅏ    "),
            ("record p { /**/ c: u8 }", "record p {      c: u8 }"),
            ("/***/ /* */ /** */", "/***/ /* */ /** */"),
            ("/// all of it: /**/\n/**/", "/// all of it: /**/\n    "),
            ("/* /**/ */ /**/", "/* /**/ */     "),
            ("\"/**/\" /**/", "\"/**/\"     "),
            ("/**", "/**"),
        ] {
            assert_eq!(without_empty_comments(source), kept, "{source}");
        }
    }
}
