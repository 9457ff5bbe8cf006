//! One call in its sandbox, from JSON text to JSON text, beside the same in bare wasmtime.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyfunc_functions::json::{JsonLimits, parse_arguments, to_json};
use hyfunc_functions::{Export, Function, Type};
use hyfunc_sandbox::{BareCall, CallContext, OutcomeResult, Plugin};
use serde_json::Value as Json;
use tokio::task::{spawn_blocking, yield_now};

use super::effort::{Effort, Turns};
use super::picture::{Picture, Scale};
use super::report::PartReport;
use super::row::Row;
use super::samples::{Samples, together};
use super::{Bench, BenchError, Part, gateway, progress};
use crate::app;
use crate::config::Config;
use crate::pipeline::payloads;

/// The bundled plugin that is called, and its function.
const PLUGIN: &str = "units";
const FUNCTION: &str = "units_convert";

/// Calls at once where nobody says otherwise.
const AT_ONCE: &[usize] = &[1, 64];

/// What rows are counted in.
const CALLS: &str = "at once";

/// What stands beside the sandbox.
const BARE: &str = "bare wasmtime";

/// Far beyond any call.
const DEADLINE: Duration = Duration::from_secs(30);

/// A call that is made again and again.
struct Target {
    plugin: Plugin,
    function: Arc<Function>,
    export: Export,
    arguments: String,
    bare: BareCall,
}

impl Target {
    /// Compiles the plugin twice, for either way; blocking.
    fn load(config: &Config) -> Result<Self, BenchError> {
        let missing = || BenchError::NoFunction { name: FUNCTION };
        let sources = app::plugin_sources(config)?;
        let source = sources.into_iter().find(|source| source.name == PLUGIN);
        let source = source.ok_or_else(missing)?;
        let sandbox = app::sandbox(&config.sandbox)?;
        let plugin = app::load_plugin(&sandbox, &source)?;
        let function = plugin.functions().iter().find(|function| function.name == FUNCTION);
        let function = Arc::clone(function.ok_or_else(missing)?);
        let export = function.export.clone().ok_or_else(missing)?;
        let example = function.examples.first().ok_or_else(missing)?;
        let arguments = Json::Object(example.arguments.clone()).to_string();
        let values = parse_arguments(&function.parameters, &arguments, &JsonLimits::default())?;
        let bare = BareCall::new(sandbox.config(), &source.component, &export, &values)?;
        Ok(Self { plugin, function, export, arguments, bare })
    }

    /// As the gateway does it: text to typed values, a call under all limits, values to text.
    async fn in_sandbox(&self) -> Result<(), BenchError> {
        let limits = JsonLimits::default();
        let arguments = parse_arguments(&self.function.parameters, &self.arguments, &limits)?;
        let context = CallContext {
            request_id: "bench".into(),
            deadline: Instant::now() + DEADLINE,
            traceparent: None,
            tenant: "local".into(),
        };
        let outcome = self.plugin.call(&self.export, &arguments, context).await?;
        let (ok, _) = payloads(self.function.returns.as_ref());
        match outcome.result {
            OutcomeResult::Value(Some(value)) => {
                black_box(to_json(ok.unwrap_or(&Type::Any), &value).to_string());
                Ok(())
            }
            OutcomeResult::Value(None) | OutcomeResult::ToolError(_) => {
                Err(BenchError::Unanswered { name: FUNCTION })
            }
        }
    }

    /// Values to values, and nothing around them.
    async fn in_bare_wasmtime(&self) -> Result<(), BenchError> {
        Ok(self.bare.call().await?)
    }
}

