//! The whole forward as host C++, over small random weights: what a row's answer may not depend on.
//! That it is right is held against the CPU's decoder, in `gateway/device`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]
#![cfg(host_build)]

#[allow(dead_code, reason = "other tests need the rest")]
mod cases;

use std::sync::Arc;

use cases::random::Random;
use hyfunc_kernels::model::{
    Answer, Input, LayerWeights, Model, Reply, Row, Sequence, Settings, Shape, Steps, Weights,
};
use hyfunc_kernels::{Float, Host, KernelError, Machine, Tensor};

const VOCABULARY: usize = 40;
/// Of logits whose sums are rounded otherwise.
const ROUNDING: f32 = 0.02;
const SETTINGS: Settings =
    Settings { pages: 24, page_tokens: 4, batch_tokens_max: 24, splits_max: 1 };

fn shape() -> Shape {
    Shape {
        float: Float::Bf16,
        vocabulary: VOCABULARY,
        hidden: 16,
        inner: 24,
        layers: 2,
        heads: 4,
        heads_kv: 2,
        width: 8,
        context: 32,
        epsilon: 1e-6,
    }
}

fn weights<M: Machine>(machine: &M, shape: &Shape) -> Weights<M> {
    let mut random = Random(7);
    let mut tensor = |len: usize| {
        let values: Vec<f32> = random.floats(shape.float, len).iter().map(|x| x * 0.4).collect();
        Tensor::from_floats(machine, shape.float, &values).unwrap()
    };
    let layers = (0..shape.layers).map(|_| LayerWeights {
        attention_norm: tensor(shape.hidden),
        projection: tensor(shape.vectors() * shape.width * shape.hidden),
        projection_bias: Some(tensor(shape.vectors() * shape.width)),
        query_norm: Some(tensor(shape.width)),
        key_norm: Some(tensor(shape.width)),
        output: tensor(shape.hidden * shape.queries()),
        feed_forward_norm: tensor(shape.hidden),
        gate_up: tensor(2 * shape.inner * shape.hidden),
        down: tensor(shape.hidden * shape.inner),
    });
    let layers = layers.collect();
    let embedding = tensor(VOCABULARY * shape.hidden);
    let head = Some(tensor(VOCABULARY * shape.hidden));
    let norm = tensor(shape.hidden);
    let angles = (0..shape.context).flat_map(|at| (0..4).map(move |pair| (at * (pair + 1)) as f32));
    let angles: Vec<f32> = angles.map(|angle| angle * 0.1).collect();
    let turns = |of: fn(f32) -> f32| {
        let turns: Vec<f32> = angles.iter().map(|angle| of(*angle)).collect();
        Tensor::from_f32(machine, &turns).unwrap()
    };
    Weights { embedding, layers, norm, head, cosines: turns(f32::cos), sines: turns(f32::sin) }
}

fn model(settings: Settings) -> Model<Host> {
    let machine = Host::new(1);
    let weights = weights(&machine, &shape());
    Model::new(machine, shape(), settings, weights).unwrap()
}

fn tokens(seed: u64, count: usize) -> Vec<u32> {
    let mut random = Random(seed);
    (0..count).map(|_| random.below(VOCABULARY) as u32).collect()
}

/// Logits after each of `tokens`, read together behind `sequence`.
fn read<M: Machine>(
    model: &mut Model<M>,
    sequence: &mut Sequence,
    tokens: &[u32],
) -> Vec<Vec<f32>> {
    let inputs: Vec<Input<'_>> = tokens.iter().map(|token| Input::Token(*token)).collect();
    let answer = Answer::Logits { last: tokens.len() };
    let replies = model.forward(&mut [Row { sequence, inputs: &inputs, answer }]).unwrap();
    match replies.as_slice() {
        [Reply::Logits(logits)] => logits.clone(),
        other => panic!("{other:?}"),
    }
}

