//! `hyfunc train words`: the table of words beside the large model, distilled from a sentence encoder.
//!
//! The encoder is asked for every piece of its vocabulary alone; its answers, centred and brought to
//! fewer numbers, are the first table (as in Model2Vec, Tulkens and van Dongen 2024). What each piece
//! weighs and how the space is turned is then learnt from rows: InfoNCE between requests and functions
//! as sums of their pieces. Both are folded into the table, so that serving adds rows and nothing else.

mod axes;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use candle_nn::{Init, VarBuilder, VarMap};
use hyfunc_cascade::CascadeError;
use hyfunc_cascade::prompt;
use hyfunc_cascade::words::{self, Cutter, Words};
use hyfunc_functions::Function;
use rayon::prelude::*;

use crate::data::Row;
use crate::error::TrainingError;
use crate::optimizer::AdamW;
use crate::phase::Phase;
use crate::progress::Progress;
use crate::run::{Run, Settings};
use crate::schedule::{DECAY, Schedule, rng_of};
use crate::sources::Data;
use crate::{checkpoint, losses};

/// Rows of one shard of a step.
const BATCH: usize = 96;

/// Not-called functions of each row that join a batch.
const OTHERS: usize = 2;

/// Pieces that are read of a text.
const PIECES_MAX: usize = 160;

/// Peak learning rate.
const RATE: f64 = 2e-3;

/// How much faster the weights of pieces move than the turn of the space.
const WEIGHT_PACE: f64 = 10.0;

/// Temperature of the contrast.
const TEMPERATURE: f64 = 0.07;

/// Frequency at which a piece weighs half. Pieces are taken to be as frequent as their place in the
/// vocabulary says, by Zipf's law (smooth inverse frequency, Arora et al. 2017).
const FREQUENCY_HALF: f64 = 1e-4;

/// Pieces that the encoder is asked for between two reports.
const TOGETHER: usize = 256;

/// The vectors of all pieces, by the encoder, in the run's folder.
const VECTORS: &str = "pieces.f32";

/// What `hyfunc train words` is told.
#[derive(Clone, Debug)]
pub struct WordsOptions {
    /// Files to train on.
    pub data: Data,
    /// Pieces of the encoder's vocabulary, by their numbers, the more frequent first.
    pub vocabulary: Vec<String>,
    /// SHA-256 of the encoder's weights, hex.
    pub encoder_sha256: String,
    /// Numbers of a word's vector.
    pub width: usize,
    /// Folder of the run; the table is written to `models` in it.
    pub out: PathBuf,
    /// Steps.
    pub steps: usize,
    /// How steps are taken.
    pub schedule: Schedule,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct WordsReport {
    /// The table.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: usize,
    /// Wall time of all stretches, in seconds.
    pub seconds: f64,
    /// How well requests to practice plugins that are not trained on find their functions: as the
    /// encoder's vectors came, and in the end.
    pub found: [Found; 2],
}

/// How well requests find their functions among those of all practice plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    /// Requests that call something.
    pub requests: usize,
    /// Share whose first function is called by them.
    pub first: f64,
    /// Share of called functions among the first five.
    pub fifth: f64,
}

/// What turns texts into vectors of one width.
pub type Encode<'a> = &'a (dyn Fn(&[&str]) -> Result<Vec<Vec<f32>>, String> + Sync);

