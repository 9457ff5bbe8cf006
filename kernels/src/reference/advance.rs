//! From one step to the next.

use super::{Entry, Sight};
use crate::NONE;

/// The state of branches between two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branches {
    /// Stop tokens of each.
    pub stops: Vec<Vec<u32>>,
    /// Tokens that each may have.
    pub lengths_max: Vec<u32>,
    /// Entry of each one's first page.
    pub first_entry: Vec<u32>,
    /// Whether it has ended: 0 or 1.
    pub done: Vec<u32>,
    /// Tokens that have their slot.
    pub lengths: Vec<u32>,
    /// The next input.
    pub tokens: Vec<u32>,
    /// Its position.
    pub positions: Vec<i32>,
    /// Its slot.
    pub slots: Vec<i32>,
    /// What it sees.
    pub sights: Vec<Sight>,
    /// Pages of all.
    pub entries: Vec<Entry>,
    /// Tokens of every step, of every branch.
    pub history: Vec<Vec<u32>>,
    /// How many go on.
    pub live: u32,
}

/// The next step from `sampled`; `history` has room for this step, or keeps nothing of it.
pub fn advance(branches: &mut Branches, sampled: &[u32], step: usize, page_tokens: u32) {
    branches.live = 0;
    for (row, token) in sampled.iter().enumerate() {
        let ended = branches.done[row] != 0;
        if let Some(history) = branches.history.get_mut(step) {
            history[row] = if ended { NONE } else { *token };
        }
        let length = branches.lengths[row];
        let at = branches.first_entry[row] as usize + (length / page_tokens) as usize;
        let stops = *token == NONE || branches.stops[row].contains(token);
        let full = length >= branches.lengths_max[row] || at >= branches.entries.len();
        if ended || stops || full {
            branches.done[row] = 1;
            branches.tokens[row] = NONE;
            branches.slots[row] = -1;
            continue;
        }
        let offset = (length % page_tokens).cast_signed();
        let entry = &mut branches.entries[at];
        entry.count = offset + 1;
        branches.slots[row] = entry.page * page_tokens.cast_signed() + offset;
        branches.tokens[row] = *token;
        branches.lengths[row] += 1;
        branches.positions[row] += 1;
        branches.sights[row].limit += 1;
        branches.live += 1;
    }
}
