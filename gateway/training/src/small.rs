//! Training of the small model: loss on decisions and values alone, never on injected text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use hyfunc_cascade::conversation;
use hyfunc_cascade::evidence::{self, Profile};
use hyfunc_cascade::likeness::Likeness;
use hyfunc_cascade::model::heads::{
    AGAIN_FEATURES, CALL_FEATURES, OPTION_FEATURES, PRESENCE_FEATURES, Question, mentioned,
};
use hyfunc_cascade::model::ops::{self, MASKED};
use hyfunc_cascade::model::small::{BranchRow, Placed, Read};
use hyfunc_cascade::model::{Large, Small};
use hyfunc_cascade::nearness::Spoken;
use hyfunc_cascade::prior;
use hyfunc_cascade::prompt::{self, QUERY_OFFSET};
use hyfunc_cascade::sequence::Batch;
use hyfunc_cascade::text::{Special, Token, Tokenizer};
use hyfunc_cascade::tiny::{Kinship, call_features, cosine, sigmoid};
use hyfunc_cascade::words::Words;
use hyfunc_functions::{Function, Spelling, Template};
use rand::Rng;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use crate::data::Row;
use crate::embeddings::{Embeddings, Query};
use crate::encode::{self, Asked, EncodedCall, Target};
use crate::error::TrainingError;
use crate::losses;

/// Not-called functions that each row is read beside: what the retriever likes best of them, and one
/// of the next ones.
const NEGATIVES: usize = 1;

/// Where the further one is drawn from.
const NEXT_NEGATIVES: usize = 8;

/// Tokens of the longest query that is trained on.
pub(crate) const QUERY_TOKENS_MAX: usize = 112;

/// Tokens that stand before it at most, of what was said earlier.
const EARLIER_TOKENS_MAX: usize = 72;

/// Value tokens of a batch that are trained on; the rest of an unusually wordy batch is left out.
const WRITTEN_MAX: usize = 192;

/// Weights of the parts of the loss.
const WRITE_WEIGHT: f64 = 0.4;
const CALL_WEIGHT: f64 = 2.0;
const AGAIN_WEIGHT: f64 = 0.7;

/// Share of called functions that are read after some of their calls.
const AGAIN_SHARE: f64 = 0.5;

/// The frozen large model and what it made of functions.
pub struct Teacher<'a> {
    /// Distils queries.
    pub large: &'a Large,
    /// Shared by both models.
    pub tokenizer: &'a Tokenizer,
    /// Where tensors are.
    pub device: &'a Device,
    /// What it made of some texts already.
    embeddings: Option<&'a Embeddings>,
    /// Says what texts are about.
    words: Option<&'a Words>,
    /// Whether a call's parameters are one branch, each after the gold of those before it.
    is_chained: bool,
    vectors: Known<Vec<f32>>,
    spoken: Known<Vec<f32>>,
    templates: Known<Arc<(Arc<Template>, Spoken)>>,
    profiles: Known<Arc<Profile>>,
}

/// What the large model made of a batch of queries.
pub(crate) struct Seen {
    /// Soft tokens, `[batch, d_large]`, without gradient.
    pub(crate) soft: Tensor,
    /// For the index, of unit length.
    pub(crate) vectors: Vec<Vec<f32>>,
    /// Whether anything is to be called, as logits.
    pub(crate) call_logits: Vec<f32>,
}

/// What is known of functions, by their address. The function beside it is kept alive, so that its
/// address stays its own.
type Known<T> = HashMap<usize, (Arc<Function>, T)>;

/// A query beside one function.
struct Pair {
    row: usize,
    /// Index into the batch's functions.
    function: usize,
    tokens: Vec<Token>,
    query_tokens: usize,
    features: [f32; CALL_FEATURES],
    label: f32,
    /// Whether it asks for one more call.
    again: bool,
    /// What the query still has to say then.
    further: [f32; AGAIN_FEATURES - CALL_FEATURES],
    call: Option<EncodedCall>,
}

