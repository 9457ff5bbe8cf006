//! Starting with a large library: the first time, when the models read every function, and later,
//! when what they made of it is there; and adding a plugin to it.
//!
//! The library is one of the bundled plugins, published under many names, each with a mark that makes
//! it a component of its own: as many are kept, compiled and mapped as there are plugins. All of them
//! want the same names for their functions, so each gets its plugin's name in front: the models read
//! every one.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use hyfunc_cascade::{Cascade, CascadeError, DecodeRequest, Decoded, Intent, ModelInfo, Prepared};
use hyfunc_functions::Function;
use hyfunc_functions::component::read_component;
use hyfunc_plugins::Bundled;
use hyfunc_sandbox::Grants;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;

use super::effort::{Effort, Turns};
use super::library::{Folder, marked};
use super::machine::resident_bytes;
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::Samples;
use super::{Bench, BenchError, Part, gateway, progress, units};
use crate::app::{self, PluginSource};
use crate::config::Config;
use crate::error::StartError;
use crate::library::Library;
use crate::models::Models;
use crate::publish::{PublishError, Record, Registry};

const FIRST: &str = "first start";
const LATER: &str = "later start";
const ADD: &str = "add one plugin";

/// What rows are counted in.
const OF: &str = "functions";

/// Published plugins where nobody says otherwise.
const PLUGINS: &[usize] = &[100, 1_000];

/// Later starts of one size at most: each may take seconds.
const STARTS_MAX: usize = 5;

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let subject = Subject::find()?;
    let mut sizes: Vec<usize> = match bench.functions.as_slice() {
        [] => PLUGINS.to_vec(),
        sizes => sizes.iter().map(|size| size.div_ceil(subject.functions)).collect(),
    };
    // Plugins are added to those that are there.
    sizes.sort_unstable();
    sizes.dedup();
    let folder = Folder::make()?;
    let mut config = gateway::config(bench.config.clone(), 1);
    config.plugins.bundled = false;
    config.library.dir = folder.file("library");
    config.sandbox.aot_dir = folder.file("aot");
    let bar = progress::bar(Part::Start, sizes.last().copied().unwrap_or_default());
    let mut rows = Vec::new();
    let mut published = 0;
    for plugins in sizes {
        bar.set_message(format!("publish {} plugins", units::whole(plugins)));
        subject.publish(&config, published..plugins, &bar).await?;
        bar.set_message(format!("compile {} plugins", units::whole(plugins - published)));
        // Each once, and outside of what is measured: the part `library` measures that.
        app::load(&config).await?;
        published = plugins;
        config.models.prepared_dir = folder.file(&format!("prepared-{plugins}"));
        rows.extend(subject.measure(&config, bench.effort, plugins, &bar).await?);
    }
    bar.finish_and_clear();
    Ok(report(&subject, rows))
}

/// The bundled plugin that asks for nothing and has the fewest functions.
struct Subject {
    bundled: &'static Bundled,
    functions: usize,
}

impl Subject {
    fn find() -> Result<Self, BenchError> {
        let modest = |bundled: &&Bundled| {
            Grants::parse(bundled.grants).is_ok_and(|grants| grants.is_empty())
        };
        let counted = hyfunc_plugins::bundled().iter().filter(modest).filter_map(|bundled| {
            let read = read_component(bundled.name, bundled.component).ok()?;
            Some(Self { bundled, functions: read.functions.len() })
        });
        counted.min_by_key(|subject| subject.functions).ok_or(BenchError::NoExamples)
    }

    /// Publishes it under as many more names as there are numbers, marked by them, without a gateway.
    async fn publish(
        &self,
        config: &Config,
        numbers: std::ops::Range<usize>,
        bar: &ProgressBar,
    ) -> Result<(), BenchError> {
        let (dir, bar, component) =
            (config.library.dir.clone(), bar.clone(), self.bundled.component);
        let work = spawn_blocking(move || {
            let registry = Registry::open(Path::new(&dir)).map_err(PublishError::from)?;
            for number in numbers {
                let component = marked(component, number as u64);
                let digest = hex::encode(Sha256::digest(&component));
                let record = Record::default();
                let revision = record.next(digest.clone(), String::new());
                registry
                    .put(
                        &plugin_name(number),
                        &record.served_by(revision),
                        Some((digest.as_str(), &component[..])),
                    )
                    .map_err(PublishError::from)?;
                bar.inc(1);
            }
            Ok::<_, PublishError>(())
        });
        let done = work.await.map_err(|_| BenchError::Panicked)?;
        Ok(done.map_err(StartError::from)?)
    }

