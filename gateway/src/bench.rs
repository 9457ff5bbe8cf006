//! `hyfunc bench`: what this machine makes of the gateway, part by part.
//!
//! Machines differ and are never alone, so what counts are ratios within one run: a step beside its
//! floor, the gateway beside a bare handler, the sandbox beside bare wasmtime, the graph beside the
//! scan.

mod ceiling;
mod client;
mod effort;
mod floor;
mod gateway;
mod gpu;
mod http;
mod library;
mod load;
mod machine;
mod overload;
mod page;
mod picture;
mod progress;
mod removals;
mod report;
mod request;
mod retrieval;
mod row;
mod samples;
mod sandbox;
mod start;
mod stock;
mod synthetic;
mod units;

use clap::ValueEnum;
use hyfunc_cascade::CascadeError;
use hyfunc_cascade::error::WeightsError;
use hyfunc_functions::json::JsonError;
use hyfunc_functions::schema::SchemaError;
use hyfunc_retrieval::RetrievalError;
use hyfunc_sandbox::{BareError, CallError};
use hyfunc_stock::StockError;
use tokio::task::spawn_blocking;

pub use ceiling::Ceilings;
pub use effort::{Effort, SAMPLES_MAX};
pub use machine::Machine;
pub(crate) use machine::resident_bytes;
pub use picture::{Picture, Scale, Series, Span};
pub use report::{PartReport, Report, VERSION};
pub use row::{At, Floor, Ratio, Row};
pub use samples::Times;

use crate::config::{Config, STOCK};
use crate::error::StartError;

/// A part that can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// One request at a time through every step, each step beside its floor
    Request,
    /// Throughput and latency over sockets, beside a bare axum handler
    Http,
    /// More requests than can be answered: what is answered, what is refused, how soon
    Overload,
    /// One call in its sandbox, beside bare wasmtime
    Sandbox,
    /// Exact scan, HNSW graph and BM25: time and recall
    Retrieval,
    /// Making a library ready: time and memory
    Load,
    /// Publishing to a gateway that serves, until the first answered call
    Library,
    /// Decoding with the whole engine, and without each of its parts
    Removals,
    /// Starting with a large library, first and later, and adding a plugin to it
    Start,
    /// One call of a checkpoint (--checkpoint), each step beside its floor; only where it is named
    Stock,
    /// The paper's models at their true shapes on a GPU (--device); only where it is named
    Gpu,
}

