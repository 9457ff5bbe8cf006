//! The library at run time: publishing, approving and removing plugins while requests are served.
//!
//! A change is made ready beside what serves (compiled in a process of its own, read by the models,
//! indexed), written to the disk, and only then put in place, whole. Requests at work keep the
//! library that they began with. Whatever fails before leaves everything as it was.

mod compile;
mod error;
mod registry;
mod revision;
mod store;
mod wishes;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use hyfunc_sandbox::{Grants, Plugin};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::task::spawn_blocking;
use tracing::Instrument as _;

pub use compile::{COMMAND, CompileError, FAILED, FULL, REFUSED};
pub use error::PublishError;
pub use registry::{Registry, RegistryError};
pub use revision::{Followed, Past, Record, Revision};
pub use store::Store;

use crate::clock;
use crate::config::LibraryConfig;
use crate::library::Library;
use crate::pipeline::Pipeline;
use crate::suggest::nearest;
use crate::telemetry;

/// Longest name of a plugin: with a function's own it still has to fit into 64 characters.
const NAME_BYTES_MAX: usize = 40;

/// Plugins that are published at once; each may hold a component and a process that compiles.
const PUBLISHES_MAX: usize = 8;

/// When somebody who came in between should come back, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;

/// What a change is made over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever there is.
    #[default]
    Anything,
    /// Nothing yet.
    Nothing,
    /// Something.
    Something,
    /// This very component, by its digest.
    Digest(String),
}

/// A component on its way into the library.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    /// The component.
    pub component: Bytes,
    /// Its digest as the publisher knows it.
    pub digest: Option<String>,
    /// Text of its `grants.toml`.
    pub grants: String,
    /// What it is published over.
    pub expected: Expected,
    /// Whether it may be a revision that was replaced before.
    pub allow_downgrade: bool,
    /// Where it was followed from, where nobody published it.
    pub followed: Option<Followed>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It serves, under a name that served nothing before.
    Created,
    /// It serves instead of another.
    Replaced,
    /// It served already.
    Unchanged,
    /// It waits for approval of what it wants to do.
    Waits,
}

/// What becomes of the past of a plugin that is taken out.
#[derive(Clone, Copy, Debug)]
enum Memory {
    /// It is forgotten.
    Goes,
    /// It is kept, for when the name comes back.
    Stays,
}

/// A plugin, as it can be told about.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: String,
    /// `published`, `bundled` or `plugins.files`.
    pub origin: &'static str,
    /// What is remembered of it, where it is published.
    pub record: Record,
    /// The one that serves.
    pub plugin: Option<Plugin>,
    /// Names of its functions in the library.
    pub functions: Vec<String>,
    /// What the revision that waits wants to do beyond what is approved.
    pub wishes: Vec<String>,
}

/// Changes the library. There is one for a gateway.
pub struct Publisher {
    pipeline: Arc<Pipeline>,
    store: Store,
    /// Names that are being changed right now.
    names: Mutex<HashSet<String>>,
    publishes: Semaphore,
    /// Held from reading the library to putting its successor in place.
    swap: tokio::sync::Mutex<()>,
}

