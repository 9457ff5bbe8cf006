//! Both models, the way from the one to the other, and the library, on one machine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_kernels::model::{Answer, Input, Model, Reply, Row, Sequence, Settings, Steps};
use hyfunc_kernels::{Element, KernelError, Machine, Probe, Retrieve, SoftProject, Tensor};

use super::Shapes;
use super::weights::{Noise, weights};
use crate::error::DeviceError;

/// Parts that attention may cut pages into where few rows ask.
const SPLITS_MAX: usize = 8;

/// What one row of the small model reads, and what it chooses from.
pub(super) struct Asked<'a> {
    pub sequence: &'a mut Sequence,
    pub tokens: &'a [u32],
    /// Behind the tokens.
    pub soft: Option<&'a [f32]>,
    pub candidates: &'a [u32],
}

/// What a machine holds.
pub(super) struct Cascade<M: Probe> {
    pub shapes: Shapes,
    machine: Arc<M>,
    large: Model<Arc<M>>,
    small: Model<Arc<M>>,
    /// `[index_width, hidden of the large]`.
    to_index: Tensor<Arc<M>>,
    /// `[hidden of the small, hidden of the large]`.
    to_small: Tensor<Arc<M>>,
    /// `[1]`: where the soft token goes.
    target: Tensor<Arc<M>>,
    /// `[hidden of the small]`.
    soft: Tensor<Arc<M>>,
    noise: Noise,
}

/// A library, as it is searched.
pub(super) struct Index<M: Probe> {
    pub functions: usize,
    rows: Tensor<Arc<M>>,
    projected: Tensor<Arc<M>>,
    best: Tensor<Arc<M>>,
    ids: Tensor<Arc<M>>,
    scores: Tensor<Arc<M>>,
}

impl<M: Probe> Cascade<M> {
    /// Makes the weights, and room for so many requests at once.
    pub fn new(machine: Arc<M>, shapes: Shapes, requests: usize) -> Result<Self, KernelError> {
        let mut noise = Noise::new(shapes.large.float);
        let settings = |pages| Settings {
            pages,
            page_tokens: shapes.page_tokens,
            batch_tokens_max: shapes.batch_tokens_max,
            splits_max: SPLITS_MAX,
        };
        let large = weights(&machine, &shapes.large, false, &mut noise)?;
        let pages = settings(shapes.pages_large());
        let large = Model::new(Arc::clone(&machine), shapes.large.clone(), pages, large)?;
        // Qwen3 norms the heads of queries and keys.
        let small = weights(&machine, &shapes.small, true, &mut noise)?;
        let pages = settings(shapes.pages_small(requests));
        let small = Model::new(Arc::clone(&machine), shapes.small.clone(), pages, small)?;
        let (from, to) = (shapes.large.hidden, shapes.small.hidden);
        Ok(Self {
            to_index: noise.tensor(&machine, shapes.index_width * from)?,
            to_small: noise.tensor(&machine, to * from)?,
            target: Tensor::from_i32(&machine, &[0])?,
            soft: Tensor::zeros(&machine, shapes.small.float.element(), to)?,
            shapes,
            machine,
            large,
            small,
            noise,
        })
    }

    /// Pages of the large model and of the small one.
    pub fn pages(&self) -> [usize; 2] {
        [self.large.settings().pages, self.small.settings().pages]
    }

    /// A library of so many functions.
    pub fn index(&mut self, functions: usize) -> Result<Index<M>, KernelError> {
        let (machine, width) = (&self.machine, self.shapes.index_width);
        let blocks = Retrieve::blocks(machine, functions);
        let k = self.shapes.candidates;
        Ok(Index {
            functions,
            rows: self.noise.index(machine, functions, width)?,
            projected: Tensor::zeros(machine, Element::F32, width)?,
            best: Tensor::zeros(machine, Element::U64, blocks * k)?,
            ids: Tensor::zeros(machine, Element::U32, k)?,
            scores: Tensor::zeros(machine, Element::F32, k)?,
        })
    }

    /// Lets the large model read texts, each behind its sequence; gives the last state of each.
    pub fn distil(
        &mut self,
        texts: &mut [(Sequence, Vec<u32>)],
    ) -> Result<Vec<Vec<f32>>, DeviceError> {
        let inputs: Vec<Vec<Input<'_>>> = texts
            .iter()
            .map(|(_, tokens)| tokens.iter().map(|token| Input::Token(*token)).collect())
            .collect();
        let rows = texts.iter_mut().zip(&inputs);
        let rows =
            rows.map(|((sequence, _), inputs)| Row { sequence, inputs, answer: Answer::State });
        let replies = self.large.forward(&mut rows.collect::<Vec<_>>())?;
        let states = replies.into_iter().map(|reply| match reply {
            Reply::State(state) => Ok(state),
            Reply::Nothing | Reply::Logits(_) | Reply::Best(_) => Err(DeviceError::Broken),
        });
        states.collect()
    }

