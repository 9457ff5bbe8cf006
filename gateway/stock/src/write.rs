//! Values, written token by token under the mask of their type.

use hyfunc_cascade::generate::plainest;
use hyfunc_functions::Value;
use hyfunc_functions::template::Slot;

use crate::causal::Causal;
use crate::error::StockError;
use crate::leaves::Leaf;
use crate::line::Line;
use crate::lookup;
use crate::masks::{self, Mask, Masks, value_end};
use crate::vocabulary::Vocabulary;

/// What values are written with.
pub(crate) struct Pen<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) masks: &'a Masks,
    /// What is copied from; empty where nothing is.
    pub(crate) query: &'a str,
    /// Tokens of one value.
    pub(crate) tokens_max: usize,
    /// Tokens that are tried at once; 0 tries none.
    pub(crate) draft_tokens_max: usize,
}

/// A value that was written.
pub(crate) struct Written {
    pub(crate) value: Value,
    /// Tokens that were sampled one by one.
    pub(crate) sampled: usize,
    /// Whether more than its first tokens came from the query in one step.
    pub(crate) copied: bool,
    /// Tokens of fixed text that were read before it.
    pub(crate) injected: usize,
}

/// What the head says of positions, asked no sooner than it is needed. Most drafts fail at their first
/// token, and then nobody asks about the others; where it holds, all others are asked at once, since
/// the head is read as a whole for one of them or for many.
struct Said {
    states: Vec<Vec<f32>>,
    /// Of all tokens, for the states behind the first.
    rows: Option<Vec<Vec<f32>>>,
}

impl Said {
    fn new(states: Vec<Vec<f32>>) -> Self {
        Self { states, rows: None }
    }

    /// The best of the tokens that are allowed behind a position.
    fn best<M: Causal>(
        &mut self,
        line: &Line<'_, M>,
        at: usize,
        allowed: &[u32],
    ) -> Result<Option<u32>, StockError> {
        let Some(behind) = at.checked_sub(1).filter(|_| !line.is_few(allowed.len())) else {
            let rows = line.ask(&self.states[at..=at], Some(allowed))?;
            let row: &[f32] = rows.first().map_or(&[], Vec::as_slice);
            return Ok(masks::best(allowed, |at, _| logit(row, at)));
        };
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => line.ask(&self.states[1..], None)?,
        };
        let best = masks::best(allowed, |_, id| logit(&rows[behind], id as usize));
        self.rows = Some(rows);
        Ok(best)
    }
}

fn logit(row: &[f32], at: usize) -> f32 {
    row.get(at).copied().unwrap_or(f32::NEG_INFINITY)
}

/// What is being written.
#[derive(Clone, Copy)]
struct Goal<'s> {
    slot: &'s Slot,
    /// Bytes of fixed text before the value.
    forced: usize,
    /// Whether the text can be of no other slot.
    is_sure: bool,
}

/// What comes next.
enum Next {
    /// This token, if there is room.
    Token(u32),
    /// The end of the value, and nothing else: it is written with what follows.
    Over,
    /// Nothing that the mask admits.
    Nothing,
}

impl From<Option<u32>> for Next {
    fn from(best: Option<u32>) -> Self {
        best.map_or(Self::Nothing, Self::Token)
    }
}

/// A text on its way.
struct Text {
    bytes: Vec<u8>,
    /// Where in `bytes` each token ends that the line has read.
    read: Vec<usize>,
    sampled: usize,
    drafted: usize,
}

impl Text {
    fn read_len(&self) -> usize {
        self.read.last().copied().unwrap_or(0)
    }
}

