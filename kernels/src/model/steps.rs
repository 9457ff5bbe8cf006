//! Greedy decoding of several steps without the host: what was sampled is the next input.

use super::Model;
use super::pages::Sequence;
use super::plan::{Extent, FILLING, NOWHERE};
use crate::NONE;
use crate::error::KernelError;
use crate::launch::{Advance, HeadArgmax};
use crate::machine::Machine;
use crate::tensor::Tensor;

/// One sequence that goes on by itself.
#[derive(Debug)]
pub struct Steps<'a> {
    /// What was read before.
    pub sequence: &'a mut Sequence,
    /// The first input.
    pub token: u32,
    /// Tokens that end it; they are the last of the answer.
    pub stops: &'a [u32],
    /// Tokens of the answer at most, 1 or more.
    pub tokens_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Chosen one after another. All but the last were read.
    pub tokens: Vec<u32>,
}

/// Where rows stand, in a machine's memory.
struct Rows<M: Machine> {
    stops: Tensor<M>,
    stop_width: usize,
    lengths_max: Tensor<M>,
    first_entry: Tensor<M>,
    done: Tensor<M>,
    lengths: Tensor<M>,
    history: Tensor<M>,
    live: Tensor<M>,
    candidates: Tensor<M>,
}

impl<M: Machine> Model<M> {
    /// Decodes every row from its token on, each step with the best of `candidates`, without a word
    /// from the host between. After an error, all sequences are as before.
    ///
    /// # Errors
    /// More rows than a forward has tokens, a token that the model does not know, a row longer than
    /// the context, no free pages, or the machine fails.
    pub fn step(
        &mut self,
        rows: &mut [Steps<'_>],
        candidates: &[u32],
    ) -> Result<Vec<Stepped>, KernelError> {
        self.check_steps(rows)?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let firsts: Vec<usize> = rows.iter().map(|row| row.sequence.pages()).collect();
        let answer = self.stepped(rows, candidates);
        let page_tokens = self.settings.page_tokens;
        for (index, (row, first)) in rows.iter_mut().zip(firsts).enumerate() {
            // Every token of an answer was chosen behind one that was read.
            let read = answer.as_ref().map_or(0, |answer| answer[index].tokens.len());
            row.sequence.settle(first, read, page_tokens);
        }
        answer
    }

    fn check_steps(&self, rows: &[Steps<'_>]) -> Result<(), KernelError> {
        if rows.len() > self.settings.batch_tokens_max {
            let what = "the rows must fit one forward";
            return Err(KernelError::Limit { kernel: "model", what, value: rows.len() });
        }
        for (index, row) in rows.iter().enumerate() {
            let wrong = |what, value| Err(KernelError::Row { row: index, what, value });
            if row.token as usize >= self.shape.vocabulary {
                return wrong("a token must be one that the model knows", row.token as usize);
            }
            if row.tokens_max == 0 {
                return wrong("an answer must have room for a token", 0);
            }
            let tokens = row.sequence.len().saturating_add(row.tokens_max);
            if tokens > self.shape.context {
                return wrong("it must not be longer than the context", tokens);
            }
        }
        Ok(())
    }

    fn stepped(
        &mut self,
        rows: &mut [Steps<'_>],
        candidates: &[u32],
    ) -> Result<Vec<Stepped>, KernelError> {
        let steps = rows.iter().map(|row| row.tokens_max).max().unwrap_or(0);
        let count = rows.len();
        let extent = Extent { tokens: count, rows: count, row_tokens_max: 1, entries: 0 };
        let filled = self.recordings.filled(extent, self.settings.batch_tokens_max);
        let (mut state, entries) = self.place(rows, candidates, (steps, filled.rows))?;
        let (extent, filled) = (Extent { entries, ..extent }, Extent { entries, ..filled });
        let everyone: Vec<u32> = (0..rows.len()).map(|row| row as u32).collect();
        for step in 0..steps {
            self.run(filled)?;
            self.gather(&everyone)?;
            self.choose(rows.len(), candidates.len(), &state)?;
            self.advance(&extent, (step, steps), &mut state)?;
        }
        let history = state.history.u32s(&self.machine)?;
        let answer = |(index, row): (usize, &Steps<'_>)| {
            let mut tokens = Vec::new();
            for sampled in history.chunks_exact(rows.len()).take(row.tokens_max) {
                if sampled[index] == NONE {
                    break;
                }
                tokens.push(sampled[index]);
                if row.stops.contains(&sampled[index]) {
                    break;
                }
            }
            Stepped { tokens }
        };
        Ok(rows.iter().enumerate().map(answer).collect())
    }

    /// Takes pages for all steps, and puts the first of them where launches find it, filled up to so
    /// many rows.
    fn place(
        &mut self,
        rows: &mut [Steps<'_>],
        candidates: &[u32],
        (steps, rows_filled): (usize, usize),
    ) -> Result<(Rows<M>, usize), KernelError> {
        let page_tokens = self.settings.page_tokens;
        let (mut entries, mut row_entries, mut first_entry) = (Vec::new(), vec![0u32], Vec::new());
        let (mut positions, mut slots, mut sights) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.iter_mut() {
            let past = row.sequence.len();
            let held = row.sequence.entries();
            entries.extend(held.flat_map(|one| [one.page, one.count, one.start, one.branch]));
            first_entry.push((entries.len() / 4) as u32);
            for page in 0..row.tokens_max.div_ceil(page_tokens) {
                let id = row.sequence.reserve(&self.pool)?;
                if page == 0 {
                    slots.push(id as usize * page_tokens);
                }
                // The first token is there from the beginning.
                let start = (past + page * page_tokens) as i32;
                entries.extend([id, i32::from(page == 0), start, 0]);
            }
            row_entries.push((entries.len() / 4) as u32);
            positions.push(past as u32);
            sights.extend([past as u32 + 1, 0]);
        }
        let mut slots: Vec<u32> = slots.into_iter().map(|slot| slot as u32).collect();
        let mut tokens: Vec<u32> = rows.iter().map(|row| row.token).collect();
        tokens.resize(rows_filled, FILLING);
        slots.resize(rows_filled, NOWHERE.cast_unsigned());
        positions.resize(rows_filled, 0);
        sights.resize(2 * rows_filled, 0);
        row_entries.resize(rows_filled + 1, (entries.len() / 4) as u32);
        let unsigned: Vec<u32> = entries.iter().map(|x: &i32| x.cast_unsigned()).collect();
        let Self { machine, buffers, .. } = self;
        buffers.tokens.put(machine, &tokens)?;
        buffers.positions.put(machine, &positions)?;
        buffers.slots.put(machine, &slots)?;
        buffers.sights.put(machine, &sights)?;
        let ends: Vec<u32> = (0..=rows_filled).map(|row| row as u32).collect();
        buffers.row_tokens.put(machine, &ends)?;
        buffers.row_entries.put(machine, &row_entries)?;
        buffers.entries.put(machine, &unsigned)?;
        let state = Rows::new(machine, rows, (&first_entry, candidates), steps)?;
        Ok((state, entries.len() / 4))
    }

    fn choose(
        &mut self,
        rows: usize,
        candidate_count: usize,
        state: &Rows<M>,
    ) -> Result<(), KernelError> {
        let Self { machine, shape, weights, buffers, .. } = self;
        HeadArgmax {
            float: shape.float,
            rows,
            width: shape.hidden,
            vocabulary: shape.vocabulary,
            candidate_count,
            states: &buffers.states,
            head: weights.head.as_ref().unwrap_or(&weights.embedding),
            candidates: &state.candidates,
            allowed: None,
            keys: &mut buffers.keys,
            arrived: &mut buffers.arrived,
            tokens: &mut buffers.best,
            scores: &mut buffers.scores,
        }
        .launch(machine)
    }

    fn advance(
        &mut self,
        extent: &Extent,
        (step, steps): (usize, usize),
        state: &mut Rows<M>,
    ) -> Result<(), KernelError> {
        let Self { machine, settings, buffers, .. } = self;
        Advance {
            rows: extent.rows,
            stop_width: state.stop_width,
            entry_count: extent.entries,
            page_tokens: settings.page_tokens,
            step,
            steps,
            sampled: &buffers.best,
            stops: &state.stops,
            lengths_max: &state.lengths_max,
            first_entry: &state.first_entry,
            done: &mut state.done,
            lengths: &mut state.lengths,
            tokens: &mut buffers.tokens,
            token_positions: &mut buffers.positions,
            token_slots: &mut buffers.slots,
            sights: &mut buffers.sights,
            entries: &mut buffers.entries,
            history: &mut state.history,
            live: &mut state.live,
        }
        .launch(machine)
    }
}

impl<M: Machine> Rows<M> {
    fn new(
        machine: &M,
        rows: &[Steps<'_>],
        (first_entry, candidates): (&[u32], &[u32]),
        steps: usize,
    ) -> Result<Self, KernelError> {
        let numbers = |numbers: &[u32]| Tensor::from_u32(machine, numbers);
        let stop_width = rows.iter().map(|row| row.stops.len()).max().unwrap_or(0);
        let filled = |row: &Steps<'_>| {
            let stops = row.stops.iter().copied().chain(std::iter::repeat(NONE));
            stops.take(stop_width).collect::<Vec<u32>>()
        };
        let stops: Vec<u32> = rows.iter().flat_map(filled).collect();
        // Lengths beyond 32 bits are beyond any context.
        let lengths_max: Vec<u32> = rows.iter().map(|row| row.tokens_max as u32).collect();
        Ok(Self {
            stops: numbers(&stops)?,
            stop_width,
            lengths_max: numbers(&lengths_max)?,
            first_entry: numbers(first_entry)?,
            done: numbers(&vec![0; rows.len()])?,
            // The first token has its slot.
            lengths: numbers(&vec![1; rows.len()])?,
            history: numbers(&vec![NONE; steps * rows.len()])?,
            live: numbers(&[0])?,
            candidates: numbers(candidates)?,
        })
    }
}
