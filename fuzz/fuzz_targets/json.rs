//! JSON to values and back.
#![no_main]

#[path = "../../gateway/functions/tests/targets/json.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
