//! Schemas that clients send, and the templates made from them.
#![no_main]

#[path = "../../gateway/functions/tests/targets/schema.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
