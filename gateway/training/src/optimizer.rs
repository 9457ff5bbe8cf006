//! AdamW with gradient clipping, a schedule, and moments that can be saved.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{CpuStorage, Device, InplaceOp2, InplaceOp3, Layout, Tensor, Var};
use candle_nn::VarMap;

use crate::error::TrainingError;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.98;
const EPSILON: f32 = 1e-8;

/// Norm to which gradients are clipped.
const CLIP_NORM: f64 = 1.0;

/// Share of the steps in which the rate rises.
const WARM_UP: f64 = 0.04;

/// Share of the peak at which the rate ends.
const RATE_END: f64 = 0.03;

/// A gradient a variable.
pub type Gradients = Vec<Option<Tensor>>;

/// The mean of several losses' gradients; a loss without one counts as zero.
pub fn mean(shards: Vec<Gradients>) -> Result<Gradients, TrainingError> {
    let share = 1.0 / shards.len().max(1) as f64;
    let mut shards = shards.into_iter();
    let mut sum = shards.next().unwrap_or_default();
    for shard in shards {
        for (sum, gradient) in sum.iter_mut().zip(shard) {
            *sum = match (sum.take(), gradient) {
                (Some(one), Some(other)) => Some((one + other)?),
                (one, other) => one.or(other),
            };
        }
    }
    Ok(sum
        .into_iter()
        .map(|sum| sum.map(|sum| sum * share).transpose())
        .collect::<Result<_, _>>()?)
}

/// `m ← β·m + (1 - β)·(scale·g)^power`, in one pass over memory.
struct Moment {
    beta: f64,
    scale: f64,
    power: u8,
}

/// `x ← x - decay·x - rate·m / (√v + ε)`, moments corrected for their start at zero.
struct Update {
    rate: f32,
    decay: f32,
    correct: (f32, f32),
}

fn floats<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    let (CpuStorage::F32(data), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
        candle_core::bail!("the optimizer takes contiguous f32 tensors")
    };
    Ok(&data[from..to])
}

fn floats_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
) -> candle_core::Result<&'a mut [f32]> {
    let (CpuStorage::F32(data), Some((from, to))) = (storage, layout.contiguous_offsets()) else {
        candle_core::bail!("the optimizer takes contiguous f32 tensors")
    };
    Ok(&mut data[from..to])
}

impl InplaceOp2 for Moment {
    fn name(&self) -> &'static str {
        "moment"
    }

    fn cpu_fwd(
        &self,
        moment: &mut CpuStorage,
        moment_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let moment = floats_mut(moment, moment_layout)?;
        let (beta, scale) = (self.beta as f32, self.scale as f32);
        let squared = self.power == 2;
        for (moment, gradient) in moment.iter_mut().zip(floats(gradient, gradient_layout)?) {
            let gradient = scale * gradient;
            let given = if squared { gradient * gradient } else { gradient };
            *moment = beta * *moment + (1.0 - beta) * given;
        }
        Ok(())
    }
}

impl InplaceOp3 for Update {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        values: &mut CpuStorage,
        values_layout: &Layout,
        first: &CpuStorage,
        first_layout: &Layout,
        second: &CpuStorage,
        second_layout: &Layout,
    ) -> candle_core::Result<()> {
        let values = floats_mut(values, values_layout)?;
        let moments = floats(first, first_layout)?.iter().zip(floats(second, second_layout)?);
        for (value, (first, second)) in values.iter_mut().zip(moments) {
            let (mean, spread) = (first / self.correct.0, second / self.correct.1);
            *value -= self.decay * *value + self.rate * mean / (spread.sqrt() + EPSILON);
        }
        Ok(())
    }
}

/// The optimizer of one model's variables.
pub struct AdamW {
    vars: Vec<(String, Var)>,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
    rate: f64,
    decay: f64,
    step: usize,
    steps: usize,
}

impl AdamW {
    /// Takes every variable of `map`; `rate` is the peak.
    pub fn new(map: &VarMap, rate: f64, decay: f64, steps: usize) -> Result<Self, TrainingError> {
        let data = map.data().lock().expect("no other thread holds this map");
        let mut vars: Vec<_> = data.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
        vars.sort_by(|one, other| one.0.cmp(&other.0));
        let zeros = || vars.iter().map(|(_, var)| var.zeros_like()).collect::<Result<Vec<_>, _>>();
        Ok(Self { first: zeros()?, second: zeros()?, vars, rate, decay, step: 0, steps })
    }

