//! Filled templates, as answers tell of them.

use hyfunc_cascade::{Piece, PieceKind};
use serde::{Serialize, Serializer};

/// The filled template: each stretch of text and how it came about.
pub struct PiecesJson<'a>(pub &'a [Piece]);

#[derive(Serialize)]
struct PieceJson<'a> {
    kind: &'static str,
    text: &'a str,
    subject: &'a str,
}

impl Serialize for PiecesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PieceJson::of))
    }
}

impl<'a> PieceJson<'a> {
    fn of(piece: &'a Piece) -> Self {
        let kind = match piece.kind {
            PieceKind::Injected => "injected",
            PieceKind::Chosen => "chosen",
            PieceKind::Sampled => "sampled",
            PieceKind::Copied => "copied",
        };
        Self { kind, text: &piece.text, subject: &piece.subject }
    }
}
