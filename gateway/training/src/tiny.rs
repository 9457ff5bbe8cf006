//! `hyfunc train tiny`: tokenizer, large model, small model, calibration, model card.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use hyfunc_cascade::config::TinyConfig;
use hyfunc_cascade::model::{Large, Small};
use hyfunc_cascade::shipped;
use hyfunc_cascade::text::Tokenizer;
use hyfunc_functions::Function;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::calibrate;
use crate::card;
use crate::data::{self, Row};
use crate::error::TrainingError;
use crate::mix::Mix;
use crate::optimizer::{self, AdamW, Gradients};
use crate::phrases::Phrases;
use crate::run::{self, Run, Settings};
use crate::small::Teacher;
use crate::{large, small, vocabulary};

/// Rows of one shard of a step.
const BATCH_LARGE: usize = 40;
const BATCH_SMALL: usize = 20;

/// Peak learning rates.
const RATE_LARGE: f64 = 1.5e-3;
const RATE_SMALL: f64 = 1.5e-3;

/// Weight decay of both.
const DECAY: f64 = 0.02;

/// Steps between checkpoints.
const CHECKPOINT_STEPS: usize = 200;

/// Steps between points of a curve.
const POINT_STEPS: usize = 10;

/// Rows from which the tokenizer learns, beside imported ones.
const VOCABULARY_ROWS: usize = 20_000;

/// One imported row in so many is held out.
const HELD_OUT_EVERY: u64 = 40;

/// What `hyfunc train tiny` is told.
#[derive(Clone, Debug)]
pub struct TinyOptions {
    /// The library whose functions are called by name: usually the bundled one.
    pub library: Vec<Arc<Function>>,
    /// Files of rows to train on, JSON lines, possibly gzipped.
    pub rows: Vec<PathBuf>,
    /// Files of functions to synthesize requests for.
    pub catalogues: Vec<PathBuf>,
    /// Folder of the run; the models are written to `models` in it.
    pub out: PathBuf,
    /// Steps of the large model.
    pub steps_large: usize,
    /// Steps of the small model.
    pub steps_small: usize,
    /// Parts of a step that run beside each other, a core each.
    pub shards: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Continue a run that was stopped.
    pub resume: bool,
    /// Folder of models whose tokenizer and weights the run begins with.
    pub from: Option<PathBuf>,
}

/// What a training run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Folder with the four files of the models.
    pub models: PathBuf,
    /// Wall time of all its stretches, in seconds; what a kill threw away does not count.
    pub seconds: f64,
    /// What calibration found on held-out rows.
    pub calibration: calibrate::Calibration,
    /// Rows that could not be used, by reason.
    pub refused: BTreeMap<String, usize>,
}

/// Trains everything.
pub fn train(options: &TinyOptions) -> Result<Report, TrainingError> {
    let settings = settings(options)?;
    let run = Run::open(&options.out, &settings, options.resume)?;
    let (mix, held_out, refused) = sources(options)?;

    let tokenizer_json = match &options.from {
        Some(from) => {
            let path = from.join("tokenizer.json");
            std::fs::read(&path).map_err(TrainingError::file(&path))?
        }
        None => tokenizer(&run, &mix, options.seed)?,
    };
    let tokenizer =
        Tokenizer::from_bytes(&tokenizer_json).map_err(hyfunc_cascade::CascadeError::from)?;
    let mut config = TinyConfig::shapes(tokenizer.vocab_size());
    let device = Device::Cpu;

    let large_map = VarMap::new();
    let large = Large::new(&config, &VarBuilder::from_varmap(&large_map, DType::F32, &device))?;
    seed(&large_map, options.seed)?;
    begin(&large_map, options.from.as_deref(), "large.safetensors")?;
    train_large(&run, options, &mix, &tokenizer, &large, &large_map)?;

    let small_map = VarMap::new();
    let small = Small::new(&config, &VarBuilder::from_varmap(&small_map, DType::F32, &device))?;
    seed(&small_map, options.seed + 1)?;
    begin(&small_map, options.from.as_deref(), "small.safetensors")?;
    train_small(&run, options, &mix, &tokenizer, &large, (&small, &small_map))?;

    let models = options.out.join("models");
    std::fs::create_dir_all(&models).map_err(TrainingError::file(&models))?;
    write_half(&large_map, &models.join("large.safetensors"))?;
    write_half(&small_map, &models.join("small.safetensors"))?;
    write(&models.join("tokenizer.json"), &tokenizer_json)?;
    config.large_sha256 = run::file_hash(&models.join("large.safetensors"))?;
    config.small_sha256 = run::file_hash(&models.join("small.safetensors"))?;
    write(&models.join("cascade.json"), &serde_json::to_vec_pretty(&config)?)?;

    // Calibrated on what was written, not on what is in memory: f16 is what serves.
    let mut tiny = shipped::load_dir(&models, &device)?;
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0xca11);
    let calibration = calibrate::calibrate(&mut tiny, &mix, &held_out, &mut rng)?;
    config.call_threshold = calibration.call_threshold;
    config.more_threshold = calibration.more_threshold;
    config.again_threshold = calibration.again_threshold;
    config.retrieval_threshold = calibration.retrieval_threshold;
    config.cosine_weight = calibration.cosine_weight;
    write(&models.join("cascade.json"), &serde_json::to_vec_pretty(&config)?)?;
    let seconds = run.spend()?;
    let card = card::write(&config, &settings, &calibration, seconds);
    write(&models.join("README.md"), card.as_bytes())?;
    let refused = refused.into_iter().map(|(reason, ids)| (reason, ids.len())).collect();
    Ok(Report { models, seconds, calibration, refused })
}

