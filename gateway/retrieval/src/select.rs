//! Threshold or none.

use crate::index::Hit;

/// The best hits whose score reaches `threshold`, best first, at most `k`.
///
/// Empty is a possible answer: no function fits. A hit or threshold that is NaN selects nothing.
pub fn select(mut hits: Vec<Hit>, threshold: f32, k: usize) -> Vec<Hit> {
    hits.retain(|hit| hit.score >= threshold);
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
    hits.truncate(k);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(id: u32, score: f32) -> Hit {
        Hit { id, score, dense: score, lexical: 0.0 }
    }

    #[test]
    fn keeps_what_reaches_the_threshold() {
        let hits = vec![hit(3, 0.4), hit(1, 0.9), hit(2, 0.5), hit(4, f32::NAN)];
        for (threshold, k, expected) in [
            (0.5, 9, vec![1, 2]),
            (0.5, 1, vec![1]),
            (0.95, 9, vec![]),
            (0.0, 0, vec![]),
            (-1.0, 9, vec![1, 2, 3]),
            (f32::NAN, 9, vec![]),
        ] {
            let ids: Vec<u32> =
                select(hits.clone(), threshold, k).iter().map(|hit| hit.id).collect();
            assert_eq!(ids, expected, "threshold {threshold}, k {k}");
        }
    }
}
