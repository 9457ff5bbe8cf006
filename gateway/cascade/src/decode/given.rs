//! What stays the same while a request is decoded.

use std::sync::Arc;
use std::time::Instant;

use crate::api::{DecodeRequest, Prepared, ToolChoice};
use crate::clauses::Part;
use crate::conversation;
use crate::decide::Asked;
use crate::error::CascadeError;
use crate::likeness::Likeness;
use crate::model::Kv;
use crate::model::heads::CALL_FEATURES;
use crate::model::small::{Before, List, Step};
use crate::prior::Scene;
use crate::prompt::{self, BLOCK_TOKENS_MAX};
use crate::text::Token;
use crate::tiny::{Kinship, call_features};

use super::Decoder;

/// A request with what can be told of it before any model is asked.
pub(super) struct Given<'a> {
    pub decoder: Decoder<'a>,
    pub request: DecodeRequest,
    pub tokens: Vec<Token>,
    /// Cosine of each candidate's embedding and the query's.
    pub cosines: Vec<f32>,
    /// Numbers given beside each candidate's state.
    pub features: Vec<[f32; CALL_FEATURES]>,
    /// The candidates' blocks where those that were read at load are not to be used.
    pub blocks: Option<Blocks>,
    /// Keys and values of the candidates' blocks, unless they are read for this request.
    kept: Vec<Arc<Kv>>,
    likeness: Likeness,
    /// What belongs together in the query.
    scene: Scene,
}

/// Candidates' blocks that were read for one request.
pub(super) struct Blocks {
    pub step: Arc<Step>,
    /// Which list of that step is the first candidate's.
    pub first: usize,
}

impl<'a> Given<'a> {
    /// Reads the words of a request.
    ///
    /// # Errors
    /// A query that is too long, a block that cannot be read.
    pub fn new(decoder: Decoder<'a>, mut request: DecodeRequest) -> Result<Self, CascadeError> {
        let tokens_max = decoder.config.query_tokens_max;
        let (query, tokens) =
            conversation::encode(&decoder.tiny.tokenizer, request.query, tokens_max);
        request.query = query;
        if tokens.len() > tokens_max {
            return Err(CascadeError::QueryTooLong { tokens: tokens.len(), tokens_max });
        }
        let likeness = Likeness::new(&request.query);
        let scene = Scene::new(&request.query, &tokens);
        // Of all candidates, since how a cosine lies among the others tells more than itself.
        let vectors = request.candidates.iter().map(|candidate| candidate.prepared.vector());
        let tiny = decoder.tiny;
        let kinships: Vec<Kinship> =
            vectors.map(|vector| tiny.kinship(&request.intent.query_vector, vector)).collect();
        let cosines = kinships.iter().map(|kinship| kinship.joined()).collect();
        // What was said before names functions that are not asked for again.
        let last = Likeness::new(conversation::last(&request.query));
        let features = request.candidates.iter().enumerate().map(|(index, candidate)| {
            let likeness = candidate.prepared.profile.likeness(&last);
            call_features(&kinships, index, request.intent.p_call, likeness)
        });
        let features = features.collect();
        let kept = match decoder.config.ablate.kept_blocks {
            true => Vec::new(),
            false => kept(decoder, &request)?,
        };
        Ok(Self {
            decoder,
            request,
            tokens,
            cosines,
            features,
            blocks: None,
            kept,
            likeness,
            scene,
        })
    }

    /// The query as decisions see it.
    pub fn asked<'b>(&'b self, parts: &'b [Part]) -> Asked<'b> {
        Asked {
            query: &self.request.query,
            tokens: &self.tokens,
            likeness: &self.likeness,
            scene: &self.scene,
            parts,
            deadline: self.request.deadline,
        }
    }

    /// Whether the answer is still of use.
    ///
    /// # Errors
    /// The deadline has passed.
    pub fn check(&self) -> Result<(), CascadeError> {
        if Instant::now() >= self.request.deadline {
            return Err(CascadeError::Deadline { step: "decode" });
        }
        Ok(())
    }

    /// Byte of the query at which it begins to speak of a candidate by its name.
    pub fn mention(&self, candidate: usize) -> Option<usize> {
        self.prepared(candidate).profile.mention(&self.likeness)
    }

    /// A candidate, made ready.
    pub fn prepared(&self, candidate: usize) -> &Prepared {
        &self.request.candidates[candidate].prepared
    }

    /// Tokens of the query as it is read beside one candidate.
    pub fn query_tokens(&self) -> usize {
        prompt::small_query(&self.tokens, &[]).len()
    }

    /// A candidate's block.
    pub fn block(&self, candidate: usize) -> Before<'_> {
        let tokens = &self.prepared(candidate).tokens;
        let (kv, from) = match &self.blocks {
            Some(blocks) => (blocks.step.kv(), blocks.step.from(blocks.first + candidate)),
            None => (&*self.kept[candidate], 0),
        };
        Before { tokens, kv, from }
    }

    /// The query beside a candidate's block and after `earlier` calls of it; the last state is wanted.
    pub fn query(&self, candidate: usize, earlier: &[Vec<Token>]) -> List<'_> {
        let tokens = prompt::small_query(&self.tokens, earlier);
        List {
            before: vec![self.block(candidate)],
            wanted: vec![tokens.len() - 1],
            tokens,
            position: BLOCK_TOKENS_MAX,
            places: None,
            soft: Some(&self.request.intent.soft_token),
        }
    }
}

/// The candidates' blocks, those of a large library from wherever they are.
fn kept(decoder: Decoder<'_>, request: &DecodeRequest) -> Result<Vec<Arc<Kv>>, CascadeError> {
    if request.choice == ToolChoice::None || request.query.trim().is_empty() {
        return Ok(Vec::new());
    }
    let blocks = request.candidates.iter().map(|candidate| {
        let prepared = &candidate.prepared;
        prepared.block.kv(&prepared.tokens, &decoder.tiny.small)
    });
    Ok(blocks.collect::<candle_core::Result<_>>()?)
}
