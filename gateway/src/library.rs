//! The loaded functions: one immutable snapshot, swapped whole.

mod view;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use hyfunc_cascade::Prepared;
use hyfunc_functions::names::{self, Wanted};
use hyfunc_functions::{Export, Function};
use hyfunc_retrieval::{Entry as IndexEntry, Hit, Index, IndexConfig, RetrievalError};
use hyfunc_sandbox::Plugin;

pub use view::View;

use crate::error::StartError;
use crate::models::Models;
use crate::suggest::nearest;

/// A function of the library: made ready, and the plugin that runs it.
pub struct Entry {
    /// Function, template, vector.
    pub prepared: Arc<Prepared>,
    /// Who runs it.
    pub plugin: Plugin,
    /// Where the plugin exports it.
    pub export: Export,
}

impl Entry {
    /// The function itself.
    pub fn function(&self) -> &Arc<Function> {
        self.prepared.function()
    }
}

/// All loaded functions and the index over them. A request holds one from start to end.
pub struct Library {
    entries: Vec<Arc<Entry>>,
    by_name: HashMap<String, usize>,
    index: Index,
}

impl Library {
    /// Names, prepares and indexes the functions of the plugins.
    ///
    /// # Errors
    /// Names that cannot be told apart, models or index that fail.
    pub async fn build(plugins: &[Plugin], models: &dyn Models) -> Result<Self, StartError> {
        let mut functions = Vec::new();
        let mut homes = Vec::new();
        for ((plugin, function), name) in pairs(plugins).zip(final_names(plugins)?) {
            let Some(export) = function.export.clone() else { continue };
            functions.push(renamed(function, name));
            homes.push((plugin.clone(), export));
        }
        let prepared = models.prepare(functions).await?;
        let entries: Vec<_> = prepared
            .into_iter()
            .zip(homes)
            .map(|(prepared, (plugin, export))| Arc::new(Entry { prepared, plugin, export }))
            .collect();
        let by_name = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.function().name.clone(), at))
            .collect();
        let index = index_of(entries.iter().map(|entry| &entry.prepared))?;
        Ok(Self { entries, by_name, index })
    }

    /// Every function, in the order of loading.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The function of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_name.get(name).map(|at| &self.entries[*at])
    }

    /// The known name nearest to an unknown one.
    pub fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.by_name.keys().map(String::as_str)).map(str::to_owned)
    }

    /// The `k` best functions, best first, with their scores.
    ///
    /// # Errors
    /// A vector of another width, or without direction.
    pub fn search(
        &self,
        vector: &[f32],
        query: &str,
        k: usize,
    ) -> Result<Vec<(Arc<Entry>, Hit)>, RetrievalError> {
        if self.entries.is_empty() {
            return Ok(Vec::new());
        }
        let hits = self.index.search(vector, query, k)?;
        Ok(hits.into_iter().map(|hit| (Arc::clone(&self.entries[hit.id as usize]), hit)).collect())
    }
}

/// An index whose ids are positions.
pub fn index_of<'a>(
    functions: impl Iterator<Item = &'a Arc<Prepared>>,
) -> Result<Index, RetrievalError> {
    let entries = functions
        .zip(0..)
        .map(|(prepared, id)| IndexEntry {
            id,
            vector: prepared.vector().to_vec(),
            text: prepared.text().to_owned(),
        })
        .collect();
    Index::build(entries, IndexConfig::default())
}

fn pairs(plugins: &[Plugin]) -> impl Iterator<Item = (&Plugin, &Arc<Function>)> {
    plugins
        .iter()
        .flat_map(|plugin| plugin.functions().iter().map(move |function| (plugin, function)))
}

/// Where two plugins want one name, both get their plugin's in front.
fn final_names(plugins: &[Plugin]) -> Result<Vec<String>, StartError> {
    let wanted: Vec<_> = pairs(plugins)
        .map(|(plugin, function)| Wanted { plugin: plugin.name(), name: &function.name })
        .collect();
    Ok(names::resolve(&wanted)?)
}

fn renamed(function: &Arc<Function>, name: String) -> Arc<Function> {
    if function.name == name {
        return Arc::clone(function);
    }
    Arc::new(Function { name, ..Function::clone(function) })
}

/// Where the present library stands. Readers never wait for a swap in progress.
pub struct Shelf(RwLock<Arc<Library>>);

impl Shelf {
    /// A shelf with its first library.
    pub fn new(library: Library) -> Self {
        Self(RwLock::new(Arc::new(library)))
    }

    /// The library as it is now.
    pub fn snapshot(&self) -> Arc<Library> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another library in place; requests at work keep theirs.
    pub fn swap(&self, library: Library) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(library);
    }
}
