//! Ways to bring functions into an order.

use hyfunc_retrieval::IndexConfig;

use super::evidence::Evidence;

/// Weight of the words where they are mixed with vectors.
const WORDS_SHARE: f32 = 0.5;

/// A way to score functions. Encoders are named by their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// As in tables.
    pub name: String,
    /// How.
    pub kind: WayKind,
}

/// How functions are scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayKind {
    /// BM25 over the whole request.
    Words,
    /// The best over the wishes of BM25, brought to 0..=1 in each.
    WordsByWish,
    /// The cosine with the whole request.
    Vectors(usize),
    /// As the index serves: the cosine with the whole request, and [`WayKind::WordsByWish`].
    Served(usize),
    /// Cosines and words, each brought to 0..=1; encoders share their half.
    Mixed(Vec<usize>),
    /// The best over the wishes of the same.
    MixedByWish(Vec<usize>),
}

/// Every way that these encoders allow, in the order of tables.
pub fn ways(encoders: &[String]) -> Vec<Way> {
    let way = |name: String, kind| Way { name, kind };
    let mut ways = vec![
        way("BM25".to_owned(), WayKind::Words),
        way("BM25 by wish".to_owned(), WayKind::WordsByWish),
    ];
    for (at, name) in encoders.iter().enumerate() {
        ways.push(way(name.clone(), WayKind::Vectors(at)));
        ways.push(way(format!("{name} + BM25, as served"), WayKind::Served(at)));
        ways.push(way(format!("{name} + BM25, min-max"), WayKind::Mixed(vec![at])));
        ways.push(way(format!("{name} + BM25 by wish"), WayKind::MixedByWish(vec![at])));
    }
    if encoders.len() > 1 {
        let all: Vec<usize> = (0..encoders.len()).collect();
        ways.push(way("all + BM25, min-max".to_owned(), WayKind::Mixed(all.clone())));
        ways.push(way("all + BM25 by wish".to_owned(), WayKind::MixedByWish(all)));
    }
    ways
}

impl Way {
    /// Encoders that it needs.
    fn encoders(&self) -> &[usize] {
        match &self.kind {
            WayKind::Words | WayKind::WordsByWish => &[],
            WayKind::Vectors(at) | WayKind::Served(at) => std::slice::from_ref(at),
            WayKind::Mixed(all) | WayKind::MixedByWish(all) => all,
        }
    }

    /// Rank of each of these functions, from 1; `None` for one that is not found: by words, one
    /// without any of them, and by vectors each, where the encoder refused the request.
    pub(super) fn ranks(&self, evidence: &Evidence, relevant: &[u32]) -> Vec<Option<usize>> {
        if self.encoders().iter().any(|at| evidence.cosines[*at].is_err()) {
            return vec![None; relevant.len()];
        }
        let scores = self.scores(evidence);
        let by_words = self.encoders().is_empty();
        let place = |id: &u32| {
            let score = *scores.get(*id as usize)?;
            (!by_words || score > 0.0).then(|| rank(&scores, *id as usize, score))
        };
        relevant.iter().map(place).collect()
    }

    fn scores(&self, evidence: &Evidence) -> Vec<f32> {
        let mixed = |all: &[usize], wish: usize| {
            let mut mix: Vec<f32> =
                evidence.wishes[wish].iter().map(|words| words * WORDS_SHARE).collect();
            let share = (1.0 - WORDS_SHARE) / all.len().max(1) as f32;
            for at in all {
                add_min_max(&mut mix, evidence.cosine(*at, wish), share);
            }
            mix
        };
        match &self.kind {
            WayKind::Words => evidence.words.clone(),
            WayKind::WordsByWish => best(evidence.wishes.iter().cloned()),
            WayKind::Vectors(at) => evidence.cosine(*at, 0).to_vec(),
            WayKind::Served(at) => {
                let dense = IndexConfig::default().dense_share;
                let words = best(evidence.wishes.iter().cloned());
                let pairs = evidence.cosine(*at, 0).iter().zip(words);
                pairs.map(|(cosine, words)| cosine * dense + words * (1.0 - dense)).collect()
            }
            WayKind::Mixed(all) => mixed(all, 0),
            WayKind::MixedByWish(all) => {
                best((0..evidence.wishes.len()).map(|wish| mixed(all, wish)))
            }
        }
    }
}