fn best(logits: &[f32]) -> u32 {
    let greater = |a: &usize, b: &usize| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a));
    (0..logits.len()).max_by(greater).unwrap() as u32
}

#[test]
fn however_tokens_are_cut_the_logits_are_the_same() {
    let mut model = model(SETTINGS);
    let text = tokens(1, 19);
    let whole = read(&mut model, &mut Sequence::new(), &text);
    assert!(whole.iter().flatten().all(|logit| logit.is_finite()));
    assert_ne!(whole[0], whole[1], "tokens matter");
    for cut in [1, 4, 5, 18] {
        let mut sequence = Sequence::new();
        let mut logits = read(&mut model, &mut sequence, &text[..cut]);
        logits.extend(read(&mut model, &mut sequence, &text[cut..]));
        assert_eq!(logits, whole, "cut at {cut}");
    }
}

#[test]
fn a_batch_of_ragged_rows_answers_as_each_row_alone() {
    let mut model = model(SETTINGS);
    let prefix = tokens(2, 8);
    let parts: Vec<Vec<u32>> = [1, 5, 3, 2].map(|count| tokens(count as u64 + 9, count)).into();
    let vector: Vec<f32> = Random(5).floats(Float::Bf16, shape().hidden);
    let mut alone = Vec::new();
    for part in &parts {
        let mut sequence = Sequence::new();
        read(&mut model, &mut sequence, &prefix);
        alone.push(read(&mut model, &mut sequence, part));
    }
    let soft = [Input::Vector(&vector), Input::Token(3)];
    let mut sequence = Sequence::new();
    let answer = Answer::Logits { last: 1 };
    let row = Row { sequence: &mut sequence, inputs: &soft, answer };
    let soft_alone = model.forward(&mut [row]).unwrap().remove(0);

    // The first three share the pages of one prefix, the fourth read its own; the fifth is soft.
    let mut shared = Sequence::new();
    read(&mut model, &mut shared, &prefix);
    let mut own = Sequence::new();
    read(&mut model, &mut own, &prefix);
    let mut sequences = [shared.clone(), shared.clone(), shared.clone(), own, Sequence::new()];
    let mut inputs: Vec<Vec<Input<'_>>> = Vec::new();
    inputs.extend(parts.iter().map(|part| part.iter().map(|token| Input::Token(*token)).collect()));
    inputs.push(soft.to_vec());
    let lasts = [1, 5, 3, 2, 1];
    let mut rows: Vec<Row<'_>> = Vec::new();
    for ((sequence, inputs), last) in sequences.iter_mut().zip(&inputs).zip(lasts) {
        rows.push(Row { sequence, inputs, answer: Answer::Logits { last } });
    }
    let replies = model.forward(&mut rows).unwrap();
    for (reply, alone) in replies.iter().zip(alone) {
        assert_eq!(*reply, Reply::Logits(alone));
    }
    assert_eq!(replies[4], soft_alone);
    assert_eq!(sequences.map(|sequence| sequence.len()), [9, 13, 11, 10, 2]);
}

/// Pages that end early round otherwise than full ones.
#[test]
fn a_page_that_is_shared_in_part_is_seen_in_part() {
    let mut model = model(SETTINGS);
    let prefix = tokens(2, 6);
    let mut shared = Sequence::new();
    read(&mut model, &mut shared, &prefix);
    let mut branches = [shared.clone(), shared.clone(), shared.clone()];
    for round in 0..3 {
        for (seed, branch) in branches.iter_mut().enumerate() {
            let part = tokens((10 * round + seed) as u64, 2);
            let logits = read(&mut model, branch, &part);
            branch.truncate(prefix.len());
            let mut whole = Sequence::new();
            read(&mut model, &mut whole, &prefix);
            let wanted = read(&mut model, &mut whole, &part);
            for (logit, wanted) in logits.iter().flatten().zip(wanted.iter().flatten()) {
                assert!((logit - wanted).abs() < ROUNDING, "{logit} for {wanted}");
            }
            read(&mut model, branch, &tokens(77 + seed as u64, 1));
            branch.truncate(prefix.len());
        }
    }
}

