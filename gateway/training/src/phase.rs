//! One model's training: shards beside each other, a bar, a curve, checkpoints.

use std::path::Path;

use candle_core::{Device, Tensor};

use crate::checkpoint;
use crate::error::TrainingError;
use crate::optimizer::{self, AdamW, Gradients};
use crate::progress::Progress;
use crate::run::Run;
use crate::schedule::CHECKPOINT_STEPS;

/// Steps between points of a curve.
const POINT_STEPS: usize = 10;

/// Batches that are looked at before the first step for variables without a gradient: one may do
/// without in a batch that has, say, no lists, but not in all.
const PROBE_BATCHES_MAX: usize = 60;

/// One model's training.
pub(crate) struct Phase<'a> {
    pub(crate) run: &'a Run,
    /// Name of the model, and of its files in the run's folder.
    pub(crate) name: &'a str,
    pub(crate) steps: usize,
    pub(crate) checkpoint_steps: usize,
    /// Whether a variable without a gradient is refused before the first step.
    pub(crate) is_probed: bool,
}

impl<'a> Phase<'a> {
    /// With the usual distance of checkpoints.
    pub(crate) fn new(run: &'a Run, name: &'a str, steps: usize) -> Self {
        Self { run, name, steps, checkpoint_steps: CHECKPOINT_STEPS, is_probed: true }
    }

    /// With a checkpoint after so many steps each.
    pub(crate) fn saved(self, checkpoint_steps: usize) -> Self {
        Self { checkpoint_steps, ..self }
    }

    /// For runs of so few steps that some variable may not be needed by any row of them.
    pub(crate) fn unprobed(self) -> Self {
        Self { is_probed: false, ..self }
    }

    /// Trains. `loss` gives the loss of a step's shard, with what the shard keeps between steps.
    pub(crate) fn go<S: Send>(
        &self,
        optimizer: &mut AdamW,
        states: &mut [S],
        loss: impl Fn(usize, usize, &mut S) -> Result<Option<Tensor>, TrainingError> + Sync,
    ) -> Result<(), TrainingError> {
        let path = self.run.path(&format!("{}.checkpoint", self.name));
        let mut kept = None;
        if path.exists() {
            optimizer.load(&path, &Device::Cpu)?;
            kept = Some(optimizer.steps_done());
        }
        self.run.cut(self.name, optimizer.steps_done())?;
        let pools: Vec<_> = states.iter().map(|_| pool()).collect::<Result<_, _>>()?;
        if kept.is_none() && self.steps > 0 && self.is_probed {
            self.probe(optimizer, &pools, states, &loss)?;
        }
        let mut progress = Progress::new(self.name, self.steps, optimizer.steps_done());
        // The curve goes on without a leap.
        let mut smoothed = self.run.last_point(self.name);
        while optimizer.steps_done() < self.steps {
            let step = optimizer.steps_done();
            let found = sharded(optimizer, &pools, states, |shard, s| loss(step, shard, s))?;
            let Some((value, gradients)) = found else {
                return Err(TrainingError::EmptyStep(step));
            };
            if !value.is_finite() {
                return Err(self.diverged(step, "the loss", value.into(), kept));
            }
            let norm = optimizer.step(&gradients)?;
            if !norm.is_finite() {
                return Err(self.diverged(step, "the norm of the gradients", norm, kept));
            }
            let smooth = smoothed.map_or(value, |old| 0.98 * old + 0.02 * value);
            smoothed = Some(smooth);
            progress.reach(step + 1, &format!("loss {smooth:.3}"));
            if step.is_multiple_of(POINT_STEPS) {
                self.run.point(self.name, step, smooth)?;
            }
            let done = step + 1;
            if done.is_multiple_of(self.checkpoint_steps) || done == self.steps {
                self.save(optimizer, &path, kept)?;
                kept = Some(done);
            }
        }
        progress.finish();
        // Of a run that was over before, the picture may be missing.
        self.draw()
    }

