//! `hyfunc train`, `hyfunc eval ablation` and `hyfunc models pull` as processes of their own: what they
//! say, what they leave behind, and how they go on after a kill.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod blend;
mod pull;
mod resume;
mod rows;
mod support;
mod words;
