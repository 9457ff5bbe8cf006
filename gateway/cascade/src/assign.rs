//! Spans for all slots of a call at once.
//!
//! Each slot alone would often take the same span: without a joint choice, *five years* lands in
//! two slots.

use std::ops::Range;

/// One way to fill a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Filling {
    /// Bytes of the query that it takes, at least one; `None` writes the value instead.
    pub bytes: Option<Range<usize>>,
    /// Log-probability, natural.
    pub score: f32,
}

/// Natural-log cost of every pair of slots that take overlapping spans.
pub const OVERLAP_COST: f32 = 6.0;

/// Natural-log cost of a slot whose span begins before that of the slot before it: people mostly
/// follow the order of the parameters.
pub const TURNED_COST: f32 = 1.2;

/// Partial assignments kept.
const BEAM: usize = 24;

/// First slots, assigned.
struct Partial {
    score: f32,
    taken: Taken,
    /// Where the latest span begins.
    latest: usize,
}

/// Spans that were taken, so that counting those which overlap another takes two look-ups, however
/// many there are. Places are indices of borders, of which the query has a handful a word.
#[derive(Clone)]
struct Taken {
    /// Of every border, how many begin before it.
    begun: Vec<u32>,
    /// Of every border, how many end at it or before.
    ended: Vec<u32>,
}

impl Taken {
    fn new(borders: usize) -> Self {
        Self { begun: vec![0; borders], ended: vec![0; borders] }
    }

    fn add(&mut self, span: &Range<usize>) {
        self.begun[span.start + 1..].iter_mut().for_each(|count| *count += 1);
        self.ended[span.end..].iter_mut().for_each(|count| *count += 1);
    }

    fn overlapping(&self, span: &Range<usize>) -> u32 {
        self.begun[span.end].saturating_sub(self.ended[span.start])
    }
}

/// The index of the option that each slot takes. Every slot has at least one.
///
/// Work of slots · beam · (options + borders).
pub fn assign(slots: &[Vec<Filling>]) -> Vec<usize> {
    let borders = borders(slots);
    let mut beam = vec![Partial { score: 0.0, taken: Taken::new(borders.len()), latest: 0 }];
    // Of every slot, what each of the kept ones goes on from, and which option it takes.
    let mut steps: Vec<Vec<(usize, usize)>> = Vec::with_capacity(slots.len());
    for options in slots {
        let spans: Vec<Option<Range<usize>>> = options
            .iter()
            .map(|option| option.bytes.as_ref().map(|of| place(&borders, of)))
            .collect();
        let mut next: Vec<(f32, usize, usize)> = Vec::with_capacity(beam.len() * options.len());
        for (from, partial) in beam.iter().enumerate() {
            for (index, (option, span)) in options.iter().zip(&spans).enumerate() {
                let overlaps = span.as_ref().map_or(0, |span| partial.taken.overlapping(span));
                let back = span.as_ref().is_some_and(|span| span.start < partial.latest);
                let turned = if back { TURNED_COST } else { 0.0 };
                let overlap = OVERLAP_COST * overlaps as f32;
                let score = partial.score + option.score - overlap - turned;
                next.push((score, from, index));
            }
        }
        if next.is_empty() {
            return Vec::new();
        }
        next.sort_by(|one, other| other.0.total_cmp(&one.0));
        next.truncate(BEAM);
        let goes_on = |&(score, from, index): &(f32, usize, usize)| {
            let mut taken = beam[from].taken.clone();
            if let Some(span) = &spans[index] {
                taken.add(span);
            }
            let latest = spans[index].as_ref().map_or(beam[from].latest, |span| span.start);
            Partial { score, taken, latest }
        };
        let kept: Vec<Partial> = next.iter().map(goes_on).collect();
        beam = kept;
        steps.push(next.into_iter().map(|(_, from, index)| (from, index)).collect());
    }
    backwards(&steps)
}

/// The options of the best one, which is the first, from its last slot back.
fn backwards(steps: &[Vec<(usize, usize)>]) -> Vec<usize> {
    let mut at = 0;
    let mut chosen = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let (from, index) = step[at];
        chosen.push(index);
        at = from;
    }
    chosen.reverse();
    chosen
}

