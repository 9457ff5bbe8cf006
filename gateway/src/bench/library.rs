//! Changing the library while it serves: from the first byte of a publication to the first answered
//! call, the same where the component was compiled before, and calls beside publications.

mod beside;
mod subject;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;

use super::effort::{Effort, Turns};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::Samples;
use super::{Bench, BenchError, Part, gateway, progress, units};
use crate::app::App;
use beside::Called;
use subject::Subject;

pub(super) use subject::marked;

const PUBLISH: &str = "publish to the first answered call";
const LARGE: &str = "the same, of 1 MB";
const AGAIN: &str = "the same, compiled before";
const CALLS: &str = "calls, nothing is published";
const BESIDE: &str = "calls, their plugin is replaced";

/// Name under which it is published.
const NAME: &str = "measured";

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let folder = Folder::make()?;
    let mut config = gateway::config(bench.config.clone(), beside::CALLERS);
    config.plugins.bundled = false;
    config.library.dir = folder.file("library");
    config.sandbox.aot_dir = folder.file("aot");
    let app = App::build(config).await?;
    let subject = Arc::new(Subject::find()?);
    let admin = app.admin_router().ok_or(BenchError::Panicked)?;
    let mut routes = Routes { admin, public: app.router(), subject, published: 0 };
    let bar = progress::bar(Part::Library, 5);
    bar.set_message(PUBLISH);
    routes.time(bench.effort.warm_up(), Routes::fresh).await?;
    let fresh = routes.time(bench.effort, Routes::fresh).await?;
    bar.inc(1);
    bar.set_message(LARGE);
    let large = routes.time(bench.effort, Routes::large).await?;
    bar.inc(1);
    bar.set_message(AGAIN);
    // Each of the two once, so that both are compiled.
    routes.time(Effort::Iterations(2), Routes::known).await?;
    let known = routes.time(bench.effort, Routes::known).await?;
    bar.inc(1);
    bar.set_message(CALLS);
    let alone = beside::alone(&routes, bench.effort).await?;
    bar.inc(1);
    bar.set_message(BESIDE);
    let (replaced, busy) = beside::replaced(&mut routes, bench.effort).await?;
    bar.finish_and_clear();
    let timed = [
        (PUBLISH, fresh, routes.subject.small.len()),
        (LARGE, large, routes.subject.large.len()),
        (AGAIN, known, routes.subject.small.len()),
    ];
    Ok(report(&routes.subject, timed, &alone, &busy, replaced))
}

struct Routes {
    admin: Router,
    public: Router,
    subject: Arc<Subject>,
    published: u64,
}

impl Routes {
    /// One that was never published.
    fn fresh(&mut self) -> Bytes {
        self.published += 1;
        marked(&self.subject.small, self.published)
    }

    /// The same, larger.
    fn large(&mut self) -> Bytes {
        self.published += 1;
        marked(&self.subject.large, self.published)
    }

    /// One of two that take turns.
    fn known(&mut self) -> Bytes {
        self.published += 1;
        marked(&self.subject.small, u64::MAX - self.published % 2)
    }

    async fn time(
        &mut self,
        effort: Effort,
        component: fn(&mut Self) -> Bytes,
    ) -> Result<Samples, BenchError> {
        let turns = Turns::new(effort);
        let mut samples = Samples::default();
        while turns.take() {
            let publish = publication(component(self));
            let call = self.subject.call();
            let began = Instant::now();
            ask(&self.admin, publish).await?;
            ask(&self.public, call).await?;
            samples.add(began.elapsed());
        }
        Ok(samples)
    }
}

fn publication(component: Bytes) -> Request<Body> {
    Request::put(format!("/v1/plugins/{NAME}"))
        .header("x-hyfunc-allow-downgrade", "true")
        .body(Body::from(component))
        .expect("a path and a header of our own")
}

/// An exchange without a socket.
async fn ask(router: &Router, request: Request<Body>) -> Result<(), BenchError> {
    gateway::exchange(router.clone(), request).await.map(drop)
}

fn report(
    subject: &Subject,
    timed: [(&'static str, Samples, usize); 3],
    alone: &Called,
    busy: &Called,
    replaced: usize,
) -> PartReport {
    let mut rows: Vec<Row> = timed
        .into_iter()
        .map(|(name, samples, bytes)| {
            let mut row = Row::timed(name, samples.times_in_turn());
            row.figure("component_bytes", bytes as f64);
            row
        })
        .collect();
    let bars = Picture::bars("Half of the publications took at most", Scale::Time, &rows, |row| {
        Some(row.times.as_ref()?.p50_us)
    });
    let of = |name: &'static str, called: &Called| {
        Row::timed(name, called.samples.times(called.elapsed)).at(beside::CALLERS, "at once")
    };
    let (alone, mut busy) = (of(CALLS, alone), of(BESIDE, busy));
    busy.beside(&alone, CALLS);
    busy.figure("replaced", replaced as f64);
    rows.extend([alone, busy]);
    PartReport {
        part: Part::Library,
        about: format!(
            "publishing the plugin {} ({} bytes): compiled in a process of its own, read by the \
             models, indexed, written to the disk, put in place, and then called",
            subject.name,
            units::whole(subject.small.len())
        ),
        notes: vec![
            "the functions do not change, so they keep what the models made of them from the first \
             publication on; compiled before: the machine code comes from the cache as well"
                .into(),
            "of 1 MB: with code of other plugins that is compiled and not called".into(),
            "calls: without sockets; a call that failed would end the measurement".into(),
        ],
        rows,
        pictures: vec![bars],
    }
}

/// A folder that is gone afterwards.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn make() -> Result<Self, BenchError> {
        let name = format!("hyfunc-bench-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).map_err(BenchError::Client)?;
        Ok(Self(path))
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over lies in the system's folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}
