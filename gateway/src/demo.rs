//! `hyfunc demo`: a gateway on a free port, and a client that shows what it does.

mod client;
mod paint;
mod requests;
mod view;

use std::io::Write as _;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

pub use client::{Answer, Candidate, Piece, PieceKind, RanCall};
pub use paint::Paint;
pub use requests::{DemoRequest, requests};

use crate::app::App;
use crate::cli::DemoArgs;
use crate::clock;
use crate::config::{Config, PluginsConfig, RecentConfig};
use crate::error::StartError;
use crate::eval::{Times, same_calls};
use crate::pipeline::Step;
use client::Client;
use view::Opening;

/// Why the demo did not come to a good end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Its gateway did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Its gateway cannot be reached.
    #[error("the demo's own gateway did not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// Its gateway refused a request.
    #[error("the gateway answered `{query}` with status {status}: {body}")]
    Refused {
        /// The request.
        query: String,
        /// Of HTTP.
        status: u16,
        /// What came back.
        body: String,
    },
    /// Its gateway answered in another format than the demo reads.
    #[error("the answer to `{query}` cannot be read: {source}")]
    Format {
        /// The request.
        query: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The terminal is gone.
    #[error("cannot print: {0}")]
    Output(std::io::Error),
    /// Some answers are wrong; they were shown.
    #[error("{wrong} of {all} answers are wrong; each stands above with what was expected")]
    Wrong {
        /// Wrong ones.
        wrong: usize,
        /// All of them.
        all: usize,
    },
}

/// One request of the demo with its answer, judged.
pub struct Shown<'a> {
    /// The request and its right calls.
    pub request: &'a DemoRequest,
    /// What the gateway answered.
    pub answer: Answer,
    /// From sending to the last byte, as the client sees it.
    pub took: Duration,
}

impl Shown<'_> {
    /// Whether the right calls were made and each of them worked.
    pub fn is_right(&self) -> bool {
        let ran = &self.answer.hyfunc.calls;
        same_calls(&self.request.calls, &self.answer.calls())
            && ran.iter().all(|call| call.error.is_none())
    }
}

/// Starts a gateway, sends every request of the demo and prints what came of it.
///
/// # Errors
/// A gateway that does not start or answer, and wrong answers after all were shown.
pub async fn run(config: Config, args: DemoArgs) -> Result<(), DemoError> {
    let began = Instant::now();
    let paint = Paint::for_stdout(args.plain);
    let deadline_ms = config.request.deadline_ms;
    let app = App::build(demo_config(config)).await?;
    let model = app.pipeline().models.info().id;
    let functions = app.pipeline().shelf.snapshot().entries().len();
    let serving = app.listen().await?;
    let address = serving.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serving.run(async move {
        // A dropped sender stops it as well.
        let _ = stopped.await;
    }));
    print(&view::opening(
        &paint,
        &Opening { address, model: &model, functions, ready: began.elapsed() },
    ))?;

    let client = Client::new(address, model, deadline_ms)?;
    let requests = requests();
    let mut times = Times::default();
    let mut right = 0;
    for (at, request) in requests.iter().enumerate() {
        let (answer, took) = client.ask(&request.query).await?;
        for step in Step::ALL {
            if let Some(micros) = answer.hyfunc.timings_us.get(step.name()) {
                times.add(step, *micros);
            }
        }
        times.add_whole(clock::micros(took));
        let shown = Shown { request, answer, took };
        right += usize::from(shown.is_right());
        print(&view::shown(&paint, &shown, at + 1, requests.len()))?;
    }
    let all_took = began.elapsed();
    drop(client);
    drop(stop);
    // Whether it went down quickly is of no interest here.
    let _ = server.await;
    print(&view::closing(&paint, &times, right, requests.len(), all_took))?;
    match requests.len() - right {
        wrong if wrong > 0 && args.strict => Err(DemoError::Wrong { wrong, all: requests.len() }),
        _ => Ok(()),
    }
}

/// The same for everybody: a free port, the bundled plugins, and nobody's to-do list but its own.
fn demo_config(mut config: Config) -> Config {
    config.server.address = "127.0.0.1:0".into();
    config.plugins = PluginsConfig::default();
    config.library.dir = String::new();
    config.admin.address = String::new();
    config.sandbox.keyvalue_dir = String::new();
    // The times that are shown come from there.
    config.recent = RecentConfig::default();
    config.for_own_use()
}

/// A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> Result<(), DemoError> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(DemoError::Output(error))
        }
        _ => Ok(()),
    }
}