impl<'a> Teacher<'a> {
    /// A teacher that has seen nothing.
    pub fn new(large: &'a Large, tokenizer: &'a Tokenizer, device: &'a Device) -> Self {
        Self {
            large,
            tokenizer,
            device,
            embeddings: None,
            words: None,
            is_chained: false,
            vectors: HashMap::new(),
            spoken: HashMap::new(),
            templates: HashMap::new(),
            profiles: HashMap::new(),
        }
    }

    /// The same, knowing what the large model made of some texts.
    pub fn knowing(self, embeddings: Option<&'a Embeddings>) -> Self {
        Self { embeddings, ..self }
    }

    /// The same with a table of words, which the small model will be served with.
    pub fn speaking(self, words: Option<&'a Words>) -> Self {
        Self { words, ..self }
    }

    /// The same for a small model whose parameters are asked one after another, each after the values
    /// of those before it, as `CascadeConfig::chained_slots` serves it.
    pub fn chained(self, is_chained: bool) -> Self {
        Self { is_chained, ..self }
    }

    /// Distils queries: those that are not known yet, as one batch.
    pub(crate) fn distil(&self, rows: &[Row]) -> Result<Seen, TrainingError> {
        let known: Vec<Option<&Query>> =
            rows.iter().map(|row| self.embeddings.and_then(|of| of.query(&row.query))).collect();
        let unknown = rows.iter().zip(&known).filter(|(_, known)| known.is_none());
        let texts: Vec<Vec<Token>> = unknown
            .map(|(row, _)| prompt::large_query(&self.tokenizer.encode(&row.query)))
            .collect();
        if texts.is_empty() {
            return self.put_together(&known, Vec::new());
        }
        let is_all = texts.len() == rows.len();
        let distilled = self.large.distil(&Batch::new(texts), self.device)?;
        let soft = distilled.soft_tokens.detach();
        let vectors = distilled.vectors.to_vec2::<f32>()?;
        let call_logits = distilled.call_logits.to_vec1::<f32>()?;
        if is_all {
            return Ok(Seen { soft, vectors, call_logits });
        }
        let soft_tokens = soft.to_vec2::<f32>()?;
        let made = soft_tokens.into_iter().zip(vectors).zip(call_logits);
        let made =
            made.map(|((soft_token, vector), call_logit)| Query { soft_token, vector, call_logit });
        self.put_together(&known, made.collect())
    }

    /// Known queries, and new ones in the places of the others.
    fn put_together(
        &self,
        known: &[Option<&Query>],
        new: Vec<Query>,
    ) -> Result<Seen, TrainingError> {
        let mut new = new.iter();
        let all: Vec<&Query> =
            known.iter().filter_map(|known| known.or_else(|| new.next())).collect();
        let width = all.first().map_or(0, |query| query.soft_token.len());
        let soft: Vec<f32> =
            all.iter().flat_map(|query| query.soft_token.iter().copied()).collect();
        Ok(Seen {
            soft: Tensor::from_vec(soft, (all.len(), width), self.device)?,
            vectors: all.iter().map(|query| query.vector.clone()).collect(),
            call_logits: all.iter().map(|query| query.call_logit).collect(),
        })
    }

    pub(crate) fn vector(&mut self, function: &Arc<Function>) -> Result<Vec<f32>, TrainingError> {
        if let Some(vector) = self.embeddings.and_then(|of| of.function(function)) {
            return Ok(vector.to_vec());
        }
        let key = Arc::as_ptr(function) as usize;
        if let Some((_, vector)) = self.vectors.get(&key) {
            return Ok(vector.clone());
        }
        let batch = Batch::new(vec![prompt::function(self.tokenizer, function)]);
        let vector = self.large.embed(&batch, self.device)?.squeeze(0)?.to_vec1::<f32>()?;
        self.vectors.insert(key, (function.clone(), vector.clone()));
        Ok(vector)
    }

