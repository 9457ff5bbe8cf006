//! Registry, compiler and sandbox together: a component comes in, a plugin comes out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use hyfunc_sandbox::{Grants, Plugin, Sandbox};
use tokio::task::{JoinSet, spawn_blocking};

use super::compile::Compiler;
use super::error::PublishError;
use super::registry::{Registry, RegistryError};
use super::revision::Record;
use crate::config::LibraryConfig;

/// Names that registries have let go of whose last revision is remembered.
const REMOVED_MAX: usize = 10_000;

/// Published plugins that are loaded at once at start.
const LOADS_MAX: usize = 16;

/// What is kept, and how it becomes a plugin.
pub struct Store {
    registry: Arc<Registry>,
    sandbox: Sandbox,
    compiler: Arc<Compiler>,
    /// Plugins that the configuration names, each with where it comes from.
    fixed: HashMap<String, &'static str>,
}

impl Store {
    /// Opens the registry that the configuration names. Blocking.
    ///
    /// # Errors
    /// A folder that cannot be used, a registry in use or damaged, a sandbox that keeps no
    /// compiled components.
    pub fn open(
        config: &LibraryConfig,
        sandbox: Sandbox,
        fixed: HashMap<String, &'static str>,
    ) -> Result<Self, PublishError> {
        if !sandbox.keeps_compiled() {
            return Err(PublishError::NoCache);
        }
        let registry = Arc::new(Registry::open(Path::new(&config.dir))?);
        let compiler = Arc::new(Compiler::new(config, &sandbox));
        Ok(Self { registry, sandbox, compiler, fixed })
    }

    /// Loads everything that serves, in the order of names. What cannot be loaded is left out, with
    /// a line in the log: one plugin does not keep a gateway from starting.
    ///
    /// # Errors
    /// A registry that cannot be read.
    pub async fn restore(&self) -> Result<Vec<Plugin>, PublishError> {
        let mut waiting =
            self.all().await?.into_iter().filter(|(name, _)| match self.origin(name) {
                None => true,
                Some(by) => {
                    tracing::warn!(
                        plugin = name,
                        by,
                        "not loaded: its name is one of the gateway's own"
                    );
                    false
                }
            });
        let mut loading = JoinSet::new();
        let mut plugins = Vec::new();
        loop {
            while loading.len() < LOADS_MAX
                && let Some((name, record)) = waiting.next()
            {
                let Some(revision) = record.serving else { continue };
                let loader = self.loader();
                loading.spawn(async move {
                    let loaded = loader.revive(&name, &revision.digest, &revision.grants).await;
                    (name, loaded)
                });
            }
            let Some(joined) = loading.join_next().await else { break };
            match joined.map_err(|_| PublishError::Panicked)? {
                (_, Ok(plugin)) => plugins.push(plugin),
                (name, Err(error)) => tracing::error!(plugin = name, %error, "not loaded"),
            }
        }
        plugins.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(plugins)
    }

    /// Where a plugin of the configuration comes from; nothing for one that is published.
    pub fn origin(&self, name: &str) -> Option<&'static str> {
        self.fixed.get(name).copied()
    }

    /// A plugin from its component, compiled in a process of its own unless it was before.
    pub(super) async fn load(
        &self,
        name: &str,
        component: Bytes,
        grants: Grants,
    ) -> Result<Plugin, PublishError> {
        self.loader().load(name, component, grants).await
    }

    fn loader(&self) -> Loader {
        Loader {
            registry: Arc::clone(&self.registry),
            sandbox: self.sandbox.clone(),
            compiler: Arc::clone(&self.compiler),
        }
    }

    /// Every name under which something serves or waits, with its record.
    pub(super) async fn all(&self) -> Result<Vec<(String, Record)>, PublishError> {
        let mut records = self.ask(Registry::all).await?;
        records.retain(|(_, record)| record.digest().is_some());
        Ok(records)
    }

    pub(super) async fn len(&self) -> Result<usize, PublishError> {
        Ok(self.all().await?.len())
    }

    pub(super) async fn get(&self, name: &str) -> Result<Record, PublishError> {
        let name = name.to_owned();
        self.ask(move |registry| registry.get(&name)).await
    }

    pub(super) async fn component(&self, digest: &str) -> Result<Bytes, PublishError> {
        let digest = digest.to_owned();
        self.ask(move |registry| registry.component(&digest).map(Bytes::from)).await
    }

    /// On the disk when it returns.
    pub(super) async fn put(
        &self,
        name: &str,
        record: Record,
        component: Option<Bytes>,
    ) -> Result<(), PublishError> {
        let name = name.to_owned();
        self.ask(move |registry| {
            let newest = record.waiting.as_ref().or(record.serving.as_ref());
            let digest = newest.map(|revision| revision.digest.as_str());
            registry.put(&name, &record, digest.zip(component.as_deref()))
        })
        .await
    }

    /// Writes down what a registry has let go of. Beyond so many names, the ones published longest
    /// ago are forgotten.
    pub(super) async fn let_go(&self, name: &str, record: Record) -> Result<(), PublishError> {
        let name = name.to_owned();
        self.ask(move |registry| registry.let_go(&name, &record, REMOVED_MAX)).await
    }

    pub(super) async fn remove(&self, name: &str) -> Result<bool, PublishError> {
        let name = name.to_owned();
        self.ask(move |registry| registry.remove(&name)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, PublishError> {
        let registry = Arc::clone(&self.registry);
        ask(registry, work).await
    }
}

/// The disk is not for async threads.
async fn ask<T: Send + 'static>(
    registry: Arc<Registry>,
    work: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, PublishError> {
    let asked = spawn_blocking(move || work(&registry)).await;
    Ok(asked.map_err(|_| PublishError::Panicked)??)
}

/// The part of a store that a task of its own takes along.
struct Loader {
    registry: Arc<Registry>,
    sandbox: Sandbox,
    compiler: Arc<Compiler>,
}

impl Loader {
    async fn revive(&self, name: &str, digest: &str, grants: &str) -> Result<Plugin, PublishError> {
        let grants = Grants::parse(grants)?;
        let wanted = digest.to_owned();
        let component =
            ask(Arc::clone(&self.registry), move |registry| registry.component(&wanted)).await?;
        let plugin = self.load(name, component.into(), grants).await?;
        if plugin.digest() == digest {
            return Ok(plugin);
        }
        let (expected, found) = (digest.to_owned(), plugin.digest().to_owned());
        Err(PublishError::Digest { expected, found })
    }

    async fn load(
        &self,
        name: &str,
        component: Bytes,
        grants: Grants,
    ) -> Result<Plugin, PublishError> {
        if let Some(plugin) = self.kept(name, component.clone(), grants.clone()).await? {
            return Ok(plugin);
        }
        self.compiler.compile(name, &component).await?;
        let plugin = self.kept(name, component, grants).await?;
        plugin.ok_or_else(|| {
            let aot_dir = self.sandbox.config().aot_dir.as_deref();
            let aot_dir = aot_dir.map_or(Cow::Borrowed(""), |dir| dir.to_string_lossy());
            PublishError::NotKept { aot_dir: aot_dir.into_owned() }
        })
    }

    async fn kept(
        &self,
        name: &str,
        component: Bytes,
        grants: Grants,
    ) -> Result<Option<Plugin>, PublishError> {
        let (sandbox, name) = (self.sandbox.clone(), name.to_owned());
        let loaded = spawn_blocking(move || sandbox.load_kept(&name, &component, &grants)).await;
        Ok(loaded.map_err(|_| PublishError::Panicked)??)
    }
}