/// A name that nobody else changes until this is dropped.
struct Held<'a> {
    names: &'a Mutex<HashSet<String>>,
    name: String,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Publisher {
    /// Over a store that was loaded, and the way of a request.
    pub fn new(store: Store, pipeline: Arc<Pipeline>) -> Self {
        Self {
            pipeline,
            store,
            names: Mutex::default(),
            publishes: Semaphore::new(PUBLISHES_MAX),
            swap: tokio::sync::Mutex::default(),
        }
    }

    /// The limits.
    pub fn config(&self) -> &LibraryConfig {
        &self.pipeline.config.library
    }

    /// Whether whoever stands before the gateway decides who may change the library.
    pub fn allow_public(&self) -> bool {
        self.pipeline.config.admin.allow_public
    }

    /// Publishes a component under a name. What it comes to does not depend on whether the future
    /// is dropped: a publisher who hangs up gets all of it or nothing.
    ///
    /// # Errors
    /// Whatever [`PublishError`] lists; then nothing was changed.
    pub async fn publish(
        self: &Arc<Self>,
        name: &str,
        publication: Publication,
    ) -> Result<Outcome, PublishError> {
        let (publisher, name) = (Arc::clone(self), name.to_owned());
        detached("publish", Arc::clone(self), name.clone(), async move {
            publisher.publish_steps(&name, publication).await
        })
        .await
    }

    /// Lets the revision that waits serve, with the grants that it asked for.
    ///
    /// # Errors
    /// Nothing waits, or something else; as [`Publisher::publish`].
    pub async fn approve(
        self: &Arc<Self>,
        name: &str,
        digest: &str,
    ) -> Result<Outcome, PublishError> {
        let (publisher, name) = (Arc::clone(self), name.to_owned());
        let digest = digest.to_owned();
        detached("approve", Arc::clone(self), name.clone(), async move {
            publisher.approve_steps(&name, &digest).await
        })
        .await
    }

    /// Takes a plugin out of the library. Calls at work finish; what it kept in its key-value
    /// store stays.
    ///
    /// # Errors
    /// No such plugin, or one that is not published; as [`Publisher::publish`].
    pub async fn remove(
        self: &Arc<Self>,
        name: &str,
        expected: Expected,
    ) -> Result<(), PublishError> {
        self.take_out(name, expected, Memory::Goes).await
    }

    /// Takes a plugin out that the registry it came from has no more. What served stays in memory,
    /// so that no earlier revision comes back by way of a removal.
    ///
    /// # Errors
    /// As [`Publisher::remove`].
    pub async fn let_go(
        self: &Arc<Self>,
        name: &str,
        expected: Expected,
    ) -> Result<(), PublishError> {
        self.take_out(name, expected, Memory::Stays).await
    }

    async fn take_out(
        self: &Arc<Self>,
        name: &str,
        expected: Expected,
        memory: Memory,
    ) -> Result<(), PublishError> {
        let (publisher, name) = (Arc::clone(self), name.to_owned());
        detached("remove", Arc::clone(self), name.clone(), async move {
            publisher.remove_steps(&name, &expected, memory).await
        })
        .await
    }

    /// What is remembered under a name, whether anything serves there or not.
    ///
    /// # Errors
    /// A registry that cannot be read.
    pub async fn remembered(&self, name: &str) -> Result<Record, PublishError> {
        self.store.get(name).await
    }

    /// Every plugin, by name.
    ///
    /// # Errors
    /// A registry that cannot be read.
    pub async fn list(&self) -> Result<Vec<View>, PublishError> {
        let records = self.store.all().await?;
        let library = self.pipeline.shelf.snapshot();
        let mut names: Vec<String> = records.iter().map(|(name, _)| name.clone()).collect();
        names.extend(library.plugins().iter().map(|plugin| plugin.name().to_owned()));
        names.sort();
        names.dedup();
        let records: HashMap<String, Record> = records.into_iter().collect();
        let views = names.into_iter().map(|name| {
            let record = records.get(&name).cloned().unwrap_or_default();
            self.view_of(name, record, &library)
        });
        Ok(views.collect())
    }

    /// One plugin.
    ///
    /// # Errors
    /// No such plugin, or a registry that cannot be read.
    pub async fn view(&self, name: &str) -> Result<View, PublishError> {
        match self.find(name).await? {
            Some(view) => Ok(view),
            None => Err(self.unknown(name).await),
        }
    }

    /// The same where it is fine that there is none.
    ///
    /// # Errors
    /// A registry that cannot be read.
    pub async fn find(&self, name: &str) -> Result<Option<View>, PublishError> {
        let record = self.store.get(name).await?;
        let library = self.pipeline.shelf.snapshot();
        let view = self.view_of(name.to_owned(), record, &library);
        Ok((view.plugin.is_some() || view.record.digest().is_some()).then_some(view))
    }

    fn view_of(&self, name: String, record: Record, library: &Library) -> View {
        let plugin = library.plugins().iter().find(|plugin| plugin.name() == name).cloned();
        let entries = library.entries().iter().filter(|entry| entry.plugin.name() == name);
        let functions = entries.map(|entry| entry.function().name.clone()).collect();
        let wishes = record.waiting.as_ref().map(|waiting| new_wishes(&record, &waiting.grants));
        View {
            origin: self.store.origin(&name).unwrap_or("published"),
            plugin,
            functions,
            wishes: wishes.and_then(Result::ok).unwrap_or_default(),
            record,
            name,
        }
    }

    async fn publish_steps(
        &self,
        name: &str,
        publication: Publication,
    ) -> Result<Outcome, PublishError> {
        let Publication { component, digest, grants, expected, allow_downgrade, followed } =
            publication;
        let _place = self.publishes.try_acquire().map_err(|refused| match refused {
            TryAcquireError::NoPermits => PublishError::Overloaded {
                publishes_max: PUBLISHES_MAX,
                retry_after_ms: RETRY_AFTER_MS,
            },
            TryAcquireError::Closed => PublishError::Panicked,
        })?;
        // 1. What can be told without looking into the component.
        check_name(name)?;
        if let Some(by) = self.store.origin(name) {
            return Err(PublishError::Taken { name: name.to_owned(), by });
        }
        self.check_size(component.len())?;
        let parsed = Grants::parse(&grants)?;
        let found = digest_of(component.clone()).await?;
        if let Some(announced) = digest.filter(|announced| *announced != found) {
            return Err(PublishError::Digest { expected: announced, found });
        }
        parsed.check_component(&found)?;
        // 2. What there is already.
        let _held = self.hold(name)?;
        let record = self.store.get(name).await?;
        check_expected(name, &record, &expected)?;
        let same = |revision: &Revision| revision.digest == found && revision.grants == grants;
        // What could not be loaded at start is recorded, and does not serve.
        let serves = |name: &str| {
            let library = self.pipeline.shelf.snapshot();
            library.plugins().iter().any(|plugin| plugin.name() == name)
        };
        if record.serving.as_ref().is_some_and(same) && serves(name) {
            return Ok(Outcome::Unchanged);
        }
        if record.waiting.as_ref().is_some_and(same) {
            return Ok(Outcome::Waits);
        }
        if let Some(past) = record.earlier(&found).filter(|_| !allow_downgrade) {
            let (name, number) = (name.to_owned(), past.number);
            return Err(PublishError::Downgrade { name, digest: found, number });
        }
        self.check_count(&record).await?;
        // 3. Compiled in a process of its own, then loaded from where that left it.
        let plugin = self.store.load(name, component.clone(), parsed).await?;
        if plugin.functions().is_empty() {
            let refused = plugin.refused().iter();
            let refused = refused.map(|refusal| format!("{}: {}", refusal.name, refusal.reason));
            return Err(PublishError::Empty { refused: refused.collect() });
        }
        let revision = Revision { followed, ..record.next(found, grants) };
        // 4. Whoever wants more than was approved waits; the old one serves.
        if !new_wishes(&record, &revision.grants)?.is_empty() {
            check_clashes(&self.pipeline.shelf.snapshot(), &plugin)?;
            let record = record.waited_for_by(revision);
            self.store.put(name, record, Some(component)).await?;
            return Ok(Outcome::Waits);
        }
        // 5. Made ready, written, put in place.
        let created = record.serving.is_none();
        self.install(name, plugin, record.served_by(revision), Some(component)).await?;
        Ok(if created { Outcome::Created } else { Outcome::Replaced })
    }

    async fn approve_steps(&self, name: &str, digest: &str) -> Result<Outcome, PublishError> {
        let _held = self.hold(name)?;
        let record = self.store.get(name).await?;
        let waiting = record.waiting.clone().filter(|waiting| waiting.digest == digest);
        let Some(mut revision) = waiting else {
            let (name, digest) = (name.to_owned(), digest.to_owned());
            return Err(PublishError::NothingWaits { name, digest });
        };
        let component = self.store.component(digest).await?;
        let grants = Grants::parse(&revision.grants)?;
        let plugin = self.store.load(name, component, grants).await?;
        revision.approved_ms = Some(clock::now_ms());
        let created = record.serving.is_none();
        self.install(name, plugin, record.served_by(revision), None).await?;
        Ok(if created { Outcome::Created } else { Outcome::Replaced })
    }

    async fn remove_steps(
        &self,
        name: &str,
        expected: &Expected,
        memory: Memory,
    ) -> Result<(), PublishError> {
        if let Some(by) = self.store.origin(name) {
            return Err(PublishError::Fixed { name: name.to_owned(), by });
        }
        let _held = self.hold(name)?;
        let record = self.store.get(name).await?;
        if record.digest().is_none() {
            return Err(self.unknown(name).await);
        }
        check_expected(name, &record, expected)?;
        let _swap = self.swap.lock().await;
        let library = self.pipeline.shelf.snapshot();
        let plugins = others(&library, name).cloned().collect();
        let next = library.next(plugins, self.pipeline.models.as_ref()).await?;
        match memory {
            Memory::Stays if record.last().is_some() => {
                self.store.let_go(name, record.let_go()).await?;
            }
            Memory::Stays | Memory::Goes => {
                self.store.remove(name).await?;
            }
        }
        self.pipeline.shelf.swap(next);
        Ok(())
    }

    /// The library with this plugin under its name: ready first, then on the disk, then in place.
    async fn install(
        &self,
        name: &str,
        plugin: Plugin,
        record: Record,
        component: Option<Bytes>,
    ) -> Result<(), PublishError> {
        let _swap = self.swap.lock().await;
        let library = self.pipeline.shelf.snapshot();
        check_clashes(&library, &plugin)?;
        // A plugin keeps its place, so that lists stay in their order.
        let mut plugins = library.plugins().to_vec();
        match plugins.iter_mut().find(|other| other.name() == name) {
            Some(place) => *place = plugin,
            None => plugins.push(plugin),
        }
        let next = library.next(plugins, self.pipeline.models.as_ref()).await?;
        self.store.put(name, record, component).await?;
        self.pipeline.shelf.swap(next);
        Ok(())
    }

    fn hold(&self, name: &str) -> Result<Held<'_>, PublishError> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.insert(name.to_owned()) {
            return Ok(Held { names: &self.names, name: name.to_owned() });
        }
        Err(PublishError::Busy { name: name.to_owned(), retry_after_ms: RETRY_AFTER_MS })
    }

    fn check_size(&self, bytes: usize) -> Result<(), PublishError> {
        let bytes_max = self.config().component_bytes_max;
        if bytes <= bytes_max { Ok(()) } else { Err(PublishError::TooLarge { bytes, bytes_max }) }
    }

    async fn check_count(&self, record: &Record) -> Result<(), PublishError> {
        let plugins_max = self.config().plugins_max;
        if record.digest().is_none() && self.store.len().await? >= plugins_max {
            return Err(PublishError::TooMany { plugins_max });
        }
        Ok(())
    }

    async fn unknown(&self, name: &str) -> PublishError {
        let library = self.pipeline.shelf.snapshot();
        let served = library.plugins().iter().map(|plugin| plugin.name().to_owned());
        let mut names: Vec<String> = served.collect();
        // Only the suggestion is poorer if this fails.
        names.extend(self.store.all().await.unwrap_or_default().into_iter().map(|row| row.0));
        let suggestion = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        PublishError::Unknown { name: name.to_owned(), suggestion }
    }
}