    /// How alike a request and each of a row's functions are; `vector` is the request's.
    fn kinships(&mut self, row: &Row, vector: &[f32]) -> Result<Vec<Kinship>, TrainingError> {
        let said = self.words.map(|words| words.vector(&row.query));
        let each = row.functions.iter().map(|function| {
            let own = cosine(&self.vector(function)?, vector);
            let words = self.words.zip(said.as_ref()).map(|(words, said)| {
                let key = Arc::as_ptr(function) as usize;
                let read = || (function.clone(), words.function(function));
                cosine(&self.spoken.entry(key).or_insert_with(read).1, said)
            });
            Ok(Kinship { own, words })
        });
        each.collect()
    }

    /// A function's template, and the words of its parameters.
    pub(crate) fn template(&mut self, function: &Arc<Function>) -> Arc<(Arc<Template>, Spoken)> {
        let key = Arc::as_ptr(function) as usize;
        let build = || {
            let template = Arc::new(Template::new(function, Spelling::Param));
            (function.clone(), Arc::new((template, Spoken::new(&function.parameters))))
        };
        self.templates.entry(key).or_insert_with(build).1.clone()
    }

    fn profile(&mut self, function: &Arc<Function>) -> Arc<Profile> {
        let key = Arc::as_ptr(function) as usize;
        let build = || (function.clone(), Arc::new(Profile::new(function)));
        self.profiles.entry(key).or_insert_with(build).1.clone()
    }
}

/// Loss of a batch of rows; `None` when none of them could be read.
pub fn loss(
    small: &Small,
    teacher: &mut Teacher<'_>,
    rows: &[Row],
    rng: &mut ChaCha8Rng,
) -> Result<Option<Tensor>, TrainingError> {
    let Seen { soft, vectors, call_logits } = teacher.distil(rows)?;

    let mut functions: Vec<Arc<Function>> = Vec::new();
    let mut pairs = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let seen = (vectors[index].as_slice(), sigmoid(call_logits[index]));
        pairs.extend(pairs_of(teacher, index, row, seen, &mut functions, rng)?);
    }
    if pairs.is_empty() {
        return Ok(None);
    }
    let device = teacher.device;
    let blocks: Vec<Vec<Token>> =
        functions.iter().map(|f| prompt::block(teacher.tokenizer, f)).collect();
    let pool = Batch::new(blocks.clone());
    let kv = small.blocks(&pool)?;
    let beside: Vec<Placed<'_>> = pairs
        .iter()
        .map(|pair| Placed {
            tokens: &blocks[pair.function],
            from: pool.range(pair.function).start,
        })
        .collect();
    let soft_rows: Vec<u32> = pairs.iter().map(|pair| pair.row as u32).collect();
    let soft = ops::rows(&soft, &soft_rows)?;
    let batch = Batch::new(pairs.iter().map(|pair| pair.tokens.clone()).collect());
    let read = small.read(&batch, &soft, &kv, &beside)?;

    let mut loss = call_loss(small, &read, &batch, &pairs, device)?;
    let filled: Vec<usize> = (0..pairs.len()).filter(|&i| pairs[i].call.is_some()).collect();
    if !filled.is_empty() {
        let chained = teacher.is_chained;
        let values =
            value_loss(small, (&read, &batch), (pairs.as_slice(), chained), &filled, &beside)?;
        loss = (loss + values)?;
    }
    Ok(Some(loss))
}

