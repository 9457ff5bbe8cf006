//! The walk through a plan: every step answered from the model's logits.

use std::collections::BTreeMap;

use hyfunc_cascade::{Decoded, DecodedCall, Piece, PieceKind, TokenCounts};
use hyfunc_functions::template::{Choice, ChoiceKind, Slot, Step};
use hyfunc_functions::{PlanCursor, Spelling};

use crate::causal::Causal;
use crate::decode::StockConfig;
use crate::error::StockError;
use crate::leaves::{Leaf, leaves};
use crate::line::Line;
use crate::weigh::{Fits, probability_of, softmax_at};
use crate::write::Pen;

/// Questions of one call after which lists end and optional values are left out: a free JSON value
/// could otherwise nest lists of lists for minutes.
const CALL_QUESTIONS_MAX: usize = 256;

const CALL_OPEN: &str = "<tool_call>";
const CALL_CLOSE: &str = "</tool_call>";

/// Shares of the alternatives of a choice, 0 to 1 each and 1 in all.
type Shares = BTreeMap<usize, f32>;

/// A walk under way.
pub(crate) struct Walk<'w, 'a, M: Causal> {
    pen: &'w Pen<'w>,
    line: &'w mut Line<'a, M>,
    plan: PlanCursor,
    config: &'w StockConfig,
    /// Text that was written before the plan came to it.
    ahead: String,
    counts: TokenCounts,
    /// Of every call begun, in order.
    calls: Vec<Begun>,
    questions: usize,
}

/// What is known of a call besides its arguments.
#[derive(Default)]
struct Begun {
    pieces: Vec<Piece>,
    /// Probability that there is such a call.
    probability: f32,
    /// Which function it is of.
    shares: Shares,
}

impl<'w, 'a, M: Causal> Walk<'w, 'a, M> {
    /// A walk whose line stands where the answer begins. The plan takes a call for granted.
    pub(crate) fn new(
        pen: &'w Pen<'w>,
        line: &'w mut Line<'a, M>,
        plan: PlanCursor,
        config: &'w StockConfig,
    ) -> Self {
        let (ahead, counts) = (String::new(), TokenCounts::default());
        Self { pen, line, plan, config, ahead, counts, calls: Vec::new(), questions: 0 }
    }

    /// Decides whether to call, and then everything about the calls. Gives the probability of a call.
    pub(crate) fn run(&mut self, must: bool) -> Result<f32, StockError> {
        let opening = match self.config.spelling {
            Spelling::Bracket => "[",
            Spelling::Llama => "{\"",
            Spelling::Hermes | Spelling::Param => CALL_OPEN,
        };
        let p_call = self.opening(opening)?;
        self.counts.chosen += 1;
        if !must && p_call < self.config.call_threshold {
            return Ok(p_call);
        }
        self.begin_call(p_call);
        loop {
            match self.plan.step() {
                Step::Done => return Ok(p_call),
                Step::Fixed(text) => {
                    let text = text.to_owned();
                    self.piece(PieceKind::Injected, text.clone(), String::new());
                    self.push(&text);
                    self.plan.advance();
                }
                Step::Choice(choice) => {
                    let choice = choice.clone();
                    self.choose(&choice)?;
                }
                Step::Slot(slot) => {
                    let slot = slot.clone();
                    self.fill(&slot)?;
                }
            }
        }
    }

    /// What was decided. `first` is the index of the first function that was offered, `count` how
    /// many there are.
    pub(crate) fn finish(
        self,
        p_call: f32,
        count: usize,
        first: usize,
    ) -> Result<Decoded, StockError> {
        let offered = self.plan.candidates().len();
        let mut scores = vec![0.0; count];
        let mut decoded = Decoded { counts: self.counts, ..Decoded::default() };
        let Some(one) = self.calls.first() else {
            // Which function it would have been was never asked.
            scores.iter_mut().skip(first).take(offered).for_each(|s| *s = p_call / offered as f32);
            return Ok(Decoded { scores, ..decoded });
        };
        for (candidate, share) in &one.shares {
            if let Some(score) = scores.get_mut(first + candidate) {
                *score = p_call * share;
            }
        }
        for ((candidate, arguments), begun) in self.plan.finish()?.into_iter().zip(self.calls) {
            let share = begun.shares.get(&candidate).copied().unwrap_or(1.0);
            let candidate = first + candidate;
            let again = decoded
                .calls
                .iter()
                .any(|call| call.candidate == candidate && call.arguments == arguments);
            if !again {
                let (pieces, score) = (begun.pieces, begun.probability * share);
                decoded.calls.push(DecodedCall { candidate, arguments, score, pieces });
            }
        }
        Ok(Decoded { scores, ..decoded })
    }

