//! Where everything of a forward goes: tokens in the order in which they are computed, their slots,
//! and who sees what.

use std::collections::HashMap;
use std::sync::Arc;

use super::pages::Pool;
use super::row::{Input, Row};
use crate::NONE;
use crate::error::KernelError;
use crate::reference::{Entry, Sight};

/// The token that fills a forward up: any, since every model knows it.
pub(super) const FILLING: u32 = 0;
/// The slot of a token that is not kept.
pub(super) const NOWHERE: i32 = -1;

/// Sizes that launches need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Extent {
    /// Of all rows.
    pub tokens: usize,
    /// Rows of attention.
    pub rows: usize,
    /// Tokens of the longest of them.
    pub row_tokens_max: usize,
    /// Pages that all of them list.
    pub entries: usize,
}

/// One forward. Sequences that share pages are one row of attention, with a branch each.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// NONE where a vector stands.
    pub tokens: Vec<u32>,
    /// Where vectors stand, and they.
    pub vectors: Vec<(usize, &'a [f32])>,
    pub positions: Vec<i32>,
    pub slots: Vec<i32>,
    pub sights: Vec<Sight>,
    /// The first token of each row of attention, and the end.
    pub row_tokens: Vec<u32>,
    /// The first entry of each, and the end.
    pub row_entries: Vec<u32>,
    pub entries: Vec<Entry>,
    /// The first token of each row of the forward.
    pub firsts: Vec<usize>,
    row_tokens_max: usize,
}