/// The pairs of one row: its called functions, each up to a random one of its calls, and others.
fn pairs_of(
    teacher: &mut Teacher<'_>,
    index: usize,
    row: &Row,
    (vector, p_call): (&[f32], f32),
    functions: &mut Vec<Arc<Function>>,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Pair>, TrainingError> {
    let query = teacher.tokenizer.encode(&row.query);
    let last = conversation::last(&row.query);
    let tokens_max = match last.len() < row.query.len() {
        true => QUERY_TOKENS_MAX + EARLIER_TOKENS_MAX,
        false => QUERY_TOKENS_MAX,
    };
    if query.is_empty() || query.len() > tokens_max {
        return Ok(Vec::new());
    }
    let likeness = Likeness::new(&row.query);
    let scene = prior::Scene::new(&row.query, &query);
    let kinships = teacher.kinships(row, vector)?;
    let cosines: Vec<f32> = kinships.iter().map(|of| of.joined()).collect();
    let chosen = chosen(row, &cosines, rng);
    let features = features(teacher, row, &chosen, &kinships, p_call, &Likeness::new(last));
    let mut pairs = Vec::with_capacity(chosen.len());
    for (choice, features) in chosen.into_iter().zip(features) {
        let function = &row.functions[choice];
        let template = teacher.template(function);
        let calls: Vec<_> = row.calls.iter().filter(|(called, _)| *called == choice).collect();
        let asked = Asked {
            tokenizer: teacher.tokenizer,
            query: &row.query,
            tokens: &query,
            likeness: &likeness,
            scene: &scene,
        };
        let known = (&template.0, &template.1);
        let mut copied = Vec::new();
        let encoded: Option<Vec<EncodedCall>> = calls
            .iter()
            .map(|(_, arguments)| {
                let encoded = encode::call(&asked, known, arguments, &copied).ok()?;
                copied.extend(encoded.copied.iter().cloned());
                Some(encoded)
            })
            .collect();
        // A gold call that the schema cannot express teaches nothing about values; whether the
        // function is called stays true.
        let encoded = encoded.unwrap_or_default();
        let whole = encoded.len() == calls.len();
        let skip = if whole && !calls.is_empty() && rng.random_bool(AGAIN_SHARE) {
            rng.random_range(0..=calls.len())
        } else {
            0
        };
        let further = further(&row.query, &encoded[..skip.min(encoded.len())]);
        let earlier: Vec<Vec<Token>> =
            encoded[..skip.min(encoded.len())].iter().map(EncodedCall::values).collect();
        let place = functions.iter().position(|f| Arc::ptr_eq(f, function)).unwrap_or_else(|| {
            functions.push(function.clone());
            functions.len() - 1
        });
        pairs.push(Pair {
            row: index,
            function: place,
            tokens: prompt::small_query(&query, &earlier),
            query_tokens: query.len(),
            features,
            label: f32::from(skip < calls.len()),
            again: !earlier.is_empty(),
            further,
            call: encoded.into_iter().nth(skip),
        });
    }
    Ok(pairs)
}

/// What a query still has to say after some calls.
fn further(query: &str, calls: &[EncodedCall]) -> [f32; AGAIN_FEATURES - CALL_FEATURES] {
    let copied = |call: &EncodedCall| -> Vec<Range<usize>> {
        call.copied.iter().map(|(_, bytes)| bytes.clone()).collect()
    };
    let all: Vec<Range<usize>> = calls.iter().flat_map(copied).collect();
    evidence::further(query, &calls.last().map(copied).unwrap_or_default(), &all)
}

/// The called functions, the others that the retriever likes best, and one that it likes less.
fn chosen(row: &Row, cosines: &[f32], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let is_called = |index: &usize| row.calls.iter().any(|(called, _)| called == index);
    let (mut chosen, others): (Vec<usize>, Vec<usize>) =
        (0..row.functions.len()).partition(is_called);
    let mut others = others;
    others.sort_by(|&one, &other| cosines[other].total_cmp(&cosines[one]));
    chosen.extend(others.iter().take(NEGATIVES));
    let next = others.iter().skip(NEGATIVES).take(NEXT_NEGATIVES);
    chosen.extend(next.choose(rng));
    chosen
}

/// What stands beside the state of each chosen function: as in serving, from the functions that the
/// retriever would offer.
fn features(
    teacher: &mut Teacher<'_>,
    row: &Row,
    chosen: &[usize],
    kinships: &[Kinship],
    p_call: f32,
    likeness: &Likeness,
) -> Vec<[f32; CALL_FEATURES]> {
    let mut one = |&index: &usize| {
        let profile = teacher.profile(&row.functions[index]);
        call_features(kinships, index, p_call, profile.likeness(likeness))
    };
    chosen.iter().map(&mut one).collect()
}

fn call_loss(
    small: &Small,
    read: &Read,
    batch: &Batch,
    pairs: &[Pair],
    device: &Device,
) -> Result<Tensor, TrainingError> {
    let last = batch.last();
    let mut total = Tensor::zeros((), candle_core::DType::F32, device)?;
    for again in [false, true] {
        let of = || pairs.iter().zip(&last).filter(|(pair, _)| pair.again == again);
        let at: Vec<u32> = of().map(|(_, &at)| at).collect();
        if at.is_empty() {
            continue;
        }
        let features: Vec<f32> = of()
            .flat_map(|(pair, _)| {
                let further = if again { &pair.further[..] } else { &[] };
                pair.features.iter().chain(further).copied()
            })
            .collect();
        let width = if again { AGAIN_FEATURES } else { CALL_FEATURES };
        let features = Tensor::from_vec(features, (at.len(), width), device)?;
        let states = ops::rows(&read.states, &at)?;
        let logits = match again {
            false => small.heads.call(&states, &features)?,
            true => small.heads.again(&states, &features)?,
        };
        let labels: Vec<f32> = of().map(|(pair, _)| pair.label).collect();
        let weight = if again { AGAIN_WEIGHT } else { CALL_WEIGHT };
        total = (total + (losses::binary(&logits, &labels)? * weight)?)?;
    }
    Ok(total)
}

/// A target and where its state is: index into the branches' states, and the filled pair.
struct Aim<'a> {
    at: u32,
    pair: usize,
    target: &'a Target,
}

