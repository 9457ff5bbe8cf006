//! The text of slots.
#![no_main]

#[path = "../../gateway/functions/tests/targets/slot.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