impl Part {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Part::Request => "request",
            Part::Http => "http",
            Part::Overload => "overload",
            Part::Sandbox => "sandbox",
            Part::Retrieval => "retrieval",
            Part::Load => "load",
            Part::Library => "library",
            Part::Removals => "removals",
            Part::Start => "start",
            Part::Stock => "stock",
            Part::Gpu => "gpu",
        }
    }

    /// Whether it looks into the models that are trained here, and so can measure no checkpoint.
    fn is_of_trained_models(self) -> bool {
        match self {
            Part::Request
            | Part::Http
            | Part::Overload
            | Part::Load
            | Part::Removals
            | Part::Start => true,
            Part::Sandbox | Part::Retrieval | Part::Library | Part::Stock | Part::Gpu => false,
        }
    }
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// There is nothing to measure.
    #[error("`hyfunc bench stock` measures a checkpoint: name one with --checkpoint PATH")]
    NoCheckpoint,
    /// What is measured is not what is configured.
    #[error(
        "models.preset is stock, but {} of `hyfunc bench` can measure only the models that are trained \
         here: measure the checkpoint with `hyfunc bench stock`, or name only other parts, or set \
         HYFUNC_MODELS__PRESET=tiny", .parts.join(", ")
    )]
    Preset {
        /// Names of these parts.
        parts: Vec<&'static str>,
    },
    /// This program knows no GPU.
    #[error(
        "`hyfunc bench gpu` measures cuda:{ordinal}, but this hyfunc was built without GPUs: build it \
         with `cargo build --release --features cuda` (deploy/cuda-toolkit.sh has what that needs), and \
         run it where there is a GPU"
    )]
    NoGpus {
        /// The one that was asked for.
        ordinal: usize,
    },
    /// There is no such GPU, or it failed.
    #[error("the GPU was not measured: {reason}")]
    Device {
        /// What the device or its driver said, and what to do.
        reason: String,
    },
    /// The function that a checkpoint is asked for cannot be made.
    #[error("the function that the checkpoint is asked for: {0}")]
    Schema(#[from] SchemaError),
    /// The checkpoint did not decode.
    #[error("the checkpoint did not decode: {0}")]
    Stock(#[from] StockError),
    /// A part of the gateway did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The shapes of the models cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The models failed.
    #[error("the models failed: {0}")]
    Models(#[from] CascadeError),
    /// An index failed.
    #[error("the index failed: {0}")]
    Retrieval(#[from] RetrievalError),
    /// The bare call cannot be made.
    #[error("bare wasmtime: {0}")]
    Bare(#[from] BareError),
    /// A call in a sandbox failed.
    #[error("the call that is measured failed: {0}")]
    Call(#[from] CallError),
    /// The arguments of the call do not fit.
    #[error("the call that is measured: {0}")]
    Arguments(#[from] JsonError),
    /// A call gave no value.
    #[error("`{name}` gave no value; what is measured must work")]
    Unanswered {
        /// The function.
        name: &'static str,
    },
    /// The function that is called is not there.
    #[error("the bundled plugins have no function `{name}` with an example; build hyfunc anew")]
    NoFunction {
        /// The function.
        name: &'static str,
    },
    /// No function says what people ask for.
    #[error("no bundled function has an example, so there is nothing to ask; build hyfunc anew")]
    NoExamples,
    /// The gateway refused what was asked.
    #[error("the gateway answered with status {status}: {body}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// What came back.
        body: String,
    },
    /// A request or its answer broke off.
    #[error("a request of the measurement broke: {reason}; try again, or with fewer connections")]
    Exchange {
        /// What the connection said.
        reason: String,
    },
    /// An answer cannot be read.
    #[error("an answer of the gateway cannot be read: {0}")]
    Format(serde_json::Error),
    /// The clients or the bare handler cannot be set up.
    #[error("cannot set up the clients: {0}")]
    Client(std::io::Error),
    /// A thread of the measurement panicked.
    #[error("the measurement panicked; the lines above say where")]
    Panicked,
}

/// What is to be measured, and how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The parts, each once; none means all but those that need a checkpoint or a GPU.
    pub parts: Vec<Part>,
    /// How long each row is measured.
    pub effort: Effort,
    /// Sizes of libraries, for retrieval and load; none leaves them to each part.
    pub functions: Vec<usize>,
    /// Requests or calls at once, for http and sandbox; none leaves them to each part.
    pub concurrency: Vec<usize>,
    /// The GPU that is measured, counted from 0.
    pub ordinal: usize,
}

impl Plan {
    /// The parts in the order in which a report shows them, each once.
    fn parts(&self) -> Vec<Part> {
        // A checkpoint is somebody's own, and few machines have a GPU: without a name there is none to
        // measure.
        let wanted = |part: &Part| match self.parts.as_slice() {
            [] => !matches!(part, Part::Stock | Part::Gpu),
            named => named.contains(part),
        };
        Part::value_variants().iter().copied().filter(wanted).collect()
    }
}

/// What every part is given.
struct Bench {
    config: Config,
    ceilings: Ceilings,
    effort: Effort,
    functions: Vec<usize>,
    concurrency: Vec<usize>,
    ordinal: usize,
}

/// Nothing is measured under the name of other models.
fn check(config: &Config, wanted: &[Part]) -> Result<(), BenchError> {
    let trained = wanted.iter().filter(|part| part.is_of_trained_models());
    let parts: Vec<&'static str> = trained.map(|part| part.name()).collect();
    if config.models.preset == STOCK && !parts.is_empty() {
        return Err(BenchError::Preset { parts });
    }
    Ok(())
}

/// Measures what is wanted, part after part.
///
/// # Errors
/// The first part that does not work as a whole; a request that is refused is counted.
pub async fn run(config: Config, plan: &Plan) -> Result<Report, BenchError> {
    let wanted = plan.parts();
    check(&config, &wanted)?;
    if wanted.contains(&Part::Gpu) {
        let ordinal = plan.ordinal;
        spawn_blocking(move || gpu::check(ordinal)).await.map_err(|_| BenchError::Panicked)??;
    }
    let machine = Machine::here();
    let info = gateway::cascade(&config).await?.info().clone();
    let ceilings = spawn_blocking(Ceilings::measure).await.map_err(|_| BenchError::Panicked)??;
    let bench = Bench {
        config,
        ceilings,
        effort: plan.effort,
        functions: plan.functions.clone(),
        concurrency: plan.concurrency.clone(),
        ordinal: plan.ordinal,
    };
    let mut order = wanted.clone();
    // Memory is measured first: what others leave behind would be used again and not be seen.
    order.sort_by_key(|part| *part != Part::Load);
    let mut parts = Vec::new();
    for part in order {
        parts.push(match part {
            Part::Request => request::measure(&bench).await?,
            Part::Http => http::measure(&bench).await?,
            Part::Overload => overload::measure(&bench).await?,
            Part::Sandbox => sandbox::measure(&bench).await?,
            Part::Retrieval => retrieval::measure(&bench).await?,
            Part::Load => load::measure(&bench).await?,
            Part::Library => library::measure(&bench).await?,
            Part::Removals => removals::measure(&bench).await?,
            Part::Start => start::measure(&bench).await?,
            Part::Stock => stock::measure(&bench).await?,
            Part::Gpu => gpu::measure(&bench).await?,
        });
    }
    parts.sort_by_key(|report| wanted.iter().position(|part| *part == report.part));
    let models = (info.id, info.digest);
    Ok(Report { machine, models, ceilings, effort: plan.effort, parts })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(parts: &[Part]) -> Plan {
        Plan {
            parts: parts.to_vec(),
            effort: Effort::Iterations(1),
            functions: Vec::new(),
            concurrency: Vec::new(),
            ordinal: 0,
        }
    }

    #[test]
    fn no_name_is_every_part_without_a_checkpoint_or_a_gpu_and_a_name_twice_is_one() {
        let all = Part::value_variants();
        let (others, named) = all.split_at(all.len() - 2);
        assert_eq!(plan(&[]).parts(), others);
        assert_eq!(named, [Part::Stock, Part::Gpu]);
        for part in named {
            assert_eq!(plan(&[*part]).parts(), [*part]);
        }
        let twice = plan(&[Part::Load, Part::Http, Part::Load]);
        assert_eq!(twice.parts(), [Part::Http, Part::Load]);
    }

    #[test]
    fn a_checkpoint_is_not_measured_as_the_trained_models() {
        let tiny = Config::default();
        let mut stock = Config::default();
        stock.models.preset = STOCK.into();
        let cases: [(&[Part], Option<&str>); 4] = [
            (&[Part::Request], Some("request")),
            (&[Part::Sandbox, Part::Http, Part::Load], Some("http, load")),
            (Part::value_variants(), Some("request, http, overload, load, removals, start")),
            (&[Part::Stock, Part::Sandbox, Part::Retrieval], None),
        ];
        for (parts, refused) in cases {
            assert!(check(&tiny, parts).is_ok(), "{parts:?}");
            let error = check(&stock, parts).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), refused.is_some(), "{parts:?}");
            let error = error.unwrap_or_default();
            assert!(error.contains(refused.unwrap_or_default()), "{error}");
        }
    }

    #[test]
    fn a_part_is_named_as_it_is_typed() {
        for part in Part::value_variants() {
            let typed = part.to_possible_value().unwrap();
            assert_eq!(typed.get_name(), part.name());
        }
    }
}