fn value_loss(
    small: &Small,
    (read, batch): (&Read, &Batch),
    (pairs, is_chained): (&[Pair], bool),
    filled: &[usize],
    beside: &[Placed<'_>],
) -> Result<Tensor, TrainingError> {
    let device = read.states.device();
    let mut rows = Vec::with_capacity(filled.len());
    let mut starts = Vec::new();
    for &index in filled {
        let call = pairs[index].call.as_ref().expect("filled pairs have a call");
        let (row, from) = laid(call, is_chained);
        starts.push(from);
        rows.push(row);
    }
    if rows.iter().all(|row| row.tokens.is_empty()) {
        return Ok(Tensor::zeros((), candle_core::DType::F32, device)?);
    }
    let blocks: Vec<Placed<'_>> = filled.iter().map(|&index| beside[index]).collect();
    let queries: Vec<Placed<'_>> = filled
        .iter()
        .map(|&index| Placed {
            tokens: &pairs[index].tokens,
            from: read.blocks_len + batch.range(index).start,
        })
        .collect();
    let mut offset = 0;
    let offsets: Vec<usize> = rows
        .iter()
        .map(|row| {
            offset += row.tokens.len();
            offset - row.tokens.len()
        })
        .collect();
    let states = small.branches(&rows, &read.kv, &blocks, &queries)?;
    let mut placed = Vec::new();
    for (list, &index) in filled.iter().enumerate() {
        let call = pairs[index].call.as_ref().expect("filled pairs have a call");
        for (branch, start) in call.branches.iter().zip(&starts[list]) {
            placed.extend(branch.targets.iter().map(|(at, target)| Aim {
                at: (offsets[list] + start + at) as u32,
                pair: index,
                target,
            }));
        }
    }
    let mut loss = Tensor::zeros((), candle_core::DType::F32, device)?;
    for part in [
        presence_loss(small, (read, batch), &states, &placed)?,
        yes_no_loss(small, &states, &placed)?,
        span_loss(small, (read, batch), &states, pairs, &placed)?,
        option_loss(small, (read, batch), &states, &placed)?,
        write_loss(small, &states, &placed)?,
    ]
    .into_iter()
    .flatten()
    {
        loss = (loss + part)?;
    }
    Ok(loss)
}

/// A call's branches beside each other or, chained, as one; and where each parameter's tokens begin.
fn laid(call: &EncodedCall, is_chained: bool) -> (BranchRow, Vec<usize>) {
    let mut row = BranchRow::default();
    if !is_chained {
        let starts = call.branches.iter().map(|branch| row.push(&branch.tokens)).collect();
        return (row, starts);
    }
    let (mut chain, mut starts) = (Vec::new(), Vec::with_capacity(call.branches.len()));
    for branch in &call.branches {
        starts.push(chain.len());
        chain.extend_from_slice(&branch.tokens);
    }
    row.push(&chain);
    (row, starts)
}

/// Tokens of a pair's query as rows of all queries' states.
fn moved(batch: &Batch, pair: usize, mention: encode::Mention) -> encode::Mention {
    let from = batch.range(pair).start + QUERY_OFFSET;
    mention.map(|(first, last)| (from + first, from + last))
}

/// Optional parameters and flags.
fn presence_loss(
    small: &Small,
    (read, batch): (&Read, &Batch),
    states: &Tensor,
    placed: &[Aim<'_>],
) -> Result<Option<Tensor>, TrainingError> {
    let mut total: Option<Tensor> = None;
    for flags in [false, true] {
        let (mut at, mut said) = (Vec::new(), Vec::new());
        let (mut given, mut labels): (Vec<f32>, Vec<f32>) = Default::default();
        for place in placed {
            if let Target::Presence { yes, flag, features, mention } = place.target
                && *flag == flags
            {
                at.push(place.at);
                given.extend(features);
                said.push(moved(batch, place.pair, *mention));
                labels.push(f32::from(*yes));
            }
        }
        if at.is_empty() {
            continue;
        }
        let given = Tensor::from_vec(given, (at.len(), PRESENCE_FEATURES), states.device())?;
        let said = mentioned(&read.states, &said)?;
        let states = ops::rows(states, &at)?;
        let logits = match flags {
            false => small.heads.presence(&states, &said, &given)?,
            true => small.heads.flags(&states, &said, &given)?,
        };
        let loss = losses::binary(&logits, &labels)?;
        total = Some(match total.take() {
            Some(sum) => (sum + loss)?,
            None => loss,
        });
    }
    Ok(total)
}

/// Another element, copy or write, sign turned or not.
fn yes_no_loss(
    small: &Small,
    states: &Tensor,
    placed: &[Aim<'_>],
) -> Result<Option<Tensor>, TrainingError> {
    let mut plain: [(Vec<u32>, Vec<f32>); 3] = Default::default();
    for place in placed {
        if let Target::Span { negative: Some(negative), .. } = place.target {
            plain[2].0.push(place.at);
            plain[2].1.push(f32::from(*negative));
        }
        match place.target {
            Target::Another { yes } => {
                plain[0].0.push(place.at);
                plain[0].1.push(f32::from(*yes));
            }
            Target::Span { .. } | Target::Write { .. } => {
                plain[1].0.push(place.at);
                plain[1].1.push(f32::from(matches!(place.target, Target::Span { .. })));
            }
            Target::Option { .. } | Target::Presence { .. } => {}
        }
    }
    let mut total: Option<Tensor> = None;
    let mut add = |loss: Tensor| -> Result<(), TrainingError> {
        total = Some(match total.take() {
            Some(sum) => (sum + loss)?,
            None => loss,
        });
        Ok(())
    };
    let questions = [Question::Another, Question::Copy, Question::Negative];
    for (question, (at, yes)) in questions.into_iter().zip(plain) {
        if !at.is_empty() {
            let logits = small.heads.questions(&ops::rows(states, &at)?)?;
            add(losses::binary(&logits.narrow(1, question as usize, 1)?.squeeze(1)?, &yes)?)?;
        }
    }
    Ok(total)
}

fn span_loss(
    small: &Small,
    (read, batch): (&Read, &Batch),
    states: &Tensor,
    pairs: &[Pair],
    placed: &[Aim<'_>],
) -> Result<Option<Tensor>, TrainingError> {
    let mut at = Vec::new();
    let mut gold = (Vec::new(), Vec::new());
    let mut masks = (Vec::new(), Vec::new());
    for place in placed {
        if let Target::Span { start, end, prior, .. } = place.target {
            at.push(place.at);
            let from = batch.range(place.pair).start + QUERY_OFFSET;
            gold.0.push((from + start) as u32);
            gold.1.push((from + end) as u32);
            let own = from..from + pairs[place.pair].query_tokens;
            let mask = |costs: &[f32]| -> Vec<f32> {
                let cost = |key: usize| costs.get(key - own.start).copied().unwrap_or(0.0);
                let logit = |key| if own.contains(&key) { -cost(key) } else { MASKED };
                (0..batch.len()).map(logit).collect()
            };
            masks.0.extend(mask(&prior.first));
            masks.1.extend(mask(&prior.last));
        }
    }
    if at.is_empty() {
        return Ok(None);
    }
    let shape = (at.len(), batch.len());
    let first = Tensor::from_vec(masks.0, shape, states.device())?;
    let last = Tensor::from_vec(masks.1, shape, states.device())?;
    let (starts, ends) = small.heads.pointers(&ops::rows(states, &at)?, &read.states)?;
    let start = losses::classes(&(starts + first)?, &gold.0)?;
    let end = losses::classes(&(ends + last)?, &gold.1)?;
    Ok(Some((start + end)?))
}

fn option_loss(
    small: &Small,
    (read, batch): (&Read, &Batch),
    states: &Tensor,
    placed: &[Aim<'_>],
) -> Result<Option<Tensor>, TrainingError> {
    let mut at = Vec::new();
    let mut labels = Vec::new();
    let mut features = Vec::new();
    let mut said = Vec::new();
    let mut gold = Vec::new();
    let mut sizes = Vec::new();
    for place in placed {
        if let Target::Option { labels: of, features: given, mentions, gold: index } = place.target
        {
            at.extend(std::iter::repeat_n(place.at, of.len()));
            labels.extend(of.iter().cloned());
            features.extend(given.iter().flatten().copied());
            said.extend(mentions.iter().map(|mention| moved(batch, place.pair, *mention)));
            gold.push(*index as u32);
            sizes.push(of.len());
        }
    }
    if gold.is_empty() {
        return Ok(None);
    }
    let (count, device) = (labels.len(), states.device());
    let features = Tensor::from_vec(features, (count, OPTION_FEATURES), device)?;
    let labels = small.labels(&labels, device)?;
    let said = mentioned(&read.states, &said)?;
    let logits = small.heads.options(&ops::rows(states, &at)?, &labels, &said, &features)?;
    // Ragged to rectangular: index `count` is a logit that no option has.
    let masked = Tensor::new(&[MASKED], device)?;
    let padded = Tensor::cat(&[&logits, &masked], 0)?.unsqueeze(1)?;
    let widest = sizes.iter().copied().max().unwrap_or(1);
    let mut from = 0;
    let mut index = Vec::with_capacity(sizes.len() * widest);
    for size in &sizes {
        index.extend((0..widest).map(|i| if i < *size { (from + i) as u32 } else { count as u32 }));
        from += size;
    }
    let table = ops::rows(&padded, &index)?.reshape((sizes.len(), widest))?;
    Ok(Some(losses::classes(&table, &gold)?))
}

fn write_loss(
    small: &Small,
    states: &Tensor,
    placed: &[Aim<'_>],
) -> Result<Option<Tensor>, TrainingError> {
    let mut at = Vec::new();
    let mut gold = Vec::new();
    for place in placed {
        if let Target::Write { ids } = place.target {
            for (offset, &id) in ids.iter().chain([&(Special::ParamEnd as u32)]).enumerate() {
                at.push(place.at + offset as u32);
                gold.push(id);
            }
        }
    }
    at.truncate(WRITTEN_MAX);
    gold.truncate(WRITTEN_MAX);
    if at.is_empty() {
        return Ok(None);
    }
    let logits = small.vocabulary(&ops::rows(states, &at)?)?;
    Ok(Some((losses::classes(&logits, &gold)? * WRITE_WEIGHT)?))
}

#[cfg(test)]
mod tests {
    use hyfunc_cascade::shipped;

    use super::*;
    use crate::encode::EncodedBranch;

    #[test]
    fn a_chain_is_one_branch_and_parallel_branches_begin_anew() {
        let branch = |tokens: usize| EncodedBranch {
            tokens: vec![Token::special(Special::Param); tokens],
            targets: Vec::new(),
        };
        let call =
            EncodedCall { branches: vec![branch(2), branch(0), branch(3)], copied: Vec::new() };
        for (is_chained, places) in [(false, [0, 1, 0, 1, 2]), (true, [0, 1, 2, 3, 4])] {
            let (row, starts) = laid(&call, is_chained);
            assert_eq!(row.places, places);
            assert_eq!(starts, [0, 2, 2], "where they begin is the same");
        }
    }

    #[test]
    fn known_texts_come_out_as_computed_ones_would() {
        let tiny = shipped::EMBEDDED.load(&Device::Cpu).unwrap();
        let (large, tokenizer) = (&tiny.large, &tiny.tokenizer);
        let schema =
            serde_json::json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        let read = hyfunc_functions::schema::function_from_schema("is_prime", "", &schema).unwrap();
        let function = Arc::new(read);
        let queries = ["is 7 prime?", "how warm is it in Oslo", "thanks"];
        let rows: Vec<Row> = queries
            .iter()
            .map(|query| Row {
                id: String::new(),
                query: (*query).to_owned(),
                functions: vec![function.clone()],
                calls: Vec::new(),
                is_unmet: false,
            })
            .collect();
        let mut plain = Teacher::new(large, tokenizer, &Device::Cpu);
        let expected = plain.distil(&rows).unwrap();
        let (soft, vector) =
            (expected.soft.to_vec2::<f32>().unwrap(), plain.vector(&function).unwrap());
        let near = |one: &[f32], other: &[f32]| {
            assert_eq!(one.len(), other.len());
            one.iter().zip(other).for_each(|(a, b)| assert!((a - b).abs() < 1e-3, "{a} {b}"));
        };
        // None, one in the middle, all.
        for known in [&queries[..0], &queries[1..2], &queries[..]] {
            let mut embeddings = Embeddings::new("d");
            embeddings.add_functions(large, tokenizer, &[&function]).unwrap();
            if !known.is_empty() {
                embeddings.add_queries(large, tokenizer, known).unwrap();
            }
            let mut teacher =
                Teacher::new(large, tokenizer, &Device::Cpu).knowing(Some(&embeddings));
            let seen = teacher.distil(&rows).unwrap();
            let seen_soft = seen.soft.to_vec2::<f32>().unwrap();
            for at in 0..rows.len() {
                near(&seen_soft[at], &soft[at]);
                near(&seen.vectors[at], &expected.vectors[at]);
                near(&[seen.call_logits[at]], &[expected.call_logits[at]]);
            }
            near(&teacher.vector(&function).unwrap(), &vector);
            assert!(teacher.vectors.is_empty(), "a known function is not computed");
        }
    }
}
