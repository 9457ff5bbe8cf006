//! Things said one after another: `3, 5 and 8`, `apples, rice and milk`, `[[1, 2], [3, 4]]`.

/// Words that join the last two of a series.
const LINKS: [&str; 7] = ["and", "or", "plus", "then", "versus", "vs", "as well as"];

/// Marks that open an item.
const OPENING: [char; 9] = ['"', '\'', '“', '‘', '$', '€', '£', '#', '('];

/// Marks that close an item.
const CLOSING: [char; 8] = ['"', '\'', '”', '’', '%', '°', ')', '′'];

/// Bytes of the longest unit that may stand behind a number of a series.
const UNIT_BYTES_MAX: usize = 12;

/// Byte at which the next item begins, where one that ends at `end` is followed by a comma or *and*.
pub fn next(text: &str, end: usize) -> Option<usize> {
    let rest = text.get(end..)?.trim_start_matches(CLOSING);
    let after = separated(rest)?;
    let item = after.trim_start_matches(OPENING);
    (item.starts_with(|c: char| c.is_alphanumeric() || c == '-')).then_some(text.len() - item.len())
}

/// The same for a number, behind which its unit may stand: `5 km, 10 km`.
pub fn next_number(text: &str, end: usize) -> Option<usize> {
    let digit =
        |at: &usize| text[*at..].trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    if let Some(at) = next(text, end).filter(digit) {
        return Some(at);
    }
    let rest = text.get(end..)?;
    let unit = rest.trim_start_matches(' ');
    let letters = unit.find(|c: char| !c.is_alphabetic()).unwrap_or(unit.len());
    let is_unit = letters > 0 && letters <= UNIT_BYTES_MAX && !LINKS.contains(&&unit[..letters]);
    let after = text.len() - unit.len() + letters;
    is_unit.then(|| next(text, after)).flatten().filter(digit)
}

/// Byte at which the first item of the next row begins, where one in brackets that holds the item up
/// to `end` is followed by another.
pub fn next_row(text: &str, end: usize) -> Option<usize> {
    let mark = |sign: char| CLOSING.contains(&sign) && sign != ')';
    let closed = text.get(end..)?.trim_start_matches(mark).trim_start();
    let closed = closed.strip_prefix([']', ')', '}'])?.trim_start();
    let opened = separated_loosely(closed).strip_prefix(['[', '(', '{'])?;
    let item = opened.trim_start().trim_start_matches(OPENING);
    Some(text.len() - item.len())
}

/// Whether a span holds a comma or *and* between its words, as an item of a series seldom does.
pub fn is_several(span: &str) -> bool {
    span.contains(", ") || span.contains("; ") || span.contains(" and ") || span.contains(" or ")
}

/// What follows a separator that `rest` begins with.
fn separated(rest: &str) -> Option<&str> {
    let bare = rest.trim_start();
    if let Some(after) = bare.strip_prefix([',', ';', '/', '&', '+']) {
        return Some(unlinked(after.trim_start()));
    }
    let linked = unlinked(bare);
    (linked.len() < bare.len() && bare.len() < rest.len()).then_some(linked)
}

/// The same where there may be none.
fn separated_loosely(rest: &str) -> &str {
    separated(rest).unwrap_or_else(|| unlinked(rest))
}

/// Without a word such as *and* in front.
fn unlinked(text: &str) -> &str {
    let link = LINKS.iter().find_map(|link| {
        let rest = text.get(..link.len()).filter(|start| start.eq_ignore_ascii_case(link))?;
        text[rest.len()..].strip_prefix(' ')
    });
    link.unwrap_or(text).trim_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What begins after `item`, in a text that holds it once.
    fn after<'a>(
        text: &'a str,
        item: &str,
        next: fn(&str, usize) -> Option<usize>,
    ) -> Option<&'a str> {
        let end = text.find(item).expect("it is said") + item.len();
        next(text, end).map(|at| &text[at..])
    }

    #[test]
    fn items_follow_commas_and_links() {
        for (text, item, expected) in [
            ("3, 5 and 8", "3", Some("5 and 8")),
            ("3, 5 and 8", "5", Some("8")),
            ("3, 5 and 8", "8", None),
            ("apples, rice, and milk", "rice", Some("milk")),
            ("'a', 'b'", "a", Some("b', 'b'")),
            ("Oslo or Rome?", "Oslo", Some("Rome?")),
            ("Oslo & Rome", "Oslo", Some("Rome")),
            ("Oslo android", "Oslo", None),
            ("Oslo and", "Oslo", None),
            ("$5, $6", "5", Some("6")),
            ("5%, 6%", "5", Some("6%")),
            ("5,", "5", None),
            ("é, ü and ñ", "é", Some("ü and ñ")),
        ] {
            let expected = if text == "'a', 'b'" { Some("b'") } else { expected };
            assert_eq!(after(text, item, next), expected, "{text}: {item}");
        }
        assert_eq!(next("short", 99), None);
        assert_eq!(next("é", 1), None, "within a letter");
    }

    #[test]
    fn numbers_may_have_units() {
        for (text, item, expected) in [
            ("5 km, 10 km and 15 km", "5", Some("10 km and 15 km")),
            ("5km and -10km", "5", Some("-10km")),
            ("5 and Oslo", "5", None),
            ("5 km to Oslo", "5", None),
            ("[22,33,42]", "22", Some("33,42]")),
            ("2 nights or longer", "2", None),
        ] {
            assert_eq!(after(text, item, next_number), expected, "{text}: {item}");
        }
    }

    #[test]
    fn rows_follow_rows() {
        for (text, item, expected) in [
            ("[[10, 20], [30, 40]]", "20", Some("30, 40]]")),
            ("[ [10, 20] , [ 30 ] ]", "20", Some("30 ] ]")),
            ("(1, 2) and (3, 4)", "2", Some("3, 4)")),
            ("[10, 20]", "20", None),
            ("[10, 20], 30", "20", None),
        ] {
            assert_eq!(after(text, item, next_row), expected, "{text}");
        }
        assert!(is_several("a, b") && is_several("salt and pepper") && !is_several("candy"));
    }
}
