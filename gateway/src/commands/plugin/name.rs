//! What a new plugin may be called.
//!
//! The name becomes a folder, a file, a WIT package, and in the bindings a part of identifiers.

use super::AuthorError;

/// Longest name: beside it a function's name must fit into the 64 characters of the library.
const NAME_CHARS_MAX: usize = 40;

/// Words that WIT, Rust or cargo keep for themselves.
const RESERVED: &str = "\
    abstract alloc as async await become bool borrow box break build char const \
    constructor continue core crate deps do dyn else enum error-context examples export \
    extern f32 f64 false final flags fn for from func future gen if impl import in include \
    incremental interface let list loop macro map match mod move mut option override own \
    package priv proc-macro pub record ref resource result return s16 s32 s64 s8 self \
    static std stream string struct super test trait true try tuple type typeof u16 u32 \
    u64 u8 unsafe unsized use variant virtual where while wit-bindgen with world yield";

/// Refuses what could not be a folder, a package and an identifier at once.
pub(super) fn check(name: &str) -> Result<(), AuthorError> {
    let wrong = |reason: String| Err(AuthorError::Name { name: name.to_owned(), reason });
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !name.split('-').all(is_word) {
        return wrong(
            "write words of small letters and digits, each with a letter first, joined by \
             hyphens, such as `tide-tables`"
                .into(),
        );
    }
    if name.len() > NAME_CHARS_MAX {
        let chars = name.len();
        return wrong(format!("it has {chars} characters, and {NAME_CHARS_MAX} are allowed"));
    }
    if RESERVED.split_whitespace().any(|word| word == name) {
        return wrong("it is a word that WIT, Rust or cargo keeps for itself; add another".into());
    }
    if hyfunc_plugins::bundled().iter().any(|bundled| bundled.name == name) {
        return wrong(
            "a plugin of that name comes with the gateway, which refuses two of one name".into(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_build_are_refused() {
        let longest = "x".repeat(NAME_CHARS_MAX);
        for good in ["a", "tides", "tide-tables", "mp3-tags", "x2y", longest.as_str()] {
            assert!(check(good).is_ok(), "{good}");
        }
        let too_long = "x".repeat(NAME_CHARS_MAX + 1);
        for (bad, said) in [
            ("", "small letters"),
            ("Tides", "small letters"),
            ("tide_tables", "joined by hyphens"),
            ("tide--tables", "small letters"),
            ("-tides", "small letters"),
            ("tides-", "small letters"),
            ("3d", "a letter first"),
            ("tide-2", "a letter first"),
            ("../tides", "small letters"),
            ("a/b", "small letters"),
            ("gezeiten-für-alle", "small letters"),
            ("tides\n", "small letters"),
            (too_long.as_str(), "41 characters"),
            ("string", "keeps for itself"),
            ("std", "keeps for itself"),
            ("u8", "keeps for itself"),
            ("wit-bindgen", "keeps for itself"),
            ("calc", "comes with the gateway"),
        ] {
            let error = check(bad).unwrap_err().to_string();
            assert!(error.contains(said), "{bad:?}: {error}");
        }
    }

    #[test]
    fn the_reserved_words_are_in_order() {
        let words: Vec<&str> = RESERVED.split_whitespace().collect();
        assert!(words.is_sorted() && words.len() > 80, "{words:?}");
    }
}