    fn begin_call(&mut self, probability: f32) {
        self.questions = 0;
        // With one function on offer, which it is is no question.
        let shares = match self.plan.candidates().len() {
            1 => Shares::from([(0, 1.0)]),
            _ => Shares::new(),
        };
        self.calls.push(Begun { probability, shares, ..Begun::default() });
    }

    fn piece(&mut self, kind: PieceKind, text: String, subject: String) {
        if let Some(call) = self.calls.last_mut() {
            call.pieces.push(Piece { kind, text, subject });
        }
    }

    /// Probability that the model opens a call here. What must be read to know is read, and is ahead
    /// of the plan then.
    fn opening(&mut self, text: &str) -> Result<f32, StockError> {
        let vocabulary = self.pen.vocabulary;
        let ids = vocabulary.encode_frame(text)?;
        let mut probability = 1.0_f32;
        let mut rest = text;
        for (index, id) in ids.iter().enumerate() {
            let logits = self.line.logits(None)?;
            let length = if vocabulary.is_added(*id) {
                probability *= softmax_at(&logits, *id);
                CALL_OPEN.len()
            } else {
                let plain = rest.split(CALL_OPEN).next().unwrap_or(rest);
                let plain = if vocabulary.added(CALL_OPEN).is_some() { plain } else { rest };
                probability *= probability_of(vocabulary, &logits, plain);
                vocabulary.bytes(*id).len()
            };
            let (read, after) = rest.split_at(length.min(rest.len()));
            if index + 1 < ids.len() {
                self.line.read(&[*id], 1)?;
                self.ahead.push_str(read);
                self.counts.injected += 1;
            }
            rest = after;
        }
        Ok(probability)
    }

    fn choose(&mut self, choice: &Choice) -> Result<(), StockError> {
        let alternative = match choice.kind {
            ChoiceKind::AnotherCall => return self.another(choice),
            kind if self.is_tired(kind) => choice.alternatives.len() - 1,
            ChoiceKind::Case if self.questions > CALL_QUESTIONS_MAX => 0,
            _ => {
                let ways = leaves(&self.plan, &self.ahead)?;
                let (alternative, shares) = self.decide(ways)?;
                if choice.kind == ChoiceKind::Candidate
                    && let Some(call) = self.calls.last_mut()
                {
                    call.shares = shares;
                }
                alternative
            }
        };
        self.take(choice, alternative)
    }

    fn take(&mut self, choice: &Choice, alternative: usize) -> Result<(), StockError> {
        let text = choice.alternatives[alternative].text.clone();
        self.questions += 1;
        self.counts.chosen += 1;
        self.piece(PieceKind::Chosen, text.clone(), choice.subject.clone());
        self.push(&text);
        Ok(self.plan.choose(alternative)?)
    }

    /// Whether what goes on must come to its end.
    fn is_tired(&self, kind: ChoiceKind) -> bool {
        self.questions > CALL_QUESTIONS_MAX
            && matches!(
                kind,
                ChoiceKind::Presence
                    | ChoiceKind::Flag
                    | ChoiceKind::AnotherElement
                    | ChoiceKind::AnotherKey
            )
    }

    /// Whether a further call follows. One that says the same again ends the answer.
    fn another(&mut self, choice: &Choice) -> Result<(), StockError> {
        let said_again = match self.plan.calls() {
            [earlier @ .., last] => earlier.contains(last),
            [] => false,
        };
        if said_again {
            return self.take(choice, 1);
        }
        let probability = if self.config.spelling == Spelling::Bracket {
            let ways = leaves(&self.plan, &self.ahead)?;
            self.decide(ways)?.1.get(&0).copied().unwrap_or(0.0)
        } else {
            // The end has no text of its own: what opens a call must be likelier than all else.
            self.counts.injected += self.line.flush()?;
            let next = &choice.alternatives[0].text;
            let end = match next.find(CALL_OPEN) {
                Some(at) => at + CALL_OPEN.len(),
                None => next.find('{').map_or(next.len(), |at| at + 1),
            };
            self.opening(&next[..end])?
        };
        if probability < self.config.call_threshold {
            self.ahead.clear();
            return self.take(choice, 1);
        }
        self.begin_call(probability);
        self.take(choice, 0)
    }

