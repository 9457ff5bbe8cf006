//! The plugin that a command is about: a file, a folder, or one that comes with the gateway.

use std::borrow::Cow;
use std::path::Path;

use hyfunc_sandbox::Plugin;

use super::project::Project;
use crate::app::{PluginSource, load_sources, plugin_file, plugin_sources};
use crate::commands::CommandError;
use crate::config::Config;
use crate::error::StartError;

/// A plugin at hand.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Name, component and grants.
    pub(super) source: PluginSource,
    /// Whether its folder's WIT was changed after the component was built.
    pub(super) is_stale: bool,
}

impl Subject {
    /// A component's file with the grants beside it, a folder with what was built in it, or a
    /// bundled plugin by its name.
    pub(super) fn open(typed: &Path) -> Result<Self, CommandError> {
        if typed.is_dir() {
            let project = Project::open(typed)?;
            let component = project.built()?;
            let is_stale = project.is_newer_than(&component);
            return Ok(Self { source: plugin_file(&component)?, is_stale });
        }
        if typed.is_file() {
            return Ok(Self { source: plugin_file(typed)?, is_stale: false });
        }
        let bundled = hyfunc_plugins::bundled();
        match bundled.iter().find(|bundled| Path::new(bundled.name) == typed) {
            Some(found) => {
                let source = PluginSource {
                    name: found.name.to_owned(),
                    component: Cow::Borrowed(found.component),
                    grants: Cow::Borrowed(found.grants),
                };
                Ok(Self { source, is_stale: false })
            }
            None => Err(CommandError::NoPlugin {
                name: typed.display().to_string(),
                bundled: bundled.iter().map(|bundled| bundled.name).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Every plugin that the configuration names but one of this name, and this one last.
    pub(super) fn among(&self, config: &Config) -> Result<Vec<PluginSource>, StartError> {
        let mut sources = plugin_sources(config)?;
        sources.retain(|source| source.name != self.source.name);
        sources.push(self.source.clone());
        Ok(sources)
    }

    /// The same, loaded.
    pub(super) async fn load_among(&self, config: &Config) -> Result<Vec<Plugin>, StartError> {
        load_sources(config, self.among(config)?).await
    }
}

/// The configuration of a try-out: what plugins keep is kept in memory, and gone afterwards.
pub(super) fn trial(mut config: Config) -> Config {
    config.sandbox.keyvalue_dir = String::new();
    config.library.dir = String::new();
    config
}
