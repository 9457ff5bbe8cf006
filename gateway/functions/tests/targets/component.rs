//! Components, and the section `package-docs` in a sound one.

use hyfunc_functions::component::{ComponentLimits, read_component, read_component_within};
use hyfunc_functions::names::is_valid_name;
use hyfunc_functions::section::append_custom;

/// A component that hands on the function `g: func(a: string) -> u32` of whoever runs it: header,
/// type, import, export.
const SOUND: &[u8] = b"\0asm\x0d\0\x01\0\
    \x07\x08\x01\x40\x01\x01a\x73\x00\x79\
    \x0a\x06\x01\x00\x01f\x01\x00\
    \x0b\x07\x01\x00\x01g\x01\x00\x00";

/// Longest section of docs that is tried.
const SECTION_BYTES_MAX: usize = 8_192;

/// Reading is deterministic, whatever is offered can be called by its name, and every refusal is a
/// named error.
pub fn check(data: &[u8]) {
    check_component(data);
    if data.len() <= SECTION_BYTES_MAX {
        let read = read_component("toy", &with_docs(data)).expect("docs of others never refuse");
        assert_eq!(read.functions.len(), 1);
    }
}

fn check_component(bytes: &[u8]) {
    let read = read_component("toy", bytes);
    assert_eq!(read, read_component("toy", bytes), "read twice, it differs");
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            let words = error.to_string();
            assert!(words.starts_with("plugin `toy`: "), "{words}");
            return;
        }
    };
    let limits = ComponentLimits::default();
    assert!(!read.functions.is_empty());
    assert!(read.functions.len() + read.refused.len() <= limits.functions_max);
    for (index, function) in read.functions.iter().enumerate() {
        assert!(is_valid_name(&function.name), "{:?}", function.name);
        assert!(function.export.is_some(), "{}: nowhere exported", function.name);
        let earlier = &read.functions[..index];
        assert!(earlier.iter().all(|other| other.name != function.name), "{} twice", function.name);
    }
    for refusal in &read.refused {
        assert!(!refusal.reason.is_empty(), "{} without a reason", refusal.name);
    }
    let none = ComponentLimits { functions_max: 0, ..limits };
    assert!(read_component_within("toy", bytes, &none).is_err(), "limits hold");
}

/// The sound component with a section `package-docs`.
fn with_docs(data: &[u8]) -> Vec<u8> {
    let mut component = SOUND.to_vec();
    append_custom(&mut component, "package-docs", data);
    component
}
