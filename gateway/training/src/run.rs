//! A run's folder: what it was started with, its curves, its checkpoints.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::TrainingError;
use crate::{checkpoint, curve};

/// What a run was started with. A run is resumed only with the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What is trained: `tiny` is everything.
    #[serde(default = "everything")]
    pub step: String,
    /// Version of this program.
    pub version: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Parts of a step that run beside each other.
    pub shards: usize,
    /// Steps of the large model.
    pub steps_large: usize,
    /// Steps of the small model.
    pub steps_small: usize,
    /// Hard negatives of each row.
    #[serde(default = "one")]
    pub hard_negatives: usize,
    /// SHA-256 of every data file, by path.
    pub data: BTreeMap<String, String>,
    /// SHA-256 of the tokenizer and the weights that it began with; empty when drawn at random.
    #[serde(default)]
    pub from: Vec<String>,
    /// What of the rows was checked.
    #[serde(default = "structure")]
    pub check: String,
    /// SHA-256 of every evaluation set whose queries were kept out, by name.
    #[serde(default)]
    pub evaluation: BTreeMap<String, String>,
    /// Factor of the learning rates. A run may go on with another.
    #[serde(default = "usual")]
    pub rate: f64,
}

impl Default for Settings {
    /// Those of a run of an earlier version that had nothing to say.
    fn default() -> Self {
        Self {
            step: everything(),
            version: env!("CARGO_PKG_VERSION").into(),
            seed: 0,
            shards: 1,
            steps_large: 0,
            steps_small: 0,
            hard_negatives: one(),
            data: BTreeMap::new(),
            from: Vec::new(),
            check: structure(),
            evaluation: BTreeMap::new(),
            rate: usual(),
        }
    }
}

fn everything() -> String {
    "tiny".to_owned()
}

fn structure() -> String {
    "structure".to_owned()
}

fn one() -> usize {
    1
}

fn usual() -> f64 {
    1.0
}

/// File with the seconds that a run has taken.
const SECONDS: &str = "seconds";

/// List of the stretches of a run: a kill or a full disk ends one, `--resume` begins the next.
const STRETCHES: &str = "stretches.jsonl";

/// The folder of a run.
pub struct Run {
    dir: PathBuf,
    began: Instant,
    /// Seconds of earlier stretches.
    before: f64,
}

impl Run {
    /// Opens a folder for a run with `settings`; `resume` allows one in which something was trained.
    pub fn open(dir: &Path, settings: &Settings, resume: bool) -> Result<Self, TrainingError> {
        fs::create_dir_all(dir).map_err(TrainingError::file(dir))?;
        let path = dir.join("settings.json");
        if path.exists() && is_begun(dir) {
            let other = |reason: &str| TrainingError::OtherRun {
                path: dir.display().to_string(),
                reason: reason.to_owned(),
            };
            if !resume {
                return Err(other("it holds a run already; continue it with --resume"));
            }
            let text = fs::read_to_string(&path).map_err(TrainingError::file(&path))?;
            let found: Settings = serde_json::from_str(&text)?;
            if let Some(name) = difference(&Settings { rate: settings.rate, ..found }, settings)? {
                return Err(other(&format!("`{name}` differs, see settings.json")));
            }
        }
        checkpoint::replace_bytes(&path, serde_json::to_string_pretty(settings)?.as_bytes())?;
        let before = fs::read_to_string(dir.join(SECONDS)).ok().and_then(|text| text.parse().ok());
        Ok(Self { dir: dir.to_owned(), began: Instant::now(), before: before.unwrap_or(0.0) })
    }

