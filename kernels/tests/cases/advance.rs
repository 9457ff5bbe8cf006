//! From one step to the next.

use hyfunc_kernels::reference::{Branches, Entry, Sight};
use hyfunc_kernels::{Advance, Element, Machine, NONE, Tensor, reference};

use super::random::Random;

const STEPS: usize = 6;
const STOP: u32 = 77;

/// Branches with two pages each; the last one's second page is beyond the list.
fn branches(rows: usize) -> Branches {
    let mut entries: Vec<Entry> = (0..2 * rows as i32)
        .map(|at| Entry { page: 3 * at + 1, count: 0, start: 9, branch: at / 2 + 1 })
        .collect();
    entries.pop();
    Branches {
        stops: (0..rows).map(|row| vec![STOP, if row == 1 { 5 } else { NONE }]).collect(),
        lengths_max: (0..rows).map(|row| if row == 2 { 2 } else { 100 }).collect(),
        first_entry: (0..rows as u32).map(|row| 2 * row).collect(),
        done: (0..rows).map(|row| u32::from(row == 3)).collect(),
        lengths: (0..rows).map(|row| row as u32 % 2).collect(),
        tokens: vec![1; rows],
        positions: (0..rows as i32).collect(),
        slots: vec![0; rows],
        sights: (0..rows as i32).map(|row| Sight { limit: 9, branch: row + 1 }).collect(),
        entries,
        history: vec![vec![NONE; rows]; STEPS],
        live: 0,
    }
}

/// Step after step: everything is as the truth says, also past the end of the history.
pub fn advance<M: Machine>(machine: &M) {
    for (rows, page_tokens) in [(0, 4), (1, 1), (6, 3), (200, 2)] {
        // Without any row there is no page to drop.
        let mut truth = branches(rows);
        let mut device = Steps::new(machine, &truth);
        let mut random = Random(rows as u64);
        for step in 0..STEPS + 2 {
            let sampled: Vec<u32> = (0..rows)
                .map(|_| match random.below(12) {
                    0 => STOP,
                    1 => NONE,
                    _ => random.below(20) as u32,
                })
                .collect();
            device.advance(machine, &sampled, step, page_tokens);
            reference::advance(&mut truth, &sampled, step, page_tokens as u32);
            device.compare(machine, &truth, &format!("{rows} rows, step {step}"));
        }
    }
}

/// The same in a machine's memory.
struct Steps<M: Machine> {
    rows: usize,
    entry_count: usize,
    stops: Tensor<M>,
    lengths_max: Tensor<M>,
    first_entry: Tensor<M>,
    done: Tensor<M>,
    lengths: Tensor<M>,
    tokens: Tensor<M>,
    positions: Tensor<M>,
    slots: Tensor<M>,
    sights: Tensor<M>,
    entries: Tensor<M>,
    history: Tensor<M>,
    live: Tensor<M>,
}

fn flat_entries(entries: &[Entry]) -> Vec<i32> {
    entries.iter().flat_map(|e| [e.page, e.count, e.start, e.branch]).collect()
}

fn flat_sights(sights: &[Sight]) -> Vec<i32> {
    sights.iter().flat_map(|s| [s.limit, s.branch]).collect()
}

impl<M: Machine> Steps<M> {
    fn new(machine: &M, truth: &Branches) -> Self {
        let rows = truth.done.len();
        let u32s = |values: &[u32]| Tensor::from_u32(machine, values).unwrap();
        let i32s = |values: &[i32]| Tensor::from_i32(machine, values).unwrap();
        Self {
            rows,
            entry_count: truth.entries.len(),
            stops: u32s(&truth.stops.concat()),
            lengths_max: u32s(&truth.lengths_max),
            first_entry: u32s(&truth.first_entry),
            done: u32s(&truth.done),
            lengths: u32s(&truth.lengths),
            tokens: u32s(&truth.tokens),
            positions: i32s(&truth.positions),
            slots: i32s(&truth.slots),
            sights: i32s(&flat_sights(&truth.sights)),
            entries: i32s(&flat_entries(&truth.entries)),
            history: Tensor::poisoned(machine, Element::U32, STEPS * rows).unwrap(),
            live: Tensor::poisoned(machine, Element::U32, 1).unwrap(),
        }
    }

    fn advance(&mut self, machine: &M, sampled: &[u32], step: usize, page_tokens: usize) {
        Advance {
            rows: self.rows,
            stop_width: 2,
            entry_count: self.entry_count,
            page_tokens,
            step,
            steps: STEPS,
            sampled: &Tensor::from_u32(machine, sampled).unwrap(),
            stops: &self.stops,
            lengths_max: &self.lengths_max,
            first_entry: &self.first_entry,
            done: &mut self.done,
            lengths: &mut self.lengths,
            tokens: &mut self.tokens,
            token_positions: &mut self.positions,
            token_slots: &mut self.slots,
            sights: &mut self.sights,
            entries: &mut self.entries,
            history: &mut self.history,
            live: &mut self.live,
        }
        .launch(machine)
        .unwrap();
    }

    fn compare(&self, machine: &M, truth: &Branches, what: &str) {
        let u32s = |tensor: &Tensor<M>| tensor.u32s(machine).unwrap();
        let i32s = |tensor: &Tensor<M>| tensor.i32s(machine).unwrap();
        assert_eq!(u32s(&self.done), truth.done, "{what}: done");
        assert_eq!(u32s(&self.lengths), truth.lengths, "{what}: lengths");
        assert_eq!(u32s(&self.tokens), truth.tokens, "{what}: tokens");
        assert_eq!(i32s(&self.positions), truth.positions, "{what}: positions");
        assert_eq!(i32s(&self.slots), truth.slots, "{what}: slots");
        assert_eq!(i32s(&self.sights), flat_sights(&truth.sights), "{what}: sights");
        assert_eq!(i32s(&self.entries), flat_entries(&truth.entries), "{what}: entries");
        assert_eq!(u32s(&self.history), truth.history.concat(), "{what}: history");
        assert_eq!(u32s(&self.live), [truth.live], "{what}: live");
    }
}
