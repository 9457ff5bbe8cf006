//! What goes into the cascade and what comes out.

use std::sync::Arc;
use std::time::Instant;

use hyfunc_functions::{Function, Spelling, Template, Value};

use crate::blocks::Block;
use crate::conversation::Earlier;
use crate::evidence::Profile;
use crate::labels::Labels;
use crate::nearness::Spoken;
use crate::prompt;
use crate::text::Token;

/// What the large model made of a query.
#[derive(Clone, Debug)]
pub struct Intent {
    /// Last-layer state at the call-opening token: `[d_large]`, f32.
    pub soft_token: Vec<f32>,
    /// The soft token in the retriever's space: `[d_index]`, f32, unit length.
    pub query_vector: Vec<f32>,
    /// Probability that the query asks for any call at all, 0 to 1.
    pub p_call: f32,
}

/// A function made ready at load: its template, its embedding, and the way to its schema block.
pub struct Prepared {
    pub(crate) function: Arc<Function>,
    pub(crate) template: Arc<Template>,
    pub(crate) vector: Vec<f32>,
    pub(crate) text: String,
    pub(crate) profile: Profile,
    pub(crate) labels: Labels,
    pub(crate) spoken: Spoken,
    /// Of its schema block.
    pub(crate) tokens: Vec<Token>,
    pub(crate) block: Block,
}

impl Prepared {
    /// A function for models other than the cascade's: no schema block, and the given embedding
    /// (`[d_index]`, unit length).
    pub fn without_block(function: Arc<Function>, vector: Vec<f32>) -> Self {
        Self::new(function, vector, Vec::new(), Block::Own(Arc::new(Vec::new())))
    }

    pub(crate) fn new(
        function: Arc<Function>,
        vector: Vec<f32>,
        tokens: Vec<Token>,
        block: Block,
    ) -> Self {
        Self {
            template: Arc::new(Template::new(&function, Spelling::Param)),
            text: prompt::index_text(&function),
            profile: Profile::new(&function),
            labels: Labels::default(),
            spoken: Spoken::new(&function.parameters),
            vector,
            tokens,
            block,
            function,
        }
    }

    /// The function itself.
    pub fn function(&self) -> &Arc<Function> {
        &self.function
    }

    /// What may be decided about a call of it.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// Its embedding in the retriever's space: `[d_index]`, f32, unit length.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The words by which it can be found.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tokens of its schema block.
    pub fn block_tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Memory that its schema block takes while it is held, in bytes.
    pub fn block_bytes(&self) -> usize {
        self.block.bytes(self.tokens.len())
    }
}

/// A function that a request may call.
#[derive(Clone)]
pub struct Candidate {
    /// The function made ready.
    pub prepared: Arc<Prepared>,
    /// The retriever's score, for reports: decoding weighs the embedding's cosine itself.
    pub score: f32,
}

/// Whether and what a request must call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The models decide.
    #[default]
    Auto,
    /// No call.
    None,
    /// At least one call of any candidate.
    Required,
    /// At least one call of this candidate, by index, and of no other.
    Named(usize),
}

/// One request to the small model.
#[derive(Clone)]
pub struct DecodeRequest {
    /// What the person asks.
    pub query: String,
    /// What was said and done before it, the oldest first.
    pub earlier: Vec<Earlier>,
    /// What the large model made of it.
    pub intent: Intent,
    /// Functions that it may call, best first.
    pub candidates: Vec<Candidate>,
    /// Whether and what it must call.
    pub choice: ToolChoice,
    /// Most calls in the answer.
    pub calls_max: usize,
    /// When the answer is of no more use.
    pub deadline: Instant,
}

/// What the small model decided.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// Calls in the order in which they were decided: those of functions that are surely called, as
    /// the query names the functions, then those of others, likeliest first.
    pub calls: Vec<DecodedCall>,
    /// Probability of a call, one a candidate, 0 to 1.
    pub scores: Vec<f32>,
    /// Tokens by how they came about.
    pub counts: TokenCounts,
}

/// One decided call.
#[derive(Clone, Debug)]
pub struct DecodedCall {
    /// Index into the request's candidates.
    pub candidate: usize,
    /// A `Value::Record` of the function's parameters.
    pub arguments: Value,
    /// Probability of this call, 0 to 1.
    pub score: f32,
    /// The filled template, in order.
    pub pieces: Vec<Piece>,
}

/// A stretch of a filled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// How the text came about.
    pub kind: PieceKind,
    /// The text.
    pub text: String,
    /// Path of the parameter it belongs to; empty for the frame.
    pub subject: String,
}

/// How a stretch of a filled template came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// Fixed text: no model was asked.
    Injected,
    /// One of several fixed spellings.
    Chosen,
    /// Written token by token under a mask.
    Sampled,
    /// A span of the query, taken in one step.
    Copied,
}

/// Tokens of one decode, by how they came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Query tokens read, once a candidate.
    pub prompt: usize,
    /// Tokens injected from templates.
    pub injected: usize,
    /// Decisions between fixed alternatives.
    pub chosen: usize,
    /// Tokens written one by one.
    pub sampled: usize,
    /// Slots filled from the query in one step.
    pub copied: usize,
}

impl std::ops::AddAssign for TokenCounts {
    fn add_assign(&mut self, other: Self) {
        self.prompt += other.prompt;
        self.injected += other.injected;
        self.chosen += other.chosen;
        self.sampled += other.sampled;
        self.copied += other.copied;
    }
}

/// What serves.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Name under which clients ask for it.
    pub id: String,
    /// Parameters of the large model.
    pub parameters_large: usize,
    /// Parameters of the small model.
    pub parameters_small: usize,
    /// SHA-256 over the weights' own SHA-256s, hex.
    pub digest: String,
    /// Score of the index below which no function should be a candidate, calibrated on held-out rows.
    pub retrieval_threshold: f32,
}
