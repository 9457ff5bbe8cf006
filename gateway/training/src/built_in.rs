//! What is trained on and is part of the program: which of it a run saw must be told afterwards.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use hyfunc_functions::Function;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::phrases::Phrases;
use crate::practice::Plugin;

/// SHA-256 of the library, of the phrases and of the practice plugins that are trained on, hex. Equal
/// ones were read from equal files.
pub(crate) fn digests(
    library: &[Arc<Function>],
    phrases: &Phrases,
    practice: &[Plugin],
) -> BTreeMap<String, String> {
    let each: Vec<String> = practice.par_iter().map(digest).collect();
    let digests =
        [("library", digest(&library)), ("phrases", digest(phrases)), ("practice", digest(&each))];
    digests.map(|(name, digest)| (name.to_owned(), digest)).into()
}

/// Of everything that a value is made of.
fn digest(value: &impl fmt::Debug) -> String {
    let mut hashing = Hashing(Sha256::new());
    write!(hashing, "{value:?}").expect("a hash takes any text");
    hex::encode(hashing.0.finalize())
}

struct Hashing(Sha256);

impl fmt::Write for Hashing {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sources_have_equal_digests_and_others_do_not() {
        let phrases = |text: &str| Phrases::alone("x.txt", text).unwrap();
        let of = |text: &str| digests(&[], &phrases(text), &[]);
        let one = of("function f\nsay (a|b)\n");
        assert_eq!(one, of("function f\nsay (a|b)\n"));
        let other = of("function f\nsay (a|c)\n");
        assert_ne!(one["phrases"], other["phrases"]);
        assert_eq!(one["library"], other["library"]);
        let names: Vec<&str> = one.keys().map(String::as_str).collect();
        assert_eq!(names, ["library", "phrases", "practice"]);
    }

    /// What is read twice is the same: nothing in it depends on the order of a hash map.
    #[test]
    fn what_is_built_in_has_one_digest() {
        let of =
            || digests(&[], &Phrases::bundled().unwrap(), &crate::practice::plugins().unwrap());
        assert_eq!(of(), of());
    }
}
