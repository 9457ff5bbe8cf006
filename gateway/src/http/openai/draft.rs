//! How a call is being written, as streams tell of it.

use hyfunc_cascade::Piece;
use serde::Serialize;

use super::pieces::PiecesJson;

/// The `hyfunc_draft` member of a chunk: what more is known of the template of one call.
#[derive(Serialize)]
pub struct DraftJson<'a> {
    index: usize,
    id: &'a str,
    function: &'a str,
    pieces: PiecesJson<'a>,
}

impl<'a> DraftJson<'a> {
    /// Further pieces of the call at a place among all calls of the answer.
    pub fn new(index: usize, (id, function): (&'a str, &'a str), pieces: &'a [Piece]) -> Self {
        Self { index, id, function, pieces: PiecesJson(pieces) }
    }
}
