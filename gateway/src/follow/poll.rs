//! One look at a place, and what follows from it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use hyfunc_distribution::{
    Access, Artifact, Content, Credentials, Digest, Entry, Found, Head, Reference, Registry, unseen,
};
use tokio::task::spawn_blocking;

use super::error::FollowError;
use super::state::{Item, ItemStatus, State};
use super::trust::{self, Trust};
use super::version::Version;
use crate::config::{FollowConfig, FollowSource, REMOVE};
use crate::publish::{
    Expected, Followed, Outcome, Publication, PublishError, Publisher, Record, Revision, View,
};

/// What a look came to.
#[derive(Debug)]
pub struct Report {
    /// The manifest there; nothing where there is none.
    pub digest: Option<Digest>,
    /// Whose signature it has; nothing where nobody looked.
    pub signed_by: Option<String>,
    /// What comes from there.
    pub items: Vec<Item>,
    /// Whether the library is another one now.
    pub is_changed: bool,
    /// Why something there was not taken.
    pub failure: Option<FollowError>,
}

/// Looks, and makes the library equal to what is there.
///
/// # Errors
/// Nothing of it could be taken; the library is as it was.
pub async fn poll(
    publisher: &Arc<Publisher>,
    source: &FollowSource,
    settings: &FollowConfig,
    before: &State,
) -> Result<Report, FollowError> {
    let (mut registry, trust) = open(source, settings).await?;
    let head = registry.head(&source.reference.wanted()).await?;
    if let Head::Digest(digest) = &head
        && before.failures() == 0
        && before.digest.as_ref() == Some(digest)
        && let Some(items) = still(publisher, &before.items).await?
    {
        let (digest, signed_by) = (Some(digest.clone()), before.signed_by.clone());
        return Ok(Report { digest, signed_by, items, is_changed: false, failure: None });
    }
    let found = match head {
        Head::Missing => None,
        Head::Digest(_) | Head::Unsaid => {
            hyfunc_distribution::find(&mut registry, &source.reference).await?
        }
    };
    let mut visit = Visit {
        publisher,
        source,
        settings,
        registry,
        here: source.reference.to_string(),
        items: Vec::new(),
        is_changed: false,
        failure: None,
    };
    let Some(found) = found else {
        tracing::warn!(reference = visit.here, "the registry has this no more");
        // One answer may be a slip of the registry's; the same twice in a row is meant.
        visit.sweep(&BTreeSet::new(), before.is_missing()).await?;
        return Ok(visit.report(None, None));
    };
    // Before anything of it is fetched.
    let signed_by = trust.check(&mut visit.registry, &found).await?;
    let names = visit.take_all(&found, before).await?;
    visit.sweep(&names, true).await?;
    Ok(visit.report(Some(found.manifest.digest), signed_by))
}

/// Files and stored logins are read anew each time: they change while the gateway runs.
async fn open(
    source: &FollowSource,
    settings: &FollowConfig,
) -> Result<(Registry, Trust), FollowError> {
    let (reference, settings) = (source.reference.clone(), settings.clone());
    let opened = spawn_blocking(move || {
        let trust = Trust::open(&reference, &settings)?;
        let authority = match settings.authority.as_str() {
            "" => None,
            path => Some((PathBuf::from(path), trust::read(path.as_ref())?)),
        };
        let credentials = Credentials::stored(reference.registry())?;
        let access = Access { authority, plain_http: settings.plain_http, credentials };
        Ok::<_, FollowError>((Registry::new(&reference, access)?, trust))
    });
    opened.await.unwrap_or(Err(FollowError::Panicked))
}