/// Runs a change to its end, whoever still waits for it, in a span of its own.
async fn detached<T: Send + 'static>(
    operation: &'static str,
    publisher: Arc<Publisher>,
    name: String,
    work: impl Future<Output = Result<T, PublishError>> + Send + 'static,
) -> Result<T, PublishError> {
    let span = telemetry::publish_span(operation, &name);
    let work = async move {
        let began = Instant::now();
        let done = work.await;
        let metrics = &publisher.pipeline.metrics;
        metrics.published(operation, began.elapsed(), done.is_err());
        match &done {
            Ok(_) => tracing::info!(plugin = name, operation, "the library changed"),
            Err(error) => {
                tracing::warn!(plugin = name, operation, %error, "the library stays as it was");
                telemetry::fail(&tracing::Span::current(), operation, error.to_string());
            }
        }
        done
    };
    tokio::spawn(work.instrument(span)).await.unwrap_or(Err(PublishError::Panicked))
}

async fn digest_of(component: Bytes) -> Result<String, PublishError> {
    let work = spawn_blocking(move || hex::encode(Sha256::digest(&component)));
    work.await.map_err(|_| PublishError::Panicked)
}

fn others<'a>(library: &'a Library, name: &'a str) -> impl Iterator<Item = &'a Plugin> {
    library.plugins().iter().filter(move |plugin| plugin.name() != name)
}