    async fn measure(
        &self,
        config: &Config,
        effort: Effort,
        plugins: usize,
        bar: &ProgressBar,
    ) -> Result<Vec<Row>, BenchError> {
        let functions = plugins * self.functions;
        bar.set_message(format!("{FIRST} with {} {OF}", units::whole(functions)));
        let first = Started::measure(config).await?.0;
        let mut first_row = Row::timed(FIRST, None).at(functions, OF);
        first.figures(&mut first_row);
        if let Some(bytes) = first.resident_bytes {
            first_row.figure("resident_bytes", bytes as f64);
            first_row.figure("resident_a_function_bytes", bytes as f64 / functions as f64);
        }
        bar.set_message(format!("{LATER} with {} {OF}", units::whole(functions)));
        let turns = Turns::new(effort);
        let mut samples = Samples::default();
        let mut last = None;
        for _ in 0..STARTS_MAX {
            if !turns.take() {
                break;
            }
            // The one before is gone first: two do not share a registry, nor the memory.
            drop(last.take());
            let (started, library, models) = Started::measure(config).await?;
            samples.add(started.whole);
            last = Some((started, library, models));
        }
        let (later, library, models) = last.ok_or(BenchError::Panicked)?;
        let mut later_row = Row::timed(LATER, samples.times_in_turn()).at(functions, OF);
        later.figures(&mut later_row);
        bar.set_message(format!("{ADD} to {} {OF}", units::whole(functions)));
        let samples = self.add(&library, &models, effort).await?;
        let mut add_row = Row::timed(ADD, samples.times_in_turn()).at(functions, OF);
        add_row.figure("functions_added", self.functions as f64);
        Ok(vec![first_row, later_row, add_row])
    }

    /// One more plugin, again and again, each time to the library as it was and under another name,
    /// so that the models read its functions anew.
    async fn add(
        &self,
        library: &Library,
        models: &Timed,
        effort: Effort,
    ) -> Result<Samples, BenchError> {
        let sandbox = library.plugins().first().ok_or(BenchError::NoExamples)?.sandbox();
        let turns = Turns::new(effort);
        let mut samples = Samples::default();
        while turns.take() {
            let source = PluginSource {
                name: format!("newcomer{}", uuid::Uuid::new_v4().as_fields().0),
                component: Cow::Borrowed(self.bundled.component),
                grants: Cow::Borrowed(""),
            };
            let sandbox = sandbox.clone();
            let loaded = spawn_blocking(move || app::load_plugin(&sandbox, &source)).await;
            let mut plugins = library.plugins().to_vec();
            plugins.push(loaded.map_err(|_| BenchError::Panicked)??);
            let began = Instant::now();
            let next = library.next(plugins, models).await?;
            samples.add(began.elapsed());
            drop(next);
        }
        Ok(samples)
    }
}

/// As every published plugin of the measurement is called.
fn plugin_name(number: usize) -> String {
    format!("p{number:05}")
}

/// A start, phase by phase. Models and plugins are loaded side by side.
#[derive(Debug)]
struct Started {
    whole: Duration,
    models: Duration,
    plugins: Duration,
    prepare: Duration,
    index: Duration,
    block_bytes: usize,
    /// Growth of the process.
    resident_bytes: Option<u64>,
}

impl Started {
    async fn measure(config: &Config) -> Result<(Self, Library, Timed), BenchError> {
        let before = resident_bytes();
        let began = Instant::now();
        let models = async {
            let cascade = gateway::cascade(config).await?;
            Ok::<_, BenchError>((cascade, began.elapsed()))
        };
        let plugins = async {
            let loaded = app::load(config).await?;
            Ok::<_, BenchError>((loaded, began.elapsed()))
        };
        let ((cascade, models), (loaded, plugins)) = tokio::try_join!(models, plugins)?;
        let timed = Timed { cascade, preparing: Mutex::default() };
        let ready = Instant::now();
        let library = Library::build(&loaded.plugins, &timed).await?;
        let reading = ready.elapsed();
        let whole = began.elapsed();
        let prepare = timed.preparing();
        let grown = |before: u64| Some(resident_bytes()?.saturating_sub(before));
        let started = Self {
            whole,
            models,
            plugins,
            prepare,
            index: reading.saturating_sub(prepare),
            block_bytes: timed.cascade.block_bytes(),
            resident_bytes: before.and_then(grown),
        };
        Ok((started, library, timed))
    }

