//! AdamW with gradient clipping, a schedule, and moments that can be saved.

use std::collections::HashMap;
use std::path::Path;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use candle_nn::VarMap;

use crate::error::TrainingError;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.98;
const EPSILON: f64 = 1e-8;

/// Norm to which gradients are clipped.
const CLIP_NORM: f64 = 1.0;

/// Share of the steps in which the rate rises.
const WARM_UP: f64 = 0.04;

/// Share of the peak at which the rate ends.
const RATE_END: f64 = 0.03;

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

    /// Names of the variables that got no gradient.
    pub fn without_gradient(&self, gradients: &GradStore) -> Vec<String> {
        let missing =
            |(name, var): &&(String, Var)| gradients.get(var).is_none().then_some(name.clone());
        self.vars.iter().filter_map(|entry| missing(&entry)).collect()
    }

    /// One step; gives the norm of the gradients before clipping.
    pub fn step(&mut self, gradients: &GradStore) -> Result<f64, TrainingError> {
        let rate = self.current_rate();
        self.step += 1;
        let mut square = 0f64;
        for (_, var) in &self.vars {
            if let Some(gradient) = gradients.get(var) {
                square += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
            }
        }
        let norm = square.sqrt();
        let scale = (CLIP_NORM / norm.max(1e-12)).min(1.0);
        let (correct_1, correct_2) =
            (1.0 - BETA_1.powi(self.step as i32), 1.0 - BETA_2.powi(self.step as i32));
        for (index, (_, var)) in self.vars.iter().enumerate() {
            let Some(gradient) = gradients.get(var) else { continue };
            let gradient = (gradient.detach() * scale)?;
            self.first[index] = ((&self.first[index] * BETA_1)? + (&gradient * (1.0 - BETA_1))?)?;
            self.second[index] =
                ((&self.second[index] * BETA_2)? + (gradient.sqr()? * (1.0 - BETA_2))?)?;
            let mean = (&self.first[index] / correct_1)?;
            let spread = ((&self.second[index] / correct_2)?.sqrt()? + EPSILON)?;
            let decayed = (var.as_tensor().detach() * (1.0 - rate * self.decay))?;
            var.set(&(decayed - ((mean / spread)? * rate)?)?)?;
        }
        Ok(norm)
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
        // Written beside and moved over, so that a kill leaves the old checkpoint or the new one.
        let beside = path.with_extension("partial");
        candle_core::safetensors::save(&tensors, &beside)?;
        std::fs::rename(&beside, path).map_err(TrainingError::file(path))
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
