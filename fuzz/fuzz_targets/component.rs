//! Components, whole and with docs of other tools.
#![no_main]

#[path = "../../gateway/functions/tests/targets/component.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
