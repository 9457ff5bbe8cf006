//! Sections of a component, found and written without reading anything else.

use std::ops::Range;

use wasm_encoder::{CustomSection, RawSection, Section as _};

/// Magic, version and layer.
pub(crate) const HEADER_BYTES: usize = 8;

/// Id of custom sections.
const CUSTOM: u8 = 0;

/// Id of sections that hold a core module.
pub const CORE_MODULE: u8 = 1;

/// A section: its whole extent, id and size included, and where its contents are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its kind.
    pub id: u8,
    /// All of it (bytes of the component).
    pub whole: Range<usize>,
    /// What comes after id and size (bytes of the component).
    pub contents: Range<usize>,
}

/// Sections that do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the component's sections are damaged at byte {offset}")]
pub struct Damaged {
    /// Where (bytes).
    pub offset: usize,
}

impl Section {
    /// The data after the name, if it is a custom section of that name.
    pub fn named<'a>(&self, component: &'a [u8], name: &str) -> Option<&'a [u8]> {
        if self.id != CUSTOM {
            return None;
        }
        let contents = component.get(self.contents.clone())?;
        let mut position = 0;
        let length = read_size(contents, &mut position)?;
        let end = position.checked_add(length)?;
        (contents.get(position..end)? == name.as_bytes()).then(|| &contents[end..])
    }
}

/// The sections one by one: of three bytes each, a list of them would take many times the component.
///
/// # Errors
/// Bytes that are no component; in the list, the first section that is damaged.
pub fn sections(
    component: &[u8],
) -> Result<impl Iterator<Item = Result<Section, Damaged>> + '_, Damaged> {
    if !wasmparser::Parser::is_component(component) {
        return Err(Damaged { offset: 0 });
    }
    let mut position = HEADER_BYTES;
    Ok(std::iter::from_fn(move || {
        let start = position;
        if start >= component.len() {
            return None;
        }
        let section = read_section(component, start);
        // Nothing can be read after what is damaged.
        position = section.as_ref().map_or(component.len(), |section| section.whole.end);
        Some(section.ok_or(Damaged { offset: start }))
    }))
}

/// Adds a section of these contents.
pub fn append(component: &mut Vec<u8>, id: u8, contents: &[u8]) {
    RawSection { id, data: contents }.append_to(component);
}

/// Adds a custom section.
pub fn append_custom(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    CustomSection { name: name.into(), data: data.into() }.append_to(component);
}

fn read_section(component: &[u8], start: usize) -> Option<Section> {
    let id = *component.get(start)?;
    let mut position = start + 1;
    let size = read_size(component, &mut position)?;
    let end = position.checked_add(size).filter(|end| *end <= component.len())?;
    Some(Section { id, whole: start..end, contents: position..end })
}

/// A LEB128 `u32`.
fn read_size(bytes: &[u8], position: &mut usize) -> Option<usize> {
    let mut size: u64 = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(*position)?;
        *position += 1;
        size |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(size).ok().map(|size| size as usize);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_found() {
        for bytes in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let data = vec![7; bytes];
            let mut component = b"\0asm\x0d\0\x01\0".to_vec();
            append(&mut component, CORE_MODULE, &data);
            append_custom(&mut component, "name", &data);
            let found: Vec<Section> = sections(&component).unwrap().map(Result::unwrap).collect();
            let [module, custom] = found.as_slice() else { panic!("{bytes}: {found:?}") };
            assert_eq!(module.id, CORE_MODULE);
            assert_eq!(&component[module.contents.clone()], data.as_slice());
            assert_eq!(module.named(&component, "name"), None);
            assert_eq!(custom.named(&component, "name"), Some(data.as_slice()));
            assert_eq!(custom.named(&component, "other"), None);
            assert_eq!(custom.whole.end, component.len());
        }
    }

    #[test]
    fn nothing_is_read_after_what_is_damaged() {
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        append_custom(&mut component, "name", b"data");
        let cut = &component[..component.len() - 1];
        let found: Vec<_> = sections(cut).unwrap().collect();
        assert_eq!(found, [Err(Damaged { offset: HEADER_BYTES })]);
        assert_eq!(sections(b"\0asm").err(), Some(Damaged { offset: 0 }));
    }
}