/// What a revision wants beyond the grants of the one that serves.
fn new_wishes(record: &Record, grants: &str) -> Result<Vec<String>, PublishError> {
    let approved = match &record.serving {
        Some(serving) => Grants::parse(&serving.grants)?,
        None => Grants::default(),
    };
    Ok(wishes::beyond(&approved, &Grants::parse(grants)?))
}

/// Words of small letters and digits, joined by hyphens: what becomes part of a function's name.
fn check_name(name: &str) -> Result<(), PublishError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(plain)
        && !name.contains("--")
        && !name.ends_with('-');
    if fits {
        return Ok(());
    }
    Err(PublishError::Name { name: name.to_owned(), bytes_max: NAME_BYTES_MAX })
}

fn check_expected(name: &str, record: &Record, expected: &Expected) -> Result<(), PublishError> {
    let found = record.digest();
    let fits = match expected {
        Expected::Anything => true,
        Expected::Nothing => found.is_none(),
        Expected::Something => found.is_some(),
        Expected::Digest(digest) => found == Some(digest.as_str()),
    };
    if fits {
        return Ok(());
    }
    Err(PublishError::Changed {
        name: name.to_owned(),
        expected: match expected {
            Expected::Digest(digest) => digest.clone(),
            Expected::Anything | Expected::Something => "any revision".into(),
            Expected::Nothing => "no revision".into(),
        },
        found: found.unwrap_or("no revision").to_owned(),
    })
}

