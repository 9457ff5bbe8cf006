//! Checkpoints on GPUs.

use std::path::Path;

use hyfunc_checkpoint::{Checkpoint, Options};
use hyfunc_kernels::Device;

use crate::decoder::Decoder;
use crate::error::DeviceError;
use crate::load::{Room, load};

/// Opens a checkpoint on `cuda:ordinal`. Blocking: it is read whole. The GPU is looked for first, since
/// that is quick.
///
/// # Errors
/// No such GPU, or a checkpoint that cannot be used or does not fit it.
pub fn open(
    dir_or_gguf: &Path,
    options: &Options,
    ordinal: usize,
    room: Room,
) -> Result<Checkpoint<Decoder<Device>>, DeviceError> {
    let device = Device::open(ordinal)?;
    tracing::info!(ordinal, name = device.name(), "a GPU is open");
    let opened =
        Checkpoint::open_as(dir_or_gguf, options, |blueprint| load(device, room, blueprint))?;
    tracing::info!(id = opened.id.as_str(), "a checkpoint is open");
    Ok(opened)
}
