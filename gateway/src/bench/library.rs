//! Changing the library while it serves: from the first byte of a publication to the first answered
//! call, and the same where the component was compiled before.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use hyfunc_functions::component::read_component;
use hyfunc_plugins::Bundled;
use hyfunc_sandbox::Grants;
use tower::ServiceExt as _;

use super::effort::{Effort, Turns};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::Samples;
use super::{Bench, BenchError, Part, gateway, progress, units};
use crate::app::App;

const PUBLISH: &str = "publish to the first answered call";
const AGAIN: &str = "the same, compiled before";

/// Name under which it is published.
const NAME: &str = "measured";

/// Bytes of an answer; ours have some thousands.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let folder = Folder::make()?;
    let mut config = gateway::config(bench.config.clone(), 1);
    config.plugins.bundled = false;
    config.library.dir = folder.file("library");
    config.sandbox.aot_dir = folder.file("aot");
    let app = App::build(config).await?;
    let subject = Subject::find()?;
    let admin = app.admin_router().ok_or(BenchError::Panicked)?;
    let mut routes = Routes { admin, public: app.router(), subject, published: 0 };
    let bar = progress::bar(Part::Library, 2);
    bar.set_message(PUBLISH);
    routes.time(bench.effort.warm_up(), Routes::fresh).await?;
    let fresh = routes.time(bench.effort, Routes::fresh).await?;
    bar.inc(1);
    bar.set_message(AGAIN);
    // Each of the two once, so that both are compiled.
    routes.time(Effort::Iterations(2), Routes::known).await?;
    let known = routes.time(bench.effort, Routes::known).await?;
    bar.finish_and_clear();
    Ok(report(&routes.subject, &fresh, &known))
}

/// The largest of the bundled plugins that asks for nothing, and a call of it.
struct Subject {
    bundled: &'static Bundled,
    function: String,
    arguments: Bytes,
}

impl Subject {
    fn find() -> Result<Self, BenchError> {
        let modest = |bundled: &&Bundled| {
            Grants::parse(bundled.grants).is_ok_and(|grants| grants.is_empty())
        };
        let bundled = hyfunc_plugins::bundled().iter().filter(modest);
        let bundled = bundled.max_by_key(|bundled| bundled.component.len());
        let bundled = bundled.ok_or(BenchError::NoExamples)?;
        let read = read_component(NAME, bundled.component);
        let functions = read.map_err(|_| BenchError::NoExamples)?.functions;
        let with_example = functions.iter().find_map(|function| {
            let example = function.examples.first()?;
            Some((function, example))
        });
        let (function, example) = with_example.ok_or(BenchError::NoExamples)?;
        let arguments = serde_json::to_vec(&example.arguments).map_err(BenchError::Format)?;
        Ok(Self { bundled, function: function.name.clone(), arguments: arguments.into() })
    }

    /// The component, with a mark that makes it another one: nothing is known of it.
    fn marked(&self, mark: u64) -> Bytes {
        let mark = mark.to_le_bytes();
        // A custom section: its id, its size, the length of its name, the name, the mark.
        let section = [&[0u8, 13, 4][..], &b"mark"[..], &mark[..]].concat();
        [self.bundled.component, section.as_slice()].concat().into()
    }
}

struct Routes {
    admin: Router,
    public: Router,
    subject: Subject,
    published: u64,
}

impl Routes {
    /// A mark that was never published.
    fn fresh(&mut self) -> u64 {
        self.published += 1;
        self.published
    }

    /// One of two marks that take turns.
    fn known(&mut self) -> u64 {
        self.published += 1;
        u64::MAX - self.published % 2
    }

    async fn time(
        &mut self,
        effort: Effort,
        mark: fn(&mut Self) -> u64,
    ) -> Result<Samples, BenchError> {
        let turns = Turns::new(effort);
        let mut samples = Samples::default();
        while turns.take() {
            let mark = mark(self);
            let publish = Request::put(format!("/v1/plugins/{NAME}"))
                .header("x-hyfunc-allow-downgrade", "true")
                .body(Body::from(self.subject.marked(mark)))
                .expect("a path and a header of our own");
            let call = Request::post(format!("/v1/functions/{}", self.subject.function))
                .header(CONTENT_TYPE, "application/json")
                .body(Body::from(self.subject.arguments.clone()))
                .expect("a path and a header of our own");
            let began = Instant::now();
            ask(&self.admin, publish).await?;
            ask(&self.public, call).await?;
            samples.add(began.elapsed());
        }
        Ok(samples)
    }
}

/// An exchange without a socket.
async fn ask(router: &Router, request: Request<Body>) -> Result<(), BenchError> {
    let response = router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
    let status = response.status();
    let read = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let bytes = read.map_err(|error| BenchError::Exchange { reason: error.to_string() })?;
    if status.is_success() {
        return Ok(());
    }
    let body = String::from_utf8_lossy(&bytes).into_owned();
    Err(BenchError::Refused { status: status.as_u16(), body })
}

fn report(subject: &Subject, fresh: &Samples, known: &Samples) -> PartReport {
    let bytes = subject.bundled.component.len();
    let rows: Vec<Row> = [(PUBLISH, fresh), (AGAIN, known)]
        .into_iter()
        .map(|(name, samples)| {
            let mut row = Row::timed(name, samples.times_in_turn());
            row.figure("component_bytes", bytes as f64);
            row
        })
        .collect();
    let bars = Picture::bars("Half of the publications took at most", Scale::Time, &rows, |row| {
        Some(row.times.as_ref()?.p50_us)
    });
    PartReport {
        part: Part::Library,
        about: format!(
            "publishing the plugin {} ({} bytes): compiled in a process of its own, read by the \
             models, indexed, written to the disk, put in place, and then called",
            subject.bundled.name,
            units::whole(bytes)
        ),
        notes: vec![
            "the functions do not change, so they keep what the models made of them from the first \
             publication on; compiled before: the machine code comes from the cache as well"
                .into(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_component_is_another_one_of_the_same_functions() {
        let subject = Subject::find().unwrap();
        let (one, two) = (subject.marked(1), subject.marked(2));
        assert_ne!(one, two);
        let read = |bytes: &[u8]| read_component(NAME, bytes).unwrap().functions;
        assert_eq!(read(&one), read(&two));
        assert_eq!(read(&one), read(subject.bundled.component));
        assert!(read(&one).iter().any(|function| function.name == subject.function));
    }
}