    /// Writes the checkpoint of now, and draws the curve up to it.
    fn save(
        &self,
        optimizer: &AdamW,
        path: &Path,
        kept: Option<usize>,
    ) -> Result<(), TrainingError> {
        checkpoint::replace(path, |beside| optimizer.save(beside)).map_err(|error| {
            TrainingError::Checkpoint {
                path: path.display().to_string(),
                step: optimizer.steps_done(),
                mb: optimizer.bytes() / 1_000_000 + 1,
                reason: error.to_string(),
                kept,
            }
        })?;
        self.run.spend()?;
        self.draw()
    }

    fn draw(&self) -> Result<(), TrainingError> {
        match self.run.path(&format!("{}.csv", self.name)).exists() {
            true => self.run.draw(self.name),
            false => Ok(()),
        }
    }

    fn diverged(
        &self,
        step: usize,
        what: &'static str,
        value: f64,
        kept: Option<usize>,
    ) -> TrainingError {
        TrainingError::Diverged { model: self.name.to_owned(), step, what, value, kept }
    }

    /// Refuses a variable that gets no gradient from any of many batches, before the first step.
    fn probe<S: Send>(
        &self,
        optimizer: &AdamW,
        pools: &[rayon::ThreadPool],
        states: &mut [S],
        loss: &(impl Fn(usize, usize, &mut S) -> Result<Option<Tensor>, TrainingError> + Sync),
    ) -> Result<(), TrainingError> {
        let mut missing: Option<Vec<String>> = None;
        for step in 0..PROBE_BATCHES_MAX {
            let found = sharded(optimizer, pools, states, |shard, s| loss(step, shard, s))?;
            // Training itself says what is wrong with a batch without rows.
            let Some((_, gradients)) = found else { return Ok(()) };
            let now = optimizer.without_gradient(&gradients);
            let before = missing.take().unwrap_or_else(|| now.clone());
            let still: Vec<String> = before.into_iter().filter(|name| now.contains(name)).collect();
            if still.is_empty() {
                return Ok(());
            }
            missing = Some(still);
        }
        match missing.and_then(|names| names.into_iter().next()) {
            None => Ok(()),
            Some(name) => Err(TrainingError::NoGradient {
                name,
                model: self.name.to_owned(),
                batches: PROBE_BATCHES_MAX,
            }),
        }
    }
}

