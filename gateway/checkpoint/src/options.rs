//! How a checkpoint is opened.

/// What matrices are held in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes a weight, as exact as the file.
    #[default]
    F32,
    /// About one byte a weight, rounded in blocks of 32; what a GGUF has quantized stays as it is.
    Q8,
}

/// How a checkpoint is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its name in answers; the name of its folder or file if there is none.
    pub id: Option<String>,
    /// Tokens that are read at most, where that is fewer than the model can.
    pub context_tokens_max: Option<usize>,
    /// What matrices are held in.
    pub precision: Precision,
    /// Refuse weights that are not numbers: reads each of them once more.
    pub must_be_numbers: bool,
}
