//! What a text is about, by the sum of its words' vectors.
//!
//! A model of five million parameters knows the words that it was trained on; a plugin that comes
//! tomorrow speaks of others. So beside it stands a table of some thirty thousand pieces of words,
//! whose vectors a sentence encoder was asked for (`hyfunc train words`): texts about the same thing
//! lie close, whoever wrote them.

use ahash::AHashMap;
use hyfunc_functions::Function;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest as _, Sha256};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{Model, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _};
use tokenizers::{NormalizedString, Normalizer as _};

use crate::error::WeightsError;
use crate::prompt;

/// Name of the file.
pub const FILE: &str = "words.safetensors";

/// Weight of the words in the vectors of requests and functions; the large model has the rest.
pub const SHARE: f32 = 0.8;

/// Bytes of a text that are looked at: a description may have a megabyte.
const TEXT_BYTES_MAX: usize = 4096;

/// The piece for what is no word, which has no vector.
const UNKNOWN: &str = "[UNK]";

/// Pieces of words and their vectors.
pub struct Words {
    cutter: Cutter,
    /// `[pieces, width]`, each row to be multiplied by its scale.
    table: Vec<i8>,
    /// `[pieces]`.
    scales: Vec<f32>,
    width: usize,
    /// SHA-256 of the file, hex.
    digest: String,
}

impl Words {
    /// Reads a file: `vocabulary`, the pieces as lines of UTF-8 in bytes, `[bytes]`; `table`, i8
    /// `[pieces, width]`; `scale`, f32 `[pieces]`.
    ///
    /// # Errors
    /// Tensors that are missing, of other types or of shapes that do not belong together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let tensors =
            SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
        let tensor = |name: &str, dtype: Dtype| {
            let view = tensors.tensor(name).map_err(|error| damaged(error.to_string()))?;
            if view.dtype() != dtype {
                let found = view.dtype();
                return Err(damaged(format!("`{name}` is {found:?}, not {dtype:?}")));
            }
            Ok(view)
        };
        let vocabulary = tensor("vocabulary", Dtype::U8)?;
        let pieces: Vec<&str> = std::str::from_utf8(vocabulary.data())
            .map_err(|error| damaged(format!("`vocabulary`: {error}")))?
            .lines()
            .collect();
        let (table, scale) = (tensor("table", Dtype::I8)?, tensor("scale", Dtype::F32)?);
        let width = match table.shape() {
            [rows, width] if *rows == pieces.len() && *width > 0 => *width,
            shape => {
                let pieces = pieces.len();
                return Err(damaged(format!("`table` is {shape:?} for {pieces} pieces")));
            }
        };
        let scales: Vec<f32> =
            scale.data().chunks_exact(4).map(|four| f32::from_le_bytes(array(four))).collect();
        if scales.len() != pieces.len() || !scales.iter().all(|scale| scale.is_finite()) {
            return Err(damaged("`scale` is not one finite number a piece".into()));
        }
        let table = table.data().iter().map(|byte| i8::from_le_bytes([*byte])).collect();
        let digest = hex::encode(Sha256::digest(bytes));
        Ok(Self { cutter: Cutter::new(&pieces)?, table, scales, width, digest })
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// SHA-256 of the file, hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Pieces of a text, by their rows.
    pub fn pieces(&self, text: &str) -> Vec<u32> {
        self.cutter.pieces(text)
    }

    /// What a text is about: `[width]`, of unit length, or zeros where no word is known.
    pub fn vector(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0_f32; self.width];
        for piece in self.pieces(text) {
            let (row, scale) = (piece as usize * self.width, self.scales[piece as usize]);
            for (sum, number) in sum.iter_mut().zip(&self.table[row..row + self.width]) {
                *sum += scale * f32::from(*number);
            }
        }
        let length = sum.iter().map(|number| number * number).sum::<f32>().sqrt();
        if length > f32::EPSILON {
            sum.iter_mut().for_each(|number| *number /= length);
        }
        sum
    }

    /// What a function is about.
    pub fn function(&self, function: &Function) -> Vec<f32> {
        self.vector(&prompt::index_text(function))
    }
}

/// The bytes of a file: `vectors` is `[pieces, width]`, rounded to 255 steps a row.
///
/// # Errors
/// Numbers that are not those of `[pieces, width]`.
pub fn to_bytes(pieces: &[String], vectors: &[f32], width: usize) -> Result<Vec<u8>, WeightsError> {
    if width == 0 || vectors.len() != pieces.len() * width {
        let (numbers, pieces) = (vectors.len(), pieces.len());
        return Err(damaged(format!("{numbers} numbers for {pieces} pieces of {width}")));
    }
    let vocabulary = pieces.join("\n");
    let mut table = Vec::with_capacity(vectors.len());
    let mut scales = Vec::with_capacity(pieces.len() * 4);
    for row in vectors.chunks_exact(width) {
        let scale = row.iter().fold(0.0_f32, |most, number| most.max(number.abs())) / 127.0;
        let steps = |number: &f32| (number / scale.max(f32::MIN_POSITIVE)).round() as i8;
        table.extend(row.iter().map(steps).map(|step| step.to_le_bytes()[0]));
        scales.extend(scale.to_le_bytes());
    }
    let view = |dtype, shape: Vec<usize>, bytes| {
        TensorView::new(dtype, shape, bytes).map_err(|error| damaged(error.to_string()))
    };
    let tensors = [
        ("vocabulary", view(Dtype::U8, vec![vocabulary.len()], vocabulary.as_bytes())?),
        ("table", view(Dtype::I8, vec![pieces.len(), width], &table)?),
        ("scale", view(Dtype::F32, vec![pieces.len()], &scales)?),
    ];
    safetensors::serialize(tensors, None).map_err(|error| damaged(error.to_string()))
}