fn settings(options: &TinyOptions) -> Result<Settings, TrainingError> {
    let mut data = BTreeMap::new();
    for path in options.rows.iter().chain(&options.catalogues) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        data.insert(name, run::file_hash(path)?);
    }
    let mut from = Vec::new();
    for folder in options.from.iter() {
        for file in ["tokenizer.json", "large.safetensors", "small.safetensors"] {
            from.push(run::file_hash(&folder.join(file))?);
        }
    }
    Ok(Settings {
        version: env!("CARGO_PKG_VERSION").into(),
        seed: options.seed,
        shards: options.shards,
        steps_large: options.steps_large,
        steps_small: options.steps_small,
        data,
        from,
    })
}

type Sources = (Mix, Vec<Row>, BTreeMap<String, Vec<String>>);

/// Training rows, held-out rows, and what was refused.
fn sources(options: &TinyOptions) -> Result<Sources, TrainingError> {
    let mut rows = Vec::new();
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in &options.rows {
        let import = data::import(path)?;
        rows.extend(import.rows);
        for (reason, ids) in import.refused {
            refused.entry(reason).or_default().extend(ids);
        }
    }
    let (held_out, rows) = rows.into_iter().partition(|row: &Row| is_held_out(&row.id));
    let mut catalogue = Vec::new();
    for path in &options.catalogues {
        catalogue.extend(data::catalogue(path)?);
    }
    let mix = Mix::new(options.library.clone(), Phrases::bundled()?, rows, catalogue);
    Ok((mix, held_out, refused))
}

/// Decided by the id alone, so that every run holds out the same rows.
fn is_held_out(id: &str) -> bool {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32).is_multiple_of(HELD_OUT_EVERY)
}

fn tokenizer(run: &Run, mix: &Mix, seed: u64) -> Result<Vec<u8>, TrainingError> {
    let path = run.path("tokenizer.json");
    if path.exists() {
        return std::fs::read(&path).map_err(TrainingError::file(&path));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x70c);
    let json = vocabulary::train(mix.texts(&mut rng, VOCABULARY_ROWS))?;
    run.write("tokenizer.json", &json)?;
    Ok(json)
}

/// Draws every variable that was initialised at random again, from a seed: candle's own generator
/// cannot be seeded on the CPU.
fn seed(map: &VarMap, seed: u64) -> Result<(), TrainingError> {
    let data = map.data().lock().expect("no other thread holds this map");
    let mut names: Vec<&String> = data.keys().collect();
    names.sort();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for name in names {
        let var = &data[name];
        let values = var.as_tensor().flatten_all()?;
        let mean = values.mean_all()?.to_scalar::<f32>()?;
        let spread = (&values - f64::from(mean))?.sqr()?.mean_all()?.to_scalar::<f32>()?.sqrt();
        if spread > 0.0 && values.elem_count() > 16 {
            let drawn = normals(&mut rng, values.elem_count(), spread);
            var.set(&Tensor::from_vec(drawn, var.dims(), var.device())?)?;
        }
    }
    Ok(())
}

/// Sets variables to a file's tensors. Of one that has grown rows since, the file's come first and
/// the others stay as drawn; what the file lacks stays as drawn too.
fn begin(map: &VarMap, from: Option<&Path>, file: &str) -> Result<(), TrainingError> {
    let Some(from) = from else { return Ok(()) };
    let tensors = candle_core::safetensors::load(from.join(file), &Device::Cpu)?;
    let data = map.data().lock().expect("no other thread holds this map");
    for (name, var) in data.iter() {
        let Some(tensor) = tensors.get(name) else { continue };
        let tensor = tensor.to_dtype(DType::F32)?;
        let (found, wanted) = (tensor.dims(), var.dims());
        if found == wanted {
            var.set(&tensor)?;
        } else if found.len() == wanted.len() && found[1..] == wanted[1..] && found[0] < wanted[0] {
            let drawn = var.as_tensor().narrow(0, found[0], wanted[0] - found[0])?;
            var.set(&Tensor::cat(&[&tensor, &drawn], 0)?)?;
        }
    }
    Ok(())
}

/// Normal values of mean 0, by Box and Muller.
fn normals(rng: &mut ChaCha8Rng, count: usize, stdev: f32) -> Vec<f32> {
    use rand::Rng;
    (0..count)
        .map(|_| {
            let (u, v): (f32, f32) = (rng.random_range(f32::EPSILON..1.0), rng.random());
            stdev * (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
        })
        .collect()
}

/// The rows of one shard depend on seed, phase, step and shard alone, so that a resumed run sees what
/// an unbroken one would.
fn rng_of(seed: u64, phase: u64, step: usize, shard: usize) -> ChaCha8Rng {
    let place = (phase << 56) ^ ((shard as u64) << 40) ^ step as u64;
    ChaCha8Rng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9) ^ place)
}