/// What came from a place, as it stands now; nothing where the library was changed by others since.
async fn still(publisher: &Publisher, items: &[Item]) -> Result<Option<Vec<Item>>, FollowError> {
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        match still_one(publisher, item).await? {
            Some(item) => found.push(item),
            // Somebody took it out, and nothing there asks for it.
            None if item.status == ItemStatus::Kept => {}
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

async fn still_one(publisher: &Publisher, item: &Item) -> Result<Option<Item>, FollowError> {
    let Some(view) = look_up(publisher, &item.name).await? else { return Ok(None) };
    if item.status == ItemStatus::Kept {
        return Ok(Some(item.clone()));
    }
    let is_it = |revision: &Option<Revision>| {
        revision.as_ref().is_some_and(|revision| {
            revision.followed.is_some() && item.component.as_ref() == Some(&revision.digest)
        })
    };
    let status = if is_it(&view.record.serving) && view.plugin.is_some() {
        ItemStatus::Serving
    } else if is_it(&view.record.waiting) {
        ItemStatus::Waiting
    } else {
        return Ok(None);
    };
    Ok(Some(Item { status, ..item.clone() }))
}

async fn look_up(publisher: &Publisher, name: &str) -> Result<Option<View>, FollowError> {
    publisher.find(name).await.map_err(|source| not_published(name, source))
}

fn not_published(name: &str, source: PublishError) -> FollowError {
    FollowError::Publish { name: name.to_owned(), source: Box::new(source) }
}

/// The revision that a name stands for.
fn revision(record: &Record) -> Option<&Revision> {
    record.serving.as_ref().or(record.waiting.as_ref())
}

/// A look under way.
struct Visit<'a> {
    publisher: &'a Arc<Publisher>,
    source: &'a FollowSource,
    settings: &'a FollowConfig,
    registry: Registry,
    /// The reference as text.
    here: String,
    items: Vec<Item>,
    is_changed: bool,
    /// The first one; what else goes wrong stands with its plugin.
    failure: Option<FollowError>,
}

impl Visit<'_> {
    /// Takes over what is there; gives every name that is.
    async fn take_all(
        &mut self,
        found: &Found,
        before: &State,
    ) -> Result<BTreeSet<String>, FollowError> {
        match &found.content {
            Content::Component(artifact) => {
                let name = self.source.name.clone();
                let name = name.unwrap_or_else(|| last_part(&self.source.reference));
                self.take(&name, artifact).await;
                Ok(BTreeSet::from([name]))
            }
            Content::Index(_) if self.source.name.is_some() => {
                Err(FollowError::Named { reference: self.here.clone() })
            }
            Content::Index(index) => {
                for entry in &index.entries {
                    self.take_entry(entry, before).await?;
                }
                Ok(index.entries.iter().map(|entry| entry.name.clone()).collect())
            }
        }
    }

    /// The list is trusted, and names its components by their digests: so are they.
    async fn take_entry(&mut self, entry: &Entry, before: &State) -> Result<(), FollowError> {
        let is_it =
            |item: &&Item| item.name == entry.name && item.manifest.as_ref() == Some(&entry.digest);
        if let Some(item) = before.items.iter().find(is_it)
            && let Some(item) = still_one(self.publisher, item).await?
        {
            self.items.push(item);
            return Ok(());
        }
        match self.fetch(entry).await {
            Ok(artifact) => self.take(&entry.name, &artifact).await,
            Err(error) => self.refuse(&entry.name, Some(&entry.digest), error),
        }
        Ok(())
    }

    async fn fetch(&mut self, entry: &Entry) -> Result<Artifact, FollowError> {
        let name = || entry.name.clone();
        let failed = |source| FollowError::Component { name: name(), source: Box::new(source) };
        let fetched = self.registry.manifest(&entry.digest.to_string()).await.map_err(failed)?;
        let gone = || FollowError::Gone { name: name(), digest: entry.digest.to_string() };
        Artifact::read(&self.source.reference, &fetched.ok_or_else(gone)?).map_err(failed)
    }

    /// Publishes one, unless it is here already; what comes of it stands in the items.
    async fn take(&mut self, name: &str, artifact: &Artifact) {
        let status = match self.publish(name, artifact).await {
            Ok(status) => status,
            Err(error) => return self.refuse(name, Some(&artifact.digest), error),
        };
        let component = artifact.component().ok().map(|layer| layer.digest.hex().to_owned());
        self.items.push(Item {
            name: name.to_owned(),
            version: artifact.version().map(str::to_owned),
            manifest: Some(artifact.digest.clone()),
            component,
            status,
            error: None,
        });
    }

    async fn publish(
        &mut self,
        name: &str,
        artifact: &Artifact,
    ) -> Result<ItemStatus, FollowError> {
        let failed =
            |source| FollowError::Component { name: name.to_owned(), source: Box::new(source) };
        let digest = artifact.component().map_err(failed)?.digest.hex().to_owned();
        let grants = artifact.grants().unwrap_or_default().to_owned();
        let view = look_up(self.publisher, name).await?;
        let mut expected = Expected::Nothing;
        if let Some(view) = &view {
            self.check_owner(view)?;
            let same = |revision: &Option<Revision>| {
                revision.as_ref().is_some_and(|it| it.digest == digest && it.grants == grants)
            };
            if same(&view.record.serving) && view.plugin.is_some() {
                return Ok(ItemStatus::Serving);
            }
            if same(&view.record.waiting) {
                return Ok(ItemStatus::Waiting);
            }
            let seen = view.record.digest().map(str::to_owned);
            expected = seen.map_or(Expected::Nothing, Expected::Digest);
        }
        // Also of a name that is not here any more.
        let record = self.publisher.remembered(name).await;
        let record = record.map_err(|source| not_published(name, source))?;
        self.check_version(name, &record, artifact.version())?;
        // Nothing is fetched that will not be taken.
        let bytes_max = self.publisher.config().component_bytes_max as u64;
        let (registry, nobody) = (&mut self.registry, unseen());
        let component = hyfunc_distribution::component(registry, artifact, bytes_max, &nobody);
        let component = component.await.map_err(failed)?;
        let version = artifact.version().map(str::to_owned);
        let publication = Publication {
            component: component.into(),
            digest: Some(digest),
            grants,
            expected,
            allow_downgrade: self.settings.allow_downgrade,
            followed: Some(Followed { reference: self.here.clone(), version }),
        };
        let published = self.publisher.publish(name, publication).await;
        let outcome = published.map_err(|source| not_published(name, source))?;
        self.is_changed |= outcome != Outcome::Unchanged;
        Ok(match outcome {
            Outcome::Created | Outcome::Replaced | Outcome::Unchanged => ItemStatus::Serving,
            Outcome::Waits => ItemStatus::Waiting,
        })
    }

    /// A registry takes over no name that somebody else has: its plugin would come into the approvals
    /// of another.
    fn check_owner(&self, view: &View) -> Result<(), FollowError> {
        let foreign = |by: String| Err(FollowError::Foreign { name: view.name.clone(), by });
        if view.origin != "published" {
            return foreign(format!("it is one of the gateway's own plugins ({})", view.origin));
        }
        match revision(&view.record).and_then(|revision| revision.followed.as_ref()) {
            None => foreign("somebody published it here".to_owned()),
            Some(followed) if followed.reference == self.here => Ok(()),
            // Places come and go; what was followed once belongs to whoever is followed next.
            Some(followed) => {
                let sources = self.settings.sources();
                let other = |other: &FollowSource| other.reference.to_string();
                if sources.iter().any(|source| other(source) == followed.reference) {
                    return foreign(format!("it comes from {}", followed.reference));
                }
                Ok(())
            }
        }
    }

    fn check_version(
        &self,
        name: &str,
        record: &Record,
        offered: Option<&str>,
    ) -> Result<(), FollowError> {
        let newest = record.last().into_iter().chain(&record.waiting);
        let newest = newest.filter_map(|revision| revision.followed.as_ref()?.version.as_deref());
        let newest = newest.filter_map(|text| Some((text.parse::<Version>().ok()?, text))).max();
        let parsed = offered.and_then(|text| Some((text.parse::<Version>().ok()?, text)));
        let (Some((newest, serving)), Some((version, offered))) = (newest, parsed) else {
            return Ok(());
        };
        if self.settings.allow_downgrade || version >= newest {
            return Ok(());
        }
        let (offered, serving) = (offered.to_owned(), serving.to_owned());
        Err(FollowError::Earlier { name: name.to_owned(), offered, serving })
    }

    /// What came from here and is here no more stays or goes, as the configuration says and
    /// `may_remove` allows.
    async fn sweep(
        &mut self,
        names: &BTreeSet<String>,
        may_remove: bool,
    ) -> Result<(), FollowError> {
        let views = self.publisher.list().await.map_err(|source| not_published("*", source))?;
        for view in views {
            let Some(revision) = revision(&view.record) else { continue };
            let Some(followed) = &revision.followed else { continue };
            if followed.reference != self.here || names.contains(&view.name) {
                continue;
            }
            let kept = Item {
                name: view.name.clone(),
                version: followed.version.clone(),
                manifest: None,
                component: Some(revision.digest.clone()),
                status: ItemStatus::Kept,
                error: None,
            };
            if self.settings.on_missing != REMOVE || !may_remove {
                self.items.push(kept);
                continue;
            }
            let expected = Expected::Digest(revision.digest.clone());
            match self.publisher.let_go(&view.name, expected).await {
                Ok(()) => self.is_changed = true,
                Err(source) => {
                    let error = not_published(&view.name, source);
                    self.items.push(Item { error: Some(error.to_string()), ..kept });
                    self.failure.get_or_insert(error);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, name: &str, manifest: Option<&Digest>, error: FollowError) {
        self.items.push(Item {
            name: name.to_owned(),
            version: None,
            manifest: manifest.cloned(),
            component: None,
            status: ItemStatus::Refused,
            error: Some(error.to_string()),
        });
        self.failure.get_or_insert(error);
    }

    fn report(self, digest: Option<Digest>, signed_by: Option<String>) -> Report {
        let Self { items, is_changed, failure, .. } = self;
        Report { digest, signed_by, items, is_changed, failure }
    }
}

/// `tides`, of `ghcr.io/me/tides:stable`.
fn last_part(reference: &Reference) -> String {
    reference.repository().rsplit('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_called_as_its_repository() {
        for (reference, name) in
            [("ghcr.io/me/deep/tides:1", "tides"), ("localhost:5000/dates", "dates")]
        {
            assert_eq!(last_part(&reference.parse().unwrap()), name);
        }
    }
}