impl<'a> Plan<'a> {
    /// Takes room for every row's inputs.
    pub(super) fn new(pool: &Arc<Pool>, rows: &mut [Row<'a>]) -> Result<Self, KernelError> {
        let slots = rows.iter_mut().map(|row| row.sequence.extend(pool, row.inputs.len()));
        let slots = slots.collect::<Result<Vec<_>, _>>()?;
        let mut plan = Self {
            row_tokens: vec![0],
            row_entries: vec![0],
            firsts: vec![0; rows.len()],
            ..Self::default()
        };
        for group in groups(rows) {
            plan.add(rows, &slots, &group);
        }
        Ok(plan)
    }

    pub(super) fn extent(&self) -> Extent {
        Extent {
            tokens: self.tokens.len(),
            rows: self.row_tokens.len() - 1,
            row_tokens_max: self.row_tokens_max,
            entries: self.entries.len(),
        }
    }

    /// Fills it up to an extent. Each token more has a row of its own, which lists no page.
    pub(super) fn fill(&mut self, extent: &Extent) {
        let entries = self.entries.len() as u32;
        while self.tokens.len() < extent.tokens {
            self.tokens.push(FILLING);
            self.positions.push(0);
            self.slots.push(NOWHERE);
            self.sights.push(Sight { limit: 0, branch: 0 });
            self.row_tokens.push(self.tokens.len() as u32);
            self.row_entries.push(entries);
        }
        while self.row_tokens.len() <= extent.rows {
            self.row_tokens.push(self.tokens.len() as u32);
            self.row_entries.push(entries);
        }
    }

    /// One row of attention.
    fn add(&mut self, rows: &[Row<'a>], slots: &[Vec<i32>], group: &[usize]) {
        let lists: Vec<Vec<Entry>> =
            group.iter().map(|row| rows[*row].sequence.entries().collect()).collect();
        let shared = shared(&lists);
        let begin = self.tokens.len();
        if let Some(list) = lists.first() {
            self.entries.extend_from_slice(&list[..shared]);
        }
        for (index, (row, list)) in group.iter().zip(&lists).enumerate() {
            // Alone, it needs no branch.
            let branch = if group.len() == 1 { 0 } else { index as i32 + 1 };
            self.entries.extend(list[shared..].iter().map(|entry| Entry { branch, ..*entry }));
            self.firsts[*row] = self.tokens.len();
            let (row, slots) = (&rows[*row], &slots[*row]);
            let past = row.sequence.len() - row.inputs.len();
            for (at, (input, slot)) in row.inputs.iter().zip(slots).enumerate() {
                let position = (past + at) as i32;
                self.tokens.push(match *input {
                    Input::Token(token) => token,
                    Input::Vector(vector) => {
                        self.vectors.push((self.tokens.len(), vector));
                        NONE
                    }
                });
                self.positions.push(position);
                self.slots.push(*slot);
                self.sights.push(Sight { limit: position + 1, branch });
            }
        }
        self.row_tokens_max = self.row_tokens_max.max(self.tokens.len() - begin);
        self.row_tokens.push(self.tokens.len() as u32);
        self.row_entries.push(self.entries.len() as u32);
    }
}

/// Rows that begin with the same page, seen to the same length.
fn groups(rows: &[Row<'_>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<(i32, i32), usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let Some(first) = row.sequence.entries().next() else { continue };
        let group = *known.entry((first.page, first.count)).or_insert(groups.len());
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(index);
    }
    groups
}

/// How many entries all lists begin with. What a row writes now, no other sees to the same length.
fn shared(lists: &[Vec<Entry>]) -> usize {
    let Some((first, others)) = lists.split_first() else { return 0 };
    let same = |list: &Vec<Entry>| first.iter().zip(list).take_while(|(a, b)| a == b).count();
    others.iter().map(same).min().unwrap_or(first.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Answer, Sequence};

    fn read(pool: &Arc<Pool>, sequence: &mut Sequence, inputs: &[Input<'_>]) {
        let answer = Answer::Nothing;
        Plan::new(pool, &mut [Row { sequence, inputs, answer }]).expect("pages");
    }

    #[test]
    fn branches_of_a_prefix_are_one_row_and_see_it_and_themselves() {
        let pool = Pool::new(16, 4);
        let inputs = [Input::Token(7); 6];
        let mut one = Sequence::new();
        read(&pool, &mut one, &inputs);
        let (mut two, mut alone) = (one.clone(), Sequence::new());
        let vector = [0.5; 3];
        let soft = [Input::Vector(&vector)];
        let answer = Answer::Nothing;
        let mut rows = [
            Row { sequence: &mut one, inputs: &inputs[..3], answer },
            Row { sequence: &mut alone, inputs: &soft, answer },
            Row { sequence: &mut two, inputs: &inputs[..1], answer },
        ];
        let plan = Plan::new(&pool, &mut rows).expect("pages");
        assert_eq!(plan.row_tokens, [0, 4, 5]);
        assert_eq!(plan.firsts, [0, 4, 3]);
        assert_eq!(plan.tokens, [7, 7, 7, 7, NONE]);
        assert_eq!(plan.vectors, [(4, &vector[..])]);
        assert_eq!(plan.positions, [6, 7, 8, 6, 0]);
        let entry = |page, count, start, branch| Entry { page, count, start, branch };
        let entries = [
            entry(0, 4, 0, 0),
            // The first goes on in the page that both hold, the second sees its old part alone.
            entry(1, 4, 4, 1),
            entry(2, 1, 8, 1),
            entry(1, 2, 4, 2),
            entry(4, 1, 6, 2),
            entry(3, 1, 0, 0),
        ];
        assert_eq!(plan.entries, entries);
        assert_eq!(plan.row_entries, [0, 5, 6]);
        let sights: Vec<_> = plan.sights.iter().map(|sight| (sight.limit, sight.branch)).collect();
        assert_eq!(sights, [(7, 1), (8, 1), (9, 1), (7, 2), (1, 0)]);
        let extent = Extent { tokens: 5, rows: 2, row_tokens_max: 4, entries: 6 };
        assert_eq!(plan.extent(), extent);
    }

    #[test]
    fn what_fills_a_forward_up_sees_nothing_and_is_kept_nowhere() {
        let pool = Pool::new(4, 4);
        let mut sequence = Sequence::new();
        let (inputs, answer) = ([Input::Token(7); 3], Answer::Nothing);
        let mut rows = [Row { sequence: &mut sequence, inputs: &inputs, answer }];
        let mut plan = Plan::new(&pool, &mut rows).expect("pages");
        plan.fill(&Extent { tokens: 4, rows: 4, row_tokens_max: 4, entries: 1 });
        assert_eq!(plan.tokens, [7, 7, 7, FILLING]);
        assert_eq!(plan.slots, [0, 1, 2, NOWHERE]);
        assert_eq!(plan.positions, [0, 1, 2, 0]);
        assert_eq!(plan.sights[3], Sight { limit: 0, branch: 0 });
        // A row for what fills it up, and two that have no token.
        assert_eq!(plan.row_tokens, [0, 3, 4, 4, 4]);
        assert_eq!(plan.row_entries, [0, 1, 1, 1, 1]);
        assert_eq!((plan.entries.len(), plan.firsts.len()), (1, 1));
    }
}
