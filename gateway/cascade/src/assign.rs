//! Spans for all slots of a call at once.
//!
//! Each slot alone would often take the same span: without a joint choice, *five years* lands in
//! two slots.

use std::ops::Range;

/// One way to fill a slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Filling {
    /// Bytes of the query that it takes; `None` writes the value instead.
    pub bytes: Option<Range<usize>>,
    /// Log-probability, natural.
    pub score: f32,
}

/// Natural-log cost of every pair of slots that take overlapping spans.
pub const OVERLAP_COST: f32 = 3.0;

/// Partial assignments kept.
const BEAM: usize = 24;

/// The index of the option that each slot takes. Every slot has at least one.
pub fn assign(slots: &[Vec<Filling>]) -> Vec<usize> {
    let mut beam: Vec<(f32, Vec<usize>)> = vec![(0.0, Vec::new())];
    for (slot, options) in slots.iter().enumerate() {
        let mut next = Vec::with_capacity(beam.len() * options.len());
        for (score, chosen) in &beam {
            for (index, option) in options.iter().enumerate() {
                let overlaps = (0..slot)
                    .filter(|&before| overlap(&slots[before][chosen[before]], option))
                    .count();
                let mut chosen = chosen.clone();
                chosen.push(index);
                next.push((score + option.score - OVERLAP_COST * overlaps as f32, chosen));
            }
        }
        next.sort_by(|one, other| other.0.total_cmp(&one.0));
        next.truncate(BEAM);
        beam = next;
    }
    beam.into_iter().next().map(|(_, chosen)| chosen).unwrap_or_default()
}

fn overlap(one: &Filling, other: &Filling) -> bool {
    match (&one.bytes, &other.bytes) {
        (Some(one), Some(other)) => one.start < other.end && other.start < one.end,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Filling, assign};

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
}
