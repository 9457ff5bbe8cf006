//! The section `hyfunc:docs`, and whole components that may hold one.

use hyfunc_functions::docs::{Docs, DocsError, SECTION_NAME, extract, inject};
use hyfunc_functions::section::append_custom;

/// A component of nothing but its header.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// What is read and written again is read as the same; the rest is refused by name.
pub fn check(data: &[u8]) {
    let packed = with_section(data);
    if let Some(docs) = read(&packed) {
        comes_back(EMPTY, &docs);
    }
    match read(data) {
        Some(docs) => comes_back(data, &docs),
        // No section, or not even a component: whatever takes docs gives them back.
        None if inject(data, &Docs::default()).is_ok() => comes_back(data, &Docs::default()),
        None => {}
    }
}

fn read(component: &[u8]) -> Option<Docs> {
    match extract(component) {
        Ok(docs) => docs,
        Err(error) => {
            let named = matches!(
                error,
                DocsError::Damaged { .. }
                    | DocsError::Repeated
                    | DocsError::Unreadable { .. }
                    | DocsError::Version { .. }
                    | DocsError::TooLarge { .. }
            );
            assert!(named, "no reader says this: {error:?}");
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fn comes_back(component: &[u8], docs: &Docs) {
    match inject(component, docs) {
        Ok(packed) => {
            assert_eq!(extract(&packed).as_ref(), Ok(&Some(docs.clone())));
            assert_eq!(inject(&packed, docs).as_ref(), Ok(&packed), "packing again changed it");
        }
        // Escapes may make what is written longer than what was read.
        Err(error) => assert!(matches!(error, DocsError::TooLarge { .. }), "{error}"),
    }
}

/// The empty component with that section.
fn with_section(data: &[u8]) -> Vec<u8> {
    let mut component = EMPTY.to_vec();
    append_custom(&mut component, SECTION_NAME, data);
    component
}
