//! Light English stemming: plurals, `-ing`, `-ed` and a final `e`, so that forms of one word meet.
//! A stem need not be a word. Meanings (`-er`, `-tion`) are left to the dense side.

/// The stem of a lower-cased word. Words with anything but ASCII letters stay as they are, save for
/// a final `e`.
pub(crate) fn stem(word: &str) -> String {
    let word = without_plural(word);
    let word = without_suffix(&word, "ing").or_else(|| without_suffix(&word, "ed")).unwrap_or(word);
    match word.strip_suffix('e') {
        Some(rest) if rest.chars().count() >= 3 => rest.to_owned(),
        _ => word,
    }
}

fn without_plural(word: &str) -> String {
    if word.len() < 4 || !word.ends_with('s') {
        return word.to_owned();
    }
    if let Some(rest) = word.strip_suffix("ies") {
        return if rest.len() >= 2 { format!("{rest}y") } else { format!("{rest}ie") };
    }
    for ending in ["sses", "xes", "ches", "shes", "zzes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    if ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending)) {
        return word.to_owned();
    }
    word[..word.len() - 1].to_owned()
}

/// The word without `suffix`, if what is left is long enough to be a stem.
fn without_suffix(word: &str, suffix: &str) -> Option<String> {
    let rest = word.strip_suffix(suffix)?;
    let is_vowel = |c: char| "aeiouy".contains(c);
    // `need`, `speed`: the suffix belongs to the word.
    let own = suffix == "ed" && rest.ends_with('e');
    if own || !rest.is_ascii() || rest.len() < 3 || !rest.contains(is_vowel) {
        return None;
    }
    let bytes = rest.as_bytes();
    let (last, before) = (bytes[rest.len() - 1], bytes[rest.len() - 2]);
    // `planning` is of `plan`, but `calling` is of `call`.
    let doubled = last == before && !b"lszaeiou".contains(&last);
    Some(if doubled { rest[..rest.len() - 1].to_owned() } else { rest.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line a case: forms that must meet.
    const SAME: &[&str] = &[
        "city cities",
        "convert converts converted converting",
        "plan plans planned planning",
        "call calls called calling",
        "make makes making",
        "create creates created creating",
        "currency currencies",
        "box boxes",
        "search searches searched searching",
        "class classes",
        "schedule schedules scheduled scheduling",
        "tie ties",
        "café cafés",
    ];

    /// Words that stay apart.
    const DIFFERENT: &[&str] =
        &["need ne", "string str", "bus bu", "ring r", "red r", "analysis analysi"];

    #[test]
    fn forms_meet() {
        for line in SAME {
            let stems: Vec<String> = line.split(' ').map(stem).collect();
            assert!(stems.iter().all(|s| *s == stems[0]), "{line}: {stems:?}");
        }
    }

    #[test]
    fn others_stay_apart() {
        for line in DIFFERENT {
            let stems: Vec<String> = line.split(' ').map(stem).collect();
            assert_ne!(stems[0], stems[1], "{line}");
        }
    }
}
