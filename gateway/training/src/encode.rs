//! A gold call as the small model's branches, with what each decision should have been.
//!
//! The same branches are built here from gold answers and in serving from the model's own, by the
//! same code, so that training sees exactly what serving asks.

use std::ops::Range;
use std::sync::Arc;

use hyfunc_cascade::branch::{Branch, choice_answer, slot_answer};
use hyfunc_cascade::decide::{is_value, written};
use hyfunc_cascade::evidence;
use hyfunc_cascade::likeness::Likeness;
use hyfunc_cascade::model::heads::{OPTION_FEATURES, PRESENCE_FEATURES};
use hyfunc_cascade::nearness::Spoken;
use hyfunc_cascade::prior::{self, Past, Prior};
use hyfunc_cascade::prompt;
use hyfunc_cascade::spans::{self, Span};
use hyfunc_cascade::text::{Token, Tokenizer};
use hyfunc_functions::oracle::{Answer, OracleError, drive_parameter};
use hyfunc_functions::template::{Choice, ChoiceKind, Slot, SlotType, Step};
use hyfunc_functions::{Cursor, Template};
use serde_json::{Map, Value as Json};

/// Tokens of the longest written value that is trained on.
const VALUE_TOKENS_MAX: usize = 24;

/// First and last token of the query, both inclusive.
pub type Mention = Option<(usize, usize)>;

/// What a state should say.
#[derive(Clone, Debug)]
pub enum Target {
    /// Whether an optional parameter is written, or a flag set.
    Presence {
        /// It is.
        yes: bool,
        /// It is a flag.
        flag: bool,
        /// What speaks for it.
        features: [f32; PRESENCE_FEATURES],
        /// Tokens of the query that speak of it.
        mention: Mention,
    },
    /// Whether a list goes on.
    Another {
        /// It does.
        yes: bool,
    },
    /// Which option.
    Option {
        /// Token ids of every option's label.
        labels: Vec<Vec<u32>>,
        /// Likeness of every label to the query.
        features: Vec<[f32; OPTION_FEATURES]>,
        /// Tokens of the query that speak of each.
        mentions: Vec<Mention>,
        /// The right one.
        gold: usize,
    },
    /// Which tokens of the query, both inclusive.
    Span {
        /// First.
        start: usize,
        /// Last.
        end: usize,
        /// Whether the number there is meant with its sign turned, where it could be.
        negative: Option<bool>,
        /// What the query alone says of both.
        prior: Prior,
    },
    /// Which tokens to write: they stand in the branch from the state on, and `</param>` ends them.
    Write {
        /// Token ids.
        ids: Vec<u32>,
    },
}

/// A parameter's branch with its targets, each at the index of its state's token.
#[derive(Clone, Debug, Default)]
pub struct EncodedBranch {
    /// All tokens.
    pub tokens: Vec<Token>,
    /// What the states at these indices should say.
    pub targets: Vec<(usize, Target)>,
}

/// A call's branches.
#[derive(Clone, Debug, Default)]
pub struct EncodedCall {
    /// One a parameter, in order.
    pub branches: Vec<EncodedBranch>,
    /// Bytes of the query that values are copied from, with the index of the parameter.
    pub copied: Vec<(usize, Range<usize>)>,
}

impl EncodedCall {
    /// Tokens that stand for this call where a further one is asked about.
    pub fn values(&self) -> Vec<Token> {
        self.branches.iter().flat_map(|branch| branch.tokens.iter().cloned()).collect()
    }
}

/// A query that calls are encoded beside.
pub struct Asked<'a> {
    /// Shared by both models.
    pub tokenizer: &'a Tokenizer,
    /// The words.
    pub query: &'a str,
    /// Their tokens.
    pub tokens: &'a [Token],
    /// Their likeness to labels.
    pub likeness: &'a Likeness,
    /// What belongs together in them.
    pub scene: &'a prior::Scene,
}

/// Encodes one call of the function that `template` and `spoken` are of. `earlier` is what calls of it
/// before this one copied.
pub fn call(
    asked: &Asked<'_>,
    (template, spoken): (&Arc<Template>, &Spoken),
    arguments: &Map<String, Json>,
    earlier: &[(usize, Range<usize>)],
) -> Result<EncodedCall, OracleError> {
    let scene = Scene { asked, template, spoken, earlier };
    let mut encoded = EncodedCall::default();
    for (index, field) in template.parameters().fields.iter().enumerate() {
        let (branch, used) = scene.parameter(index, arguments.get(&field.name))?;
        encoded.branches.push(branch);
        encoded.copied.extend(used.into_iter().map(|bytes| (index, bytes)));
    }
    Ok(encoded)
}

struct Scene<'a> {
    asked: &'a Asked<'a>,
    template: &'a Arc<Template>,
    spoken: &'a Spoken,
    earlier: &'a [(usize, Range<usize>)],
}