    /// Steps done.
    pub fn steps_done(&self) -> usize {
        self.step
    }

    /// Learning rate of the next step: a linear rise, then a cosine fall.
    pub fn current_rate(&self) -> f64 {
        let done = self.step as f64 / self.steps.max(1) as f64;
        if done < WARM_UP {
            return self.rate * (done / WARM_UP).max(0.01);
        }
        let fallen = ((done - WARM_UP) / (1.0 - WARM_UP)).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * fallen).cos());
        self.rate * (RATE_END + (1.0 - RATE_END) * cosine)
    }

    /// A loss's gradient of every variable, in the variables' order; `None` where it has none.
    pub fn gradients(&self, loss: &Tensor) -> Result<Gradients, TrainingError> {
        let found = loss.backward()?;
        Ok(self.vars.iter().map(|(_, var)| found.get(var).map(Tensor::detach)).collect())
    }

    /// Names of the variables that got no gradient.
    pub fn without_gradient(&self, gradients: &Gradients) -> Vec<String> {
        let missing = self.vars.iter().zip(gradients).filter(|(_, gradient)| gradient.is_none());
        missing.map(|((name, _), _)| name.clone()).collect()
    }

    /// One step; gives the norm of the gradients before clipping. A norm that is no number changes
    /// nothing: no step is done.
    pub fn step(&mut self, gradients: &Gradients) -> Result<f64, TrainingError> {
        let rate = self.current_rate();
        let mut square = 0f64;
        for gradient in gradients.iter().flatten() {
            square += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
        }
        let norm = square.sqrt();
        if !norm.is_finite() {
            return Ok(norm);
        }
        self.step += 1;
        let scale = (CLIP_NORM / norm.max(1e-12)).min(1.0);
        let correct = |beta: f64| (1.0 - beta.powi(self.step as i32)) as f32;
        let update = Update {
            rate: rate as f32,
            decay: (rate * self.decay) as f32,
            correct: (correct(BETA_1), correct(BETA_2)),
        };
        for (index, (_, var)) in self.vars.iter().enumerate() {
            let Some(gradient) = &gradients[index] else { continue };
            let gradient = gradient.contiguous()?;
            let (first, second) = (&self.first[index], &self.second[index]);
            first.inplace_op2(&gradient, &Moment { beta: BETA_1, scale, power: 1 })?;
            second.inplace_op2(&gradient, &Moment { beta: BETA_2, scale, power: 2 })?;
            var.inplace_op3(first, second, &update)?;
        }
        Ok(norm)
    }

    /// Bytes of what [`AdamW::save`] writes, its header apart.
    pub fn bytes(&self) -> usize {
        let numbers: usize = self.vars.iter().map(|(_, var)| var.elem_count()).sum();
        3 * numbers * size_of::<f32>()
    }

    /// Writes variables and moments.
    pub fn save(&self, path: &Path) -> Result<(), TrainingError> {
        let mut tensors = HashMap::new();
        for (index, (name, var)) in self.vars.iter().enumerate() {
            tensors.insert(format!("var.{name}"), var.as_tensor().clone());
            tensors.insert(format!("first.{name}"), self.first[index].clone());
            tensors.insert(format!("second.{name}"), self.second[index].clone());
        }
        tensors.insert("step".into(), Tensor::new(&[self.step as u32], &Device::Cpu)?);
        let bytes = safetensors::serialize(&tensors, None).map_err(candle_core::Error::from)?;
        std::fs::write(path, bytes).map_err(TrainingError::file(path))
    }

    /// Reads back what [`AdamW::save`] wrote.
    pub fn load(&mut self, path: &Path, device: &Device) -> Result<(), TrainingError> {
        let tensors = candle_core::safetensors::load(path, device)?;
        let get = |name: String| {
            tensors.get(&name).cloned().ok_or_else(|| TrainingError::OtherRun {
                path: path.display().to_string(),
                reason: format!("no `{name}`"),
            })
        };
        for (index, (name, var)) in self.vars.iter().enumerate() {
            var.set(&get(format!("var.{name}"))?)?;
            self.first[index] = get(format!("first.{name}"))?;
            self.second[index] = get(format!("second.{name}"))?;
        }
        self.step = get("step".into())?.to_vec1::<u32>()?[0] as usize;
        Ok(())
    }
}