/// Distils and trains the table.
///
/// # Errors
/// An encoder that fails or whose vocabulary cannot be used, data that cannot be used, a folder of
/// another run, a loss that diverges.
pub fn train(options: &WordsOptions, encode: Encode<'_>) -> Result<WordsReport, TrainingError> {
    let schedule = &options.schedule;
    let settings = Settings {
        step: format!("words {}", options.width),
        steps_large: options.steps,
        from: vec![options.encoder_sha256.clone()],
        ..schedule.settings(&options.data)?
    };
    let run = Run::open(&options.out, &settings, schedule.resume)?;
    let sources = options.data.read(&options.out)?;
    run.begin(&sources.built_in)?;
    let first = first_table(&run, options, encode)?;
    let cutter = Cutter::new(&options.vocabulary).map_err(CascadeError::from)?;

    let map = VarMap::new();
    let vb = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let learnt = Learnt::new((options.vocabulary.len(), options.width), &vb)?;
    let mut optimizer = AdamW::new(&map, RATE * schedule.rate, DECAY, options.steps)?;
    let mut known: Vec<Known> = vec![Known::default(); schedule.shards];
    let phase = Phase::new(&run, "words", options.steps).saved(schedule.checkpoint_steps);
    phase.unprobed().go(&mut optimizer, &mut known, |step, shard, known| {
        let mut rng = rng_of(schedule.seed, 3, step, shard);
        let rows = sources.draw(BATCH, &mut rng)?;
        loss((&first, &learnt), &cutter, &rows, known)
    })?;

    let table = learnt.folded(&first)?.flatten_all()?.to_vec1::<f32>()?;
    let bytes = |table: &[f32]| {
        words::to_bytes(&options.vocabulary, table, options.width).map_err(CascadeError::from)
    };
    let (before, after) = (bytes(&first.flatten_all()?.to_vec1::<f32>()?)?, bytes(&table)?);
    let models = options.out.join("models");
    std::fs::create_dir_all(&models).map_err(TrainingError::file(&models))?;
    let path = models.join(words::FILE);
    checkpoint::replace_bytes(&path, &after)?;
    let functions = sources.mix.practice_functions(&sources.strangers);
    let found = [&before, &after].map(|bytes| {
        let words = Words::from_bytes(bytes).map_err(CascadeError::from)?;
        Ok::<_, TrainingError>(find(&words, &functions, &sources.strangers))
    });
    let [before, now] = found;
    let seconds = run.spend()?;
    Ok(WordsReport { path, bytes: after.len(), seconds, found: [before?, now?] })
}

