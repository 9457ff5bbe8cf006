//! Reads the functions of a library: what an earlier start made of them comes from the disk, the
//! rest is made by the models and kept.

use std::sync::Arc;

use hyfunc_functions::Function;

use crate::api::Prepared;
use crate::blocks::{Block, Blocks};
use crate::config::CascadeConfig;
use crate::disk::{Disk, Part};
use crate::error::CascadeError;
use crate::key::{Fingerprint, Key};
use crate::prompt::BLOCK_TOKENS_MAX;
use crate::record::{self, Head};
use crate::tiny::Tiny;

/// What the engine's threads share for it.
pub(crate) struct Reader {
    tiny: Arc<Tiny>,
    fingerprint: Fingerprint,
    disk: Option<Arc<Disk>>,
    blocks: Arc<Blocks>,
}

impl Reader {
    /// Opens the configured folder.
    ///
    /// # Errors
    /// A folder that cannot be used, or models that fail.
    pub(crate) fn new(tiny: Arc<Tiny>, config: &CascadeConfig) -> Result<Self, CascadeError> {
        let disk = config.prepared_dir.as_deref().map(|folder| {
            let opened = Disk::open(folder, config.prepared_bytes_max);
            let path = folder.display().to_string();
            opened.map(Arc::new).map_err(|source| CascadeError::Folder { path, source })
        });
        let disk = disk.transpose()?;
        let blocks = Blocks::new(&tiny.config.small, config.blocks_bytes_max, disk.clone());
        let fingerprint = Fingerprint::of(&tiny)?;
        Ok(Self { tiny, fingerprint, disk, blocks: Arc::new(blocks) })
    }

    /// Makes functions ready. Each is read by itself, as [`Tiny::prepare`] does.
    pub(crate) fn prepare(
        &self,
        functions: &[Arc<Function>],
    ) -> candle_core::Result<Vec<Arc<Prepared>>> {
        functions.iter().map(|function| self.prepare_one(function)).collect()
    }

    /// Memory of the blocks that are held now, in bytes.
    pub(crate) fn block_bytes(&self) -> usize {
        self.blocks.bytes()
    }

    fn prepare_one(&self, function: &Arc<Function>) -> candle_core::Result<Arc<Prepared>> {
        let key = self.fingerprint.key(function);
        let Head { vector, tokens } = match self.kept(&key) {
            Some(head) => head,
            None => self.make(&key, function)?,
        };
        let block = Block::Shared { key, blocks: Arc::clone(&self.blocks) };
        Ok(Arc::new(Prepared::new(Arc::clone(function), vector, tokens, block)))
    }

    /// What an earlier start made of it. Its block is read when it is asked for.
    fn kept(&self, key: &Key) -> Option<Head> {
        let disk = self.disk.as_ref()?;
        let bytes = disk.read(key, Part::Head)?;
        let head = record::read_head(key, &bytes).filter(|head| self.is_sound(head));
        if head.is_none() {
            disk.discard(key, Part::Head);
        }
        head
    }

    fn is_sound(&self, head: &Head) -> bool {
        let ids = 0..self.tiny.config.small.vocab_size;
        head.vector.len() == self.tiny.vector_size()
            && (1..=BLOCK_TOKENS_MAX).contains(&head.tokens.len())
            && head.tokens.iter().all(|token| ids.contains(&(token.id as usize)))
    }

    fn make(&self, key: &Key, function: &Function) -> candle_core::Result<Head> {
        let (vector, tokens) = self.tiny.read_head(function)?;
        if self.blocks.has_room(tokens.len()) {
            self.blocks.keep(key, tokens.len(), self.tiny.small.block(&tokens)?)?;
        }
        let head = Head { vector, tokens };
        if let Some(disk) = &self.disk {
            disk.write(key, Part::Head, &record::write_head(key, &head));
        }
        Ok(head)
    }
}
