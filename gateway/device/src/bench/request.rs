//! One request on its way, from the tokens of its query to those of its values.

use std::time::Instant;

use hyfunc_kernels::model::Sequence;

use super::Shapes;
use super::cascade::Asked;
use super::work::Forward;

/// How a call's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Beside each other: each is a branch behind what all of them share.
    Together,
    /// One after another, each behind all before it.
    InTurn,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The large model has not read it.
    Query,
    /// The small model reads the query and the soft token, and chooses a function.
    Read,
    /// Of a value, or of all of them, so many tokens are chosen; with none, fixed text is read.
    Values { slot: usize, chosen: usize },
    /// All is written.
    Done,
}

impl Phase {
    /// Of the small model, what one request asks in it.
    pub fn forward(self, order: Order, shapes: &Shapes) -> Forward {
        let read = shapes.schemas_tokens();
        let (rows, before) = match order {
            Order::Together => (shapes.slots, 0),
            Order::InTurn => (1, shapes.fixed_tokens + shapes.value_tokens),
        };
        match self {
            Self::Query | Self::Done => Forward::default(),
            Self::Read => Forward {
                kept: read,
                rows: 1,
                own: 0,
                tokens: shapes.query_tokens + 1,
                head_rows: shapes.candidates + 1,
            },
            Self::Values { slot, chosen } => {
                let kept = read + shapes.query_tokens + 1 + slot * before;
                // What is chosen is read by the next step.
                let (own, tokens) = match chosen {
                    0 => (0, shapes.fixed_tokens),
                    chosen => (shapes.fixed_tokens + chosen - 1, 1),
                };
                Forward { kept, rows, own, tokens, head_rows: shapes.value_rows }
            }
        }
    }

    /// What it is called.
    pub fn name(self, order: Order) -> &'static str {
        match (self, order) {
            (Self::Query | Self::Done, _) => "nothing",
            (Self::Read, _) => "small model reads query and soft token",
            (Self::Values { chosen: 0, .. }, Order::Together) => "injected chunks, all slots",
            (Self::Values { .. }, Order::Together) => "value step, all slots",
            (Self::Values { chosen: 0, .. }, Order::InTurn) => "injected chunk, one slot",
            (Self::Values { .. }, Order::InTurn) => "value step, one slot",
        }
    }

    fn next(self, order: Order, shapes: &Shapes) -> Self {
        match self {
            Self::Query => Self::Read,
            Self::Read => Self::Values { slot: 0, chosen: 0 },
            Self::Values { slot, chosen } if chosen < shapes.value_tokens => {
                Self::Values { slot, chosen: chosen + 1 }
            }
            Self::Values { slot, .. } if order == Order::InTurn && slot + 1 < shapes.slots => {
                Self::Values { slot: slot + 1, chosen: 0 }
            }
            Self::Values { .. } | Self::Done => Self::Done,
        }
    }

    /// All of a request that the small model has a part in.
    pub fn all(order: Order, shapes: &Shapes) -> impl Iterator<Item = Self> + '_ {
        let next = move |phase: &Self| Some(phase.next(order, shapes));
        std::iter::successors(Some(Self::Read), next).take_while(|phase| *phase != Self::Done)
    }
}

/// What there is to choose from, and what is fixed.
pub(super) struct Menu {
    /// Of the functions that were found, one, or none.
    pub choices: Vec<u32>,
    /// What a token of a value may be.
    pub values: Vec<u32>,
    /// Before each value.
    fixed: Vec<u32>,
}

impl Menu {
    pub fn new(shapes: &Shapes) -> Self {
        let vocabulary = shapes.small.vocabulary;
        let spread = |count: usize| {
            let token = |at: usize| (at * vocabulary / count.max(1)) as u32;
            (0..count).map(token).collect::<Vec<u32>>()
        };
        Self {
            choices: spread(shapes.candidates + 1),
            values: spread(shapes.value_rows),
            fixed: tokens(FIXED, shapes.fixed_tokens, vocabulary),
        }
    }
}

/// What the tokens of fixed text are made from: no turn is as large.
const FIXED: usize = 1 << 30;

/// Random tokens, the same for the same seed.
pub(super) fn tokens(seed: usize, count: usize, vocabulary: usize) -> Vec<u32> {
    // Never 0, of which nothing but 0 would come.
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut token = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        ((state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % vocabulary.max(1) as u64) as u32
    };
    (0..count).map(|_| token()).collect()
}

struct Branch {
    sequence: Sequence,
    /// Read next.
    next: Vec<u32>,
}

/// One request.
pub(super) struct Request {
    pub began: Instant,
    turn: usize,
    order: Order,
    phase: Phase,
    /// Of the large model.
    soft: Vec<f32>,
    branches: Vec<Branch>,
}

impl Request {
    /// The `turn`-th; its tokens are others than those of any other turn.
    pub fn new(turn: usize, order: Order) -> Self {
        let (began, phase) = (Instant::now(), Phase::Query);
        Self { began, turn, order, phase, soft: Vec::new(), branches: Vec::new() }
    }

    /// Whether the large model is to read it.
    pub fn waits(&self) -> bool {
        self.phase == Phase::Query
    }

    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// What it asks the small model next: what that is called, and what it takes at least.
    pub fn step(&self, shapes: &Shapes) -> (&'static str, Forward) {
        (self.phase.name(self.order), self.phase.forward(self.order, shapes))
    }

