//! WIT sources: `plugin build` and `pack` read those of repositories that their user did not write.

use hyfunc_functions::docs::{DocsError, docs_from_wit, extract, inject};

/// A component of nothing but its header.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// Docs that are read can be carried by a component; everything else is refused with the reason.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sources = [("world.wit".to_owned(), text.to_owned())];
    let read = docs_from_wit(&sources, None);
    let again = docs_from_wit(&sources, None);
    assert_eq!(read.as_ref().ok(), again.as_ref().ok(), "read twice, it differs");
    match read {
        Ok(docs) => match inject(EMPTY, &docs) {
            Ok(packed) => assert_eq!(extract(&packed), Ok(Some(docs))),
            Err(error) => assert!(matches!(error, DocsError::TooLarge { .. }), "{error}"),
        },
        Err(error) => {
            let named = matches!(error, DocsError::Wit { .. } | DocsError::Comment { .. });
            assert!(named && !error.to_string().is_empty(), "{error:?}");
        }
    }
}