    /// Functions nearest to a state.
    pub fn retrieve(&self, state: &[f32], index: &mut Index<M>) -> Result<Vec<u32>, KernelError> {
        let float = self.shapes.large.float;
        Retrieve {
            float,
            width_in: self.shapes.large.hidden,
            width: self.shapes.index_width,
            count: index.functions,
            k: self.shapes.candidates,
            state: &Tensor::from_floats(&self.machine, float, state)?,
            projection: &self.to_index,
            index: &index.rows,
            projected: &mut index.projected,
            best: &mut index.best,
            ids: &mut index.ids,
            scores: &mut index.scores,
        }
        .launch(&self.machine)?;
        index.ids.u32s(&self.machine)
    }

    /// A state of the large model as an input of the small one.
    pub fn soft_token(&mut self, state: &[f32]) -> Result<Vec<f32>, KernelError> {
        let float = self.shapes.small.float;
        SoftProject {
            float,
            rows: 1,
            width_in: self.shapes.large.hidden,
            width_out: self.shapes.small.hidden,
            out_rows: 1,
            epsilon: self.shapes.small.epsilon,
            silu: false,
            states: &Tensor::from_floats(&self.machine, float, state)?,
            norm: None,
            projection: &self.to_small,
            targets: &self.target,
            out: &mut self.soft,
        }
        .launch(&self.machine)?;
        self.soft.floats(&self.machine)
    }

    /// Lets the small model read rows, and choose a token for each.
    pub fn choose(&mut self, asked: &mut [Asked<'_>]) -> Result<Vec<u32>, DeviceError> {
        let inputs: Vec<Vec<Input<'_>>> = asked
            .iter()
            .map(|one| {
                let tokens = one.tokens.iter().map(|token| Input::Token(*token));
                tokens.chain(one.soft.map(Input::Vector)).collect()
            })
            .collect();
        let rows = asked.iter_mut().zip(&inputs).map(|(one, inputs)| Row {
            sequence: &mut *one.sequence,
            inputs,
            answer: Answer::Best { candidates: one.candidates },
        });
        let replies = self.small.forward(&mut rows.collect::<Vec<_>>())?;
        let tokens = replies.into_iter().map(|reply| match reply {
            Reply::Best(Some((token, _))) => Ok(token),
            Reply::Best(None) => Err(DeviceError::NoNumber),
            Reply::Nothing | Reply::State(_) | Reply::Logits(_) => Err(DeviceError::Broken),
        });
        tokens.collect()
    }

    /// Decodes values of so many tokens behind each sequence without the host; what they are is
    /// forgotten.
    pub fn step(
        &mut self,
        sequences: &mut [Sequence],
        tokens: usize,
        candidates: &[u32],
    ) -> Result<(), DeviceError> {
        let before: Vec<usize> = sequences.iter().map(Sequence::len).collect();
        let rows = sequences.iter_mut();
        let rows =
            rows.map(|sequence| Steps { sequence, token: 0, stops: &[], tokens_max: tokens });
        let stepped = self.small.step(&mut rows.collect::<Vec<_>>(), candidates)?;
        for (sequence, tokens) in sequences.iter_mut().zip(before) {
            sequence.truncate(tokens);
        }
        // Nothing ends a value but its length.
        let whole = stepped.iter().all(|one| one.tokens.len() == tokens);
        if whole { Ok(()) } else { Err(DeviceError::NoNumber) }
    }

    /// Lets the large model read a text of any length, and remember it.
    pub fn read_large(&mut self, tokens: &[u32]) -> Result<(Sequence, Duration), KernelError> {
        read(&mut self.large, tokens)
    }

    /// The small one likewise.
    pub fn read_small(&mut self, tokens: &[u32]) -> Result<(Sequence, Duration), KernelError> {
        read(&mut self.small, tokens)
    }
}

/// As many forwards as it takes.
fn read<M: Machine>(
    model: &mut Model<M>,
    tokens: &[u32],
) -> Result<(Sequence, Duration), KernelError> {
    let (began, mut sequence) = (Instant::now(), Sequence::new());
    let together = model.settings().batch_tokens_max;
    for chunk in tokens.chunks(together) {
        let inputs: Vec<Input<'_>> = chunk.iter().map(|token| Input::Token(*token)).collect();
        let row = Row { sequence: &mut sequence, inputs: &inputs, answer: Answer::Nothing };
        model.forward(&mut [row])?;
    }
    Ok((sequence, began.elapsed()))
}
