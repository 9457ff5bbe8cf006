//! Values, written token by token under the mask of their type.

use hyfunc_cascade::generate::plainest;
use hyfunc_functions::Value;
use hyfunc_functions::template::Slot;

use crate::causal::Causal;
use crate::error::StockError;
use crate::leaves::Leaf;
use crate::line::Line;
use crate::lookup;
use crate::masks::{Mask, Masks, value_end};
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
        let (forced, injected) = line.settle()?;
        let begun = line.len();
        let mask = self.masks.begin(&[(forced.as_str(), slot)])?;
        let end = |bytes: &[u8]| value_end(slot, bytes.get(forced.len()..)?);
        let (text, ended) = self.sample(line, mask, (slot, forced.len()), &end)?;
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
    /// in the text, but not read.
    fn sample<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        mut mask: Mask,
        (slot, forced): (&Slot, usize),
        end: &dyn Fn(&[u8]) -> Option<usize>,
    ) -> Result<(Text, Option<usize>), StockError> {
        let mut text = Text { bytes: Vec::new(), read: Vec::new(), sampled: 0, drafted: 0 };
        let mut logits = line.logits()?;
        while text.read.len() < self.tokens_max {
            let Some(best) = mask.best(&logits, self.vocabulary) else { break };
            text.bytes.extend_from_slice(self.vocabulary.bytes(best));
            text.sampled += 1;
            if let Some(end) = end(&text.bytes) {
                return Ok((text, Some(end)));
            }
            if !mask.take(best) {
                text.bytes.truncate(text.read_len());
                break;
            }
            text.read.push(text.bytes.len());
            logits = self.advance(line, &mut mask, (slot, forced), best, &mut text, end)?;
        }
        Ok((text, None))
    }

    /// Reads a token and a draft behind it; keeps as much of the draft as the model would have
    /// written itself. Gives the logits behind that.
    fn advance<M: Causal>(
        &self,
        line: &mut Line<'_, M>,
        mask: &mut Mask,
        (slot, forced): (&Slot, usize),
        token: u32,
        text: &mut Text,
        end: &dyn Fn(&[u8]) -> Option<usize>,
    ) -> Result<Vec<f32>, StockError> {
        let room = (self.tokens_max - text.read.len()).min(self.draft_tokens_max);
        let written = text.bytes.get(forced..).and_then(|b| std::str::from_utf8(b).ok());
        let draft = match written {
            Some(written) if room > 0 => {
                lookup::draft(self.vocabulary, self.query, slot, written, room)?
            }
            _ => Vec::new(),
        };
        let chunk = [std::slice::from_ref(&token), draft.as_slice()].concat();
        let before = line.len();
        let mut rows = match line.read(&chunk, chunk.len()) {
            // There is room for the token alone.
            Err(StockError::ContextOverflow { .. }) if !draft.is_empty() => {
                return Ok(line.read(&[token], 1)?.pop().unwrap_or_default());
            }
            rows => rows?,
        };
        let mut kept = 0;
        for (row, drafted) in rows.iter().zip(&draft) {
            if mask.best(row, self.vocabulary) != Some(*drafted) {
                break;
            }
            let length = text.bytes.len();
            text.bytes.extend_from_slice(self.vocabulary.bytes(*drafted));
            if end(&text.bytes).is_some() || !mask.take(*drafted) {
                text.bytes.truncate(length);
                break;
            }
            text.read.push(text.bytes.len());
            kept += 1;
        }
        text.drafted += kept;
        let logits = rows.swap_remove(kept);
        line.keep(before + 1 + kept, logits.clone());
        Ok(logits)
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
        let sampled = self.sample(line, mask, (*first, longest), &end);
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
