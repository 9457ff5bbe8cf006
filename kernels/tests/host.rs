//! Every kernel as host C++ against its truth, with threads and blocks in several orders.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![cfg(host_build)]

mod cases;

use hyfunc_kernels::Host;

/// Orders of threads and blocks.
const SEEDS: [u64; 3] = [1, 2, 3];

fn everywhere(case: fn(&Host)) {
    for seed in SEEDS {
        case(&Host::new(seed));
    }
}

#[test]
fn add_rms_norm() {
    everywhere(cases::norm::add_rms_norm);
}

#[test]
fn swiglu() {
    everywhere(cases::product::swiglu);
}

#[test]
fn gemv() {
    everywhere(cases::product::gemv);
}

#[test]
fn products_of_many_rows_without_a_library() {
    everywhere(cases::product::with_library);
}

#[test]
fn head_argmax_of_whole_numbers_is_exact() {
    everywhere(cases::head::exact);
}

#[test]
fn head_argmax_of_any_numbers_is_the_best_within_rounding() {
    everywhere(cases::head::rounded);
}

#[test]
fn head_argmax_never_chooses_nan_or_what_is_not_allowed() {
    everywhere(cases::head::nan_never_wins);
}

#[test]
fn rotary_write() {
    everywhere(cases::rotary::rotary_write);
}

#[test]
fn attention_over_shared_blocks_and_branches() {
    everywhere(cases::attention::by_hand);
}

#[test]
fn attention_over_entries_that_name_no_page() {
    everywhere(cases::attention::nowhere);
}

#[test]
fn attention_of_ragged_rows() {
    everywhere(cases::attention::ragged);
}

#[test]
fn soft_project() {
    everywhere(cases::soft::soft_project);
}

#[test]
fn embed() {
    everywhere(cases::soft::embed);
}

#[test]
fn retrieve_ranks_as_the_truth_does() {
    everywhere(cases::retrieve::ranked);
}

#[test]
fn retrieve_breaks_ties_by_id_and_never_finds_nan() {
    everywhere(cases::retrieve::ties);
}

#[test]
fn advance() {
    everywhere(cases::advance::advance);
}