#[test]
fn what_was_evicted_and_read_again_and_what_was_forgotten_change_nothing() {
    let mut model = model(SETTINGS);
    let text = tokens(3, 12);
    let more = tokens(4, 3);
    let mut kept = Sequence::new();
    read(&mut model, &mut kept, &text);
    let wanted = read(&mut model, &mut kept.clone(), &more);
    // Others come and go, so that pages are others' before.
    for seed in 0..6 {
        let mut other = kept.clone();
        read(&mut model, &mut other, &tokens(seed + 20, 9));
        assert_eq!(read(&mut model, &mut kept.clone(), &more), wanted);
        other.truncate(14);
        let mut again = Sequence::new();
        read(&mut model, &mut again, &text);
        assert_eq!(read(&mut model, &mut again, &more), wanted);
        again.truncate(text.len());
        read(&mut model, &mut again, &tokens(seed, 2));
        again.truncate(text.len());
        assert_eq!(read(&mut model, &mut again, &more), wanted);
    }
    drop(kept);
    assert_eq!(model.pages_free(), SETTINGS.pages);
}

#[test]
fn the_best_of_candidates_is_the_best_of_their_logits() {
    let mut model = model(SETTINGS);
    let prompts = [tokens(1, 4), tokens(2, 1), tokens(3, 6), tokens(4, 2)];
    let logits: Vec<Vec<f32>> = prompts
        .iter()
        .map(|prompt| read(&mut model, &mut Sequence::new(), prompt).pop().unwrap())
        .collect();
    let everything: Vec<u32> = (0..VOCABULARY as u32).rev().collect();
    let few = [3, 99, 30, 3, 7];
    let candidates: [&[u32]; 4] = [&everything, &few, &[], &[12]];
    let mut sequences = prompts.each_ref().map(|_| Sequence::new());
    let inputs = prompts
        .each_ref()
        .map(|prompt| prompt.iter().map(|token| Input::Token(*token)).collect::<Vec<Input<'_>>>());
    let mut rows: Vec<Row<'_>> = Vec::new();
    for ((sequence, inputs), candidates) in sequences.iter_mut().zip(&inputs).zip(candidates) {
        rows.push(Row { sequence, inputs, answer: Answer::Best { candidates } });
    }
    let replies = model.forward(&mut rows).unwrap();
    for ((reply, logits), candidates) in replies.iter().zip(&logits).zip(candidates) {
        let known = candidates.iter().filter(|token| (**token as usize) < VOCABULARY);
        let wanted = known
            .copied()
            .max_by(|a, b| logits[*a as usize].total_cmp(&logits[*b as usize]).then(b.cmp(a)));
        let Reply::Best(found) = reply else { panic!("{reply:?}") };
        assert_eq!(found.map(|(token, _)| token), wanted);
        if let Some((token, score)) = *found {
            let logit = logits[token as usize];
            assert!((score - logit).abs() <= 1e-5, "{score} for {logit}");
        }
    }
}

#[test]
fn a_state_is_what_the_head_reads() {
    let mut model = model(SETTINGS);
    let text = tokens(1, 6);
    let logits = read(&mut model, &mut Sequence::new(), &text).pop().unwrap();
    let machine = Host::new(1);
    let head = weights(&machine, &shape()).head.unwrap().floats(&machine).unwrap();
    let inputs: Vec<Input<'_>> = text.iter().map(|token| Input::Token(*token)).collect();
    let (mut one, mut other) = (Sequence::new(), Sequence::new());
    let mut rows = [
        Row { sequence: &mut one, inputs: &inputs[..3], answer: Answer::Nothing },
        Row { sequence: &mut other, inputs: &inputs, answer: Answer::State },
    ];
    let replies = model.forward(&mut rows).unwrap();
    let [Reply::Nothing, Reply::State(state)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!(state.len(), shape().hidden);
    for (row, wanted) in head.chunks_exact(shape().hidden).zip(logits) {
        let found: f32 = row.iter().zip(state).map(|(a, b)| a * b).sum();
        assert!((found - wanted).abs() <= 1e-4, "{found} for {wanted}");
    }
}

#[test]
fn models_that_share_a_machine_answer_as_one_alone() {
    let machine = Arc::new(Host::new(1));
    let made = |machine: &Arc<Host>| {
        let weights = weights(machine, &shape());
        Model::new(Arc::clone(machine), shape(), SETTINGS, weights).unwrap()
    };
    let mut both = [made(&machine), made(&machine)];
    let text = tokens(1, 6);
    let wanted = read(&mut model(SETTINGS), &mut Sequence::new(), &text);
    for model in &mut both {
        assert_eq!(read(model, &mut Sequence::new(), &text), wanted);
    }
}

#[test]
fn steps_without_the_host_choose_what_steps_with_it_choose() {
    let mut model = model(SETTINGS);
    let everything: Vec<u32> = (0..VOCABULARY as u32).collect();
    let prompts = [tokens(1, 5), tokens(2, 1), tokens(3, 9)];
    let tokens_max = [9, 1, 6];
    let mut wanted: Vec<Vec<u32>> = Vec::new();
    for (prompt, tokens_max) in prompts.iter().zip(tokens_max) {
        let mut sequence = Sequence::new();
        let mut logits = read(&mut model, &mut sequence, prompt);
        let mut answer = Vec::new();
        while answer.len() < tokens_max {
            answer.push(best(&logits[logits.len() - 1]));
            logits = read(&mut model, &mut sequence, &answer[answer.len() - 1..]);
        }
        wanted.push(answer);
    }
    // The third ends where it says its third token for the first time.
    let stops = [wanted[2][2]];
    let end = wanted[2].iter().position(|token| *token == stops[0]).unwrap();
    wanted[2].truncate(end + 1);

    let mut sequences = prompts.each_ref().map(|prompt| {
        let mut sequence = Sequence::new();
        if let [text @ .., _] = prompt.as_slice()
            && !text.is_empty()
        {
            read(&mut model, &mut sequence, text);
        }
        sequence
    });
    let mut rows: Vec<Steps<'_>> = Vec::new();
    for ((sequence, prompt), tokens_max) in sequences.iter_mut().zip(&prompts).zip(tokens_max) {
        let stops: &[u32] = if tokens_max == 6 { &stops } else { &[] };
        let token = prompt[prompt.len() - 1];
        rows.push(Steps { sequence, token, stops, tokens_max });
    }
    let found = model.step(&mut rows, &everything).unwrap();
    let found: Vec<Vec<u32>> = found.into_iter().map(|one| one.tokens).collect();
    assert_eq!(found, wanted);
    // What was read is as if the host had read it: the last token is still to be read.
    for ((sequence, prompt), answer) in sequences.iter_mut().zip(&prompts).zip(&wanted) {
        assert_eq!(sequence.len(), prompt.len() + answer.len() - 1);
        let last = &answer[answer.len() - 1..];
        let goes_on = read(&mut model, sequence, last);
        let mut whole = prompt.clone();
        whole.extend(answer);
        assert_eq!(goes_on[0], *read(&mut model, &mut Sequence::new(), &whole).last().unwrap());
    }
}

/// As `read`, and nothing but the last logits.
fn next(model: &mut Model<Host>, sequence: &mut Sequence, tokens: &[u32]) -> Vec<f32> {
    read(model, sequence, tokens).pop().unwrap()
}

#[test]
fn forwards_that_were_recorded_answer_as_launch_by_launch() {
    // So few that the list of pages outgrows its buffer, and recordings with it.
    let few = Settings { pages: 64, batch_tokens_max: 6, ..SETTINGS };
    let mut recorded = model(few);
    let mut plain = model(few);
    plain.set_recording(false);
    let mut random = Random(12);
    let mut pairs: Vec<(Sequence, Sequence)> = vec![Default::default(); 5];
    for round in 0..40 {
        let pair = random.below(pairs.len());
        let count = random.below(few.batch_tokens_max) + 1;
        let (one, other) = &mut pairs[pair];
        if one.len() + count > shape().context {
            *one = Sequence::new();
            *other = Sequence::new();
        }
        let text = tokens(round, count);
        assert_eq!(next(&mut recorded, one, &text), next(&mut plain, other, &text), "{round}");
    }
    // Many rows at once, whose pages are more than a forward has tokens.
    for round in 0..4u32 {
        let inputs = [Input::Token(round)];
        let answer = Answer::Logits { last: 1 };
        let mut all = |model: &mut Model<Host>,
                       of: fn(&mut (Sequence, Sequence)) -> &mut Sequence| {
            let short = pairs.iter_mut().map(of).filter(|one| one.len() < shape().context);
            let rows = short.map(|sequence| Row { sequence, inputs: &inputs, answer });
            let mut rows: Vec<Row<'_>> = rows.collect();
            model.forward(&mut rows).unwrap()
        };
        let found = all(&mut recorded, |pair| &mut pair.0);
        assert_eq!(found, all(&mut plain, |pair| &mut pair.1), "round {round}");
        assert!(found.len() > 1);
    }
    assert!(recorded.recordings() > 0, "some were recorded");
    assert_eq!(plain.recordings(), 0);
    recorded.set_recording(false);
    assert_eq!(recorded.recordings(), 0);
    let text = tokens(99, 5);
    let mut sequences = [Sequence::new(), Sequence::new()];
    let [one, other] = &mut sequences;
    assert_eq!(next(&mut recorded, one, &text), next(&mut plain, other, &text));
}

#[test]
fn steps_that_were_recorded_choose_as_launch_by_launch() {
    let everything: Vec<u32> = (0..VOCABULARY as u32).collect();
    let mut answers = Vec::new();
    for is_on in [true, false] {
        let mut model = model(SETTINGS);
        model.set_recording(is_on);
        let mut sequences = [Sequence::new(), Sequence::new(), Sequence::new()];
        let mut said = Vec::new();
        // Three rows fill up a bucket of four; what filled it up once is a row's the next time.
        for count in [3, 2, 1, 3] {
            let rows = sequences.iter_mut().take(count).zip(1u32..);
            let rows =
                rows.map(|(sequence, token)| Steps { sequence, token, stops: &[], tokens_max: 3 });
            said.push(model.step(&mut rows.collect::<Vec<_>>(), &everything).unwrap());
        }
        assert_eq!(model.recordings() > 0, is_on);
        answers.push((said, sequences.map(|sequence| sequence.len())));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].1, [12, 9, 6]);
}

#[test]
fn sixty_four_rows_of_one_forward_answer_as_each_alone() {
    let settings = Settings { pages: 160, batch_tokens_max: 160, ..SETTINGS };
    let mut model = model(settings);
    let mut prefix = Sequence::new();
    read(&mut model, &mut prefix, &tokens(2, 8));
    // Half of them behind a prefix that they share, half by themselves; one to three tokens each.
    let begun = |at: usize| if at.is_multiple_of(2) { prefix.clone() } else { Sequence::new() };
    let texts: Vec<Vec<u32>> = (0..64).map(|at| tokens(at as u64 + 100, at % 3 + 1)).collect();
    let mut alone = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        alone.push(next(&mut model, &mut begun(at), text));
    }
    let inputs: Vec<Vec<Input<'_>>> =
        texts.iter().map(|text| text.iter().map(|token| Input::Token(*token)).collect()).collect();
    let mut sequences: Vec<Sequence> = (0..64).map(begun).collect();
    let answer = Answer::Logits { last: 1 };
    let rows = sequences.iter_mut().zip(&inputs);
    let rows = rows.map(|(sequence, inputs)| Row { sequence, inputs, answer });
    let replies = model.forward(&mut rows.collect::<Vec<_>>()).unwrap();
    for (at, (reply, alone)) in replies.into_iter().zip(alone).enumerate() {
        assert_eq!(reply, Reply::Logits(vec![alone]), "row {at}");
    }
}