impl Pen<'_> {
    /// Writes a slot's value. The line then holds it, its end not included.
    pub(crate) fn write<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        slot: &Slot,
    ) -> Result<Written, StockError> {
        let (forced, injected) = line.settle_where(|rest| self.only(rest, slot))?;
        let begun = line.len();
        let mask = self.masks.begin(&[(forced.as_str(), slot)])?;
        let end = |bytes: &[u8]| value_end(slot, bytes.get(forced.len()..)?);
        let goal = Goal { slot, forced: forced.len(), is_sure: true };
        let (text, ended) = self.sample(line, mask, goal, &end)?;
        let value_bytes = forced.len()..ended.map_or(text.bytes.len(), |end| forced.len() + end);
        let spelled = text.bytes.get(value_bytes.clone()).and_then(|b| std::str::from_utf8(b).ok());
        let parsed = spelled.and_then(|spelled| Some((spelled, slot.parse(spelled).ok()?)));
        let (sampled, drafted) = (text.sampled, text.drafted);
        if let Some((spelled, value)) = parsed {
            let copied = drafted > 0 && lookup::holds(self.query, slot, spelled);
            self.leave(line, begun, &text, value_bytes.end);
            return Ok(Written { value, sampled, copied, injected });
        }
        // Cut short, or outside what a mask can express: the plainest value stands in its place.
        let (subject, tokens_max) = (slot.subject.clone(), self.tokens_max);
        let value = plainest(slot).ok_or(StockError::Unfilled { subject, tokens_max })?;
        line.truncate(begun);
        line.replace_tail(&(forced + &slot.spell(&value)));
        Ok(Written { value, sampled, copied: false, injected })
    }

    /// The one token that may stand where a text goes on as a slot's value; `None` where there are
    /// more, as there are where a quoted value begins.
    fn only(&self, text: &str, slot: &Slot) -> Result<Option<u32>, StockError> {
        if slot.quoted {
            return Ok(None);
        }
        match self.masks.begin(&[(text, slot)])?.allowed(self.vocabulary) {
            [one] => Ok(Some(*one)),
            _ => Ok(None),
        }
    }

    /// Puts what the value has beyond the tokens read into the line's tail. A token that holds the
    /// value's end is not read: what follows is known and will be written with it.
    fn leave<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        begun: usize,
        text: &Text,
        value_end: usize,
    ) {
        let mut read = text.read.len();
        let mut rest = None;
        while rest.is_none() {
            let from = if read == 0 { 0 } else { text.read[read - 1] };
            rest = text.bytes.get(from..value_end).and_then(|b| std::str::from_utf8(b).ok());
            if read == 0 {
                break;
            }
            if rest.is_none() {
                // The token ends within a character.
                read -= 1;
            }
        }
        line.truncate(begun + read);
        line.replace_tail(rest.unwrap_or_default());
    }

    /// Samples until the end is written or there is no more room. The token that holds the end is
    /// in the text, but not read; nor is one behind which nothing but the end can stand.
    fn sample<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        mut mask: Mask,
        goal: Goal<'_>,
        end: &dyn Fn(&[u8]) -> Option<usize>,
    ) -> Result<(Text, Option<usize>), StockError> {
        let mut text = Text { bytes: Vec::new(), read: Vec::new(), sampled: 0, drafted: 0 };
        let mut said = Said::new(vec![line.state()?]);
        let mut next = Next::from(said.best(line, 0, mask.allowed(self.vocabulary))?);
        loop {
            let best = match next {
                Next::Over => {
                    let end = text.bytes.len() - goal.forced;
                    return Ok((text, Some(end)));
                }
                Next::Token(best) if text.read.len() < self.tokens_max => best,
                Next::Token(_) | Next::Nothing => return Ok((text, None)),
            };
            text.bytes.extend_from_slice(self.vocabulary.bytes(best));
            text.sampled += 1;
            if let Some(end) = end(&text.bytes) {
                return Ok((text, Some(end)));
            }
            if !mask.take(best) {
                text.bytes.truncate(text.read_len());
                return Ok((text, None));
            }
            next = if self.is_over(&mut mask, goal, &text.bytes) {
                Next::Over
            } else {
                text.read.push(text.bytes.len());
                self.advance(line, &mut mask, goal, best, &mut text, end)?
            };
        }
    }

    /// Whether nothing but the value's end may follow: then nobody needs to ask the model what does.
    fn is_over(&self, mask: &mut Mask, goal: Goal<'_>, bytes: &[u8]) -> bool {
        let Some(written) = bytes.get(goal.forced..).filter(|_| goal.is_sure) else { return false };
        let ends = |id: &u32| {
            let longer = [written, self.vocabulary.bytes(*id)].concat();
            value_end(goal.slot, &longer) == Some(written.len())
        };
        let allowed = mask.allowed(self.vocabulary);
        !allowed.is_empty() && allowed.iter().all(ends)
    }

    /// Reads a token and a draft behind it; keeps as much of the draft as the model would have
    /// written itself. Says what comes behind that.
    fn advance<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        mask: &mut Mask,
        goal: Goal<'_>,
        token: u32,
        text: &mut Text,
        end: &dyn Fn(&[u8]) -> Option<usize>,
    ) -> Result<Next, StockError> {
        let room = (self.tokens_max - text.read.len()).min(self.draft_tokens_max);
        let written = text.bytes.get(goal.forced..).and_then(|b| std::str::from_utf8(b).ok());
        let mut draft = match written {
            Some(written) if room > 0 => {
                lookup::draft(self.vocabulary, self.query, goal.slot, written, room)?
            }
            _ => Vec::new(),
        };
        let chunk = [std::slice::from_ref(&token), draft.as_slice()].concat();
        let before = line.len();
        let states = match line.read(&chunk, chunk.len()) {
            // There is room for the token alone.
            Err(StockError::ContextOverflow { .. } | StockError::NoRoom { .. })
                if !draft.is_empty() =>
            {
                draft.clear();
                line.read(&[token], 1)?
            }
            states => states?,
        };
        let mut said = Said::new(states);
        let mut kept = 0;
        let next = loop {
            let best = said.best(line, kept, mask.allowed(self.vocabulary))?;
            let Some(drafted) = draft.get(kept).filter(|drafted| best == Some(**drafted)) else {
                break Next::from(best);
            };
            let length = text.bytes.len();
            text.bytes.extend_from_slice(self.vocabulary.bytes(*drafted));
            if end(&text.bytes).is_some() || !mask.take(*drafted) {
                text.bytes.truncate(length);
                break Next::from(best);
            }
            text.drafted += 1;
            if self.is_over(mask, goal, &text.bytes) {
                break Next::Over;
            }
            text.read.push(text.bytes.len());
            kept += 1;
        };
        line.keep(before + 1 + kept, said.states.swap_remove(kept));
        Ok(next)
    }

    /// Which of some ways on the model would write, where they begin alike: the value is written
    /// for a try, and the first way that reads it is taken. The line stays where it was.
    pub(crate) fn peek<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        forced: &str,
        leaves: &[Leaf],
    ) -> Result<Option<usize>, StockError> {
        let texts: Vec<String> =
            leaves.iter().map(|leaf| [forced, leaf.text.as_str()].concat()).collect();
        let ways: Vec<(&str, &Slot)> = texts
            .iter()
            .zip(leaves)
            .filter_map(|(text, leaf)| Some((text.as_str(), leaf.slot.as_ref()?)))
            .collect();
        let Some((_, first)) = ways.first() else { return Ok(None) };
        let place = line.place();
        let mask = self.masks.begin(&ways)?;
        // Where the value ends, from the start of the text.
        let end = |bytes: &[u8]| {
            ways.iter().find_map(|(text, slot)| {
                let value = bytes.strip_prefix(text.as_bytes())?;
                Some(text.len() + value_end(slot, value)?)
            })
        };
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        let goal = Goal { slot: first, forced: longest, is_sure: false };
        let sampled = self.sample(line, mask, goal, &end);
        line.back_to(place);
        let (Text { bytes, .. }, Some(end)) = sampled? else { return Ok(None) };
        let reads = |(text, leaf): &(&String, &Leaf), exactly: bool| {
            let Some(slot) = &leaf.slot else {
                return text.as_bytes().starts_with(&bytes[..=end]);
            };
            let value = bytes[..end].strip_prefix(text.as_bytes());
            let Some(Ok(value)) = value.map(std::str::from_utf8) else { return false };
            slot.parse(value).is_ok_and(|parsed| !exactly || slot.spell(&parsed) == value)
        };
        // First one that would write it so itself: 5 is an integer, 5.0 a number.
        let pairs = || texts.iter().zip(leaves);
        let taken = pairs().find(|pair| reads(pair, true));
        let taken = taken.or_else(|| pairs().find(|pair| reads(pair, false)));
        Ok(taken.map(|(_, leaf)| leaf.alternative))
    }
}
