//! How a checkpoint is opened.

/// What matrices are held in. What a GGUF has quantized stays as it is in any case; norms and biases
/// are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes a weight, as exact as the file.
    #[default]
    F32,
    /// Q8_0: about one byte a weight, rounded in blocks of 32. An embedding that is not the head is
    /// f16.
    Q8,
    /// Q4_K: a little more than half a byte a weight, rounded in blocks of 256, with the head in Q6_K;
    /// matrices whose rows do not fill such blocks are Q8_0. An embedding that is not the head is f16.
    Q4,
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