/// The best score of each function over the rows.
fn best(mut rows: impl Iterator<Item = Vec<f32>>) -> Vec<f32> {
    let mut best = rows.next().unwrap_or_default();
    for row in rows {
        best.iter_mut().zip(row).for_each(|(kept, score)| *kept = kept.max(score));
    }
    best
}

/// Adds a row that is brought to 0..=1 first; a row of equal scores adds nothing.
fn add_min_max(mix: &mut [f32], row: &[f32], share: f32) {
    let min = row.iter().copied().fold(f32::INFINITY, f32::min);
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max > min {
        for (mix, score) in mix.iter_mut().zip(row) {
            *mix += share * (score - min) / (max - min);
        }
    }
}

/// Place of a function in the order of scores; of equal ones the smaller id stands first.
fn rank(scores: &[f32], id: usize, score: f32) -> usize {
    let is_before =
        |(other, found): (usize, &f32)| *found > score || (*found == score && other < id);
    1 + scores.iter().enumerate().filter(|(other, found)| is_before((*other, *found))).count()
}

#[cfg(test)]
mod tests {
    use super::super::evidence::Cosines;
    use super::*;

    /// Three functions, a request of two wishes, one encoder.
    fn evidence(refused: bool) -> Evidence {
        let cosines =
            Cosines { wishes: vec![vec![0.6, 0.5, 0.1], vec![0.2, 0.1, 0.9]], encode_us: 1 };
        Evidence {
            words: vec![0.0, 3.0, 1.5],
            wishes: vec![vec![0.0, 1.0, 0.5], vec![1.0, 0.0, 0.0]],
            cosines: vec![if refused { Err("too long".to_owned()) } else { Ok(cosines) }],
        }
    }

    #[test]
    fn every_way_orders_functions_by_its_own_evidence() {
        let name = "tiny".to_owned();
        let ranked = |refused: bool| -> Vec<(String, Vec<Option<usize>>)> {
            ways(std::slice::from_ref(&name))
                .into_iter()
                .map(|way| (way.name.clone(), way.ranks(&evidence(refused), &[0, 1, 2])))
                .collect()
        };
        let expected: [(&str, [Option<usize>; 3]); 6] = [
            // The first holds no word of the request.
            ("BM25", [None, Some(1), Some(2)]),
            // It is the best for the second wish; of equals the smaller id stands first.
            ("BM25 by wish", [Some(1), Some(2), Some(3)]),
            ("tiny", [Some(1), Some(2), Some(3)]),
            // 0.3 + 0.5, 0.25 + 0.5, 0.05 + 0.25
            ("tiny + BM25, as served", [Some(1), Some(2), Some(3)]),
            // 0 + 0.5, 0.5 + 0.4, 0.25 + 0
            ("tiny + BM25, min-max", [Some(2), Some(1), Some(3)]),
            // The second wish: 0.5 + 0.0625, 0 + 0, 0 + 0.5
            ("tiny + BM25 by wish", [Some(2), Some(1), Some(3)]),
        ];
        for ((name, ranks), (expected_name, expected)) in ranked(false).iter().zip(expected) {
            assert_eq!((name.as_str(), ranks.as_slice()), (expected_name, expected.as_slice()));
        }
        for (name, ranks) in ranked(true).iter().skip(2) {
            assert_eq!(ranks.as_slice(), [None; 3], "{name}");
        }
    }

    #[test]
    fn several_encoders_are_mixed_too() {
        let names = ["a".to_owned(), "b".to_owned()];
        let ways = ways(&names);
        assert_eq!(ways.len(), 2 + 2 * 4 + 2);
        assert_eq!(ways[11].kind, WayKind::MixedByWish(vec![0, 1]));
        let mut both = evidence(false);
        both.cosines.push(Ok(Cosines { wishes: vec![vec![0.0, 0.0, 1.0]; 2], encode_us: 1 }));
        // 0 + 0.25 + 0, 0.5 + 0.2 + 0, 0.25 + 0 + 0.25
        assert_eq!(ways[10].ranks(&both, &[0, 1, 2]), [Some(3), Some(1), Some(2)]);
        both.cosines[1] = Err("too long".to_owned());
        assert_eq!(ways[10].ranks(&both, &[0]), [None]);
        assert_eq!(ways[2].ranks(&both, &[0]), [Some(1)]);
    }
}