/// What one of a schedule's readers is at.
#[derive(Default)]
struct Reader {
    sequence: Sequence,
    /// As a prompt that is kept: it holds pages that its reader goes on behind.
    kept: Sequence,
    read: usize,
}

/// Who reads when, how much at once, with whom, who goes on in a clone, and whose pages are taken for
/// others: no logit depends on any of it.
#[test]
fn any_schedule_gives_the_same_logits() {
    const READERS: usize = 6;
    const LENGTH: usize = 18;
    // Four of six fit.
    let settings = Settings { pages: 20, ..SETTINGS };
    let mut model = model(settings);
    let texts: Vec<Vec<u32>> = (0..READERS as u64).map(|seed| tokens(seed + 40, LENGTH)).collect();
    let whole = |text: &Vec<u32>, model: &mut Model<Host>| read(model, &mut Sequence::new(), text);
    let wanted: Vec<Vec<Vec<f32>>> = texts.iter().map(|text| whole(text, &mut model)).collect();
    let mut evicted = 0;
    for seed in 0..3 {
        let mut random = Random(seed + 70);
        let mut readers: Vec<Reader> = (0..READERS).map(|_| Reader::default()).collect();
        while readers.iter().any(|reader| reader.read < LENGTH) {
            let mut room = settings.batch_tokens_max;
            let mut taking = Vec::new();
            for (at, reader) in readers.iter_mut().enumerate() {
                let count = (random.below(5) + 1).min(LENGTH - reader.read).min(room);
                if count > 0 && random.below(3) > 0 {
                    if reader.read.is_multiple_of(settings.page_tokens) && random.below(2) == 0 {
                        let clone = reader.sequence.clone();
                        reader.kept = std::mem::replace(&mut reader.sequence, clone);
                    }
                    room -= count;
                    taking.push((at, count));
                }
            }
            let inputs: Vec<Vec<Input<'_>>> = taking
                .iter()
                .map(|(at, count)| {
                    let from = readers[*at].read;
                    texts[*at][from..from + count]
                        .iter()
                        .map(|token| Input::Token(*token))
                        .collect()
                })
                .collect();
            let mut rows = Vec::new();
            for (at, reader) in readers.iter_mut().enumerate() {
                let Some(row) = taking.iter().position(|(taken, _)| *taken == at) else { continue };
                let answer = Answer::Logits { last: taking[row].1 };
                rows.push(Row { sequence: &mut reader.sequence, inputs: &inputs[row], answer });
            }
            match model.forward(&mut rows) {
                Ok(replies) => {
                    for ((at, count), reply) in taking.iter().zip(replies) {
                        let from = readers[*at].read;
                        let wanted = wanted[*at][from..from + count].to_vec();
                        assert_eq!(reply, Reply::Logits(wanted), "seed {seed}, reader {at}");
                        readers[*at].read += count;
                    }
                }
                Err(KernelError::OutOfPages { .. }) => {
                    // Somebody's pages go, and are read again later.
                    let held: Vec<usize> =
                        (0..READERS).filter(|at| readers[*at].sequence.pages() > 0).collect();
                    readers[held[random.below(held.len())]] = Reader::default();
                    evicted += 1;
                }
                Err(error) => panic!("{error}"),
            }
            // Who is done makes room.
            for reader in readers.iter_mut().filter(|reader| reader.read == LENGTH) {
                reader.sequence = Sequence::new();
                reader.kept = Sequence::new();
            }
        }
        assert_eq!(model.pages_free(), settings.pages, "seed {seed}");
    }
    assert!(evicted > 0, "nobody was evicted");
}

