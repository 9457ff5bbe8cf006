//! Custom sections of a component, found and replaced by name.

use super::DocsError;
use crate::section::{Damaged, HEADER_BYTES, append_custom, sections};

impl From<Damaged> for DocsError {
    fn from(damaged: Damaged) -> Self {
        Self::Damaged { offset: damaged.offset }
    }
}

/// Contents of the top-level custom sections of that name, in order.
pub(super) fn custom<'a>(component: &'a [u8], name: &str) -> Result<Vec<&'a [u8]>, DocsError> {
    let mut found = Vec::new();
    for section in sections(component)? {
        found.extend(section?.named(component, name));
    }
    Ok(found)
}

/// The component with one custom section of that name, at its end.
pub(super) fn replace(component: &[u8], name: &str, data: &[u8]) -> Result<Vec<u8>, DocsError> {
    let mut packed = Vec::with_capacity(component.len() + data.len() + name.len() + 16);
    packed.extend_from_slice(component.get(..HEADER_BYTES).unwrap_or_default());
    for section in sections(component)? {
        let section = section?;
        if section.named(component, name).is_none() {
            packed.extend_from_slice(&component[section.whole]);
        }
    }
    append_custom(&mut packed, name, data);
    Ok(packed)
}