/// A newcomer may not change what the functions of others are called.
fn check_clashes(library: &Library, plugin: &Plugin) -> Result<(), PublishError> {
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for other in others(library, plugin.name()) {
        taken.extend(other.functions().iter().map(|function| (&*function.name, other.name())));
    }
    for entry in library.entries().iter().filter(|entry| entry.plugin.name() != plugin.name()) {
        taken.insert(&entry.function().name, entry.plugin.name());
    }
    let clashes: Vec<String> = plugin
        .functions()
        .iter()
        .filter_map(|function| {
            let other = taken.get(function.name.as_str())?;
            Some(format!("`{}` (of plugin `{other}`)", function.name))
        })
        .collect();
    if clashes.is_empty() { Ok(()) } else { Err(PublishError::Clash { clashes }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_joined_by_hyphens() {
        let (longest, longer) = ("x".repeat(NAME_BYTES_MAX), "x".repeat(NAME_BYTES_MAX + 1));
        for (name, fits) in [
            ("tides", true),
            ("high-tides-2", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            ("", false),
            ("Tides", false),
            ("2tides", false),
            ("-tides", false),
            ("tides-", false),
            ("high--tides", false),
            ("high_tides", false),
            ("../tides", false),
            ("tïdes", false),
        ] {
            assert_eq!(check_name(name).is_ok(), fits, "{name}");
        }
    }

    #[test]
    fn a_change_is_made_over_what_was_seen() {
        let empty = Record::default();
        let revision = empty.next("aa".into(), String::new());
        let some = empty.served_by(revision);
        for (expected, on_empty, on_some) in [
            (Expected::Anything, true, true),
            (Expected::Nothing, true, false),
            (Expected::Something, false, true),
            (Expected::Digest("aa".into()), false, true),
            (Expected::Digest("bb".into()), false, false),
        ] {
            assert_eq!(check_expected("x", &empty, &expected).is_ok(), on_empty, "{expected:?}");
            assert_eq!(check_expected("x", &some, &expected).is_ok(), on_some, "{expected:?}");
        }
    }
}
