//! What rows asked for: states, logits, or the best of some tokens.

use super::Model;
use super::buffers::LOGIT_ROWS;
use super::plan::Plan;
use super::row::{Answer, Reply, Row};
use crate::NONE;
use crate::error::KernelError;
use crate::launch::{Embed, Gemv, HeadArgmax};
use crate::machine::Machine;

/// A state, and the tokens that it may choose from.
type Choice<'a> = (u32, &'a [u32]);

impl<M: Machine> Model<M> {
    pub(super) fn answers(
        &mut self,
        plan: &Plan<'_>,
        rows: &[Row<'_>],
    ) -> Result<Vec<Reply>, KernelError> {
        let (mut asked, mut choices, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for (row, first) in rows.iter().zip(&plan.firsts) {
            let end = first + row.inputs.len();
            match row.answer {
                Answer::Nothing => {}
                Answer::State => ends.push(end as u32 - 1),
                Answer::Logits { last } => asked.extend((end - last..end).map(|at| at as u32)),
                Answer::Best { candidates } => choices.push((end as u32 - 1, candidates)),
            }
        }
        let mut states = self.states(&ends)?.into_iter();
        let mut logits = self.logits(&asked)?.into_iter();
        let mut best = self.best(&choices)?.into_iter();
        let reply = |row: &Row<'_>| match row.answer {
            Answer::Nothing => Reply::Nothing,
            Answer::State => Reply::State(states.next().unwrap_or_default()),
            Answer::Logits { last } => Reply::Logits(logits.by_ref().take(last).collect()),
            Answer::Best { .. } => Reply::Best(best.next().flatten()),
        };
        let replies = rows.iter().map(reply).collect();
        // What was only read may have failed, too.
        if ends.is_empty() && asked.is_empty() && choices.is_empty() {
            self.machine.wait()?;
        }
        Ok(replies)
    }

    /// Normed states, `[asked][hidden]`.
    fn states(&mut self, asked: &[u32]) -> Result<Vec<Vec<f32>>, KernelError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        self.gather(asked)?;
        let Self { machine, shape, buffers, .. } = self;
        let found =
            buffers.states.first_floats(machine, shape.float, asked.len() * shape.hidden)?;
        Ok(found.chunks_exact(shape.hidden).map(<[f32]>::to_vec).collect())
    }

    /// Logits of states, `[asked][vocabulary]`.
    fn logits(&mut self, asked: &[u32]) -> Result<Vec<Vec<f32>>, KernelError> {
        let vocabulary = self.shape.vocabulary;
        let mut logits = Vec::with_capacity(asked.len());
        for chunk in asked.chunks(LOGIT_ROWS.min(self.settings.batch_tokens_max)) {
            self.gather(chunk)?;
            let Self { machine, shape, weights, buffers, has_library, .. } = self;
            let product = Gemv {
                float: shape.float,
                wide: true,
                rows: chunk.len(),
                width_in: shape.hidden,
                width_out: vocabulary,
                x: &buffers.states,
                weights: weights.head.as_ref().unwrap_or(&weights.embedding),
                out: &mut buffers.logits,
            };
            match *has_library {
                true => product.launch_with_library(machine)?,
                false => product.launch(machine)?,
            }
            let found = buffers.logits.first_f32s(machine, chunk.len() * vocabulary)?;
            logits.extend(found.chunks_exact(vocabulary).map(<[f32]>::to_vec));
        }
        Ok(logits)
    }

    /// The best of each state's candidates: the head is read where any of them is.
    fn best(&mut self, choices: &[Choice<'_>]) -> Result<Vec<Option<(u32, f32)>>, KernelError> {
        let mut all: Vec<u32> =
            choices.iter().flat_map(|(_, tokens)| tokens.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        if all.is_empty() {
            return Ok(vec![None; choices.len()]);
        }
        let states: Vec<u32> = choices.iter().map(|(state, _)| *state).collect();
        self.gather(&states)?;
        let allowed = allowed(choices, &all);
        let Self { machine, shape, weights, buffers, .. } = self;
        buffers.candidates.put(machine, &all)?;
        buffers.allowed.put(machine, &allowed)?;
        HeadArgmax {
            float: shape.float,
            rows: states.len(),
            width: shape.hidden,
            vocabulary: shape.vocabulary,
            candidate_count: all.len(),
            states: &buffers.states,
            head: weights.head.as_ref().unwrap_or(&weights.embedding),
            candidates: &buffers.candidates,
            allowed: Some(&buffers.allowed),
            keys: &mut buffers.keys,
            arrived: &mut buffers.arrived,
            tokens: &mut buffers.best,
            scores: &mut buffers.scores,
        }
        .launch(machine)?;
        let tokens = buffers.best.first_u32s(machine, states.len())?;
        let scores = buffers.scores.first_f32s(machine, states.len())?;
        let chosen = tokens.into_iter().zip(scores);
        Ok(chosen.map(|(token, score)| (token != NONE).then_some((token, score))).collect())
    }

    /// Puts normed states beside each other in `states`.
    pub(super) fn gather(&mut self, asked: &[u32]) -> Result<(), KernelError> {
        let Self { machine, shape, settings, buffers, .. } = self;
        buffers.asked.put(machine, asked)?;
        Embed {
            float: shape.float,
            rows: asked.len(),
            width: shape.hidden,
            vocabulary: settings.batch_tokens_max,
            table: &buffers.normed,
            tokens: &buffers.asked,
            out: &mut buffers.states,
        }
        .launch(machine)
    }
}

/// A bit for each candidate of each state.
fn allowed(choices: &[Choice<'_>], all: &[u32]) -> Vec<u32> {
    let words = all.len().div_ceil(32);
    let mut bits = vec![0u32; choices.len() * words];
    for (row, (_, tokens)) in choices.iter().enumerate() {
        for at in tokens.iter().filter_map(|token| all.binary_search(token).ok()) {
            bits[row * words + at / 32] |= 1 << (at % 32);
        }
    }
    bits
}