/// Where spans begin and end, in order, each once.
fn borders(slots: &[Vec<Filling>]) -> Vec<usize> {
    let spans = slots.iter().flatten().filter_map(|option| option.bytes.as_ref());
    let mut borders: Vec<usize> = spans.flat_map(|bytes| [bytes.start, bytes.end]).collect();
    borders.sort_unstable();
    borders.dedup();
    borders
}

/// A span, counted in borders, of which both of its ends are some.
fn place(borders: &[usize], bytes: &Range<usize>) -> Range<usize> {
    let index = |at| borders.partition_point(|border| *border < at);
    index(bytes.start)..index(bytes.end)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::{BEAM, Filling, OVERLAP_COST, TURNED_COST, assign};

    fn span(from: usize, to: usize, score: f32) -> Filling {
        Filling { bytes: Some(from..to), score }
    }

    #[test]
    fn two_slots_do_not_take_one_span() {
        let both = vec![span(0, 4, -0.1), span(8, 9, -1.0)];
        assert_eq!(assign(&[both.clone(), both]), [0, 1]);
    }

    #[test]
    fn a_span_is_shared_when_nothing_else_is_likely() {
        let slots = [vec![span(0, 4, -0.1)], vec![span(0, 4, -0.1), span(8, 9, -20.0)]];
        assert_eq!(assign(&slots), [0, 0]);
    }

    #[test]
    fn no_slots_and_written_values_are_fine() {
        assert_eq!(assign(&[]), Vec::<usize>::new());
        let written = Filling { bytes: None, score: -0.5 };
        assert_eq!(assign(&[vec![written.clone()], vec![written]]), [0, 0]);
    }

    /// The same beam with every pair of slots looked at: the square of the slots.
    fn pair_by_pair(slots: &[Vec<Filling>]) -> Vec<usize> {
        let overlap = |one: &Filling, other: &Filling| match (&one.bytes, &other.bytes) {
            (Some(one), Some(other)) => one.start < other.end && other.start < one.end,
            _ => false,
        };
        let mut beam: Vec<(f32, Vec<usize>)> = vec![(0.0, Vec::new())];
        for (slot, options) in slots.iter().enumerate() {
            let mut next = Vec::new();
            for (score, chosen) in &beam {
                for (index, option) in options.iter().enumerate() {
                    let before = (0..slot).map(|before| &slots[before][chosen[before]]);
                    let latest = before.clone().rev().find_map(|before| before.bytes.clone());
                    let turned = match (&latest, &option.bytes) {
                        (Some(latest), Some(own)) if own.start < latest.start => TURNED_COST,
                        _ => 0.0,
                    };
                    let overlaps = before.filter(|before| overlap(before, option)).count();
                    let mut chosen = chosen.clone();
                    chosen.push(index);
                    let overlap = OVERLAP_COST * overlaps as f32;
                    next.push((score + option.score - overlap - turned, chosen));
                }
            }
            next.sort_by(|one, other| other.0.total_cmp(&one.0));
            next.truncate(BEAM);
            beam = next;
        }
        beam.into_iter().next().map(|(_, chosen)| chosen).unwrap_or_default()
    }

    #[test]
    fn borders_count_what_pairs_count() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for round in 0..200 {
            let slots: Vec<Vec<Filling>> = (0..rng.random_range(1..12))
                .map(|_| {
                    let mut options: Vec<Filling> = (0..rng.random_range(0..9))
                        .map(|_| {
                            let from = rng.random_range(0..30);
                            let to = from + rng.random_range(1..10);
                            span(from, to, -rng.random_range(0.0..6.0_f32))
                        })
                        .collect();
                    options.push(Filling { bytes: None, score: -rng.random_range(0.0..6.0_f32) });
                    options
                })
                .collect();
            assert_eq!(assign(&slots), pair_by_pair(&slots), "round {round}: {slots:?}");
        }
    }

    /// Pair by pair, that would be a billion pairs.
    #[test]
    fn thousands_of_slots_are_assigned() {
        let mut options: Vec<Filling> = (0..8).map(|at| span(at, at + 2, -0.1)).collect();
        options.push(Filling { bytes: None, score: -1.0 });
        let chosen = assign(&vec![options; 3_000]);
        assert_eq!(chosen.len(), 3_000);
        let written = chosen.iter().filter(|index| **index == 8).count();
        assert!((2_900..3_000).contains(&written), "spans are for few: {written}");
    }
}