    /// For the large model.
    pub fn query(&self, shapes: &Shapes) -> Vec<u32> {
        tokens(2 * self.turn, shapes.query_tokens, shapes.large.vocabulary)
    }

    /// The large model has read it; the small one has read the schemas of what was found.
    pub fn distilled(&mut self, shapes: &Shapes, soft: Vec<f32>, schemas: Sequence) {
        let next = tokens(2 * self.turn + 1, shapes.query_tokens, shapes.small.vocabulary);
        self.soft = soft;
        self.branches = vec![Branch { sequence: schemas, next }];
        self.phase = self.phase.next(self.order, shapes);
    }

    /// Rows that it asks the small model next.
    pub fn rows(&self) -> usize {
        self.branches.len()
    }

    /// Tokens of these rows, the soft one counted.
    pub fn tokens(&self) -> usize {
        let tokens: usize = self.branches.iter().map(|branch| branch.next.len()).sum();
        tokens + usize::from(self.phase == Phase::Read)
    }

    /// These rows.
    pub fn asked<'a>(&'a mut self, menu: &'a Menu) -> Vec<Asked<'a>> {
        let (candidates, soft): (&[u32], Option<&[f32]>) = match self.phase {
            Phase::Read => (menu.choices.as_slice(), Some(self.soft.as_slice())),
            Phase::Query | Phase::Values { .. } | Phase::Done => (menu.values.as_slice(), None),
        };
        let asked = |branch: &'a mut Branch| Asked {
            sequence: &mut branch.sequence,
            tokens: &branch.next,
            soft,
            candidates,
        };
        self.branches.iter_mut().map(asked).collect()
    }

    /// The small model has chosen a token for each of the rows.
    pub fn advance(&mut self, shapes: &Shapes, menu: &Menu, chosen: &[u32]) {
        let has_read = self.phase == Phase::Read;
        self.phase = self.phase.next(self.order, shapes);
        match self.phase {
            // The slots branch off.
            Phase::Values { chosen: 0, .. } if has_read && self.order == Order::Together => {
                let read = self.branches.drain(..).next().map(|branch| branch.sequence);
                let read = read.unwrap_or_default();
                let branch = |_| Branch { sequence: read.clone(), next: menu.fixed.clone() };
                self.branches = (0..shapes.slots).map(branch).collect();
            }
            Phase::Values { chosen: 0, .. } => {
                for branch in &mut self.branches {
                    branch.next.clone_from(&menu.fixed);
                }
            }
            Phase::Values { .. } => {
                for (branch, token) in self.branches.iter_mut().zip(chosen) {
                    branch.next = vec![*token];
                }
            }
            // Pages are free for others.
            Phase::Query | Phase::Read | Phase::Done => self.branches.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_the_paper_is_seven_forwards_together_and_twenty_five_in_turn() {
        let shapes = Shapes::paper();
        for (order, forwards, chunks, steps) in
            [(Order::Together, 7, 1, 5), (Order::InTurn, 25, 4, 20)]
        {
            let phases: Vec<Phase> = Phase::all(order, &shapes).collect();
            assert_eq!(phases.len(), forwards, "{order:?}");
            let count =
                |name: &str| phases.iter().filter(|p| p.name(order).starts_with(name)).count();
            assert_eq!(
                (count("small model"), count("injected"), count("value")),
                (1, chunks, steps)
            );
            // Fixed text and values, whatever the order; the query and its soft token; one schema set.
            let read = |phase: &Phase| {
                let forward = phase.forward(order, &shapes);
                forward.rows * forward.tokens
            };
            assert_eq!(phases.iter().map(read).sum::<usize>(), 81 + 60);
            assert!(phases.iter().all(|phase| phase.forward(order, &shapes).kept >= 700));
        }
        let last = Phase::Values { slot: 3, chosen: 5 }.forward(Order::InTurn, &shapes);
        assert_eq!((last.kept + last.own, last.tokens), (700 + 81 + 59, 1), "all but the last");
    }

    #[test]
    fn a_request_asks_what_its_phases_say() {
        let shapes = Shapes::tiny();
        let menu = Menu::new(&shapes);
        for order in [Order::Together, Order::InTurn] {
            let mut request = Request::new(3, order);
            assert!(request.waits() && request.tokens() == 0);
            assert_eq!(request.query(&shapes).len(), shapes.query_tokens);
            request.distilled(&shapes, vec![0.5; shapes.small.hidden], Sequence::new());
            for phase in Phase::all(order, &shapes) {
                let forward = phase.forward(order, &shapes);
                assert_eq!(request.rows(), forward.rows, "{phase:?}");
                assert_eq!(request.tokens(), forward.rows * forward.tokens, "{phase:?}");
                let has_soft = request.asked(&menu).iter().any(|one| one.soft.is_some());
                assert_eq!(has_soft, phase == Phase::Read);
                assert!(!request.is_done());
                request.advance(&shapes, &menu, &vec![7; forward.rows]);
            }
            assert!(request.is_done() && request.rows() == 0);
        }
    }

    #[test]
    fn tokens_are_known_to_the_model_and_others_in_every_turn() {
        let one = tokens(1, 64, 40);
        assert!(one.iter().all(|token| *token < 40));
        assert_eq!(one, tokens(1, 64, 40));
        assert_ne!(one, tokens(2, 64, 40));
        let menu = Menu::new(&Shapes::paper());
        assert_eq!(menu.values.len(), 2000);
        assert!(menu.values.is_sorted_by(|a, b| a < b), "each once");
        assert!(menu.values.iter().all(|token| *token < 151_936));
    }
}