fn train_large(
    run: &Run,
    options: &TinyOptions,
    mix: &Mix,
    tokenizer: &Tokenizer,
    large: &Large,
    map: &VarMap,
) -> Result<(), TrainingError> {
    let mut optimizer = AdamW::new(map, RATE_LARGE, DECAY, options.steps_large)?;
    let phase = Phase { run, name: "large", steps: options.steps_large };
    phase.go(&mut optimizer, &mut vec![(); options.shards], |step, shard, ()| {
        let mut rng = rng_of(options.seed, 1, step, shard);
        let rows: Vec<Row> = (0..BATCH_LARGE).map(|_| mix.sample(&mut rng)).collect();
        large::loss(large, tokenizer, &rows, &Device::Cpu).map(Some)
    })
}

fn train_small(
    run: &Run,
    options: &TinyOptions,
    mix: &Mix,
    tokenizer: &Tokenizer,
    large: &Large,
    (small, map): (&Small, &VarMap),
) -> Result<(), TrainingError> {
    let mut optimizer = AdamW::new(map, RATE_SMALL, DECAY, options.steps_small)?;
    let teacher = |_| Teacher::new(large, tokenizer, &Device::Cpu);
    let mut teachers: Vec<Teacher<'_>> = (0..options.shards).map(teacher).collect();
    let phase = Phase { run, name: "small", steps: options.steps_small };
    phase.go(&mut optimizer, &mut teachers, |step, shard, teacher| {
        let mut rng = rng_of(options.seed, 2, step, shard);
        let rows: Vec<Row> = (0..BATCH_SMALL).map(|_| mix.sample(&mut rng)).collect();
        small::loss(small, teacher, &rows, &mut rng)
    })
}

/// One model's training: a bar, a curve, checkpoints.
struct Phase<'a> {
    run: &'a Run,
    name: &'a str,
    steps: usize,
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

impl Phase<'_> {
    /// `loss` gives the loss of a step's shard, with what the shard keeps between steps.
    fn go<S: Send>(
        &self,
        optimizer: &mut AdamW,
        states: &mut [S],
        loss: impl Fn(usize, usize, &mut S) -> Result<Option<Tensor>, TrainingError> + Sync,
    ) -> Result<(), TrainingError> {
        let checkpoint = self.run.path(&format!("{}.checkpoint", self.name));
        if checkpoint.exists() {
            optimizer.load(&checkpoint, &Device::Cpu)?;
        }
        let pools: Vec<_> = states.iter().map(|_| pool()).collect::<Result<_, _>>()?;
        let bar = run::bar(self.name, self.steps, optimizer.steps_done());
        let mut smoothed: Option<f32> = None;
        let mut ungraded: Option<Vec<String>> = None;
        while optimizer.steps_done() < self.steps {
            let step = optimizer.steps_done();
            let found = sharded(optimizer, &pools, states, |shard, s| loss(step, shard, s))?;
            let Some((value, gradients)) = found else {
                return Err(TrainingError::EmptyStep(step));
            };
            if !value.is_finite() {
                return Err(TrainingError::Diverged { step, loss: value });
            }
            // A variable may miss its gradient in a batch without, say, lists, but not in all.
            let missing = optimizer.without_gradient(&gradients);
            let still = ungraded.take().unwrap_or_else(|| missing.clone());
            ungraded = Some(still.into_iter().filter(|name| missing.contains(name)).collect());
            optimizer.step(&gradients)?;
            let smooth = smoothed.map_or(value, |old| 0.98 * old + 0.02 * value);
            smoothed = Some(smooth);
            bar.set_position(step as u64 + 1);
            bar.set_message(format!("loss {smooth:.3}"));
            if step.is_multiple_of(POINT_STEPS) {
                self.run.point(self.name, step, smooth)?;
            }
            if (step + 1).is_multiple_of(CHECKPOINT_STEPS) || step + 1 == self.steps {
                optimizer.save(&checkpoint)?;
                self.run.spend()?;
            }
        }
        bar.finish();
        if let Some(name) = ungraded.and_then(|names| names.into_iter().next()) {
            return Err(TrainingError::NoGradient(name));
        }
        if self.run.path(&format!("{}.csv", self.name)).exists() {
            self.run.draw(self.name)?;
        }
        Ok(())
    }
}

/// Writes every variable as f16.
fn write_half(map: &VarMap, path: &Path) -> Result<(), TrainingError> {
    let data = map.data().lock().expect("no other thread holds this map");
    let mut tensors = HashMap::with_capacity(data.len());
    for (name, var) in data.iter() {
        tensors.insert(name.clone(), var.as_tensor().to_dtype(DType::F16)?);
    }
    Ok(candle_core::safetensors::save(&tensors, path)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TrainingError> {
    std::fs::write(path, bytes).map_err(TrainingError::file(path))
}
