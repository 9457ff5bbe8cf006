//! WIT sources.
#![no_main]

#[path = "../../gateway/functions/tests/targets/wit.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
