//! What several test binaries of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of this")]

pub mod arbitrary;
