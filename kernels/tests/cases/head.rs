//! The best allowed token.

use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Element, Float, HeadArgmax, Machine, NONE, Tensor, reference};

use super::random::Random;

struct Case {
    float: Float,
    rows: usize,
    width: usize,
    states: Vec<f32>,
    head: Vec<f32>,
    candidates: Vec<u32>,
    /// `[rows][candidates]`, if not all are allowed.
    allowed: Option<Vec<Vec<bool>>>,
}

impl Case {
    fn is_allowed(&self, row: usize, candidate: usize) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed[row][candidate])
    }

    fn truth(&self) -> Vec<Option<(u32, f32)>> {
        let allowed = |row: usize, candidate: usize| self.is_allowed(row, candidate);
        reference::head_argmax(&self.states, &self.head, self.width, &self.candidates, allowed)
    }

    /// Launches twice on the same scratch: each must leave it as it was.
    fn launch<M: Machine>(&self, machine: &M) -> Vec<(u32, f32)> {
        let tensor = |values: &[f32]| Tensor::from_floats(machine, self.float, values).unwrap();
        let words = self.candidates.len().div_ceil(32);
        let bits = self.allowed.as_ref().map(|allowed| {
            let mut bits = vec![0u32; self.rows * words];
            for (row, allowed) in allowed.iter().enumerate() {
                for (c, _) in allowed.iter().enumerate().filter(|(_, yes)| **yes) {
                    bits[row * words + c / 32] |= 1 << (c % 32);
                }
            }
            Tensor::from_u32(machine, &bits).unwrap()
        });
        let (states, head) = (tensor(&self.states), tensor(&self.head));
        let candidates = Tensor::from_u32(machine, &self.candidates).unwrap();
        let mut keys = Tensor::zeros(machine, Element::U64, self.rows).unwrap();
        let mut arrived = Tensor::zeros(machine, Element::U32, self.rows.div_ceil(8)).unwrap();
        let mut answers = Vec::new();
        for _ in 0..2 {
            let mut tokens = Tensor::poisoned(machine, Element::U32, self.rows).unwrap();
            let mut scores = Tensor::poisoned(machine, Element::F32, self.rows).unwrap();
            HeadArgmax {
                float: self.float,
                rows: self.rows,
                width: self.width,
                vocabulary: self.head.len() / self.width,
                candidate_count: self.candidates.len(),
                states: &states,
                head: &head,
                candidates: &candidates,
                allowed: bits.as_ref(),
                keys: &mut keys,
                arrived: &mut arrived,
                tokens: &mut tokens,
                scores: &mut scores,
            }
            .launch(machine)
            .unwrap();
            let (tokens, scores) = (tokens.u32s(machine).unwrap(), scores.floats(machine).unwrap());
            answers.push(tokens.into_iter().zip(scores).collect::<Vec<_>>());
        }
        let again = answers.pop().unwrap();
        assert_eq!(answers[0], again, "the second launch found the scratch as the first did");
        again
    }
}

/// Whole numbers: scores are exact, so the winner is, too, and ties are many.
pub fn exact<M: Machine>(machine: &M) {
    for float in Float::ALL {
        for (rows, width, vocabulary, count) in
            [(0, 8, 10, 5), (1, 1, 1, 1), (3, 7, 40, 33), (8, 64, 300, 100), (11, 16, 500, 129)]
        {
            let mut random = Random((rows + width) as u64);
            let candidates: Vec<u32> =
                (0..count).map(|_| random.below(vocabulary + 3) as u32).collect();
            let allowed: Vec<Vec<bool>> = (0..rows)
                .map(|row| (0..count).map(|_| row % 4 != 1 && random.below(3) == 0).collect())
                .collect();
            for allowed in [None, Some(allowed)] {
                let case = Case {
                    float,
                    rows,
                    width,
                    states: random.whole(rows * width),
                    head: random.whole(vocabulary * width),
                    candidates: candidates.clone(),
                    allowed,
                };
                let truth: Vec<(u32, f32)> = case
                    .truth()
                    .into_iter()
                    .map(|best| best.unwrap_or((NONE, f32::NEG_INFINITY)))
                    .collect();
                assert_eq!(case.launch(machine), truth, "{float:?} {rows} {width} {count}");
            }
        }
    }
}

/// Any numbers: the winner is allowed, and its score is the best there is, within rounding.
pub fn rounded<M: Machine>(machine: &M) {
    for float in Float::ALL {
        let (rows, width, vocabulary) = (5, 1024, 64);
        let mut random = Random(11);
        let case = Case {
            float,
            rows,
            width,
            states: random.floats(float, rows * width),
            head: random.floats(float, vocabulary * width),
            candidates: (0..vocabulary as u32).rev().collect(),
            allowed: None,
        };
        let tolerance = Tolerance::score(width);
        for ((token, score), best) in case.launch(machine).into_iter().zip(case.truth()) {
            let (_, best) = best.unwrap();
            assert!((token as usize) < vocabulary && tolerance.holds(score, best));
        }
    }
}

pub fn nan_never_wins<M: Machine>(machine: &M) {
    let mut case = Case {
        float: Float::F16,
        rows: 2,
        width: 8,
        states: vec![1.0; 16],
        head: vec![-1.0; 32],
        candidates: vec![3, 2, 1, 0],
        allowed: None,
    };
    case.head[8..16].fill(f32::NAN);
    assert_eq!(case.launch(machine), [(0, -8.0), (0, -8.0)]);
    case.head.fill(f32::NAN);
    assert_eq!(case.launch(machine), [(NONE, f32::NEG_INFINITY); 2]);
    case.candidates.clear();
    assert_eq!(case.launch(machine), [(NONE, f32::NEG_INFINITY); 2]);
}