/// The encoder's vectors of all pieces, centred, in fewer numbers, frequent ones made light:
/// `[pieces, width]`.
fn first_table(
    run: &Run,
    options: &WordsOptions,
    encode: Encode<'_>,
) -> Result<Tensor, TrainingError> {
    let path = run.path(VECTORS);
    let vectors = match options.schedule.resume.then(|| std::fs::read(&path)) {
        Some(Ok(bytes)) => {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        _ => {
            let vectors = asked(&options.vocabulary, encode)?;
            let bytes: Vec<u8> = vectors.iter().flat_map(|number| number.to_le_bytes()).collect();
            checkpoint::replace_bytes(&path, &bytes)?;
            vectors
        }
    };
    let pieces = options.vocabulary.len();
    let unusable = |reason: String| TrainingError::Unusable { path: "the encoder".into(), reason };
    let from = vectors.len() / pieces.max(1);
    if from * pieces != vectors.len() || options.width > from || options.width == 0 {
        let width = options.width;
        return Err(unusable(format!(
            "its vectors have {from} numbers, {width} were asked for; give another --width"
        )));
    }
    let vectors = Tensor::from_vec(vectors, (pieces, from), &Device::Cpu)?;
    let centred = vectors.broadcast_sub(&vectors.mean_keepdim(0)?)?;
    let axes = axes::principal(&centred, options.width)?;
    let weights: Vec<f32> = options
        .vocabulary
        .iter()
        .enumerate()
        .map(|(place, piece)| match is_mark(piece) {
            true => 0.0,
            false => {
                let frequency = 1.0 / ((place + 1) as f64 * (pieces as f64).ln());
                (FREQUENCY_HALF / (FREQUENCY_HALF + frequency)) as f32
            }
        })
        .collect();
    let weights = Tensor::from_vec(weights, (pieces, 1), &Device::Cpu)?;
    Ok(centred.matmul(&axes)?.broadcast_mul(&weights)?)
}

/// Whether a piece stands for no text, like `[CLS]`.
fn is_mark(piece: &str) -> bool {
    piece.len() > 2 && piece.starts_with('[') && piece.ends_with(']')
}

/// What the encoder says of every piece, one after another.
fn asked(vocabulary: &[String], encode: Encode<'_>) -> Result<Vec<f32>, TrainingError> {
    let mut progress = Progress::new("pieces", vocabulary.len(), 0);
    let mut vectors = Vec::new();
    let failed = |reason| TrainingError::Unusable { path: "the encoder".into(), reason };
    for (done, pieces) in vocabulary.chunks(TOGETHER).enumerate() {
        let plain = |piece: &String| piece.trim_start_matches("##").to_owned();
        let texts: Vec<String> = pieces.iter().map(plain).collect();
        let each: Vec<Vec<Vec<f32>>> = texts
            .par_chunks(TOGETHER / 16)
            .map(|some| encode(&some.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        vectors.extend(each.into_iter().flatten().flatten());
        progress.reach((done * TOGETHER + pieces.len()).min(vocabulary.len()), "");
    }
    progress.finish();
    Ok(vectors)
}

/// What is learnt: how much each piece weighs, and how the space is turned.
struct Learnt {
    /// Logarithms, `[pieces, 1]`, to be multiplied by [`WEIGHT_PACE`].
    weights: Tensor,
    /// `[width, width]`, added to the identity.
    turn: Tensor,
}

impl Learnt {
    fn new((pieces, width): (usize, usize), vb: &VarBuilder<'_>) -> Result<Self, TrainingError> {
        Ok(Self {
            weights: vb.get_with_hints((pieces, 1), "weights", Init::Const(0.0))?,
            turn: vb.get_with_hints((width, width), "turn", Init::Const(0.0))?,
        })
    }

    /// The table with both in it.
    fn folded(&self, table: &Tensor) -> Result<Tensor, TrainingError> {
        let weights = (&self.weights * WEIGHT_PACE)?.exp()?;
        let table = table.broadcast_mul(&weights)?;
        Ok((&table + table.matmul(&self.turn)?)?)
    }

    /// What texts are about, `[texts, width]`, of unit length.
    fn read(&self, table: &Tensor, texts: &[Vec<u32>]) -> Result<Tensor, TrainingError> {
        let longest = texts.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let mut ids = Vec::with_capacity(texts.len() * longest);
        let mut there = Vec::with_capacity(texts.len() * longest);
        for text in texts {
            let places = 0..longest;
            ids.extend(places.clone().map(|at| text.get(at).copied().unwrap_or(0)));
            there.extend(places.map(|at| f32::from(u8::from(at < text.len()))));
        }
        let ids = Tensor::from_vec(ids, texts.len() * longest, table.device())?;
        let there = Tensor::from_vec(there, (texts.len() * longest, 1), table.device())?;
        let weights = (self.weights.index_select(&ids, 0)? * WEIGHT_PACE)?.exp()?;
        let rows = table.index_select(&ids, 0)?.broadcast_mul(&(weights * there)?)?;
        let sums = rows.reshape((texts.len(), longest, ()))?.sum(1)?;
        let turned = (&sums + sums.matmul(&self.turn)?)?;
        let lengths = (turned.sqr()?.sum_keepdim(1)? + 1e-6)?.sqrt()?;
        Ok(turned.broadcast_div(&lengths)?)
    }
}

/// Pieces of functions, by their address. The function beside them is kept alive, so that its address
/// stays its own.
type Known = HashMap<usize, (Arc<Function>, Vec<u32>)>;

/// Contrast between requests and the functions that they call; `None` when they call none.
fn loss(
    (table, learnt): (&Tensor, &Learnt),
    cutter: &Cutter,
    rows: &[Row],
    known: &mut Known,
) -> Result<Option<Tensor>, TrainingError> {
    let mut functions: Vec<Arc<Function>> = Vec::new();
    let mut place = |function: &Arc<Function>| {
        functions.iter().position(|of| of.name == function.name).unwrap_or_else(|| {
            functions.push(function.clone());
            functions.len() - 1
        })
    };
    let (mut queries, mut positives) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|row| !row.calls.is_empty()) {
        let mut called: Vec<usize> =
            row.calls.iter().map(|(at, _)| place(&row.functions[*at])).collect();
        called.sort_unstable();
        called.dedup();
        row.functions.iter().take(OTHERS).for_each(|other| {
            place(other);
        });
        queries.push(cut(cutter, &row.query));
        positives.push(called);
    }
    if queries.is_empty() {
        return Ok(None);
    }
    let texts: Vec<Vec<u32>> = functions
        .iter()
        .map(|function| {
            let read = || (function.clone(), cut(cutter, &prompt::index_text(function)));
            known.entry(Arc::as_ptr(function) as usize).or_insert_with(read).1.clone()
        })
        .collect();
    let asked = learnt.read(table, &queries)?;
    let offered = learnt.read(table, &texts)?;
    let similarities = asked.matmul(&offered.t()?)?;
    Ok(Some(losses::contrast(&similarities, &positives, TEMPERATURE)?))
}

fn cut(cutter: &Cutter, text: &str) -> Vec<u32> {
    let mut pieces = cutter.pieces(text);
    pieces.truncate(PIECES_MAX);
    pieces
}

/// How well rows find what they call among all functions.
fn find(words: &Words, functions: &[Arc<Function>], rows: &[Row]) -> Found {
    let vectors: Vec<Vec<f32>> = functions.iter().map(|of| words.function(of)).collect();
    let (mut found, mut wanted) = (Found::default(), 0);
    for row in rows.iter().filter(|row| !row.calls.is_empty()) {
        let said = words.vector(&row.query);
        let score = |vector: &[f32]| -> f32 { vector.iter().zip(&said).map(|(a, b)| a * b).sum() };
        let mut ranked: Vec<(f32, &str)> = vectors
            .iter()
            .zip(functions)
            .map(|(vector, of)| (score(vector), of.name.as_str()))
            .collect();
        ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
        let called = |name: &str| row.calls.iter().any(|(at, _)| row.functions[*at].name == name);
        found.requests += 1;
        found.first += f64::from(u8::from(ranked.first().is_some_and(|(_, name)| called(name))));
        let mut names: Vec<&str> =
            row.calls.iter().map(|(at, _)| row.functions[*at].name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        wanted += names.len();
        found.fifth += ranked.iter().take(5).filter(|(_, name)| called(name)).count() as f64;
    }
    found.first /= found.requests.max(1) as f64;
    found.fifth /= wanted.max(1) as f64;
    found
}

impl fmt::Display for WordsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, bytes, seconds, found: [before, now] } = self;
        let megabytes = *bytes as f64 / 1e6;
        writeln!(f, "{} after {seconds:.0} s, {megabytes:.1} MB\n", path.display())?;
        writeln!(
            f,
            "{} requests to practice plugins that were not trained on, among all of their functions:\n",
            now.requests
        )?;
        writeln!(f, "| table | first | among five |\n|---|---|---|")?;
        for (name, found) in [("as the encoder has it", before), ("trained", now)] {
            let (first, fifth) = (100.0 * found.first, 100.0 * found.fifth);
            writeln!(f, "| {name} | {first:.1} % | {fifth:.1} % |")?;
        }
        Ok(())
    }
}

/// The vocabulary of an encoder's `tokenizer.json`, which must be one of WordPiece, by numbers.
///
/// # Errors
/// A file that cannot be read, or one of another kind.
pub fn vocabulary(path: &Path) -> Result<Vec<String>, TrainingError> {
    let text = std::fs::read(path).map_err(TrainingError::file(path))?;
    let unusable =
        |reason: String| TrainingError::Unusable { path: path.display().to_string(), reason };
    let json: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
    let model = &json["model"];
    let pieces = model["vocab"].as_object().filter(|_| model["type"] == "WordPiece");
    let Some(pieces) = pieces else {
        return Err(unusable(
            "its model is not WordPiece; give an encoder of BERT's kind, such as all-MiniLM-L6-v2"
                .into(),
        ));
    };
    let mut vocabulary = vec![String::new(); pieces.len()];
    for (piece, id) in pieces {
        let place = id.as_u64().and_then(|id| vocabulary.get_mut(id as usize));
        match place {
            Some(place) if place.is_empty() && !piece.contains(['\n', '\r']) => {
                piece.clone_into(place);
            }
            _ => return Err(unusable(format!("`{piece}` has the number {id}"))),
        }
    }
    Ok(vocabulary)
}

#[cfg(test)]
mod tests;
