//! The nearest functions.

use hyfunc_kernels::tolerance::Tolerance;
use hyfunc_kernels::{Element, Float, Machine, NONE, Retrieve, Tensor, reference};

use super::random::Random;

struct Case {
    float: Float,
    width_in: usize,
    width: usize,
    count: usize,
    k: usize,
}

impl Case {
    fn launch<M: Machine>(&self, machine: &M, state: &[f32], index: &[f32]) -> Vec<(u32, f32)> {
        let Self { float, width_in, width, count, k } = *self;
        let projection = self.projection();
        let tensor = |values: &[f32]| Tensor::from_floats(machine, float, values).unwrap();
        let blocks = Retrieve::<M>::blocks(machine, count);
        let mut projected = Tensor::poisoned(machine, Element::F32, width).unwrap();
        let mut best = Tensor::poisoned(machine, Element::U64, blocks * k).unwrap();
        let mut ids = Tensor::poisoned(machine, Element::U32, k).unwrap();
        let mut scores = Tensor::poisoned(machine, Element::F32, k).unwrap();
        Retrieve {
            float,
            width_in,
            width,
            count,
            k,
            state: &tensor(state),
            projection: &tensor(&projection),
            index: &tensor(index),
            projected: &mut projected,
            best: &mut best,
            ids: &mut ids,
            scores: &mut scores,
        }
        .launch(machine)
        .unwrap();
        ids.u32s(machine).unwrap().into_iter().zip(scores.floats(machine).unwrap()).collect()
    }

    fn projection(&self) -> Vec<f32> {
        Random(self.width as u64).floats(self.float, self.width * self.width_in)
    }

    fn truth(&self, state: &[f32], index: &[f32]) -> Vec<(u32, f32)> {
        let mut best = reference::retrieve(state, &self.projection(), index, self.width, self.k);
        best.resize(self.k, (NONE, f32::NEG_INFINITY));
        best
    }
}

/// Scores agree rank by rank, and each is the score of the id beside it.
pub fn ranked<M: Machine>(machine: &M) {
    let case = |float, width_in, width, count, k| Case { float, width_in, width, count, k };
    for float in Float::ALL {
        for case in [
            case(float, 8, 8, 0, 3),
            case(float, 1, 1, 1, 1),
            case(float, 24, 7, 5, 9),
            case(float, 40, 16, 300, 10),
            case(float, 16, 64, 1100, 64),
            // More than one sort for each block.
            case(float, 8, 8, 4200, 5),
        ] {
            let mut random = Random(case.count as u64);
            let state = random.floats(float, case.width_in);
            let index = random.floats(float, case.count * case.width);
            let truth = case.truth(&state, &index);
            let all = Case { k: case.count, ..case }.truth(&state, &index);
            let score_of = |id: u32| all.iter().find(|(other, _)| *other == id).map(|best| best.1);
            // Rows are not of length 1 here: scores grow with the root of the width.
            let tolerance = Tolerance::score(4 * case.width + case.width_in);
            for (rank, (found, truth)) in
                case.launch(machine, &state, &index).into_iter().zip(truth).enumerate()
            {
                let what = format!("{float:?} {} rows, rank {rank}", case.count);
                assert!(tolerance.holds(found.1, truth.1), "{what}: {found:?} for {truth:?}");
                match score_of(found.0) {
                    Some(score) => assert!(tolerance.holds(found.1, score), "{what}: {found:?}"),
                    None => assert_eq!(found, truth, "{what}"),
                }
            }
        }
    }
}

/// Equal rows, in all blocks: smaller ids first. NaN is nowhere. A state of zero scores 0.
pub fn ties<M: Machine>(machine: &M) {
    let case = Case { float: Float::Bf16, width_in: 8, width: 8, count: 700, k: 20 };
    let mut index = vec![0.5; 700 * 8];
    index[3 * 8] = f32::NAN;
    let state = Random(5).floats(case.float, 8);
    let ids = |best: Vec<(u32, f32)>| best.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    let first: Vec<u32> = (0..21).filter(|id| *id != 3).collect();
    assert_eq!(ids(case.launch(machine, &state, &index)), first);
    let zero = case.launch(machine, &[0.0; 8], &index);
    assert!(zero.iter().all(|(_, score)| *score == 0.0), "{zero:?}");
    assert_eq!(ids(zero), first);
    index.fill(f32::NAN);
    assert_eq!(case.launch(machine, &state, &index), [(NONE, f32::NEG_INFINITY); 20]);
}
