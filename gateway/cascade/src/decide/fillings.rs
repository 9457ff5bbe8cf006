//! Ways to fill the slots of a round: spans of the query, and writing.

use std::ops::Range;
use std::sync::Arc;

use hyfunc_functions::Value;
use hyfunc_functions::template::{Slot, SlotType};

use crate::assign::{Filling, OVERLAP_COST};
use crate::error::CascadeError;
use crate::model::heads::Question;
use crate::spans::{self, Span};
use crate::tiny::log_sigmoid;

use super::{Asked, Rows};

/// Spans of a slot that the joint assignment weighs.
const SPANS_WEIGHED: usize = 8;

/// Types of slots whose spans are kept for the next slot: of a long query there are some megabytes
/// of them.
const TYPES_KEPT: usize = 4;

/// Spans of the query for the types of slots that were last asked about.
#[derive(Default)]
pub(super) struct Offers(Vec<(SlotType, Arc<[Span]>)>);

impl Offers {
    fn of(&mut self, asked: &Asked<'_>, ty: &SlotType) -> Arc<[Span]> {
        if let Some((_, known)) = self.0.iter().find(|(known, _)| known == ty) {
            return Arc::clone(known);
        }
        let found: Arc<[Span]> = spans::candidates(asked.query, asked.tokens, ty).into();
        self.0.truncate(TYPES_KEPT - 1);
        self.0.insert(0, (ty.clone(), Arc::clone(&found)));
        found
    }
}

/// Ways to fill one slot, and the span of each that copies.
pub(super) type Weighed = Vec<(Filling, Option<Span>)>;

/// Ways to fill every slot, best first: its likeliest spans, and writing the value. `earlier` are
/// the bytes that went into the same parameter before: a list's next element lies elsewhere.
pub(super) fn weigh(
    asked: &Asked<'_>,
    offers: &mut Offers,
    slots: &[(usize, usize, Slot)],
    earlier: &[&[Range<usize>]],
    (questions, starts, ends): (&Rows, &Rows, &Rows),
) -> Result<Vec<Weighed>, CascadeError> {
    let mut fillings = Vec::with_capacity(slots.len());
    for ((row, _, slot), earlier) in slots.iter().zip(earlier) {
        asked.check()?;
        let spans = offers.of(asked, &slot.ty);
        let logits = (&*questions[*row], &*starts[*row], &*ends[*row]);
        fillings.push(weighed(&slot.ty, &spans, earlier, logits));
    }
    Ok(fillings)
}

/// Ways to fill one slot. Of the spans, all but the likeliest are gone again.
fn weighed(
    ty: &SlotType,
    spans: &[Span],
    earlier: &[Range<usize>],
    (questions, starts, ends): (&[f32], &[f32], &[f32]),
) -> Weighed {
    let copy = questions[Question::Copy as usize];
    let negative = questions[Question::Negative as usize];
    // Score, which span, and the value where its sign is turned.
    let mut scored: Vec<(f32, usize, Option<Value>)> = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let again = earlier.iter().any(|before| spans::covers(&span.bytes, before));
        let score =
            starts[span.tokens.0] + ends[span.tokens.1] - if again { OVERLAP_COST } else { 0.0 };
        match spans::negated(ty, &span.value) {
            Some(turned) => {
                scored.push((score + log_sigmoid(negative), index, Some(turned)));
                scored.push((score + log_sigmoid(-negative), index, None));
            }
            None => scored.push((score, index, None)),
        }
    }
    let sum: f32 = scored.iter().map(|(score, ..)| score.exp()).sum();
    let norm = sum.max(f32::MIN_POSITIVE).ln();
    let written = Filling { bytes: None, score: log_sigmoid(-copy) };
    let copied = likeliest(&scored).into_iter().map(|at| {
        let (score, index, turned) = &scored[at];
        let mut span = spans[*index].clone();
        if let Some(turned) = turned {
            span.value = turned.clone();
        }
        let score = log_sigmoid(copy) + score - norm;
        (Filling { bytes: Some(span.bytes.clone()), score }, Some(span))
    });
    copied.chain([(written, None)]).collect()
}

/// Places of the best scores, best first; of equal ones the first.
fn likeliest(scored: &[(f32, usize, Option<Value>)]) -> Vec<usize> {
    let order = |one: &usize, other: &usize| {
        scored[*other].0.total_cmp(&scored[*one].0).then(one.cmp(other))
    };
    let mut places: Vec<usize> = (0..scored.len()).collect();
    if places.len() > SPANS_WEIGHED {
        places.select_nth_unstable_by(SPANS_WEIGHED, order);
        places.truncate(SPANS_WEIGHED);
    }
    places.sort_unstable_by(order);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_and_of_equal_ones_the_first() {
        let scored = |scores: &[f32]| -> Vec<(f32, usize, Option<Value>)> {
            scores.iter().enumerate().map(|(at, score)| (*score, at, None)).collect()
        };
        let many: Vec<f32> = (0..1_000).map(|at| ((at * 7) % 50) as f32).collect();
        let mut sorted: Vec<usize> = (0..many.len()).collect();
        sorted.sort_by(|one, other| many[*other].total_cmp(&many[*one]));
        sorted.truncate(SPANS_WEIGHED);
        assert_eq!(likeliest(&scored(&many)), sorted);
        assert_eq!(likeliest(&scored(&[-1.0, 2.0, 2.0, 0.5])), [1, 2, 3, 0]);
        assert_eq!(likeliest(&[]), Vec::<usize>::new());
    }
}
