//! The library as one principal sees it: what is outside of a key's scopes is not there.

use std::sync::Arc;

use hyfunc_retrieval::{Hit, RetrievalError};

use super::{Entry, Library};
use crate::error::RequestError;
use crate::keys::Principal;
use crate::suggest::nearest;

/// How many times as many functions are searched for when too few of those found may be seen.
const WIDEN: usize = 4;

/// One snapshot of the library, and who looks at it.
pub struct View {
    library: Arc<Library>,
    principal: Principal,
}

impl View {
    /// What somebody sees of a library.
    pub fn new(library: Arc<Library>, principal: Principal) -> Self {
        Self { library, principal }
    }

    /// Who looks.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Every function that is seen, in the order of loading.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.library.entries().iter().filter(|entry| self.sees(entry))
    }

    /// The function of that name, if it is seen.
    pub fn get(&self, name: &str) -> Option<&Arc<Entry>> {
        self.library.get(name).filter(|entry| self.sees(entry))
    }

    /// The name nearest to an unknown one, among those that are seen.
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names = self.entries().map(|entry| entry.function().name.as_str());
        nearest(name, names).map(str::to_owned)
    }

    /// Why there is no function of that name. For a name outside of the scopes it is the same
    /// whether somebody else's function has it or not.
    pub fn missing(&self, name: &str) -> RequestError {
        match self.principal.forbids(name) {
            Some(error) => error.into(),
            None => RequestError::UnknownFunction {
                name: name.to_owned(),
                suggestion: self.nearest(name),
            },
        }
    }

    /// The `k` best functions that are seen, best first, with their scores.
    ///
    /// # Errors
    /// A vector of another width, or without direction.
    pub fn search(
        &self,
        vector: &[f32],
        query: &str,
        k: usize,
    ) -> Result<Vec<(Arc<Entry>, Hit)>, RetrievalError> {
        if self.principal.sees_everything() {
            return self.library.search(vector, query, k);
        }
        let total = self.library.entries().len();
        let mut wide = k.min(total);
        loop {
            let mut hits = self.library.search(vector, query, wide)?;
            hits.retain(|(entry, _)| self.sees(entry));
            if hits.len() >= k || wide >= total {
                hits.truncate(k);
                return Ok(hits);
            }
            wide = wide.saturating_mul(WIDEN).clamp(1, total);
        }
    }

    fn sees(&self, entry: &Entry) -> bool {
        self.principal.sees(&entry.function().name, entry.plugin.name())
    }
}
