//! The models that an evaluation is of.

use std::path::Path;

use candle_core::Device;
use hyfunc_cascade::shipped;
use hyfunc_cascade::tiny::Tiny;

use crate::error::TrainingError;

/// The models of a folder that `hyfunc train tiny` made, or the embedded ones, on the CPU.
///
/// # Errors
/// Files that cannot be read, or that are not what they claim to be.
pub fn models(folder: Option<&Path>) -> Result<Tiny, TrainingError> {
    Ok(match folder {
        Some(folder) => shipped::load_dir(folder, &Device::Cpu)?,
        None => shipped::EMBEDDED.load(&Device::Cpu)?,
    })
}