    fn figures(&self, row: &mut Row) {
        for (name, time) in [
            ("start_ms", self.whole),
            ("models_ms", self.models),
            ("plugins_ms", self.plugins),
            ("prepare_ms", self.prepare),
            ("index_ms", self.index),
        ] {
            row.figure(name, time.as_secs_f64() * 1e3);
        }
        row.figure("held_block_bytes", self.block_bytes as f64);
    }
}

/// The models that serve, and how long they took to make the library's functions ready.
struct Timed {
    cascade: Cascade,
    preparing: Mutex<Duration>,
}

impl Timed {
    fn preparing(&self) -> Duration {
        *self.preparing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Models for Timed {
    fn prepare(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        Box::pin(self.cascade.prepare(functions))
    }

    fn prepare_library(
        &self,
        functions: Vec<Arc<Function>>,
    ) -> BoxFuture<'_, Result<Vec<Arc<Prepared>>, CascadeError>> {
        Box::pin(async move {
            let began = Instant::now();
            let prepared = self.cascade.prepare_library(functions).await;
            *self.preparing.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
            prepared
        })
    }

    fn distil<'a>(
        &'a self,
        query: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Intent, CascadeError>> {
        Box::pin(self.cascade.distil(query, deadline))
    }

    fn decode(&self, request: DecodeRequest) -> BoxFuture<'_, Result<Decoded, CascadeError>> {
        Box::pin(self.cascade.decode(request))
    }

    fn info(&self) -> ModelInfo {
        self.cascade.info().clone()
    }
}

fn report(subject: &Subject, rows: Vec<Row>) -> PartReport {
    let starts: Vec<Row> = rows.iter().filter(|row| row.name != ADD).cloned().collect();
    let adds: Vec<Row> = rows.iter().filter(|row| row.name == ADD).cloned().collect();
    let start_us = |row: &Row| {
        let figure = row.figures.iter().find(|(name, _)| *name == "start_ms");
        figure.map(|(_, milliseconds)| milliseconds * 1e3)
    };
    let pictures = vec![
        Picture::lines("Starting with the library", Scale::Time, &starts, start_us),
        Picture::lines("Adding one plugin, half of the times at most", Scale::Time, &adds, |row| {
            Some(row.times.as_ref()?.p50_us)
        }),
    ];
    let Bundled { name, component, .. } = subject.bundled;
    PartReport {
        part: Part::Start,
        about: format!(
            "the plugin {name} ({} bytes, {} functions), published under many names, each \
             with a mark that makes it a component of its own, and compiled before: loaded from the cache of compiled plugins, named, read by the models that \
             serve, and indexed",
            units::whole(component.len()),
            subject.functions
        ),
        notes: vec![
            "first: the models read every function; later: what they made of it comes from the \
             disk. models and plugins are loaded side by side; prepare and index follow"
                .into(),
            "held block: blocks that are in memory when it is ready, at most \
             models.blocks_bytes_max; the others come from the disk when they are asked for"
                .into(),
            "adding one plugin is all that happens between a compiled component and the new \
             library: its functions named, read by the models and indexed beside the others"
                .into(),
        ],
        rows,
        pictures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_has_functions_and_its_names_fit() {
        let subject = Subject::find().unwrap();
        assert!(subject.functions > 0);
        let read = read_component("x", subject.bundled.component).unwrap();
        for function in read.functions {
            let name = format!("{}_{}", plugin_name(99_999), function.name);
            assert!(hyfunc_functions::names::is_valid_name(&name), "{name}");
        }
    }

    #[test]
    fn phases_are_told_in_milliseconds() {
        let milliseconds = Duration::from_millis;
        let started = Started {
            whole: milliseconds(1_000),
            models: milliseconds(100),
            plugins: milliseconds(400),
            prepare: milliseconds(500),
            index: milliseconds(90),
            block_bytes: 7,
            resident_bytes: None,
        };
        let mut row = Row::timed(FIRST, None).at(300, OF);
        started.figures(&mut row);
        assert_eq!(
            row.figures,
            [
                ("start_ms", 1_000.0),
                ("models_ms", 100.0),
                ("plugins_ms", 400.0),
                ("prepare_ms", 500.0),
                ("index_ms", 90.0),
                ("held_block_bytes", 7.0),
            ]
        );
    }
}
