//! The loaded functions: one immutable snapshot, swapped whole.

mod view;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use hyfunc_cascade::Prepared;
use hyfunc_functions::names::{self, Wanted};
use hyfunc_functions::{Export, Function};
use hyfunc_retrieval::{Entry as IndexEntry, Hit, Index, IndexConfig, RetrievalError};
use hyfunc_sandbox::Plugin;
use tokio::task::spawn_blocking;

pub use view::View;

use crate::error::StartError;
use crate::models::Models;
use crate::suggest::nearest;

/// Functions that the models are given at once while requests are served: those come in between.
const PREPARE_MAX: usize = 16;

/// A function of the library: made ready, and the plugin that runs it.
pub struct Entry {
    /// Function, template, vector.
    pub prepared: Arc<Prepared>,
    /// Who runs it.
    pub plugin: Plugin,
    /// Where the plugin exports it.
    pub export: Export,
    /// Of its vector and its words in the index.
    id: u32,
}

impl Entry {
    /// The function itself.
    pub fn function(&self) -> &Arc<Function> {
        self.prepared.function()
    }
}

/// What comes to stand where in the next library.
enum Place {
    /// A function of a plugin that did not change.
    Same(Arc<Entry>),
    /// A function of another plugin, or of another revision.
    Of {
        plugin: Plugin,
        export: Export,
        /// What was made of it before, and its place in the index, if it is the same.
        kept: Option<(Arc<Prepared>, u32)>,
    },
}

/// All loaded functions and the index over them. A request holds one from start to end.
pub struct Library {
    plugins: Vec<Plugin>,
    entries: Vec<Arc<Entry>>,
    by_name: HashMap<String, usize>,
    by_id: HashMap<u32, usize>,
    index: Arc<Index>,
    /// Ids are never given twice: an index remembers those that it let go.
    id_next: u32,
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
        let prepared = models.prepare_library(functions).await?;
        let entries: Vec<_> = prepared
            .into_iter()
            .zip(homes)
            .zip(0..)
            .map(|((prepared, (plugin, export)), id)| {
                Arc::new(Entry { prepared, plugin, export, id })
            })
            .collect();
        let index = index_of(entries.iter().map(|entry| &entry.prepared))?;
        let id_next = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        Ok(Self::new(plugins.to_vec(), entries, index, id_next))
    }

    /// The library of other plugins. What did not change is taken over: functions that stay as they
    /// were keep what the models made of them, and their place in the index.
    ///
    /// # Errors
    /// As [`Library::build`]. This library stays as it is.
    pub async fn next(
        &self,
        plugins: Vec<Plugin>,
        models: &dyn Models,
    ) -> Result<Self, StartError> {
        let mut places = Vec::new();
        let mut fresh = Vec::new();
        for ((plugin, function), name) in pairs(&plugins).zip(final_names(&plugins)?) {
            let Some(export) = &function.export else { continue };
            let old = self.get(&name);
            if let Some(old) = old.filter(|old| old.plugin.is(plugin) && old.export == *export) {
                places.push(Place::Same(Arc::clone(old)));
                continue;
            }
            let old = old.filter(|old| same(old.function(), function, &name));
            let kept = old.map(|old| (Arc::clone(&old.prepared), old.id));
            if kept.is_none() {
                fresh.push(renamed(function, name));
            }
            places.push(Place::Of { plugin: plugin.clone(), export: export.clone(), kept });
        }
        let mut ready = Vec::with_capacity(fresh.len());
        for chunk in fresh.chunks(PREPARE_MAX) {
            ready.extend(models.prepare_library(chunk.to_vec()).await?);
        }
        let mut ready = ready.into_iter();
        let mut id_next = self.id_next;
        let mut entries = Vec::with_capacity(places.len());
        for place in places {
            let (plugin, export, kept) = match place {
                Place::Same(entry) => {
                    entries.push(entry);
                    continue;
                }
                Place::Of { plugin, export, kept } => (plugin, export, kept),
            };
            let (prepared, id) = match kept {
                Some(kept) => kept,
                None => {
                    let Some(prepared) = ready.next() else { break };
                    id_next += 1;
                    (prepared, id_next - 1)
                }
            };
            entries.push(Arc::new(Entry { prepared, plugin, export, id }));
        }
        let index = self.index_next(&entries).await?;
        Ok(Self::new(plugins, entries, index, id_next))
    }

    fn new(plugins: Vec<Plugin>, entries: Vec<Arc<Entry>>, index: Index, id_next: u32) -> Self {
        let places = || entries.iter().enumerate();
        let by_name = places().map(|(at, entry)| (entry.function().name.clone(), at)).collect();
        let by_id = places().map(|(at, entry)| (entry.id, at)).collect();
        Self { plugins, by_name, by_id, index: Arc::new(index), id_next, entries }
    }

    /// A changed clone of the index, made off the async threads: requests search this one meanwhile.
    async fn index_next(&self, entries: &[Arc<Entry>]) -> Result<Index, StartError> {
        let stay: HashSet<u32> = entries.iter().map(|entry| entry.id).collect();
        let gone: Vec<u32> = self.by_id.keys().filter(|id| !stay.contains(id)).copied().collect();
        let new: Vec<_> =
            entries.iter().filter(|entry| !self.by_id.contains_key(&entry.id)).cloned().collect();
        let base = Arc::clone(&self.index);
        let work = spawn_blocking(move || {
            let mut index = Index::clone(&base);
            for id in gone {
                index.remove(id)?;
            }
            for entry in new {
                index.insert(index_entry(entry.id, &entry.prepared))?;
            }
            Ok::<_, RetrievalError>(index)
        });
        let index = work.await.map_err(|_| StartError::Panicked { part: "the index" })?;
        Ok(index?)
    }

    /// The plugins whose functions these are.
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
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
        let found = |hit: Hit| {
            let at = self.by_id.get(&hit.id)?;
            Some((Arc::clone(&self.entries[*at]), hit))
        };
        Ok(hits.into_iter().filter_map(found).collect())
    }
}

/// An index whose ids are positions.
pub fn index_of<'a>(
    functions: impl Iterator<Item = &'a Arc<Prepared>>,
) -> Result<Index, RetrievalError> {
    let entries = functions.zip(0..).map(|(prepared, id)| index_entry(id, prepared)).collect();
    Index::build(entries, IndexConfig::default())
}

fn index_entry(id: u32, prepared: &Prepared) -> IndexEntry {
    IndexEntry { id, vector: prepared.vector().to_vec(), text: prepared.text().to_owned() }
}

/// Whether a function of the library is what another would be under that name.
fn same(old: &Function, new: &Function, name: &str) -> bool {
    if new.name == name {
        return old == new;
    }
    *old == Function { name: name.to_owned(), ..new.clone() }
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

#[cfg(test)]
mod tests;
