//! Whether a component needs a host of the component model's async.
//!
//! Such a component runs on an engine that has it, and every other on one that has not. The
//! validator tells them apart: what is valid without the proposal does not use it.

use wasmparser::{BinaryReaderError, WasmFeatures};

use super::surface::surface;

/// Validates with every proposal: functions that use one which cannot be called are refused by
/// name later. Tells, too, whether async is among those that the component needs.
pub(super) fn validate(bytes: &[u8]) -> Result<(super::Validated, bool), BinaryReaderError> {
    let all = WasmFeatures::all();
    match super::validate(bytes, all.difference(WasmFeatures::CM_ASYNC)) {
        Ok(validated) => Ok((validated, false)),
        Err(_) => super::validate(bytes, all).map(|validated| (validated, true)),
    }
}

/// Whether something of WASI 0.3 is imported: an interface of it may have no async function, and
/// only the host of the others has it.
pub(super) fn imports_wasi_0_3(bytes: &[u8]) -> bool {
    surface(bytes).imports.iter().any(|import| is_wasi_0_3(import))
}

/// `wasi:clocks/monotonic-clock@0.3.0`, and what was published before it was finished.
fn is_wasi_0_3(import: &str) -> bool {
    let version = import.strip_prefix("wasi:").and_then(|name| name.split_once('@'));
    version.is_some_and(|(_, version)| version.starts_with("0.3."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wasm_encoder::{
        CanonicalFunctionSection, CanonicalOption, Component, ComponentImportSection,
        ComponentTypeRef, ComponentTypeSection, InstanceType, PrimitiveValType,
    };

    use super::*;

    fn uses_async(component: Component) -> bool {
        validate(&component.finish()).unwrap().1
    }

    /// A component that imports a function of this type, and lowers it so.
    fn importing(is_async: bool, options: &[CanonicalOption]) -> Component {
        let mut types = ComponentTypeSection::new();
        types.function().async_(is_async).params([("name", PrimitiveValType::U32)]).result(None);
        let mut imports = ComponentImportSection::new();
        imports.import("f", ComponentTypeRef::Func(0));
        let mut lowered = CanonicalFunctionSection::new();
        lowered.lower(0, options.iter().copied());
        let mut component = Component::new();
        component.section(&types).section(&imports).section(&lowered);
        component
    }

    #[test]
    fn only_what_uses_async_needs_it() {
        assert!(!uses_async(Component::new()));
        assert!(!uses_async(importing(false, &[])));
        assert!(uses_async(importing(true, &[])));
        assert!(uses_async(importing(true, &[CanonicalOption::Async])));
        let mut types = ComponentTypeSection::new();
        types.defined_type().stream(Some(PrimitiveValType::U8.into()));
        let mut component = Component::new();
        component.section(&types);
        assert!(uses_async(component));
    }

    #[test]
    fn what_is_not_valid_with_async_is_not_valid() {
        for bytes in [&b"no component"[..], b"\0asm\x0d\0\x01\0\x07\x05"] {
            assert!(validate(bytes).is_err());
        }
        assert!(validate(b"\0asm\x0d\0\x01\0").is_ok());
    }

    #[test]
    fn wasi_is_told_by_its_version() {
        for (import, expected) in [
            ("wasi:clocks/monotonic-clock@0.3.0", true),
            ("wasi:random/random@0.3.7", true),
            ("wasi:http/client@0.3.0-rc-2025-09-16", true),
            ("wasi:clocks/monotonic-clock@0.2.6", false),
            ("wasi:clocks/monotonic-clock@0.30.0", false),
            ("wasi:logging/logging", false),
            ("acme:wasi/clock@0.3.0", false),
            ("wasi", false),
        ] {
            assert_eq!(is_wasi_0_3(import), expected, "{import}");
        }
    }

    #[test]
    fn an_import_of_wasi_0_3_needs_async_even_without_an_async_function() {
        for (name, expected) in
            [("wasi:random/random@0.3.0", true), ("wasi:random/random@0.2.0", false)]
        {
            let mut types = ComponentTypeSection::new();
            types.instance(&InstanceType::new());
            let mut imports = ComponentImportSection::new();
            imports.import(name, ComponentTypeRef::Instance(0));
            let mut component = Component::new();
            component.section(&types).section(&imports);
            let bytes = component.finish();
            assert!(!validate(&bytes).unwrap().1);
            assert_eq!(imports_wasi_0_3(&bytes), expected, "{name}");
        }
    }
}
