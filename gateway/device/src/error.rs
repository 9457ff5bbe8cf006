//! Everything that can be wrong between a checkpoint and a GPU.

use hyfunc_checkpoint::CheckpointError;
use hyfunc_kernels::KernelError;

/// Why a checkpoint is not on a device, or gives no answer there.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The device, or what it computes, failed.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Requests at work and kept prompts hold all keys and values that there is room for.
    #[error("{0} (models.cache_bytes_max)")]
    Full(KernelError),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A kind of model that the kernels do not compute.
    #[error(
        "this checkpoint {what}, which is not computed on a GPU here: take another, or set \
         models.device to cpu"
    )]
    Uncomputed {
        /// What it is or has.
        what: &'static str,
    },
    /// Not even one request fits the memory for keys and values.
    #[error(
        "{bytes} bytes of keys and values hold {tokens} tokens of this checkpoint, and at least \
         {tokens_min} are needed: raise models.cache_bytes_max"
    )]
    NoRoom {
        /// As configured.
        bytes: usize,
        /// Tokens that they hold.
        tokens: usize,
        /// Fewer are of no use.
        tokens_min: usize,
    },
    /// The forward that a request was part of broke off.
    #[error("the forward that this request was part of broke off; ask again")]
    Broken,
    /// A measurement with random weights came to no token.
    #[error("the models computed no number that can be measured; see `hyfunc-kernels`' own tests")]
    NoNumber,
    /// The device answers nothing any more.
    #[error("the device is lost: {said}")]
    Lost {
        /// What it said last.
        said: String,
    },
}