#[test]
fn parts_of_pages_are_joined_within_rounding() {
    let text = tokens(8, 20);
    let mut whole = model(SETTINGS);
    let mut parted = model(Settings { splits_max: 8, ..SETTINGS });
    let (mut one, mut two) = (Sequence::new(), Sequence::new());
    read(&mut whole, &mut one, &text);
    read(&mut parted, &mut two, &text);
    // One token leaves processors idle: its pages are cut into parts.
    let logits = read(&mut whole, &mut one, &[1]);
    let others = read(&mut parted, &mut two, &[1]);
    for (logit, other) in logits[0].iter().zip(&others[0]) {
        assert!((logit - other).abs() < ROUNDING, "{other} for {logit}");
    }
}

#[test]
fn what_cannot_be_read_is_said_and_leaves_everything_as_it_was() {
    let mut model = model(Settings { pages: 5, ..SETTINGS });
    let text = tokens(1, 8);
    let mut kept = Sequence::new();
    read(&mut model, &mut kept, &text);
    let wanted = read(&mut model, &mut kept.clone(), &[2]);
    let vector = [0.0; 3];
    let long = [Input::Token(1); 27];
    let cases: [(&[Input<'_>], usize, &str); 7] = [
        (&[], 1, "there must be an input"),
        (&[Input::Token(40)], 1, "one that the model knows; it is 40"),
        (&[Input::Vector(&vector)], 1, "as wide as a state; it is 3"),
        (&long[..2], 0, "1 to all of its inputs; it is 0"),
        (&long[..2], 3, "1 to all of its inputs; it is 3"),
        (&long, 1, "not be longer than the context; it is 35"),
        (&long[..16], 1, "all 5 pages of keys and values (4 tokens each) are in use"),
    ];
    for (inputs, last, said) in cases {
        let answer = Answer::Logits { last };
        let row = Row { sequence: &mut kept, inputs, answer };
        let error = model.forward(&mut [row]).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(kept.len(), 8);
        assert_eq!(model.pages_free(), 3, "{said}");
        assert_eq!(read(&mut model, &mut kept.clone(), &[2]), wanted);
    }
    let mut other = Sequence::new();
    let row = |sequence| Row { sequence, inputs: &long[..13], answer: Answer::Nothing };
    let error = model.forward(&mut [row(&mut kept), row(&mut other)]).unwrap_err();
    assert!(matches!(error, KernelError::Limit { value: 26, .. }), "{error}");
    let steps = Steps { sequence: &mut kept, token: 1, stops: &[], tokens_max: 20 };
    let error = model.step(&mut [steps], &[1]).unwrap_err();
    assert!(matches!(error, KernelError::OutOfPages { .. }), "{error}");
    assert_eq!((kept.len(), model.pages_free()), (8, 3));
}

#[test]
fn shapes_that_no_kernel_is_made_for_are_refused() {
    let machine = Host::new(1);
    type Spoil = fn(&mut Shape);
    let cases: [(Spoil, &str); 4] = [
        (|shape| shape.width = 12, "a multiple of 8 up to 256; it is 12"),
        (|shape| shape.heads = 3, "a multiple of the heads of keys; it is 3"),
        (|shape| shape.layers = 3, "weights for every layer of the shape; it is 2"),
        (|shape| shape.hidden = 24, "`embedding` must hold at least 960 bf16; it holds 640"),
    ];
    for (change, said) in cases {
        let mut other = shape();
        change(&mut other);
        let refused = Model::new(machine.clone(), other, SETTINGS, weights(&machine, &shape()));
        let Err(error) = refused else { panic!("{said}") };
        assert!(error.to_string().contains(said), "{error}");
    }
}
