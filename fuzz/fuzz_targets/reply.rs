//! Templates of replies.
#![no_main]

#[path = "../../gateway/functions/tests/targets/reply.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| target::check(data));
