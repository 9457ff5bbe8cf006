//! What each step must do at least, counted in bytes and operations: weights are read once a
//! forward, keys and values that several branches see are read once, every token meets all that it
//! sees. What is only written or read along the way is left out.

use hyfunc_kernels::model::Shape;
use hyfunc_measured::Work;

/// Bytes of a weight, a state's number, a key's and a value's: bf16.
const NUMBER: f64 = 2.0;

/// One forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forward {
    /// Positions of keys and values that all rows see.
    pub kept: usize,
    /// Rows that are read.
    pub rows: usize,
    /// Positions behind those that are kept, that each row has for itself.
    pub own: usize,
    /// Tokens of each.
    pub tokens: usize,
    /// Rows of the head that are read, for each row's last state; 0: none.
    pub head_rows: usize,
}

impl Forward {
    /// Bytes of weights: read once, however many requests share the forward.
    pub fn weights_bytes(self, shape: &Shape) -> f64 {
        NUMBER * (body(shape) + self.head_rows * shape.hidden) as f64
    }

    /// Of a model.
    pub fn work(self, shape: &Shape) -> Work {
        let (rows, tokens) = (self.rows as f64, self.tokens as f64);
        let (weights, head) = (body(shape) as f64, (self.head_rows * shape.hidden) as f64);
        let positions = self.kept as f64 + rows * (self.own as f64 + tokens);
        let behind = (self.kept + self.own) as f64;
        let seen = rows * (tokens * behind + tokens * (tokens + 1.0) / 2.0);
        Work {
            bytes: self.weights_bytes(shape) + positions * shape.page_bytes(1) as f64,
            operations: 2.0 * (rows * tokens * weights + rows * head)
                + 4.0 * seen * (shape.queries() * shape.layers) as f64,
        }
    }
}

/// A matrix times one vector.
pub(super) fn product(width_in: usize, width_out: usize) -> Work {
    let numbers = (width_in * width_out) as f64;
    Work { bytes: NUMBER * numbers, operations: 2.0 * numbers }
}

/// Weights that every forward reads: all but embeddings, the head and norms.
pub(super) fn body(shape: &Shape) -> usize {
    let projected = shape.vectors() * shape.width + shape.queries();
    shape.layers * shape.hidden * (projected + 3 * shape.inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Shapes;

    #[test]
    fn the_floors_of_the_paper_s_models_are_those_on_record() {
        let shapes = Shapes::paper();
        // At 4.8 TB/s: a token of the small model with a head of 2,000 rows in 0.184 ms, a query of
        // the large one in 2.9 ms.
        let step = Forward { rows: 1, tokens: 1, head_rows: 2000, ..Forward::default() };
        let ms = |work: Work| work.bytes / 4.8e12 * 1e3;
        assert!((ms(step.work(&shapes.small)) - 0.184).abs() < 0.001);
        let query = Forward { rows: 1, tokens: 80, ..Forward::default() };
        assert!((ms(query.work(&shapes.large)) - 2.9).abs() < 0.02);
    }

    #[test]
    fn branches_read_what_they_share_once_and_meet_it_each() {
        let shape = Shapes::tiny().small;
        let weights = body(&shape) as f64;
        // 2 layers of 16 × ((4 + 4) × 8 + 4 × 8) and 3 × 16 × 24 weights.
        assert_eq!(weights, 2.0 * 16.0 * (96.0 + 72.0));
        let token = 2.0 * 2.0 * 2.0 * 8.0 * 2.0;
        for (rows, own, tokens, seen) in
            [(1, 0, 1, 11), (1, 0, 3, 36), (2, 0, 3, 72), (2, 4, 1, 30)]
        {
            let forward = Forward { kept: 10, rows, own, tokens, head_rows: 0 };
            let work = forward.work(&shape);
            let (read, owned) = ((rows * tokens) as f64, (rows * own) as f64);
            assert_eq!(work.bytes, 2.0 * weights + (10.0 + owned + read) * token);
            assert_eq!(work.operations, 2.0 * read * weights + 4.0 * f64::from(seen) * 64.0);
        }
        assert_eq!(product(3, 5), Work { bytes: 30.0, operations: 30.0 });
    }
}