/// The mean loss of a step's shards and of their gradients; `None` when no shard had a row.
///
/// A shard is a thread with a pool of its own: whatever it calls stays on its core, so that shards
/// never wait for each other but here.
fn sharded<S: Send>(
    optimizer: &AdamW,
    pools: &[rayon::ThreadPool],
    states: &mut [S],
    loss: impl Fn(usize, &mut S) -> Result<Option<Tensor>, TrainingError> + Sync,
) -> Result<Option<(f32, Gradients)>, TrainingError> {
    type Found = Result<Option<(f32, Gradients)>, TrainingError>;
    let one = |shard: usize, state: &mut S| -> Found {
        let Some(loss) = loss(shard, state)? else { return Ok(None) };
        Ok(Some((loss.to_scalar::<f32>()?, optimizer.gradients(&loss)?)))
    };
    let found: Vec<Found> = std::thread::scope(|scope| {
        let threads: Vec<_> = pools
            .iter()
            .zip(states)
            .enumerate()
            .map(|(shard, (pool, state))| {
                let one = &one;
                scope.spawn(move || pool.install(|| one(shard, state)))
            })
            .collect();
        let joined = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|found| found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let (mut sum, mut gradients) = (0.0, Vec::new());
    for shard in found {
        if let Some((loss, of)) = shard? {
            sum += loss;
            gradients.push(of);
        }
    }
    let count = gradients.len() as f32;
    Ok(if gradients.is_empty() { None } else { Some((sum / count, optimizer::mean(gradients)?)) })
}

/// A pool of one thread.
fn pool() -> Result<rayon::ThreadPool, TrainingError> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(TrainingError::Pool)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Var};
    use candle_nn::VarMap;

    use super::*;
    use crate::run::Settings;

    /// Two variables, and an optimizer for `steps`.
    struct Scene {
        map: VarMap,
        used: Var,
    }

    impl Scene {
        fn new(with_unused: bool) -> Self {
            let map = VarMap::new();
            let used =
                Var::from_tensor(&Tensor::new(&[1f32, -2.0], &Device::Cpu).unwrap()).unwrap();
            let mut data = map.data().lock().unwrap();
            data.insert("used".into(), used.clone());
            if with_unused {
                let unused = Var::zeros(2, DType::F32, &Device::Cpu).unwrap();
                data.insert("head.unused".into(), unused);
            }
            drop(data);
            Self { map, used }
        }

        /// `v² · factor(step)`, summed.
        fn train(
            &self,
            folder: &Path,
            steps: usize,
            factor: impl Fn(usize) -> f64 + Sync,
        ) -> Result<(), TrainingError> {
            let run = Run::open(folder, &Settings::default(), true)?;
            let mut optimizer = AdamW::new(&self.map, 0.1, 0.0, 8)?;
            let phase = Phase { checkpoint_steps: 2, ..Phase::new(&run, "large", steps) };
            phase.go(&mut optimizer, &mut [(), ()], |step, _, ()| {
                Ok(Some((self.used.as_tensor().sqr()?.sum_all()? * factor(step))?))
            })
        }

        fn values(&self) -> Vec<f32> {
            self.used.as_tensor().to_vec1().unwrap()
        }
    }

    #[test]
    fn a_variable_without_gradient_is_refused_before_the_first_step() {
        let folder = tempfile::tempdir().unwrap();
        let scene = Scene::new(true);
        let error = scene.train(folder.path(), 4, |_| 1.0).unwrap_err().to_string();
        assert!(error.contains("`head.unused` of the large model"), "{error}");
        assert_eq!(scene.values(), [1.0, -2.0], "nothing was trained");
        assert!(!folder.path().join("large.checkpoint").exists());
        assert!(!folder.path().join("large.csv").exists());
    }

    #[test]
    fn a_loss_that_is_no_number_stops_and_the_last_checkpoint_goes_on() {
        for bad in [f64::NAN, f64::INFINITY, 1e38] {
            let folder = tempfile::tempdir().unwrap();
            let scene = Scene::new(false);
            let factor = |step| if step == 5 { bad } else { 1.0 };
            let error = scene.train(folder.path(), 8, factor).unwrap_err().to_string();
            assert!(error.contains("at step 5") && error.contains("of step 4"), "{error}");
            assert!(error.contains("--resume") && error.contains("--rate"), "{error}");
            assert!(folder.path().join("large.svg").is_file(), "drawn at every checkpoint");
            let resumed = Scene::new(false);
            resumed.train(folder.path(), 8, |_| 1.0).unwrap();
            let unbroken = Scene::new(false);
            let other = tempfile::tempdir().unwrap();
            unbroken.train(other.path(), 8, |_| 1.0).unwrap();
            assert_eq!(resumed.values(), unbroken.values());
            let curve = |folder: &Path| std::fs::read_to_string(folder.join("large.csv")).unwrap();
            assert_eq!(curve(folder.path()), curve(other.path()), "no point stands twice");
        }
    }

    #[test]
    fn before_the_first_checkpoint_the_run_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            Scene::new(false).train(folder.path(), 8, |_| f64::NAN).unwrap_err().to_string();
        assert!(error.contains("at step 0") && error.contains("begins anew"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_fills_in_mid_checkpoint_leaves_the_last_good_one() {
        let folder = tempfile::tempdir().unwrap();
        let beside = folder.path().join("large.checkpoint.partial");
        let scene = Scene::new(false);
        let error = scene.train(folder.path(), 8, |step| {
            // The second checkpoint is written to a device that is always full.
            if step == 3 && !beside.is_symlink() {
                let _ = std::os::unix::fs::symlink("/dev/full", &beside);
            }
            1.0
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the checkpoint of step 4"), "{error}");
        assert!(error.contains("of step 2") && error.contains("Make room"), "{error}");
        let resumed = Scene::new(false);
        resumed.train(folder.path(), 8, |_| 1.0).unwrap();
        let unbroken = Scene::new(false);
        unbroken.train(tempfile::tempdir().unwrap().path(), 8, |_| 1.0).unwrap();
        assert_eq!(resumed.values(), unbroken.values());
    }
}