    /// Writes down that a stretch of the run begins: when, by which program, on what machine, and the
    /// SHA-256 of what it is trained on and is part of the program.
    pub fn begin(&self, built_in: &BTreeMap<String, String>) -> Result<(), TrainingError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let command: Vec<String> =
            std::env::args_os().map(|part| part.to_string_lossy().into_owned()).collect();
        let stretch = json!({
            "began_unix_s": now.as_secs(),
            "command": command,
            "versions": {
                "hyfunc": env!("CARGO_PKG_VERSION"),
                "candle": env!("HYFUNC_CANDLE_VERSION"),
                "tokenizers": env!("HYFUNC_TOKENIZERS_VERSION"),
                "rustc": env!("HYFUNC_RUSTC_VERSION"),
            },
            "machine": {
                "os": std::env::consts::OS,
                "architecture": std::env::consts::ARCH,
                "cores": std::thread::available_parallelism().map_or(1, usize::from),
            },
            "built_in_sha256": built_in,
        });
        self.append(STRETCHES, &stretch.to_string())
    }

    /// Adds a line to a file.
    fn append(&self, name: &str, line: &str) -> Result<(), TrainingError> {
        let path = self.path(name);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{line}")).map_err(TrainingError::file(&path))
    }

    /// Writes down how long the run has taken, in seconds, and gives it.
    pub fn spend(&self) -> Result<f64, TrainingError> {
        let seconds = self.before + self.began.elapsed().as_secs_f64();
        self.write(SECONDS, seconds.to_string().as_bytes())?;
        Ok(seconds)
    }

    /// Path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a whole file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainingError> {
        checkpoint::replace_bytes(&self.path(name), bytes)
    }

    /// Takes points of a curve away from `step` on: they come again after a kill.
    pub fn cut(&self, curve: &str, step: usize) -> Result<(), TrainingError> {
        let name = format!("{curve}.csv");
        let Ok(text) = fs::read_to_string(self.path(&name)) else { return Ok(()) };
        let is_before = |line: &&str| {
            let at = line.split_once(',').and_then(|(at, _)| at.parse::<usize>().ok());
            at.is_some_and(|at| at < step)
        };
        let kept: String = text.lines().filter(is_before).flat_map(|line| [line, "\n"]).collect();
        self.write(&name, kept.as_bytes())
    }

    /// The loss of a curve's last point.
    pub fn last_point(&self, curve: &str) -> Option<f32> {
        let text = fs::read_to_string(self.path(&format!("{curve}.csv"))).ok()?;
        text.lines().last()?.split_once(',')?.1.parse().ok()
    }

    /// Adds a point to a curve.
    pub fn point(&self, curve: &str, step: usize, loss: f32) -> Result<(), TrainingError> {
        self.append(&format!("{curve}.csv"), &format!("{step},{loss}"))
    }

    /// Draws a curve as an SVG picture beside its points.
    pub fn draw(&self, name: &str) -> Result<(), TrainingError> {
        let path = self.path(&format!("{name}.csv"));
        let text = fs::read_to_string(&path).map_err(TrainingError::file(&path))?;
        let points: Vec<(f32, f32)> = text
            .lines()
            .filter_map(|line| line.split_once(','))
            .filter_map(|(step, loss)| Some((step.parse().ok()?, loss.parse().ok()?)))
            .collect();
        self.write(&format!("{name}.svg"), curve::svg(name, &points).as_bytes())
    }
}

/// Whether a folder holds more than the settings of a run that was refused before its first step.
fn is_begun(dir: &Path) -> bool {
    let is_trained = |path: &Path| {
        path.extension().is_some_and(|extension| extension == "checkpoint")
            || path.ends_with("tokenizer.json")
            || path.ends_with("models")
    };
    let within = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
    within(dir).map(|entry| entry.path()).any(|path| {
        // An ablation has a folder for each of its rows.
        is_trained(&path) || within(&path).any(|entry| is_trained(&entry.path()))
    })
}

/// The first key in which two runs' settings differ.
fn difference(one: &Settings, other: &Settings) -> Result<Option<String>, TrainingError> {
    let (one, other) = (serde_json::to_value(one)?, serde_json::to_value(other)?);
    let mut keys = one.as_object().into_iter().flatten();
    let differs = keys.find(|(key, value)| other.get(*key) != Some(*value));
    Ok(differs.map(|(key, _)| key.clone()))
}

/// SHA-256 of a file, hex.
pub fn file_hash(path: &Path) -> Result<String, TrainingError> {
    let mut file = File::open(path).map_err(TrainingError::file(path))?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(TrainingError::file(path))?;
    Ok(hex::encode(hasher.finalize()))
}

/// A bar with rate and time left.
pub fn bar(what: &str, steps: usize, done: usize) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:>8} [{bar:30}] {pos}/{len} {per_sec} {eta} left {msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps as u64).with_style(style).with_prefix(what.to_owned());
    bar.set_position(done as u64);
    bar.reset_eta();
    bar
}

/// A bar that moves by bytes, with rate and time left.
pub fn bytes_bar(what: &str, bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:>8} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_prefix(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_until_something_was_trained_in_it() {
        let settings = |seed: u64| Settings { seed, ..Settings::default() };
        let refused = |dir: &Path, seed, resume, part: &str| {
            let error = Run::open(dir, &settings(seed), resume).err().unwrap().to_string();
            assert!(error.contains(part), "{error}");
        };
        for trained in ["large.checkpoint", "tokenizer.json", "models/x", "base/base.checkpoint"] {
            let folder = tempfile::tempdir().unwrap();
            let dir = folder.path();
            Run::open(dir, &settings(1), false).unwrap().begin(&BTreeMap::new()).unwrap();
            Run::open(dir, &settings(2), false).unwrap();
            Run::open(dir, &settings(3), true).unwrap();
            let path = dir.join(trained);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
            refused(dir, 3, false, "--resume");
            refused(dir, 4, true, "`seed` differs");
            Run::open(dir, &settings(3), true).unwrap();
        }
    }

    #[test]
    fn a_curve_is_cut_where_a_kill_threw_steps_away_and_goes_on_from_there() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::open(folder.path(), &Settings::default(), false).unwrap();
        assert_eq!(run.last_point("large"), None);
        for (step, loss) in [(0, 4.0), (10, 3.0), (20, 2.5)] {
            run.point("large", step, loss).unwrap();
        }
        run.cut("large", 15).unwrap();
        assert_eq!(run.last_point("large"), Some(3.0));
        run.draw("large").unwrap();
        let picture = fs::read_to_string(run.path("large.svg")).unwrap();
        assert!(picture.contains("3.000 at step 10"), "{picture}");
    }
}
