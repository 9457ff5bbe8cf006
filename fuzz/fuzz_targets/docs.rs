//! The section `hyfunc:docs`.
#![no_main]

#[path = "../../gateway/functions/tests/targets/docs.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
