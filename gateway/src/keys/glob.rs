//! Patterns with `*` (any text) and `?` (one character).

/// Whether the pattern covers the whole text. Takes no longer than their lengths' product.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text after the last star does not fit: a star takes one more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(&sign) if sign == '?' || sign == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    p = after;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_whole_texts() {
        for (pattern, text, covers) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "units_convert", true),
            ("units_*", "units_convert", true),
            ("units_*", "units_", true),
            ("units_*", "units", false),
            ("units_*", "my_units_convert", false),
            ("*_add", "tasks_add", true),
            ("*_add", "tasks_add_all", false),
            ("t*_*d", "tasks_add", true),
            ("tasks_ad?", "tasks_add", true),
            ("tasks_ad?", "tasks_ad", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("Units_*", "units_convert", false),
            ("é?", "éé", true),
        ] {
            assert_eq!(matches(pattern, text), covers, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern = "*a".repeat(500);
        assert!(!matches(&pattern, &"a".repeat(499)));
        assert!(!matches(&format!("{pattern}b"), &"a".repeat(2_000)));
    }
}