impl Scene<'_> {
    fn parameter(
        &self,
        index: usize,
        gold: Option<&Json>,
    ) -> Result<(EncodedBranch, Vec<Range<usize>>), OracleError> {
        let mut branch = Branch::default();
        let mut targets = Vec::new();
        let mut used = Vec::new();
        let cursor = Cursor::parameter(self.template.clone(), index);
        drive_parameter(cursor, gold, |step, answer| match (step, answer) {
            (Step::Choice(choice), Answer::Choose(chosen)) => {
                self.choice(&mut branch, &mut targets, choice, *chosen);
            }
            (Step::Slot(slot), Answer::Fill(value)) => {
                self.slot((&mut branch, &mut targets), (index, &mut used), slot, value);
            }
            _ => {}
        })?;
        Ok((EncodedBranch { tokens: branch.tokens().to_vec(), targets }, used))
    }

    fn choice(
        &self,
        branch: &mut Branch,
        targets: &mut Vec<(usize, Target)>,
        choice: &Choice,
        chosen: usize,
    ) {
        let answer = choice_answer(self.template.parameters(), choice);
        branch.ask(self.asked.tokenizer, &choice.subject, answer);
        let at = branch.tokens().len() - 1;
        let target = match choice.kind {
            ChoiceKind::Presence | ChoiceKind::Flag => {
                let parameters = self.template.parameters();
                let evidence = evidence::presence(self.asked.likeness, parameters, choice);
                Target::Presence {
                    yes: chosen == 0,
                    flag: choice.kind == ChoiceKind::Flag,
                    features: evidence.features,
                    mention: self.place(evidence.mention),
                }
            }
            ChoiceKind::AnotherElement | ChoiceKind::AnotherKey | ChoiceKind::AnotherCall => {
                Target::Another { yes: chosen == 0 }
            }
            ChoiceKind::Boolean
            | ChoiceKind::Enum
            | ChoiceKind::Literal
            | ChoiceKind::Case
            | ChoiceKind::CallOrNot
            | ChoiceKind::Candidate => Target::Option {
                labels: choice
                    .alternatives
                    .iter()
                    .map(|a| prompt::label(self.asked.tokenizer, &a.label))
                    .collect(),
                features: choice
                    .alternatives
                    .iter()
                    .map(|a| self.asked.likeness.label(&a.label))
                    .collect(),
                mentions: choice
                    .alternatives
                    .iter()
                    .map(|a| self.place(self.asked.likeness.mention(&a.label)))
                    .collect(),
                gold: chosen,
            },
        };
        targets.push((at, target));
        if is_value(choice.kind) {
            branch.write(self.asked.tokenizer.encode(&choice.alternatives[chosen].label));
        }
    }

    fn place(&self, bytes: Option<Range<usize>>) -> Mention {
        spans::token_range(self.asked.tokens, &bytes?)
    }

    /// The span that means a value, where it can be one that an earlier call did not take.
    fn find(
        &self,
        index: usize,
        ty: &SlotType,
        value: &hyfunc_functions::Value,
        used: &[Range<usize>],
    ) -> Option<(Span, Option<bool>)> {
        let earlier = self.earlier.iter().filter(|(parameter, _)| *parameter == index);
        let taken = used.iter().cloned().chain(earlier.map(|(_, bytes)| bytes.clone()));
        let taken: Vec<Range<usize>> = taken.collect();
        spans::find(self.asked.query, self.asked.tokens, ty, value, &taken)
    }

    fn slot(
        &self,
        (branch, targets): (&mut Branch, &mut Vec<(usize, Target)>),
        (index, used): (usize, &mut Vec<Range<usize>>),
        slot: &Slot,
        value: &hyfunc_functions::Value,
    ) {
        let answer = slot_answer(self.template.parameters(), slot);
        branch.ask(self.asked.tokenizer, &slot.subject, answer);
        let at = branch.tokens().len() - 1;
        let found = self.find(index, &slot.ty, value, used);
        if let Some((span, negative)) = found {
            let (start, end) = span.tokens;
            let past = Past { own: used, calls: self.earlier };
            let said = (self.asked.query, self.asked.tokens);
            let prior = self.asked.scene.prior(said, slot, (index, self.spoken), &past);
            targets.push((at, Target::Span { start, end, negative, prior }));
            used.push(span.bytes);
            branch.write(self.asked.tokens[start..=end].iter().cloned());
            return;
        }
        let mut ids = self.asked.tokenizer.encode_value(&slot.spell(value));
        ids.truncate(VALUE_TOKENS_MAX);
        targets.push((at, Target::Write { ids: ids.clone() }));
        branch.write(ids.into_iter().map(written));
    }
}