/// Measures the part.
pub(super) async fn measure(bench: &Bench) -> Result<PartReport, BenchError> {
    let at_once: &[usize] = if bench.concurrency.is_empty() { AT_ONCE } else { &bench.concurrency };
    let config = with_room(gateway::config(bench.config.clone(), 1), at_once);
    let target = spawn_blocking(move || Target::load(&config)).await;
    let target = Arc::new(target.map_err(|_| BenchError::Panicked)??);
    let bar = progress::bar(Part::Sandbox, 2 * at_once.len());
    let mut rows = Vec::new();
    for &calls in at_once {
        bar.set_message(format!("{BARE}, {calls} {CALLS}"));
        let (samples, elapsed) = rounds(calls, bench.effort, &target, |target| async move {
            target.in_bare_wasmtime().await
        })
        .await?;
        let bare = Row::timed(BARE, samples.times(elapsed)).at(calls, CALLS);
        bar.inc(1);
        bar.set_message(format!("sandbox, {calls} {CALLS}"));
        let (samples, elapsed) =
            rounds(calls, bench.effort, &target, |target| async move { target.in_sandbox().await })
                .await?;
        let mut own = Row::timed("sandbox", samples.times(elapsed)).at(calls, CALLS);
        own.beside(&bare, BARE);
        bar.inc(1);
        rows.extend([bare, own]);
    }
    bar.finish_and_clear();
    let bars = Picture::bars("Half of the calls took at most", Scale::Time, &rows, |row| {
        Some(row.times.as_ref()?.p50_us)
    });
    Ok(PartReport {
        part: Part::Sandbox,
        about: format!(
            "one call of {FUNCTION}, a fresh store and instance each time: in the sandbox from \
             JSON text to JSON text under every limit, in bare wasmtime from values to values with \
             none"
        ),
        notes: vec![
            "a call that waits for nothing runs to its end once it has begun: with more at once \
             than there are cores, the rate says what the machine does and the times what one call \
             takes"
                .into(),
        ],
        rows,
        pictures: vec![bars],
    })
}

/// So many calls of one plugin must neither wait for a slot nor be refused.
fn with_room(mut config: Config, at_once: &[usize]) -> Config {
    let most = at_once.iter().copied().max().unwrap_or(1);
    let limits = &mut config.sandbox;
    limits.calls_per_plugin_max = limits.calls_per_plugin_max.max(most);
    limits.instances_max = limits.instances_max.max(most);
    config
}

/// So many tasks, each with one call at a time, until the turns are over; after a tenth of that to
/// warm up. Gives the time of each call, and that of all of them together.
async fn rounds<Call, Called>(
    at_once: usize,
    effort: Effort,
    target: &Arc<Target>,
    call: Call,
) -> Result<(Samples, Duration), BenchError>
where
    Call: Fn(Arc<Target>) -> Called + Copy + Send + 'static,
    Called: Future<Output = Result<(), BenchError>> + Send + 'static,
{
    round(at_once, effort.warm_up(), target, call).await?;
    round(at_once, effort, target, call).await
}

async fn round<Call, Called>(
    at_once: usize,
    effort: Effort,
    target: &Arc<Target>,
    call: Call,
) -> Result<(Samples, Duration), BenchError>
where
    Call: Fn(Arc<Target>) -> Called + Copy + Send + 'static,
    Called: Future<Output = Result<(), BenchError>> + Send + 'static,
{
    let turns = Arc::new(Turns::new(effort));
    together(at_once, |_| {
        let (target, turns) = (Arc::clone(target), Arc::clone(&turns));
        async move {
            let mut samples = Samples::default();
            while turns.take() {
                // A call may never wait by itself: the others get their turn here.
                yield_now().await;
                let began = Instant::now();
                call(Arc::clone(&target)).await?;
                samples.add(began.elapsed());
            }
            Ok::<_, BenchError>(samples)
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_every_call_and_nothing_is_made_smaller() {
        let config = with_room(Config::default(), &[1, 200]);
        assert_eq!((config.sandbox.calls_per_plugin_max, config.sandbox.instances_max), (200, 200));
        let own = Config::default();
        let config = with_room(own.clone(), &[1]);
        assert_eq!(config.sandbox, own.sandbox);
    }
}
