//! Text that says what it shows: without what terminals act on and without what nobody sees.

/// Whether a character is shown as itself, or breaks a line.
pub fn is_plain(character: char) -> bool {
    !matches!(
        character,
        // Controls, the escape sequences of terminals among them.
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Blanks and operators without width. Joiners stay: scripts and emoji need them.
        | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
        // Separators that break lines in some programs alone.
        | '\u{2028}' | '\u{2029}'
        // What turns the direction of the text after it.
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // Letters that people cannot see and models read.
        | '\u{e0000}'..='\u{e01ef}'
    )
}

/// The first character that is not plain. A carriage return is, right before a line break.
pub fn first_unplain(text: &str) -> Option<char> {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let overwrites = character == '\r' && characters.peek() != Some(&'\n');
        if overwrites || !is_plain(character) {
            return Some(character);
        }
    }
    None
}

/// The text with everything else left out.
pub fn text(text: &str) -> String {
    text.chars().filter(|character| *character != '\r' && is_plain(*character)).collect()
}

/// One line of it: whatever is not plain, and whatever would end the line, is replaced by U+FFFD.
pub fn line(text: &str) -> String {
    let shown = |character: char| match character {
        '\n' | '\r' => char::REPLACEMENT_CHARACTER,
        character if is_plain(character) => character,
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_plain() {
        for said in ["", "a\tb\nc", "naïve — «21 °C»", "👩‍👩‍👧 ✔️", "שלום", "a\r\nb", "می\u{200c}خواهم"]
        {
            assert_eq!(first_unplain(said), None, "{said:?}");
        }
    }

    #[test]
    fn what_acts_or_hides_is_not() {
        for (said, character) in [
            ("\u{1b}[2J", '\u{1b}'),
            ("a\rb", '\r'),
            ("a\0", '\0'),
            ("\u{9b}31m", '\u{9b}'),
            ("a\u{202e}b", '\u{202e}'),
            ("a\u{e0041}", '\u{e0041}'),
            ("a\u{200b}b", '\u{200b}'),
        ] {
            assert_eq!(first_unplain(said), Some(character), "{said:?}");
        }
    }

    #[test]
    fn a_line_shows_that_something_was_there_and_a_text_leaves_it_out() {
        assert_eq!(
            line("ok\u{1b}[2J\r\nERROR\tforged"),
            "ok\u{fffd}[2J\u{fffd}\u{fffd}ERROR\tforged"
        );
        assert_eq!(text("ok\u{1b}[2J\r\nfine"), "ok[2J\nfine");
    }
}
