//! Custom sections of a component, found and replaced without reading anything else.

use std::ops::Range;

use super::DocsError;

/// Magic, version and layer.
const HEADER_BYTES: usize = 8;

/// Id of custom sections.
const CUSTOM: u8 = 0;

/// A section: its whole extent, id and size included, and where its contents are.
struct Section {
    id: u8,
    whole: Range<usize>,
    contents: Range<usize>,
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
    let mut contents = Vec::with_capacity(data.len() + name.len() + 5);
    write_size(&mut contents, name.len());
    contents.extend_from_slice(name.as_bytes());
    contents.extend_from_slice(data);
    packed.push(CUSTOM);
    write_size(&mut packed, contents.len());
    packed.extend_from_slice(&contents);
    Ok(packed)
}

impl Section {
    /// The data after the name, if it is a custom section of that name.
    fn named<'a>(&self, component: &'a [u8], name: &str) -> Option<&'a [u8]> {
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
fn sections(
    component: &[u8],
) -> Result<impl Iterator<Item = Result<Section, DocsError>> + '_, DocsError> {
    if !wasmparser::Parser::is_component(component) {
        return Err(DocsError::Damaged { offset: 0 });
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
        Some(section.ok_or(DocsError::Damaged { offset: start }))
    }))
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

fn write_size(bytes: &mut Vec<u8>, mut size: usize) {
    loop {
        let low = (size & 0x7f) as u8;
        size >>= 7;
        if size == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}
