//! Ways to fill the slots of a round: spans of the query, and writing.

use std::sync::Arc;

use hyfunc_functions::Value;
use hyfunc_functions::template::{Slot, SlotType};

use crate::assign::{Filling, OVERLAP_COST};
use crate::error::CascadeError;
use crate::model::heads::Question;
use crate::nearness::Spoken;
use crate::prior::{self, Past};
use crate::series;
use crate::share;
use crate::spans::{self, Span};
use crate::tiny::log_sigmoid;

use super::{Asked, Rows};

/// Spans of a slot that the joint assignment weighs.
const SPANS_WEIGHED: usize = 8;

/// Natural-log cost of an element of a list that takes in several of a series.
const SEVERAL_COST: f32 = 1.5;

/// Natural-log cost of `5%` as 5 where a share is meant, and as 0.05 where a percentage is.
const SHARE_COST: f32 = 4.0;

/// Types of slots whose spans are kept for the next slot: of a long query there are some megabytes
/// of them.
const TYPES_KEPT: usize = 4;

/// Natural-log probability of an optional parameter and its likeliest value together, below which it
/// is left out after all. With the cost of writing a text, one that nobody said is always left out.
const LEFT_OUT_SCORE: f32 = -3.0;

/// Natural-log cost of writing a text instead of copying one: models of this size write few that are
/// right.
const WRITTEN_TEXT_COST: f32 = 3.0;

/// The same of a number.
const WRITTEN_NUMBER_COST: f32 = 1.5;

/// Spans of the query for the types of slots that were last asked about.
pub(super) struct Offers<'a> {
    asked: &'a Asked<'a>,
    spoken: &'a Spoken,
    known: Vec<(SlotType, Arc<[Span]>)>,
}

impl<'a> Offers<'a> {
    /// Offers for the parameters that `spoken` is of.
    pub fn new(asked: &'a Asked<'a>, spoken: &'a Spoken) -> Self {
        Self { asked, spoken, known: Vec::new() }
    }

    fn of(&mut self, ty: &SlotType) -> Arc<[Span]> {
        if let Some((_, known)) = self.known.iter().find(|(known, _)| known == ty) {
            return Arc::clone(known);
        }
        let found: Arc<[Span]> = spans::candidates(self.asked.query, self.asked.tokens, ty).into();
        self.known.truncate(TYPES_KEPT - 1);
        self.known.insert(0, (ty.clone(), Arc::clone(&found)));
        found
    }

    /// Natural-log cost of every span of a slot, from what the query alone says of it.
    fn costs(&self, slot: &Slot, parameter: usize, spans: &[Span], past: &Past<'_>) -> Vec<f32> {
        let &Asked { query, tokens, scene, parts, .. } = self.asked;
        let prior = scene.prior((query, tokens), slot, (parameter, self.spoken), past);
        let is_text = prior::is_text(&slot.ty);
        let is_element = slot.subject.ends_with(']');
        let wants_share = share::is_wanted(slot);
        let cost = |span: &Span| {
            let mut cost = prior.first[span.tokens.0] + prior.last[span.tokens.1];
            // In order, and without gaps.
            let part = parts.partition_point(|(part, _)| part.end <= span.bytes.start);
            cost += parts.get(part).map_or(0.0, |(_, cost)| *cost);
            if past.own.iter().any(|before| spans::covers(&span.bytes, before)) {
                cost += OVERLAP_COST;
            }
            if is_text {
                cost += scene.borders().quoted(&span.bytes);
            }
            if is_text && is_element && series::is_several(&query[span.bytes.clone()]) {
                cost += SEVERAL_COST;
            }
            if span.share.is_some_and(|share| share != wants_share) {
                cost += SHARE_COST;
            }
            cost
        };
        spans.iter().map(cost).collect()
    }
}

/// What a way to fill a slot comes to.
pub(super) enum Fill {
    /// A span is copied.
    Copy(Span),
    /// A value is written.
    Write,
    /// The parameter is left out after all.
    LeaveOut,
}

/// Ways to fill one slot.
pub(super) type Weighed = Vec<(Filling, Fill)>;

/// The way to leave an optional parameter out that is given with this log-probability, natural.
pub(super) fn left_out(present: f32) -> (Filling, Fill) {
    (Filling { bytes: None, score: LEFT_OUT_SCORE - present }, Fill::LeaveOut)
}

/// Ways to fill every slot, best first: its likeliest spans, and writing the value. `pasts` are what
/// went into the same parameters before.
pub(super) fn weigh(
    offers: &mut Offers<'_>,
    slots: &[(usize, usize, Slot)],
    pasts: &[Past<'_>],
    (questions, starts, ends): (&Rows, &Rows, &Rows),
) -> Result<Vec<Weighed>, CascadeError> {
    let mut fillings = Vec::with_capacity(slots.len());
    for ((row, parameter, slot), past) in slots.iter().zip(pasts) {
        offers.asked.check()?;
        let spans = offers.of(&slot.ty);
        let costs = offers.costs(slot, *parameter, &spans, past);
        let logits = (&*questions[*row], &*starts[*row], &*ends[*row]);
        fillings.push(weighed(&slot.ty, (&spans, &costs), logits));
    }
    Ok(fillings)
}

/// Ways to fill one slot. Of the spans, all but the likeliest are gone again.
fn weighed(
    ty: &SlotType,
    (spans, costs): (&[Span], &[f32]),
    (questions, starts, ends): (&[f32], &[f32], &[f32]),
) -> Weighed {
    let copy = questions[Question::Copy as usize];
    let negative = questions[Question::Negative as usize];
    // Score, which span, and the value where its sign is turned.
    let mut scored: Vec<(f32, usize, Option<Value>)> = Vec::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        let score = starts[span.tokens.0] + ends[span.tokens.1] - costs[index];
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
    let doubt = if prior::is_text(ty) { WRITTEN_TEXT_COST } else { WRITTEN_NUMBER_COST };
    let written = Filling { bytes: None, score: log_sigmoid(-copy) - doubt };
    let copied = likeliest(&scored).into_iter().map(|at| {
        let (score, index, turned) = &scored[at];
        let mut span = spans[*index].clone();
        if let Some(turned) = turned {
            span.value = turned.clone();
        }
        let score = log_sigmoid(copy) + score - norm;
        (Filling { bytes: Some(span.bytes.clone()), score }, Fill::Copy(span))
    });
    copied.chain([(written, Fill::Write)]).collect()
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