/// Cuts texts into the pieces of a vocabulary.
pub struct Cutter {
    normalizer: BertNormalizer,
    model: WordPiece,
}

impl Cutter {
    /// A vocabulary: pieces by their rows, those within a word after `##`.
    ///
    /// # Errors
    /// A vocabulary without `[UNK]`.
    pub fn new(vocabulary: &[impl AsRef<str>]) -> Result<Self, WeightsError> {
        let normalizer = BertNormalizer::new(true, true, None, true);
        Ok(Self { normalizer, model: model(vocabulary)? })
    }

    /// Pieces of a text, by their rows.
    pub fn pieces(&self, text: &str) -> Vec<u32> {
        let text = prompt::beginning(text, TEXT_BYTES_MAX);
        let mut normalized = NormalizedString::from(text);
        // Neither step can fail on UTF-8; what could not be cut would say nothing.
        if self.normalizer.normalize(&mut normalized).is_err() {
            return Vec::new();
        }
        let mut split = PreTokenizedString::from(normalized);
        if BertPreTokenizer.pre_tokenize(&mut split).is_err() {
            return Vec::new();
        }
        let words = split.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
        let cut = |word| self.model.tokenize(word).unwrap_or_default();
        words.into_iter().flat_map(|(word, ..)| cut(word)).map(|piece| piece.id).collect()
    }
}

fn model(pieces: &[impl AsRef<str>]) -> Result<WordPiece, WeightsError> {
    let numbered = pieces.iter().zip(0_u32..);
    let vocabulary: AHashMap<String, u32> =
        numbered.map(|(piece, row)| (piece.as_ref().to_owned(), row)).collect();
    if !vocabulary.contains_key(UNKNOWN) || vocabulary.len() != pieces.len() {
        return Err(damaged(format!("`vocabulary` lacks {UNKNOWN}, or holds a piece twice")));
    }
    WordPiece::builder()
        .vocab(vocabulary)
        .unk_token(UNKNOWN.into())
        .build()
        .map_err(|error| damaged(error.to_string()))
}

fn array(four: &[u8]) -> [u8; 4] {
    [four[0], four[1], four[2], four[3]]
}

fn damaged(reason: String) -> WeightsError {
    WeightsError::Damaged { file: FILE.into(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: [&str; 6] = ["[UNK]", "car", "auto", "##mobile", "rose", "."];

    /// Cars point one way, roses another.
    fn file() -> Vec<u8> {
        let pieces: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
        let rows = [[0.0, 0.0], [2.0, 0.1], [1.0, 0.0], [0.5, 0.1], [0.0, 3.0], [0.0, 0.0]];
        to_bytes(&pieces, rows.as_flattened(), 2).unwrap()
    }

    fn cosine(words: &Words, one: &str, other: &str) -> f32 {
        let (one, other) = (words.vector(one), words.vector(other));
        one.iter().zip(&other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_about_the_same_thing_lie_close() {
        let words = Words::from_bytes(&file()).unwrap();
        assert_eq!(words.width(), 2);
        assert_eq!(words.pieces("Automobile, a ROSE."), [2, 3, 0, 0, 4, 5]);
        assert!(cosine(&words, "my Cár", "automobile") > 0.9);
        assert!(cosine(&words, "a car", "a rose") < 0.2);
    }

    #[test]
    fn what_is_not_known_says_nothing() {
        let words = Words::from_bytes(&file()).unwrap();
        for text in ["", "   ", "zebra", "你好", "\u{0}\u{7}", &"x".repeat(100_000)] {
            assert_eq!(words.vector(text), [0.0, 0.0], "{:.20}", text);
        }
    }

    #[test]
    fn rounding_keeps_directions() {
        let numbers: Vec<f32> = (0..64).map(|at| ((at * 37 % 64) as f32 - 31.0) / 7.0).collect();
        let pieces: Vec<String> = ["[UNK]", "a"].map(str::to_owned).into();
        let rows: Vec<f32> = std::iter::repeat_n(0.0, 64).chain(numbers.clone()).collect();
        let words = Words::from_bytes(&to_bytes(&pieces, &rows, 64).unwrap()).unwrap();
        let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
        let found = words.vector("a");
        let dot: f32 = found.iter().zip(&numbers).map(|(a, b)| a * b / length).sum();
        assert!(dot > 0.9999, "{dot}");
    }

    #[test]
    fn damaged_files_are_refused_by_what_is_wrong() {
        let whole = file();
        assert!(Words::from_bytes(&whole[..whole.len() - 1]).is_err());
        assert!(Words::from_bytes(b"").is_err());
        let strings = |pieces: &[&str]| -> Vec<String> {
            pieces.iter().map(|piece| (*piece).to_owned()).collect()
        };
        for (pieces, said) in [(&["car"][..], "lacks [UNK]"), (&["[UNK]", "a", "a"], "twice")] {
            let numbers = vec![1.0; pieces.len()];
            let bytes = to_bytes(&strings(pieces), &numbers, 1).unwrap();
            let error = Words::from_bytes(&bytes).err().unwrap().to_string();
            assert!(error.contains(said) && error.contains(FILE), "{error}");
        }
        assert!(to_bytes(&strings(&PIECES), &[1.0], 2).is_err());
        assert!(to_bytes(&strings(&PIECES), &[], 0).is_err());
    }
}
