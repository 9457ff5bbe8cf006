//! Models that know the answer before they are asked, so that what is left is the gateway.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use hyfunc_cascade::{
    CascadeError, DecodeRequest, Decoded, DecodedCall, Intent, ModelInfo, Piece, PieceKind,
    Prepared, TokenCounts,
};
use hyfunc_functions::{Function, Value};

use crate::models::Models;

/// Width of the vectors, as of the embedded models.
const DIMS: usize = 160;

/// A call that is decided whatever is asked.
pub(super) struct FixedCall {
    /// Name of the function.
    pub function: String,
    /// Its arguments.
    pub arguments: Value,
}

/// Models of one answer.
pub(super) struct Fixed {
    /// The call, or none.
    pub call: Option<FixedCall>,
}

/// A vector of length 1 along one direction.
fn along(direction: usize) -> Vec<f32> {
    let mut vector = vec![0.0; DIMS];
    vector[direction % DIMS] = 1.0;
    vector
}

impl Models for Fixed {
    /// The function that is called lies where every query does, the others elsewhere.
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        let is_called = |function: &Function| {
            self.call.as_ref().is_some_and(|call| call.function == function.name)
        };
        let prepared = functions.into_iter().enumerate().map(|(at, function)| {
            let direction = if is_called(&function) { 0 } else { 1 + at % (DIMS - 1) };
            Arc::new(Prepared::without_block(function, along(direction)))
        });
        let prepared: Vec<Arc<Prepared>> = prepared.collect();
        Box::pin(std::future::ready(Ok(prepared)))
    }

    fn distil<'a>(
        &'a self,
        _query: &'a str,
        _deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        let p_call = if self.call.is_some() { 1.0 } else { 0.0 };
        let intent = Intent { soft_token: Vec::new(), query_vector: along(0), p_call };
        Box::pin(std::future::ready(Ok(intent)))
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        let called = self.call.as_ref().and_then(|call| {
            let named = |function: &Function| function.name == call.function;
            let mut candidates = request.candidates.iter();
            Some((candidates.position(|found| named(found.prepared.function()))?, call))
        });
        let calls = called.map(|(candidate, call)| DecodedCall {
            candidate,
            arguments: call.arguments.clone(),
            score: 1.0,
            pieces: pieces(&call.function),
        });
        let decoded = Decoded {
            calls: calls.into_iter().collect(),
            scores: vec![0.5; request.candidates.len()],
            counts: TokenCounts { prompt: 96, injected: 24, copied: 3, ..TokenCounts::default() },
        };
        Box::pin(std::future::ready(Ok(decoded)))
    }

    fn info(&self) -> ModelInfo {
        ModelInfo {
            id: "fixed".into(),
            parameters_large: 0,
            parameters_small: 0,
            digest: "0".repeat(64),
            retrieval_threshold: -1.0,
        }
    }
}

/// As many pieces as a call of three values has.
fn pieces(function: &str) -> Vec<Piece> {
    let piece = |kind, text: &str, subject: &str| Piece {
        kind,
        text: text.into(),
        subject: subject.into(),
    };
    let mut pieces = vec![piece(PieceKind::Injected, &format!("<call>{function}"), "")];
    for subject in ["first", "second", "third"] {
        pieces.push(piece(PieceKind::Injected, "<param>", subject));
        pieces.push(piece(PieceKind::Copied, "a value", subject));
    }
    pieces.push(piece(PieceKind::Injected, "</call>", ""));
    pieces
}

#[cfg(test)]
mod tests {
    use hyfunc_cascade::{Candidate, ToolChoice};

    use super::*;
    use crate::bench::synthetic;

    async fn decided(call: Option<&str>, offered: usize) -> Vec<(usize, Value)> {
        let arguments = Value::Record(Vec::new());
        let call = call.map(|name| FixedCall { function: name.into(), arguments });
        let fixed = Fixed { call };
        let prepared = fixed.prepare(synthetic::functions(offered)).await.unwrap();
        let intent = fixed.distil("whatever", Instant::now()).await.unwrap();
        let cosine = |prepared: &Prepared| {
            let pairs = prepared.vector().iter().zip(&intent.query_vector);
            pairs.map(|(a, b)| a * b).sum::<f32>()
        };
        for prepared in &prepared {
            let is_called = call_of(&fixed) == Some(prepared.function().name.as_str());
            assert_eq!(cosine(prepared), if is_called { 1.0 } else { 0.0 });
        }
        let candidate = |prepared: Arc<Prepared>| Candidate { prepared, score: 0.5 };
        let request = DecodeRequest {
            query: "whatever".into(),
            earlier: Vec::new(),
            intent: intent.clone(),
            candidates: prepared.iter().cloned().map(candidate).collect(),
            choice: ToolChoice::Auto,
            calls_max: 8,
            deadline: Instant::now(),
        };
        let decoded = fixed.decode(request).await.unwrap();
        assert_eq!(decoded.scores.len(), offered);
        decoded.calls.into_iter().map(|call| (call.candidate, call.arguments)).collect()
    }

    fn call_of(fixed: &Fixed) -> Option<&str> {
        fixed.call.as_ref().map(|call| call.function.as_str())
    }

    #[tokio::test]
    async fn the_same_call_is_decided_wherever_its_function_is_offered() {
        let name = synthetic::function(3).name;
        assert!(decided(None, 8).await.is_empty());
        assert!(decided(Some(&name), 2).await.is_empty(), "it is not among two");
        assert_eq!(decided(Some(&name), 8).await, [(3, Value::Record(Vec::new()))]);
    }
}
