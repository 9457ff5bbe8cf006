//! What a component imports and exports, by name.

use wasmparser::{Parser, Payload};

/// Names of a component's imports and exports, such as `wasi:clocks/wall-clock@0.2.6`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surface {
    /// What it needs.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// The imports and exports of a component that [`super::read_component`] has read. Of other bytes it
/// tells what comes before the first that cannot be read.
pub fn surface(bytes: &[u8]) -> Surface {
    let mut surface = Surface::default();
    // Components hold modules and components, whose own imports do not count.
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::Version { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(Payload::ComponentImportSection(section)) if depth == 1 => {
                let imports = section.into_iter().map_while(Result::ok);
                surface.imports.extend(imports.map(|import| import.name.name.to_owned()));
            }
            Ok(Payload::ComponentExportSection(section)) if depth == 1 => {
                let exports = section.into_iter().map_while(Result::ok);
                surface.exports.extend(exports.map(|export| export.name.name.to_owned()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    surface
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        Component, ComponentExportKind, ComponentExportSection, ComponentImportSection,
        ComponentTypeRef, ComponentTypeSection, InstanceType, NestedComponentSection,
    };

    use super::*;

    #[test]
    fn names_of_the_outermost_component_are_told() {
        let with_import = |name: &str| {
            let mut component = Component::new();
            let mut types = ComponentTypeSection::new();
            types.instance(&InstanceType::new());
            component.section(&types);
            let mut imports = ComponentImportSection::new();
            imports.import(name, ComponentTypeRef::Instance(0));
            component.section(&imports);
            component
        };
        let mut component = with_import("wasi:cli/environment@0.2.6");
        component.section(&NestedComponentSection(&with_import("inner:one/two")));
        let mut exports = ComponentExportSection::new();
        exports.export("hyfunc:tides/harbor@0.1.0", ComponentExportKind::Instance, 0, None);
        component.section(&exports);
        let bytes = component.finish();
        let expected = Surface {
            imports: vec!["wasi:cli/environment@0.2.6".into()],
            exports: vec!["hyfunc:tides/harbor@0.1.0".into()],
        };
        assert_eq!(surface(&bytes), expected);
        for length in 0..bytes.len() {
            assert!(surface(&bytes[..length]).imports.len() <= 1);
        }
        assert_eq!(surface(b"no component"), Surface::default());
    }
}