    /// Lets the model's next tokens tell alternatives apart.
    fn decide(&mut self, mut ways: Vec<Leaf>) -> Result<(usize, Shares), StockError> {
        let (mut shares, mut left) = (Shares::new(), 1.0_f32);
        let mut looked_through = self.ahead.len();
        loop {
            let Some(first) = ways.first().map(|leaf| leaf.alternative) else {
                return Ok((0, shares));
            };
            if ways.iter().all(|leaf| leaf.alternative == first) {
                *shares.entry(first).or_default() += left;
                return Ok((first, shares));
            }
            self.write_common(&mut ways);
            let ends = |leaf: &Leaf| leaf.text.is_empty() && leaf.slot.is_none();
            if self.ahead.len() > looked_through && ways.iter().any(ends) {
                // Choices behind what was written may tell more.
                looked_through = self.ahead.len();
                ways = leaves(&self.plan, &self.ahead)?;
                continue;
            }
            let (forced, read) = self.line.settle()?;
            self.counts.injected += read;
            let fits = Fits::new(self.pen.vocabulary, &forced, &ways);
            let verdict = fits.weigh(&self.line.logits(Some(&fits.ids()))?);
            let best = verdict.decided.iter().map(|(way, p)| (*way, *p));
            // The first of equals.
            let best = best.reduce(|best, next| if next.1 > best.1 { next } else { best });
            let best_p = best.map_or(0.0, |(_, p)| p);
            let decided: f32 = verdict.decided.values().sum();
            for (way, p) in &verdict.decided {
                *shares.entry(*way).or_default() += left * p;
            }
            left *= (1.0 - decided).max(0.0);
            match verdict.open {
                Some((id, p)) if p > best_p && p >= verdict.tied => {
                    self.follow(id, &forced, &mut ways)?;
                }
                _ => {
                    let taken = if verdict.tied > best_p {
                        self.pen.peek(self.line, &forced, &ways)?
                    } else {
                        best.map(|(way, _)| way)
                    };
                    let taken = taken.unwrap_or(first);
                    *shares.entry(taken).or_default() += left;
                    return Ok((taken, shares));
                }
            }
        }
    }

    /// Writes what all ways on begin with.
    fn write_common(&mut self, ways: &mut [Leaf]) {
        let mut common = ways.first().map(|leaf| leaf.text.clone()).unwrap_or_default();
        for leaf in ways.iter() {
            let same = common
                .char_indices()
                .zip(leaf.text.chars())
                .find(|((_, one), other)| one != other)
                .map_or(common.len().min(leaf.text.len()), |((at, _), _)| at);
            common.truncate(same);
        }
        self.line.push(&common);
        self.ahead.push_str(&common);
        for leaf in ways {
            leaf.text.drain(..common.len());
        }
    }

    /// Reads a token that leaves the matter open, and forgets the ways that it does not go with.
    fn follow(&mut self, id: u32, forced: &str, ways: &mut Vec<Leaf>) -> Result<(), StockError> {
        let bytes = self.pen.vocabulary.bytes(id);
        self.line.read(&[id], 1)?;
        self.counts.injected += 1;
        if let Some(rest) = forced.get(bytes.len()..) {
            self.line.replace_tail(rest);
            return Ok(());
        }
        self.line.replace_tail("");
        // Within every way that it goes with: so it is whole characters of them.
        let written = std::str::from_utf8(&bytes[forced.len()..]).unwrap_or_default();
        self.ahead.push_str(written);
        ways.retain_mut(|leaf| match leaf.text.strip_prefix(written) {
            Some(rest) => {
                leaf.text = rest.to_owned();
                true
            }
            None => false,
        });
        Ok(())
    }

    fn fill(&mut self, slot: &Slot) -> Result<(), StockError> {
        let written = self.pen.write(self.line, slot)?;
        self.counts.injected += written.injected;
        self.counts.sampled += written.sampled;
        self.counts.copied += usize::from(written.copied);
        let kind = if written.copied { PieceKind::Copied } else { PieceKind::Sampled };
        self.piece(kind, slot.spell(&written.value), slot.subject.clone());
        Ok(self.plan.fill(written.value)?)
    }

    /// Adds decided text to the line, but for what is written already.
    fn push(&mut self, text: &str) {
        let known = self.ahead.len().min(text.len());
        debug_assert_eq!(self.ahead[..known], text[..known], "written ahead of the plan");
        self.ahead.drain(..known);
        let mut from = known;
        for (at, mark) in marks(text, self.config.spelling) {
            let Some(id) = self.pen.vocabulary.added(mark).filter(|_| at >= from) else {
                continue;
            };
            self.line.push(&text[from..at]);
            self.line.push_mark(id);
            from = at + mark.len();
        }
        self.line.push(&text[from..]);
    }
}

/// Where the frame of calls stands in fixed text. Names and values have their line feeds escaped, so
/// that none of them can look like it.
fn marks(text: &str, spelling: Spelling) -> Vec<(usize, &'static str)> {
    if spelling != Spelling::Hermes {
        return Vec::new();
    }
    let opens = text
        .match_indices(CALL_OPEN)
        .filter(|(at, mark)| text[at + mark.len()..].starts_with('\n'))
        .map(|(at, _)| (at, CALL_OPEN));
    let closes = text
        .match_indices(CALL_CLOSE)
        .filter(|(at, _)| text[..*at].ends_with('\n'))
        .map(|(at, _)| (at, CALL_CLOSE));
    let mut found: Vec<_> = opens.chain(closes).collect();
    found.sort_unstable();
    found
}
